-- The catalogue's version: what a turn looks at instead of the catalogue.

create or replace function app.catalogue_version() returns text
language plpgsql stable
set search_path = ''
as $$
begin
  -- Beside its rows a catalogue depends on the day, which ends closures and time off, and on flags.
  return (
    select v.version || '/' || (app.now() at time zone t.timezone)::date || '/' || app.features(t.id)
      from app.tenants t
      join app.catalogue_versions v on v.tenant_id = t.id
     where t.id = app.tenant_id());
end $$;
comment on function app.catalogue_version() is
  'Equal only if app.catalogue() is equal; null: not known, or no tenant is set.';

create or replace function app.catalogue_changes() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  changed  constant jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
begin
  -- Once a transaction: whoever has changed the row already need not do so again.
  insert into app.catalogue_versions as v (tenant_id)
  values ((changed ->> case tg_table_name when 'tenants' then 'id' else 'tenant_id' end)::uuid)
  on conflict on constraint catalogue_versions_pkey do update set version = excluded.version
   where v.xmin <> pg_current_xact_id()::xid;
  return null;
end $$;
comment on function app.catalogue_changes() is
  'Gives a tenant''s catalogue another version, as the transaction commits: the lock is held for that moment alone.';

do $$
declare
  t  text;
begin
  foreach t in array array['tenants', 'services', 'staff', 'staff_services', 'opening_hours', 'time_off', 'closures', 'message_templates'] loop
    -- One that is there already stays: to make it again would lock out everybody who works.
    if not exists (select from pg_catalog.pg_trigger g
                    where g.tgrelid = format('app.%I', t)::regclass and g.tgname = 'catalogue_changes') then
      execute format('create constraint trigger catalogue_changes after insert or update or delete on app.%I
                        deferrable initially deferred for each row execute function app.catalogue_changes()', t);
    end if;
  end loop;
end $$;
