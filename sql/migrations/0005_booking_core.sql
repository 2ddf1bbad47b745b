-- Programs that act for a tenant, answers that may be asked for twice, calendars that staff subscribe to.

create table app.api_keys (
  id            uuid primary key default app.uuid_v7(),
  tenant_id     uuid not null,
  name          text not null,
  secret_hash   bytea not null,
  created_at    timestamptz not null default app.now(),
  last_used_at  timestamptz,
  revoked_at    timestamptz,
  constraint api_keys_are_the_tenants unique (tenant_id, id),
  constraint api_keys_secret_is_unique unique (secret_hash),
  constraint api_keys_secret_is_sha256 check (octet_length(secret_hash) = 32),
  constraint api_keys_name_is_readable check (name ~ '^[^[:cntrl:]]{1,80}$'),
  constraint api_keys_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
create unique index api_keys_name_is_unique on app.api_keys (tenant_id, name) where revoked_at is null;
comment on table app.api_keys is 'Keys of the HTTP API. The key itself was shown once; only its hash is here.';
comment on column app.api_keys.name is 'What the tenant calls it; part of the actor in the audit log. A revoked key gives its name free.';
comment on column app.api_keys.secret_hash is 'SHA-256 of the whole key. The key has 256 random bits, so a slow hash would add nothing.';
comment on column app.api_keys.last_used_at is 'To the hour.';

create table app.idempotent_requests (
  tenant_id     uuid not null,
  key           text not null,
  request_hash  bytea not null,
  status        smallint,
  response      json,
  created_at    timestamptz not null default app.now(),
  constraint idempotent_requests_pkey primary key (tenant_id, key),
  constraint idempotent_requests_key_is_short check (length(key) between 1 and 255),
  constraint idempotent_requests_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
create index idempotent_requests_old on app.idempotent_requests (created_at);
comment on table app.idempotent_requests is 'Answers to requests with an Idempotency-Key, written in the transaction of their effects and kept for 24 h.';
comment on column app.idempotent_requests.request_hash is 'SHA-256 of method, path and body: the same key for another request is refused.';
comment on column app.idempotent_requests.response is 'The body as it was answered, to the letter: json keeps its text, jsonb would not.';

alter table app.staff add column calendar_hash bytea;
alter table app.staff add constraint staff_calendar_is_sha256 check (octet_length(calendar_hash) = 32);
create unique index staff_calendar_is_unique on app.staff (calendar_hash) where calendar_hash is not null;
comment on column app.staff.calendar_hash is 'SHA-256 of the secret in the address of their calendar feed; null: no feed.';

alter table app.bookings add column override_reason text;
alter table app.bookings add constraint bookings_override_reason_says_something check (btrim(override_reason) <> '');
comment on column app.bookings.override_reason is 'Why staff cancelled or moved it inside the tenant''s cancellation notice.';

-- Several bookings that move in one statement may step into each other's places: looked at when all have moved.
alter table app.bookings
  drop constraint bookings_one_customer_a_lane,
  drop constraint bookings_one_service_at_a_time,
  add constraint bookings_one_customer_a_lane exclude using gist (
    tenant_id with =, staff_id with =, lane with =, blocked with &&)
    where (status in ('held', 'confirmed', 'arrived')) deferrable initially immediate,
  add constraint bookings_one_service_at_a_time exclude using gist (
    tenant_id with =, staff_id with =, service_id with <>, blocked with &&)
    where (status in ('held', 'confirmed', 'arrived')) deferrable initially immediate;

-- What follows from a change of bookings follows once a visit, no longer once a row.
drop trigger if exists booking_consequences on app.bookings;
drop function if exists app.booking_consequences();
drop function if exists app.tell_customer(app.bookings, text);
drop function if exists app.call_off_reminders(app.bookings, text, integer);
drop function if exists app.take_lane(uuid, uuid, uuid, tstzrange, integer);

-- By hashes of 64 bits, which an index of ranges keeps five times as fast as texts and ids; and the
-- planner no longer takes it, at a wrong estimate, for looking visits up.
alter table app.bookings
  drop constraint bookings_code_names_one_visit,
  add constraint bookings_code_names_one_visit exclude using gist (
    hashtextextended(code, uuid_hash_extended(tenant_id, 0)) with =, uuid_hash_extended(visit_id, 0) with <>);

-- Pages of bookings in order of time: all, of a status, of a member of staff.
create index bookings_start on app.bookings (tenant_id, starts_at, id);
create index bookings_status_start on app.bookings (tenant_id, status, starts_at, id);
create index bookings_staff_start on app.bookings (tenant_id, staff_id, starts_at, id);
create index bookings_staff_busy on app.bookings (tenant_id, staff_id, blocked_until)
  where status in ('held', 'confirmed', 'arrived');
create index bookings_code on app.bookings (tenant_id, code);
