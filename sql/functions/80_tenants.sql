-- Finding a tenant by its name, or by a key of its: ids, and what the tenant calls the key.

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

create or replace function app.key_holder(hash bytea, out tenant_id uuid, out key_id uuid, out key_name text, out use_is_news boolean)
returns setof record
language sql stable security definer
set search_path = ''
as $$
  select k.tenant_id, k.id, k.name, coalesce(k.last_used_at < date_trunc('hour', app.now(), 'UTC'), true)
    from app.api_keys k
   where k.secret_hash = hash and k.revoked_at is null
$$;
comment on function app.key_holder(bytea) is
  'The tenant whose key has this SHA-256, the key''s name, and whether its use is to be written down; no row if it is unknown or revoked.';
