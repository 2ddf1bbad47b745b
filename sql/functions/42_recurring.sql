-- What recurs: the agenda of each member of staff, and invitations to who was here long ago. The
-- rule is read by the program (domain::recurrence), which says what the next occurrence is.

create or replace function app.next_time(clock time, zone text) returns timestamptz
language sql stable
set search_path = ''
as $$
  select min(at) from (
    select ((app.now() at time zone zone)::date + d + clock) at time zone zone as at from generate_series(0, 2) d) x
   where at > app.now()
$$;
comment on function app.next_time(time, text) is 'When a local time comes next.';

create or replace function app.plan_daily(tenant uuid, wanted_kind text, member uuid, clock time, zone text, useful interval) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  due     timestamptz := app.next_time(clock, zone);
  rule    text := format('FREQ=DAILY;BYHOUR=%s;BYMINUTE=%s;BYSECOND=0', extract(hour from clock), extract(minute from clock));
  stands  app.scheduled_notifications;
begin
  select * into stands from app.scheduled_notifications s
   where s.tenant_id = tenant and s.kind = wanted_kind and s.staff_id is not distinct from member
     and s.booking_id is null and s.status = 'planned' for update;
  -- One that has come due is being sent, and plans what follows itself.
  if stands.recurrence = rule and (stands.due_at = due or stands.due_at <= app.now() and clock is not null) then
    return;
  end if;
  update app.scheduled_notifications s set status = 'cancelled', reason = 'no longer wanted'
   where s.tenant_id = tenant and s.id = stands.id;
  if clock is not null then
    insert into app.scheduled_notifications (tenant_id, staff_id, kind, due_at, expires_at, recurrence, recurs_from)
    values (tenant, member, wanted_kind, due, due + useful, rule, due at time zone zone);
  end if;
end $$;
comment on function app.plan_daily(uuid, text, uuid, time, text, interval) is
  'Plans what is to be sent every day at a local time (null: nothing is), in place of what was planned.';

create or replace function app.plan_agenda(s app.staff) returns void
language sql volatile
set search_path = ''
as $$
  select app.plan_daily(s.tenant_id, 'agenda', s.id, case when s.retired_at is null then s.agenda end, t.timezone, interval '4 hours')
    from app.tenants t where t.id = s.tenant_id
$$;
comment on function app.plan_agenda(app.staff) is 'Plans the agenda of a member of staff as their row says.';

create or replace function app.agenda_changed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform app.plan_agenda(new);
  return null;
end $$;
comment on function app.agenda_changed() is 'Plans the agenda of a member of staff when its time changes.';
create or replace trigger agenda_wanted after insert on app.staff
  for each row when (new.agenda is not null) execute function app.agenda_changed();
create or replace trigger agenda_changed after update on app.staff
  for each row when ((new.agenda, new.retired_at is null) is distinct from (old.agenda, old.retired_at is null))
  execute function app.agenda_changed();

create or replace function app.plan_recalls(t app.tenants) returns void
language sql volatile
set search_path = ''
as $$
  -- At ten, or when the quiet hours end.
  select app.plan_daily(t.id, 'recall', null,
    case when t.recall_after is not null
         then case when app.is_quiet('10:00', t.quiet_from, t.quiet_until) then t.quiet_until else '10:00'::time end end,
    t.timezone, interval '8 hours')
$$;
comment on function app.plan_recalls(app.tenants) is 'Plans the daily look for customers whose visit is long ago.';

create or replace function app.recurrence_of(notification uuid) returns jsonb
language sql stable
set search_path = ''
as $$
  select jsonb_build_object('rule', s.recurrence, 'from', s.recurs_from, 'zone', t.timezone, 'due_at', s.due_at)
    from app.scheduled_notifications s join app.tenants t on t.id = s.tenant_id
   where s.tenant_id = app.tenant_id() and s.id = notification
$$;
comment on function app.recurrence_of(uuid) is 'How something planned recurs (domain::recurrence::Recurrence).';

create or replace function app.fire_recurring(notification uuid, latest timestamptz, next timestamptz) returns text
language plpgsql volatile
set search_path = ''
as $$
declare
  n        app.scheduled_notifications;
  useful   interval;
  why      text;
  message  uuid;
  made     uuid;
begin
  select * into n from app.scheduled_notifications s where s.tenant_id = app.tenant_id() and s.id = notification for update;
  if n.status is distinct from 'planned' then
    return coalesce(n.status, 'gone');
  end if;
  useful := n.expires_at - n.due_at;
  -- Of several that were missed the latest counts, if it is of use.
  if app.now() >= latest + useful then
    why := 'too late to be of use';
  elsif n.kind = 'agenda' then
    select * into why, message from app.send_agenda(n.staff_id, latest, latest + useful);
  else
    why := app.send_recalls();
  end if;
  update app.scheduled_notifications s
     set status = case when why is null then 'sent' else 'skipped' end, reason = why,
         due_at = latest, expires_at = latest + useful, outbound_message_id = message
   where s.tenant_id = n.tenant_id and s.id = n.id;
  if next is not null then
    insert into app.scheduled_notifications (tenant_id, staff_id, kind, due_at, expires_at, recurrence, recurs_from, promoted_at)
    values (n.tenant_id, n.staff_id, n.kind, next, next + useful, n.recurrence, n.recurs_from,
            case when next <= app.now() + interval '1 hour' then app.now() end)
    returning id into made;
    if next <= app.now() + interval '1 hour' then
      perform queue.enqueue('send_reminder', jsonb_build_object('tenant_id', n.tenant_id, 'notification_id', made), next, 'reminder:' || made);
    end if;
  end if;
  return case when why is null then 'sent' else 'skipped' end;
end $$;
comment on function app.fire_recurring(uuid, timestamptz, timestamptz) is
  'Sends an occurrence and plans the next (null: there is none). latest: the last occurrence up to now, whichever this row was planned for. Returns sent, skipped, gone, or the status it already had.';

create or replace function app.send_agenda(member uuid, occurrence timestamptz, until timestamptz, out why text, out message uuid)
language plpgsql volatile
set search_path = ''
as $$
declare
  s             app.staff;
  t             app.tenants;
  day           date;
  conversation  uuid;
begin
  select * into s from app.staff x where x.tenant_id = app.tenant_id() and x.id = member;
  select * into t from app.tenants x where x.id = s.tenant_id;
  day := (occurrence at time zone t.timezone)::date;
  why := case when s.retired_at is not null then 'no longer at work'
              when jsonb_array_length(app.agenda_json(member, day)) = 0 then 'nothing booked' end;
  if why is null and s.phone is not null then
    conversation := app.conversation_with(s.tenant_id, s.phone, s.name);
  end if;
  if why is null and s.phone is not null then
    why := (select case when c.id is null then 'no way to reach them' when u.opted_out_at is not null then 'opted out' end
              from (select 1) one
              left join app.conversations c on c.tenant_id = s.tenant_id and c.id = conversation
              left join app.customers u on u.tenant_id = c.tenant_id and u.id = c.customer_id);
  end if;
  if why is not null then
    return;
  end if;
  insert into app.outbound_messages (tenant_id, conversation_id, staff_id, channel, template, params, expires_at)
  values (s.tenant_id, conversation, s.id, case when s.phone is null then 'email' else 'whatsapp' end, 'agenda',
          jsonb_build_object('day', day), until)
  returning id into message;
  perform queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', s.tenant_id)
    || case when s.phone is null then jsonb_build_object('message_id', message) else jsonb_build_object('conversation_id', conversation) end);
end $$;
comment on function app.send_agenda(uuid, timestamptz, timestamptz) is
  'Puts the agenda of the occurrence''s local day into the outbox: by WhatsApp to their phone, else by e-mail. why: it is not sent.';

create or replace function app.conversation_with(tenant uuid, number text, known_as text) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  contact  uuid;
begin
  insert into app.customers (tenant_id, phone, name) values (tenant, number, known_as)
  on conflict on constraint customers_phone_is_unique do nothing;
  select c.id into contact from app.customers c where c.tenant_id = tenant and c.phone = number;
  return app.conversation_of(tenant, contact, null);
end $$;
comment on function app.conversation_with(uuid, text, text) is
  'Where to write to a phone number; whoever has it becomes a contact of the tenant, as if they had written. Null: the tenant has no instance.';

create or replace function app.agenda_json(member uuid, day date) returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'starts_at', b.starts_at, 'code', b.code, 'customer_name', c.name,
           'service_name', (select s.name from app.services s where s.tenant_id = b.tenant_id and s.id = b.service_id))
         order by b.starts_at, b.id), '[]')
    from app.tenants t
    join app.bookings b on b.tenant_id = t.id and b.staff_id = member and b.status in ('confirmed', 'arrived')
     and b.starts_at >= (day::timestamp at time zone t.timezone) and b.starts_at < ((day + 1)::timestamp at time zone t.timezone)
    join app.customers c on c.tenant_id = b.tenant_id and c.id = b.customer_id
   where t.id = app.tenant_id()
$$;
comment on function app.agenda_json(uuid, date) is 'What a member of staff has booked on a local day, in order (domain::notice::Appointment).';

create or replace function app.came_again(b app.bookings) returns boolean
language sql stable
set search_path = ''
as $$
  select exists (
    select from app.bookings x
     where x.tenant_id = b.tenant_id and x.customer_id = b.customer_id and x.visit_id <> b.visit_id
       and x.starts_at > b.starts_at and x.status in ('held', 'confirmed', 'arrived', 'completed'))
$$;
comment on function app.came_again(app.bookings) is 'Whether the customer has been here, or is booked, after this booking.';

create or replace function app.send_recalls(most integer default 200) returns text
language plpgsql volatile
set search_path = ''
as $$
declare
  t        app.tenants;
  b        app.bookings;
  queued   record;
  invited  integer := 0;
begin
  select * into t from app.tenants x where x.id = app.tenant_id();
  if t.recall_after is null then
    return 'no longer wanted';
  end if;
  -- Two weeks are looked back, so that nobody is forgotten after days without a worker.
  for b in
    select distinct on (x.customer_id) x.*
      from app.bookings x
      join app.customers c on c.tenant_id = x.tenant_id and c.id = x.customer_id
     where x.tenant_id = t.id and x.status = 'completed'
       and x.starts_at <= app.now() - t.recall_after and x.starts_at > app.now() - t.recall_after - interval '14 days'
       and c.marketing_consent_at is not null and c.opted_out_at is null
       and not app.came_again(x)
       and not exists (
         select from app.booking_notifications n join app.bookings v on v.tenant_id = n.tenant_id and v.id = n.booking_id
          where v.tenant_id = x.tenant_id and v.visit_id = x.visit_id and n.event = 'recall')
     order by x.customer_id, x.starts_at desc
     limit most
  loop
    select * into queued from app.queue_notification(t.id, b.customer_id, b.conversation_id, b.id, 'recall', '{}', b.revision,
      app.now() + interval '8 hours');
    continue when not found;
    perform app.note_event(t.id, 'recall', array[b.id], null, queued.message, queued.channel);
    invited := invited + 1;
  end loop;
  return case when invited = 0 then 'nobody to invite' end;
end $$;
comment on function app.send_recalls(integer) is
  'Invites customers of the transaction''s tenant whose last visit is recall_after ago, who consented to news and have booked nothing since; each visit once. Null: somebody was invited.';

create or replace function app.withdraw_consent() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.marketing_consent_at := null;
  return new;
end $$;
comment on function app.withdraw_consent() is 'Who opts out takes their consent to news back; opting in again is not consent.';
create or replace trigger withdraw_consent before update of opted_out_at on app.customers
  for each row when (old.opted_out_at is null and new.opted_out_at is not null)
  execute function app.withdraw_consent();
