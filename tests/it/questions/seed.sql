-- What the questions are asked of: an evening at two salons, of which one has trouble. The clock
-- stands at Tuesday 10 March 2026, 13:00 UTC, 10:00 in São Paulo. Triggers are off but for what is
-- about who changed what.

update app.instances set state = 'open', state_at = app.now() - interval '1 day' where name in ('studio-lua', 'luna-salon');
update app.instances set state = 'close', state_at = app.now() - interval '3 hours' where name = 'salon-luna';
set session_replication_role = replica;

insert into app.customers (id, tenant_id, phone, created_at)
select '00000000-0000-7000-8000-0000000000c1', id, '+5511988887777', app.now() - interval '2 days' from app.tenants where slug = 'studio-lua';
insert into app.customers (id, tenant_id, phone, created_at)
select '00000000-0000-7000-8000-0000000000c2', id, '+34600000001', app.now() - interval '2 days' from app.tenants where slug = 'salon-luna';

insert into app.conversations (id, tenant_id, customer_id, instance_id, state, mode, waiting_since)
select '00000000-0000-7000-8000-0000000000d1', c.tenant_id, c.id, i.id, 'completed', 'human', app.now() - interval '2 hours'
  from app.customers c join app.instances i using (tenant_id) where c.phone = '+5511988887777';
insert into app.conversations (id, tenant_id, customer_id, instance_id, state)
select '00000000-0000-7000-8000-0000000000d2', c.tenant_id, c.id, i.id, 'greeting'
  from app.customers c join app.instances i using (tenant_id) where c.phone = '+34600000001';
insert into app.conversation_turns (tenant_id, conversation_id, at, event, before, after, effects, version)
select tenant_id, id, app.now() - interval '119 minutes', '{"event": "said"}', '{"state": {"state": "greeting"}}', '{"state": {"state": "completed"}}', '[]', '0.1.0'
  from app.conversations where id = '00000000-0000-7000-8000-0000000000d1';
insert into app.conversation_timers (tenant_id, conversation_id, timer, due_at)
select tenant_id, id, 'pause_over', app.now() + interval '2 hours' from app.conversations where id = '00000000-0000-7000-8000-0000000000d1';

insert into app.inbound_messages (tenant_id, instance_id, conversation_id, provider_id, kind, body, sent_at, received_at, processed_at)
select c.tenant_id, c.instance_id, c.id, 'IN1', 'text', '{"text": "Quero falar com alguém"}',
       app.now() - interval '2 hours', app.now() - interval '2 hours', app.now() - interval '2 hours' + interval '3 seconds'
  from app.conversations c where c.id = '00000000-0000-7000-8000-0000000000d1';
insert into app.inbound_messages (id, tenant_id, instance_id, kind, body, sent_at, received_at, processed_at)
select '00000000-0000-7000-8000-0000000000e1', c.tenant_id, c.instance_id, 'unparsed', '{"event": "odd"}', app.now() - interval '90 minutes', app.now() - interval '90 minutes', app.now()
  from app.conversations c where c.id = '00000000-0000-7000-8000-0000000000d1';

-- Two that left, one that was read, one given up; and two that wait for a number that is not connected.
insert into app.outbound_messages (id, tenant_id, conversation_id, body, status, created_at, sent_at, delivered_at, read_at, error)
select m.id::uuid, c.tenant_id, c.id, m.body, m.status, app.now() + m.made, app.now() + m.made + m.took, app.now() + m.delivered, app.now() + m.read, m.error
  from app.conversations c,
       (values ('00000000-0000-7000-8000-0000000000f1', 'Já te chamo alguém.', 'read', interval '-118 minutes', interval '2 seconds', interval '-117 minutes', interval '-116 minutes', null),
               ('00000000-0000-7000-8000-0000000000f2', 'Ainda aí?', 'sent', interval '-60 minutes', interval '4 seconds', null, null, null),
               ('00000000-0000-7000-8000-0000000000f3', 'Olá', 'failed', interval '-50 minutes', null, null, null, 'the number is not on WhatsApp')) m (id, body, status, made, took, delivered, read, error)
 where c.id = '00000000-0000-7000-8000-0000000000d1';
insert into app.outbound_messages (id, tenant_id, conversation_id, body, status, created_at)
select m.id::uuid, c.tenant_id, c.id, m.body, 'queued', app.now() + m.made
  from app.conversations c,
       (values ('00000000-0000-7000-8000-0000000000f4', 'Hola', interval '-30 minutes'),
               ('00000000-0000-7000-8000-0000000000f5', '¿Qué tal?', interval '-20 minutes')) m (id, body, made)
 where c.id = '00000000-0000-7000-8000-0000000000d2';

-- A booking of tomorrow that was made by a program and moved by Ana; one that is held.
set session_replication_role = origin;
select set_config('app.actor', 'key:site', false);
insert into app.bookings (id, tenant_id, customer_id, service_id, staff_id, starts_at, status, code, created_at)
select '00000000-0000-7000-8000-0000000000b1', c.tenant_id, c.id, s.id, f.id, '2026-03-11 14:00-03', 'confirmed', 'AAAAA', app.now()
  from app.customers c
  join app.services s on s.tenant_id = c.tenant_id and s.key = 'corte'
  join app.staff f on f.tenant_id = c.tenant_id and f.key = 'ana'
 where c.phone = '+5511988887777';
select set_config('app.actor', 'staff:ana', false);
update app.bookings set starts_at = '2026-03-11 15:00-03' where code = 'AAAAA';
reset app.actor;
set session_replication_role = replica;
delete from apalis.jobs;
delete from app.booking_notifications;
delete from app.outbound_messages where template is not null;
insert into app.bookings (id, tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane, status, hold_expires_at, visit_id, code)
select '00000000-0000-7000-8000-0000000000b2', tenant_id, customer_id, service_id, staff_id, '2026-03-11 18:00-03', '2026-03-11 18:45-03',
       tstzrange('2026-03-11 18:00-03', '2026-03-11 18:45-03'), 1, 'held', app.now() + interval '5 minutes', '00000000-0000-7000-8000-0000000000b2', 'BBBBB'
  from app.bookings where code = 'AAAAA';
insert into app.booking_notifications (tenant_id, booking_id, event, status, revision, outbound_message_id)
select tenant_id, id, 'moved', 'read', revision, '00000000-0000-7000-8000-0000000000f1' from app.bookings where code = 'AAAAA';
-- Reminders of yesterday's booking of the same customer: one sent a minute late, one skipped.
insert into app.bookings (id, tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane, status, visit_id, code, created_at)
select '00000000-0000-7000-8000-0000000000b3', tenant_id, customer_id, service_id, staff_id, '2026-03-10 10:30-03', '2026-03-10 11:15-03',
       tstzrange('2026-03-10 10:30-03', '2026-03-10 11:15-03'), 1, 'confirmed', '00000000-0000-7000-8000-0000000000b3', 'CCCCC', app.now() - interval '8 days'
  from app.bookings where code = 'AAAAA';
insert into app.scheduled_notifications (tenant_id, booking_id, kind, before, due_at, expires_at, status, reason, revision, outbound_message_id)
select b.tenant_id, b.id, r.kind, r.before, app.now() + r.due, b.starts_at, r.status, r.reason, 1, r.message::uuid
  from app.bookings b,
       (values ('reminder_1h', interval '1 hour', interval '-61 minutes', 'sent', null, '00000000-0000-7000-8000-0000000000f2'),
               ('reminder_15m', interval '15 minutes', interval '-10 minutes', 'skipped', 'opted out', null)) r (kind, before, due, status, reason, message)
 where b.code = 'CCCCC';

-- One job of each fate. They run as the program's do, so their clock is the business clock.
insert into apalis.workers (id, worker_type, storage_name, last_seen) values
  ('process_message:1', 'process_message', 'test', now()), ('send_reminder:1', 'send_reminder', 'test', now() - interval '1 hour');
insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, lock_by, lock_at, done_at, last_result)
select j.id, j.kind, convert_to(jsonb_build_object('tenant_id', t.id, 'conversation_id', '00000000-0000-7000-8000-0000000000' || j.conversation)::text, 'UTF8'),
       j.status, j.attempts, 25, app.now() + j.due, 0, j.worker, now() + j.taken, app.now() + j.done, j.result::jsonb
  from (values ('JOB-DONE', 'studio-lua', 'process_message', 'd1', 'Done', 1, interval '-2 hours', null, interval '-2 hours' + interval '1 second', interval '-2 hours' + interval '3 seconds', '{"Ok": null}'),
               ('JOB-DEAD', 'studio-lua', 'process_message', 'd1', 'Killed', 25, interval '-31 minutes', null, null, interval '-29 minutes', '{"Err": "the database refused: 23514 rule"}'),
               ('JOB-WAITING', 'salon-luna', 'deliver_messages', 'd2', 'Pending', 3, interval '-2 minutes', null, null, null, '{"Err": "the instance is not connected"}'),
               ('JOB-RUNNING', 'studio-lua', 'process_message', 'd1', 'Running', 1, interval '-5 seconds', 'process_message:1', interval '-4 seconds', null, null),
               ('JOB-LATER', 'studio-lua', 'send_reminder', 'd1', 'Pending', 0, interval '3 hours', null, null, null, null))
         j (id, tenant, kind, conversation, status, attempts, due, worker, taken, done, result)
  join app.tenants t on t.slug = j.tenant;
insert into queue.failed_attempts (job_id, kind, attempt, at, error) values
  ('JOB-DEAD', 'process_message', 24, app.now() - interval '59 minutes', 'the database did not answer'),
  ('JOB-DEAD', 'process_message', 25, app.now() - interval '29 minutes', 'the database refused: 23514 rule');
update queue.kinds set paused_at = app.now() - interval '10 minutes' where kind = 'send_reminder';

insert into app.model_usage (tenant_id, day, calls, cached, failed, refused, prompt_tokens, completion_tokens, cost)
select id, '2026-03-09', 12, 4, 1, 3, 5000, 360, 0.0123 from app.tenants where slug = 'studio-lua';

insert into app.api_keys (tenant_id, name, secret_hash, scopes, last_used_at, expires_at)
select id, 'site', sha256('site'), '{read,write}', app.now() - interval '1 hour', app.now() + interval '90 days' from app.tenants where slug = 'studio-lua';
set session_replication_role = origin;
select queue.check_invariants();
