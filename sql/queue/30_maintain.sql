-- What keeps the queue and the calendar tidy; every worker process calls it every few seconds, one at a time does it.

create or replace function queue.fall_asleep(kind text) returns void
language sql volatile
set search_path = ''
as $$
  update queue.kinds k set asleep = true where k.kind = fall_asleep.kind and not k.asleep
$$;
comment on function queue.fall_asleep(text) is 'A worker of this kind polls slowly from now on: the next enqueue notifies.';

create or replace function queue.promote_reminders(horizon interval default '1 hour', most integer default 1000) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  n integer;
begin
  perform app.refuse_api_client();
  with due as (
    select id from app.scheduled_notifications
     where status = 'planned' and promoted_at is null and due_at <= app.now() + horizon
     order by due_at
     limit most
       for update skip locked
  ), promoted as (
    update app.scheduled_notifications s set promoted_at = app.now()
      from due where s.id = due.id
    returning s.tenant_id, s.id, s.due_at, s.traceparent
  )
  -- Each job knows what planned its reminder.
  select count(case when set_config('app.traceparent', coalesce(traceparent, ''), true) is not null then queue.enqueue('send_reminder',
           jsonb_build_object('tenant_id', tenant_id, 'notification_id', id), due_at, 'reminder:' || id) end)
    into n from promoted;
  perform set_config('app.traceparent', '', true);
  return n;
end $$;
comment on function queue.promote_reminders(interval, integer) is
  'Makes jobs of the reminders that come due within the horizon; far ones stay in the plan, so that the queue stays small.';

create or replace function queue.release_expired_holds(most integer default 500) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  n integer;
begin
  perform app.refuse_api_client();
  -- Grace of a minute: a confirmation that is on its way still finds its time.
  with over as (
    select tenant_id, id from app.bookings
     where status = 'held' and hold_expires_at < app.now() - interval '1 minute'
     order by hold_expires_at limit most for update skip locked
  )
  update app.bookings b set status = 'cancelled', cancel_reason = 'hold expired'
    from over where b.tenant_id = over.tenant_id and b.id = over.id;
  get diagnostics n = row_count;
  return n;
end $$;
comment on function queue.release_expired_holds(integer) is 'Frees times that nobody confirmed.';

create or replace function queue.forget_old_requests(keep interval default '24 hours', most integer default 5000) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  n integer;
begin
  -- It reaches across tenants, and how long to keep is the caller's word.
  perform app.refuse_api_client();
  -- Skipped where a request is at its row; the next turn comes in a few seconds.
  delete from app.idempotent_requests
   where ctid = any (array(
     select ctid from app.idempotent_requests
      where created_at < app.now() - keep order by created_at limit most for update skip locked));
  get diagnostics n = row_count;
  return n;
end $$;
comment on function queue.forget_old_requests(interval, integer) is
  'Removes answers kept for an Idempotency-Key that nobody may repeat any more.';

create or replace function queue.forget_old_knowledge(keep interval default '180 days', most integer default 500) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  n integer;
begin
  perform app.refuse_api_client();
  update app.conversation_turns set known = null
   where ctid = any (array(
     select ctid from app.conversation_turns
      where known is not null and at < app.now() - keep order by at limit most for update skip locked));
  get diagnostics n = row_count;
  delete from app.catalogue_snapshots s
   where s.ctid = any (array(
     select o.ctid from app.catalogue_snapshots o
      where o.made_at < app.now() - keep
        and not exists (
          select from app.conversation_turns t
           where t.tenant_id = o.tenant_id and t.known ->> 'catalogue' = encode(o.hash, 'hex'))
      limit most));
  return n;
end $$;
comment on function queue.forget_old_knowledge(interval, integer) is
  'Removes what turns of long ago knew (the turns themselves stay), and the catalogues that only they knew. Such a turn cannot be taken again.';

create or replace function queue.maintain(keep interval default '3 days') returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  promoted integer; timers integer; released integer; tended integer; forgotten integer; outdated integer; emptied integer; killed integer; lost integer; pruned integer;
begin
  perform app.refuse_api_client();
  perform set_config('app.actor', 'job:maintenance', true);
  -- One process at a time is enough; the others look again at their next turn.
  if not pg_try_advisory_xact_lock(hashtext('queue.maintain')) then
    return null;
  end if;
  promoted := queue.promote_reminders();
  timers := queue.promote_timers();
  released := queue.release_expired_holds();
  tended := queue.tend_channels() + queue.tend_outbox();
  forgotten := queue.forget_old_requests();
  outdated := queue.forget_old_knowledge();
  emptied := queue.forget_old_messages() + queue.forget_model_answers();

  -- A job that took its worker down with every attempt is dead, not waiting.
  update apalis.jobs set status = 'Killed', done_at = app.now(),
         last_result = coalesce(last_result, '{"Err": "no attempts left"}')
   where status in ('Pending', 'Failed') and attempts >= max_attempts;
  get diagnostics killed = row_count;

  -- No attempt lasts this long (jobs::Job::TIMEOUT): whoever lives and holds it has lost it.
  update apalis.jobs set status = 'Pending', lock_by = null, lock_at = null,
         last_result = '{"Err": "its worker lost it"}'
   where lock_by is not null and status in ('Queued', 'Running') and lock_at < now() - interval '10 minutes';
  get diagnostics lost = row_count;

  delete from apalis.jobs where id = any (array(
    select id from apalis.jobs where status = 'Done' and done_at < app.now() - keep limit 5000));
  get diagnostics pruned = row_count;
  delete from apalis.workers w
   where w.last_seen < now() - interval '1 hour'
     and not exists (select from apalis.jobs j where j.lock_by = w.id);

  return jsonb_strip_nulls(jsonb_build_object(
    'promoted', nullif(promoted, 0), 'timers', nullif(timers, 0), 'released', nullif(released, 0), 'tended', nullif(tended, 0),
    'forgotten', nullif(forgotten, 0), 'outdated', nullif(outdated, 0), 'emptied', nullif(emptied, 0), 'killed', nullif(killed, 0), 'lost', nullif(lost, 0), 'pruned', nullif(pruned, 0)));
end $$;
comment on function queue.maintain(interval) is
  'Promotes reminders and timers, frees expired holds, sees to the outbox, forgets answers to old requests, what turns of 180 days ago knew and texts that are kept no longer, buries jobs without attempts left, takes back lost ones, prunes what is done. Returns counts; null: another process is at it.';
