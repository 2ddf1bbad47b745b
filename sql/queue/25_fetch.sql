-- What a worker process says to the queue: that it lives, what it takes, what it gives back. One
-- statement each, for all of its kinds together. A process is a row of apalis.workers for each kind.

create or replace function queue.beat(workers text[], kinds text[], held text[], dead_after interval) returns integer
language plpgsql volatile
set search_path = ''
as $$
declare
  n  integer;
begin
  insert into apalis.workers as w (id, worker_type, storage_name, layers, last_seen)
  select m.id, m.kind, 'pontual', '', now() from unnest(beat.workers, beat.kinds) as m (id, kind)
  on conflict (id) do update set last_seen = excluded.last_seen;
  -- What the dead held, and what we hold without knowing: the answer to our taking it was lost on its
  -- way, or its outcome could not be written. The attempt was counted when it began.
  with lost as (
    select j.id, j.lock_by = any (beat.workers) as ours
      from apalis.workers w
      join apalis.jobs j on j.lock_by = w.id
     where j.status in ('Queued', 'Running')
       and (w.last_seen < now() - dead_after
            or w.id = any (beat.workers) and j.id <> all (held) and j.lock_at < now() - dead_after)
       for update of j skip locked
  ), back as (
    update apalis.jobs j
       set status = 'Pending', lock_by = null, lock_at = null, done_at = null,
           last_result = jsonb_build_object('Err', case when lost.ours then 'its outcome was not written' else 'its worker died' end)
      from lost
     where j.id = lost.id
    returning j.id, j.job_type, j.attempts, lost.ours
  )
  select count(*) into n
    from back b, lateral (
      select queue.note_failure(b.id, b.job_type, b.attempts, case when b.ours then 'its outcome was not written' else 'its worker died' end)) noted;
  return n;
end $$;
comment on function queue.beat(text[], text[], text[], interval) is
  'These workers live and hold these jobs. Puts back what workers held that have not shown themselves for dead_after, and what is written down as held by these and is not, for as long. Returns how many jobs.';

create or replace function queue.take(workers text[], kinds text[], most integer[]) returns setof apalis.jobs
language plpgsql volatile
set search_path = ''
as $$
begin
  -- Nobody waits for the disk: what a crash takes back here is due again, and whatever is built upon
  -- it commits later and brings it to the disk too.
  perform set_config('synchronous_commit', 'off', true),
          set_config('plan_cache_mode', 'force_generic_plan', true);
  return query
    select j.*
      from unnest(take.workers, take.kinds, take.most) as asked (worker, kind, most)
     cross join lateral apalis.get_jobs(asked.worker, asked.kind, asked.most) j;
end $$;
comment on function queue.take(text[], text[], integer[]) is
  'Hands due jobs of several kinds to workers, at most so many of each kind.';

create or replace function queue.doze(kinds text[]) returns table (kind text, due_in interval)
language sql volatile
set search_path = ''
as $$
  update queue.kinds k set asleep = true where k.kind = any (doze.kinds) and not k.asleep;
  -- As far ahead as queue.enqueue notifies.
  select m.kind,
         (select min(j.run_at) from apalis.jobs j
           where j.job_type = m.kind and j.status = 'Pending' and j.attempts < j.max_attempts
             and j.run_at > queue.now() and j.run_at <= queue.now() + interval '6 seconds') - queue.now()
    from unnest(doze.kinds) as m (kind)
$$;
comment on function queue.doze(text[]) is
  'A worker looks for these kinds slowly from now on: the next enqueue notifies. Returns in how long the next job of each comes due, if that is a matter of seconds.';

create or replace function queue.give_back(jobs text[], workers text[], begun boolean default false) returns integer
language plpgsql volatile
set search_path = ''
as $$
declare
  given  text[];
  woken  text;
begin
  with back as (
    update apalis.jobs j
       set status = 'Pending', lock_by = null, lock_at = null,
           attempts = case when begun then j.attempts else greatest(j.attempts - 1, 0) end
     where j.id = any (give_back.jobs) and j.lock_by = any (give_back.workers) and j.status in ('Queued', 'Running')
    returning j.job_type
  )
  select array_agg(b.job_type) into given from back b;
  for woken in select distinct t.kind from unnest(given) as t (kind) loop
    perform pg_notify('pontual_jobs', woken);
  end loop;
  return coalesce(cardinality(given), 0);
end $$;
comment on function queue.give_back(text[], text[], boolean) is
  'Puts jobs back that these workers will not do, and tells all others. An attempt that had not begun does not count.';

create or replace function queue.leave(workers text[]) returns void
language sql volatile
set search_path = ''
as $$
  delete from apalis.workers w
   where w.id = any (leave.workers)
     and not exists (select from apalis.jobs j where j.lock_by = w.id)
$$;
comment on function queue.leave(text[]) is 'These workers are gone, and hold nothing.';
