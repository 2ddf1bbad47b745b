-- Finding a tenant by its name: ids only.

create or replace function app.tenant_named(wanted text) returns uuid
language sql stable security definer
set search_path = ''
as $$
  select t.id from app.tenants t where t.slug = wanted
$$;
comment on function app.tenant_named(text) is 'The id of the tenant with this slug.';

create or replace function app.tenant_ids() returns setof uuid
language sql stable security definer
set search_path = ''
as $$
  select t.id from app.tenants t order by t.slug
$$;
comment on function app.tenant_ids() is 'The ids of all tenants, in order of their slugs.';
