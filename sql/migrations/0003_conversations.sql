-- Customers, their conversations, and the messages in both directions.

create table app.customers (
  id            uuid primary key default app.uuid_v7(),
  tenant_id     uuid not null,
  phone         text,
  lid           text,
  name          text,
  locale        text,
  opted_out_at  timestamptz,
  created_at    timestamptz not null default app.now(),
  updated_at    timestamptz not null default app.now(),
  constraint customers_are_the_tenants unique (tenant_id, id),
  constraint customers_phone_is_unique unique (tenant_id, phone),
  constraint customers_lid_is_unique unique (tenant_id, lid),
  constraint customers_phone_is_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$'),
  constraint customers_can_be_reached check (phone is not null or lid is not null),
  constraint customers_locale_is_spoken check (locale ~ '^(en|pt|es)-[A-Z]{2}$'),
  constraint customers_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.customers is 'People who write to a tenant or are booked for.';
comment on column app.customers.phone is 'E.164 with +, in our canonical form; null: known by lid alone.';
comment on column app.customers.lid is 'WhatsApp''s own id of the person, …@lid, where no phone number is told.';
comment on column app.customers.locale is 'What they write in; null: the tenant''s.';
comment on column app.customers.opted_out_at is 'Since when they want no reminders and news; null: they do.';

create table app.conversations (
  id           uuid primary key default app.uuid_v7(),
  tenant_id    uuid not null,
  customer_id  uuid not null,
  instance_id  uuid not null,
  state        text not null default 'greeting',
  context      jsonb not null default '{}',
  booking_id   uuid,
  mode         text not null default 'bot',
  last_inbound_at  timestamptz,
  created_at   timestamptz not null default app.now(),
  updated_at   timestamptz not null default app.now(),
  constraint conversations_are_the_tenants unique (tenant_id, id),
  constraint conversations_one_a_customer_and_instance unique (tenant_id, customer_id, instance_id),
  constraint conversations_state_is_known check (state in ('greeting', 'service_selection', 'date_time', 'confirmation', 'completed')),
  constraint conversations_mode_is_known check (mode in ('bot', 'human')),
  constraint conversations_customer_fkey foreign key (tenant_id, customer_id) references app.customers (tenant_id, id),
  constraint conversations_instance_fkey foreign key (tenant_id, instance_id) references app.instances (tenant_id, id)
);
create index conversations_instance on app.conversations (tenant_id, instance_id);
comment on table app.conversations is 'A customer''s talk with a tenant over one instance: one row for ever.';
comment on column app.conversations.context is 'What the machine remembers between turns (domain::conversation::Dialogue).';
comment on column app.conversations.booking_id is 'The booking it made last.';
comment on column app.conversations.mode is 'human: a person answers and the bot is silent.';

create table app.inbound_messages (
  id               uuid primary key default app.uuid_v7(),
  tenant_id        uuid not null,
  instance_id      uuid not null,
  conversation_id  uuid,
  provider_id      text,
  kind             text not null,
  body             jsonb not null default '{}',
  sent_at          timestamptz not null,
  received_at      timestamptz not null default app.now(),
  processed_at     timestamptz,
  constraint inbound_messages_provider_id_once unique (tenant_id, instance_id, provider_id),
  constraint inbound_messages_open_ones_have_a_conversation check (conversation_id is not null or processed_at is not null),
  constraint inbound_messages_instance_fkey foreign key (tenant_id, instance_id) references app.instances (tenant_id, id),
  constraint inbound_messages_conversation_fkey foreign key (tenant_id, conversation_id) references app.conversations (tenant_id, id)
);
create index inbound_messages_open on app.inbound_messages (tenant_id, conversation_id, sent_at, received_at, id)
  where processed_at is null;
create index inbound_messages_conversation on app.inbound_messages (tenant_id, conversation_id);
comment on table app.inbound_messages is 'The inbox: every customer''s message, once, before anything is answered.';
comment on column app.inbound_messages.provider_id is 'The gateway''s id of the message; only customers'' messages are kept here, so with the instance it names one message. Null where a body could not be read.';
comment on column app.inbound_messages.kind is 'text, choice, audio, image, …, or unparsed: a body of unknown shape, kept for people.';
comment on column app.inbound_messages.body is 'What the customer sent, without keys and media bytes.';
comment on column app.inbound_messages.sent_at is 'When the customer sent it (the provider''s timestamp): the order of reading.';
comment on column app.inbound_messages.processed_at is 'When a turn took it in; null: waiting.';

create table app.unrouted_messages (
  id           uuid primary key default app.uuid_v7(),
  instance     text,
  event        text,
  body         jsonb not null,
  received_at  timestamptz not null default app.now()
);
comment on table app.unrouted_messages is 'Authenticated webhook bodies that name no instance, so no tenant: for operators, shown to no tenant.';

create table app.outbound_messages (
  id               uuid primary key default app.uuid_v7(),
  seq              bigint generated always as identity,
  tenant_id        uuid not null,
  conversation_id  uuid not null,
  booking_id       uuid,
  channel          text not null default 'whatsapp',
  template         text,
  params           jsonb not null default '{}',
  booking_revision integer,
  body             text,
  status           text not null default 'queued',
  provider_id      text,
  attempts         integer not null default 0,
  doubts           integer not null default 0,
  lease_by         text,
  lease_until      timestamptz,
  next_attempt_at  timestamptz,
  expires_at       timestamptz,
  error            text,
  created_at       timestamptz not null default app.now(),
  sent_at          timestamptz,
  delivered_at     timestamptz,
  read_at          timestamptz,
  updated_at       timestamptz not null default app.now(),
  constraint outbound_messages_are_the_tenants unique (tenant_id, id),
  constraint outbound_messages_have_a_text check (body is not null or template is not null),
  constraint outbound_messages_templates_speak_of_a_booking check (template is null or booking_id is not null),
  constraint outbound_messages_body_fits check (body is null or (body <> '' and length(body) <= 4096)),
  constraint outbound_messages_channel_is_known check (channel in ('whatsapp')),
  constraint outbound_messages_status_is_known check (status in ('queued', 'sending', 'sent', 'delivered', 'read', 'failed', 'unknown')),
  constraint outbound_messages_conversation_fkey foreign key (tenant_id, conversation_id) references app.conversations (tenant_id, id)
);
create index outbound_messages_open on app.outbound_messages (tenant_id, conversation_id, seq)
  where status in ('queued', 'sending', 'unknown');
create index outbound_messages_conversation on app.outbound_messages (tenant_id, conversation_id, seq);
create index outbound_messages_booking on app.outbound_messages (tenant_id, booking_id) where booking_id is not null;
create index outbound_messages_leased on app.outbound_messages (tenant_id, lease_until) where lease_until is not null;
create unique index outbound_messages_provider_id on app.outbound_messages (tenant_id, channel, provider_id)
  where provider_id is not null;
comment on table app.outbound_messages is 'The outbox: every message to a customer, committed with what caused it, delivered in order of seq.';
comment on column app.outbound_messages.seq is 'Order within a conversation.';
comment on column app.outbound_messages.template is 'Text to be made when it is sent, such as reminder or booking_cancelled; null: body is the text.';
comment on column app.outbound_messages.params is 'What the template needs besides its booking.';
comment on column app.outbound_messages.booking_revision is 'The revision it speaks of: a template whose booking has moved on is not sent.';
comment on column app.outbound_messages.status is 'unknown: it may have been sent and is looked up before another try; failed: given up, error says why.';
comment on column app.outbound_messages.attempts is 'Sends begun.';
comment on column app.outbound_messages.doubts is 'Sends that may have gone out unseen.';
comment on column app.outbound_messages.lease_by is 'The job that is sending it: the same job come back means that its last attempt died.';
comment on column app.outbound_messages.lease_until is 'Until when a sender may still be at it.';
comment on column app.outbound_messages.next_attempt_at is 'Not before.';
comment on column app.outbound_messages.expires_at is 'Not after: it would be useless.';
comment on column app.outbound_messages.error is 'Class of the last failure; no numbers, names or texts.';

create table app.conversation_turns (
  id               uuid primary key default app.uuid_v7(),
  seq              bigint generated always as identity,
  tenant_id        uuid not null,
  conversation_id  uuid not null,
  at               timestamptz not null,
  event            jsonb not null,
  before           jsonb not null,
  after            jsonb not null,
  effects          jsonb not null,
  version          text not null,
  constraint conversation_turns_conversation_fkey foreign key (tenant_id, conversation_id) references app.conversations (tenant_id, id)
);
create index conversation_turns_conversation on app.conversation_turns (tenant_id, conversation_id, seq);
comment on table app.conversation_turns is 'The journal: what each turn read, what it made of it, and by which version of the program.';
comment on column app.conversation_turns.seq is 'Order of the steps; several may belong to one turn, when a time was lost to somebody else.';
