-- The reminder plan. Rules: docs of section "Times" of the conversation design.

create or replace function app.reminder_kind(before interval) returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select 'reminder_' || case
    when extract(epoch from before)::bigint % 3600 = 0 then extract(epoch from before)::bigint / 3600 || 'h'
    when extract(epoch from before)::bigint % 60 = 0 then extract(epoch from before)::bigint / 60 || 'm'
    else extract(epoch from before)::bigint || 's'
  end
$$;
comment on function app.reminder_kind(interval) is 'reminder_24h, reminder_1h, reminder_15m, …';

create or replace function app.reminder_due(starts_at timestamptz, before interval, zone text) returns timestamptz
language sql stable
set search_path = ''
as $$
  -- Whole days mean the same wall-clock time so many days before; anything else is elapsed time.
  select case when extract(epoch from before)::bigint % 86400 = 0
    then ((starts_at at time zone zone) - make_interval(days => (extract(epoch from before)::bigint / 86400)::integer)) at time zone zone
    else starts_at - before
  end
$$;
comment on function app.reminder_due(timestamptz, interval, text) is 'When a reminder is due, quiet hours not yet looked at.';

create or replace function app.out_of_quiet(due timestamptz, before interval, zone text, quiet_from time, quiet_until time) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
declare
  local_due  timestamp := due at time zone zone;
  clock      time := local_due::time;
  day        date := local_due::date;
  over_night boolean := quiet_from > quiet_until;
begin
  -- Shortly before the visit people are up: from 06:30 on it is sent, earlier it would only wake them.
  if before < interval '3 hours' then
    return case when clock < time '06:30' and quiet_from is not null
                 and (case when over_night then clock < quiet_until else clock >= quiet_from and clock < quiet_until end)
      then null else due end;
  end if;
  if quiet_from is null
     or not (case when over_night then clock >= quiet_from or clock < quiet_until
                  else clock >= quiet_from and clock < quiet_until end) then
    return due;
  end if;
  -- The nearest allowed minute: the last one before the quiet, or the first one after it.
  if over_night then
    return case when clock >= quiet_from
      then (day + quiet_from - interval '1 minute') at time zone zone
      else (day + quiet_until) at time zone zone
    end;
  end if;
  return case when clock - quiet_from <= quiet_until - clock
    then (day + quiet_from - interval '1 minute') at time zone zone
    else (day + quiet_until) at time zone zone
  end;
end $$;
comment on function app.out_of_quiet(timestamptz, interval, text, time, time) is
  'A reminder''s time moved out of the quiet hours; null: it is not sent.';

create or replace function app.plan_visit(tenant uuid, visit uuid) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  first  app.bookings;
begin
  -- Its earliest booking that stands, unless the customer is here already.
  select b.* into first from app.bookings b
   where b.tenant_id = tenant and b.visit_id = visit and b.status = 'confirmed'
   order by b.starts_at, b.id limit 1;
  if exists (
    select from app.bookings b join app.tenants t on t.id = b.tenant_id
     where b.tenant_id = tenant and b.visit_id = visit and b.status in ('arrived', 'completed', 'no_show')
       and (b.starts_at at time zone t.timezone)::date = (first.starts_at at time zone t.timezone)::date) then
    first := null;
  end if;
  -- In a fixed order, as app.opting takes them: nobody waits in a circle.
  with over as (
    select s.id, case
             when b.status <> 'confirmed' then 'booking is ' || b.status
             when b.revision <> s.revision then 'booking moved'
             else 'told with another booking of the visit' end as reason
      from app.bookings b
      join app.scheduled_notifications s on s.tenant_id = b.tenant_id and s.booking_id = b.id
     where b.tenant_id = tenant and b.visit_id = visit and s.status = 'planned'
       and (s.booking_id, s.revision) is distinct from (first.id, first.revision)
     order by s.id for update of s
  )
  update app.scheduled_notifications s set status = 'cancelled', reason = over.reason
    from over where s.tenant_id = tenant and s.id = over.id;
  if first.id is not null then
    perform app.plan_reminders(first);
  end if;
end $$;
comment on function app.plan_visit(uuid, uuid) is
  'Brings the reminder plan of a visit up to date: reminders of its first booking that stands, and no others.';

create or replace function app.plan_reminders(b app.bookings) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant     app.tenants;
  opted_out  boolean;
  lead       interval;
  due        timestamptz;
  why        text;
  planned    uuid;
  shortest   interval;
begin
  select * into tenant from app.tenants t where t.id = b.tenant_id;
  select c.opted_out_at is not null into opted_out from app.customers c where c.tenant_id = b.tenant_id and c.id = b.customer_id;
  foreach lead in array tenant.reminders loop
    due := app.out_of_quiet(app.reminder_due(b.starts_at, lead, tenant.timezone), lead, tenant.timezone, tenant.quiet_from, tenant.quiet_until);
    why := case
      when opted_out then 'opted out'
      when due is null then 'quiet hours'
      when due >= b.starts_at then 'quiet hours until the visit'
      when due <= app.now() then 'booked after it was due'
      when due < coalesce(b.confirmed_at, app.now()) + interval '30 minutes' then 'confirmed just before'
    end;
    -- Useless once the next shorter one is due, and never after the start.
    select max(r) into shortest from unnest(tenant.reminders) r where r < lead;
    insert into app.scheduled_notifications as s (tenant_id, booking_id, kind, before, due_at, expires_at, status, reason, revision)
    values (b.tenant_id, b.id, app.reminder_kind(lead), lead, coalesce(due, b.starts_at - lead),
            greatest(coalesce(due, b.starts_at - lead), coalesce(b.starts_at - shortest, b.starts_at)),
            case when why is null then 'planned' else 'skipped' end, why, b.revision)
    on conflict on constraint scheduled_notifications_once_a_revision_and_kind do update
      -- First again, after another booking of the visit was for a while; or wanted again, while it
      -- is still ahead. A new id: the job of the old one may have run, and its key is taken once.
      set id = app.uuid_v7(), status = excluded.status, reason = excluded.reason,
          due_at = excluded.due_at, expires_at = excluded.expires_at, promoted_at = null
      where s.status = 'cancelled' and s.reason = 'told with another booking of the visit'
         or s.status in ('cancelled', 'skipped') and s.reason = 'opted out' and excluded.status = 'planned'
    returning s.id into planned;
    if planned is not null and why is null and due <= app.now() + interval '1 hour' then
      update app.scheduled_notifications s set promoted_at = app.now() where s.tenant_id = b.tenant_id and s.id = planned;
      perform queue.enqueue('send_reminder', jsonb_build_object('tenant_id', b.tenant_id, 'notification_id', planned), due, 'reminder:' || planned);
    end if;
  end loop;
end $$;
comment on function app.plan_reminders(app.bookings) is
  'Writes the reminders of a booking as it stands now; those due within the hour become jobs at once, later ones are promoted in time.';

create or replace function app.fire_reminder(notification uuid) returns text
language plpgsql volatile
set search_path = ''
as $$
declare
  n             app.scheduled_notifications;
  b             app.bookings;
  conversation  uuid;
  message       uuid;
  why           text;
begin
  -- Booking first, as every writer of bookings does: the same order everywhere means no deadlock.
  select x.* into b from app.bookings x
    join app.scheduled_notifications s on s.tenant_id = x.tenant_id and s.booking_id = x.id
   where s.tenant_id = app.tenant_id() and s.id = notification
     for share of x;
  select * into n from app.scheduled_notifications s where s.tenant_id = app.tenant_id() and s.id = notification for update;
  if n.id is null then
    return 'gone';
  elsif n.status <> 'planned' then
    return n.status;
  elsif n.due_at > app.now() + interval '1 minute' then
    return 'early'; -- run by hand; its own job is still to come
  end if;
  why := case
    when b.status <> 'confirmed' then 'booking is ' || b.status
    when b.revision <> n.revision then 'booking moved'
    when not exists (select from app.tenants t where t.id = b.tenant_id and n.before = any (t.reminders)) then 'no longer wanted'
    when app.now() >= n.expires_at or app.now() >= b.starts_at then 'too late to be of use'
    when exists (select from app.customers c where c.tenant_id = b.tenant_id and c.id = b.customer_id and c.opted_out_at is not null) then 'opted out'
  end;
  if why is null then
    conversation := app.conversation_of(b.tenant_id, b.customer_id, b.conversation_id);
    why := case when conversation is null then 'no way to reach the customer' end;
  end if;
  if why is null then
    insert into app.outbound_messages (tenant_id, conversation_id, booking_id, template, params, booking_revision, expires_at)
    values (b.tenant_id, conversation, b.id, 'reminder', jsonb_build_object('before', extract(epoch from n.before)::bigint), b.revision, n.expires_at)
    returning id into message;
    perform queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', b.tenant_id, 'conversation_id', conversation));
  end if;
  update app.scheduled_notifications s
     set status = case when why is null then 'sent' else 'skipped' end, reason = why, outbound_message_id = message
   where s.tenant_id = n.tenant_id and s.id = n.id;
  insert into app.booking_notifications (tenant_id, booking_id, event, status, reason, revision, outbound_message_id)
  values (b.tenant_id, b.id, n.kind, case when why is null then 'queued' else 'skipped' end, why, b.revision, message);
  return case when why is null then 'sent' else 'skipped' end;
end $$;
comment on function app.fire_reminder(uuid) is
  'A reminder has come due: checked against the booking as it is now, then put into the outbox, at most once. Returns sent, skipped, gone, or the status it already had.';
