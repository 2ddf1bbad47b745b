-- What the simulator's page shows beside a chat: one round trip, under the tenant's own policies.
-- $1: the customer's phone in E.164.
with customer as (
  select c.id, c.name, c.locale, c.opted_out_at
    from app.customers c
   where c.tenant_id = (select app.tenant_id()) and c.phone = $1
), conversation as (
  select v.id, v.state, v.mode, v.updated_at, c.name, c.locale, c.opted_out_at
    from customer c
    join app.conversations v on v.tenant_id = (select app.tenant_id()) and v.customer_id = c.id
   order by v.last_inbound_at desc nulls last
   limit 1
), booking as (
  select b.id, b.code, b.status, b.starts_at, b.ends_at, b.hold_expires_at, b.revision, b.cancel_reason,
         b.created_at, s.name as service, f.name as staff
    from customer c
    join app.bookings b on b.tenant_id = (select app.tenant_id()) and b.customer_id = c.id
    join app.services s on s.tenant_id = b.tenant_id and s.id = b.service_id
    join app.staff f on f.tenant_id = b.tenant_id and f.id = b.staff_id
   order by b.created_at desc
   limit 10
), reminder as (
  select n.id, n.kind, n.due_at, n.status, n.reason, n.revision, b.code
    from booking b
    join app.scheduled_notifications n on n.tenant_id = (select app.tenant_id()) and n.booking_id = b.id
   order by n.due_at desc
   limit 20
), job as (
  -- Ids rise with time, so the newest are read and nothing else: a long queue costs no more.
  select j.id, j.job_type as kind, j.run_at, j.attempts, j.max_attempts, j.last_result ->> 'Err' as error,
         case when j.status = 'Pending' and j.run_at > app.now() then 'scheduled'
              when j.status in ('Pending', 'Failed') then 'waiting'
              when j.status in ('Queued', 'Running') then 'running'
              when j.status = 'Killed' then 'dead'
              else 'done' end as state
    from (select * from apalis.jobs order by id desc limit 1000) j
   where convert_from(j.job, 'UTF8')::jsonb ->> 'tenant_id' = (select app.tenant_id())::text
   order by j.id desc
   limit 20
), turn as (
  select t.id, t.at, t.event ->> 'event' as event,
         jsonb_path_query_array(t.event, '$.messages[*].text') as said,
         t.before #>> '{state,state}' as before, t.after #>> '{state,state}' as after,
         jsonb_path_query_array(t.effects, '$[*].effect') as effects
    from conversation v
    join app.conversation_turns t on t.tenant_id = (select app.tenant_id()) and t.conversation_id = v.id
   order by t.at desc, t.id desc
   limit 12
)
select jsonb_build_object(
  'conversation', (select to_jsonb(v) from conversation v),
  'bookings', (select coalesce(jsonb_agg(to_jsonb(b) order by b.created_at desc), '[]') from booking b),
  'reminders', (select coalesce(jsonb_agg(to_jsonb(n) order by n.due_at, n.id), '[]') from reminder n),
  'jobs', (select coalesce(jsonb_agg(to_jsonb(j) order by j.id desc), '[]') from job j),
  'turns', (select coalesce(jsonb_agg(to_jsonb(t) order by t.at desc, t.id desc), '[]') from turn t))
