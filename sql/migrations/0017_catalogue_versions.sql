-- By what a process knows that the catalogue it remembers is still the one that is there.

set lock_timeout = '2s';

create table app.catalogue_versions (
  tenant_id   uuid not null,
  version     uuid not null default gen_random_uuid(),
  constraint catalogue_versions_pkey primary key (tenant_id),
  constraint catalogue_versions_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.catalogue_versions is
  'Which catalogue a tenant has: processes keep catalogues by this and look here in every turn. After rows were changed with triggers off: update app.catalogue_versions set version = gen_random_uuid().';
comment on column app.catalogue_versions.version is
  'Another one with every transaction that changes what app.catalogue() tells. Random, so that no restored or merged database ever has one that meant something else.';
insert into app.catalogue_versions (tenant_id) select t.id from app.tenants t;
