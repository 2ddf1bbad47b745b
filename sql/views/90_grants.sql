-- Schema ops is made again by every migrate, so its grants are too.
grant select on all tables in schema ops to pontual_ops;
revoke all on all functions in schema ops from public;
grant execute on all functions in schema ops to pontual_ops;

-- queue.check_invariants looks for everybody, as the role that owns it.
grant usage on schema ops to pontual_definer;
grant select on ops.invariant_violations, ops.jobs to pontual_definer;
