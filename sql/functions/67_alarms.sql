-- What is wrong with an instance for too long, raised once and told once.

create or replace function app.unacknowledged(tenant uuid, instance uuid) returns setof app.outbound_messages
language sql stable
set search_path = ''
as $$
  -- What one lost report leaves behind ends by itself.
  select o.* from app.outbound_messages o
   where o.tenant_id = tenant and o.instance_id = instance and o.status = 'sent' and o.acknowledged_at is null
     and o.author <> 'phone' and o.channel = 'whatsapp'
     and o.sent_at < app.now() - interval '5 minutes' and o.sent_at > app.now() - interval '2 hours'
$$;
comment on function app.unacknowledged(uuid, uuid) is
  'Messages that the gateway took minutes ago, in the last two hours, and WhatsApp has not confirmed.';

create or replace function app.wrong_since(instance uuid) returns table (alarm text, since timestamptz)
language sql stable
set search_path = ''
as $$
  with h as (
    select x.*, i.state from app.instance_health x
      join app.instances i on i.tenant_id = x.tenant_id and i.id = x.instance_id
     where x.tenant_id = app.tenant_id() and x.instance_id = instance)
  select 'unreachable', h.problem_since from h where h.problem_since <= app.now() - interval '3 minutes'
  union all
  select 'down', h.down_since from h where h.problem is null and h.down_since <= app.now() - interval '5 minutes'
  union all
  select 'silent', h.missed_since from h where h.missed_since <= app.now() - interval '3 minutes'
  union all
  select 'paused', app.now() from app.senders s
   where s.tenant_id = app.tenant_id() and s.instance_id = instance
     and s.paused_until > app.now() and s.paused_reason is distinct from 'not connected'
     and s.failures >= 3
  union all
  select 'unacknowledged', min(o.sent_at) from h, app.unacknowledged(h.tenant_id, h.instance_id) o
   -- That kind of instance reports nothing.
   where h.integration is distinct from 'EVOLUTION' having count(*) > 0
$$;
comment on function app.wrong_since(uuid) is 'What has been wrong with an instance for too long, and since when (app.alarms.alarm).';

create or replace function app.judge_instance(instance uuid) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
  news    jsonb;
begin
  with wrong as materialized (
    select w.alarm, w.since from app.wrong_since(instance) w
  ), raised as (
    insert into app.alarms (tenant_id, instance_id, alarm, since)
    select tenant, instance, w.alarm, w.since from wrong w
     where not exists (select from app.alarms a where a.tenant_id = tenant and a.instance_id = instance
                          and a.alarm = w.alarm and a.over_at is null)
    on conflict do nothing
    returning id, alarm, since, null::timestamptz as over_at
  ), ended as (
    update app.alarms a set over_at = app.now(), tell_at = app.now()
     where a.tenant_id = tenant and a.instance_id = instance and a.over_at is null
       and a.alarm not in (select w.alarm from wrong w)
    returning a.id, a.alarm, a.since, a.over_at
  )
  select jsonb_agg(to_jsonb(n) order by n.alarm) into news from (select * from raised union all select * from ended) n;
  return coalesce(news, '[]');
end $$;
comment on function app.judge_instance(uuid) is
  'Raises an alarm, once an incident, and ends those whose cause is gone. Returns what is new: [{id, alarm, since, over_at}].';

create or replace function app.alarms_to_tell(lease interval, most integer) returns table (
  id uuid, tenant_id uuid, tenant text, instance text, alarm text, since timestamptz, raised_at timestamptz, over_at timestamptz)
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  perform app.refuse_api_client();
  return query
    with due as (
      select a.id from app.alarms a
       where (a.told_at is null or (a.over_at is not null and a.told_over_at is null))
         -- What nobody could be told of for a day is history.
         and a.tell_at <= app.now() and a.tell_at > app.now() - interval '1 day'
       order by a.tell_at limit most for update skip locked
    ), taken as (
      update app.alarms a set tell_at = app.now() + lease from due where a.id = due.id
      returning a.id, a.tenant_id, a.instance_id, a.alarm, a.since, a.raised_at, a.over_at
    )
    select k.id, k.tenant_id, t.slug, i.name, k.alarm, k.since, k.raised_at, k.over_at
      from taken k
      join app.tenants t on t.id = k.tenant_id
      join app.instances i on i.tenant_id = k.tenant_id and i.id = k.instance_id;
end $$;
comment on function app.alarms_to_tell(interval, integer) is
  'Alarms of any tenant that somebody is to be told of by mail, or that are over; for the length of lease nobody else is given them.';

create or replace function app.alarm_told(alarm uuid, over_at timestamptz) returns void
language sql volatile
set search_path = ''
as $$
  update app.alarms a
     set told_at = coalesce(a.told_at, app.now()), tell_at = app.now(),
         told_over_at = case when alarm_told.over_at is not null then app.now() end
   where a.tenant_id = app.tenant_id() and a.id = alarm_told.alarm
$$;
comment on function app.alarm_told(uuid, timestamptz) is 'Somebody was told of an alarm, and, if over_at is given, that it is over.';
