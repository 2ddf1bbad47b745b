-- Schemas, roles and the few functions that tables need for their defaults and policies.

create extension if not exists btree_gist;

create schema if not exists app;
comment on schema app is 'Tenants'' data. Row-level security is forced on every table with a tenant_id.';
create schema if not exists queue;
comment on schema queue is 'The one door to the job queue: queue.enqueue and what workers call. Jobs themselves are in apalis.jobs.';
create schema if not exists ops;
comment on schema ops is 'Views and functions for people: what happens, what is stuck, and how to act on it.';

-- Roles belong to the whole server: another database of it may have made them already.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['pontual_app', 'pontual_ops', 'pontual_definer'] loop
    begin
      execute format('create role %I nologin', wanted);
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
end $$;
comment on role pontual_app is 'Pontual''s runtime: no superuser, no bypassrls, owns nothing. Logins are members of it.';
comment on role pontual_ops is 'Pontual''s DBAs: reads ops and every tenant, may call the functions of ops.';
comment on role pontual_definer is 'Owns the few security definer functions that must look across tenants; nobody logs in as it.';

create function app.tenant_id() returns uuid
language sql stable parallel safe
set search_path = ''
as $$
  select coalesce(
    nullif(current_setting('app.tenant_id', true), '')::uuid,
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'tenant_id')::uuid)
$$;
comment on function app.tenant_id() is
  'The tenant of this transaction: app.tenant_id, else the tenant_id of request.jwt.claims (PostgREST, Supabase); null: no tenant, nothing visible.';

create function app.now() returns timestamptz
language sql stable parallel safe
set search_path = ''
as $$
  select coalesce(
    nullif(current_setting('app.now', true), '')::timestamptz,
    statement_timestamp() + coalesce(nullif(current_setting('app.clock_offset', true), '')::interval, interval '0'))
$$;
comment on function app.now() is
  'What time it is for the business: app.now of this transaction as the program passed it, else the server''s clock moved by app.clock_offset (demonstrations and tests).';

create function app.uuid_v7() returns uuid
language sql volatile parallel safe
set search_path = ''
as $$
  -- RFC 9562 section 5.7: 48 bits of milliseconds, then version 7 over a random uuid.
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid
$$;
comment on function app.uuid_v7() is 'A new id that sorts by time of making (RFC 9562).';

create function app.touch() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := app.now();
  return new;
end $$;
comment on function app.touch() is 'Keeps updated_at.';

create table queue.kinds (
  kind          text primary key,
  paused_at     timestamptz,
  asleep        boolean not null default false,
  constraint kinds_kind_is_verb_noun check (kind ~ '^[a-z]+(_[a-z]+)+$')
);
comment on table queue.kinds is 'The kinds of jobs: whether they are paused, and whether a worker sleeps until it is notified.';
comment on column queue.kinds.paused_at is 'Since when no job of this kind is handed out (ops.pause); null: running.';
comment on column queue.kinds.asleep is 'A worker polls this kind slowly: the next enqueue notifies once and clears it.';
insert into queue.kinds (kind) values ('process_message'), ('deliver_messages'), ('send_reminder');
