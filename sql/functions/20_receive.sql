-- The webhook's one round trip.

create or replace function app.instance_of(instance_name text) returns table (tenant_id uuid, instance_id uuid)
language sql stable security definer
set search_path = ''
as $$
  select i.tenant_id, i.id from app.instances i where i.name = instance_name
$$;
comment on function app.instance_of(text) is 'Whose instance a webhook speaks of: ids only. The one look across tenants that the webhook needs.';

create or replace function app.refuse_api_client() returns void
language plpgsql stable
set search_path = ''
as $$
begin
  -- These functions find their tenant by themselves: only the program, which has checked the
  -- gateway's secret, may call them.
  if nullif(current_setting('request.jwt.claims', true), '') is not null then
    raise exception 'this is for the program alone' using errcode = 'insufficient_privilege';
  end if;
end $$;
comment on function app.refuse_api_client() is 'Refuses callers that come with a tenant''s token.';

create or replace function app.receive_message(
  at             timestamptz,
  instance_name  text,
  provider_id    text,
  phone          text,
  lid            text,
  push_name      text,
  kind           text,
  body           jsonb,
  sent_at        timestamptz
) returns text
language plpgsql volatile
set search_path = ''
-- A row that somebody has locked must not hold the gateway's webhooks: it brings them again.
set lock_timeout = '3s'
as $$
declare
  tenant        uuid;
  instance      uuid;
  customer      uuid;
  conversation  uuid;
  message       uuid;
begin
  perform app.refuse_api_client();
  select i.tenant_id, i.instance_id into tenant, instance from app.instance_of(instance_name) i;
  if tenant is null then
    return 'no_instance';
  end if;
  perform set_config('app.tenant_id', tenant::text, true), set_config('app.now', at::text, true);

  if kind = 'unparsed' then
    insert into app.inbound_messages (tenant_id, instance_id, kind, body, sent_at, received_at, processed_at)
    values (tenant, instance, kind, body, coalesce(sent_at, at), at, at);
    return 'accepted';
  end if;

  -- The cheap look first: most of what comes twice is already here.
  if exists (select from app.inbound_messages m
              where m.tenant_id = tenant and m.instance_id = instance and m.provider_id = receive_message.provider_id) then
    return 'duplicate';
  end if;

  customer := app.upsert_customer(tenant, receive_message.phone, receive_message.lid, push_name);
  insert into app.conversations (tenant_id, customer_id, instance_id, last_inbound_at)
  values (tenant, customer, instance, at)
  on conflict on constraint conversations_one_a_customer_and_instance do nothing
  returning id into conversation;
  if conversation is null then
    select c.id into conversation from app.conversations c
     where c.tenant_id = tenant and c.customer_id = customer and c.instance_id = instance;
  end if;

  insert into app.inbound_messages (tenant_id, instance_id, conversation_id, provider_id, kind, body, sent_at, received_at)
  values (tenant, instance, conversation, receive_message.provider_id, receive_message.kind, receive_message.body,
          -- A clock of the future would hold back everything said after it.
          least(coalesce(receive_message.sent_at, at), at), at)
  on conflict on constraint inbound_messages_provider_id_once do nothing
  returning id into message;
  if message is null then
    return 'duplicate';
  end if;
  perform queue.enqueue('process_message', jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation),
    -- By whichever clock is behind, as what is due at once.
    least(at, queue.now()) + app.burst_wait(receive_message.kind, receive_message.body ->> 'text',
      (select t.burst_window from app.tenants t where t.id = tenant)));
  return 'accepted';
end $$;
comment on function app.receive_message(timestamptz, text, text, text, text, text, text, jsonb, timestamptz) is
  'Stores a customer''s message and enqueues its processing, for the end of its burst. Returns accepted, duplicate (the instance has delivered this id before) or no_instance.';

create or replace function app.upsert_customer_once(tenant uuid, phone text, lid text, push_name text) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  customer  app.customers;
  called    text := nullif(left(btrim(regexp_replace(push_name, '[[:cntrl:]]', ' ', 'g')), 120), '');
begin
  select * into customer from app.customers c
   where c.tenant_id = tenant and c.phone = upsert_customer_once.phone;
  if customer.id is null and upsert_customer_once.lid is not null then
    select * into customer from app.customers c
     where c.tenant_id = tenant and c.lid = upsert_customer_once.lid
       -- A lid that is known with another phone is not believed over the phone just told.
       and (upsert_customer_once.phone is null or c.phone is null);
  end if;
  if customer.id is null then
    insert into app.customers (tenant_id, phone, lid, name)
    values (tenant, upsert_customer_once.phone,
            case when not exists (select from app.customers c where c.tenant_id = tenant and c.lid = upsert_customer_once.lid)
                   or upsert_customer_once.phone is null then upsert_customer_once.lid end,
            called)
    on conflict do nothing
    returning * into customer;
    if customer.id is null then -- somebody was quicker: theirs is visible now
      select * into customer from app.customers c
       where c.tenant_id = tenant
         and (c.phone = upsert_customer_once.phone or (upsert_customer_once.phone is null and c.lid = upsert_customer_once.lid));
    end if;
  elsif (customer.name is null and called is not null)
     or (customer.phone is null and upsert_customer_once.phone is not null)
     or (customer.lid is null and upsert_customer_once.lid is not null
         and not exists (select from app.customers c where c.tenant_id = tenant and c.lid = upsert_customer_once.lid)) then
    update app.customers c
       set name = coalesce(c.name, called),
           phone = coalesce(c.phone, upsert_customer_once.phone),
           lid = coalesce(c.lid, case when not exists (
                   select from app.customers o where o.tenant_id = tenant and o.lid = upsert_customer_once.lid and o.id <> c.id)
                   then upsert_customer_once.lid end)
     where c.tenant_id = tenant and c.id = customer.id;
  end if;
  return customer.id;
end $$;
comment on function app.upsert_customer_once(uuid, text, text, text) is 'One try of app.upsert_customer: null or unique_violation when somebody was quicker.';

create or replace function app.upsert_customer(tenant uuid, phone text, lid text, push_name text) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  customer  uuid;
begin
  for try in 1 .. 5 loop
    begin
      customer := app.upsert_customer_once(tenant, phone, lid, push_name);
      if customer is not null then
        return customer;
      end if;
    exception when unique_violation then
      null; -- the next try sees theirs
    end;
  end loop;
  raise exception 'the customer keeps changing' using errcode = 'serialization_failure';
end $$;
comment on function app.upsert_customer(uuid, text, text, text) is
  'The customer with this phone, else this lid; made if new, completed by what is learnt.';

create or replace function app.receive_edit(at timestamptz, instance_name text, provider_id text, words text) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  tenant    uuid;
  instance  uuid;
  message   app.inbound_messages;
begin
  perform app.refuse_api_client();
  select i.tenant_id, i.instance_id into tenant, instance from app.instance_of(instance_name) i;
  if tenant is null then
    return 'no_instance';
  end if;
  perform set_config('app.tenant_id', tenant::text, true), set_config('app.now', at::text, true);
  -- A turn that is reading the old words comes first.
  perform from app.conversations c
    join app.inbound_messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.id
   where m.tenant_id = tenant and m.instance_id = instance and m.provider_id = receive_edit.provider_id
     for no key update of c;
  select * into message from app.inbound_messages m
   where m.tenant_id = tenant and m.instance_id = instance and m.provider_id = receive_edit.provider_id;
  if message.id is null or message.conversation_id is null or words is not distinct from message.body ->> 'text' then
    return 'ignored';
  end if;
  if message.processed_at is null then
    update app.inbound_messages m
       set body = m.body || jsonb_build_object('text', words, 'before_edit', m.body -> 'text')
     where m.tenant_id = tenant and m.id = message.id;
    return 'accepted';
  end if;
  -- It was answered as it was; the edit comes twice where the gateway tries again.
  insert into app.conversation_events (tenant_id, conversation_id, event, actor, detail)
  select tenant, message.conversation_id, 'message_edited', 'customer:' || c.customer_id, d.detail
    from app.conversations c, jsonb_build_object('message_id', message.id, 'text', words) as d (detail)
   where c.tenant_id = tenant and c.id = message.conversation_id
     and not exists (
       select from app.conversation_events e
        where e.tenant_id = tenant and e.conversation_id = c.id and e.event = 'message_edited' and e.detail = d.detail);
  return 'ignored';
end $$;
comment on function app.receive_edit(timestamptz, text, text, text) is
  'A customer changed the words of a message: it is read so if it has not been read yet (accepted), else the timeline notes it (ignored).';

create or replace function app.receive_own(
  at             timestamptz,
  instance_name  text,
  provider_id    text,
  phone          text,
  lid            text,
  words          text,
  sent_at        timestamptz
) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  tenant        uuid;
  instance      uuid;
  customer      uuid;
  conversation  uuid;
  wrote_at      constant timestamptz := least(coalesce(receive_own.sent_at, at), at);
begin
  perform app.refuse_api_client();
  select i.tenant_id, i.instance_id into tenant, instance from app.instance_of(instance_name) i;
  if tenant is null then
    return 'no_instance';
  end if;
  perform set_config('app.tenant_id', tenant::text, true), set_config('app.now', at::text, true), set_config('app.actor', 'phone', true);
  if coalesce(receive_own.phone, receive_own.lid) is null
     or exists (select from app.outbound_messages o
                 where o.tenant_id = tenant and o.channel = 'whatsapp' and o.provider_id = receive_own.provider_id) then
    return 'ignored';
  end if;
  customer := app.upsert_customer(tenant, receive_own.phone, receive_own.lid, null);
  insert into app.conversations (tenant_id, customer_id, instance_id) values (tenant, customer, instance)
  on conflict on constraint conversations_one_a_customer_and_instance do nothing;
  -- The lock that turns take: what the bot is about to say is said before, or not at all.
  select c.id into conversation from app.conversations c
   where c.tenant_id = tenant and c.customer_id = customer and c.instance_id = instance for no key update;
  if app.may_be_ours(tenant, conversation, words, at) then
    return 'ignored';
  end if;
  insert into app.outbound_messages (tenant_id, conversation_id, body, author, status, provider_id, created_at, sent_at)
  values (tenant, conversation, coalesce(nullif(left(words, 4096), ''), '[…]'), 'phone', 'sent', receive_own.provider_id, wrote_at, wrote_at)
  on conflict do nothing;
  if found then
    perform app.person_wrote(tenant, conversation, wrote_at);
  end if;
  return 'ignored';
end $$;
comment on function app.receive_own(timestamptz, text, text, text, text, text, timestamptz) is
  'A message left the tenant''s own number: unless it is one of ours, a person wrote it on the phone, so it is noted and the bot pauses.';

create or replace function app.may_be_ours(tenant uuid, conversation uuid, words text, at timestamptz) returns boolean
language sql stable
set search_path = ''
as $$
  -- The echo of a send may come before the send's answer, so before its id is known; and a text made
  -- from a template at sending is not known either until then. A send that was given up may have
  -- gone out all the same.
  select exists (
    select from app.outbound_messages o
     where o.tenant_id = tenant and o.conversation_id = conversation and o.channel = 'whatsapp'
       and o.provider_id is null and o.attempts > 0 and o.updated_at > at - interval '10 minutes'
       and (o.body is null and o.status = 'sending'
            or btrim(regexp_replace(o.body, '\s+', ' ', 'g')) = btrim(regexp_replace(words, '\s+', ' ', 'g'))))
$$;
comment on function app.may_be_ours(uuid, uuid, text, timestamptz) is
  'Whether a message from the tenant''s own number may be one that we are sending or have sent without learning its id.';

create or replace function app.receive_unrouted(at timestamptz, instance_name text, event text, body jsonb) returns void
language sql volatile security definer
set search_path = ''
as $$
  select app.refuse_api_client();
  insert into app.unrouted_messages (instance, event, body, received_at)
  values (left(instance_name, 200), left(receive_unrouted.event, 200), receive_unrouted.body, at)
$$;
comment on function app.receive_unrouted(timestamptz, text, text, jsonb) is 'Keeps a body that names no instance, for operators.';

create or replace function app.receive_state(at timestamptz, instance_name text, new_state text) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  tenant    uuid;
  instance  uuid;
begin
  perform app.refuse_api_client();
  select i.tenant_id, i.instance_id into tenant, instance from app.instance_of(instance_name) i;
  if tenant is null then
    return 'no_instance';
  end if;
  perform set_config('app.tenant_id', tenant::text, true), set_config('app.now', at::text, true);
  -- Reconnect loops say the same thing dozens of times a second: only a change is written.
  update app.instances i set state = new_state, state_at = at
   where i.tenant_id = tenant and i.id = instance and i.state is distinct from new_state;
  return 'ignored';
end $$;
comment on function app.receive_state(timestamptz, text, text) is 'The gateway tells the connection state of an instance.';

create or replace function app.status_rank(status text) returns integer
language sql immutable parallel safe
set search_path = ''
as $$
  select array_position(array['queued', 'sending', 'unknown', 'sent', 'delivered', 'read'], status)
$$;
comment on function app.status_rank(text) is 'How far a message has come; a status never steps back.';

create or replace function app.receive_status(at timestamptz, instance_name text, message text, new_status text) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  tenant    uuid;
  found_id  uuid;
begin
  perform app.refuse_api_client();
  select i.tenant_id into tenant from app.instance_of(instance_name) i;
  if tenant is null then
    return 'no_instance';
  end if;
  perform set_config('app.tenant_id', tenant::text, true), set_config('app.now', at::text, true);
  update app.outbound_messages o
     set status       = case when new_status = 'failed' then 'failed' else new_status end,
         error        = case when new_status = 'failed' then 'refused after it was sent' else o.error end,
         delivered_at = case when new_status in ('delivered', 'read') then coalesce(o.delivered_at, at) else o.delivered_at end,
         read_at      = case when new_status = 'read' then coalesce(o.read_at, at) else o.read_at end
   where o.tenant_id = tenant and o.channel = 'whatsapp' and o.provider_id = message
     and (app.status_rank(new_status) > app.status_rank(o.status)
          or (new_status = 'failed' and o.status = 'sent'))
  returning o.id into found_id;
  if found_id is not null then
    update app.booking_notifications n set status = case when new_status = 'failed' then 'failed' else new_status end
     where n.tenant_id = tenant and n.outbound_message_id = found_id;
  end if;
  return 'ignored';
end $$;
comment on function app.receive_status(timestamptz, text, text, text) is
  'The gateway tells what became of a message we sent (sent, delivered, read, failed), joined by its provider id.';
