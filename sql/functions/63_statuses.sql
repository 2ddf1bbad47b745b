-- What the gateway tells of messages that went out: statuses and echoes, in any order, often and early.

create or replace function app.status_rank(status text) returns integer
language sql immutable parallel safe
set search_path = ''
as $$
  -- Failed is less than delivered: whoever has it, has it.
  select array_position(array['queued', 'sending', 'unknown', 'sent', 'failed', 'delivered', 'read'], status)
$$;
comment on function app.status_rank(text) is 'How far a message has come; a status never steps back.';

create or replace function app.lock_provider_id(provider text) returns void
language sql volatile
set search_path = ''
as $$
  select pg_advisory_xact_lock(hashtextextended(provider, 8100721))
$$;
comment on function app.lock_provider_id(text) is 'Who learns an id and who is told a status of it take turns, so that neither misses the other.';

create or replace function app.apply_status(message uuid, new_status text, at timestamptz) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
  moved   text;
begin
  update app.outbound_messages o
     set status          = case when app.status_rank(new_status) > app.status_rank(o.status) then new_status else o.status end,
         error           = case when app.status_rank(new_status) <= app.status_rank(o.status) then o.error
                                when new_status = 'failed' then 'refused after it was sent' end,
         acknowledged_at = case when new_status <> 'failed' then coalesce(o.acknowledged_at, at) else o.acknowledged_at end,
         delivered_at    = case when new_status in ('delivered', 'read') then coalesce(o.delivered_at, at) else o.delivered_at end,
         read_at         = case when new_status = 'read' then coalesce(o.read_at, at) else o.read_at end
   where o.tenant_id = tenant and o.id = message
     and (app.status_rank(new_status) > app.status_rank(o.status) or o.acknowledged_at is null and new_status <> 'failed')
  returning case when o.status = new_status then new_status end into moved;
  if moved is null then
    return;
  end if;
  update app.booking_notifications n
     set status = moved, reason = case when moved = 'failed' then 'refused after it was sent' end
   where n.tenant_id = tenant and n.outbound_message_id = message;
  if moved = 'failed' then
    perform app.fall_back(message, 'refused after it was sent');
  end if;
end $$;
comment on function app.apply_status(uuid, text, timestamptz) is 'A message has come so far; what is known to be further stays.';

create or replace function app.apply_early_statuses(m app.outbound_messages) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  e  app.early_statuses;
begin
  for e in select * from app.early_statuses x
            where x.tenant_id = m.tenant_id and x.instance_id = m.instance_id and x.provider_id = m.provider_id
            order by app.status_rank(x.status) loop
    perform app.apply_status(m.id, e.status, e.at);
  end loop;
end $$;
comment on function app.apply_early_statuses(app.outbound_messages) is 'Joins what was told of an id before we knew it.';

create or replace function app.record_status(tenant uuid, instance uuid, provider text, new_status text, at timestamptz) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  message  uuid;
begin
  for try in 1 .. 2 loop
    select o.id into message from app.outbound_messages o
     where o.tenant_id = tenant and o.channel = 'whatsapp' and o.provider_id = provider;
    if message is not null then
      perform app.apply_status(message, new_status, at);
      return true;
    end if;
    -- Whoever is just learning the id is waited for; then it is known, or will be looked up here.
    if try = 1 then
      perform app.lock_provider_id(provider);
    end if;
  end loop;
  insert into app.early_statuses (tenant_id, instance_id, provider_id, status, at)
  values (tenant, instance, provider, new_status, at)
  on conflict on constraint early_statuses_pkey do nothing;
  return false;
end $$;
comment on function app.record_status(uuid, uuid, text, text, timestamptz) is
  'The gateway tells what became of a message (sent, delivered, read, failed). False: of an id that we do not know yet, kept until we do.';

create or replace function app.same_words(one text, other text) returns boolean
language sql immutable parallel safe
set search_path = ''
as $$
  select btrim(regexp_replace(one, '\s+', ' ', 'g')) = btrim(regexp_replace(other, '\s+', ' ', 'g'))
$$;
comment on function app.same_words(text, text) is 'Whether two texts differ in white space at most.';

create or replace function app.record_echo(
  tenant uuid, instance uuid, provider text, phone text, lid text, words text, at timestamptz
) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  message   uuid;
  customer  uuid;
begin
  if not exists (select from app.outbound_messages o
                  where o.tenant_id = tenant and o.channel = 'whatsapp' and o.provider_id = provider) then
    customer := coalesce(app.customer_at(tenant, 'phone', record_echo.phone),
                         app.customer_at(tenant, 'lid', record_echo.lid, record_echo.instance));
    -- The oldest: of one conversation only that one can have gone out.
    select o.id into message
      from app.outbound_messages o
      join app.conversations c on c.tenant_id = o.tenant_id and c.id = o.conversation_id
     where o.tenant_id = tenant and o.instance_id = instance and o.provider_id is null
       and (o.status in ('sending', 'unknown') or o.status = 'failed' and o.doubts > 0)
       and (o.status <> 'failed' or o.updated_at > at - interval '10 minutes')
       -- Of a menu that was shown as such, the question alone went out.
       and (app.same_words(o.body, words) or app.same_words(app.question_of(o.body, o.choices), words))
       -- A message to a phone may be told under a lid that we have not learnt.
       and (c.customer_id = customer
            or customer is null and record_echo.phone is null
               and app.addresses_of(tenant, c.customer_id, record_echo.instance) ->> 'lid' is null)
     order by o.seq limit 1;
    if message is null then
      return false;
    end if;
    perform app.mark_sent(message, provider, null);
  end if;
  -- Not so where the sender learnt another id of it meanwhile.
  return exists (select from app.outbound_messages o
                  where o.tenant_id = tenant and o.channel = 'whatsapp' and o.provider_id = provider);
end $$;
comment on function app.record_echo(uuid, uuid, text, text, text, text, timestamptz) is
  'A message left the tenant''s number. True: it is one of ours, known by its id or by what is just being sent to whom, which is proved sent by it.';
