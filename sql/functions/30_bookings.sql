-- The rules of bookings that hold for every writer: the program, the API, plain SQL.

create or replace function app.booking_code(tenant uuid) returns text
language plpgsql volatile
set search_path = ''
as $$
declare
  -- 31 signs, a prime; 0 O 1 I L are left out. The last sign is a weighted sum modulo 31, which
  -- notices any one wrong sign and any two swapped ones.
  signs   constant text := '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
  base    constant integer := length(signs);
  made    text;
  sum     integer;
  d       integer;
  tries   integer := 0;
begin
  loop
    made := '';
    sum := 0;
    -- Four free signs are 923,521 visits; a tenant that has used most of them gets longer codes.
    for i in 1 .. case when tries < 8 then 4 else 6 end loop
      d := floor(random() * base)::integer;
      sum := sum + (i + 1) * d;
      made := made || substr(signs, d + 1, 1);
    end loop;
    made := made || substr(signs, sum % base + 1, 1);
    exit when not exists (select from app.bookings b where b.tenant_id = tenant and b.code = made);
    tries := tries + 1;
  end loop;
  return made;
end $$;
comment on function app.booking_code(uuid) is 'A new code for a visit: free signs and a check sign, unique in the tenant.';

create or replace function app.booking_fill() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  service  app.services;
  active   constant text[] := array['held', 'confirmed', 'arrived'];
begin
  if tg_op = 'UPDATE' and (new.id, new.tenant_id, new.customer_id) is distinct from (old.id, old.tenant_id, old.customer_id) then
    raise exception 'a booking keeps its id, tenant and customer' using errcode = 'check_violation', constraint = 'bookings_identity_stays';
  end if;
  select * into service from app.services s where s.tenant_id = new.tenant_id and s.id = new.service_id;
  if service.id is null then
    raise exception 'the tenant has no such service' using errcode = 'foreign_key_violation', constraint = 'bookings_service_fkey';
  end if;

  if tg_op = 'INSERT' then
    new.visit_id := coalesce(new.visit_id, new.id);
    new.code := coalesce(new.code,
      (select b.code from app.bookings b where b.tenant_id = new.tenant_id and b.visit_id = new.visit_id limit 1),
      app.booking_code(new.tenant_id));
    new.price := coalesce(new.price, service.price);
    if new.status = 'held' and new.hold_expires_at is null then
      new.hold_expires_at := app.now() + (select t.hold from app.tenants t where t.id = new.tenant_id);
    end if;
  else
    if new.status is distinct from old.status and not app.booking_may_become(old.status, new.status) then
      raise exception 'a booking that is % cannot become %', old.status, new.status
        using errcode = 'check_violation', constraint = 'bookings_status_moves_on';
    end if;
    if new.status = any (active)
       and (new.starts_at, new.staff_id, new.service_id) is distinct from (old.starts_at, old.staff_id, old.service_id) then
      new.revision := old.revision + 1;
    end if;
  end if;

  -- An end of its own is kept as long as neither start nor service changes.
  if tg_op = 'INSERT' then
    new.ends_at := coalesce(new.ends_at, new.starts_at + service.duration);
  elsif new.service_id is distinct from old.service_id then
    new.ends_at := new.starts_at + service.duration;
  elsif new.starts_at is distinct from old.starts_at and new.ends_at is not distinct from old.ends_at then
    new.ends_at := new.starts_at + (old.ends_at - old.starts_at);
  end if;
  if new.ends_at <= new.starts_at then
    return new; -- the check constraint says it better than an upside-down range
  end if;
  -- Buffers that change later change nothing about bookings that stand.
  if tg_op = 'INSERT'
     or (new.starts_at, new.ends_at, new.service_id, new.staff_id) is distinct from (old.starts_at, old.ends_at, old.service_id, old.staff_id) then
    new.blocked := tstzrange(new.starts_at - service.buffer_before, new.ends_at + service.buffer_after);
  else
    new.blocked := old.blocked;
  end if;

  new.confirmed_at := case when new.status = 'confirmed' then coalesce(new.confirmed_at, app.now()) else new.confirmed_at end;
  new.cancelled_at := case when new.status = 'cancelled' then coalesce(new.cancelled_at, app.now()) end;
  if new.status = any (active)
     and (tg_op = 'INSERT' or (new.blocked, new.staff_id, new.service_id) is distinct from (old.blocked, old.staff_id, old.service_id)) then
    new.lane := app.take_lane(new.tenant_id, new.staff_id, new.id, new.blocked, service.capacity);
  end if;
  -- Lanes are given here and nowhere else.
  if tg_op = 'UPDATE'
     and (new.blocked, new.staff_id, new.service_id) is not distinct from (old.blocked, old.staff_id, old.service_id) then
    new.lane := old.lane;
  end if;
  new.lane := coalesce(new.lane, 1);
  return new;
end $$;
comment on function app.booking_fill() is
  'Fills what a plain insert leaves out (end, buffers, lane, code, visit, price, hold), keeps revision, and refuses illegal changes of status.';

create or replace function app.booking_may_become(old_status text, new_status text) returns boolean
language sql immutable parallel safe
set search_path = ''
as $$
  select case old_status
    when 'held'      then new_status in ('confirmed', 'cancelled')
    when 'confirmed' then new_status in ('arrived', 'completed', 'no_show', 'cancelled')
    when 'arrived'   then new_status in ('completed', 'no_show', 'cancelled')
    else false
  end
$$;
comment on function app.booking_may_become(text, text) is 'Which changes of a booking''s status are legal.';

create or replace function app.take_lane(tenant uuid, staff uuid, booking uuid, wanted tstzrange, capacity integer) returns integer
language plpgsql volatile
set search_path = ''
as $$
begin
  -- Writers of one member of staff take turns, so that two who come at once see each other's lane.
  perform from app.staff s where s.tenant_id = tenant and s.id = staff for no key update;
  -- An expired hold gives way here, so that a late sweep never costs a sale.
  update app.bookings b set status = 'cancelled', cancel_reason = 'hold expired'
   where b.tenant_id = tenant and b.staff_id = staff and b.id <> booking
     and b.status = 'held' and b.hold_expires_at <= app.now()
     and b.blocked_until > lower(wanted) and b.blocked && wanted;
  -- Places that there were when the capacity was larger are still taken.
  if exists (
    select from app.bookings b
     where b.tenant_id = tenant and b.staff_id = staff and b.lane > capacity and b.id <> booking
       and b.status in ('held', 'confirmed', 'arrived') and b.blocked_until > lower(wanted) and b.blocked && wanted) then
    raise exception 'all places are taken' using errcode = 'exclusion_violation', constraint = 'bookings_one_customer_a_lane';
  end if;
  -- The first free lane; with none free the last one, so that the exclusion constraint refuses.
  return coalesce(
    (select min(l) from generate_series(1, capacity) l
      where not exists (
        select from app.bookings b
         where b.tenant_id = tenant and b.staff_id = staff and b.lane = l and b.id <> booking
           and b.status in ('held', 'confirmed', 'arrived')
           and b.blocked_until > lower(wanted) and b.blocked && wanted)),
    capacity);
end $$;
comment on function app.take_lane(uuid, uuid, uuid, tstzrange, integer) is
  'The lane for a booking of this member of staff, expired holds moved out of the way.';

create or replace function app.booking_consequences() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  was    text := case when tg_op = 'UPDATE' then old.status end;
  event  text;
begin
  if new.status is distinct from was then
    event := case
      when new.status = 'confirmed' then 'confirmed'
      when new.status = 'cancelled' and was in ('confirmed', 'arrived') then 'cancelled'
      when new.status in ('arrived', 'completed', 'no_show') then new.status
    end;
  elsif new.revision is distinct from old.revision and new.status = 'confirmed' then
    event := 'moved';
  end if;

  if event in ('confirmed', 'moved') then
    perform app.plan_reminders(new);
  elsif new.status is distinct from was and new.status <> 'held' then
    perform app.call_off_reminders(new, 'booking is ' || new.status);
  end if;
  if event is not null then
    perform app.tell_customer(new, event);
  end if;
  if new.conversation_id is not null and event = 'confirmed' then
    update app.conversations c set booking_id = new.id
     where c.tenant_id = new.tenant_id and c.booking_id is distinct from new.id
       -- A turn of that conversation notes it itself: waiting for it here could be a deadlock.
       and c.id = (select v.id from app.conversations v
                    where v.tenant_id = new.tenant_id and v.id = new.conversation_id for no key update skip locked);
  end if;
  return null;
end $$;
comment on function app.booking_consequences() is
  'What follows from a change of a booking, whoever writes: the reminder plan, the event, the customer''s message.';

create or replace function app.tell_customer(b app.bookings, event text) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  conversation  uuid;
  message       uuid;
  untold        text;
begin
  -- A conversation's own turn answers the customer itself (app.commit_turn links the answer).
  untold := case
    when coalesce(current_setting('app.teller', true), '') = 'conversation' then 'told in the conversation'
    when event in ('arrived', 'completed', 'no_show') then 'not told by default'
    when event <> 'cancelled' and b.starts_at <= app.now() then 'it is over'
  end;
  if untold is null then
    conversation := app.conversation_of(b.tenant_id, b.customer_id, b.conversation_id);
    if conversation is null then
      untold := 'no way to reach the customer';
    end if;
  end if;
  if untold is null then
    insert into app.outbound_messages (tenant_id, conversation_id, booking_id, template, booking_revision, expires_at)
    values (b.tenant_id, conversation, b.id, 'booking_' || event, b.revision,
            case when event = 'cancelled' then b.ends_at else b.starts_at end)
    returning id into message;
    perform queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', b.tenant_id, 'conversation_id', conversation));
  end if;
  insert into app.booking_notifications (tenant_id, booking_id, event, status, reason, revision, outbound_message_id)
  values (b.tenant_id, b.id, event, case when untold is null then 'queued' else 'skipped' end, untold, b.revision, message);
end $$;
comment on function app.tell_customer(app.bookings, text) is 'Notes an event of a booking and, unless its conversation does, tells the customer.';

create or replace function app.conversation_of(tenant uuid, customer uuid, preferred uuid) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  conversation  uuid;
  instance      uuid;
begin
  select c.id into conversation from app.conversations c
   where c.tenant_id = tenant and c.customer_id = customer
   order by (c.id = preferred) desc nulls last, c.last_inbound_at desc nulls last limit 1;
  if conversation is null then
    select i.id into instance from app.instances i where i.tenant_id = tenant order by i.created_at limit 1;
    if instance is not null then
      insert into app.conversations (tenant_id, customer_id, instance_id) values (tenant, customer, instance)
      on conflict on constraint conversations_one_a_customer_and_instance do update set updated_at = app.now()
      returning id into conversation;
    end if;
  end if;
  return conversation;
end $$;
comment on function app.conversation_of(uuid, uuid, uuid) is
  'Where to write to a customer: the conversation named, else the latest, else a new one; null: the tenant has no instance.';

create or replace trigger booking_fill before insert or update on app.bookings
  for each row execute function app.booking_fill();
create or replace trigger booking_consequences after insert or update on app.bookings
  for each row execute function app.booking_consequences();
