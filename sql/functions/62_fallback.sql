-- Notifications by other channels: which way reaches whom, and when the next takes over.

create or replace function app.reach(tenant uuid, customer uuid, staff uuid, channel text) returns text
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select case channel
             when 'whatsapp' then (select coalesce(c.phone, c.lid) where exists (select from app.instances i where i.tenant_id = c.tenant_id))
             when 'sms' then c.phone
             when 'email' then c.email end
      from app.customers c
     where c.tenant_id = tenant and c.id = customer and staff is null
       and not exists (select from app.channel_opt_outs x
                        where x.tenant_id = c.tenant_id and x.customer_id = c.id and x.channel = reach.channel)
    union all
    select case channel when 'sms' then s.phone when 'email' then s.email end
      from app.staff s where s.tenant_id = tenant and s.id = staff);
end $$;
comment on function app.reach(uuid, uuid, uuid, text) is
  'The address of a customer, or of a member of staff, on a channel; null: they have none, or want nothing by it.';

create or replace function app.first_channel(tenant uuid, customer uuid) returns text
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select w.channel
      from app.tenants t, unnest(t.channels) with ordinality w (channel, place)
     where t.id = tenant and app.reach(tenant, customer, null, w.channel) is not null
     order by w.place limit 1);
end $$;
comment on function app.first_channel(uuid, uuid) is 'By which channel a tenant tells a customer something; null: by none.';

create or replace function app.queue_notification(
  tenant uuid, customer uuid, preferred uuid, booking uuid, template text, params jsonb, booking_revision integer, expires_at timestamptz
) returns table (message uuid, channel text)
language plpgsql volatile
set search_path = ''
as $$
#variable_conflict use_variable
declare
  conversation  uuid;
begin
  channel := app.first_channel(tenant, customer);
  if channel = 'whatsapp' then
    conversation := app.conversation_of(tenant, customer, preferred);
  end if;
  if channel is null or channel = 'whatsapp' and conversation is null then
    return;
  end if;
  insert into app.outbound_messages as o (tenant_id, channel, conversation_id, customer_id, booking_id, template, params, booking_revision, expires_at)
  values (tenant, channel, conversation, case when conversation is null then customer end, booking, template, params, booking_revision, expires_at)
  returning o.id into message;
  perform app.enqueue_delivery(tenant, message, conversation);
  return next;
end $$;
comment on function app.queue_notification(uuid, uuid, uuid, uuid, text, jsonb, integer, timestamptz) is
  'Puts a notification into the outbox, on the first channel that reaches the customer, with its job. No row: none does.';

create or replace function app.enqueue_delivery(tenant uuid, message uuid, conversation uuid) returns text
language sql volatile
set search_path = ''
as $$
  select queue.enqueue('deliver_messages', case
    when conversation is not null then jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation)
    else jsonb_build_object('tenant_id', tenant, 'message_id', message) end)
$$;
comment on function app.enqueue_delivery(uuid, uuid, uuid) is 'The job that delivers a message: of its conversation, or on a channel without order its own.';

create or replace function app.set_fallback() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  patience  interval;
begin
  if tg_op = 'UPDATE' and new.status = old.status and new.acknowledged_at is not distinct from old.acknowledged_at then
    return new;
  elsif new.fell_back_at is not null or new.acknowledged_at is not null or new.status in ('delivered', 'read', 'failed') then
    new.fallback_at := null;
    return new;
  elsif tg_op = 'UPDATE' and new.status <> 'sent' then
    return new;
  end if;
  select case when new.status = 'sent' then interval '1 hour' else t.fallback_after end into patience
    from app.tenants t
   where t.id = new.tenant_id
     -- Only WhatsApp confirms reliably; an accepted SMS or mail is believed.
     and (new.status <> 'sent' or new.channel = 'whatsapp')
     and exists (
       select from unnest(t.channels) with ordinality w (channel, place)
        where w.place > array_position(t.channels, new.channel));
  -- Not so late that the next channel has no time left.
  new.fallback_at := app.now() + greatest(least(patience, new.expires_at - app.now() - interval '5 minutes'),
                                          case when patience is not null then interval '1 minute' end);
  return new;
end $$;
comment on function app.set_fallback() is 'Keeps outbound_messages.fallback_at: while a notification waits, and until WhatsApp has confirmed it.';
create or replace trigger fallback before insert or update of status, acknowledged_at on app.outbound_messages
  for each row when (new.template is not null) execute function app.set_fallback();

create or replace function app.fall_back(message uuid, why text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  m         app.outbound_messages;
  customer  uuid;
  first     uuid;
  other     text;
  talk      uuid;
  made      uuid;
begin
  select * into m from app.outbound_messages o where o.tenant_id = app.tenant_id() and o.id = message for update;
  if m.template is null or m.fell_back_at is not null or m.status in ('delivered', 'read')
     or m.status = 'sent' and m.acknowledged_at is not null or m.expires_at <= app.now() then
    return false;
  end if;
  first := coalesce(m.fallback_of, m.id);
  customer := coalesce(m.customer_id,
                       (select b.customer_id from app.bookings b where b.tenant_id = m.tenant_id and b.id = m.booking_id));
  select w.channel into other
    from app.tenants t, unnest(t.channels) with ordinality w (channel, place)
   where t.id = m.tenant_id and w.place > array_position(t.channels, m.channel)
     and app.reach(m.tenant_id, case when m.staff_id is null then customer end, m.staff_id, w.channel) is not null
     and not exists (select from app.outbound_messages x
                      where x.tenant_id = m.tenant_id and x.fallback_of = first and x.channel = w.channel)
   order by w.place limit 1;
  if other is null then
    return false;
  end if;
  talk := case when other = 'whatsapp' then app.conversation_of(m.tenant_id, customer, null) end;
  insert into app.outbound_messages as o
         (tenant_id, channel, conversation_id, customer_id, staff_id, booking_id, template, params, booking_revision, expires_at, fallback_of)
  values (m.tenant_id, other, talk, case when talk is null and m.staff_id is null then customer end, m.staff_id,
          m.booking_id, m.template, m.params - 'made_in', m.booking_revision, m.expires_at, first)
  on conflict do nothing
  returning o.id into made;
  if made is null then
    return false;
  end if;
  perform app.left_behind(m, other, why);
  insert into app.booking_notifications (tenant_id, booking_id, event, channel, status, revision, outbound_message_id)
  select n.tenant_id, n.booking_id, n.event, other, 'queued', n.revision, made
    from app.booking_notifications n where n.tenant_id = m.tenant_id and n.outbound_message_id = m.id
   order by n.id;
  update app.scheduled_notifications s set status = 'sent', reason = null, outbound_message_id = made
   where s.tenant_id = m.tenant_id and s.outbound_message_id = m.id;
  perform app.enqueue_delivery(m.tenant_id, made, talk);
  return true;
end $$;
comment on function app.fall_back(uuid, text) is
  'The next channel of the tenant''s that reaches the recipient takes a notification over: once each, never after it was confirmed or has become useless, never a reply. False: none does.';

create or replace function app.left_behind(m app.outbound_messages, next text, why text) returns void
language sql volatile
set search_path = ''
as $$
  -- What still waits is not sent any more; what may be on its way keeps what is heard of it.
  update app.outbound_messages o
     set fell_back_at = app.now(), fallback_at = null,
         status = case when o.status = 'sent' then o.status else 'failed' end,
         doubts = o.doubts + (o.status = 'sending' and o.body is not null)::integer,
         error = coalesce(o.error, left(why, 200)), lease_by = null, lease_until = null
   where o.tenant_id = m.tenant_id and o.id = m.id;
  update app.booking_notifications n
     set status = case when n.status = 'sent' then n.status else 'failed' end, reason = left(why || '; then by ' || next, 200)
   where n.tenant_id = m.tenant_id and n.outbound_message_id = m.id and n.status in ('queued', 'sent', 'failed');
$$;
comment on function app.left_behind(app.outbound_messages, text, text) is 'Notes that the next channel took a message over.';

create or replace function queue.tend_channels(most integer default 200) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  before  constant text := coalesce(current_setting('app.tenant_id', true), '');
  o       record;
  n       integer := 0;
begin
  perform app.refuse_api_client();
  for o in select m.tenant_id, m.id, m.status from app.outbound_messages m
            where m.fallback_at <= app.now() and (m.lease_until is null or m.lease_until <= queue.now())
            order by m.fallback_at limit most for update skip locked loop
    perform set_config('app.tenant_id', o.tenant_id::text, true);
    if app.fall_back(o.id, case when o.status = 'sent' then 'not confirmed in time' else 'not sent in time' end) then
      n := n + 1;
    else
      update app.outbound_messages m set fallback_at = null where m.tenant_id = o.tenant_id and m.id = o.id;
    end if;
  end loop;
  perform set_config('app.tenant_id', before, true);
  -- Jobs die, or are called off; the messages are still to be sent.
  for o in select m.tenant_id, m.id from app.outbound_messages m
            where m.status in ('queued', 'sending', 'unknown') and m.conversation_id is null
              and greatest(m.due_at, m.lease_until) < queue.now() - interval '1 minute'
              and not exists (select from queue.kinds k where k.kind = 'deliver_messages' and k.paused_at is not null)
            order by m.due_at limit most loop
    if queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', o.tenant_id, 'message_id', o.id),
         key => 'undelivered:' || o.id || ':' || floor(extract(epoch from queue.now()) / 60)) is not null then
      n := n + 1;
    end if;
  end loop;
  return n;
end $$;
comment on function queue.tend_channels(integer) is
  'Lets the next channel take over what waited too long or was never confirmed, and sees to SMS and mails whose jobs died.';

create or replace function app.take_direct(message uuid, job text, lease interval) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  m        app.outbound_messages;
  address  text;
  quiet    timestamptz;
  why      text;
  taken    jsonb;
begin
  select * into m from app.outbound_messages o
   where o.tenant_id = app.tenant_id() and o.id = message and o.conversation_id is null
     and o.status in ('queued', 'sending', 'unknown') for update;
  if m.id is null then
    return jsonb_build_object('outcome', 'empty');
  end if;
  address := app.reach(m.tenant_id, m.customer_id, m.staff_id, m.channel);
  if m.status = 'queued' and app.confirmed_before(m) then
    why := 'confirmed meanwhile';
  elsif m.status = 'queued' and address is not null then
    quiet := app.quiet_for(m);
    if quiet < coalesce(m.expires_at, 'infinity') then
      update app.outbound_messages o set due_at = greatest(o.due_at, quiet) where o.tenant_id = m.tenant_id and o.id = m.id;
      return app.wait_until(quiet);
    end if;
    why := case when quiet is not null then 'quiet hours' end;
  end if;
  why := coalesce(why, app.not_sendable(m));
  if why is not null and m.status = 'queued' then
    perform app.record_withdrawn(m.id, why);
    if why = 'confirmed meanwhile' then
      update app.booking_notifications n set status = 'skipped'
       where n.tenant_id = m.tenant_id and n.outbound_message_id = m.id;
      update app.scheduled_notifications s set status = 'sent', reason = null, outbound_message_id = m.fallback_of
       where s.tenant_id = m.tenant_id and s.outbound_message_id = m.id;
    end if;
    return jsonb_build_object('outcome', 'empty');
  elsif why is not null or address is null then
    perform app.record_failed(m.id, coalesce(why, 'no address'));
    return jsonb_build_object('outcome', 'empty');
  end if;
  taken := app.take_message(m.id, job, lease);
  if taken ->> 'outcome' <> 'send' then
    return taken;
  end if;
  -- A mail that is sent once more has its text, and still needs its subject and calendar.
  return taken || jsonb_build_object('facts', app.facts_of(m), 'direct', jsonb_build_object(
    'address', address,
    'reply_to', (select t.reply_to from app.tenants t where t.id = m.tenant_id),
    'contact', (select t.phone from app.tenants t where t.id = m.tenant_id),
    'unsubscribe', case when m.channel = 'email' and m.customer_id is not null
                        then encode(app.unsubscribe_proof(m.customer_id), 'hex') end,
    'customer_id', m.customer_id,
    'texts', (select coalesce(jsonb_object_agg(x.language, x.texts), '{}')
                from (select p.language, jsonb_object_agg(p.key, p.body) as texts
                        from app.message_templates p
                       where p.tenant_id = m.tenant_id and p.channel = m.channel group by p.language) x)));
end $$;
comment on function app.take_direct(uuid, text, interval) is
  'Takes an SMS or e-mail for sending, as app.claim_message does for an instance, if it is still wanted, useful and not confirmed elsewhere.';

create or replace function app.confirmed_before(m app.outbound_messages) returns boolean
language sql volatile
set search_path = ''
as $$
  select exists (
    select from app.outbound_messages o
     where o.tenant_id = m.tenant_id and (o.id = m.fallback_of or o.fallback_of = m.fallback_of) and o.id <> m.id
       and (o.status in ('delivered', 'read') or o.status = 'sent' and o.acknowledged_at is not null))
$$;
comment on function app.confirmed_before(app.outbound_messages) is 'Whether a message has arrived after all by the channel that this one takes the place of.';

create or replace function app.quiet_for(m app.outbound_messages) returns timestamptz
language sql stable
set search_path = ''
as $$
  -- A reminder that took over waits by itself: planned again it would begin with the first channel.
  select app.quiet_ends(app.now(), make_interval(secs => (m.params ->> 'before')::bigint), t.timezone, t.quiet_from, t.quiet_until)
    from app.tenants t where t.id = m.tenant_id and m.fallback_of is not null and m.template = 'reminder'
$$;
comment on function app.quiet_for(app.outbound_messages) is 'Until when the quiet hours hold a reminder back that took over from another channel; null: they do not.';

create or replace function app.unsubscribe_proof(customer uuid) returns bytea
language plpgsql volatile
set search_path = ''
as $$
declare
  secret  bytea;
begin
  select k.secret into secret from app.link_keys k where k.tenant_id = app.tenant_id();
  if secret is null then
    insert into app.link_keys (tenant_id) values (app.tenant_id()) on conflict do nothing;
    select k.secret into secret from app.link_keys k where k.tenant_id = app.tenant_id();
  end if;
  -- Both parts have a fixed length, so that a plain hash proves as much as an HMAC.
  return substr(sha256(secret || uuid_send(customer)), 1, 16);
end $$;
comment on function app.unsubscribe_proof(uuid) is 'What a link that ends the e-mails to a customer is signed with.';

create or replace function app.unsubscribe(customer uuid, proof bytea, act boolean) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  c  app.customers;
begin
  select * into c from app.customers x where x.tenant_id = app.tenant_id() and x.id = customer;
  if c.id is null or app.unsubscribe_proof(customer) is distinct from proof then
    return null;
  end if;
  if act then
    perform set_config('app.actor', 'customer:' || customer, true);
    insert into app.channel_opt_outs (tenant_id, customer_id, channel) values (c.tenant_id, c.id, 'email')
    on conflict do nothing;
  end if;
  return (select jsonb_build_object('tenant', t.name, 'locale', coalesce(c.locale, t.locale),
                   'done', exists (select from app.channel_opt_outs o
                                    where o.tenant_id = c.tenant_id and o.customer_id = c.id and o.channel = 'email'))
            from app.tenants t where t.id = c.tenant_id);
end $$;
comment on function app.unsubscribe(uuid, bytea, boolean) is
  'What a link that ends e-mails leads to: act ends them. Null: nobody gave this link out.';

create or replace function app.opt_out_of_channel(message uuid) returns void
language sql volatile
set search_path = ''
as $$
  insert into app.channel_opt_outs (tenant_id, customer_id, channel)
  select o.tenant_id, o.customer_id, o.channel from app.outbound_messages o
   where o.tenant_id = app.tenant_id() and o.id = message and o.customer_id is not null
  on conflict do nothing
$$;
comment on function app.opt_out_of_channel(uuid) is 'The provider says that the recipient of a message wants no more of its kind.';

create or replace function app.record_sms_status(message uuid, new_status text, opted_out boolean) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  perform from app.outbound_messages o where o.tenant_id = app.tenant_id() and o.id = message and o.channel = 'sms' for update;
  if not found then
    return false;
  end if;
  if opted_out then
    perform app.opt_out_of_channel(message);
  end if;
  perform app.apply_status(message, new_status, app.now());
  return true;
end $$;
comment on function app.record_sms_status(uuid, text, boolean) is 'The provider tells what became of an SMS. False: it is none of this tenant''s.';

create or replace function app.note_contact(phone text, name text, email text, consent boolean) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  customer  constant uuid := app.upsert_customer(app.tenant_id(), phone, null, name);
begin
  update app.customers c
     set email = coalesce(note_contact.email, c.email),
         marketing_consent_at = case when consent then coalesce(c.marketing_consent_at, app.now())
                                     when not consent then null else c.marketing_consent_at end
   where c.tenant_id = app.tenant_id() and c.id = customer
     and (note_contact.email is distinct from c.email and note_contact.email is not null
          or consent is distinct from (c.marketing_consent_at is not null) and consent is not null);
end $$;
comment on function app.note_contact(text, text, text, boolean) is
  'What a program of the tenant knows of the customer with this phone, made if need be: an address, whether they want news. Null: nothing new.';
