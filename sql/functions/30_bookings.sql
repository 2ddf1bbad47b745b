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
  service   app.services;
  of_visit  constant boolean := tg_op = 'INSERT' and new.visit_id is not null;
  active    constant text[] := array['held', 'confirmed', 'arrived'];
begin
  if tg_op = 'UPDATE'
     and ((new.id, new.tenant_id, new.visit_id, new.code) is distinct from (old.id, old.tenant_id, old.visit_id, old.code)
          -- Two customers may turn out to be one (app.merge_customers).
          or new.customer_id <> old.customer_id and current_user <> 'pontual_definer') then
    raise exception 'a booking keeps its id, tenant, customer, visit and code'
      using errcode = 'check_violation', constraint = 'bookings_identity_stays';
  end if;
  select * into service from app.services s where s.tenant_id = new.tenant_id and s.id = new.service_id;
  if service.id is null then
    raise exception 'the tenant has no such service' using errcode = 'foreign_key_violation', constraint = 'bookings_service_fkey';
  end if;

  if tg_op = 'INSERT' then
    new := app.join_visit(new);
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
  -- Lanes are given here and nowhere else.
  new.lane := case when tg_op = 'UPDATE' then old.lane else 1 end;
  if new.status = any (active)
     and (tg_op = 'INSERT' or (new.blocked, new.staff_id, new.service_id) is distinct from (old.blocked, old.staff_id, old.service_id)) then
    new.lane := app.take_lane(new, service.capacity, tg_op = 'UPDATE', of_visit);
  end if;
  return new;
end $$;
comment on function app.booking_fill() is
  'Fills what a plain insert leaves out (end, buffers, lane, code, visit, price, hold), keeps revision, and refuses illegal changes of status.';

create or replace function app.join_visit(b app.bookings) returns app.bookings
language plpgsql volatile
set search_path = ''
as $$
declare
  line  app.bookings;
begin
  if b.visit_id is not null then
    -- Locked, so that a line that moves meanwhile and the new one see each other's reminders.
    select x.* into line from app.bookings x
     where x.tenant_id = b.tenant_id and x.visit_id = b.visit_id
     order by x.id limit 1 for no key update;
  end if;
  if line.customer_id <> b.customer_id then
    raise exception 'all bookings of a visit are for one customer'
      using errcode = 'check_violation', constraint = 'bookings_visit_is_of_one_customer';
  end if;
  if line.code <> b.code then
    raise exception 'all bookings of a visit have one code'
      using errcode = 'check_violation', constraint = 'bookings_visit_has_one_code';
  end if;
  b.visit_id := coalesce(b.visit_id, b.id);
  b.code := coalesce(b.code, line.code, app.booking_code(b.tenant_id));
  return b;
end $$;
comment on function app.join_visit(app.bookings) is
  'A new booking with its visit and the visit''s code: a visit of its own unless it names one.';

create or replace function app.booking_may_become(old_status text, new_status text) returns boolean
language sql immutable parallel safe
set search_path = ''
as $$
  select case old_status
    when 'held'      then new_status in ('confirmed', 'cancelled')
    -- Where nobody notes who comes in, a booking ends without having arrived.
    when 'confirmed' then new_status in ('arrived', 'completed', 'no_show', 'cancelled')
    when 'arrived'   then new_status in ('completed', 'no_show', 'cancelled')
    else false
  end
$$;
comment on function app.booking_may_become(text, text) is 'Which changes of a booking''s status are legal.';

create or replace trigger booking_fill before insert or update on app.bookings
  for each row execute function app.booking_fill();
