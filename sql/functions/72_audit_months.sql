-- The months of the audit log: made ahead, dropped when queue.retention says so.

create or replace function app.add_audit_month(first timestamptz) returns boolean
language plpgsql volatile security definer
set search_path = ''
set timezone = 'UTC'
as $$
declare
  month  constant timestamptz := date_trunc('month', first);
  next   constant timestamptz := date_trunc('month', first) + interval '1 month';
  part   constant text := 'log_' || to_char(first, 'YYYY_MM');
begin
  perform app.refuse_api_client();
  if exists (
    select from app.audit_months() m where m.starts_at <= month and m.ends_at > month) then
    return false;
  end if;
  -- Whoever is writing to the log would find that its row belongs elsewhere by now, and fail: they
  -- end first, and others wait until the month is there.
  lock table app.audit_log in share row exclusive mode;
  execute format('create table audit.%I (like app.audit_log including defaults including constraints)', part);
  execute format('alter table audit.%I enable row level security, force row level security', part);
  execute format('create policy definer_everywhere on audit.%I to pontual_definer using (true) with check (true)', part);
  -- What came before its month was there.
  if exists (select from audit.log_default d where d.at >= month and d.at < next) then
    execute format('with moved as (delete from audit.log_default where at >= %L and at < %L returning *) insert into audit.%I select * from moved',
                   month, next, part);
  end if;
  execute format('alter table app.audit_log attach partition audit.%I for values from (%L) to (%L)', part, month, next);
  return true;
end $$;
comment on function app.add_audit_month(timestamptz) is 'Makes the part of the audit log for the month (UTC) of this moment. False: it is there.';

create or replace function app.audit_months() returns table (part regclass, starts_at timestamptz, ends_at timestamptz)
language sql stable
set search_path = ''
set timezone = 'UTC'
as $$
  select i.inhrelid::regclass,
         coalesce(substring(b.bound from 'FROM \(''([^'']+)''\)')::timestamptz, '-infinity'),
         substring(b.bound from 'TO \(''([^'']+)''\)')::timestamptz
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound) b
   where i.inhparent = 'app.audit_log'::regclass
$$;
comment on function app.audit_months() is 'The parts of the audit log and their spans, half-open; of the part for all the rest ends_at is null.';

create or replace function app.audit_strays() returns bigint
language sql stable security definer
set search_path = ''
as $$
  select count(*) from audit.log_default
$$;
comment on function app.audit_strays() is 'Rows of the audit log that lie in no month; workers move them into theirs.';

create or replace function queue.keep_audit(ahead integer default 2) returns integer
language plpgsql volatile security definer
set search_path = ''
-- Whoever writes to the log goes first: the next turn comes in a few seconds.
set lock_timeout = '200ms'
as $$
declare
  n      integer := 0;
  over   regclass;
  stray  timestamptz;
begin
  perform app.refuse_api_client();
  for month in 0 .. least(ahead, 12) loop
    n := n + app.add_audit_month(date_trunc('month', app.now(), 'UTC') + make_interval(months => month))::integer;
  end loop;
  -- Where no worker ran for months, or the clock was moved.
  for stray in select distinct date_trunc('month', d.at, 'UTC') from audit.log_default d limit 12 loop
    n := n + app.add_audit_month(stray)::integer;
  end loop;
  -- By the server's own clock: the business clock is the caller's word.
  for over in
    select m.part from app.audit_months() m
      join queue.retention r on r.what = 'audit' and m.ends_at < now() - r.keep
     where m.ends_at < app.now() - r.keep
  loop
    execute format('drop table %s', over);
    n := n + 1;
  end loop;
  return n;
exception when lock_not_available then
  return 0;
end $$;
comment on function queue.keep_audit(integer) is
  'Makes the audit log''s parts for this month and those ahead, and drops months older than queue.retention allows. Returns how many.';
