-- What is switched on.

create or replace function app.flag(tenant uuid, flag text) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  -- A tenant's own value comes before the default; a flag that nobody knows is off.
  return (
    select coalesce((
      select f.enabled from app.feature_flags f
       where f.flag = flag.flag and (f.tenant_id = flag.tenant or f.tenant_id is null)
       order by f.tenant_id nulls last limit 1), false));
end $$;
comment on function app.flag(uuid, text) is 'Whether a feature is on for a tenant: its own value, else the default.';

create or replace function app.features(tenant uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return jsonb_build_object('whatsapp_booking', app.flag(tenant, 'whatsapp_booking'), 'llm', app.flag(tenant, 'llm'));
end $$;
comment on function app.features(uuid) is
  'Flags that a step looks at (domain::catalogue::Features): part of the catalogue and of its version.';

create or replace function app.set_default_flag(flag text, enabled boolean) returns void
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  perform app.refuse_api_client();
  update app.feature_flags f set enabled = set_default_flag.enabled
   where f.tenant_id is null and f.flag = set_default_flag.flag and f.enabled is distinct from set_default_flag.enabled;
end $$;
comment on function app.set_default_flag(text, boolean) is 'Switches a known feature on or off for every tenant without a value of its own.';
