-- A turn: two round trips, one that locks and loads, one that saves everything.

drop function if exists app.begin_turn(uuid, integer);
create or replace function app.begin_turn(conversation uuid, most integer default 50, known jsonb default '{}') returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  c          app.conversations;
  messages   jsonb;
  answers    timestamptz;
  timer      text;
  version    text;
  catalogue  jsonb;
  snapshot   bytea;
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
  c := app.end_pause(c);
  messages := app.unread_messages(c, most);
  if messages is null then
    timer := app.due_timer(c);
    if timer is null then
      return jsonb_build_object('outcome', 'empty');
    end if;
  else
    answers := app.burst_ends(c);
    if answers > app.now() then
      return jsonb_build_object('outcome', 'wait', 'until', answers);
    end if;
  end if;
  version := app.catalogue_version();
  if version = known ->> 'catalogue_version' then
    -- What the caller remembers; unless the journal could not name it.
    select s.hash into snapshot from app.catalogue_snapshots s
     where s.tenant_id = c.tenant_id and s.hash = decode(known ->> 'catalogue_hash', 'hex');
  end if;
  if snapshot is null then
    -- One statement: what is committed between two would go by the other one's name.
    select app.catalogue_version(), app.catalogue() into version, catalogue;
    snapshot := sha256(convert_to(catalogue::text, 'UTF8'));
    if not exists (select from app.catalogue_snapshots s where s.tenant_id = c.tenant_id and s.hash = snapshot) then
      insert into app.catalogue_snapshots (tenant_id, hash, body) values (c.tenant_id, snapshot, catalogue)
      on conflict on constraint catalogue_snapshots_pkey do nothing;
    end if;
  end if;
  return jsonb_build_object(
    'outcome', 'turn',
    'mode', c.mode,
    'state', c.state,
    'context', case when not known ? 'context_hash' or known ->> 'context_hash' is distinct from app.context_hash(c.context) then c.context end,
    'messages', coalesce(messages, '[]'),
    'timer', timer,
    'interpretation', case when timer = 'interpretation' then (
      select t.answer from app.conversation_timers t
       where t.tenant_id = c.tenant_id and t.conversation_id = c.id and t.timer = 'interpretation') end,
    'customer', (select app.customer_json(u) from app.customers u where u.tenant_id = c.tenant_id and u.id = c.customer_id),
    'bookings', app.open_bookings(c.customer_id, c.id),
    'notice', coalesce(app.quoted_notice(c.id, messages -> -1 -> 'body' ->> 'quoted'), app.last_notice(c.id)),
    'history', jsonb_build_object(
      'last_visit', app.last_visit(c.customer_id),
      'last_proactive_at', (
        select coalesce(o.sent_at, o.created_at) from app.outbound_messages o
         where o.tenant_id = c.tenant_id and o.conversation_id = c.id and o.template is not null
           and o.status in ('sending', 'unknown', 'sent', 'delivered', 'read')
         order by o.seq desc limit 1),
      'last_person_at', c.person_at),
    'catalogue', catalogue,
    'catalogue_version', version,
    'catalogue_hash', encode(snapshot, 'hex'));
end $$;
comment on function app.begin_turn(uuid, integer, jsonb) is
  'Locks a conversation and loads what a turn needs: unread messages, else the timer that has come due. outcome: turn; wait (until the burst is over); empty (nothing to do), locked (another worker is at it), gone. known: what the caller remembers, by catalogue_version with catalogue_hash, and by context_hash; where that is what is there, catalogue and context are null.';

create or replace function app.unread_messages(c app.conversations, most integer) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select jsonb_agg(jsonb_build_object('id', m.id, 'kind', m.kind, 'body', m.body, 'sent_at', m.sent_at, 'received_at', m.received_at,
                       'quoted_at', coalesce(q.sent_at, q.created_at), 'quoted_choices', q.choices)
                     order by m.sent_at, m.received_at, m.id)
      -- What they quote as a column: under row-level security no index serves an expression that may leak,
      -- and all messages of the tenant would be read.
      from (select i.*, i.body ->> 'quoted' as quoted from app.inbound_messages i
             where i.tenant_id = c.tenant_id and i.conversation_id = c.id and i.processed_at is null
             order by i.sent_at, i.received_at, i.id limit most) m
      left join app.outbound_messages q
        on q.tenant_id = c.tenant_id and q.channel = 'whatsapp' and q.provider_id = m.quoted);
end $$;
comment on function app.unread_messages(app.conversations, integer) is
  'The first unread messages of a conversation, in the order of sending, with what each quotes; null: there are none.';

create or replace function app.context_hash(context jsonb) returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return encode(sha256(convert_to(context::text, 'UTF8')), 'hex');
end $$;
comment on function app.context_hash(jsonb) is
  'By what a copy of a dialogue, kept elsewhere, is known to be the one in the row; db::dialogue makes the same.';

create or replace function app.end_pause(c app.conversations) returns app.conversations
language plpgsql volatile
set search_path = ''
as $$
begin
  if c.mode = 'human' and c.human_until is null then
    -- Handed over before pauses had an end.
    update app.conversations x set human_until = app.now() + interval '4 hours'
     where x.tenant_id = c.tenant_id and x.id = c.id returning * into c;
  elsif c.mode = 'human' and c.human_until <= app.now() then
    -- This leaves the timer pause_over, due now (app.conversation_mode_consequences).
    perform set_config('app.actor', 'job:process_message', true);
    update app.conversations x set mode = 'bot' where x.tenant_id = c.tenant_id and x.id = c.id returning * into c;
  end if;
  return c;
end $$;
comment on function app.end_pause(app.conversations) is
  'Switches the bot on where no person has written for four hours; the conversation as it is then.';

create or replace function app.answered_at_once(kind text, words text) returns boolean
language sql immutable parallel safe
-- Without a `set` clause, so that the planner puts it in place of a call.
return kind in ('choice', 'reaction') or (kind = 'text' and btrim(words) ~ '^([0-9]{1,2}[.)]?|[0-9]\uFE0F?\u20E3|\U0001F51F)$');
comment on function app.answered_at_once(text, text) is 'A tap, a digit, a keycap or a thumb answers a menu: nothing more is to be expected.';

create or replace function app.burst_wait(kind text, words text, burst_window interval) returns interval
language sql immutable parallel safe
return case
  when app.answered_at_once(kind, words) then interval '0'
  when kind = 'text' then burst_window
  -- Words about a picture take longer to write.
  else burst_window * 2.5
end;
comment on function app.burst_wait(text, text, interval) is 'How long a message waits for the next one.';

create or replace function app.burst_ends(c app.conversations) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
begin
  -- The last one to arrive decides; and whoever writes on and on is answered after 5 s all the same.
  return (
    select least(min(m.received_at) + interval '5 seconds',
                 (array_agg(m.received_at + app.burst_wait(m.kind, m.body ->> 'text', t.burst_window)
                            order by m.received_at desc, m.id desc))[1])
      from app.inbound_messages m
      join app.tenants t on t.id = m.tenant_id
     where m.tenant_id = c.tenant_id and m.conversation_id = c.id and m.processed_at is null);
end $$;
comment on function app.burst_ends(app.conversations) is 'When the unread messages of a conversation are answered; null: there are none.';

create or replace function app.notice_json(o app.outbound_messages) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('template', o.template, 'before', (o.params ->> 'before')::bigint,
             'sent_at', coalesce(o.sent_at, o.created_at), 'booking', app.booking_json(b),
             'services', (
               select coalesce(jsonb_agg(l.service_id order by l.starts_at, l.id), '[]')
                 from app.bookings l
                where l.tenant_id = b.tenant_id and l.visit_id = b.visit_id
                  and case when o.params ? 'lines' then o.params -> 'lines' ? l.id::text
                           else l.status in ('confirmed', 'arrived') end))
      from app.bookings b where b.tenant_id = o.tenant_id and b.id = o.booking_id);
end $$;
comment on function app.notice_json(app.outbound_messages) is
  'A message no turn asked for, as the conversation sees it (domain::conversation::SentNotice). services: of the bookings it names, else of those of the visit that stand.';

create or replace function app.last_notice(conversation uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select app.notice_json(o)
      from app.outbound_messages o
     where o.tenant_id = app.tenant_id() and o.conversation_id = conversation and o.template is not null
       and o.status in ('sending', 'unknown', 'sent', 'delivered', 'read')
       and o.seq > coalesce((
         select r.seq from app.outbound_messages r
          where r.tenant_id = o.tenant_id and r.conversation_id = o.conversation_id and r.template is null
          order by r.seq desc limit 1), 0)
     order by o.seq desc limit 1);
end $$;
comment on function app.last_notice(uuid) is
  'The message no turn asked for that came after the last answer, if one did: its choices are the last ones in the chat (domain::conversation::SentNotice).';

create or replace function app.quoted_notice(conversation uuid, quoted text) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select app.notice_json(o)
      from app.outbound_messages o
     where o.tenant_id = app.tenant_id() and o.channel = 'whatsapp' and o.provider_id = quoted
       and o.conversation_id = conversation and o.template is not null);
end $$;
comment on function app.quoted_notice(uuid, text) is
  'The notice that a message quotes by its provider id: what is said to it is about its booking, whatever came later.';

create or replace function app.last_visit(customer uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  last  uuid;
begin
  select b.visit_id into last from app.bookings b
   where b.tenant_id = app.tenant_id() and b.customer_id = customer
     and (b.status in ('arrived', 'completed') or b.status = 'confirmed' and b.ends_at <= app.now())
   order by b.starts_at desc limit 1;
  if last is null then
    return null;
  end if;
  return (
    select jsonb_build_object(
             'services', jsonb_agg(b.service_id order by b.starts_at, b.id),
             'staff_id', case when count(distinct b.staff_id) = 1 then min(b.staff_id::text) end,
             'at', min(b.starts_at))
      from app.bookings b
      left join app.services s on s.tenant_id = b.tenant_id and s.id = b.service_id and s.retired_at is null
      left join app.staff_services x on x.tenant_id = b.tenant_id and x.staff_id = b.staff_id and x.service_id = b.service_id
      left join app.staff m on m.tenant_id = b.tenant_id and m.id = x.staff_id and m.retired_at is null
     where b.tenant_id = app.tenant_id() and b.visit_id = last and b.status in ('arrived', 'completed', 'confirmed')
    having count(*) = count(s.id) and count(*) = count(m.id));
end $$;
comment on function app.last_visit(uuid) is
  'A customer''s last visit that took place (domain::conversation::LastVisit); null where something of it is offered no more.';

create or replace function app.open_bookings(customer uuid, conversation uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(app.booking_json(b) order by b.starts_at), '[]')
      from app.bookings b
     where b.tenant_id = app.tenant_id() and b.customer_id = customer
       and (b.status in ('confirmed', 'arrived') and b.ends_at > app.now()
            or b.status = 'held' and b.conversation_id = conversation));
end $$;
comment on function app.open_bookings(uuid, uuid) is
  'A customer''s bookings that are not over: confirmed and arrived ones, and what this conversation holds.';

create or replace function app.commit_turn(turn jsonb) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant        constant uuid := app.tenant_id();
  conversation  constant uuid := (turn ->> 'conversation_id')::uuid;
  heard         constant boolean := jsonb_array_length(turn -> 'message_ids') > 0;
  -- Mere thanks wait for nobody; whoever waited before them still does.
  awaits        constant boolean := heard and not turn -> 'effects' @> '[{"effect": "expect_no_answer"}]';
  customer      uuid;
  effect        jsonb;
  lost          jsonb;
  last_reply    uuid;
  answer        uuid;
begin
  select c.customer_id into strict customer from app.conversations c where c.tenant_id = tenant and c.id = conversation;
  perform set_config('app.actor', case when heard then 'customer:' || customer else 'job:process_message' end, true),
          set_config('app.teller', 'conversation', true), set_config('app.wanted_at', coalesce(turn ->> 'wanted_at', ''), true);
  begin
    perform app.clear_timers(tenant, conversation, variadic
      case when heard then array['idle', 'interpretation'] else array[turn ->> 'timer'] end);
    for effect in select * from jsonb_array_elements(turn -> 'effects') loop
      lost := effect;
      answer := app.apply_effect(tenant, conversation, customer,
        case effect ->> 'effect' when 'reply' then effect || jsonb_build_object('choices', turn -> 'choices') else effect end);
      last_reply := coalesce(answer, last_reply);
    end loop;
  exception when exclusion_violation then
    -- Rolled back to before the first effect: the machine is asked again, with what was lost.
    return jsonb_build_object('outcome', 'lost', 'effect', lost, 'booking', (
      select app.booking_json(b) from app.bookings b
       where b.tenant_id = tenant and b.id = (lost ->> 'booking_id')::uuid));
  end;

  update app.conversations c
     set state = turn ->> 'state', context = turn -> 'context',
         last_inbound_at = case when heard then app.now() else c.last_inbound_at end,
         waiting_since = case
           when awaits and c.mode = 'human' and app.spoke_last(c, turn -> 'message_ids') then coalesce(c.waiting_since, app.now())
           else c.waiting_since end
   where c.tenant_id = tenant and c.id = conversation;
  if heard then
    perform app.await_person(tenant, conversation);
  end if;
  update app.inbound_messages m set processed_at = app.now()
   where m.tenant_id = tenant and m.id = any (array(select jsonb_array_elements_text(turn -> 'message_ids')::uuid));
  insert into app.conversation_turns (tenant_id, conversation_id, at, event, before, after, effects, known, version)
  select tenant, conversation, app.now(), j -> 'event', j -> 'before', j -> 'after', j -> 'effects', nullif(j -> 'known', 'null'), turn ->> 'version'
    from jsonb_array_elements(turn -> 'journal') with ordinality as x (j, n) order by n;
  if last_reply is not null then
    -- The events of this turn were told by its last answer.
    update app.booking_notifications n set outbound_message_id = last_reply, status = 'queued', reason = null
     where n.tenant_id = tenant and n.outbound_message_id is null and n.reason = 'told in the conversation'
       and n.booking_id in (select b.id from app.bookings b where b.tenant_id = tenant and b.customer_id = customer)
       and n.created_at = app.now();
    perform queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation));
  end if;
  perform queue.finish_as_tenant(turn ->> 'job_id', turn ->> 'worker');
  return jsonb_build_object('outcome', 'committed', 'replies', last_reply is not null);
end $$;
comment on function app.commit_turn(jsonb) is
  'Saves a turn whole: effects, state, journal, inbox marks, timers, replies with their job, and the end of its own job. outcome: committed, or lost with the effect that the database refused (nothing is kept then).';

create or replace function app.spoke_last(c app.conversations, messages jsonb) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  -- The gateway tells whole seconds: who wrote within one is taken to have written last.
  return (
    select c.person_at is null or max(m.sent_at) >= date_trunc('second', c.person_at)
      from app.inbound_messages m
     where m.tenant_id = c.tenant_id and m.id = any (array(select jsonb_array_elements_text(messages)::uuid)));
end $$;
comment on function app.spoke_last(app.conversations, jsonb) is
  'Whether the customer wrote these messages after a person''s last one, which may have come while they waited to be read.';

create or replace function app.await_person(tenant uuid, conversation uuid) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  c  app.conversations;
begin
  select * into c from app.conversations x where x.tenant_id = tenant and x.id = conversation;
  if c.mode = 'bot' then
    perform app.clear_timers(tenant, conversation, 'nobody_answered', 'pause_over');
  elsif c.waiting_since = app.now() then
    -- From the first message that nobody has answered; the later ones wait with it.
    perform app.set_timer(tenant, conversation, 'nobody_answered', app.now() + interval '15 minutes');
  end if;
end $$;
comment on function app.await_person(uuid, uuid) is
  'After a turn that heard the customer: who waits for a person waits from now on, and who is answered by the bot waits for nobody.';

create or replace function app.apply_effect(tenant uuid, conversation uuid, customer uuid, effect jsonb) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  booking  constant uuid := (effect ->> 'booking_id')::uuid;
  lines    constant jsonb := coalesce(effect -> 'lines', jsonb_build_array(effect));
  reply    uuid;
begin
  case effect ->> 'effect'
    when 'reply' then
      insert into app.outbound_messages (tenant_id, conversation_id, body, choices, expires_at)
      values (tenant, conversation, effect ->> 'text', nullif(nullif(effect -> 'choices', '[]'), 'null'), app.now() + interval '24 hours')
      returning id into reply;
    when 'hold' then
      -- One visit, all lines or none. A line alone names no visit: then its member of staff alone is locked.
      insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status, hold_expires_at, conversation_id, visit_id)
      select tenant, customer, l.service_id, l.staff_id, l.starts_at, 'held', (effect ->> 'until')::timestamptz, conversation, v.visit_id
        from (select case when jsonb_array_length(lines) > 1 then app.uuid_v7() end as visit_id) v,
             jsonb_to_recordset(lines) as l (service_id uuid, staff_id uuid, starts_at timestamptz)
       order by l.starts_at;
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
      perform app.move_lines(tenant, lines);
    when 'cancel' then
      update app.bookings b set status = 'cancelled', cancel_reason = 'by the customer'
       where b.tenant_id = tenant and b.id = booking and b.status in ('confirmed', 'arrived');
    when 'hand_off' then
      update app.conversations c set mode = 'human' where c.tenant_id = tenant and c.id = conversation;
    when 'notify_staff' then
      update app.conversations c set waiting_since = coalesce(c.waiting_since, app.now())
       where c.tenant_id = tenant and c.id = conversation;
      insert into app.conversation_events (tenant_id, conversation_id, event, actor, detail)
      values (tenant, conversation, 'staff_notified', app.actor(), jsonb_build_object('reason', effect ->> 'reason'));
    when 'set_timer' then
      perform app.set_timer(tenant, conversation, effect ->> 'timer', (effect ->> 'at')::timestamptz);
    when 'resume' then
      update app.conversations c set mode = 'bot' where c.tenant_id = tenant and c.id = conversation;
    when 'interpret' then
      perform app.ask_model(tenant, conversation, effect -> 'question');
    when 'expect_no_answer' then
      null; -- app.commit_turn looks at it
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

create or replace function app.move_lines(tenant uuid, lines jsonb) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  moved  integer;
begin
  -- Bookings, then staff, each in a fixed order, as every writer has it.
  perform from app.bookings b
    where b.tenant_id = tenant and b.id in (select l.booking_id from jsonb_to_recordset(lines) as l (booking_id uuid))
    order by b.id for no key update;
  perform from app.staff s
    where s.tenant_id = tenant and s.id in (select l.staff_id from jsonb_to_recordset(lines) as l (staff_id uuid))
    order by s.id for no key update;
  -- One statement: lines of one visit may step into each other's places.
  update app.bookings b set starts_at = l.starts_at, staff_id = l.staff_id
    from jsonb_to_recordset(lines) as l (booking_id uuid, staff_id uuid, starts_at timestamptz)
   where b.tenant_id = tenant and b.id = l.booking_id and b.status = 'confirmed';
  get diagnostics moved = row_count;
  if moved < jsonb_array_length(lines) then
    raise exception 'the booking is not active' using errcode = 'exclusion_violation', constraint = 'bookings_hold_is_over';
  end if;
end $$;
comment on function app.move_lines(uuid, jsonb) is
  'Moves the lines of a visit ({booking_id, staff_id, starts_at}), all or none. A time that is not to be had, or a line that stands no more, is an exclusion_violation.';

create or replace function app.tenant_of_conversation(conversation uuid) returns uuid
language sql stable security definer
set search_path = ''
as $$
  select c.tenant_id from app.conversations c where c.id = conversation
$$;
comment on function app.tenant_of_conversation(uuid) is 'Whose conversation this is: its tenant''s id.';

create or replace function app.opting() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  visit  uuid;
begin
  if new.opted_out_at is not null then
    -- By visits, as writers of many bookings go: nobody waits in a circle.
    with over as (
      select s.id from app.bookings b
        join app.scheduled_notifications s on s.tenant_id = b.tenant_id and s.booking_id = b.id
       where b.tenant_id = new.tenant_id and b.customer_id = new.id and s.status = 'planned'
       order by b.visit_id, s.id for update of s
    )
    update app.scheduled_notifications s set status = 'cancelled', reason = 'opted out'
      from over where s.tenant_id = new.tenant_id and s.id = over.id;
  else
    for visit in
      select distinct b.visit_id from app.bookings b
       where b.tenant_id = new.tenant_id and b.customer_id = new.id
         and b.status = 'confirmed' and b.starts_at > app.now()
       order by b.visit_id
    loop
      perform app.lock_visit(new.tenant_id, visit);
      perform app.plan_visit(new.tenant_id, visit);
    end loop;
  end if;
  return null;
end $$;
comment on function app.opting() is 'Opting out calls the planned reminders off; opting in plans those still ahead again.';
create or replace trigger opting after update of opted_out_at on app.customers
  for each row when ((old.opted_out_at is null) <> (new.opted_out_at is null))
  execute function app.opting();
