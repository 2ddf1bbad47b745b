-- How instances are connected, what is wrong with them, and which sends nobody has confirmed.

create or replace view ops.instances with (security_invoker = true) as
  select i.tenant_id, t.slug as tenant, i.id, i.name, i.state, i.state_at, h.problem, h.problem_since,
         h.integration, h.server_version, h.last_event_at, h.answered_at, h.swept_until, h.missed_since,
         h.menus_refused,
         case when s.paused_until > app.now() then s.paused_until end as paused_until,
         case when s.paused_until > app.now() then s.paused_reason end as paused_reason,
         s.failures, o.unsent, app.now() - o.oldest as oldest_unsent,
         array(select a.alarm from app.alarms a
                where a.tenant_id = i.tenant_id and a.instance_id = i.id and a.over_at is null order by a.alarm) as alarms
    from app.instances i
    join app.tenants t on t.id = i.tenant_id
    left join app.instance_health h on h.tenant_id = i.tenant_id and h.instance_id = i.id
    left join app.senders s on s.tenant_id = i.tenant_id and s.instance_id = i.id,
         lateral (
           select count(*) as unsent, min(x.created_at) as oldest
             from app.outbound_messages x
            where x.tenant_id = i.tenant_id and x.instance_id = i.id and x.status in ('queued', 'sending', 'unknown')) o;
comment on view ops.instances is 'One line an instance: connection, pause, what waits to be sent, and what is wrong for too long (alarms).';

create or replace view ops.unacknowledged with (security_invoker = true) as
  select o.tenant_id, o.conversation_id, o.id, coalesce(o.template, 'reply') as kind, i.name as instance, o.sent_at,
         app.now() - o.sent_at as waits
    from app.instances i, app.unacknowledged(i.tenant_id, i.id) o;
comment on view ops.unacknowledged is
  'Messages that the gateway took five minutes to two hours ago and WhatsApp has not confirmed: the instance, or the number behind it, may be blocked.';

create or replace view ops.alarms with (security_invoker = true) as
  select a.tenant_id, t.slug as tenant, i.name as instance, a.alarm, a.since, a.raised_at, a.over_at, a.told_at
    from app.alarms a
    join app.instances i on i.tenant_id = a.tenant_id and i.id = a.instance_id
    join app.tenants t on t.id = a.tenant_id;
comment on view ops.alarms is 'Every incident of an instance: what, since when, until when. over_at null: it lasts.';

create or replace view ops.flags with (security_invoker = true) as
  select f.flag, t.slug as tenant, f.enabled, f.updated_at
    from app.feature_flags f left join app.tenants t on t.id = f.tenant_id;
comment on view ops.flags is 'What is switched on: tenant null is the default for whoever has no value of its own.';
