-- What follows from a change of bookings, whoever writes: once for a visit, however many of its
-- bookings one statement changes, and one message however many statements a transaction has.

create or replace function app.bookings_inserted() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  change  record;
begin
  perform app.lock_visit(v.tenant_id, v.visit_id)
     from (select distinct n.tenant_id, n.visit_id from new_rows n order by 1, 2 limit 1000) v;
  for change in
    select n.tenant_id, n.visit_id, app.booking_event(null, null, n.status, n.revision) as event, array_agg(n.id) as lines
      from new_rows n
     group by 1, 2, 3 order by 1, 2
  loop
    perform app.visit_changed(change.tenant_id, change.visit_id, change.event, change.lines);
  end loop;
  return null;
end $$;
comment on function app.bookings_inserted() is 'What follows from new bookings.';

create or replace function app.bookings_updated() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  change  record;
begin
  perform app.lock_visit(v.tenant_id, v.visit_id)
     from (select distinct n.tenant_id, n.visit_id from new_rows n order by 1, 2 limit 1000) v;
  for change in
    select n.tenant_id, n.visit_id, app.booking_event(o.status, o.revision, n.status, n.revision) as event, array_agg(n.id) as lines
      from new_rows n join old_rows o on o.id = n.id
     group by 1, 2, 3 order by 1, 2
  loop
    perform app.visit_changed(change.tenant_id, change.visit_id, change.event, change.lines);
  end loop;
  return null;
end $$;
comment on function app.bookings_updated() is 'What follows from changes of bookings.';

create or replace function app.booking_event(was text, was_revision integer, status text, revision integer) returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select case
    when status is distinct from was then case
      when status in ('confirmed', 'arrived', 'completed', 'no_show') then status
      when status = 'cancelled' and was in ('confirmed', 'arrived') then 'cancelled'
    end
    when revision is distinct from was_revision and status = 'confirmed' then 'moved'
  end
$$;
comment on function app.booking_event(text, integer, text, integer) is 'What a change of a booking is called; null: nothing to tell.';

create or replace function app.lock_visit(tenant uuid, visit uuid) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  -- Two who change two lines of one visit at once, or one who cancels and one who opts in, must see
  -- each other, or each plans reminders for what the other one ends. Taken after the rows and in
  -- order, so that nobody waits in a circle; not by thousands, which would fill the server's table
  -- of locks.
  perform pg_advisory_xact_lock(hashtextextended('visit ' || tenant || visit, 0));
end $$;
comment on function app.lock_visit(uuid, uuid) is 'Lets those who plan for one visit take turns.';

create or replace function app.visit_changed(tenant uuid, visit uuid, event text, lines uuid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  first  record;
begin
  if event is null then
    return;
  end if;
  perform app.plan_visit(tenant, visit);
  perform app.tell_customer(tenant, visit, event, lines);
  if event = 'confirmed' then
    select b.id, b.conversation_id into first from app.bookings b
     where b.tenant_id = tenant and b.visit_id = visit and b.status = 'confirmed'
     order by b.starts_at, b.id limit 1;
    -- A turn of that conversation notes it itself: waiting for it here could be a deadlock.
    perform from app.conversations c
      where c.tenant_id = tenant and c.id = first.conversation_id and c.booking_id is distinct from first.id
        for no key update skip locked;
    if found then
      update app.conversations c set booking_id = first.id
       where c.tenant_id = tenant and c.id = first.conversation_id;
    end if;
  end if;
end $$;
comment on function app.visit_changed(uuid, uuid, text, uuid[]) is
  'What follows from an event of some bookings of a visit: the reminder plan, the customer''s message, the conversation''s note.';

create or replace function app.tell_customer(tenant uuid, visit uuid, event text, lines uuid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  t          app.tenants;
  first      app.bookings;
  over_at    timestamptz;
  quiet_end  timestamptz;
  untold     text;
begin
  select * into t from app.tenants x where x.id = tenant;
  select max(b.ends_at) into over_at from app.bookings b where b.tenant_id = tenant and b.id = any (lines);
  -- A conversation's own turn answers the customer itself (app.commit_turn links the answer).
  untold := case
    when coalesce(current_setting('app.teller', true), '') = 'conversation' then 'told in the conversation'
    when event in ('arrived', 'completed', 'no_show') and event <> all (t.tell_events) then 'not told by default'
    -- Whoever tidies the calendar of last month thanks nobody.
    when event in ('completed', 'no_show') and over_at + interval '24 hours' <= app.now() then 'it is long over'
  end;
  if untold is not null then
    perform app.note_event(tenant, event, lines, untold);
    return;
  end if;
  quiet_end := case when event in ('completed', 'no_show')
    then app.quiet_ends(app.now(), interval '1 day', t.timezone, t.quiet_from, t.quiet_until) end;
  if quiet_end is null then
    perform app.tell_now(tenant, visit, event, lines);
  else
    -- Thanks can wait until the morning.
    select b.* into first from app.bookings b
     where b.tenant_id = tenant and b.id = any (lines) order by b.starts_at, b.id limit 1;
    insert into app.scheduled_notifications (tenant_id, booking_id, kind, due_at, expires_at, revision)
    values (tenant, first.id, event, quiet_end, greatest(quiet_end + interval '1 hour', over_at + interval '24 hours'), first.revision)
    on conflict on constraint scheduled_notifications_once_a_revision_and_kind do nothing;
    perform app.note_event(tenant, event, array_remove(lines, first.id), 'told with another booking of the visit');
  end if;
end $$;
comment on function app.tell_customer(uuid, uuid, text, uuid[]) is
  'An event of these bookings of a visit: noted for each of them and, unless its conversation does or the tenant does not want it, told to the customer once; thanks not in the quiet hours.';

create or replace function app.note_event(
  tenant uuid, event text, lines uuid[], untold text, message uuid default null, channel text default 'whatsapp') returns void
language plpgsql volatile
set search_path = ''
as $$
#variable_conflict use_variable
begin
  insert into app.booking_notifications (tenant_id, booking_id, event, channel, status, reason, revision, outbound_message_id)
  select tenant, b.id, event, channel, case when untold is null then 'queued' else 'skipped' end, untold, b.revision, message
    from app.bookings b where b.tenant_id = tenant and b.id = any (lines)
   order by b.starts_at, b.id;
end $$;
comment on function app.note_event(uuid, text, uuid[], text, uuid, text) is 'Notes an event of each of these bookings; untold: why the customer is not told.';

create or replace function app.tell_now(tenant uuid, visit uuid, event text, lines uuid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  first         app.bookings;
  useful_until  timestamptz;
  revisions     jsonb;
  message       uuid;
  channel       text;
  untold        text;
begin
  select b.* into first from app.bookings b
   where b.tenant_id = tenant and b.id = any (lines) order by b.starts_at, b.id limit 1;
  select jsonb_object_agg(b.id, b.revision),
         max(case when event in ('cancelled', 'arrived') then b.ends_at
                  when event in ('completed', 'no_show') then greatest(b.ends_at, app.now()) + interval '24 hours'
                  else b.starts_at end)
    into revisions, useful_until
    from app.bookings b where b.tenant_id = tenant and b.id = any (lines);
  if event <> 'cancelled' and useful_until <= app.now() then
    untold := 'it is over';
  elsif event in ('completed', 'no_show') and exists (
    select from app.customers c where c.tenant_id = tenant and c.id = first.customer_id and c.opted_out_at is not null) then
    untold := 'opted out';
  end if;
  if untold is null then
    -- What this transaction has already to say of this visit, says this too.
    update app.outbound_messages o
       set params = jsonb_set(o.params, '{lines}', o.params -> 'lines' || revisions),
           expires_at = greatest(o.expires_at, useful_until)
     where o.tenant_id = tenant and o.template = 'booking_' || event and o.status = 'queued'
       and o.booking_id = any (array(select b.id from app.bookings b where b.tenant_id = tenant and b.visit_id = visit))
       and o.params ->> 'made_in' = pg_current_xact_id()::text
    returning o.id, o.channel into message, channel;
    if message is null then
      select q.message, q.channel into message, channel
        from app.queue_notification(tenant, first.customer_id, first.conversation_id, first.id, 'booking_' || event,
          jsonb_build_object('lines', revisions, 'made_in', pg_current_xact_id()::text, 'by', app.changed_by(first)),
          first.revision, useful_until) q;
      untold := case when message is null then 'no way to reach the customer' end;
    end if;
  end if;
  perform app.note_event(tenant, event, lines, untold, message, coalesce(channel, 'whatsapp'));
end $$;
comment on function app.tell_now(uuid, uuid, text, uuid[]) is
  'Puts the news of these bookings of a visit into the outbox, once. The text is made when it is sent (app.facts_of).';

create or replace function app.changed_by(b app.bookings) returns text
language sql stable
set search_path = ''
as $$
  select case when app.actor() like 'customer:%' or b.status = 'cancelled' and b.cancel_reason = 'by the customer'
              then 'customer' else 'staff' end
$$;
comment on function app.changed_by(app.bookings) is
  'Who made the change of a booking that this transaction makes: the customer if app.actor or the reason of a cancellation says so, else staff.';

create or replace function app.conversation_of(tenant uuid, customer uuid, preferred uuid) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  conversation  uuid;
  instance      uuid;
begin
  select c.id into conversation from app.conversations c
   where c.tenant_id = tenant and c.customer_id = customer
   order by (c.id = preferred) desc nulls last, c.last_inbound_at desc nulls last limit 1;
  if conversation is null then
    select i.id into instance from app.instances i where i.tenant_id = tenant order by i.created_at limit 1;
    if instance is not null then
      insert into app.conversations (tenant_id, customer_id, instance_id) values (tenant, customer, instance)
      on conflict on constraint conversations_one_a_customer_and_instance do update set updated_at = app.now()
      returning id into conversation;
    end if;
  end if;
  return conversation;
end $$;
comment on function app.conversation_of(uuid, uuid, uuid) is
  'Where to write to a customer: the conversation named, else the latest, else a new one; null: the tenant has no instance.';

create or replace trigger booking_consequences after insert on app.bookings
  referencing new table as new_rows
  for each statement execute function app.bookings_inserted();
create or replace trigger booking_consequences_of_update after update on app.bookings
  referencing old table as old_rows new table as new_rows
  for each statement execute function app.bookings_updated();
