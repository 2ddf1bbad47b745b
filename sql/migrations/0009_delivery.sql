-- Delivery: one sender an instance, its pace and its pauses; statuses that come before their message is known.

create table app.senders (
  tenant_id      uuid not null,
  instance_id    uuid not null,
  job            text,
  lease_until    timestamptz,
  wake_at        timestamptz,
  next_send_at   timestamptz,
  paused_until   timestamptz,
  paused_reason  text,
  failures       integer not null default 0,
  alerted_at     timestamptz,
  constraint senders_pkey primary key (tenant_id, instance_id),
  constraint senders_instance_fkey foreign key (tenant_id, instance_id) references app.instances (tenant_id, id) on delete cascade
) with (fillfactor = 50);
comment on table app.senders is
  'Who sends for an instance, how fast, and whether it waits. Apart from app.instances, since each send writes here. A row may be missing until the first send.';
comment on column app.senders.job is 'The job that sends, or that has been told to come back at wake_at.';
comment on column app.senders.lease_until is 'A send is in flight, until then at most: no other job sends. Null: none is.';
comment on column app.senders.wake_at is 'When the waiting job comes back; until then others need not wait too. Null: none waits.';
comment on column app.senders.next_send_at is 'Not before: the gap since the last send.';
comment on column app.senders.paused_until is 'Not before: the instance is not connected, limited, failing or misconfigured. The next send then is a probe.';
comment on column app.senders.paused_reason is 'not connected, rate limit, failing, or misconfigured: what. Null: not paused.';
comment on column app.senders.failures is 'Failures in a row: pauses grow with it.';
comment on column app.senders.alerted_at is 'Since when a person has been told that something is to be put right; null: nothing is.';

-- Of other sessions nobody reads these tables now, and the owner fills the new columns for all tenants.
alter table app.outbound_messages no force row level security;
alter table app.conversations no force row level security;

alter table app.outbound_messages add column instance_id uuid;
alter table app.outbound_messages add column acknowledged_at timestamptz;
alter table app.outbound_messages rename column next_attempt_at to due_at;
update app.outbound_messages o
   set due_at = coalesce(o.due_at, o.created_at),
       acknowledged_at = coalesce(o.delivered_at, o.read_at, case when o.status in ('delivered', 'read') then o.sent_at end),
       instance_id = (select c.instance_id from app.conversations c where c.tenant_id = o.tenant_id and c.id = o.conversation_id);
alter table app.outbound_messages alter column due_at set default app.now();
alter table app.outbound_messages alter column due_at set not null;
alter table app.outbound_messages add constraint outbound_messages_instance_fkey
  foreign key (tenant_id, instance_id) references app.instances (tenant_id, id);
comment on column app.outbound_messages.instance_id is 'Of WhatsApp: the instance that sends it. Filled in by itself.';
comment on column app.outbound_messages.due_at is 'When its turn comes: as it was made, later after a failure of its own.';
comment on column app.outbound_messages.acknowledged_at is 'When WhatsApp first confirmed it: an accepted send alone proves little.';

alter table app.conversations force row level security;
alter table app.outbound_messages force row level security;

-- The claim: replies before notices, each by its turn.
create index outbound_messages_turn on app.outbound_messages (tenant_id, instance_id, (template is not null), due_at, seq)
  where status in ('queued', 'sending', 'unknown');
-- What an echo may belong to.
create index outbound_messages_in_doubt on app.outbound_messages (tenant_id, instance_id)
  where provider_id is null and (status in ('sending', 'unknown') or status = 'failed' and doubts > 0);
create index outbound_messages_expiring on app.outbound_messages (expires_at) where status = 'queued';
create index outbound_messages_unacknowledged on app.outbound_messages (tenant_id, sent_at)
  where status = 'sent' and acknowledged_at is null and author <> 'phone';
drop index app.outbound_messages_leased;

create table app.early_statuses (
  tenant_id    uuid not null,
  instance_id  uuid not null,
  provider_id  text not null,
  status       text not null,
  at           timestamptz not null,
  constraint early_statuses_pkey primary key (tenant_id, instance_id, provider_id, status),
  constraint early_statuses_status_is_known check (status in ('sent', 'delivered', 'read', 'failed')),
  constraint early_statuses_instance_fkey foreign key (tenant_id, instance_id) references app.instances (tenant_id, id) on delete cascade
);
create index early_statuses_old on app.early_statuses (at);
comment on table app.early_statuses is 'What became of messages whose provider id we do not know yet: joined when we learn it, forgotten after a day.';
comment on column app.early_statuses.provider_id is 'The gateway''s id of a message from the tenant''s number.';
comment on column app.early_statuses.at is 'When it was told.';

-- A pace that WhatsApp does not take for a machine's.
alter table app.instances alter column send_gap set default '300 milliseconds';
