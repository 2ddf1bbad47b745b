-- A turn: two round trips, one that locks and loads, one that saves everything.

create or replace function app.begin_turn(conversation uuid, most integer default 50) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  c         app.conversations;
  messages  jsonb;
begin
  -- No key update: a webhook that stores the next message meanwhile need not wait.
  select * into c from app.conversations x
   where x.tenant_id = app.tenant_id() and x.id = conversation
     for no key update skip locked;
  if c.id is null then
    return jsonb_build_object('outcome', case
      when exists (select from app.conversations x where x.tenant_id = app.tenant_id() and x.id = conversation)
      then 'locked' else 'gone' end);
  end if;
  select jsonb_agg(jsonb_build_object('id', m.id, 'kind', m.kind, 'body', m.body, 'sent_at', m.sent_at)
                   order by m.sent_at, m.received_at, m.id)
    into messages
    from (select * from app.inbound_messages i
           where i.tenant_id = c.tenant_id and i.conversation_id = c.id and i.processed_at is null
           order by i.sent_at, i.received_at, i.id limit most) m;
  if messages is null then
    return jsonb_build_object('outcome', 'empty');
  end if;
  return jsonb_build_object(
    'outcome', 'turn',
    'mode', c.mode,
    'state', c.state,
    'context', c.context,
    'messages', messages,
    'customer', (select app.customer_json(u) from app.customers u where u.tenant_id = c.tenant_id and u.id = c.customer_id),
    'bookings', app.open_bookings(c.customer_id, c.id),
    'notice', app.last_notice(c.id),
    'catalogue', app.catalogue());
end $$;
comment on function app.begin_turn(uuid, integer) is
  'Locks a conversation and loads what a turn needs. outcome: turn; empty (nothing waits), locked (another worker is at it), gone.';

create or replace function app.last_notice(conversation uuid) returns jsonb
language sql stable
set search_path = ''
as $$
  select jsonb_build_object('template', o.template, 'before', (o.params ->> 'before')::bigint,
           'sent_at', coalesce(o.sent_at, o.created_at), 'booking', app.booking_json(b))
    from app.outbound_messages o
    join app.bookings b on b.tenant_id = o.tenant_id and b.id = o.booking_id
   where o.tenant_id = app.tenant_id() and o.conversation_id = conversation and o.template is not null
     and o.status in ('sending', 'unknown', 'sent', 'delivered', 'read')
     and o.seq > coalesce((
       select r.seq from app.outbound_messages r
        where r.tenant_id = o.tenant_id and r.conversation_id = o.conversation_id and r.template is null
        order by r.seq desc limit 1), 0)
   order by o.seq desc limit 1
$$;
comment on function app.last_notice(uuid) is
  'The message no turn asked for that came after the last answer, if one did: its choices are the last ones in the chat (domain::conversation::SentNotice).';

create or replace function app.open_bookings(customer uuid, conversation uuid) returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(app.booking_json(b) order by b.starts_at), '[]')
    from app.bookings b
   where b.tenant_id = app.tenant_id() and b.customer_id = customer
     and (b.status in ('confirmed', 'arrived') and b.ends_at > app.now()
          or b.status = 'held' and b.conversation_id = conversation)
$$;
comment on function app.open_bookings(uuid, uuid) is
  'A customer''s bookings that are not over: confirmed and arrived ones, and what this conversation holds.';

create or replace function app.commit_turn(turn jsonb) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant        constant uuid := app.tenant_id();
  conversation  constant uuid := (turn ->> 'conversation_id')::uuid;
  customer      uuid;
  effect        jsonb;
  lost          jsonb;
  last_reply    uuid;
  answer        uuid;
begin
  select c.customer_id into strict customer from app.conversations c where c.tenant_id = tenant and c.id = conversation;
  perform set_config('app.actor', 'customer:' || customer, true), set_config('app.teller', 'conversation', true);
  begin
    for effect in select * from jsonb_array_elements(turn -> 'effects') loop
      lost := effect;
      answer := app.apply_effect(tenant, conversation, customer, effect);
      last_reply := coalesce(answer, last_reply);
    end loop;
  exception when exclusion_violation then
    -- Rolled back to before the first effect: the machine is asked again, with what was lost.
    return jsonb_build_object('outcome', 'lost', 'effect', lost, 'booking', (
      select app.booking_json(b) from app.bookings b
       where b.tenant_id = tenant and b.id = (lost ->> 'booking_id')::uuid));
  end;

  update app.conversations c
     set state = turn ->> 'state', context = turn -> 'context', last_inbound_at = app.now()
   where c.tenant_id = tenant and c.id = conversation;
  update app.inbound_messages m set processed_at = app.now()
   where m.tenant_id = tenant and m.id = any (array(select jsonb_array_elements_text(turn -> 'message_ids')::uuid));
  insert into app.conversation_turns (tenant_id, conversation_id, at, event, before, after, effects, version)
  select tenant, conversation, app.now(), j -> 'event', j -> 'before', j -> 'after', j -> 'effects', turn ->> 'version'
    from jsonb_array_elements(turn -> 'journal') j;
  if last_reply is not null then
    -- The events of this turn were told by its last answer.
    update app.booking_notifications n set outbound_message_id = last_reply, status = 'queued', reason = null
     where n.tenant_id = tenant and n.outbound_message_id is null and n.reason = 'told in the conversation'
       and n.booking_id in (select b.id from app.bookings b where b.tenant_id = tenant and b.customer_id = customer)
       and n.created_at = app.now();
    perform queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation));
  end if;
  perform queue.finish(turn ->> 'job_id', turn ->> 'worker');
  return jsonb_build_object('outcome', 'committed', 'replies', last_reply is not null);
end $$;
comment on function app.commit_turn(jsonb) is
  'Saves a turn whole: effects, state, journal, inbox marks, replies with their job, and the end of its own job. outcome: committed, or lost with the effect that the database refused (nothing is kept then).';

create or replace function app.apply_effect(tenant uuid, conversation uuid, customer uuid, effect jsonb) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  booking  constant uuid := (effect ->> 'booking_id')::uuid;
  reply    uuid;
begin
  case effect ->> 'effect'
    when 'reply' then
      insert into app.outbound_messages (tenant_id, conversation_id, body, expires_at)
      values (tenant, conversation, effect ->> 'text', app.now() + interval '24 hours')
      returning id into reply;
    when 'hold' then
      insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status, hold_expires_at, conversation_id)
      values (tenant, customer, (effect ->> 'service_id')::uuid, (effect ->> 'staff_id')::uuid,
              (effect ->> 'starts_at')::timestamptz, 'held', (effect ->> 'until')::timestamptz, conversation);
    when 'release' then
      update app.bookings b set status = 'cancelled', cancel_reason = 'released by the customer'
       where b.tenant_id = tenant and b.id = booking and b.status = 'held';
    when 'confirm' then
      update app.bookings b set status = 'confirmed'
       where b.tenant_id = tenant and b.id = booking and b.status = 'held';
      if not found and not exists (
        select from app.bookings b where b.tenant_id = tenant and b.id = booking and b.status = 'confirmed') then
        raise exception 'the hold is over' using errcode = 'exclusion_violation', constraint = 'bookings_hold_is_over';
      end if;
    when 'move' then
      update app.bookings b
         set starts_at = (effect ->> 'starts_at')::timestamptz, staff_id = (effect ->> 'staff_id')::uuid
       where b.tenant_id = tenant and b.id = booking and b.status = 'confirmed';
      if not found then
        raise exception 'the booking is not active' using errcode = 'exclusion_violation', constraint = 'bookings_hold_is_over';
      end if;
    when 'cancel' then
      update app.bookings b set status = 'cancelled', cancel_reason = 'by the customer'
       where b.tenant_id = tenant and b.id = booking and b.status in ('confirmed', 'arrived');
    when 'hand_off' then
      update app.conversations c set mode = 'human' where c.tenant_id = tenant and c.id = conversation;
    when 'resume' then
      update app.conversations c set mode = 'bot' where c.tenant_id = tenant and c.id = conversation;
    when 'opt_out' then
      update app.customers c set opted_out_at = app.now()
       where c.tenant_id = tenant and c.id = customer and c.opted_out_at is null;
    when 'opt_in' then
      update app.customers c set opted_out_at = null
       where c.tenant_id = tenant and c.id = customer and c.opted_out_at is not null;
    when 'set_locale' then
      update app.customers c set locale = effect ->> 'locale'
       where c.tenant_id = tenant and c.id = customer and c.locale is distinct from effect ->> 'locale';
    else
      raise exception 'there is no effect %', effect ->> 'effect' using errcode = 'invalid_parameter_value';
  end case;
  return reply;
end $$;
comment on function app.apply_effect(uuid, uuid, uuid, jsonb) is
  'Does one effect of domain::conversation. Returns the message of a reply. A time that is not to be had is an exclusion_violation.';

create or replace function app.opting() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.opted_out_at is not null then
    update app.scheduled_notifications s set status = 'cancelled', reason = 'opted out'
      from app.bookings b
     where b.tenant_id = new.tenant_id and b.customer_id = new.id
       and s.tenant_id = b.tenant_id and s.booking_id = b.id and s.status = 'planned';
  else
    update app.scheduled_notifications s set status = 'planned', reason = null, promoted_at = null
      from app.bookings b
     where b.tenant_id = new.tenant_id and b.customer_id = new.id and b.status = 'confirmed'
       and s.tenant_id = b.tenant_id and s.booking_id = b.id and s.revision = b.revision
       and s.status in ('cancelled', 'skipped') and s.reason = 'opted out' and s.due_at > app.now();
  end if;
  return null;
end $$;
comment on function app.opting() is 'Opting out calls the planned reminders off; opting in plans those still ahead again.';
create or replace trigger opting after update of opted_out_at on app.customers
  for each row when ((old.opted_out_at is null) <> (new.opted_out_at is null))
  execute function app.opting();
