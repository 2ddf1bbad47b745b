-- A million finished rows and a million planned ones, of 200 tenants; triggers and foreign keys off.

set session_replication_role = replica;
insert into app.customers (tenant_id, phone)
select t.id, '+5511960' || (100000 + n) from app.tenants t, generate_series(1, 100) n;
insert into app.conversations (tenant_id, customer_id, instance_id)
select c.tenant_id, c.id, i.id from app.customers c join app.instances i on i.tenant_id = c.tenant_id
 where c.phone like '+5511960%';
create temp table tenants on commit preserve rows as
  select t.id as tenant_id, i.id as instance_id,
         (select array_agg(c.id order by c.id) from app.customers c where c.tenant_id = t.id and c.phone like '+5511960%') as customers,
         (select array_agg(c.id order by c.id) from app.conversations c join app.customers u on u.tenant_id = c.tenant_id and u.id = c.customer_id
           where c.tenant_id = t.id and u.phone like '+5511960%') as conversations,
         (select array_agg(s.id order by s.id) from app.staff s where s.tenant_id = t.id) as staff,
         (select s.id from app.services s where s.tenant_id = t.id and s.key = 'corte') as service
    from app.tenants t join app.instances i on i.tenant_id = t.id;

-- Finished: 300,000 messages each way, 200,000 turns, 200,000 visits.
insert into app.inbound_messages (tenant_id, instance_id, conversation_id, provider_id, kind, body, sent_at, received_at, processed_at)
select t.tenant_id, t.instance_id, t.conversations[1 + n % 100], 'H' || n, 'text', '{"text": "Oi"}', l.at, l.at, l.at
  from tenants t, generate_series(1, 1500) n, lateral (select now() - n * interval '1 hour' as at) l;
insert into app.outbound_messages (tenant_id, conversation_id, instance_id, body, status, provider_id, attempts, created_at, sent_at, due_at)
select t.tenant_id, t.conversations[1 + n % 100], t.instance_id, 'Olá! O que você quer agendar?', 'read', 'H' || n, 1, l.at, l.at, l.at
  from tenants t, generate_series(1, 1500) n, lateral (select now() - n * interval '1 hour' as at) l;
insert into app.conversation_turns (tenant_id, conversation_id, at, event, before, after, effects, version)
select t.tenant_id, t.conversations[1 + n % 100], now() - n * interval '1 hour', '{"event": "said"}', '{}', '{}', '[]', '0.1.0'
  from tenants t, generate_series(1, 1000) n;
insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane, status, visit_id, code, confirmed_at)
select t.tenant_id, t.customers[1 + n % 100], t.service, t.staff[1 + n % 4], l.at, l.at + interval '45 minutes',
       tstzrange(l.at, l.at + interval '45 minutes'), 1, 'completed', gen_random_uuid(), 'P' || n, l.at
  from tenants t, generate_series(1, 1000) n, lateral (select date_trunc('hour', now()) - n * interval '2 hours' as at) l;

-- Planned: 250,000 visits of the weeks to come with three reminders each.
insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane, status, visit_id, code, confirmed_at)
select t.tenant_id, t.customers[1 + n % 100], t.service, t.staff[1 + n % 4], l.at, l.at + interval '45 minutes',
       tstzrange(l.at, l.at + interval '45 minutes'), 1, 'confirmed', gen_random_uuid(), 'F' || n, now()
  from tenants t, generate_series(0, 1249) n,
       lateral (select date_trunc('day', now()) + interval '3 days' + n / 4 % 6 * interval '2 hours' + interval '12 hours'
                       + n / 24 * interval '1 day' as at) l;
insert into app.scheduled_notifications (tenant_id, booking_id, revision, kind, before, due_at, expires_at)
select b.tenant_id, b.id, b.revision, k.kind, k.before, b.starts_at - k.before, b.starts_at
  from app.bookings b, (values ('reminder_24h', interval '24 hours'), ('reminder_1h', '1 hour'), ('reminder_15m', '15 minutes')) k (kind, before)
 where b.status = 'confirmed' and b.conversation_id is null;
-- What the queue keeps of the last three days.
insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, done_at, priority)
select 'H' || n, case when n % 2 = 0 then 'process_message' else 'deliver_messages' end, convert_to('{}', 'UTF8'), 'Done', 1, 25,
       now() - n * interval '1 second', now() - n * interval '1 second', 0
  from generate_series(1, 100000) n;
reset session_replication_role;
