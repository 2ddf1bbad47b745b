-- One sender an instance: whose turn it is, who sends, at what pace, and when all of it waits.
--
-- Decided under the lock of the instance's row in app.senders. A job that finds another one sending, or
-- one that comes back soon enough, is finished: whatever it was enqueued for is visible to that one,
-- since the message was committed before the lock was taken.

create or replace function app.claim_message(conversation uuid, job text, lease interval) returns jsonb
language plpgsql volatile
set search_path = ''
-- Claims hold the lock for a moment; a row that somebody forgot in psql must not hold connections.
set lock_timeout = '250ms'
as $$
declare
  tenant    constant uuid := app.tenant_id();
  moment    constant timestamptz := queue.now();
  s         app.senders;
  m         app.outbound_messages;
  passed    uuid[] := '{}';
  locked    boolean := false;
  held      timestamptz;
  why       text;
  taken     jsonb;
begin
  begin
    s := app.lock_sender(tenant, conversation);
  exception when lock_not_available then
    return app.wait_until(moment + interval '1 second' * (0.5 + random()));
  end;
  if s.instance_id is null then
    return jsonb_build_object('outcome', 'empty');
  end if;
  if s.lease_until > moment and s.job is distinct from claim_message.job then
    return jsonb_build_object('outcome', 'busy');
  end if;
  held := greatest(s.paused_until, s.next_send_at);
  if held > moment then
    return app.await_turn(s, claim_message.job, held);
  end if;
  for n in 1 .. 200 loop
    m := app.next_in_line(tenant, s.instance_id, moment, passed);
    if m.id is null then
      return app.await_turn(s, claim_message.job, case when locked then moment + interval '500 milliseconds' end);
    end if;
    passed := passed || m.conversation_id;
    -- Always the oldest open one of a conversation: its messages leave in order.
    select * into m from app.outbound_messages o
     where o.id = (
             select x.id from app.outbound_messages x
              where x.tenant_id = tenant and x.conversation_id = m.conversation_id and x.status in ('queued', 'sending', 'unknown')
              order by x.seq limit 1)
       and o.tenant_id = tenant and o.status in ('queued', 'sending', 'unknown')
       for update skip locked;
    if m.id is null then
      locked := true;
    elsif m.due_at > moment then
      perform app.wait_behind(m);
    else
      why := app.not_sendable(m);
      if why is null then
        taken := app.take_message(m.id, claim_message.job, lease);
        if taken ->> 'outcome' = 'send' then
          update app.senders x set job = claim_message.job, lease_until = moment + lease, wake_at = null
           where x.tenant_id = tenant and x.instance_id = s.instance_id;
          return taken;
        end if;
        locked := true;
      else
        if m.status = 'queued' then
          perform app.record_withdrawn(m.id, why);
        else
          perform app.record_failed(m.id, why);
        end if;
        passed := array_remove(passed, m.conversation_id);
      end if;
    end if;
  end loop;
  return app.await_turn(s, claim_message.job, moment);
end $$;
comment on function app.claim_message(uuid, text, interval) is
  'Takes the next message of the instance of this conversation. outcome: send, busy (another job sees to it), wait (ms; this job is the one that comes back), empty.';

create or replace function app.claim_or_finish(conversation uuid, job text, worker text, lease interval) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  claim  constant jsonb := app.claim_message(conversation, job, lease);
begin
  if claim ->> 'outcome' in ('empty', 'busy') then
    perform queue.finish_as_tenant(job, worker);
  end if;
  return claim;
end $$;
comment on function app.claim_or_finish(uuid, text, text, interval) is
  'As app.claim_message; a job that has nothing left to do is done with the same commit.';

create or replace function app.sent_and_claim(
  message uuid, provider text, words text, conversation uuid, job text, worker text, lease interval
) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  recovered  constant boolean := app.record_sent(message, provider, words);
begin
  return app.claim_or_finish(conversation, job, worker, lease) || jsonb_build_object('recovered', recovered);
end $$;
comment on function app.sent_and_claim(uuid, text, text, uuid, text, text, interval) is
  'app.record_sent, then app.claim_or_finish: between two messages one commit. If it fails, the message counts as one that may have gone out. recovered: what app.record_sent told.';

create or replace function app.lock_sender(tenant uuid, conversation uuid) returns app.senders
language plpgsql volatile
set search_path = ''
as $$
declare
  instance  uuid;
  s         app.senders;
begin
  select c.instance_id into instance from app.conversations c where c.tenant_id = tenant and c.id = conversation;
  select * into s from app.senders x where x.tenant_id = tenant and x.instance_id = instance for no key update;
  if s.instance_id is null and instance is not null then
    insert into app.senders (tenant_id, instance_id) values (tenant, instance) on conflict do nothing;
    select * into s from app.senders x where x.tenant_id = tenant and x.instance_id = instance for no key update;
  end if;
  return s;
end $$;
comment on function app.lock_sender(uuid, uuid) is 'Locks, and makes if need be, the sender''s row of the instance of a conversation.';

create or replace function app.next_in_line(tenant uuid, instance uuid, moment timestamptz, passed uuid[]) returns app.outbound_messages
language plpgsql volatile
set search_path = ''
as $$
begin
  return (
    -- Replies before notices: somebody waits for them. One look into the index for each.
    select found.m
      from (values (false), (true)) as k (notice)
      cross join lateral (
        select o as m from app.outbound_messages o
         where o.tenant_id = tenant and o.instance_id = instance and o.status in ('queued', 'sending', 'unknown')
           and (o.template is not null) = k.notice and o.due_at <= moment
           and o.conversation_id <> all (passed)
         order by o.due_at, o.seq
         limit 1) found
     order by k.notice
     limit 1);
end $$;
comment on function app.next_in_line(uuid, uuid, timestamptz, uuid[]) is
  'The open message of an instance whose turn came first, conversations in passed left out.';

create or replace function app.wait_behind(head app.outbound_messages) returns void
language sql volatile
set search_path = ''
as $$
  -- So that nobody meets them again before: the claim stays cheap however many wait.
  update app.outbound_messages o set due_at = head.due_at
   where o.tenant_id = head.tenant_id and o.id = any (array(
     select x.id from app.outbound_messages x
      where x.tenant_id = head.tenant_id and x.conversation_id = head.conversation_id
        and x.status = 'queued' and x.seq > head.seq and x.due_at < head.due_at
        for update skip locked))
$$;
comment on function app.wait_behind(app.outbound_messages) is 'What follows a message that waits comes due no sooner than it.';

create or replace function app.not_sendable(m app.outbound_messages) returns text
language plpgsql volatile
set search_path = ''
as $$
begin
  return case
    when m.status = 'queued' or m.body is null then
      coalesce(case when m.expires_at <= app.now() then 'expired' end, app.not_to_send(m))
    when m.status = 'unknown' and coalesce(m.expires_at, m.created_at + interval '24 hours') + interval '1 hour' <= app.now() then
      'may have been sent; could not be looked up'
    end;
end $$;
comment on function app.not_sendable(app.outbound_messages) is 'Why a message is to be failed in place of being sent; null: it is to be sent.';

create or replace function app.await_turn(s app.senders, job text, until timestamptz) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  moment  constant timestamptz := queue.now();
  due     timestamptz;
begin
  select min(first.due_at) into due
    from (values (false), (true)) as k (notice)
    cross join lateral (
      select o.due_at from app.outbound_messages o
       where o.tenant_id = s.tenant_id and o.instance_id = s.instance_id and o.status in ('queued', 'sending', 'unknown')
         and (o.template is not null) = k.notice
       order by o.due_at, o.seq limit 1) first;
  if due is null then
    update app.senders x set job = null, lease_until = null, wake_at = null
     where x.tenant_id = s.tenant_id and x.instance_id = s.instance_id
       and (x.job, x.lease_until, x.wake_at) is distinct from (null, null, null);
    return jsonb_build_object('outcome', 'empty');
  end if;
  until := coalesce(until, due);
  if s.job is distinct from await_turn.job and s.wake_at > moment and s.wake_at <= until then
    return jsonb_build_object('outcome', 'busy');
  end if;
  update app.senders x set job = await_turn.job, lease_until = null, wake_at = until
   where x.tenant_id = s.tenant_id and x.instance_id = s.instance_id;
  return app.wait_until(until);
end $$;
comment on function app.await_turn(app.senders, text, timestamptz) is
  'Nothing is to be sent now: if nothing is open the sender is free (empty); else this job comes back then, or when the next one is due (wait), unless another one does in time (busy).';

create or replace function app.end_send(message uuid, accepted boolean) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  instance  app.instances;
  alerted   timestamptz;
begin
  select i.* into instance from app.outbound_messages o
    join app.instances i on i.tenant_id = o.tenant_id and i.id = o.instance_id
   where o.tenant_id = app.tenant_id() and o.id = message;
  select s.alerted_at into alerted from app.senders s
   where s.tenant_id = instance.tenant_id and s.instance_id = instance.id;
  if accepted then
    update app.senders s
       set next_send_at = app.after_gap(instance.send_gap), failures = 0, paused_until = null, paused_reason = null, alerted_at = null
     where s.tenant_id = instance.tenant_id and s.instance_id = instance.id
       and (instance.send_gap > '0' or s.failures > 0 or s.paused_until is not null or s.alerted_at is not null);
    return alerted is not null;
  end if;
  -- One message may have a difficulty of its own; from the third in a row on it is the instance's.
  update app.senders s
     set next_send_at = app.after_gap(instance.send_gap), failures = s.failures + 1,
         paused_until = case when s.failures >= 2 then queue.now() + app.growing(s.failures - 2, '2 seconds', '20 seconds') end,
         paused_reason = case when s.failures >= 2 then 'failing' end
   where s.tenant_id = instance.tenant_id and s.instance_id = instance.id;
  return false;
end $$;
comment on function app.end_send(uuid, boolean) is
  'A send of an instance is over: the gap begins. accepted ends its trouble; true: a person had been told of it.';

create or replace function app.after_gap(gap interval) returns timestamptz
language sql volatile
set search_path = ''
as $$
  select case when gap > '0' then queue.now() + gap * (0.5 + random()) end
$$;
comment on function app.after_gap(interval) is 'When the next send may begin: the gap from now, ± 50 %, as no machine''s.';

create or replace function app.growing(times integer, first interval, longest interval) returns interval
language sql volatile
set search_path = ''
as $$
  select least(first * power(2, least(times, 20)) * (0.8 + 0.4 * random()), longest)
$$;
comment on function app.growing(integer, interval, interval) is 'first, doubled so many times, ± 20 %, at most longest.';

create or replace function app.pause_instance(message uuid, why text, first interval, longest interval, alert boolean) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant    constant uuid := app.tenant_id();
  instance  uuid;
  alerted   timestamptz;
begin
  -- As if this send had not been tried: it met what every other one would have.
  update app.outbound_messages o
     set status = case when o.doubts = 0 then 'queued' else 'unknown' end, attempts = greatest(o.attempts - 1, 0),
         body = case when o.template is null or o.doubts > 0 then o.body end,
         error = left(why, 200), lease_by = null, lease_until = null
   where o.tenant_id = tenant and o.id = message and o.status in ('queued', 'sending', 'unknown');
  select o.instance_id into instance from app.outbound_messages o where o.tenant_id = tenant and o.id = message;
  select s.alerted_at into alerted from app.senders s where s.tenant_id = tenant and s.instance_id = instance for no key update;
  update app.senders s
     set failures = s.failures + 1, paused_until = queue.now() + app.growing(s.failures, first, longest), paused_reason = left(why, 200),
         alerted_at = case when alert then coalesce(s.alerted_at, app.now()) else s.alerted_at end
   where s.tenant_id = tenant and s.instance_id = instance;
  return alert and alerted is null;
end $$;
comment on function app.pause_instance(uuid, text, interval, interval, boolean) is
  'The send met what all of its instance would meet: all wait, longer each time in a row, and the message loses nothing. True: alert, and nobody has been told yet.';

create or replace function app.resume_instance(instance uuid) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant        constant uuid := app.tenant_id();
  conversation  uuid;
begin
  update app.senders s set paused_until = null, paused_reason = null, failures = 0, wake_at = null
   where s.tenant_id = tenant and s.instance_id = instance and s.paused_until is not null and s.paused_reason <> 'rate limit';
  if not found then
    return false;
  end if;
  select o.conversation_id into conversation from app.outbound_messages o
   where o.tenant_id = tenant and o.instance_id = instance and o.status in ('queued', 'sending', 'unknown') limit 1;
  if conversation is not null then
    perform queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation));
  end if;
  return true;
end $$;
comment on function app.resume_instance(uuid) is
  'The instance is connected: its pause ends, unless WhatsApp limits it, and what waits is sent. False: it was not paused.';

create or replace function queue.tend_outbox(most integer default 500) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  moment  constant timestamptz := queue.now();
  before  constant text := coalesce(current_setting('app.tenant_id', true), '');
  o       record;
  n       integer := 0;
  gone    integer;
begin
  perform app.refuse_api_client();
  -- Jobs die, or are called off; the messages are still to be sent.
  for o in select d.tenant_id, d.instance_id, d.conversation_id from app.undelivered(moment) d
            where not exists (select from queue.kinds k where k.kind = 'deliver_messages' and k.paused_at is not null)
            limit most loop
    if queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', o.tenant_id, 'conversation_id', o.conversation_id),
         key => 'undelivered:' || o.instance_id || ':' || floor(extract(epoch from moment) / 60)) is not null then
      n := n + 1;
    end if;
  end loop;
  -- What waits behind a pause turns useless there.
  for o in select m.tenant_id, m.id from app.outbound_messages m
            where m.status = 'queued' and m.expires_at < app.now() - interval '30 seconds'
            order by m.expires_at limit most for update skip locked loop
    perform set_config('app.tenant_id', o.tenant_id::text, true);
    perform app.record_withdrawn(o.id, 'expired');
    n := n + 1;
  end loop;
  perform set_config('app.tenant_id', before, true);
  delete from app.early_statuses e
   where e.ctid = any (array(select x.ctid from app.early_statuses x where x.at < app.now() - interval '1 day' limit most * 10));
  get diagnostics gone = row_count;
  return n + gone;
end $$;
comment on function queue.tend_outbox(integer) is
  'Sees to messages whose jobs died, to those that turned useless while they waited, and forgets statuses of messages that are not ours.';

create or replace function app.undelivered(moment timestamptz) returns table (tenant_id uuid, instance_id uuid, conversation_id uuid)
language sql volatile
set search_path = ''
as $$
  -- From instance to instance through the index, however many messages each has.
  with recursive waiting as (
    (select o.tenant_id, o.instance_id from app.outbound_messages o
      where o.status in ('queued', 'sending', 'unknown') and o.instance_id is not null
      order by o.tenant_id, o.instance_id limit 1)
    union all
    select n.tenant_id, n.instance_id
      from waiting w
      cross join lateral (
        select o.tenant_id, o.instance_id from app.outbound_messages o
         where o.status in ('queued', 'sending', 'unknown') and o.instance_id is not null
           and (o.tenant_id, o.instance_id) > (w.tenant_id, w.instance_id)
         order by o.tenant_id, o.instance_id limit 1) n
  )
  select w.tenant_id, w.instance_id, due.conversation_id
    from waiting w
    left join app.senders s on s.tenant_id = w.tenant_id and s.instance_id = w.instance_id
    cross join lateral (
      select first.conversation_id
        from (values (false), (true)) as k (notice)
        cross join lateral (
          select o.conversation_id, o.due_at from app.outbound_messages o
           where o.tenant_id = w.tenant_id and o.instance_id = w.instance_id and o.status in ('queued', 'sending', 'unknown')
             and (o.template is not null) = k.notice and o.due_at <= moment - interval '5 seconds'
           order by o.due_at, o.seq limit 1) first
       limit 1) due
   where coalesce(s.lease_until, moment) <= moment
     and coalesce(s.paused_until, moment) <= moment
     and coalesce(s.wake_at, '-infinity') <= moment - interval '5 seconds'
$$;
comment on function app.undelivered(timestamptz) is
  'Instances with messages that are overdue and that no job seems to see to; one conversation of each.';
