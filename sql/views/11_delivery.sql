-- What customers were told, how fast, and what is still to be told.

create or replace view ops.unsent_messages with (security_invoker = true) as
  select o.tenant_id, t.slug as tenant, o.conversation_id, o.id, o.seq, coalesce(o.template, 'reply') as kind, o.channel,
         o.status, o.attempts, o.doubts, o.created_at, app.now() - o.created_at as waits, o.due_at, o.expires_at,
         i.name as instance, i.state as instance_state, o.error,
         case
           when exists (select from queue.kinds k where k.kind = 'deliver_messages' and k.paused_at is not null) then 'sending is paused'
           when o.lease_until > app.now() then 'being sent'
           when exists (select from app.outbound_messages e
                         where e.tenant_id = o.tenant_id and e.conversation_id = o.conversation_id
                           and e.status in ('queued', 'sending', 'unknown') and e.seq < o.seq) then 'an older message of the conversation goes first'
           when o.status = 'unknown' then 'may have gone out: looked up before another try'
           when o.channel = 'whatsapp' and i.state is distinct from 'open' then 'the instance is ' || coalesce(i.state, 'unknown')
           when s.paused_until > app.now() then 'the instance waits until ' || s.paused_until || coalesce(': ' || s.paused_reason, '')
           when o.due_at > app.now() then 'tried again at ' || o.due_at || coalesce(': ' || o.error, '')
           else 'its turn has come' end as why,
         case
           when exists (select from queue.kinds k where k.kind = 'deliver_messages' and k.paused_at is not null)
             then 'select ops.resume(''deliver_messages'');'
           when o.channel = 'whatsapp' and i.state is distinct from 'open' then 'connect the instance: its WhatsApp is not linked'
           else format('select * from ops.jobs where kind = ''deliver_messages'' and tenant_id = %L and state <> ''done'';', o.tenant_id) end as what_to_do
    from app.outbound_messages o
    join app.tenants t on t.id = o.tenant_id
    left join app.conversations c on c.tenant_id = o.tenant_id and c.id = o.conversation_id
    left join app.instances i on i.tenant_id = c.tenant_id and i.id = c.instance_id
    left join app.senders s on s.tenant_id = i.tenant_id and s.instance_id = i.id
   where o.status in ('queued', 'sending', 'unknown');
comment on view ops.unsent_messages is 'Every message that is still to be sent, why it waits and what to do; order by created_at for the oldest.';

create or replace view ops.delivery with (security_invoker = true) as
  select t.slug as tenant, o.tenant_id, (o.created_at at time zone t.timezone)::date as day, coalesce(o.template, 'reply') as kind, o.channel,
         count(*) as messages,
         count(*) filter (where o.status in ('queued', 'sending', 'unknown')) as open,
         count(*) filter (where o.status in ('sent', 'delivered', 'read')) as sent,
         count(*) filter (where o.delivered_at is not null or o.status in ('delivered', 'read')) as delivered,
         count(*) filter (where o.status = 'read') as read,
         count(*) filter (where o.status = 'failed') as failed,
         percentile_cont(0.5) within group (order by o.sent_at - o.created_at) as to_send_p50,
         percentile_cont(0.95) within group (order by o.sent_at - o.created_at) as to_send_p95
    from app.outbound_messages o join app.tenants t on t.id = o.tenant_id
   group by 1, 2, 3, 4, 5;
comment on view ops.delivery is 'Messages by tenant, local day and kind: how many got how far, and how long they took to leave.';

create or replace view ops.reminders with (security_invoker = true) as
  select t.slug as tenant, s.tenant_id, (s.due_at at time zone t.timezone)::date as day, s.kind,
         count(*) filter (where s.status <> 'cancelled' and s.due_at <= app.now()) as due,
         count(*) filter (where s.status = 'sent') as sent,
         count(*) filter (where s.status = 'skipped') as skipped,
         count(*) filter (where s.status = 'failed') as failed,
         count(*) filter (where s.status = 'cancelled') as cancelled,
         count(*) filter (where s.status = 'planned' and s.due_at <= app.now()) as overdue,
         count(*) filter (where s.status = 'planned' and s.due_at > app.now()) as to_come,
         max(o.sent_at - s.due_at) as latest_by
    from app.scheduled_notifications s
    join app.tenants t on t.id = s.tenant_id
    left join app.outbound_messages o on o.tenant_id = s.tenant_id and o.id = s.outbound_message_id
   group by 1, 2, 3, 4;
comment on view ops.reminders is 'Reminders due against sent, by tenant, local day and kind; latest_by: how late the latest left.';

create or replace view ops.slow_tenants with (security_invoker = true) as
  select t.slug as tenant, t.id as tenant_id, r.messages, r.read_p50, r.read_p95, a.answers, a.sent_p50, a.sent_p95, a.failed,
         (select count(*) from app.outbound_messages w where w.tenant_id = t.id and w.status in ('queued', 'sending', 'unknown')) as unsent
    from app.tenants t
    left join lateral (
      select count(*) as messages,
             percentile_cont(0.5) within group (order by m.processed_at - m.received_at) as read_p50,
             percentile_cont(0.95) within group (order by m.processed_at - m.received_at) as read_p95
        from app.inbound_messages m
       where m.tenant_id = t.id and m.received_at > app.now() - interval '1 day' and m.kind <> 'unparsed') r on true
    left join lateral (
      select count(*) as answers,
             percentile_cont(0.5) within group (order by o.sent_at - o.created_at) as sent_p50,
             percentile_cont(0.95) within group (order by o.sent_at - o.created_at) as sent_p95,
             count(*) filter (where o.status = 'failed') as failed
        from app.outbound_messages o
       where o.tenant_id = t.id and o.created_at > app.now() - interval '1 day') a on true;
comment on view ops.slow_tenants is
  'Of the last day, by tenant: how long customers'' messages waited to be read (a burst''s own wait included) and answers to leave; order by sent_p95 desc nulls last.';
