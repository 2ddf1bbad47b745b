-- What a turn may look at, as one document.

create or replace function app.catalogue() returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'tenant', jsonb_build_object(
        'id', t.id, 'slug', t.slug, 'name', t.name, 'locale', t.locale, 'timezone', t.timezone,
        'currency', t.currency, 'address', t.address,
        'rules', jsonb_build_object(
          'slot_interval', extract(epoch from t.slot_interval)::bigint,
          'min_notice', extract(epoch from t.min_notice)::bigint,
          'horizon', extract(epoch from t.horizon)::bigint,
          'hold', extract(epoch from t.hold)::bigint,
          'cancel_notice', extract(epoch from t.cancel_notice)::bigint,
          'reminders', (select coalesce(jsonb_agg(extract(epoch from r)::bigint order by r desc), '[]') from unnest(t.reminders) r)),
        'hours', jsonb_build_object('openings', app.openings(null))),
      'services', (
        select coalesce(jsonb_agg(jsonb_build_object(
          'id', s.id, 'key', s.key, 'name', s.name, 'synonyms', s.synonyms,
          'duration', extract(epoch from s.duration)::bigint,
          'buffer_before', extract(epoch from s.buffer_before)::bigint,
          'buffer_after', extract(epoch from s.buffer_after)::bigint,
          'price', (s.price * 100)::bigint, 'capacity', s.capacity) order by s.position, s.key), '[]')
          from app.services s where s.tenant_id = t.id and s.retired_at is null),
      'staff', (
        select coalesce(jsonb_agg(jsonb_build_object(
          'id', m.id, 'key', m.key, 'name', m.name,
          'services', (select coalesce(jsonb_agg(x.service_id), '[]') from app.staff_services x
                        where x.tenant_id = t.id and x.staff_id = m.id),
          'hours', (select case when count(*) > 0 then jsonb_build_object('openings', app.openings(m.id)) end
                      from app.opening_hours h where h.tenant_id = t.id and h.staff_id = m.id),
          'time_off', (select coalesce(jsonb_agg(jsonb_build_object('start', lower(o.during), 'end', upper(o.during))), '[]')
                         from app.time_off o
                        where o.tenant_id = t.id and o.staff_id = m.id and upper(o.during) > today.begins))
          order by m.position, m.key), '[]')
          from app.staff m where m.tenant_id = t.id and m.retired_at is null),
      'closures', (select coalesce(jsonb_agg(c.day order by c.day), '[]') from app.closures c
                    where c.tenant_id = t.id and c.day >= (app.now() at time zone t.timezone)::date),
      'texts', jsonb_build_object('formal', t.formal, 'privacy', t.privacy, 'own', (
        select coalesce(jsonb_object_agg(x.language, x.texts), '{}')
          from (select m.language, jsonb_object_agg(m.key, m.body) as texts
                  from app.message_templates m
                 where m.tenant_id = t.id and m.channel = 'whatsapp' group by m.language) x)),
      'features', app.features(t.id))
      from app.tenants t
      -- The tenant's day, not the moment: one catalogue holds all day (app.catalogue_version).
      cross join lateral (select date_trunc('day', app.now(), t.timezone) as begins) today
     where t.id = app.tenant_id());
end $$;
comment on function app.catalogue() is
  'The tenant of this transaction with its services, staff, hours and closures (domain::catalogue::Catalogue); null without a tenant.';

create or replace function app.openings(staff uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
             'weekday', weekday,
             'opens', (extract(epoch from opens) / 60)::integer,
             'closes', (extract(epoch from closes) / 60)::integer) order by weekday, opens), '[]')
      from app.opening_hours
     where tenant_id = app.tenant_id() and staff_id is not distinct from staff);
end $$;
comment on function app.openings(uuid) is 'Opening hours of a member of staff (null: the tenant''s own), in minutes after midnight.';

drop function if exists app.busy(timestamptz, timestamptz, uuid);
create or replace function app.busy_times(span_from timestamptz, span_until timestamptz, without_holds_of uuid, moving uuid[])
  returns table (staff_id uuid, service_id uuid, begin_at timestamptz[], end_at timestamptz[])
language plpgsql stable -- its plan is kept
set search_path = ''
as $$
begin
  return query
  select b.staff_id, b.service_id, array_agg(lower(b.blocked)), array_agg(b.blocked_until)
    from app.bookings b
   where b.tenant_id = app.tenant_id()
     and b.status in ('held', 'confirmed', 'arrived')
     and b.blocked_until > span_from
     and b.blocked && tstzrange(span_from, span_until)
     and not (b.status = 'held' and b.hold_expires_at <= app.now())
     and (without_holds_of is null or b.status <> 'held' or b.conversation_id is distinct from without_holds_of)
     and b.id <> all (moving)
   group by b.staff_id, b.service_id;
end $$;
comment on function app.busy_times(timestamptz, timestamptz, uuid, uuid[]) is
  'Time that is taken, buffers included, of each member of staff for each service: expired holds, the holds of one conversation and some bookings left out. Times as arrays, the nth end to the nth begin: thousands of rows cost more to send and to read than to find.';

create or replace function app.busy(span_from timestamptz, span_until timestamptz, without_holds_of uuid, moving uuid[])
  returns table (staff_id uuid, service_id uuid, busy_from timestamptz, busy_until timestamptz)
language sql stable
set search_path = ''
as $$
  select t.staff_id, t.service_id, x.busy_from, x.busy_until
    from app.busy_times(span_from, span_until, without_holds_of, moving) t,
         unnest(t.begin_at, t.end_at) as x (busy_from, busy_until)
$$;
comment on function app.busy(timestamptz, timestamptz, uuid, uuid[]) is
  'app.busy_times, a row for each time: programs of the release before call it.';

create or replace function app.booking_json(b app.bookings) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'id', b.id, 'service_id', b.service_id, 'staff_id', b.staff_id,
      'service_name', (select name from app.services s where s.tenant_id = b.tenant_id and s.id = b.service_id),
      'staff_name', (select name from app.staff m where m.tenant_id = b.tenant_id and m.id = b.staff_id),
      'starts_at', b.starts_at, 'ends_at', b.ends_at, 'status', b.status, 'hold_expires_at', b.hold_expires_at,
      'code', b.code, 'revision', b.revision, 'price', (b.price * 100)::bigint,
      'visit_id', b.visit_id, 'cancelled_at', b.cancelled_at,
      'cancelled_by', case
        when b.status <> 'cancelled' then null
        when b.cancel_reason = 'hold expired' then 'expiry'
        when b.cancel_reason in ('by the customer', 'released by the customer') then 'customer'
        else 'staff' end));
end $$;
comment on function app.booking_json(app.bookings) is 'A booking as the conversation sees it (domain::catalogue::Booking).';

create or replace function app.calling_code(locale text) returns text
language sql immutable parallel safe
-- ITU-T E.164 country codes of the regions we have seen; null: not known, nothing is concluded.
return case right(locale, 2)
  when 'US' then '+1' when 'CA' then '+1' when 'GB' then '+44' when 'IE' then '+353' when 'AU' then '+61'
  when 'BR' then '+55' when 'PT' then '+351' when 'ES' then '+34' when 'CL' then '+56' when 'AR' then '+54'
  when 'MX' then '+52' when 'CO' then '+57' when 'PE' then '+51' when 'UY' then '+598' when 'PY' then '+595'
  when 'BO' then '+591' when 'EC' then '+593' when 'VE' then '+58' when 'CR' then '+506' when 'PA' then '+507'
end;
comment on function app.calling_code(text) is 'How phone numbers of a locale''s region begin.';

create or replace function app.customer_json(c app.customers) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('id', c.id, 'name', c.name, 'locale', c.locale, 'opted_out', c.opted_out_at is not null,
      'country_differs', (
        select not starts_with(c.phone, app.calling_code(t.locale)) from app.tenants t where t.id = c.tenant_id) is true));
end $$;
comment on function app.customer_json(app.customers) is 'A customer as the conversation sees them (domain::conversation::Customer).';
