-- The webhook's one round trip: what customers write, change, take back and react to.

create or replace function app.instance_of(instance_name text) returns table (tenant_id uuid, instance_id uuid)
language plpgsql stable security definer -- its plan is kept
set search_path = ''
as $$
begin
  return query select i.tenant_id, i.id from app.instances i where i.name = instance_name;
end $$;
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

create or replace function app.enter_webhook(at timestamptz, instance_name text, out tenant uuid, out instance uuid)
language plpgsql volatile
set search_path = ''
as $$
begin
  perform app.refuse_api_client();
  select i.tenant_id, i.instance_id into tenant, instance from app.instance_of(instance_name) i;
  if tenant is not null then
    perform set_config('app.tenant_id', tenant::text, true), set_config('app.now', at::text, true),
            -- As in each of the program's transactions: a plan is made once, not for each value.
            set_config('plan_cache_mode', 'force_generic_plan', true);
    if coalesce(current_setting('app.looking_up', true), '') = 'on' then
      perform set_config('app.actor', 'job:watch_instances', true);
    else
      perform set_config('app.actor', 'webhook', true);
      perform app.note_event(tenant, instance, at);
    end if;
  end if;
end $$;
comment on function app.enter_webhook(timestamptz, text) is
  'Begins every receive_*: whose instance it is, for the rest of the transaction. Nulls: no tenant''s. With app.looking_up on, it was not a webhook that brought it.';

create or replace function app.receive_message(
  at             timestamptz,
  instance_name  text,
  provider_id    text,
  phone          text,
  lid            text,
  push_name      text,
  kind           text,
  body           jsonb,
  sent_at        timestamptz,
  jid            text default null
) returns text
language plpgsql volatile
set search_path = ''
-- A row that somebody has locked must not hold the gateway's webhooks: it brings them again.
set lock_timeout = '3s'
as $$
declare
  entered       constant record := app.enter_webhook(at, instance_name);
  tenant        constant uuid := entered.tenant;
  instance      constant uuid := entered.instance;
  conversation  uuid;
  message       uuid;
begin
  if tenant is null then
    return 'no_instance';
  end if;
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

  conversation := app.open_conversation(tenant, instance,
    app.customer_of(tenant, instance, receive_message.phone, receive_message.jid, receive_message.lid, push_name, at), at);
  insert into app.inbound_messages (tenant_id, instance_id, conversation_id, provider_id, kind, body, sent_at, received_at)
  values (tenant, instance, conversation, receive_message.provider_id, receive_message.kind, receive_message.body,
          -- A clock of the future would hold back everything said after it.
          least(coalesce(receive_message.sent_at, at), at), at)
  on conflict on constraint inbound_messages_provider_id_once do nothing
  returning id into message;
  if message is null then
    return 'duplicate';
  end if;
  if body ? 'vote' and not app.last_vote(tenant, conversation, message, at) then
    return 'accepted';
  end if;
  perform queue.enqueue('process_message', jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation),
    -- By whichever clock is behind, as what is due at once.
    least(at, queue.now()) + app.burst_wait(receive_message.kind, receive_message.body ->> 'text',
      (select t.burst_window from app.tenants t where t.id = tenant)));
  return 'accepted';
end $$;
comment on function app.receive_message(timestamptz, text, text, text, text, text, text, jsonb, timestamptz, text) is
  'Stores a customer''s message and enqueues its processing, for the end of its burst. Returns accepted, duplicate (the instance has delivered this id before) or no_instance.';

create or replace function app.open_conversation(tenant uuid, instance uuid, customer uuid, at timestamptz) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  conversation  uuid;
begin
  -- Nearly always it is there; an insert that finds it so has first made a row to throw away.
  select c.id into conversation from app.conversations c
   where c.tenant_id = tenant and c.customer_id = customer and c.instance_id = instance for key share;
  if conversation is not null then
    return conversation;
  end if;
  insert into app.conversations (tenant_id, customer_id, instance_id, last_inbound_at)
  values (tenant, customer, instance, at)
  on conflict on constraint conversations_one_a_customer_and_instance do nothing
  returning id into conversation;
  if conversation is null then
    -- The share is held until the message is stored: the row stays, or another's becomes theirs with it.
    select c.id into strict conversation from app.conversations c
     where c.tenant_id = tenant and c.customer_id = customer and c.instance_id = instance for key share;
  end if;
  return conversation;
end $$;
comment on function app.open_conversation(uuid, uuid, uuid, timestamptz) is 'The conversation of a customer over an instance, begun if there is none.';

create or replace function app.last_vote(tenant uuid, conversation uuid, message uuid, at timestamptz) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  vote  app.inbound_messages;
begin
  select * into vote from app.inbound_messages m where m.tenant_id = tenant and m.id = message;
  if exists (select from app.inbound_messages m
              where m.tenant_id = tenant and m.conversation_id = conversation and m.id <> message
                and m.body ->> 'quoted' = vote.body ->> 'quoted' and (m.body ->> 'vote')::numeric > (vote.body ->> 'vote')::numeric) then
    -- It was changed before it came.
    update app.inbound_messages m set processed_at = at where m.tenant_id = tenant and m.id = message;
    return false;
  end if;
  update app.inbound_messages m set processed_at = at
   where m.tenant_id = tenant and m.conversation_id = conversation and m.processed_at is null and m.id <> message
     and m.body ? 'vote' and m.body ->> 'quoted' = vote.body ->> 'quoted';
  return true;
end $$;
comment on function app.last_vote(uuid, uuid, uuid, timestamptz) is
  'A vote takes the place of those on the same poll that nobody has read; false: a later one is here already.';

create or replace function app.receive_edit(
  at timestamptz, instance_name text, provider_id text, words text,
  phone text default null, lid text default null, jid text default null, edited_at timestamptz default null
) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  entered  constant record := app.enter_webhook(at, instance_name);
  tenant   constant uuid := entered.tenant;
  message  app.inbound_messages;
begin
  if tenant is null then
    return 'no_instance';
  end if;
  message := app.locked_message(tenant, entered.instance, receive_edit.provider_id);
  if message.id is null and coalesce(receive_edit.phone, receive_edit.lid) is not null then
    -- It overtook the message, which is late or lost: these are the words that count.
    return app.receive_message(at, instance_name, receive_edit.provider_id, receive_edit.phone, receive_edit.lid, null, 'text',
                               jsonb_build_object('text', words, 'edited_at', receive_edit.edited_at),
                               receive_edit.edited_at, receive_edit.jid);
  end if;
  if message.id is null or message.conversation_id is null or words is not distinct from message.body ->> 'text'
     -- Of two edits the later one counts, whichever came first.
     or (message.body ->> 'edited_at')::timestamptz > receive_edit.edited_at then
    return 'ignored';
  end if;
  if message.processed_at is null then
    update app.inbound_messages m
       set body = m.body || jsonb_build_object('text', words, 'before_edit', m.body -> 'text', 'edited_at', receive_edit.edited_at)
     where m.tenant_id = tenant and m.id = message.id;
    return 'accepted';
  end if;
  -- It was answered as it was.
  perform app.note_change(tenant, message.conversation_id, 'message_edited', jsonb_build_object('message_id', message.id, 'text', words));
  return 'ignored';
end $$;
comment on function app.receive_edit(timestamptz, text, text, text, text, text, text, timestamptz) is
  'A customer changed the words of a message: it is read so if it has not been read yet (accepted), else the timeline notes it (ignored).';

create or replace function app.receive_delete(at timestamptz, instance_name text, provider_id text) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  entered  constant record := app.enter_webhook(at, instance_name);
  tenant   constant uuid := entered.tenant;
  message  app.inbound_messages;
begin
  if tenant is null then
    return 'no_instance';
  end if;
  message := app.locked_message(tenant, entered.instance, receive_delete.provider_id);
  if message.id is null then
    -- It overtook the message, which is not to be read when it comes.
    insert into app.inbound_messages (tenant_id, instance_id, provider_id, kind, sent_at, received_at, processed_at)
    values (tenant, entered.instance, receive_delete.provider_id, 'deleted', at, at, at)
    on conflict on constraint inbound_messages_provider_id_once do nothing;
  elsif message.processed_at is null then
    update app.inbound_messages m set processed_at = at, kind = 'deleted', body = '{}'
     where m.tenant_id = tenant and m.id = message.id;
  elsif message.conversation_id is not null and message.kind <> 'deleted' then
    perform app.note_change(tenant, message.conversation_id, 'message_deleted', jsonb_build_object('message_id', message.id));
  end if;
  return 'ignored';
end $$;
comment on function app.receive_delete(timestamptz, text, text) is
  'A customer took a message back: if it has not been read yet nobody will, else the timeline notes it.';

create or replace function app.receive_reaction(at timestamptz, instance_name text, quoted text, emoji text) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  entered       constant record := app.enter_webhook(at, instance_name);
  tenant        constant uuid := entered.tenant;
  conversation  uuid;
begin
  if tenant is null then
    return 'no_instance';
  end if;
  select coalesce(
    (select o.conversation_id from app.outbound_messages o
      where o.tenant_id = tenant and o.channel = 'whatsapp' and o.provider_id = quoted),
    (select m.conversation_id from app.inbound_messages m
      where m.tenant_id = tenant and m.instance_id = entered.instance and m.provider_id = quoted))
    into conversation;
  if conversation is null then
    return 'ignored';
  end if;
  if emoji is null then
    update app.inbound_messages m set processed_at = at
     where m.tenant_id = tenant and m.conversation_id = conversation and m.processed_at is null
       and m.kind in ('reaction', 'choice') and m.body ->> 'quoted' = quoted and (m.kind = 'reaction' or m.body ? 'vote');
  else
    perform app.note_change(tenant, conversation, 'reacted', jsonb_build_object('provider_id', quoted, 'text', left(emoji, 32)));
  end if;
  return 'ignored';
end $$;
comment on function app.receive_reaction(timestamptz, text, text, text) is
  'A customer reacted to a message with what answers nothing: the timeline notes it. Without an emoji, a vote or reaction was taken back: what of it has not been read yet nobody will.';

create or replace function app.locked_message(tenant uuid, instance uuid, provider text) returns app.inbound_messages
language plpgsql volatile
set search_path = ''
as $$
declare
  message  app.inbound_messages;
begin
  -- A turn that is reading the message comes first.
  perform from app.conversations c
    join app.inbound_messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.id
   where m.tenant_id = tenant and m.instance_id = instance and m.provider_id = provider
     for no key update of c;
  select * into message from app.inbound_messages m
   where m.tenant_id = tenant and m.instance_id = instance and m.provider_id = provider;
  return message;
end $$;
comment on function app.locked_message(uuid, uuid, text) is 'A message of the inbox, its conversation locked as turns do; null: it is not here.';

create or replace function app.note_change(tenant uuid, conversation uuid, what text, told jsonb) returns void
language sql volatile
set search_path = ''
as $$
  -- The gateway may tell it any number of times.
  insert into app.conversation_events (tenant_id, conversation_id, event, actor, detail)
  select tenant, c.id, what, 'customer:' || c.customer_id, told
    from app.conversations c
   where c.tenant_id = tenant and c.id = conversation
     and not exists (
       select from app.conversation_events e
        where e.tenant_id = tenant and e.conversation_id = c.id and e.event = what and e.detail = told)
$$;
comment on function app.note_change(uuid, uuid, text, jsonb) is 'Notes in the timeline, once, what a customer did to a message.';

create or replace function app.receive_unrouted(at timestamptz, instance_name text, event text, body jsonb) returns void
language sql volatile security definer
set search_path = ''
as $$
  select app.refuse_api_client();
  insert into app.unrouted_messages (instance, event, body, received_at)
  values (left(instance_name, 200), left(receive_unrouted.event, 200), receive_unrouted.body, at)
$$;
comment on function app.receive_unrouted(timestamptz, text, text, jsonb) is 'Keeps a body that names no instance, for operators.';
