-- What workers see to beside queue.maintain, each in a transaction of its own: why attempts failed,
-- and whether anything impossible is true. The months of the audit log are queue.keep_audit.

create or replace function queue.note_failure(job_id text, kind text, attempt integer, error text) returns void
language sql volatile security definer
set search_path = ''
as $$
  insert into queue.failed_attempts (job_id, kind, attempt, error)
  values (job_id, kind, attempt, left(coalesce(error, 'no error told'), 500))
$$;
comment on function queue.note_failure(text, text, integer, text) is 'Keeps why an attempt of a job failed.';

create or replace function queue.forget_failed_attempts(most integer default 5000) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  n  integer;
begin
  perform app.refuse_api_client();
  delete from queue.failed_attempts
   where id = any (array(
     select f.id from queue.failed_attempts f
      where f.at < least(now(), app.now()) - (select r.keep from queue.retention r where r.what = 'failed_attempts')
      order by f.at limit most));
  get diagnostics n = row_count;
  return n;
end $$;
comment on function queue.forget_failed_attempts(integer) is 'Removes errors of attempts that are older than queue.retention allows.';

create or replace function queue.check_invariants(max_age interval default '5 minutes') returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  began  constant timestamptz := clock_timestamp();
  found_rules  jsonb;
begin
  perform app.refuse_api_client();
  -- One process looks; the others find it fresh.
  if exists (select from queue.invariant_state s where s.checked_at > began - max_age)
     or not pg_try_advisory_xact_lock(hashtext('queue.check_invariants')) then
    return null;
  end if;
  select coalesce(jsonb_object_agg(v.rule, v.n), '{}') into found_rules
    from (select i.rule, count(*) as n from ops.invariant_violations i group by i.rule) v;
  insert into queue.invariant_state as s (checked_at, took_ms, violations)
  values (began, extract(epoch from clock_timestamp() - began) * 1000, found_rules)
  on conflict (only_row) do update
    set checked_at = excluded.checked_at, took_ms = excluded.took_ms, violations = excluded.violations;
  return (select coalesce(sum(value::integer), 0) from jsonb_each_text(found_rules));
end $$;
comment on function queue.check_invariants(interval) is
  'Counts what breaks the rules of ops.invariant_violations and keeps the counts for health checks, unless that was done within max_age. Returns how many rows; null: nothing was done.';
