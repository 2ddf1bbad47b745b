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
language sql volatile
set search_path = ''
as $$
  -- Two who change two lines of one visit at once must see each other, or each plans reminders for
  -- the line that the other one cancels. Taken after the rows and in order, so that nobody waits in
  -- a circle; not by thousands, which would fill the server's table of locks.
  select pg_advisory_xact_lock(hashtextextended('visit ' || visit, 0))
   where (select count(*) from (
     select from app.bookings b where b.tenant_id = tenant and b.visit_id = visit limit 2) lines) > 1
$$;
comment on function app.lock_visit(uuid, uuid) is 'Lets writers of one visit of several bookings take turns.';

create or replace function app.visit_changed(tenant uuid, visit uuid, event text, lines uuid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  if event is null then
    return;
  end if;
  perform app.plan_visit(tenant, visit);
  perform app.tell_customer(tenant, visit, event, lines);
  if event = 'confirmed' then
    update app.conversations c set booking_id = b.id
      from (select x.id, x.conversation_id from app.bookings x
             where x.tenant_id = tenant and x.visit_id = visit and x.status = 'confirmed'
             order by x.starts_at, x.id limit 1) b
     where c.tenant_id = tenant and c.booking_id is distinct from b.id
       -- A turn of that conversation notes it itself: waiting for it here could be a deadlock.
       and c.id = (select v.id from app.conversations v
                    where v.tenant_id = tenant and v.id = b.conversation_id for no key update skip locked);
  end if;
end $$;
comment on function app.visit_changed(uuid, uuid, text, uuid[]) is
  'What follows from an event of some bookings of a visit: the reminder plan, the customer''s message, the conversation''s note.';

create or replace function app.tell_customer(tenant uuid, visit uuid, event text, lines uuid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  first         app.bookings;
  useful_until  timestamptz;
  revisions     jsonb;
  conversation  uuid;
  message       uuid;
  untold        text;
begin
  select b.* into first from app.bookings b
   where b.tenant_id = tenant and b.id = any (lines) order by b.starts_at, b.id limit 1;
  select jsonb_object_agg(b.id, b.revision), max(case when event = 'cancelled' then b.ends_at else b.starts_at end)
    into revisions, useful_until
    from app.bookings b where b.tenant_id = tenant and b.id = any (lines);
  -- A conversation's own turn answers the customer itself (app.commit_turn links the answer).
  untold := case
    when coalesce(current_setting('app.teller', true), '') = 'conversation' then 'told in the conversation'
    when event in ('arrived', 'completed', 'no_show') then 'not told by default'
    when event <> 'cancelled' and useful_until <= app.now() then 'it is over'
  end;
  if untold is null then
    conversation := app.conversation_of(tenant, first.customer_id, first.conversation_id);
    if conversation is null then
      untold := 'no way to reach the customer';
    end if;
  end if;
  if untold is null then
    -- What this transaction has already to say of this visit, says this too.
    update app.outbound_messages o
       set params = jsonb_set(o.params, '{lines}', o.params -> 'lines' || revisions),
           expires_at = greatest(o.expires_at, useful_until)
     where o.tenant_id = tenant and o.template = 'booking_' || event and o.status = 'queued'
       and o.booking_id = any (array(select b.id from app.bookings b where b.tenant_id = tenant and b.visit_id = visit))
       and o.params ->> 'made_in' = pg_current_xact_id()::text
    returning o.id into message;
    if message is null then
      insert into app.outbound_messages (tenant_id, conversation_id, booking_id, template, params, booking_revision, expires_at)
      values (tenant, conversation, first.id, 'booking_' || event,
              jsonb_build_object('lines', revisions, 'made_in', pg_current_xact_id()::text), first.revision, useful_until)
      returning id into message;
      perform queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation));
    end if;
  end if;
  insert into app.booking_notifications (tenant_id, booking_id, event, status, reason, revision, outbound_message_id)
  select tenant, b.id, event, case when untold is null then 'queued' else 'skipped' end, untold, b.revision, message
    from app.bookings b where b.tenant_id = tenant and b.id = any (lines)
   order by b.starts_at, b.id;
end $$;
comment on function app.tell_customer(uuid, uuid, text, uuid[]) is
  'Notes an event of each of these bookings of a visit and, unless its conversation does, tells the customer once. The text is made when it is sent (app.lines_told).';

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
