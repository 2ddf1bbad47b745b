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

create or replace view ops.invariant_violations with (security_invoker = true) as
  select 'overlap' as rule, a.tenant_id, a.id::text as row_id,
         'overlaps booking ' || b.id as detail
    from app.bookings a
    join app.bookings b on b.tenant_id = a.tenant_id and b.staff_id = a.staff_id and b.id > a.id and b.blocked && a.blocked
     and (b.lane = a.lane or b.service_id <> a.service_id)
   where a.status in ('held', 'confirmed', 'arrived') and b.status in ('held', 'confirmed', 'arrived')
  union all
  select 'lane beyond capacity', b.tenant_id, b.id::text, 'lane ' || b.lane
    from app.bookings b join app.services s on s.tenant_id = b.tenant_id and s.id = b.service_id
   where b.lane > s.capacity and b.status in ('held', 'confirmed', 'arrived') and b.starts_at > app.now()
  union all
  select 'reminder for a dead booking', s.tenant_id, s.id::text, 'booking is ' || b.status || ', revision ' || b.revision
    from app.scheduled_notifications s join app.bookings b on b.tenant_id = s.tenant_id and b.id = s.booking_id
   where s.status = 'planned' and s.kind like 'reminder\_%' and (b.status <> 'confirmed' or b.revision <> s.revision)
  union all
  select 'reminder of a later booking of the visit', s.tenant_id, s.id::text, 'booking ' || f.id || ' comes before ' || b.id
    from app.scheduled_notifications s
    join app.bookings b on b.tenant_id = s.tenant_id and b.id = s.booking_id
    join app.bookings f on f.tenant_id = b.tenant_id and f.visit_id = b.visit_id and f.status = 'confirmed'
     and (f.starts_at, f.id) < (b.starts_at, b.id)
   where s.status = 'planned' and s.kind like 'reminder\_%'
  union all
  -- What is ahead and stands was confirmed or moved, and what was confirmed and is cancelled was cancelled.
  select 'change that nobody noted', b.tenant_id, b.id::text, 'booking is ' || b.status || ', revision ' || b.revision
    from app.bookings b
   where b.starts_at > app.now() and b.confirmed_at is not null and b.status in ('confirmed', 'cancelled')
     and not exists (
       select from app.booking_notifications n
        where n.tenant_id = b.tenant_id and n.booking_id = b.id and n.revision = b.revision
          and case b.status when 'confirmed' then n.event in ('confirmed', 'moved') else n.event = 'cancelled' end)
  union all
  select 'telling without a message', n.tenant_id, n.id::text, n.event || ' of ' || n.booking_id
    from app.booking_notifications n where n.status <> 'skipped' and n.outbound_message_id is null
  union all
  select 'reminder sent twice', n.tenant_id, min(n.id::text), n.event || ' of ' || n.booking_id
    from app.booking_notifications n where n.event like 'reminder\_%' and n.status <> 'skipped'
   group by n.tenant_id, n.booking_id, n.revision, n.event, n.channel having count(*) > 1
  union all
  select 'orphan hold', b.tenant_id, b.id::text, 'held since ' || b.created_at
    from app.bookings b
   where b.status = 'held' and (b.hold_expires_at is null or b.hold_expires_at < app.now() - interval '10 minutes')
  union all
  -- A booking that is a visit of its own has the visit's id.
  select distinct 'visit of two codes or customers', a.tenant_id, a.visit_id::text, 'seen at booking ' || a.id
    from app.bookings a
    join app.bookings b on b.tenant_id = a.tenant_id and b.visit_id = a.visit_id
     and (b.code, b.customer_id) is distinct from (a.code, a.customer_id)
   where a.visit_id <> a.id
  union all
  select 'code of two visits', b.tenant_id, b.code, count(distinct b.visit_id) || ' visits'
    from app.bookings b group by b.tenant_id, b.code having count(distinct b.visit_id) > 1
  union all
  select 'open inbox too old', m.tenant_id, m.id::text, 'waits since ' || m.received_at
    from app.inbound_messages m where m.processed_at is null and m.received_at < app.now() - interval '15 minutes'
  union all
  select 'outbox too old', o.tenant_id, o.id::text, o.status || ' since ' || o.created_at
    from app.outbound_messages o
   where o.status in ('queued', 'sending', 'unknown') and o.created_at < app.now() - interval '26 hours'
  union all
  select 'reminder overdue', s.tenant_id, s.id::text, 'due ' || s.due_at
    from app.scheduled_notifications s where s.status = 'planned' and s.due_at < app.now() - interval '15 minutes'
  union all
  select 'timer overdue', t.tenant_id, t.conversation_id::text, t.timer || ' due ' || t.due_at
    from app.conversation_timers t where t.due_at < app.now() - interval '15 minutes';
comment on view ops.invariant_violations is 'What must never be; empty at all times.';

create or replace view ops.failed_messages with (security_invoker = true) as
  select o.tenant_id, o.conversation_id, o.id, o.created_at, coalesce(o.template, 'reply') as kind, o.error, o.attempts, o.doubts
    from app.outbound_messages o where o.status = 'failed' and o.fell_back_at is null;
comment on view ops.failed_messages is 'Messages that customers never got, and why: the dead letters of the outbox.';

create or replace view ops.tenants with (security_invoker = true) as
  select t.id, t.slug, t.name, t.locale, t.timezone, i.name as instance, i.state, i.state_at
    from app.tenants t left join app.instances i on i.tenant_id = t.id;
comment on view ops.tenants is 'Every tenant and its instances.';
