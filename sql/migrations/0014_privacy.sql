-- How long what customers wrote is kept, and customers who are no longer a person.

alter table app.tenants add column keep_messages interval not null default '365 days';
alter table app.tenants add constraint tenants_keep_messages_is_a_length
  check (keep_messages >= '1 day' and keep_messages <= '3653 days') not valid;
comment on column app.tenants.keep_messages is
  'How long texts of messages and the journal of turns are kept; the rows stay without them.';

alter table app.customers add column erased_at timestamptz;
comment on column app.customers.erased_at is
  'Since when nothing of the person is kept: an id that bookings still count by. Null: a person.';
-- Weaker than before, so no row can break it: nothing is to be read for it.
alter table app.customers drop constraint if exists customers_can_be_reached;
alter table app.customers add constraint customers_can_be_reached
  check (phone is not null or lid is not null or erased_at is not null) not valid;

create table app.emptied_until (
  tenant_id   uuid not null,
  until       timestamptz not null,
  constraint emptied_until_pkey primary key (tenant_id),
  constraint emptied_until_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.emptied_until is 'How far queue.forget_old_messages has come with each tenant.';
comment on column app.emptied_until.until is 'Messages before this have no text any more.';
