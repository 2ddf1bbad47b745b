-- The reminder plan. Rules: docs/notifications.md.

create or replace function app.reminder_kind(before interval) returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return 'reminder_' || case
    when extract(epoch from before)::bigint % 3600 = 0 then extract(epoch from before)::bigint / 3600 || 'h'
    when extract(epoch from before)::bigint % 60 = 0 then extract(epoch from before)::bigint / 60 || 'm'
    else extract(epoch from before)::bigint || 's'
  end;
end $$;
comment on function app.reminder_kind(interval) is 'reminder_24h, reminder_1h, reminder_15m, …';

create or replace function app.reminder_due(starts_at timestamptz, before interval, zone text) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
begin
  -- Whole days mean the same wall-clock time so many days before; anything else is elapsed time.
  return case when extract(epoch from before)::bigint % 86400 = 0
    then ((starts_at at time zone zone) - make_interval(days => (extract(epoch from before)::bigint / 86400)::integer)) at time zone zone
    else starts_at - before
  end;
end $$;
comment on function app.reminder_due(timestamptz, interval, text) is 'When a reminder is due, quiet hours not yet looked at.';

create or replace function app.is_quiet(clock time, quiet_from time, quiet_until time) returns boolean
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return coalesce(case when quiet_from > quiet_until then clock >= quiet_from or clock < quiet_until
                       else clock >= quiet_from and clock < quiet_until end, false);
end $$;
comment on function app.is_quiet(time, time, time) is 'Whether a local time lies in the quiet hours; no quiet hours: never.';

create or replace function app.out_of_quiet(due timestamptz, before interval, zone text, quiet_from time, quiet_until time) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
declare
  local_due  timestamp := due at time zone zone;
  clock      time := local_due::time;
  day        date := local_due::date;
begin
  if not app.is_quiet(clock, quiet_from, quiet_until) then
    return due;
  end if;
  -- Shortly before the visit people are up: from 06:30 on it is sent, earlier it would only wake them.
  if before < interval '3 hours' then
    return case when clock < time '06:30' then null else due end;
  end if;
  -- The nearest allowed minute: the last one before the quiet, or the first one after it.
  if quiet_from > quiet_until then
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

create or replace function app.quiet_ends(at timestamptz, before interval, zone text, quiet_from time, quiet_until time) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
declare
  local_at  timestamp := at at time zone zone;
  clock     time := local_at::time;
  day       date := local_at::date;
begin
  -- What was planned for the last minute before the quiet may take some minutes to leave.
  if not app.is_quiet(clock, quiet_from, quiet_until)
     or not app.is_quiet((local_at - interval '5 minutes')::time, quiet_from, quiet_until) then
    return null;
  end if;
  if before < interval '3 hours' then
    return case when clock < time '06:30' then (day + least(time '06:30', quiet_until)) at time zone zone end;
  end if;
  return (case when quiet_from > quiet_until and clock >= quiet_from then day + 1 else day end + quiet_until) at time zone zone;
end $$;
comment on function app.quiet_ends(timestamptz, interval, text, time, time) is
  'When a message that is late and would leave in the quiet hours may be sent; null: now.';

create or replace function app.wanted_reminders(tenant uuid, firsts uuid[])
  returns table (booking_id uuid, revision integer, kind text, before interval, due_at timestamptz, expires_at timestamptz, reason text)
language plpgsql stable
set search_path = ''
as $$
begin
  return query
    select b.id, b.revision, app.reminder_kind(l.lead), l.lead, w.due_at,
           -- Useless once the next shorter one is due, and never after the start.
           greatest(w.due_at, coalesce(b.starts_at - l.shorter, b.starts_at)),
           case
             when not switched.reminders then 'reminders are off'
             when c.opted_out_at is not null then 'opted out'
             when d.due is null then 'quiet hours'
             when d.due >= b.starts_at then 'quiet hours until the visit'
             when d.due <= app.now() then 'booked after it was due'
             when d.due < coalesce(b.confirmed_at, app.now()) + interval '30 minutes' then 'confirmed just before'
           end
      from app.tenants t
      cross join lateral (select app.flag(t.id, 'reminders') as reminders) switched
      join app.bookings b on b.tenant_id = t.id and b.id = any (firsts)
      join app.customers c on c.tenant_id = b.tenant_id and c.id = b.customer_id
      cross join lateral (select r as lead, lag(r) over (order by r) as shorter from unnest(t.reminders) r) l
      cross join lateral (select app.out_of_quiet(app.reminder_due(b.starts_at, l.lead, t.timezone), l.lead,
                                                  t.timezone, t.quiet_from, t.quiet_until) as due) d
      cross join lateral (select coalesce(d.due, b.starts_at - l.lead) as due_at) w
     where t.id = tenant;
end $$;
comment on function app.wanted_reminders(uuid, uuid[]) is
  'The reminders of these bookings by the tenant''s rules as they are now; reason: why one is not sent.';

create or replace function app.first_lines(tenant uuid, visits uuid[]) returns setof uuid
language plpgsql stable
set search_path = ''
as $$
begin
  return query
    select f.id
      from (select distinct on (b.visit_id) b.id, b.visit_id, b.starts_at from app.bookings b
             where b.tenant_id = tenant and b.visit_id = any (visits) and b.status = 'confirmed'
             order by b.visit_id, b.starts_at, b.id) f
      join app.tenants t on t.id = tenant
     where not exists (
       select from app.bookings b
        where b.tenant_id = tenant and b.visit_id = f.visit_id and b.status in ('arrived', 'completed', 'no_show')
          and (b.starts_at at time zone t.timezone)::date = (f.starts_at at time zone t.timezone)::date);
end $$;
comment on function app.first_lines(uuid, uuid[]) is
  'Of each of these visits the earliest booking that stands, unless the customer is here already: the one that is reminded of.';

drop function if exists app.plan_reminders(app.bookings);
create or replace function app.plan_visits(tenant uuid, visits uuid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  firsts  uuid[] := array(select app.first_lines(tenant, visits));
  wanted  interval[] := (select t.reminders from app.tenants t where t.id = tenant);
  made    integer;
begin
  -- In a fixed order, as app.opting takes them: nobody waits in a circle.
  with over as (
    select s.id, case
             when b.status <> 'confirmed' then 'booking is ' || b.status
             when b.revision <> s.revision then 'booking moved'
             when b.id = any (firsts) then 'no longer wanted'
             else 'told with another booking of the visit' end as reason
      from app.bookings b
      join app.scheduled_notifications s on s.tenant_id = b.tenant_id and s.booking_id = b.id
     where b.tenant_id = tenant and b.visit_id = any (visits)
       and s.status = 'planned' and s.kind like 'reminder\_%'
       and (b.id <> all (firsts) or b.revision <> s.revision or s.before <> all (wanted))
     order by b.visit_id, s.id for update of s
  )
  update app.scheduled_notifications s set status = 'cancelled', reason = over.reason
    from over where s.tenant_id = tenant and s.id = over.id;

  with planned as (
    insert into app.scheduled_notifications as s (tenant_id, booking_id, kind, before, due_at, expires_at, status, reason, revision, promoted_at)
    select tenant, w.booking_id, w.kind, w.before, w.due_at, w.expires_at,
           case when w.reason is null then 'planned' else 'skipped' end, w.reason, w.revision,
           case when w.reason is null and w.due_at <= app.now() + interval '1 hour' then app.now() end
      from app.wanted_reminders(tenant, firsts) w
     order by w.booking_id, w.kind
    on conflict on constraint scheduled_notifications_once_a_revision_and_kind do update
      -- A new id: the job of the old one may have run, and its key is taken once.
      set id = app.uuid_v7(), status = excluded.status, reason = excluded.reason,
          due_at = excluded.due_at, expires_at = excluded.expires_at, promoted_at = excluded.promoted_at
      where case s.status
        -- One whose time has passed by new rules keeps its old time.
        when 'planned' then excluded.reason is distinct from 'booked after it was due'
          and (excluded.status, excluded.due_at, excluded.expires_at) is distinct from (s.status, s.due_at, s.expires_at)
        -- First again, after another booking of the visit was for a while.
        when 'cancelled' then s.reason = 'told with another booking of the visit'
          or excluded.status = 'planned' and s.reason in ('opted out', 'no longer wanted', 'reminders are off')
        when 'skipped' then excluded.status = 'planned'
          and s.reason in ('opted out', 'reminders are off', 'quiet hours', 'quiet hours until the visit', 'booked after it was due', 'confirmed just before', 'no longer wanted')
        else false end
    returning s.id, s.due_at, s.promoted_at
  )
  select count(queue.enqueue('send_reminder', jsonb_build_object('tenant_id', tenant, 'notification_id', p.id), p.due_at, 'reminder:' || p.id))
    into made from planned p where p.promoted_at is not null;
end $$;
comment on function app.plan_visits(uuid, uuid[]) is
  'Brings the reminder plan of visits up to date: reminders of the first booking of each that stands, and no others. Those due within the hour become jobs at once, later ones are promoted in time.';

create or replace function app.plan_visit(tenant uuid, visit uuid) returns void
language sql volatile
set search_path = ''
as $$
  select app.plan_visits(tenant, array[visit])
$$;
comment on function app.plan_visit(uuid, uuid) is 'As app.plan_visits, one visit.';

-- A tenant's rules change: its bookings ahead are planned anew, some at a time.

create or replace function app.want_replan(tenant uuid) returns void
language sql volatile
set search_path = ''
as $$
  insert into app.replans as r (tenant_id) values (tenant)
  on conflict on constraint replans_pkey
  do update set wanted_at = app.now(), after_start = null, after_id = null, done_at = null;
  select queue.enqueue('replan_reminders', jsonb_build_object('tenant_id', tenant));
$$;
comment on function app.want_replan(uuid) is 'Has all reminders of a tenant planned anew, in the background.';

create or replace function app.replan_step(most integer default 500) returns text
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
  r       app.replans;
  lines   app.bookings[];
begin
  select * into r from app.replans x where x.tenant_id = tenant and x.done_at is null for update skip locked;
  if r.tenant_id is null then
    return 'done'; -- or another worker is at it, which sees whatever is wanted since
  end if;
  -- Bookings before reminders, as every writer goes.
  lines := array(
    select b from app.bookings b
     where b.tenant_id = tenant and b.status = 'confirmed'
       and b.starts_at > greatest(app.now(), coalesce(r.after_start, app.now()) - interval '1 microsecond')
       and (r.after_start is null or (b.starts_at, b.id) > (r.after_start, r.after_id))
     order by b.starts_at, b.id limit most for share of b);
  if cardinality(lines) = 0 then
    update app.replans x set done_at = app.now() where x.tenant_id = tenant;
    return 'done';
  end if;
  perform app.lock_visit(tenant, v.visit_id) from (select distinct b.visit_id from unnest(lines) b order by 1) v;
  perform app.plan_visits(tenant, array(select distinct b.visit_id from unnest(lines) b));
  update app.replans x set (after_start, after_id) = (select b.starts_at, b.id from unnest(lines) b order by b.starts_at desc, b.id desc limit 1)
   where x.tenant_id = tenant;
  return 'more';
end $$;
comment on function app.replan_step(integer) is
  'Plans the reminders of some more bookings of the transaction''s tenant anew, in order of time. done, or more: to be called again.';

create or replace function app.rules_changed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'UPDATE' and (new.reminders, new.quiet_from, new.quiet_until, new.timezone)
                          is distinct from (old.reminders, old.quiet_from, old.quiet_until, old.timezone) then
    perform app.want_replan(new.id);
  end if;
  perform app.plan_recalls(new);
  if tg_op = 'UPDATE' and new.timezone <> old.timezone then
    perform app.plan_agenda(s) from app.staff s where s.tenant_id = new.id order by s.id;
  end if;
  return null;
end $$;
comment on function app.rules_changed() is 'What follows for the plan from a change of a tenant.';
create or replace trigger rules_changed after insert or update of reminders, quiet_from, quiet_until, timezone, recall_after on app.tenants
  for each row execute function app.rules_changed();

create or replace function app.reminders_switched() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  flipped  app.feature_flags := case when tg_op = 'DELETE' then old else new end;
begin
  if flipped.flag = 'reminders' and (tg_op <> 'UPDATE' or new.enabled <> old.enabled) then
    perform app.want_replan(t.id) from app.tenants t
      where t.id = flipped.tenant_id
         or flipped.tenant_id is null
            and not exists (select from app.feature_flags f where f.tenant_id = t.id and f.flag = 'reminders')
      order by t.id;
  end if;
  return null;
end $$;
comment on function app.reminders_switched() is 'Plans anew where reminders were switched on or off.';
create or replace trigger reminders_switched after insert or update or delete on app.feature_flags
  for each row execute function app.reminders_switched();
