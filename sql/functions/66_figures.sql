-- What health and metrics tell of instances, of all tenants: their names at the gateway and numbers.

create or replace function app.instance_figures() returns table (
  instance text, state text, state_at timestamptz, problem text, paused boolean, unsent bigint, oldest_unsent double precision,
  unacknowledged bigint, alarms text[])
language plpgsql stable security definer
set search_path = ''
as $$
begin
  perform app.refuse_api_client();
  return query
    select i.name, i.state, i.state_at, h.problem, coalesce(s.paused_until > app.now(), false),
           o.unsent, extract(epoch from app.now() - o.oldest)::double precision,
           (select count(*) from app.unacknowledged(i.tenant_id, i.id)),
           array(select a.alarm from app.alarms a
                  where a.tenant_id = i.tenant_id and a.instance_id = i.id and a.over_at is null order by a.alarm)
      from app.instances i
      left join app.instance_health h on h.tenant_id = i.tenant_id and h.instance_id = i.id
      left join app.senders s on s.tenant_id = i.tenant_id and s.instance_id = i.id,
           lateral (
             select count(*) as unsent, min(x.created_at) as oldest
               from app.outbound_messages x
              where x.tenant_id = i.tenant_id and x.instance_id = i.id and x.status in ('queued', 'sending', 'unknown')) o
     order by i.name;
end $$;
comment on function app.instance_figures() is
  'One line an instance of any tenant, for /metrics and /health/ready: how it is connected, what waits, what is wrong. Tells no customer''s data.';
