-- Messages that no turn asked for: fired when due, checked again before they leave, and what their
-- texts are made from.

create or replace function app.fire_reminder(notification uuid) returns text
language plpgsql volatile
set search_path = ''
as $$
declare
  n          app.scheduled_notifications;
  b          app.bookings;
  t          app.tenants;
  queued     record;
  quiet_end  timestamptz;
  why        text;
begin
  -- Booking first, as every writer of bookings does: the same order everywhere means no deadlock.
  select x.* into b from app.bookings x
    join app.scheduled_notifications s on s.tenant_id = x.tenant_id and s.booking_id = x.id
   where s.tenant_id = app.tenant_id() and s.id = notification
     for share of x;
  select * into n from app.scheduled_notifications s where s.tenant_id = app.tenant_id() and s.id = notification for update;
  select * into t from app.tenants x where x.id = n.tenant_id;
  if n.id is null then
    return 'gone';
  elsif n.status <> 'planned' then
    return n.status;
  elsif n.due_at > app.now() + interval '1 minute' then
    return 'early'; -- run by hand; its own job is still to come
  elsif n.recurrence is not null then
    return 'recurring';
  end if;
  if n.kind not like 'reminder\_%' then
    update app.scheduled_notifications s set status = 'sent' where s.tenant_id = n.tenant_id and s.id = n.id;
    if b.status = n.kind and b.revision = n.revision then
      perform app.tell_now(b.tenant_id, b.visit_id, n.kind, array[b.id]);
    end if;
    return 'sent';
  end if;
  why := case
    when b.status <> 'confirmed' then 'booking is ' || b.status
    when b.revision <> n.revision then 'booking moved'
    when n.before <> all (t.reminders) then 'no longer wanted'
    when not app.flag(t.id, 'reminders') then 'reminders are off'
    when app.now() >= n.expires_at or app.now() >= b.starts_at then 'too late to be of use'
    when exists (select from app.customers c where c.tenant_id = b.tenant_id and c.id = b.customer_id and c.opted_out_at is not null) then 'opted out'
  end;
  quiet_end := case when why is null then app.quiet_ends(app.now(), n.before, t.timezone, t.quiet_from, t.quiet_until) end;
  if quiet_end < n.expires_at then
    -- Late, and in the quiet hours by now: it waits for their end.
    update app.scheduled_notifications s set due_at = quiet_end where s.tenant_id = n.tenant_id and s.id = n.id;
    return 'early';
  elsif quiet_end is not null then
    why := 'quiet hours';
  end if;
  if why is null then
    perform set_config('app.wanted_at', n.due_at::text, true);
    select * into queued from app.queue_notification(b.tenant_id, b.customer_id, b.conversation_id, b.id, 'reminder',
      jsonb_build_object('before', extract(epoch from n.before)::bigint), b.revision, n.expires_at);
    why := case when not found then 'no way to reach the customer' end;
  end if;
  if why is null then
    update app.scheduled_notifications s set status = 'sent', reason = null, outbound_message_id = queued.message
     where s.tenant_id = n.tenant_id and s.id = n.id;
    perform app.note_event(b.tenant_id, n.kind, array[b.id], null, queued.message, queued.channel);
  else
    update app.scheduled_notifications s set status = 'skipped', reason = why where s.tenant_id = n.tenant_id and s.id = n.id;
    perform app.note_event(b.tenant_id, n.kind, array[b.id], why);
  end if;
  return case when why is null then 'sent' else 'skipped' end;
end $$;
comment on function app.fire_reminder(uuid) is
  'Something planned has come due: checked against the booking as it is now, then put into the outbox, at most once. Returns sent, skipped, gone, early (not before its due_at, which the quiet hours may have moved), recurring (for app.fire_recurring), or the status it already had.';

create or replace function app.not_to_send(m app.outbound_messages) returns text
language plpgsql volatile
set search_path = ''
as $$
declare
  b          app.bookings;
  t          app.tenants;
  c          app.customers;
  quiet_end  timestamptz;
begin
  if m.template is null then
    return null;
  elsif m.template = 'agenda' then
    return (select 'no longer at work' from app.staff s
             where s.tenant_id = m.tenant_id and s.id = m.staff_id and s.retired_at is not null);
  end if;
  select * into b from app.bookings x where x.tenant_id = m.tenant_id and x.id = m.booking_id;
  select * into c from app.customers x where x.tenant_id = m.tenant_id and x.id = b.customer_id;
  select * into t from app.tenants x where x.id = m.tenant_id;
  -- Opting out ends reminders and news, and not what a customer has to know.
  if c.opted_out_at is not null and m.template in ('reminder', 'booking_completed', 'booking_no_show', 'recall') then
    return 'opted out';
  elsif m.template = 'recall' then
    return case when c.marketing_consent_at is null then 'no consent'
                when t.recall_after is null then 'no longer wanted'
                when app.came_again(b) then 'booked again' end;
  elsif not exists (select from app.lines_told(m)) then
    return case when m.booking_revision is distinct from b.revision then 'booking moved' else 'booking is ' || b.status end;
  elsif m.template <> 'reminder' then
    return null;
  elsif not app.flag(t.id, 'reminders') then
    return 'reminders are off';
  elsif make_interval(secs => (m.params ->> 'before')::bigint) <> all (t.reminders) then
    return 'no longer wanted';
  end if;
  quiet_end := app.quiet_ends(app.now(), make_interval(secs => (m.params ->> 'before')::bigint), t.timezone, t.quiet_from, t.quiet_until);
  if quiet_end is null then
    return null;
  end if;
  -- It waited in the outbox until the quiet hours: planned once more, for their end.
  update app.booking_notifications n set status = 'skipped', reason = 'quiet hours'
   where n.tenant_id = m.tenant_id and n.outbound_message_id = m.id and n.status = 'queued';
  update app.scheduled_notifications s
     set id = app.uuid_v7(), due_at = quiet_end, promoted_at = null, outbound_message_id = null,
         status = 'planned', reason = null
   where s.tenant_id = m.tenant_id and s.booking_id = b.id and s.revision = m.booking_revision
     and s.kind = app.reminder_kind(make_interval(secs => (m.params ->> 'before')::bigint)) and s.status in ('sent', 'failed')
     and quiet_end < s.expires_at
     -- Where another channel took over from one that may have arrived, once is enough.
     and (m.fallback_of is null or exists (
       select from app.outbound_messages f where f.tenant_id = m.tenant_id and f.id = m.fallback_of and f.status = 'failed'));
  return 'quiet hours';
end $$;
comment on function app.not_to_send(app.outbound_messages) is
  'Why a message that waits in the outbox is not to be sent any more; null: send it. A reminder that waited into the quiet hours is planned again by this.';

create or replace function app.lines_told(m app.outbound_messages) returns setof app.bookings
language plpgsql stable -- its plans are kept; every message asks
set search_path = ''
as $$
begin
  if m.template = 'reminder' then
    -- It speaks of all that stands of a visit, as long as the booking that it was planned for does.
    return query
      select x.* from app.bookings b
        join app.bookings x on x.tenant_id = b.tenant_id and x.visit_id = b.visit_id
       where b.tenant_id = m.tenant_id and b.id = m.booking_id
         and b.revision = m.booking_revision and b.status in ('confirmed', 'arrived')
         and x.status in ('confirmed', 'arrived');
  elsif m.template <> 'agenda' then
    return query
      select x.*
        from jsonb_each_text(coalesce(m.params -> 'lines', jsonb_build_object(m.booking_id, m.booking_revision))) l
        join app.bookings x on x.tenant_id = m.tenant_id and x.id = l.key::uuid and x.revision = l.value::integer
       where case m.template
               when 'booking_cancelled' then x.status = 'cancelled'
               when 'booking_arrived' then x.status = 'arrived'
               when 'booking_no_show' then x.status = 'no_show'
               when 'booking_completed' then x.status = 'completed'
               when 'recall' then x.status = 'completed'
               else x.status in ('confirmed', 'arrived') end;
  end if;
end $$;
comment on function app.lines_told(app.outbound_messages) is
  'The bookings of which a message with a template is still true; none: it is not to be sent.';

create or replace function app.facts_of(m app.outbound_messages) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'customer', (
        select app.customer_json(u) from app.customers u
         where u.tenant_id = m.tenant_id
           and u.id = coalesce((select b.customer_id from app.bookings b where b.tenant_id = m.tenant_id and b.id = m.booking_id),
                               (select c.customer_id from app.conversations c where c.tenant_id = m.tenant_id and c.id = m.conversation_id))),
      'catalogue', app.catalogue(),
      'lines', (select coalesce(jsonb_agg(app.booking_json(l) order by l.starts_at, l.id), '[]') from app.lines_told(m) l),
      'others', (
        select coalesce(jsonb_agg(app.booking_json(x) order by x.starts_at, x.id), '[]')
          from app.bookings b
          join app.bookings x on x.tenant_id = b.tenant_id and x.visit_id = b.visit_id and x.status in ('confirmed', 'arrived')
         where b.tenant_id = m.tenant_id and b.id = m.booking_id
           and x.id not in (select l.id from app.lines_told(m) l)),
      'agenda', case when m.template = 'agenda' then app.agenda_json(m.staff_id, (m.params ->> 'day')::date) end));
end $$;
comment on function app.facts_of(app.outbound_messages) is
  'What the text of a message with a template is made from (domain::notice::Facts).';
