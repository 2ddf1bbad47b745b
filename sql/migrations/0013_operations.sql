-- squawk-ignore-file renaming-table, renaming-object, ban-alter-identity
-- What operators need: an audit log by month, keys with scopes and an end, why attempts failed, and
-- what the last look for impossible rows found.

create schema audit;
comment on schema audit is 'The months of app.audit_log; read them through app.audit_log.';

-- The log so far becomes the first part of the new one as it stands: nothing is copied, so however
-- long it is, writers wait for no more than the making of one index.
alter table app.audit_log rename to audit_log_so_far;
alter index app.audit_log_row rename to audit_log_so_far_row;
alter table app.audit_log_so_far drop constraint audit_log_pkey;
alter table app.audit_log_so_far drop constraint audit_log_action_is_known;
alter table app.audit_log_so_far alter column id drop identity;
drop trigger if exists audit_is_for_ever on app.audit_log_so_far;

create sequence app.audit_log_seq;
create table app.audit_log (
  id          bigint not null default nextval('app.audit_log_seq'),
  tenant_id   uuid,
  at          timestamptz not null default app.now(),
  actor       text not null,
  action      text not null,
  table_name  text not null,
  row_id      text,
  before      jsonb,
  after       jsonb,
  constraint audit_log_pkey primary key (id, at),
  constraint audit_log_action_is_a_name check (action ~ '^[a-z]+(_[a-z]+)*$')
) partition by range (at);
create index audit_log_row on app.audit_log (tenant_id, table_name, row_id, at);
create index audit_log_at on app.audit_log (at);
alter sequence app.audit_log_seq owned by app.audit_log.id;
comment on table app.audit_log is 'Who changed what and when, a part for each month (UTC). Rows are only ever added; whole months go when queue.retention says so.';
comment on column app.audit_log.id is 'Rises with each row, over all months.';
comment on column app.audit_log.tenant_id is 'Null: an act upon the whole system, such as ops.pause.';
comment on column app.audit_log.actor is 'customer:…, staff:…, key:…, job:…, command:…, phone, else the database role.';
comment on column app.audit_log.action is 'insert, update, delete; what a person did with ops, such as retry_job.';
comment on column app.audit_log.row_id is 'The row''s id; of tables without one the rest of the primary key, joined by /.';
comment on column app.audit_log.before is 'The columns that changed, as they were; the whole row for a delete. No secrets, nor their hashes, nor who a customer is.';
comment on column app.audit_log.after is 'The columns that changed, as they became; the whole row for an insert; of an act of a person what it was asked to do.';

do $$
declare
  last_id  bigint;
  until    timestamptz;
  policy   name;
begin
  select max(id), date_trunc('month', greatest(max(at), now()), 'UTC') + interval '1 month'
    into last_id, until from app.audit_log_so_far;
  if last_id is null then
    drop table app.audit_log_so_far;
  else
    perform setval('app.audit_log_seq', last_id);
    for policy in select polname from pg_catalog.pg_policy where polrelid = 'app.audit_log_so_far'::regclass loop
      execute format('drop policy %I on app.audit_log_so_far', policy);
    end loop;
    alter table app.audit_log_so_far add constraint audit_log_action_is_a_name check (action ~ '^[a-z]+(_[a-z]+)*$');
    alter table app.audit_log_so_far rename to log_so_far;
    alter table app.log_so_far set schema audit;
    execute format('alter table app.audit_log attach partition audit.log_so_far for values from (minvalue) to (%L)', until);
  end if;
end $$;
-- What belongs to no month that is there, so that no change ever fails for want of a part.
create table audit.log_default partition of app.audit_log default;

alter table app.api_keys
  add column scopes      text[] not null default '{read,write,operate}',
  add column expires_at  timestamptz;
alter table app.api_keys
  add constraint api_keys_scopes_are_known check (cardinality(scopes) > 0 and scopes <@ '{read,write,operate}') not valid,
  add constraint api_keys_expire_after_they_are_made check (expires_at > created_at) not valid;
comment on column app.api_keys.scopes is 'What it may: read; write (bookings, messages); operate (what changes how the tenant runs, such as calendar feeds and instances).';
comment on column app.api_keys.expires_at is 'From when on it is refused; null: never.';

create table queue.retention (
  what  text primary key,
  keep  interval not null,
  constraint retention_keeps_a_month check (keep >= interval '28 days')
);
comment on table queue.retention is 'How long history is kept. Operators change it: update queue.retention set keep = … where what = ….';
comment on column queue.retention.what is 'audit: months of app.audit_log; failed_attempts: why attempts of jobs failed.';
insert into queue.retention (what, keep) values ('audit', '24 months'), ('failed_attempts', '90 days');

create table queue.failed_attempts (
  id       bigint generated always as identity primary key,
  job_id   text not null,
  kind     text not null,
  attempt  integer not null,
  at       timestamptz not null default app.now(),
  error    text not null
);
create index failed_attempts_job on queue.failed_attempts (job_id, id);
create index failed_attempts_at on queue.failed_attempts (at);
comment on table queue.failed_attempts is 'Why attempts of jobs failed; the job itself keeps its last error alone.';
comment on column queue.failed_attempts.error is 'As the job told it: no names, numbers or texts of customers.';

create table queue.invariant_state (
  only_row    boolean primary key default true,
  checked_at  timestamptz not null,
  took_ms     integer not null,
  violations  jsonb not null,
  constraint invariant_state_has_one_row check (only_row)
);
comment on table queue.invariant_state is 'What the last look at ops.invariant_violations found, for health checks: the look itself may take seconds.';
comment on column queue.invariant_state.checked_at is 'By the server''s clock.';
comment on column queue.invariant_state.violations is 'How many rows break each rule, by its name; {}: none.';
