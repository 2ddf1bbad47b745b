-- What health and metrics tell, of all tenants: instances by their names at the gateway, and numbers.

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

create or replace function app.system_figures(most integer default 10000) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
  moment  constant timestamptz := app.now();
begin
  perform app.refuse_api_client();
  -- Each number from an index of what is open, and no further than most: what is done, and how far a
  -- backlog has grown, costs nothing.
  return jsonb_build_object(
    'jobs', (
      select coalesce(jsonb_agg(jsonb_build_object(
               'kind', k.kind, 'paused', k.paused_at is not null,
               'waiting', waiting.n, 'oldest', extract(epoch from moment - waiting.oldest), 'scheduled', scheduled.n,
               'running', (select count(*) from apalis.jobs j where j.lock_by is not null and j.job_type = k.kind and j.status in ('Queued', 'Running')),
               'dead', (select count(*) from (select from apalis.jobs j where j.status = 'Killed' and j.job_type = k.kind limit most) d),
               'workers', (select count(*) from apalis.workers w where w.worker_type = k.kind and w.last_seen > now() - interval '15 seconds'))), '[]')
        from queue.kinds k
       cross join lateral (
         select count(*) as n, min(x.run_at) as oldest
           from (select j.run_at from apalis.jobs j
                  where j.job_type = k.kind and (j.status = 'Pending' or j.status = 'Failed' and j.attempts < j.max_attempts)
                    and j.priority = 0 and j.run_at <= moment
                  order by j.run_at limit most) x) waiting
       cross join lateral (
         select count(*) as n
           from (select from apalis.jobs j
                  where j.job_type = k.kind and (j.status = 'Pending' or j.status = 'Failed' and j.attempts < j.max_attempts)
                    and j.priority = 0 and j.run_at > moment
                  limit most) x) scheduled),
    'outbox', (
      select coalesce(jsonb_agg(jsonb_build_object('channel', c.channel, 'open', x.n, 'oldest', extract(epoch from moment - x.oldest))), '[]')
        from (values ('email'), ('sms')) as c (channel)
       cross join lateral (
         select count(*) as n, min(d.created_at) as oldest
           from (select o.channel, o.created_at from app.outbound_messages o
                  where o.conversation_id is null and o.status in ('queued', 'sending', 'unknown')
                  order by o.due_at limit most) d
          where d.channel = c.channel) x),
    'inbox', (
      select jsonb_build_object('open', count(*), 'oldest', extract(epoch from moment - min(x.received_at)))
        from (select m.received_at from app.inbound_messages m where m.processed_at is null limit most) x),
    'overdue', (
      select jsonb_build_object('open', count(*), 'oldest', extract(epoch from moment - min(x.due_at)))
        from (select s.due_at from app.scheduled_notifications s
               where s.status = 'planned' and s.promoted_at is null and s.due_at <= moment
               order by s.due_at limit most) x),
    'waiting', (
      select jsonb_build_object('open', count(*), 'oldest', extract(epoch from moment - min(x.waiting_since)))
        from (select c.waiting_since from app.conversations c where c.waiting_since is not null limit most) x),
    'invariants', (
      select jsonb_build_object('age', extract(epoch from clock_timestamp() - s.checked_at), 'violations', s.violations)
        from queue.invariant_state s));
end $$;
comment on function app.system_figures(integer) is
  'What waits and what is wrong in all tenants together, for /metrics: numbers and ages in seconds, nothing of tenants and customers. Counts end at most.';
