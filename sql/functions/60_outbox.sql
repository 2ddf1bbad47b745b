-- Delivering the outbox: claim, send outside of any transaction, record.

create or replace function app.claim_message(conversation uuid, job text, lease interval) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
  m       app.outbound_messages;
  b       app.bookings;
  why     text;
  quiet   timestamptz;
begin
  loop
    -- Always the oldest open one: replies of one conversation leave in order.
    select * into m from app.outbound_messages o
     where o.tenant_id = tenant and o.conversation_id = conversation and o.status in ('queued', 'sending', 'unknown')
     order by o.seq limit 1 for update;
    if m.id is null then
      return jsonb_build_object('outcome', 'empty');
    end if;
    if m.lease_until > app.now() and m.lease_by is distinct from job then
      return jsonb_build_object('outcome', 'busy');
    end if;
    -- The attempt before this one may live on, if the database was away and the network was not:
    -- what it sends may show up until its lease is over.
    quiet := case when m.lease_until > app.now() then m.lease_until end;
    if m.next_attempt_at > app.now() then
      return jsonb_build_object('outcome', 'wait', 'until', m.next_attempt_at);
    end if;
    if m.status = 'sending' then
      -- Its sender died or lost its time: it may have gone out.
      m.status := 'unknown';
      m.doubts := m.doubts + 1;
    end if;
    why := null;
    b := null;
    if m.booking_id is not null then
      select * into b from app.bookings x where x.tenant_id = tenant and x.id = m.booking_id;
    end if;
    if m.status = 'unknown' and coalesce(m.expires_at, m.created_at + interval '24 hours') + interval '1 hour' <= app.now() then
      why := 'may have been sent; could not be looked up';
    elsif m.status = 'queued' then
      why := case
        when m.expires_at <= app.now() then 'expired'
        when m.template is null then null
        when m.template = 'reminder' and exists (
          select from app.conversations c join app.customers u on u.tenant_id = c.tenant_id and u.id = c.customer_id
           where c.tenant_id = tenant and c.id = conversation and u.opted_out_at is not null) then 'opted out'
        when exists (select from app.lines_told(m)) then null
        when m.booking_revision is distinct from b.revision then 'booking moved'
        else 'booking is ' || b.status
      end;
    end if;
    exit when why is null;
    perform app.record_failed(m.id, why);
  end loop;
  -- Claims of one instance take turns here, so that they see each other.
  perform from app.instances i
    join app.conversations c on c.tenant_id = i.tenant_id and c.instance_id = i.id
   where c.tenant_id = tenant and c.id = conversation for no key update of i;
  if not app.may_send(tenant, conversation, m.id) then
    return jsonb_build_object('outcome', 'busy');
  end if;

  update app.outbound_messages o
     set status = case when m.status = 'queued' then 'sending' else m.status end,
         attempts = o.attempts + 1, doubts = m.doubts, lease_by = job, lease_until = app.now() + lease, next_attempt_at = null
   where o.tenant_id = tenant and o.id = m.id;
  return (
    select jsonb_build_object(
      'outcome', 'send',
      'id', m.id, 'body', m.body, 'template', m.template, 'params', m.params,
      'attempts', m.attempts + 1, 'unsure', m.status = 'unknown', 'doubts', m.doubts, 'created_at', m.created_at,
      'resend_from', quiet,
      'phone', u.phone, 'lid', u.lid,
      'instance', i.name, 'api_key_env', i.api_key_env, 'typing', i.typing)
      || case when m.template is null or m.body is not null then '{}'::jsonb else jsonb_build_object(
           'customer', app.customer_json(u), 'catalogue', app.catalogue(),
           'lines', (select coalesce(jsonb_agg(app.booking_json(l) order by l.starts_at, l.id), '[]') from app.lines_told(m) l),
           'others', (select coalesce(jsonb_agg(app.booking_json(x) order by x.starts_at, x.id), '[]') from app.bookings x
                       where x.tenant_id = tenant and x.visit_id = b.visit_id and x.status in ('confirmed', 'arrived')
                         and x.id not in (select l.id from app.lines_told(m) l))) end
      from app.conversations c
      join app.customers u on u.tenant_id = c.tenant_id and u.id = c.customer_id
      join app.instances i on i.tenant_id = c.tenant_id and i.id = c.instance_id
     where c.tenant_id = tenant and c.id = conversation);
end $$;
comment on function app.claim_message(uuid, text, interval) is
  'Takes the next message of a conversation for sending. outcome: send (unsure: it may have gone out, look it up first), busy (another sender is at it), wait (until), empty. What is no longer true or useful is failed on the way.';

create or replace function app.lines_told(m app.outbound_messages) returns setof app.bookings
language sql stable
set search_path = ''
as $$
  -- A reminder speaks of all that stands of a visit, as long as the booking that it was planned for does.
  select x.* from app.bookings b
    join app.bookings x on x.tenant_id = b.tenant_id and x.visit_id = b.visit_id
   where m.template = 'reminder'
     and b.tenant_id = m.tenant_id and b.id = m.booking_id
     and b.revision = m.booking_revision and b.status in ('confirmed', 'arrived')
     and x.status in ('confirmed', 'arrived')
  union all
  select x.*
    from jsonb_each_text(coalesce(m.params -> 'lines', jsonb_build_object(m.booking_id, m.booking_revision))) l
    join app.bookings x on x.tenant_id = m.tenant_id and x.id = l.key::uuid and x.revision = l.value::integer
   where m.template <> 'reminder'
     and case m.template when 'booking_cancelled' then x.status = 'cancelled' else x.status in ('confirmed', 'arrived') end
$$;
comment on function app.lines_told(app.outbound_messages) is
  'The bookings of which a message with a template is still true; none: it is not to be sent.';

create or replace function app.may_send(tenant uuid, conversation uuid, message uuid) returns boolean
language sql volatile -- looks anew after the wait for the instance
set search_path = ''
as $$
  -- Two at a time for one instance, in all processes together: one that hangs takes two slots and no
  -- more, and WhatsApp frowns on many sends at once.
  select count(*) < 2
    from app.outbound_messages o
    join app.conversations a on a.tenant_id = o.tenant_id and a.id = o.conversation_id
    join app.conversations c on c.tenant_id = a.tenant_id and c.instance_id = a.instance_id
   where c.tenant_id = tenant and c.id = conversation
     and o.tenant_id = tenant and o.lease_until > app.now() and o.id <> message
$$;
comment on function app.may_send(uuid, uuid, uuid) is 'Whether an instance has room for one more send.';

create or replace function app.begin_resend(message uuid) returns void
language sql volatile
set search_path = ''
as $$
  update app.outbound_messages o set status = 'sending'
   where o.tenant_id = app.tenant_id() and o.id = message and o.status = 'unknown'
$$;
comment on function app.begin_resend(uuid) is
  'A message that was looked up without a trace is sent once more: should this attempt die, it counts as another doubt.';

create or replace function app.record_sent(message uuid, provider text, text_sent text) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  update app.outbound_messages o
     set status = 'sent',
         -- A gateway that gives two messages one name is not believed about the second.
         provider_id = case when exists (
           select from app.outbound_messages x
            where x.tenant_id = o.tenant_id and x.channel = o.channel and x.provider_id = provider and x.id <> o.id)
           then null else provider end,
         body = coalesce(o.body, text_sent),
         sent_at = app.now(), lease_by = null, lease_until = null, error = null
   where o.tenant_id = app.tenant_id() and o.id = message and o.status in ('queued', 'sending', 'unknown');
  update app.booking_notifications n set status = 'sent'
   where n.tenant_id = app.tenant_id() and n.outbound_message_id = message and n.status = 'queued';
end $$;
comment on function app.record_sent(uuid, text, text) is 'The gateway took the message and named it.';

create or replace function app.record_retry(message uuid, fate text, why text, text_sent text, delay interval) returns void
language sql volatile
set search_path = ''
as $$
  update app.outbound_messages o
     set status = case when fate = 'not_sent' and o.doubts = 0 then 'queued' else 'unknown' end,
         doubts = o.doubts + (fate = 'maybe_sent')::integer,
         body = case when fate = 'not_sent' then o.body else coalesce(o.body, text_sent) end,
         error = left(why, 200), lease_by = null, lease_until = null, next_attempt_at = app.now() + delay
   where o.tenant_id = app.tenant_id() and o.id = message and o.status in ('queued', 'sending', 'unknown')
$$;
comment on function app.record_retry(uuid, text, text, text, interval) is
  'To be tried again after delay. fate: not_sent; maybe_sent, so only after a look-up; unknown, when the look-up itself failed.';

create or replace function app.record_failed(message uuid, why text) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  update app.outbound_messages o set status = 'failed', error = left(why, 200), lease_by = null, lease_until = null
   where o.tenant_id = app.tenant_id() and o.id = message and o.status in ('queued', 'sending', 'unknown');
  update app.booking_notifications n set status = 'failed', reason = left(why, 200)
   where n.tenant_id = app.tenant_id() and n.outbound_message_id = message and n.status = 'queued';
  update app.scheduled_notifications n set status = 'failed', reason = left(why, 200)
   where n.tenant_id = app.tenant_id() and n.outbound_message_id = message;
end $$;
comment on function app.record_failed(uuid, text) is 'The message is given up: visible in ops, with the reason.';
