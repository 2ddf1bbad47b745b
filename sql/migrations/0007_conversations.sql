-- Conversations in time: bursts, timers, people who take over, and what a turn knew.

alter table app.tenants add column burst_window interval not null default '1.2 seconds';
alter table app.tenants add constraint tenants_burst_window_is_short
  check (burst_window >= '0' and burst_window <= '30 seconds');
comment on column app.tenants.burst_window is
  'How long a free text waits for the next one, so that several are answered as one; media wait two and a half times as long. 0: every message is answered by itself.';

alter table app.conversations
  add column human_until    timestamptz,
  add column person_at      timestamptz,
  add column waiting_since  timestamptz;
comment on column app.conversations.human_until is 'In mode human: when the bot answers again if no person has written until then. Each message of a person moves it.';
comment on column app.conversations.person_at is 'When a person of the tenant last wrote.';
comment on column app.conversations.waiting_since is 'Since when the customer waits for a person''s answer; null: nobody waits.';
create index conversations_waiting on app.conversations (tenant_id, waiting_since) where waiting_since is not null;
create index conversations_recent on app.conversations (tenant_id, updated_at, id);

create table app.conversation_timers (
  tenant_id        uuid not null,
  conversation_id  uuid not null,
  timer            text not null,
  due_at           timestamptz not null,
  promoted_at      timestamptz,
  constraint conversation_timers_pkey primary key (tenant_id, conversation_id, timer),
  constraint conversation_timers_timer_is_known check (timer in ('idle', 'nobody_answered', 'pause_over')),
  constraint conversation_timers_conversation_fkey foreign key (tenant_id, conversation_id)
    references app.conversations (tenant_id, id)
);
create index conversation_timers_due on app.conversation_timers (due_at) where promoted_at is null;
comment on table app.conversation_timers is 'What happens in a conversation if nobody writes. A turn takes the row away as it acts on it, so that each fires once.';
comment on column app.conversation_timers.timer is 'idle: the customer is asked once whether to go on; nobody_answered: no person came; pause_over: the bot answers again.';
comment on column app.conversation_timers.promoted_at is 'When its job was put into the queue; null: not yet.';

create table app.conversation_events (
  id               uuid primary key default app.uuid_v7(),
  tenant_id        uuid not null,
  conversation_id  uuid not null,
  at               timestamptz not null default app.now(),
  event            text not null,
  actor            text not null,
  detail           jsonb not null default '{}',
  constraint conversation_events_event_is_known check (event in ('message_edited', 'mode_changed', 'staff_notified')),
  constraint conversation_events_conversation_fkey foreign key (tenant_id, conversation_id)
    references app.conversations (tenant_id, id)
);
create index conversation_events_conversation on app.conversation_events (tenant_id, conversation_id, at);
comment on table app.conversation_events is 'What happened in a conversation beside messages and turns, for its timeline.';
comment on column app.conversation_events.event is 'message_edited: after it was answered; mode_changed: a person took over or gave back; staff_notified: the customer wants a person.';
comment on column app.conversation_events.actor is 'As in audit_log.';

alter table app.outbound_messages add column author text not null default 'assistant';
alter table app.outbound_messages add constraint outbound_messages_author_is_readable check (author ~ '^[^[:cntrl:]]{1,100}$');
comment on column app.outbound_messages.author is 'Who wrote it: assistant; phone: a person at the tenant''s own phone, it never went through the outbox; key:…, staff:…: a person through the API.';

create table app.catalogue_snapshots (
  tenant_id  uuid not null,
  hash       bytea not null,
  body       jsonb not null,
  made_at    timestamptz not null default app.now(),
  constraint catalogue_snapshots_pkey primary key (tenant_id, hash),
  constraint catalogue_snapshots_hash_is_sha256 check (octet_length(hash) = 32),
  constraint catalogue_snapshots_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
create index catalogue_snapshots_old on app.catalogue_snapshots (made_at);
comment on table app.catalogue_snapshots is 'Catalogues as turns saw them, each once, so that a turn can be taken again. Kept for 180 days, and as long as a turn knows them.';
comment on column app.catalogue_snapshots.hash is 'SHA-256 of the body''s text.';

alter table app.conversation_turns add column known jsonb;
comment on column app.conversation_turns.known is 'All that the step could look at; catalogue is the hash of a row of catalogue_snapshots, in hex. Null: no step was taken, or more than 180 days ago.';
create index conversation_turns_known on app.conversation_turns (at) where known is not null;
create index conversation_turns_catalogue on app.conversation_turns (tenant_id, (known ->> 'catalogue')) where known is not null;
