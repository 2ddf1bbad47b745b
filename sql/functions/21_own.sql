-- What leaves the tenant's own number: echoes of our sends, and its owner's hand on the phone.

create or replace function app.receive_own(
  at             timestamptz,
  instance_name  text,
  provider_id    text,
  phone          text,
  lid            text,
  words          text,
  sent_at        timestamptz,
  jid            text default null
) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  entered       constant record := app.enter_webhook(at, instance_name);
  tenant        constant uuid := entered.tenant;
  instance      constant uuid := entered.instance;
  conversation  uuid;
  wrote_at      constant timestamptz := least(coalesce(receive_own.sent_at, at), at);
begin
  if tenant is null then
    return 'no_instance';
  end if;
  perform set_config('app.actor', 'phone', true);
  if app.record_echo(tenant, instance, receive_own.provider_id, receive_own.phone, receive_own.lid, words, wrote_at)
     or coalesce(receive_own.phone, receive_own.lid) is null then
    return 'ignored';
  end if;
  conversation := app.open_conversation(tenant, instance,
    app.customer_of(tenant, instance, receive_own.phone, receive_own.jid, receive_own.lid, null, at), null);
  -- The lock that turns take: what the bot is about to say is said before, or not at all.
  perform from app.conversations c where c.tenant_id = tenant and c.id = conversation for no key update;
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
comment on function app.receive_own(timestamptz, text, text, text, text, text, timestamptz, text) is
  'A message left the tenant''s own number: unless it is one of ours, a person wrote it on the phone, so it is noted and the bot pauses.';

create or replace function app.receive_echo(
  at timestamptz, instance_name text, provider_id text, phone text, lid text, words text, sent_at timestamptz
) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  entered  constant record := app.enter_webhook(at, instance_name);
begin
  if entered.tenant is null then
    return 'no_instance';
  end if;
  perform app.record_echo(entered.tenant, entered.instance, receive_echo.provider_id, receive_echo.phone, receive_echo.lid, words,
                          least(coalesce(receive_echo.sent_at, at), at));
  return 'ignored';
end $$;
comment on function app.receive_echo(timestamptz, text, text, text, text, text, timestamptz) is
  'The gateway reports a send through its API: if it is one of ours, it is proved sent, answered or not. Nobody''s hand on the phone.';

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
            or app.same_words(o.body, words) or app.same_words(app.question_of(o.body, o.choices), words)))
$$;
comment on function app.may_be_ours(uuid, uuid, text, timestamptz) is
  'Whether a message from the tenant''s own number may be one that we are sending or have sent without learning its id.';
