-- Instances as they are seen from outside, alarms, feature flags, and menus that can be tapped.

create table app.feature_flags (
  id          uuid primary key default app.uuid_v7(),
  tenant_id   uuid,
  flag        text not null,
  enabled     boolean not null,
  created_at  timestamptz not null default app.now(),
  updated_at  timestamptz not null default app.now(),
  constraint feature_flags_once_a_tenant unique nulls not distinct (tenant_id, flag),
  constraint feature_flags_flag_is_a_name check (flag ~ '^[a-z][a-z0-9_]{0,62}$'),
  constraint feature_flags_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.feature_flags is 'What is switched on: a default for everybody, and values of single tenants. Read in every transaction, so a flip holds at once.';
comment on column app.feature_flags.tenant_id is 'Whose value it is; null: the default, which every tenant sees and none changes.';
comment on column app.feature_flags.flag is 'whatsapp_booking, reminders, interactive_menus, llm.';
insert into app.feature_flags (flag, enabled) values
  ('whatsapp_booking', true), ('reminders', true), ('interactive_menus', false), ('llm', false);

create table app.instance_health (
  tenant_id             uuid not null,
  instance_id           uuid not null,
  look_at               timestamptz not null default app.now(),
  looked_at             timestamptz,
  answered_at           timestamptz,
  problem               text,
  problem_since         timestamptz,
  integration           text,
  server_version        text,
  provider_instance_id  text,
  learnt_at             timestamptz,
  last_event_at         timestamptz,
  down_since            timestamptz,
  swept_until           timestamptz,
  sweep_at              timestamptz not null default app.now(),
  missed_since          timestamptz,
  menus_refused         text,
  menus_refused_at      timestamptz,
  updated_at            timestamptz not null default app.now(),
  constraint instance_health_pkey primary key (tenant_id, instance_id),
  constraint instance_health_problem_is_known check (
    problem in ('unreachable', 'wrong_key', 'no_key', 'unknown_instance', 'licence', 'failing')),
  constraint instance_health_instance_fkey foreign key (tenant_id, instance_id)
    references app.instances (tenant_id, id) on delete cascade
);
create index instance_health_due on app.instance_health (look_at);
comment on table app.instance_health is 'What is seen of an instance from outside, apart from its settings: whoever looks at the gateway writes here, whoever sends writes there.';
comment on column app.instance_health.look_at is 'When to ask the gateway next. Moved ahead before each look, so that one process looks.';
comment on column app.instance_health.looked_at is 'When the gateway was last asked.';
comment on column app.instance_health.answered_at is 'When it last answered.';
comment on column app.instance_health.problem is 'Why it cannot be asked; null: it can.';
comment on column app.instance_health.problem_since is 'Since when it could not be asked.';
comment on column app.instance_health.integration is 'As the gateway calls it: WHATSAPP-BAILEYS, WHATSAPP-BUSINESS, EVOLUTION.';
comment on column app.instance_health.server_version is 'Version of the gateway, such as 2.3.7.';
comment on column app.instance_health.provider_instance_id is 'The gateway''s own id of the instance: another one after it was deleted and made again.';
comment on column app.instance_health.learnt_at is 'When integration, version and id were last asked for.';
comment on column app.instance_health.last_event_at is 'When a webhook last told something of it, to the minute.';
comment on column app.instance_health.down_since is 'Since when it has not been open; null: it is.';
comment on column app.instance_health.swept_until is 'Up to here the gateway''s record was compared with the inbox.';
comment on column app.instance_health.sweep_at is 'When to compare next.';
comment on column app.instance_health.missed_since is 'Since when messages are found that no webhook brought, with none brought after; null: webhooks work.';
comment on column app.instance_health.menus_refused is 'The kind of menu that the gateway refused; menus go as text from then on, until menus_refused_at is a day ago or the server''s version is another.';

create table app.alarms (
  id           uuid primary key default app.uuid_v7(),
  tenant_id    uuid not null,
  instance_id  uuid not null,
  alarm        text not null,
  since        timestamptz not null,
  raised_at    timestamptz not null default app.now(),
  over_at      timestamptz,
  tell_at      timestamptz not null default app.now(),
  told_at      timestamptz,
  told_over_at timestamptz,
  constraint alarms_alarm_is_known check (alarm in ('down', 'unreachable', 'silent', 'unacknowledged', 'paused')),
  constraint alarms_instance_fkey foreign key (tenant_id, instance_id) references app.instances (tenant_id, id) on delete cascade
);
create unique index alarms_one_an_incident on app.alarms (tenant_id, instance_id, alarm) where over_at is null;
create index alarms_instance on app.alarms (tenant_id, instance_id, raised_at);
create index alarms_untold on app.alarms (tell_at) where told_at is null or (over_at is not null and told_over_at is null);
comment on table app.alarms is 'Incidents of instances that somebody should know of, each once.';
comment on column app.alarms.alarm is
  'down: not connected to WhatsApp; unreachable: the gateway does not answer or refuses us; silent: its webhooks do not arrive; unacknowledged: WhatsApp confirms no send; paused: the gateway or WhatsApp limits us.';
comment on column app.alarms.since is 'When it began.';
comment on column app.alarms.raised_at is 'When it had lasted too long.';
comment on column app.alarms.over_at is 'When it was over; null: it lasts.';
comment on column app.alarms.tell_at is 'Not before: another process is telling it.';
comment on column app.alarms.told_at is 'When mail of it was sent; null: none is configured, or not yet.';
comment on column app.alarms.told_over_at is 'When mail of its end was sent.';

alter table app.outbound_messages add column choices jsonb;
alter table app.outbound_messages add constraint outbound_messages_choices_are_a_list
  check (jsonb_typeof(choices) = 'array' and jsonb_array_length(choices) between 1 and 10);
comment on column app.outbound_messages.choices is
  'The menu that the text ends with, as data: [{"id", "label"}] in order. id is what a tap on it means: <number of the menu>.<digit>. Null: a plain text.';
