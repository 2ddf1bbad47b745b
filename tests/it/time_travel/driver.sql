-- A year in a minute: what workers, a gateway and people do, each at its time, with the functions
-- that the program calls. The clock stands still inside a step and jumps between them; a step is a
-- transaction of its own.

insert into apalis.workers (id, worker_type, storage_name) values ('traveller', 'send_reminder', 'travel');
create schema travel;
create table travel.acts (
  n int primary key, at timestamptz not null, act text not null, booking int, customer int, staff int,
  starts_at timestamptz, reminders interval[], quiet_from time, quiet_until time, zone text);
create table travel.bookings (booking int primary key, id uuid not null);
create table travel.customers (customer int primary key, id uuid not null);
create table travel.outages (what text not null, down timestamptz not null, up timestamptz not null);
create table travel.counts (what text primary key, n int not null);
-- What has left the gateway, each time it did.
create table travel.left_gateway (message uuid not null, at timestamptz not null);

-- Texts are no matter here, and making them is most of the work of a send.
create function travel.words() returns trigger language plpgsql as $$
begin
  new.body := coalesce(new.body, 'words');
  return new;
end $$;
create trigger words before insert on app.outbound_messages for each row execute function travel.words();

-- Nor are addresses.
create or replace function app.addresses_of(tenant uuid, customer uuid, instance uuid) returns jsonb
language sql stable as $$ select '{"try": ["351910000001"], "phone": "+351910000001"}'::jsonb $$;

create procedure travel.go_to(moment timestamptz) language plpgsql as $$
begin
  -- Of the business and of the queue alike: both count from the start of the statement.
  perform set_config('app.clock_offset', (moment - statement_timestamp())::text, false);
end $$;

create function travel.up_at(wanted text, moment timestamptz) returns timestamptz language plpgsql as $$
begin
  return coalesce((select o.up from travel.outages o where o.what = wanted and o.down <= moment and moment < o.up), moment);
end $$;

create procedure travel.count(wanted text) language sql as $$
  insert into travel.counts values (wanted, 1) on conflict (what) do update set n = travel.counts.n + 1
$$;

-- One attempt of a job, as the program does it; the first attempt of some is killed before its commit.
create procedure travel.run_job(job apalis.jobs) language plpgsql as $$
declare
  args     jsonb := convert_from(job.job, 'UTF8')::jsonb;
  outcome  text;
begin
  if job.job_type = 'replan_reminders' then
    outcome := app.replan_step(37);
    if outcome = 'more' then
      perform queue.snooze(job.id, 'traveller', '0');
    else
      perform queue.finish(job.id, 'traveller');
    end if;
    return;
  end if;
  begin
    outcome := app.fire_reminder((args ->> 'notification_id')::uuid);
    if outcome = 'early' then
      perform queue.snooze(job.id, 'traveller', (
        select due_at - app.now() from app.scheduled_notifications where id = (args ->> 'notification_id')::uuid));
    else
      perform queue.finish(job.id, 'traveller');
    end if;
    if job.attempts = 1 and random() < 0.05 then
      raise exception 'killed' using errcode = 'admin_shutdown';
    end if;
  exception when admin_shutdown then
    call travel.count('attempts killed before their commit');
    perform queue.retry(job.id, 'traveller', 'killed', '0');
  end;
end $$;

-- Everything open leaves, in order. Of some sends the answer is lost, and a look-up finds them.
create procedure travel.deliver() language plpgsql as $$
declare
  waiting  uuid;
  taken    jsonb;
begin
  loop
    select conversation_id into waiting from app.outbound_messages
     where status in ('queued', 'sending', 'unknown') order by seq limit 1;
    exit when waiting is null;
    taken := app.claim_message(waiting, 'sender', '90 s');
    if taken ->> 'outcome' <> 'send' then
      -- The head of the queue may have been withdrawn in this claim, and nothing else be open.
      exit when taken ->> 'outcome' = 'empty';
      raise exception 'the gateway is up and a claim says %', taken;
    end if;
    if not (taken ->> 'unsure')::boolean then
      perform app.begin_send((taken ->> 'id')::uuid, 'sender', 'words', '90 s');
      insert into travel.left_gateway values ((taken ->> 'id')::uuid, app.now());
    end if;
    if not (taken ->> 'unsure')::boolean and random() < 0.02 then
      call travel.count('answers of the gateway lost');
      perform app.record_retry((taken ->> 'id')::uuid, 'maybe_sent', 'answer lost', 'words', '0');
      update app.senders set next_send_at = null, paused_until = null, failures = 0;
    else
      perform app.record_sent((taken ->> 'id')::uuid, taken ->> 'id', 'words');
    end if;
  end loop;
end $$;

create procedure travel.act(a travel.acts) language plpgsql as $$
declare
  tenant  uuid := app.tenant_id();
begin
  case a.act
    when 'book' then
      with made as (
        insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
        select tenant, c.id, s.id, m.id, a.starts_at, 'confirmed'
          from travel.customers c, app.services s, app.staff m
         where c.customer = a.customer and m.key = 'm' || a.staff
        returning id)
      insert into travel.bookings select a.booking, id from made;
    when 'move' then
      update app.bookings b set starts_at = a.starts_at, staff_id = m.id
        from travel.bookings t, app.staff m
       where t.booking = a.booking and b.id = t.id and b.tenant_id = tenant and m.key = 'm' || a.staff;
    when 'cancel', 'arrive', 'complete' then
      update app.bookings b
         set status = case a.act when 'cancel' then 'cancelled' when 'arrive' then 'arrived' else 'completed' end
        from travel.bookings t where t.booking = a.booking and b.id = t.id and b.tenant_id = tenant;
    when 'opt_out' then
      update app.customers c set opted_out_at = app.now() from travel.customers t where t.customer = a.customer and c.id = t.id;
    when 'opt_in' then
      update app.customers c set opted_out_at = null from travel.customers t where t.customer = a.customer and c.id = t.id;
    when 'rules' then
      update app.tenants t
         set reminders = a.reminders, quiet_from = a.quiet_from, quiet_until = a.quiet_until, timezone = a.zone
       where t.id = tenant;
    when 'switch_off', 'switch_on' then
      insert into app.feature_flags as f (tenant_id, flag, enabled) values (tenant, 'reminders', a.act = 'switch_on')
      on conflict on constraint feature_flags_once_a_tenant do update set enabled = excluded.enabled;
  end case;
end $$;

-- When something is to be done next: a reminder to be promoted, a job, an open message.
create function travel.next_step(moment timestamptz) returns timestamptz language plpgsql as $$
declare
  promoted  timestamptz := (
    select due_at - interval '50 minutes' from app.scheduled_notifications
     where status = 'planned' and promoted_at is null order by due_at limit 1);
  runs      timestamptz := (
    select min(j.run_at) from apalis.jobs j
     where j.job_type in ('send_reminder', 'replan_reminders') and j.status = 'Pending');
begin
  return least(case when least(promoted, runs) is not null then travel.up_at('worker', greatest(moment, least(promoted, runs))) end, (
    select travel.up_at('gateway', moment) from app.outbound_messages where status in ('queued', 'sending', 'unknown') limit 1));
end $$;

create procedure travel.go(until timestamptz) language plpgsql as $$
declare
  moment    timestamptz;
  step      timestamptz;
  a         travel.acts;
  j         apalis.jobs;
begin
  select at into moment from travel.acts order by n limit 1;
  for a in select * from travel.acts union all select 1000000000, until, 'end', null, null, null, null, null, null, null, null order by 1 loop
    loop
      step := travel.next_step(moment);
      exit when step is null or step >= a.at;
      moment := step;
      call travel.go_to(moment);
      if travel.up_at('worker', moment) = moment then
        perform queue.promote_reminders();
        -- New rules hold for what comes due at the same moment.
        while exists (select from apalis.jobs where job_type = 'replan_reminders' and status = 'Pending') loop
          for j in select * from apalis.get_jobs('traveller', 'replan_reminders', 10) loop
            call travel.run_job(j);
          end loop;
        end loop;
        for j in select * from apalis.get_jobs('traveller', 'send_reminder', 100) loop
          call travel.run_job(j);
        end loop;
      end if;
      if travel.up_at('gateway', moment) = moment then
        call travel.deliver();
      end if;
    end loop;
    moment := a.at;
    exit when a.act = 'end';
    call travel.go_to(moment);
    -- As if booked in the chat, which tells the customer itself: reminders are what is looked at.
    perform set_config('app.teller', 'conversation', false);
    call travel.act(a);
    if a.n % 50 = 0 then
      -- As queue.maintain prunes; a year of jobs would only slow the year down.
      delete from apalis.jobs where status = 'Done' or job_type = 'deliver_messages';
      -- As autovacuum does; plans made for empty tables would read them whole.
      if a.n in (50, 200, 1000) then
        analyze app.outbound_messages, app.scheduled_notifications, app.bookings, app.booking_notifications,
                app.conversations, app.customers, app.customer_addresses, apalis.jobs;
      end if;
    end if;
    commit;
  end loop;
end $$;
