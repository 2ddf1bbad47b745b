-- Finding a tenant by its name, or by a key of its.

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

create or replace function app.keys_like(prefix bytea)
  returns table (tenant_id uuid, key_id uuid, key_name text, secret_hash bytea, scopes text[], has_expired boolean, use_is_news boolean)
language plpgsql stable security definer
set search_path = ''
as $$
begin
  perform app.refuse_api_client();
  if octet_length(prefix) < 4 then
    raise exception 'four bytes at least' using errcode = 'invalid_parameter_value';
  end if;
  -- Few bytes are looked up; the caller compares the whole in constant time.
  return query
    select k.tenant_id, k.id, k.name, k.secret_hash, k.scopes, coalesce(k.expires_at <= app.now(), false),
           coalesce(k.last_used_at < date_trunc('hour', app.now(), 'UTC'), true)
      from app.api_keys k
     where k.secret_hash >= prefix and k.secret_hash <= prefix || decode(repeat('ff', 32), 'hex')
       and k.revoked_at is null;
end $$;
comment on function app.keys_like(bytea) is
  'The keys in use whose SHA-256 begins with these bytes, at least four, with their tenants, scopes, and whether a use is to be written down. For the program alone.';

-- What web processes of version 0.1 ask, while they are replaced one by one.
create or replace function app.key_holder(hash bytea, out tenant_id uuid, out key_id uuid, out key_name text, out use_is_news boolean)
returns setof record
language sql stable security definer
set search_path = ''
as $$
  select k.tenant_id, k.id, k.name, coalesce(k.last_used_at < date_trunc('hour', app.now(), 'UTC'), true)
    from app.api_keys k
   where k.secret_hash = hash and k.revoked_at is null and coalesce(k.expires_at > app.now(), true)
     -- They know no scopes, so a key with fewer than all is none to them.
     and k.scopes @> '{read,write,operate}'
$$;
comment on function app.key_holder(bytea) is
  'The tenant whose key has this SHA-256, the key''s name, and whether its use is to be written down; no row if it is unknown, limited, over or revoked.';
