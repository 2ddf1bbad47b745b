-- Which place of a member of staff's time a booking takes. The exclusion constraints have the last
-- word; what is here finds the place, and tells those who come too late without making them wait.

create or replace function app.take_lane(b app.bookings, capacity integer, moves boolean, of_visit boolean) returns integer
language plpgsql volatile
set search_path = ''
as $$
declare
  own   constant integer := case when moves then b.lane end;
  lane  integer;
begin
  -- Of a crowd that wants one time all but one are late: they need not queue to hear it.
  if not moves and app.free_lane(b, capacity, own, false) is null then
    raise exception 'the time is taken' using errcode = 'exclusion_violation', constraint = 'bookings_one_customer_a_lane';
  end if;
  -- Writers of one member of staff take turns, so that two who come at once see each other's lane.
  -- Lines of a visit come one by one: the first locks everybody, in a fixed order, since two visits
  -- that wait for each other's staff would be a deadlock.
  perform from app.staff s
    where s.tenant_id = b.tenant_id and (s.id = b.staff_id or of_visit)
    order by s.id for no key update;
  -- An expired hold gives way here, so that a late sweep never costs a sale. Whoever has it locked
  -- sweeps it, confirms it, or waits for this very member of staff: a moment's patience, no wait.
  for patience in 1 .. 10 loop
    perform app.cancel_expired_holds(b);
    lane := app.free_lane(b, capacity, own, true);
    exit when lane is not null or moves or app.free_lane(b, capacity, own, false) is null;
    perform pg_sleep(0.02);
  end loop;
  if lane is null and not (moves and app.may_give_way(b)) then
    raise exception 'the time is taken' using errcode = 'exclusion_violation', constraint = 'bookings_one_customer_a_lane';
  end if;
  return coalesce(lane, least(own, capacity));
end $$;
comment on function app.take_lane(app.bookings, integer, boolean, boolean) is
  'The lane for a new booking, or one that moves; expired holds go out of the way. A time that is not to be had is an exclusion_violation at once, without waiting for other writers of bookings.';

create or replace function app.free_lane(b app.bookings, capacity integer, own integer, beside_expired boolean) returns integer
language plpgsql volatile -- looks anew after the wait for the staff
set search_path = ''
as $$
begin
  return (
  with taken as (
    select x.lane, x.service_id
      from app.bookings x
     where x.tenant_id = b.tenant_id and x.staff_id = b.staff_id and x.id <> b.id
       and x.status in ('held', 'confirmed', 'arrived')
       and x.blocked_until > lower(b.blocked) and x.blocked && b.blocked
       and (beside_expired or x.status <> 'held' or x.hold_expires_at > app.now())
  )
  -- Places that there were when the capacity was larger are still taken.
  select case when not exists (select from taken t where t.service_id <> b.service_id or t.lane > capacity) then (
    select l from generate_series(1, capacity) l
     where not exists (select from taken t where t.lane = l)
     order by l is not distinct from own desc, l limit 1)
  end);
end $$;
comment on function app.free_lane(app.bookings, integer, integer, boolean) is
  'Its own lane if that is free, else the first free one; null: none. Expired holds count only if asked.';

create or replace function app.cancel_expired_holds(b app.bookings) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  with expired as (
    select x.id from app.bookings x
     where x.tenant_id = b.tenant_id and x.staff_id = b.staff_id and x.visit_id <> b.visit_id
       and x.status = 'held' and x.hold_expires_at <= app.now()
       and x.blocked_until > lower(b.blocked) and x.blocked && b.blocked
     order by x.id for update skip locked
  )
  update app.bookings x set status = 'cancelled', cancel_reason = 'hold expired'
    from expired where x.tenant_id = b.tenant_id and x.id = expired.id;
end $$;
comment on function app.cancel_expired_holds(app.bookings) is 'Frees the time of a booking from holds that nobody confirmed.';

create or replace function app.may_give_way(b app.bookings) returns boolean
language sql volatile
set search_path = ''
as $$
  -- One statement may move several bookings, each into the place the next one leaves: what is in
  -- the way of this one is looked at when all have moved, by the constraints. Not so where somebody
  -- else is changing it: the constraints would wait for them, who may be waiting for us.
  with in_the_way as (
    select x.id from app.bookings x
     where x.tenant_id = b.tenant_id and x.staff_id = b.staff_id and x.id <> b.id
       and x.status in ('held', 'confirmed', 'arrived')
       and x.blocked_until > lower(b.blocked) and x.blocked && b.blocked
  ), ours as (
    select x.id from app.bookings x
     where x.tenant_id = b.tenant_id and x.id = any (array(select w.id from in_the_way w))
     order by x.id for share skip locked
  )
  select (select count(*) from in_the_way) = (select count(*) from ours)
$$;
comment on function app.may_give_way(app.bookings) is
  'Whether nobody else is changing what stands in the way of a booking that moves.';
