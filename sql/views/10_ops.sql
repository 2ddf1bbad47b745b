-- What people ask of the system. Dropped and made again by every migrate, so that nothing here
-- stands in the way of a change of the tables below.

create or replace view ops.jobs with (security_invoker = true) as
  select j.id, j.job_type as kind,
         case when j.status = 'Pending' and j.run_at > app.now() then 'scheduled'
              when j.status in ('Pending', 'Failed') then 'waiting'
              when j.status in ('Queued', 'Running') then 'running'
              when j.status = 'Killed' then 'dead'
              else 'done' end as state,
         (a.args ->> 'tenant_id')::uuid as tenant_id, a.args,
         j.run_at, j.attempts, j.max_attempts, j.lock_by as worker, j.lock_at as started_at, j.done_at,
         j.last_result ->> 'Err' as error, j.idempotency_key as key
    from apalis.jobs j, lateral (select convert_from(j.job, 'UTF8')::jsonb as args) a;
comment on view ops.jobs is 'Every job kept: waiting, scheduled, running, done, dead.';

create or replace view ops.dead_jobs with (security_invoker = true) as
  select * from ops.jobs where state = 'dead';
comment on view ops.dead_jobs is 'Jobs that failed for good and wait for somebody to act: ops.retry_job(id) or ops.cancel_job(id).';

create or replace view ops.queue_health with (security_invoker = true) as
  select k.kind, k.paused_at,
         count(*) filter (where j.status in ('Pending', 'Failed') and j.run_at <= app.now()) as waiting,
         count(*) filter (where j.status in ('Pending', 'Failed') and j.run_at > app.now()) as scheduled,
         count(*) filter (where j.status in ('Queued', 'Running')) as running,
         count(*) filter (where j.status = 'Killed') as dead,
         app.now() - min(j.run_at) filter (where j.status in ('Pending', 'Failed') and j.run_at <= app.now()) as oldest_waits
    from queue.kinds k
    left join apalis.jobs j on j.job_type = k.kind and j.status <> 'Done'
   group by k.kind, k.paused_at;
comment on view ops.queue_health is 'One line a kind: how much waits, runs, is dead, and how long the oldest waits.';

create or replace view ops.conversation_timeline with (security_invoker = true) as
  select tenant_id, conversation_id, at, who, kind, text, status, id from app.timeline;
comment on view ops.conversation_timeline is
  'What was said, decided and done in a conversation; order by at, id. who: customer, assistant, person (of the tenant), turn, event.';


create or replace view ops.failed_messages with (security_invoker = true) as
  select o.tenant_id, o.conversation_id, o.id, o.created_at, coalesce(o.template, 'reply') as kind, o.error, o.attempts, o.doubts
    from app.outbound_messages o where o.status = 'failed' and o.fell_back_at is null;
comment on view ops.failed_messages is 'Messages that customers never got, and why: the dead letters of the outbox.';

create or replace view ops.tenants with (security_invoker = true) as
  select t.id, t.slug, t.name, t.locale, t.timezone, i.name as instance, i.state, i.state_at
    from app.tenants t left join app.instances i on i.tenant_id = t.id;
comment on view ops.tenants is 'Every tenant and its instances.';
