-- How a tenant speaks, and its own texts.

alter table app.tenants add column formal boolean not null default false;
alter table app.tenants add column privacy boolean not null default false;
comment on column app.tenants.formal is 'Customers are spoken to formally (usted; without você).';
comment on column app.tenants.privacy is 'Reminders name time and place, and neither service nor staff: for health tenants.';

create table app.message_templates (
  tenant_id   uuid not null,
  key         text not null,
  language    text not null,
  channel     text not null default 'whatsapp',
  body        text not null,
  created_at  timestamptz not null default app.now(),
  updated_at  timestamptz not null default app.now(),
  constraint message_templates_pkey primary key (tenant_id, channel, language, key),
  constraint message_templates_tenant_fkey foreign key (tenant_id) references app.tenants (id),
  constraint message_templates_key_is_a_name check (key ~ '^[a-z][a-z0-9_]{0,62}$'),
  constraint message_templates_language_is_known check (language in ('en', 'pt', 'es')),
  constraint message_templates_channel_is_known check (channel in ('whatsapp')),
  constraint message_templates_body_says_something check (btrim(body) <> ''),
  constraint message_templates_body_fits check (length(body) <= 4096)
);
comment on table app.message_templates is 'Texts a tenant put in the places of the shipped ones. `pontual template set` checks values and limits before it writes here.';
comment on column app.message_templates.key is 'Which text, as `pontual template list` names it.';
comment on column app.message_templates.body is 'Values in braces, such as {code}; a part for when there is one: {% if name %}…{% endif %}.';
