-- Tenants and what they offer.

create table app.tenants (
  id             uuid primary key default app.uuid_v7(),
  slug           text not null,
  name           text not null,
  locale         text not null,
  timezone       text not null,
  currency       text not null,
  address        text,
  phone          text,
  slot_interval  interval not null default '15 minutes',
  min_notice     interval not null default '1 hour',
  horizon        interval not null default '60 days',
  hold           interval not null default '10 minutes',
  cancel_notice  interval not null default '2 hours',
  reminders      interval[] not null default '{24:00:00,01:00:00,00:15:00}',
  quiet_from     time,
  quiet_until    time,
  created_at     timestamptz not null default app.now(),
  updated_at     timestamptz not null default app.now(),
  constraint tenants_slug_is_unique unique (slug),
  constraint tenants_slug_is_readable check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(slug) <= 63),
  constraint tenants_name_is_given check (name <> '' and length(name) <= 120),
  constraint tenants_locale_is_spoken check (locale ~ '^(en|pt|es)-[A-Z]{2}$'),
  constraint tenants_currency_is_iso check (currency ~ '^[A-Z]{3}$'),
  constraint tenants_phone_is_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$'),
  constraint tenants_rules_are_lengths check (
    slot_interval >= '1 minute' and slot_interval <= '1 day' and min_notice >= '0' and horizon > '0'
    and horizon <= '731 days' and hold > '0' and hold <= '1 day' and cancel_notice >= '0'),
  constraint tenants_quiet_hours_have_both_ends check ((quiet_from is null) = (quiet_until is null))
);
comment on table app.tenants is 'A business that takes bookings. Under row-level security by its id.';
comment on column app.tenants.slug is 'The tenant''s name in files, commands and addresses.';
comment on column app.tenants.locale is 'Language and region, such as pt-BR: how its customers are spoken to.';
comment on column app.tenants.timezone is 'IANA zone in which its hours and days are meant.';
comment on column app.tenants.slot_interval is 'Offered starts are multiples of this, counted from each opening.';
comment on column app.tenants.min_notice is 'The soonest start, counted from now.';
comment on column app.tenants.horizon is 'The latest start, counted from now.';
comment on column app.tenants.hold is 'How long a time is kept for a customer who has not confirmed yet.';
comment on column app.tenants.cancel_notice is 'Until when before the start customers may cancel or move by themselves.';
comment on column app.tenants.reminders is 'How long before the start customers are reminded.';
comment on column app.tenants.quiet_from is 'Local time from which reminders wait; null: no quiet hours.';
comment on column app.tenants.quiet_until is 'Local time until which reminders wait.';

create table app.instances (
  id           uuid primary key default app.uuid_v7(),
  tenant_id    uuid not null,
  name         text not null,
  api_key_env  text,
  send_gap     interval not null default '0',
  typing       boolean not null default true,
  state        text not null default 'unknown',
  state_at     timestamptz,
  created_at   timestamptz not null default app.now(),
  updated_at   timestamptz not null default app.now(),
  constraint instances_are_the_tenants unique (tenant_id, id),
  constraint instances_name_is_unique unique (name),
  constraint instances_name_is_given check (name <> '' and length(name) <= 100),
  constraint instances_state_is_known check (state in ('open', 'connecting', 'close', 'unknown')),
  constraint instances_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.instances is 'A WhatsApp number of a tenant, as the Evolution gateway knows it.';
comment on column app.instances.name is 'The gateway''s name of it: how a webhook finds its tenant.';
comment on column app.instances.api_key_env is 'Environment variable that holds its own key; null: EVOLUTION_API_KEY.';
comment on column app.instances.send_gap is 'Least time between two sends of this instance.';
comment on column app.instances.typing is 'Whether customers see that we type before an answer.';
comment on column app.instances.state_at is 'When the state was last told.';

create table app.services (
  id             uuid primary key default app.uuid_v7(),
  tenant_id      uuid not null,
  key            text not null,
  name           text not null,
  synonyms       text[] not null default '{}',
  duration       interval not null,
  buffer_before  interval not null default '0',
  buffer_after   interval not null default '0',
  price          numeric(12, 2),
  capacity       smallint not null default 1,
  position       integer not null default 0,
  retired_at     timestamptz,
  created_at     timestamptz not null default app.now(),
  updated_at     timestamptz not null default app.now(),
  constraint services_are_the_tenants unique (tenant_id, id),
  constraint services_key_is_unique unique (tenant_id, key),
  constraint services_name_is_given check (name <> '' and length(name) <= 120),
  constraint services_duration_is_a_length check (duration > '0' and duration <= '1 day'),
  constraint services_buffers_are_lengths check (buffer_before >= '0' and buffer_after >= '0'),
  constraint services_capacity_is_positive check (capacity between 1 and 1000),
  constraint services_price_is_not_negative check (price >= 0),
  constraint services_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.services is 'What a tenant offers.';
comment on column app.services.key is 'The tenant''s stable name for it in its file.';
comment on column app.services.synonyms is 'Other words customers use for it.';
comment on column app.services.capacity is 'Customers at once with one member of staff.';
comment on column app.services.position is 'Order in menus.';
comment on column app.services.retired_at is 'No longer offered since; kept for its bookings.';

create table app.staff (
  id          uuid primary key default app.uuid_v7(),
  tenant_id   uuid not null,
  key         text not null,
  name        text not null,
  position    integer not null default 0,
  retired_at  timestamptz,
  created_at  timestamptz not null default app.now(),
  updated_at  timestamptz not null default app.now(),
  constraint staff_are_the_tenants unique (tenant_id, id),
  constraint staff_key_is_unique unique (tenant_id, key),
  constraint staff_name_is_given check (name <> '' and length(name) <= 120),
  constraint staff_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.staff is 'People who serve customers.';
comment on column app.staff.position is 'Order in menus.';
comment on column app.staff.retired_at is 'No longer at work since; kept for their bookings.';

create table app.staff_services (
  tenant_id   uuid not null,
  staff_id    uuid not null,
  service_id  uuid not null,
  constraint staff_services_pkey primary key (tenant_id, staff_id, service_id),
  constraint staff_services_staff_fkey foreign key (tenant_id, staff_id) references app.staff (tenant_id, id),
  constraint staff_services_service_fkey foreign key (tenant_id, service_id) references app.services (tenant_id, id)
);
create index staff_services_service on app.staff_services (tenant_id, service_id);
comment on table app.staff_services is 'Who does what.';

create table app.opening_hours (
  id         uuid primary key default app.uuid_v7(),
  tenant_id  uuid not null,
  staff_id   uuid,
  weekday    smallint not null,
  opens      time not null,
  closes     time not null,
  constraint opening_hours_weekday_is_iso check (weekday between 1 and 7),
  constraint opening_hours_close_after_opening check (closes > opens),
  constraint opening_hours_tenant_fkey foreign key (tenant_id) references app.tenants (id),
  constraint opening_hours_staff_fkey foreign key (tenant_id, staff_id) references app.staff (tenant_id, id)
);
create index opening_hours_staff on app.opening_hours (tenant_id, staff_id);
comment on table app.opening_hours is 'When work is done, local time; several rows a day are the parts around a break.';
comment on column app.opening_hours.staff_id is 'Whose own hours; null: the tenant''s, for everybody without own ones.';
comment on column app.opening_hours.weekday is 'ISO: 1 is Monday, 7 Sunday.';
comment on column app.opening_hours.closes is 'May be 24:00.';

create table app.closures (
  tenant_id  uuid not null,
  day        date not null,
  reason     text,
  constraint closures_pkey primary key (tenant_id, day),
  constraint closures_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.closures is 'Local days on which nobody works.';

create table app.time_off (
  id         uuid primary key default app.uuid_v7(),
  tenant_id  uuid not null,
  staff_id   uuid not null,
  during     tstzrange not null,
  reason     text,
  constraint time_off_has_both_ends check (lower(during) is not null and upper(during) is not null),
  constraint time_off_staff_fkey foreign key (tenant_id, staff_id) references app.staff (tenant_id, id)
);
create index time_off_staff on app.time_off (tenant_id, staff_id);
comment on table app.time_off is 'When a member of staff is away.';
