-- The one door into the queue, for the program, triggers and DBAs.

create or replace function queue.enqueue(
  kind    text,
  args    jsonb,
  run_at  timestamptz default null,
  key     text default null
) returns text
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  -- Few attempts for what turns useless, many for what must not be lost; with the back-off of
  -- queue.retry, 25 are about seven hours.
  most    integer := case enqueue.kind when 'send_reminder' then 10 else 25 end;
  made    text;
  -- What is due now is due by the queue's own clock too, wherever the caller's stands.
  due     timestamptz := coalesce(enqueue.run_at, least(app.now(), queue.now()));
  -- The trace goes on in the job.
  traced  text := substring(current_setting('app.traceparent', true) from '^[0-9a-f-]{55}$');
  carried apalis.jobs.metadata%type := '"traceparent"=>"' || traced || '"';
begin
  if not exists (select from queue.kinds k where k.kind = enqueue.kind) then
    raise exception 'there is no job kind %', enqueue.kind
      using errcode = 'invalid_parameter_value', hint = 'queue.kinds lists them.';
  end if;
  -- Whoever comes with a tenant's token enqueues for that tenant alone.
  if nullif(current_setting('request.jwt.claims', true), '') is not null
     and (args ->> 'tenant_id')::uuid is distinct from app.tenant_id() then
    raise exception 'a job of another tenant' using errcode = 'insufficient_privilege';
  end if;
  insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, idempotency_key, metadata)
  values (apalis.generate_ulid(), enqueue.kind, convert_to(args::text, 'UTF8'), 'Pending', 0, most,
          due, 0, enqueue.key, carried)
  on conflict (job_type, idempotency_key) do nothing
  returning id into made;
  -- Wake a sleeping worker, once: whoever else enqueues meanwhile finds it awake or the row taken.
  -- What is due in a moment keeps it awake until then (queue.due_soon).
  if made is not null and due <= queue.now() + interval '6 seconds' then
    update queue.kinds k set asleep = false
     where k.kind = (select s.kind from queue.kinds s where s.kind = enqueue.kind and s.asleep for update skip locked);
    if found then
      perform pg_notify('pontual_jobs', enqueue.kind);
    end if;
  end if;
  return made;
end $$;
comment on function queue.enqueue(text, jsonb, timestamptz, text) is
  'Puts a job into the queue, in the caller''s transaction. args hold ids only, tenant_id first. run_at: not before (default now). key: the same kind and key is taken once, for as long as the job is kept. Returns the job''s id, null when the key was there.';

create or replace function queue.due_soon(kind text) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select exists (
      select from apalis.jobs j
       where j.job_type = due_soon.kind and j.status = 'Pending' and j.attempts < j.max_attempts
         and j.run_at > queue.now() and j.run_at <= queue.now() + interval '6 seconds'));
end $$;
comment on function queue.due_soon(text) is
  'Whether a job of this kind comes due within seconds, so that a worker had better stay awake: the end of a burst, a snooze.';

create or replace function queue.finish(job_id text, worker text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  update apalis.jobs set status = 'Done', done_at = app.now(), lock_by = null, last_result = '{"Ok": null}'
   where id = job_id and lock_by = worker and status in ('Queued', 'Running');
  return case when found then true end;
end $$;
comment on function queue.finish(text, text) is
  'The job is done: called in the transaction that holds its effects. Null: the worker no longer holds it.';

create or replace function queue.finish_as_tenant(job_id text, worker text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  update apalis.jobs set status = 'Done', done_at = app.now(), lock_by = null, last_result = '{"Ok": null}'
   where id = job_id and lock_by = worker and status in ('Queued', 'Running');
  return case when found then true end;
end $$;
comment on function queue.finish_as_tenant(text, text) is
  'As queue.finish, in the transaction of a tenant. A function of its own: under row-level security a kept plan holds for one role, and one that the login and pontual_app call in turn is planned anew each time.';

create or replace function queue.backoff(attempts integer) returns interval
language sql volatile
set search_path = ''
as $$
  -- 1 s doubled each time, at most 30 minutes, ± 20 % so that what failed together does not return together.
  select least(power(2, least(attempts, 12) - 1), 1800) * (0.8 + 0.4 * random()) * interval '1 second'
$$;
comment on function queue.backoff(integer) is 'How long to wait after that many attempts.';

create or replace function queue.retry(job_id text, worker text, error text, delay interval default null) returns text
language sql volatile
set search_path = ''
as $$
  with failed as (
    update apalis.jobs
       set status      = case when attempts < max_attempts then 'Pending' else 'Killed' end,
           run_at      = app.now() + coalesce(delay, queue.backoff(attempts)),
           done_at     = case when attempts < max_attempts then null else app.now() end,
           lock_by     = null,
           lock_at     = null,
           last_result = jsonb_build_object('Err', left(error, 500))
     where id = job_id and lock_by = worker and status in ('Queued', 'Running')
    returning id, job_type, attempts, status
  )
  select f.status from failed f, lateral (select queue.note_failure(f.id, f.job_type, f.attempts, error)) noted
$$;
comment on function queue.retry(text, text, text, interval) is
  'The attempt failed: try again later, after delay or the usual back-off; a job without attempts left is Killed and stays visible in ops.dead_jobs.';

create or replace function queue.snooze(job_id text, worker text, delay interval) returns boolean
language sql volatile
set search_path = ''
as $$
  update apalis.jobs
     set status = 'Pending', run_at = app.now() + delay, attempts = greatest(attempts - 1, 0),
         lock_by = null, lock_at = null
   where id = job_id and lock_by = worker and status in ('Queued', 'Running')
  returning true
$$;
comment on function queue.snooze(text, text, interval) is
  'Not now: run it again after delay without counting an attempt.';

create or replace function queue.give_up(job_id text, worker text, error text) returns boolean
language sql volatile
set search_path = ''
as $$
  with dead as (
    update apalis.jobs
       set status = 'Killed', done_at = app.now(), lock_by = null, last_result = jsonb_build_object('Err', left(error, 500))
     where id = job_id and lock_by = worker and status in ('Queued', 'Running')
    returning id, job_type, attempts
  )
  select true from dead d, lateral (select queue.note_failure(d.id, d.job_type, d.attempts, error)) noted
$$;
comment on function queue.give_up(text, text, text) is 'The job can never succeed: it stays visible in ops.dead_jobs.';
