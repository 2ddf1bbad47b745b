-- Who a customer is, whatever address they write from.

create table app.customer_addresses (
  id           uuid primary key default app.uuid_v7(),
  tenant_id    uuid not null,
  customer_id  uuid not null,
  kind         text not null,
  value        text not null,
  instance_id  uuid,
  first_seen   timestamptz not null default app.now(),
  last_seen    timestamptz not null default app.now(),
  worked_at    timestamptz,
  constraint customer_addresses_name_one_customer unique nulls not distinct (tenant_id, kind, value, instance_id),
  constraint customer_addresses_kind_is_known check (kind in ('phone', 'jid', 'lid')),
  constraint customer_addresses_value_is_short check (length(value) between 1 and 128),
  constraint customer_addresses_lids_are_of_an_instance check ((kind = 'lid') = (instance_id is not null)),
  constraint customer_addresses_customer_fkey foreign key (tenant_id, customer_id)
    references app.customers (tenant_id, id) on delete cascade,
  constraint customer_addresses_instance_fkey foreign key (tenant_id, instance_id)
    references app.instances (tenant_id, id) on delete cascade
);
create index customer_addresses_customer on app.customer_addresses (tenant_id, customer_id);
create index customer_addresses_instance on app.customer_addresses (tenant_id, instance_id) where instance_id is not null;
comment on table app.customer_addresses is 'Every address a customer has been known by: who writes from any of them is that one person.';
comment on column app.customer_addresses.kind is
  'phone: E.164 in our canonical form; jid: the phone as WhatsApp writes it, whose digits may differ; lid: WhatsApp''s own id of the person.';
comment on column app.customer_addresses.instance_id is 'Of a lid: the instance that told it. Null for the others: a phone is the same everywhere.';
comment on column app.customer_addresses.last_seen is 'When it was last written from, to the day.';
comment on column app.customer_addresses.worked_at is 'When a message to it was last taken by WhatsApp, to the day while nothing else works; null: never yet.';

insert into app.customer_addresses (tenant_id, customer_id, kind, value, first_seen, last_seen)
select c.tenant_id, c.id, 'phone', c.phone, c.created_at, c.updated_at from app.customers c where c.phone is not null;
insert into app.customer_addresses (tenant_id, customer_id, kind, value, instance_id, first_seen, last_seen)
select c.tenant_id, c.id, 'lid', c.lid, v.instance_id, c.created_at, c.updated_at
  from app.customers c
  join app.conversations v on v.tenant_id = c.tenant_id and v.customer_id = c.id
 where c.lid is not null;

comment on column app.inbound_messages.kind is
  'text, choice, reaction, audio, image, …; unparsed: a body of unknown shape, kept for people; deleted: taken back before anybody read it.';

-- What a customer does to a message after it was read.
alter table app.conversation_events
  drop constraint conversation_events_event_is_known,
  add constraint conversation_events_event_is_known
    check (event in ('message_edited', 'message_deleted', 'reacted', 'customers_merged', 'mode_changed', 'staff_notified'));
comment on column app.conversation_events.event is
  'message_edited, message_deleted: after it was answered; reacted: with an emoji that answers nothing; customers_merged: a conversation under another address of the same person became part of this one; mode_changed: a person took over or gave back; staff_notified: the customer wants a person.';

insert into queue.kinds (kind) values ('merge_customers');

-- Replaced by ones that take more: beside them, calls would be ambiguous.
drop function if exists app.receive_message(timestamptz, text, text, text, text, text, text, jsonb, timestamptz);
drop function if exists app.receive_own(timestamptz, text, text, text, text, text, timestamptz);
drop function if exists app.receive_edit(timestamptz, text, text, text);
drop function if exists app.upsert_customer_once(uuid, text, text, text);
