-- What we change of apalis's store. Its own migrations have run before this file; a test compares
-- what they made with what we replace, so that an upgrade which changes it is noticed.

-- The crate's version joins; an array of ids drains two to three times as many jobs a second. Ours
-- also skips paused kinds and spent jobs, counts the attempt when it begins (so that one which
-- takes its process down with it is counted too), and knows the business clock.
create or replace function apalis.get_jobs(worker_id text, v_job_type text, v_job_count integer default 5)
returns setof apalis.jobs
language plpgsql volatile -- its plan is kept
set search_path = ''
as $$
begin
  return query update apalis.jobs
     set status = 'Queued', lock_by = worker_id, lock_at = now(), attempts = attempts + 1
   where id = any (array(
           select id
             from apalis.jobs
            where (jobs.status = 'Pending' or (jobs.status = 'Failed' and attempts < max_attempts))
              and attempts < max_attempts
              and run_at <= app.now()
              and job_type = v_job_type
              and not exists (select from queue.kinds where kind = v_job_type and paused_at is not null)
            order by priority desc, run_at
            limit v_job_count
              for update skip locked))
  returning *;
end $$;

-- A notify per job serialises commits (measured: a third of the inserts a second remain).
-- queue.enqueue notifies only when a worker sleeps.
drop trigger if exists notify_workers on apalis.jobs;

-- The same as the primary key and as idx_apalis_jobs_lock_by; each job writes three times to every index.
drop index if exists apalis.unique_job_id;
drop index if exists apalis.lidx;

-- The crate counts an attempt again when it takes a job back from a dead or stopping worker; ours
-- was counted when it began.
create or replace function queue.take_back() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.attempts := old.attempts;
  -- A worker that stops hands back what it never began.
  if new.last_result ->> 'Err' = 'Re-enqueued due to worker shutdown' then
    new.attempts := greatest(old.attempts - 1, 0);
  else
    perform queue.note_failure(old.id, old.job_type, old.attempts, 'its worker died');
  end if;
  return new;
end $$;
comment on function queue.take_back() is 'Keeps the count of attempts right when apalis takes jobs back.';
create or replace trigger take_back before update on apalis.jobs
  for each row when (old.status in ('Queued', 'Running') and new.status = 'Pending' and new.attempts > old.attempts)
  execute function queue.take_back();

-- Pruning finds what is done without reading what is not.
create index if not exists pontual_jobs_done on apalis.jobs (done_at) where status = 'Done';
-- So does who looks for what has died.
create index if not exists pontual_jobs_dead on apalis.jobs (job_type) where status = 'Killed';
