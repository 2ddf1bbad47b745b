-- Ways to reach a customer beside WhatsApp: e-mail and SMS, and when one takes the place of another.

alter table app.tenants add column channels text[] not null default '{whatsapp}';
alter table app.tenants add column fallback_after interval not null default '10 minutes';
alter table app.tenants add column reply_to text;
alter table app.tenants add constraint tenants_channels_are_known
  check (cardinality(channels) between 1 and 3 and channels <@ '{whatsapp,sms,email}');
alter table app.tenants add constraint tenants_fallback_after_is_some_time
  check (fallback_after between interval '1 minute' and interval '1 day');
alter table app.tenants add constraint tenants_reply_to_is_an_address
  check (reply_to ~ '^[^@[:space:][:cntrl:],;:<>()"\\]+@[^@[:space:][:cntrl:],;:<>()"\\]+\.[^@[:space:][:cntrl:],;:<>()"\\.]+$' and length(reply_to) <= 254);
comment on column app.tenants.channels is 'By which ways notifications go, the preferred first; the others follow where it fails (app.fall_back).';
comment on column app.tenants.fallback_after is 'How long a notification may wait to be sent before the next channel takes it.';
comment on column app.tenants.reply_to is 'Where answers to e-mails go; null: nowhere.';

alter table app.customers add column email text;
alter table app.customers add constraint customers_email_is_an_address
  check (email ~ '^[^@[:space:][:cntrl:],;:<>()"\\]+@[^@[:space:][:cntrl:],;:<>()"\\]+\.[^@[:space:][:cntrl:],;:<>()"\\.]+$' and length(email) <= 254);
comment on column app.customers.email is 'Where notifications go that WhatsApp and SMS do not take; null: not known.';

create table app.channel_opt_outs (
  tenant_id    uuid not null,
  customer_id  uuid not null,
  channel      text not null,
  at           timestamptz not null default app.now(),
  constraint channel_opt_outs_pkey primary key (tenant_id, customer_id, channel),
  constraint channel_opt_outs_channel_is_known check (channel in ('whatsapp', 'sms', 'email')),
  constraint channel_opt_outs_customer_fkey foreign key (tenant_id, customer_id)
    references app.customers (tenant_id, id) on delete cascade
);
comment on table app.channel_opt_outs is 'Ways by which a customer wants nothing any more: the link in an e-mail, STOP as an SMS. Opting out of reminders altogether is customers.opted_out_at.';
comment on column app.channel_opt_outs.at is 'Since when.';

create table app.link_keys (
  tenant_id  uuid not null,
  secret     bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
  constraint link_keys_pkey primary key (tenant_id),
  constraint link_keys_secret_is_long check (octet_length(secret) = 32),
  constraint link_keys_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.link_keys is 'What links in e-mails are signed with. A new secret ends every link given out.';
comment on column app.link_keys.secret is '244 random bits.';

alter table app.outbound_messages alter column conversation_id drop not null;
alter table app.outbound_messages add column customer_id uuid;
alter table app.outbound_messages add column fallback_of uuid;
alter table app.outbound_messages add column fallback_at timestamptz;
alter table app.outbound_messages add column fell_back_at timestamptz;
alter table app.outbound_messages drop constraint outbound_messages_channel_is_known;
alter table app.outbound_messages
  add constraint outbound_messages_channel_is_known check (channel in ('whatsapp', 'sms', 'email')),
  add constraint outbound_messages_go_to_somebody check (
    case channel when 'whatsapp' then conversation_id is not null
                 else conversation_id is null and num_nonnulls(customer_id, staff_id) = 1 end),
  add constraint outbound_messages_customer_fkey foreign key (tenant_id, customer_id) references app.customers (tenant_id, id),
  add constraint outbound_messages_fallback_fkey foreign key (tenant_id, fallback_of) references app.outbound_messages (tenant_id, id);
create unique index outbound_messages_falls_back_once on app.outbound_messages (tenant_id, fallback_of, channel)
  where fallback_of is not null;
create index outbound_messages_customer on app.outbound_messages (tenant_id, customer_id, created_at)
  where customer_id is not null;
create index outbound_messages_direct on app.outbound_messages (due_at)
  where conversation_id is null and status in ('queued', 'sending', 'unknown');
create index outbound_messages_fallback_due on app.outbound_messages (fallback_at) where fallback_at is not null;
comment on column app.outbound_messages.conversation_id is 'Where a WhatsApp message is said; null on the other channels, which know no order and take no answer.';
comment on column app.outbound_messages.customer_id is 'Whom an SMS or e-mail goes to; null: a member of staff, or the customer of the conversation.';
comment on column app.outbound_messages.fallback_of is 'The first message that this one takes the place of, on another channel; once each.';
comment on column app.outbound_messages.fallback_at is 'When the next channel takes over unless this one has done its work; null: no other follows, or it is settled.';
comment on column app.outbound_messages.fell_back_at is 'When the next channel took over. Whatever is heard of this message later is noted and changes nothing.';

alter table app.message_templates drop constraint message_templates_channel_is_known;
alter table app.message_templates add constraint message_templates_channel_is_known check (channel in ('whatsapp', 'sms', 'email'));

-- The delivery report of a period.
create index booking_notifications_made on app.booking_notifications (tenant_id, created_at, id);
create index scheduled_notifications_planned on app.scheduled_notifications (tenant_id, due_at, id) where status = 'planned';
