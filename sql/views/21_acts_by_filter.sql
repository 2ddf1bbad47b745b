-- The same acts on many jobs or kinds, chosen by kind, tenant and error; with dry_run they only tell
-- what they would act on. What was asked is in each job's row of the audit log.

create or replace function ops.tenant(named text) returns uuid
language plpgsql stable
set search_path = ''
as $$
declare
  found_id  uuid;
begin
  select t.id into found_id from app.tenants t where t.slug = named or t.id::text = named;
  if found_id is null and named is not null then
    raise exception 'there is no tenant %', named
      using errcode = 'invalid_parameter_value', hint = 'ops.tenants lists them, by slug and id.';
  end if;
  return found_id;
end $$;
comment on function ops.tenant(text) is 'The id of a tenant by slug or id; null for null. Refuses one that is not there.';

create or replace function ops.chosen_jobs(kind text, tenant text, error text, only_dead boolean, most integer)
  returns table (id text, kind_of_job text, tenant_id uuid, state text, run_at timestamptz, attempts integer, last_error text)
language plpgsql volatile
set search_path = ''
as $$
declare
  wanted  constant uuid := ops.tenant(tenant);
begin
  if kind is null and tenant is null and error is null then
    raise exception 'say which jobs: kind, tenant or error'
      using errcode = 'invalid_parameter_value', hint = 'For every job of a kind give the kind alone.';
  end if;
  if kind is not null and not exists (select from queue.kinds k where k.kind = chosen_jobs.kind) then
    raise exception 'there is no job kind %', kind
      using errcode = 'invalid_parameter_value', hint = 'queue.kinds lists them.';
  end if;
  return query
    select v.id, v.kind, v.tenant_id, v.state, v.run_at, v.attempts, v.error
      from apalis.jobs j join ops.jobs v on v.id = j.id
     where ops.may_change(j)
       and (not only_dead or j.status = 'Killed')
       and (chosen_jobs.kind is null or j.job_type = chosen_jobs.kind)
       and (wanted is null or v.tenant_id = wanted)
       and (chosen_jobs.error is null or v.error ~* chosen_jobs.error)
     order by j.run_at, j.id limit most
       for update of j skip locked;
end $$;
comment on function ops.chosen_jobs(text, text, text, boolean, integer) is
  'The jobs a filter means, oldest first, locked. error is a regular expression, case ignored. At least one of kind, tenant and error has to be said.';

create or replace function ops.retry_jobs(kind text default null, tenant text default null, error text default null,
                                          dry_run boolean default false, most integer default 10000)
  returns table (id text, kind_of_job text, tenant_id uuid, state text, run_at timestamptz, attempts integer, last_error text)
language plpgsql volatile
set search_path = ''
as $$
begin
  for id, kind_of_job, tenant_id, state, run_at, attempts, last_error in
    select * from ops.chosen_jobs(retry_jobs.kind, retry_jobs.tenant, retry_jobs.error, true, most)
  loop
    if dry_run or ops.retry_job(id) then
      return next;
    end if;
  end loop;
end $$;
comment on function ops.retry_jobs(text, text, text, boolean, integer) is
  'Runs the dead jobs of a kind, a tenant (slug or id), an error (regular expression) again, at most so many. Returns them as they were. dry_run: changes nothing.';

create or replace function ops.cancel_jobs(kind text default null, tenant text default null, error text default null,
                                           dry_run boolean default false, most integer default 10000, only_dead boolean default true)
  returns table (id text, kind_of_job text, tenant_id uuid, state text, run_at timestamptz, attempts integer, last_error text)
language plpgsql volatile
set search_path = ''
as $$
begin
  for id, kind_of_job, tenant_id, state, run_at, attempts, last_error in
    select * from ops.chosen_jobs(cancel_jobs.kind, cancel_jobs.tenant, cancel_jobs.error, only_dead, most)
  loop
    if dry_run or ops.cancel_job(id) then
      return next;
    end if;
  end loop;
end $$;
comment on function ops.cancel_jobs(text, text, text, boolean, integer, boolean) is
  'Takes dead jobs out of the queue, chosen as by ops.retry_jobs; with only_dead => false waiting and scheduled ones too.';

create or replace function ops.snooze_jobs(delay interval, kind text default null, tenant text default null, error text default null,
                                           dry_run boolean default false, most integer default 10000)
  returns table (id text, kind_of_job text, tenant_id uuid, state text, run_at timestamptz, attempts integer, last_error text)
language plpgsql volatile
set search_path = ''
as $$
begin
  for id, kind_of_job, tenant_id, state, run_at, attempts, last_error in
    select * from ops.chosen_jobs(snooze_jobs.kind, snooze_jobs.tenant, snooze_jobs.error, false, most)
  loop
    if dry_run or ops.snooze_job(id, delay) then
      return next;
    end if;
  end loop;
end $$;
comment on function ops.snooze_jobs(interval, text, text, text, boolean, integer) is
  'Puts jobs off by delay, chosen as by ops.retry_jobs, waiting and scheduled ones too. Holds one tenant back: what comes new still runs.';

create or replace function ops.pause_kinds(pattern text, dry_run boolean default false) returns table (kind text, waiting bigint)
language plpgsql volatile
set search_path = ''
as $$
begin
  for kind, waiting in
    select h.kind, h.waiting + h.scheduled from ops.queue_health h where h.kind ~ pattern and h.paused_at is null order by h.kind
  loop
    if dry_run or ops.pause(kind) then
      return next;
    end if;
  end loop;
end $$;
comment on function ops.pause_kinds(text, boolean) is 'Pauses every kind whose name matches the regular expression; ''.'' means all. Returns them and how many jobs wait.';

create or replace function ops.resume_kinds(pattern text, dry_run boolean default false) returns table (kind text, waiting bigint)
language plpgsql volatile
set search_path = ''
as $$
begin
  for kind, waiting in
    select h.kind, h.waiting + h.scheduled from ops.queue_health h where h.kind ~ pattern and h.paused_at is not null order by h.kind
  loop
    if dry_run or ops.resume(kind) then
      return next;
    end if;
  end loop;
end $$;
comment on function ops.resume_kinds(text, boolean) is 'Resumes every paused kind whose name matches the regular expression.';
