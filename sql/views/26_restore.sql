-- After a restore: what the lost hours did is asked, not done again.

create or replace function ops.after_restore(since timestamptz) returns jsonb
language sql volatile
set search_path = ''
as $$
  select ops.audit_act('after_restore', null, null, jsonb_build_object('since', since));
  select app.doubt_unsent(since)
$$;
comment on function ops.after_restore(timestamptz) is
  'To be run once on a restored database before anything else runs on it; since: when the backup was made. Messages that were waiting then are looked up at the gateway before they are sent, and reminders that came due meanwhile are skipped. Returns how many of each.';
