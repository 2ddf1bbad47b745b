-- Schema ops is made again by every migrate, so its grants are too.
grant select on all tables in schema ops to pontual_ops;
revoke all on all functions in schema ops from public;
grant execute on all functions in schema ops to pontual_ops;
