-- The queue: what waits, how long things take, who works, what is stuck and why.

create or replace view ops.jobs_by_state with (security_invoker = true) as
  select kind, state, tenant_id, count(*) as jobs, min(run_at) as oldest_run_at, max(attempts) as most_attempts
    from ops.jobs group by kind, state, tenant_id;
comment on view ops.jobs_by_state is 'How many jobs of each kind, state and tenant are kept, and since when the oldest is due.';

create or replace view ops.job_latency with (security_invoker = true) as
  select j.job_type as kind, date_trunc('hour', j.done_at) as hour, count(*) as done,
         percentile_cont(0.5) within group (order by t.waited) as waited_p50,
         percentile_cont(0.95) within group (order by t.waited) as waited_p95,
         percentile_cont(0.5) within group (order by t.ran) as ran_p50,
         percentile_cont(0.95) within group (order by t.ran) as ran_p95,
         max(j.attempts) as most_attempts
    from apalis.jobs j
    cross join lateral (
      -- Taken by the server's clock, due and done by the business clock.
      select j.lock_at + (app.now() - statement_timestamp()) as taken_at) k
    cross join lateral (
      select greatest(k.taken_at - j.run_at, '0') as waited, greatest(j.done_at - k.taken_at, '0') as ran) t
   where j.status = 'Done' and j.lock_at is not null
   group by 1, 2;
comment on view ops.job_latency is
  'Of finished jobs that are still kept, by kind and hour: how long they waited after they were due, and how long they ran.';

create or replace view ops.job_attempts with (security_invoker = true) as
  select f.job_id, f.kind, j.tenant_id, f.attempt, f.at, f.error, j.state as job_state, j.run_at as next_run_at
    from queue.failed_attempts f left join ops.jobs j on j.id = f.job_id;
comment on view ops.job_attempts is 'Why attempts of jobs failed, also of jobs that are no longer kept; order by job_id, attempt.';

create or replace view ops.workers with (security_invoker = true) as
  select w.id, w.worker_type as kind, w.started_at, w.last_seen,
         w.last_seen > now() - interval '15 seconds' as alive,
         count(j.id) as running, now() - min(j.lock_at) as longest
    from apalis.workers w
    left join apalis.jobs j on j.lock_by = w.id and j.status in ('Queued', 'Running')
   group by w.id, w.worker_type, w.started_at, w.last_seen;
comment on view ops.workers is 'A worker process has one worker for each kind. Who is not alive for 15 s loses its jobs to others.';

create or replace view ops.stuck with (security_invoker = true) as
  select 'job' as what, j.tenant_id, j.id, j.run_at as since,
         case
           when j.state = 'dead' then 'dead after ' || j.attempts || ' attempts: ' || coalesce(j.error, 'no error told')
           when k.paused_at is not null then 'its kind is paused since ' || k.paused_at
           when j.state = 'running' then 'runs unusually long, by ' || j.worker
           when j.error is not null then 'tried again later: ' || j.error
           when not exists (select from ops.workers w where w.kind = j.kind and w.alive) then 'no worker of its kind lives'
           else 'waits for a free worker' end as why,
         case
           when j.state = 'dead' then format('select ops.retry_job(%L); or ops.cancel_job', j.id)
           when k.paused_at is not null then format('select ops.resume(%L);', j.kind)
           when j.state = 'running' then 'nothing: it is taken back by itself after ten minutes'
           when j.error is not null then format('select * from ops.job_attempts where job_id = %L;', j.id)
           else 'start pontual worker, or more of them' end as what_to_do
    from ops.jobs j join queue.kinds k on k.kind = j.kind
   where j.state = 'dead'
      or j.state = 'waiting' and j.run_at < app.now() - interval '1 minute'
      or j.state = 'scheduled' and j.error is not null and j.attempts > 1
      or j.state = 'running' and j.started_at < now() - interval '5 minutes'
  union all
  select 'inbound message', m.tenant_id, m.id::text, m.received_at,
         case when exists (select from ops.jobs j where j.kind = 'process_message' and j.state = 'dead'
                             and j.args ->> 'conversation_id' = m.conversation_id::text)
              then 'the job of its conversation is dead' else 'not read yet' end,
         format('select * from ops.jobs where args ->> ''conversation_id'' = %L;', m.conversation_id)
    from app.inbound_messages m where m.processed_at is null and m.received_at < app.now() - interval '1 minute'
  union all
  select 'outbound message', o.tenant_id, o.id::text, o.created_at, o.why, o.what_to_do
    from ops.unsent_messages o where o.waits > interval '1 minute'
  union all
  select 'reminder', s.tenant_id, s.id::text, s.due_at, 'due and not sent',
         format('select * from ops.jobs where args ->> ''notification_id'' = %L;', s.id)
    from app.scheduled_notifications s where s.status = 'planned' and s.due_at < app.now() - interval '1 minute'
  union all
  select 'customer', c.tenant_id, c.id::text, c.waiting_since, 'waits for a person of the tenant',
         'tell the tenant; or update app.conversations set mode = ''bot'''
    from app.conversations c where c.waiting_since < app.now() - interval '1 hour';
comment on view ops.stuck is 'What does not go on, since when, why, and what to do about it; order by since.';

create or replace view ops.dead_letters with (security_invoker = true) as
  select 'job' as what, j.tenant_id, j.id, coalesce(d.done_at, j.run_at) as since, j.kind as kind, j.error as why
    from ops.dead_jobs j join apalis.jobs d on d.id = j.id
  union all
  select 'outbound message', o.tenant_id, o.id::text, o.created_at, coalesce(o.template, 'reply'), o.error
    from app.outbound_messages o where o.status = 'failed'
  union all
  select 'unparsed webhook', m.tenant_id, m.id::text, m.received_at, m.kind, 'a body of unknown shape'
    from app.inbound_messages m where m.kind = 'unparsed'
  union all
  select 'unrouted webhook', null, u.id::text, u.received_at, coalesce(u.event, 'unknown'), 'names no instance of a tenant'
    from app.unrouted_messages u;
comment on view ops.dead_letters is 'What was given up or could not be understood, of every kind; order by since.';
