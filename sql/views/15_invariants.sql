-- What must never be. Looked at by tests, by `pontual doctor`, and every few minutes by queue.check_invariants.

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
   group by n.tenant_id, n.booking_id, n.revision, n.event having count(*) > 1
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
    from app.conversation_timers t where t.due_at < app.now() - interval '15 minutes'
  union all
  select 'message sent twice', o.tenant_id, min(o.id::text), o.template || ' of ' || o.booking_id
    from app.outbound_messages o
   where o.template = 'reminder' and o.status in ('sent', 'delivered', 'read') and o.created_at > app.now() - interval '28 days'
   group by o.tenant_id, o.booking_id, o.template, o.booking_revision, o.params ->> 'before' having count(*) > 1
  union all
  select 'state without history', c.tenant_id, c.id::text, c.state || ' without a turn'
    from app.conversations c
   where c.state <> 'greeting'
     and not exists (select from app.conversation_turns t where t.tenant_id = c.tenant_id and t.conversation_id = c.id)
  union all
  select 'booking without history', b.tenant_id, b.id::text, 'no row of the audit log'
    from app.bookings b
   where b.created_at > app.now() - interval '7 days'
     and not exists (
       select from app.audit_log l where l.tenant_id = b.tenant_id and l.table_name = 'bookings' and l.row_id = b.id::text)
  union all
  -- Foreign keys say so of every row; this is for keys that were taken away, and for what has none.
  select 'reference across tenants', r.tenant_id, r.id, r.detail
    from (
      select b.tenant_id, b.id::text, 'booking of customer ' || b.customer_id as detail
        from app.bookings b
       where b.status in ('held', 'confirmed', 'arrived')
         and not exists (select from app.customers c where c.tenant_id = b.tenant_id and c.id = b.customer_id)
      union all
      select b.tenant_id, b.id::text, 'booking of service ' || b.service_id || ' with staff ' || b.staff_id
        from app.bookings b
       where b.status in ('held', 'confirmed', 'arrived')
         and not exists (
           select from app.services s join app.staff f on f.tenant_id = s.tenant_id
            where s.tenant_id = b.tenant_id and s.id = b.service_id and f.id = b.staff_id)
      union all
      select c.tenant_id, c.id::text, 'conversation of customer ' || c.customer_id || ' over instance ' || c.instance_id
        from app.conversations c
       where not exists (
           select from app.customers u join app.instances i on i.tenant_id = u.tenant_id
            where u.tenant_id = c.tenant_id and u.id = c.customer_id and i.id = c.instance_id)
      union all
      select o.tenant_id, o.id::text, 'message of conversation ' || o.conversation_id
        from app.outbound_messages o
       where o.status in ('queued', 'sending', 'unknown')
         and o.conversation_id is not null
         and not exists (select from app.conversations c where c.tenant_id = o.tenant_id and c.id = o.conversation_id)
      union all
      select n.tenant_id, n.id::text, 'reminder told by message ' || n.outbound_message_id
        from app.scheduled_notifications n
        join app.outbound_messages o on o.id = n.outbound_message_id and o.tenant_id <> n.tenant_id
       where n.due_at > app.now() - interval '28 days'
      union all
      select j.tenant_id, j.id, 'job for conversation ' || c.id
        from ops.jobs j
        join app.conversations c on c.id::text = j.args ->> 'conversation_id' and c.tenant_id is distinct from j.tenant_id
       where j.state <> 'done') r
  union all
  select 'message nobody sends', o.tenant_id, o.id::text, o.status || ' since ' || o.created_at
    from app.outbound_messages o
   where o.status in ('queued', 'sending', 'unknown')
     and greatest(o.created_at, o.due_at, o.lease_until) < app.now() - interval '5 minutes'
     and not exists (select from ops.jobs j where j.kind = 'deliver_messages' and j.tenant_id = o.tenant_id and j.state <> 'done')
     -- An instance that is paused sends nothing, and whoever is told of its end sends the rest.
     and not exists (
       select from app.senders s
        where s.tenant_id = o.tenant_id and s.instance_id = o.instance_id
          and greatest(s.paused_until, s.wake_at) > app.now() - interval '5 minutes')
  union all
  select 'job that never ends', j.tenant_id, j.id, j.kind || ' of ' || coalesce(j.worker, 'nobody') || ' since ' || j.started_at
    from ops.jobs j where j.state = 'running' and j.started_at < now() - interval '15 minutes';
comment on view ops.invariant_violations is 'What must never be; empty at all times.';
