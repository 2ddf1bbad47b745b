-- What people may do with one job or one kind. Each act leaves a row in the audit log.

create or replace function ops.audit_act(act text, object text, tenant uuid, asked jsonb default null) returns void
language sql volatile
set search_path = ''
as $$
  insert into app.audit_log (tenant_id, actor, action, table_name, row_id, after)
  values (tenant, app.actor(), act, case when act in ('pause', 'resume') then 'kinds' else 'jobs' end, object, asked)
$$;
comment on function ops.audit_act(text, text, uuid, jsonb) is 'Notes an act of a person in the audit log.';

create or replace function ops.wake(kind text) returns void
language sql volatile
set search_path = ''
as $$
  update queue.kinds k set asleep = false where k.kind = wake.kind and k.asleep;
  select pg_notify('pontual_jobs', wake.kind);
$$;
comment on function ops.wake(text) is 'Wakes the workers of a kind, so that what is due now is looked for at once.';

create or replace function ops.may_change(j apalis.jobs) returns boolean
language sql stable
set search_path = ''
as $$
  -- A job that runs belongs to its worker; one that is done is over.
  select j.status in ('Killed', 'Failed', 'Pending')
$$;
comment on function ops.may_change(apalis.jobs) is 'Whether a job is dead, waiting or scheduled, so that people may act on it.';

create or replace function ops.retry_job(id text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  job  apalis.jobs;
begin
  update apalis.jobs j set status = 'Pending', run_at = least(app.now(), queue.now()), attempts = 0, done_at = null, lock_by = null, lock_at = null
   where j.id = retry_job.id and ops.may_change(j)
  returning j.* into job;
  if job.id is null then
    return false;
  end if;
  perform ops.audit_act('retry_job', id, (convert_from(job.job, 'UTF8')::jsonb ->> 'tenant_id')::uuid);
  perform ops.wake(job.job_type);
  return true;
end $$;
comment on function ops.retry_job(text) is 'Runs a dead or waiting job again, now, with all its attempts. False: there is none such.';

create or replace function ops.cancel_job(id text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  args  jsonb;
begin
  update apalis.jobs j set status = 'Done', done_at = app.now(), last_result = '{"Err": "cancelled by a person"}'
   where j.id = cancel_job.id and ops.may_change(j)
  returning convert_from(j.job, 'UTF8')::jsonb into args;
  if args is null then
    return false;
  end if;
  update app.scheduled_notifications s set status = 'cancelled', reason = 'its job was cancelled by a person'
   where s.id = (args ->> 'notification_id')::uuid and s.status = 'planned';
  perform ops.audit_act('cancel_job', id, (args ->> 'tenant_id')::uuid);
  return true;
end $$;
comment on function ops.cancel_job(text) is 'Takes a dead or waiting job out of the queue. False: there is none such.';

create or replace function ops.snooze_job(id text, delay interval) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  args  jsonb;
begin
  update apalis.jobs j set status = 'Pending', done_at = null, run_at = app.now() + delay,
         -- A dead one gets its attempts back, or it would be dead again.
         attempts = case when j.status = 'Killed' then 0 else j.attempts end
   where j.id = snooze_job.id and ops.may_change(j)
  returning convert_from(j.job, 'UTF8')::jsonb into args;
  if args is null then
    return false;
  end if;
  perform ops.audit_act('snooze_job', id, (args ->> 'tenant_id')::uuid, jsonb_build_object('delay', delay));
  return true;
end $$;
comment on function ops.snooze_job(text, interval) is 'Puts a dead or waiting job off: it runs after delay. False: there is none such.';

create or replace function ops.pause(kind text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  update queue.kinds k set paused_at = app.now() where k.kind = pause.kind and k.paused_at is null;
  if not found then
    return false;
  end if;
  perform ops.audit_act('pause', kind, null);
  return true;
end $$;
comment on function ops.pause(text) is 'Hands out no more jobs of this kind; what runs runs on. False: unknown or paused already.';

create or replace function ops.resume(kind text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  update queue.kinds k set paused_at = null where k.kind = resume.kind and k.paused_at is not null;
  if not found then
    return false;
  end if;
  perform ops.audit_act('resume', kind, null);
  perform ops.wake(kind);
  return true;
end $$;
comment on function ops.resume(text) is 'Hands out jobs of this kind again. False: unknown or not paused.';
