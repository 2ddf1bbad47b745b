-- Who may do what. Functions that look across tenants belong to a role nobody logs in as.

grant usage on schema app, queue to pontual_app, pontual_definer, pontual_ops;
grant usage on schema apalis to pontual_app, pontual_definer, pontual_ops;
grant usage on schema ops to pontual_ops;

grant select, insert, update on all tables in schema app to pontual_app, pontual_definer;
grant delete on app.staff_services, app.opening_hours, app.closures, app.time_off, app.conversation_timers, app.message_templates, app.customer_addresses, app.feature_flags to pontual_app;
grant delete on app.idempotent_requests, app.early_statuses, app.catalogue_snapshots, app.customers, app.conversations, app.conversation_timers, app.customer_addresses, app.channel_opt_outs, app.model_answers to pontual_definer;
grant select on all tables in schema app to pontual_ops;
revoke all on app.unrouted_messages from pontual_app;
revoke update on app.audit_log, app.conversation_turns, app.conversation_events, app.catalogue_snapshots from pontual_app, pontual_definer;
grant update (known) on app.conversation_turns to pontual_definer;
grant update (conversation_id) on app.conversation_turns, app.conversation_events to pontual_definer;
grant insert on app.audit_log to pontual_ops;
grant update (status, reason, updated_at) on app.scheduled_notifications to pontual_ops;

grant select on queue.kinds to pontual_app, pontual_definer, pontual_ops;
grant update (asleep) on queue.kinds to pontual_app, pontual_definer;
grant update (asleep, paused_at) on queue.kinds to pontual_ops;
grant select on queue.retention, queue.failed_attempts, queue.invariant_state, queue.schema_fingerprint to pontual_ops;
grant update (keep) on queue.retention to pontual_ops;
grant select on queue.retention to pontual_definer;
grant select, insert, delete on queue.failed_attempts to pontual_definer;
grant select, insert, update on queue.invariant_state to pontual_definer;
grant select on queue.invariant_state, queue.schema_fingerprint to pontual_app;
revoke all on all tables in schema apalis from pontual_app;
grant select, insert, update, delete on apalis.jobs, apalis.workers to pontual_app;
grant select, insert, update on apalis.jobs to pontual_definer;
grant select, update on apalis.jobs to pontual_ops;
grant select on apalis.workers to pontual_ops, pontual_definer;

do $$
declare
  f regprocedure;
begin
  -- A migrating login that is no superuser must be a member to hand its functions over.
  if not pg_has_role(current_user, 'pontual_definer', 'member') then
    execute format('grant pontual_definer to %I', current_user);
  end if;
  if not pg_has_role(current_user, 'pontual_app', 'member') then
    execute format('grant pontual_app to %I', current_user);
  end if;
  if not pg_has_role(current_user, 'pontual_ops', 'member') then
    execute format('grant pontual_ops to %I', current_user);
  end if;
  grant create on schema app, queue to pontual_definer;
  for f in
    select p.oid::regprocedure from pg_catalog.pg_proc p
      join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where n.nspname in ('app', 'queue') and p.prosecdef
  loop
    execute format('alter function %s owner to pontual_definer', f);
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to pontual_app', f);
  end loop;
  revoke create on schema app, queue from pontual_definer;
end $$;
