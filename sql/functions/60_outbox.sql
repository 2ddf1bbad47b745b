-- The outbox: a message is taken, sent outside of any transaction, and what came of it recorded. Any channel.

create or replace function app.outbound_instance() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  select c.instance_id into new.instance_id
    from app.conversations c where c.tenant_id = new.tenant_id and c.id = new.conversation_id;
  return new;
end $$;
comment on function app.outbound_instance() is 'The instance that sends a message is that of its conversation.';
create or replace trigger outbound_instance before insert on app.outbound_messages
  for each row when (new.channel = 'whatsapp') execute function app.outbound_instance();

create or replace function app.take_message(message uuid, job text, lease interval) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
  moment  constant timestamptz := queue.now();
  m       app.outbound_messages;
  quiet   timestamptz;
begin
  select * into m from app.outbound_messages o
   where o.tenant_id = tenant and o.id = message and o.status in ('queued', 'sending', 'unknown') for update;
  if m.id is null then
    return jsonb_build_object('outcome', 'empty');
  end if;
  if m.lease_until > moment and m.lease_by is distinct from job then
    return jsonb_build_object('outcome', 'busy');
  end if;
  if m.due_at > moment then
    return app.wait_until(m.due_at);
  end if;
  if m.status = 'sending' and m.body is null then
    -- Its sender died before it had a text to send.
    m.status := 'queued';
  elsif m.status = 'sending' then
    -- Its sender died or lost its time: it may have gone out.
    m.status := 'unknown';
    m.doubts := m.doubts + 1;
  end if;
  -- The attempt before this one may live on, if the database was away and the network was not:
  -- what it sends may show up until its lease is over.
  quiet := case when m.status = 'unknown' and m.lease_until > moment then m.lease_until end;
  update app.outbound_messages o
     set status = case when m.status = 'queued' then 'sending' else m.status end,
         attempts = o.attempts + 1, doubts = m.doubts, lease_by = job, lease_until = moment + lease
   where o.tenant_id = tenant and o.id = m.id;
  return jsonb_build_object(
      'outcome', 'send', 'channel', m.channel,
      'id', m.id, 'body', m.body, 'template', m.template, 'params', m.params,
      'attempts', m.attempts + 1, 'unsure', m.status = 'unknown', 'doubts', m.doubts,
      'created_at', m.created_at, 'expires_at', m.expires_at,
      'quiet_ms', extract(epoch from quiet - moment) * 1000, 'wanted_at', m.wanted_at, 'traceparent', m.traceparent,
      'facts', case when m.body is null then app.facts_of(m) end)
    || coalesce((
      select jsonb_build_object(
          'phone', a.known ->> 'phone', 'lid', a.known ->> 'lid', 'numbers', a.known -> 'try',
          'instance', i.name, 'api_key_env', i.api_key_env, 'typing', i.typing)
          || case when m.choices is null then '{}'::jsonb else jsonb_build_object(
            'choices', m.choices, 'menu_form', app.menu_form(tenant, i.id),
            'business', (select t.name from app.tenants t where t.id = tenant)) end
        from app.conversations c
        join app.instances i on i.tenant_id = c.tenant_id and i.id = c.instance_id
        -- Asked once: without the offset the planner writes the call wherever it is named.
        cross join lateral (select app.addresses_of(tenant, c.customer_id, c.instance_id) as known offset 0) a
       where c.tenant_id = tenant and c.id = m.conversation_id), '{}');
end $$;
comment on function app.take_message(uuid, text, interval) is
  'Takes a message for sending; whether it is still wanted is the caller''s to ask before. outcome: send (unsure: it may have gone out, look it up first), busy (another sender is at it), wait (ms), empty (no longer open).';

create or replace function app.wait_until(moment timestamptz) returns jsonb
language sql stable
set search_path = ''
as $$
  select jsonb_build_object('outcome', 'wait', 'ms', greatest(ceil(extract(epoch from moment - queue.now()) * 1000), 0)::bigint)
$$;
comment on function app.wait_until(timestamptz) is 'A claim''s answer that nothing is to be sent until then.';

create or replace function app.number_worked(message uuid, number text) returns void
language sql volatile
set search_path = ''
as $$
  select app.address_worked(c.tenant_id, c.customer_id, c.instance_id, number)
    from app.outbound_messages o
    join app.conversations c on c.tenant_id = o.tenant_id and c.id = o.conversation_id
   where o.tenant_id = app.tenant_id() and o.id = message
$$;
comment on function app.number_worked(uuid, text) is 'WhatsApp took the message to this one of the customer''s addresses.';

create or replace function app.begin_send(message uuid, job text, words text, lease interval) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  instance  uuid;
begin
  update app.outbound_messages o
     set status = 'sending', body = coalesce(o.body, words), lease_until = queue.now() + lease
   where o.tenant_id = app.tenant_id() and o.id = message and o.lease_by = job and o.status in ('sending', 'unknown')
  returning o.instance_id into instance;
  if not found then
    return false;
  end if;
  update app.senders s set lease_until = queue.now() + lease
   where s.tenant_id = app.tenant_id() and s.instance_id = instance and s.job = begin_send.job;
  return true;
end $$;
comment on function app.begin_send(uuid, text, text, interval) is
  'Just before the network: keeps the text made from a template, so that an echo or a look-up knows what may have gone out, and makes of a message that was looked up without a trace one whose death counts as another doubt. False: somebody else has it, or an echo has proved it sent.';

create or replace function app.mark_sent(message uuid, provider text, words text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  m  app.outbound_messages;
begin
  -- Whoever tells a status of this id meanwhile waits, and finds the message.
  perform app.lock_provider_id(provider);
  update app.outbound_messages o
     set status = 'sent',
         -- A gateway that gives two messages one name is not believed about the second.
         provider_id = case when exists (
           select from app.outbound_messages x
            where x.tenant_id = o.tenant_id and x.channel = o.channel and x.provider_id = provider and x.id <> o.id)
           then null else provider end,
         body = coalesce(o.body, words),
         sent_at = app.now(), lease_by = null, lease_until = null, error = null
   where o.tenant_id = app.tenant_id() and o.id = message
     and (o.status in ('queued', 'sending', 'unknown') or o.status = 'failed' and o.doubts > 0 and o.provider_id is null)
  returning * into m;
  if m.id is null then
    return false;
  end if;
  update app.booking_notifications n set status = 'sent', reason = null
   where n.tenant_id = m.tenant_id and n.outbound_message_id = m.id and n.status in ('queued', 'failed');
  if m.provider_id is not null then
    perform app.apply_early_statuses(m);
  end if;
  return true;
end $$;
comment on function app.mark_sent(uuid, text, text) is
  'The message has gone out under this id, as an answer, an echo or a look-up shows. False: that was known.';

create or replace function app.record_sent(message uuid, provider text, words text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  perform app.mark_sent(message, provider, words);
  return app.end_send(message, true);
end $$;
comment on function app.record_sent(uuid, text, text) is
  'The gateway took the message and named it. True: a person was told of trouble with this instance, which is now over.';

create or replace function app.record_retry(message uuid, fate text, why text, words text, delay interval) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  update app.outbound_messages o
     set status = case when fate = 'not_sent' and o.doubts = 0 then 'queued' else 'unknown' end,
         doubts = o.doubts + (fate = 'maybe_sent')::integer,
         body = case when fate <> 'not_sent' or o.doubts > 0 then coalesce(o.body, words)
                     when o.template is null then o.body end, -- else made anew next time
         error = left(why, 200), lease_by = null, lease_until = null, due_at = queue.now() + delay
   where o.tenant_id = app.tenant_id() and o.id = message and o.status in ('queued', 'sending', 'unknown');
  perform app.end_send(message, false);
end $$;
comment on function app.record_retry(uuid, text, text, text, interval) is
  'To be tried again after delay. fate: not_sent; maybe_sent, so only after a look-up; unknown, when the look-up itself failed.';

create or replace function app.record_failed(message uuid, why text) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  if app.mark_failed(message, why) then
    perform app.fall_back(message, why);
  end if;
end $$;
comment on function app.record_failed(uuid, text) is 'The message is given up: visible in ops, with the reason; another channel may take it.';

create or replace function app.record_withdrawn(message uuid, why text) returns void
language sql volatile
set search_path = ''
as $$
  select app.mark_failed(message, why)
$$;
comment on function app.record_withdrawn(uuid, text) is 'The message is no longer true, wanted or useful: failed, on any channel.';

create or replace function app.mark_failed(message uuid, why text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  update app.outbound_messages o set status = 'failed', error = left(why, 200), lease_by = null, lease_until = null
   where o.tenant_id = app.tenant_id() and o.id = message and o.status in ('queued', 'sending', 'unknown');
  if not found then
    return false;
  end if;
  update app.booking_notifications n set status = 'failed', reason = left(why, 200)
   where n.tenant_id = app.tenant_id() and n.outbound_message_id = message and n.status = 'queued';
  update app.scheduled_notifications n set status = 'failed', reason = left(why, 200)
   where n.tenant_id = app.tenant_id() and n.outbound_message_id = message;
  return true;
end $$;
comment on function app.mark_failed(uuid, text) is 'Notes that a message will not be sent, and so what it should have told. False: it is no longer open.';
