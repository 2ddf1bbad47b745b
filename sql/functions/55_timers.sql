-- What happens in a conversation by time alone, and how people take it over and give it back.

create or replace function app.set_timer(tenant uuid, conversation uuid, wanted text, due timestamptz) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  -- What comes due before maintenance looks again is a job at once.
  soon  constant boolean := due <= app.now() + interval '1 minute';
begin
  insert into app.conversation_timers (tenant_id, conversation_id, timer, due_at, promoted_at)
  values (tenant, conversation, wanted, due, case when soon then app.now() end)
  on conflict on constraint conversation_timers_pkey
  do update set due_at = excluded.due_at, promoted_at = excluded.promoted_at;
  if soon then
    perform queue.enqueue('process_message', jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation), due);
  end if;
end $$;
comment on function app.set_timer(uuid, uuid, text, timestamptz) is 'Sets a timer of a conversation, in place of an earlier one of its kind.';

create or replace function app.clear_timers(tenant uuid, conversation uuid, variadic which text[]) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  delete from app.conversation_timers t
   where t.tenant_id = tenant and t.conversation_id = conversation and t.timer = any (which);
end $$;
comment on function app.clear_timers(uuid, uuid, text[]) is 'Takes timers of a conversation away; a job that comes for one finds nothing to do.';

create or replace function queue.promote_timers(horizon interval default '1 minute', most integer default 1000) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  n integer;
begin
  perform app.refuse_api_client();
  with due as (
    select tenant_id, conversation_id, timer from app.conversation_timers
     where promoted_at is null and due_at <= app.now() + horizon
     order by due_at limit most for update skip locked
  ), promoted as (
    update app.conversation_timers t set promoted_at = app.now()
      from due where (t.tenant_id, t.conversation_id, t.timer) = (due.tenant_id, due.conversation_id, due.timer)
    returning t.tenant_id, t.conversation_id, t.due_at
  )
  select count(queue.enqueue('process_message',
           jsonb_build_object('tenant_id', tenant_id, 'conversation_id', conversation_id), due_at))
    into n from promoted;
  return n;
end $$;
comment on function queue.promote_timers(interval, integer) is
  'Makes jobs of the timers that come due within the horizon. The job looks under the conversation''s lock whether the timer still stands.';

create or replace function app.due_timer(c app.conversations) returns text
language plpgsql volatile
set search_path = ''
as $$
declare
  found_timer  text;
begin
  -- What is pointless by now: nobody is nudged while a person answers, nobody waits for one while the bot does.
  delete from app.conversation_timers t
   where t.tenant_id = c.tenant_id and t.conversation_id = c.id and t.due_at <= app.now()
     and t.timer = case
           when c.mode = 'human' and (t.timer in ('idle', 'interpretation') or c.waiting_since is null and t.timer = 'nobody_answered') then t.timer
           when c.mode = 'bot' then 'nobody_answered' end;
  select t.timer into found_timer from app.conversation_timers t
   where t.tenant_id = c.tenant_id and t.conversation_id = c.id and t.due_at <= app.now()
   order by t.due_at limit 1;
  return found_timer;
end $$;
comment on function app.due_timer(app.conversations) is 'The timer of a conversation that has come due first, if any has.';

-- A person takes over and gives back, whoever says so: the API, the phone, a turn, plain SQL.

create or replace function app.conversation_mode() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.mode = 'human' then
    new.human_until := coalesce(new.human_until, app.now() + interval '4 hours');
  else
    new.human_until := null;
    new.waiting_since := null;
  end if;
  return new;
end $$;
comment on function app.conversation_mode() is 'Keeps human_until and waiting_since true to the mode.';

create or replace function app.conversation_mode_consequences() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.mode = 'human' then
    perform app.set_timer(new.tenant_id, new.id, 'pause_over', new.human_until);
    perform app.clear_timers(new.tenant_id, new.id, 'idle', 'interpretation');
  elsif old.mode = 'human' then
    perform app.clear_timers(new.tenant_id, new.id, 'nobody_answered', 'pause_over');
    -- A turn that switches the bot on answers by itself; anybody else leaves it to the next turn.
    if coalesce(current_setting('app.teller', true), '') <> 'conversation' then
      perform app.set_timer(new.tenant_id, new.id, 'pause_over', app.now());
    end if;
  end if;
  if new.mode is distinct from old.mode then
    insert into app.conversation_events (tenant_id, conversation_id, event, actor, detail)
    values (new.tenant_id, new.id, 'mode_changed', app.actor(), jsonb_build_object('mode', new.mode));
  end if;
  return null;
end $$;
comment on function app.conversation_mode_consequences() is 'What follows when a person takes over or gives back: the timers, and a line in the timeline.';

create or replace trigger conversation_mode before update of mode, human_until on app.conversations
  for each row when ((old.mode, old.human_until) is distinct from (new.mode, new.human_until))
  execute function app.conversation_mode();
create or replace trigger conversation_mode_consequences after update of mode, human_until on app.conversations
  for each row when ((old.mode, old.human_until) is distinct from (new.mode, new.human_until))
  execute function app.conversation_mode_consequences();

create or replace function app.person_wrote(tenant uuid, conversation uuid, wrote_at timestamptz) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  -- A message of long ago, told late, pauses nobody.
  if wrote_at + interval '4 hours' <= app.now() then
    return;
  end if;
  update app.conversations c
     set mode = 'human', human_until = greatest(c.human_until, wrote_at + interval '4 hours'),
         person_at = greatest(c.person_at, wrote_at)
   where c.tenant_id = tenant and c.id = conversation;
  perform app.clear_timers(tenant, conversation, 'idle', 'interpretation');
  -- Nor does one that is told late answer what the customer has asked since.
  if not exists (
    select from app.inbound_messages m
     where m.tenant_id = tenant and m.conversation_id = conversation and m.sent_at > wrote_at) then
    update app.conversations c set waiting_since = null
     where c.tenant_id = tenant and c.id = conversation and c.waiting_since is not null;
    perform app.clear_timers(tenant, conversation, 'nobody_answered');
  end if;
end $$;
comment on function app.person_wrote(uuid, uuid, timestamptz) is
  'A person of the tenant wrote to the customer: the bot is silent until four hours after their last message.';

create or replace function app.write_as_person(conversation uuid, words text) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant   constant uuid := app.tenant_id();
  message  uuid;
begin
  -- The lock that turns take: what the bot is about to say is said before, or not at all.
  perform from app.conversations c where c.tenant_id = tenant and c.id = conversation for no key update;
  if not found then
    return null;
  end if;
  perform app.person_wrote(tenant, conversation, app.now());
  insert into app.outbound_messages (tenant_id, conversation_id, body, author, expires_at)
  values (tenant, conversation, words, app.actor(), app.now() + interval '24 hours')
  returning id into message;
  perform queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation));
  return message;
end $$;
comment on function app.write_as_person(uuid, text) is
  'Queues a message of a person (app.actor) to the customer and takes the conversation over. Null: the tenant has no such conversation.';
