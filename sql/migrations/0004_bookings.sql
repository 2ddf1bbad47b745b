-- Bookings, and what customers are told of them.

create table app.bookings (
  id               uuid primary key default app.uuid_v7(),
  tenant_id        uuid not null,
  customer_id      uuid not null,
  service_id       uuid not null,
  staff_id         uuid not null,
  starts_at        timestamptz not null,
  ends_at          timestamptz not null,
  blocked          tstzrange not null,
  blocked_until    timestamptz generated always as (upper(blocked)) stored,
  lane             smallint not null,
  status           text not null default 'held',
  hold_expires_at  timestamptz,
  visit_id         uuid not null,
  code             text not null,
  revision         integer not null default 1,
  price            numeric(12, 2),
  conversation_id  uuid,
  confirmed_at     timestamptz,
  cancelled_at     timestamptz,
  cancel_reason    text,
  created_at       timestamptz not null default app.now(),
  updated_at       timestamptz not null default app.now(),
  constraint bookings_are_the_tenants unique (tenant_id, id),
  constraint bookings_status_is_known check (status in ('held', 'confirmed', 'arrived', 'completed', 'cancelled', 'no_show')),
  constraint bookings_end_after_start check (ends_at > starts_at),
  constraint bookings_blocked_covers_the_visit check (blocked @> tstzrange(starts_at, ends_at)),
  constraint bookings_held_ones_expire check (status <> 'held' or hold_expires_at is not null),
  constraint bookings_lane_is_positive check (lane >= 1),
  -- Whatever two writers believed a moment ago, the database has the last word. One lane holds one
  -- customer at a time; lanes beyond the service's capacity are refused by app.booking_fill().
  constraint bookings_one_customer_a_lane exclude using gist (
    tenant_id with =, staff_id with =, lane with =, blocked with &&)
    where (status in ('held', 'confirmed', 'arrived')),
  -- Lanes are shared by customers of one service only: a class of three does not leave room for a cut.
  constraint bookings_one_service_at_a_time exclude using gist (
    tenant_id with =, staff_id with =, service_id with <>, blocked with &&)
    where (status in ('held', 'confirmed', 'arrived')),
  constraint bookings_code_names_one_visit exclude using gist (
    tenant_id with =, code with =, visit_id with <>),
  constraint bookings_customer_fkey foreign key (tenant_id, customer_id) references app.customers (tenant_id, id),
  constraint bookings_service_fkey foreign key (tenant_id, service_id) references app.services (tenant_id, id),
  constraint bookings_staff_fkey foreign key (tenant_id, staff_id) references app.staff (tenant_id, id),
  constraint bookings_conversation_fkey foreign key (tenant_id, conversation_id) references app.conversations (tenant_id, id)
);
create index bookings_customer on app.bookings (tenant_id, customer_id, starts_at);
create index bookings_service on app.bookings (tenant_id, service_id);
create index bookings_conversation on app.bookings (tenant_id, conversation_id);
create index bookings_visit on app.bookings (tenant_id, visit_id);
create index bookings_busy on app.bookings (tenant_id, blocked_until)
  where status in ('held', 'confirmed', 'arrived');
create index bookings_holds on app.bookings (hold_expires_at) where status = 'held';
comment on table app.bookings is 'One customer with one member of staff for one service and one span of time. Plain inserts need tenant, customer, service, staff, starts_at and status; triggers fill the rest.';
comment on column app.bookings.blocked is 'The time it takes of the member of staff, buffers included.';
comment on column app.bookings.blocked_until is 'End of blocked. Overlap of ranges is not leakproof, so under row-level security no index serves it; this bound one does.';
comment on column app.bookings.lane is 'Which of the service''s places at once it takes, from 1.';
comment on column app.bookings.status is 'held → confirmed → arrived → completed or no_show; cancelled from any of the first three.';
comment on column app.bookings.hold_expires_at is 'Until when a held time is kept.';
comment on column app.bookings.visit_id is 'Bookings of one visit share it.';
comment on column app.bookings.code is 'What the customer may name it by.';
comment on column app.bookings.revision is 'Rises with each change of time or staff.';
comment on column app.bookings.price is 'As told when it was made.';
comment on column app.bookings.conversation_id is 'The conversation that made it.';

alter table app.conversations
  add constraint conversations_booking_fkey foreign key (tenant_id, booking_id) references app.bookings (tenant_id, id);
create index conversations_booking on app.conversations (tenant_id, booking_id) where booking_id is not null;
alter table app.outbound_messages
  add constraint outbound_messages_booking_fkey foreign key (tenant_id, booking_id) references app.bookings (tenant_id, id);

create table app.scheduled_notifications (
  id           uuid primary key default app.uuid_v7(),
  tenant_id    uuid not null,
  booking_id   uuid not null,
  kind         text not null,
  before       interval not null,
  due_at       timestamptz not null,
  expires_at   timestamptz not null,
  status       text not null default 'planned',
  reason       text,
  revision     integer not null,
  promoted_at  timestamptz,
  outbound_message_id  uuid,
  created_at   timestamptz not null default app.now(),
  updated_at   timestamptz not null default app.now(),
  constraint scheduled_notifications_once_a_revision_and_kind unique (tenant_id, booking_id, revision, kind),
  constraint scheduled_notifications_status_is_known check (status in ('planned', 'sent', 'skipped', 'cancelled', 'failed')),
  constraint scheduled_notifications_kind_is_readable check (kind ~ '^[a-z]+_[a-z0-9_]+$'),
  constraint scheduled_notifications_booking_fkey foreign key (tenant_id, booking_id) references app.bookings (tenant_id, id),
  constraint scheduled_notifications_outbound_fkey foreign key (tenant_id, outbound_message_id) references app.outbound_messages (tenant_id, id)
);
create index scheduled_notifications_due on app.scheduled_notifications (due_at)
  where status = 'planned' and promoted_at is null;
create index scheduled_notifications_outbound on app.scheduled_notifications (tenant_id, outbound_message_id)
  where outbound_message_id is not null;
comment on table app.scheduled_notifications is 'The reminder plan, written by trigger in the booking''s own transaction.';
comment on column app.scheduled_notifications.kind is 'reminder_24h, reminder_1h, …';
comment on column app.scheduled_notifications.before is 'How long before the start.';
comment on column app.scheduled_notifications.due_at is 'When to send it.';
comment on column app.scheduled_notifications.expires_at is 'From when on it would be useless.';
comment on column app.scheduled_notifications.reason is 'Why it was skipped, cancelled or failed.';
comment on column app.scheduled_notifications.revision is 'The revision of the booking it speaks of.';
comment on column app.scheduled_notifications.promoted_at is 'When its job was put into the queue; null: not yet.';

create table app.booking_notifications (
  id                   uuid primary key default app.uuid_v7(),
  tenant_id            uuid not null,
  booking_id           uuid not null,
  event                text not null,
  channel              text not null default 'whatsapp',
  status               text not null,
  reason               text,
  revision             integer not null,
  outbound_message_id  uuid,
  created_at           timestamptz not null default app.now(),
  constraint booking_notifications_event_is_known check (event in ('confirmed', 'moved', 'cancelled', 'arrived', 'completed', 'no_show') or event like 'reminder\_%'),
  constraint booking_notifications_status_is_known check (status in ('queued', 'sent', 'delivered', 'read', 'failed', 'skipped')),
  constraint booking_notifications_booking_fkey foreign key (tenant_id, booking_id) references app.bookings (tenant_id, id),
  constraint booking_notifications_outbound_fkey foreign key (tenant_id, outbound_message_id) references app.outbound_messages (tenant_id, id)
);
create index booking_notifications_booking on app.booking_notifications (tenant_id, booking_id);
create index booking_notifications_outbound on app.booking_notifications (tenant_id, outbound_message_id)
  where outbound_message_id is not null;
comment on table app.booking_notifications is 'Every event of a booking that the customer is told of, and what became of the telling.';
comment on column app.booking_notifications.status is 'skipped: not told; reason says why.';

create table app.audit_log (
  id          bigint generated always as identity primary key,
  tenant_id   uuid,
  at          timestamptz not null default app.now(),
  actor       text not null,
  action      text not null,
  table_name  text not null,
  row_id      text,
  before      jsonb,
  after       jsonb,
  constraint audit_log_action_is_known check (action in ('insert', 'update', 'delete', 'retry_job', 'cancel_job', 'pause', 'resume'))
);
create index audit_log_row on app.audit_log (tenant_id, table_name, row_id, at);
comment on table app.audit_log is 'Who changed what and when. Rows are only ever added.';
comment on column app.audit_log.tenant_id is 'Null: an act upon the whole system, such as ops.pause.';
comment on column app.audit_log.actor is 'customer:…, staff:…, key:…, job:…, else the database role.';
comment on column app.audit_log.before is 'The columns that changed, as they were; the whole row for a delete.';
comment on column app.audit_log.after is 'The columns that changed, as they became; the whole row for an insert.';
