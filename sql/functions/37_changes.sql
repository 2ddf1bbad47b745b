-- Cancelling and moving as programs do it, within the tenant's cancellation notice. Plain SQL is
-- free of the notice, and has the same consequences.

create or replace function app.inside_cancel_notice(b app.bookings) returns boolean
language sql stable
set search_path = ''
as $$
  select b.status in ('confirmed', 'arrived')
     and b.starts_at - t.cancel_notice < app.now()
    from app.tenants t where t.id = b.tenant_id
$$;
comment on function app.inside_cancel_notice(app.bookings) is
  'Whether less than the tenant''s cancel_notice is left before a booking that stands: only with a reason may it be cancelled or moved then.';

create or replace function app.changeable_lines(visit uuid, booking uuid, override_reason text) returns uuid[]
language plpgsql volatile
set search_path = ''
as $$
declare
  lines   uuid[];
  inside  boolean;
begin
  select array_agg(b.id order by b.starts_at, b.id), bool_or(app.inside_cancel_notice(b))
    into lines, inside
    from (select x.* from app.bookings x
           where x.tenant_id = app.tenant_id() and (x.visit_id = visit or x.id = booking)
             and x.status in ('held', 'confirmed', 'arrived')
           order by x.id for no key update) b;
  if inside and coalesce(btrim(override_reason), '') = '' then
    raise exception 'less than the cancellation notice is left'
      using errcode = 'check_violation', constraint = 'bookings_cancel_notice',
            hint = 'Give a reason why staff may change it all the same.';
  end if;
  return coalesce(lines, '{}');
end $$;
comment on function app.changeable_lines(uuid, uuid, text) is
  'Locks the active bookings of a visit, or one of them, and returns them in order of time; refuses by bookings_cancel_notice.';

create or replace function app.cancel_lines(lines uuid[], reason text, override_reason text) returns integer
language sql volatile
set search_path = ''
as $$
  with cancelled as (
    update app.bookings b
       set status = 'cancelled', cancel_reason = coalesce(reason, b.cancel_reason),
           override_reason = case when app.inside_cancel_notice(b) then btrim(cancel_lines.override_reason) else b.override_reason end
     where b.tenant_id = app.tenant_id() and b.id = any (lines)
    returning 1
  )
  select count(*)::integer from cancelled
$$;
comment on function app.cancel_lines(uuid[], text, text) is 'Cancels these bookings; the reason of an exception is kept where one was needed.';

create or replace function app.cancel_visit(visit uuid, reason text default null, override_reason text default null) returns integer
language sql volatile
set search_path = ''
as $$
  select app.cancel_lines(app.changeable_lines(visit, null, override_reason), reason, override_reason)
$$;
comment on function app.cancel_visit(uuid, text, text) is
  'Cancels the active bookings of a visit of the transaction''s tenant. Inside the cancellation notice only with override_reason, else bookings_cancel_notice. Returns how many; 0: none was active.';

create or replace function app.cancel_booking(booking uuid, reason text default null, override_reason text default null) returns integer
language sql volatile
set search_path = ''
as $$
  select app.cancel_lines(app.changeable_lines(null, booking, override_reason), reason, override_reason)
$$;
comment on function app.cancel_booking(uuid, text, text) is 'As app.cancel_visit, one booking alone.';

create or replace function app.move_lines(lines uuid[], starts_at timestamptz, staff jsonb, override_reason text) returns integer
language plpgsql volatile
set search_path = ''
as $$
declare
  shift  interval;
begin
  -- Staff in a fixed order and after the bookings, as every writer has it.
  perform from app.staff s
    where s.tenant_id = app.tenant_id()
      and (s.id in (select b.staff_id from app.bookings b where b.tenant_id = app.tenant_id() and b.id = any (lines))
           or s.id::text in (select value from jsonb_each_text(staff)))
    order by s.id for no key update;
  select coalesce(move_lines.starts_at - min(b.starts_at), '0') into shift
    from app.bookings b where b.tenant_id = app.tenant_id() and b.id = any (lines);
  -- One statement: its constraints look when all lines have moved.
  update app.bookings b
     set starts_at = b.starts_at + shift,
         staff_id = coalesce((staff ->> b.id::text)::uuid, b.staff_id),
         override_reason = case when app.inside_cancel_notice(b) then btrim(move_lines.override_reason) else b.override_reason end
   where b.tenant_id = app.tenant_id() and b.id = any (lines);
  return cardinality(lines);
end $$;
comment on function app.move_lines(uuid[], timestamptz, jsonb, text) is
  'Moves these bookings by one length of elapsed time, the first of them to starts_at, and to other staff.';

create or replace function app.move_visit(visit uuid, starts_at timestamptz default null, staff jsonb default null, override_reason text default null) returns integer
language sql volatile
set search_path = ''
as $$
  select app.move_lines(app.changeable_lines(visit, null, override_reason), starts_at, staff, override_reason)
$$;
comment on function app.move_visit(uuid, timestamptz, jsonb, text) is
  'Moves the active bookings of a visit of the transaction''s tenant together: the first to starts_at (null: times stay), each to the staff that staff names by the booking''s id. All or none: a time that is taken is an exclusion_violation. Inside the cancellation notice only with override_reason, else bookings_cancel_notice. Returns how many; 0: none was active.';

create or replace function app.move_booking(booking uuid, starts_at timestamptz default null, staff uuid default null, override_reason text default null) returns integer
language sql volatile
set search_path = ''
as $$
  select app.move_lines(app.changeable_lines(null, booking, override_reason), starts_at,
    case when staff is not null then jsonb_build_object(booking, staff) end, override_reason)
$$;
comment on function app.move_booking(uuid, timestamptz, uuid, text) is 'As app.move_visit, one booking alone.';
