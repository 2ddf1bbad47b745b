-- Every table of schema app with a tenant_id is guarded by itself; sql/checks notices one that is not.
-- What is right already is left alone: a policy that is made again locks out everybody who works.

create function pg_temp.keep_policy(guarded regclass, name text, command text, role text, seen text, written text) returns void
language plpgsql
set search_path = ''
as $$
begin
  if exists (
    select from pg_catalog.pg_policy p
     where p.polrelid = guarded and p.polname = name and p.polpermissive
       and p.polcmd = case command when 'select' then 'r' when 'insert' then 'a' when 'update' then 'w' else '*' end
       and p.polroles = array[case role when 'public' then 0 else role::regrole end]::oid[]
       and pg_catalog.pg_get_expr(p.polqual, p.polrelid) is not distinct from seen
       and pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) is not distinct from written) then
    return;
  end if;
  execute format('drop policy if exists %I on %s', name, guarded);
  execute format('create policy %I on %s for %s to %s', name, guarded, command, role)
    || coalesce(' using (' || seen || ')', '') || coalesce(' with check (' || written || ')', '');
end $$;

do $$
declare
  t    record;
  own  text;
begin
  for t in
    select c.oid::regclass as name, c.relrowsecurity and c.relforcerowsecurity as forced,
           case when c.relname = 'tenants' then 'id' else 'tenant_id' end as key
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     -- Parts of tables too: who names one directly must not get round its parent's policies.
     where n.nspname in ('app', 'audit') and c.relkind in ('r', 'p')
       and (c.oid = 'app.tenants'::regclass
            or exists (select from pg_catalog.pg_attribute a
                        where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
  loop
    if not t.forced then
      execute format('alter table %s enable row level security, force row level security', t.name);
    end if;
    -- (select …): computed once a query, not once a row. Written as Postgres gives it back.
    own := format('(%I = ( SELECT app.tenant_id() AS tenant_id))', t.key);
    perform pg_temp.keep_policy(t.name, 'tenant_isolation', 'all', 'public', own, own);
    perform pg_temp.keep_policy(t.name, 'definer_everywhere', 'all', 'pontual_definer', 'true', 'true');
    perform pg_temp.keep_policy(t.name, 'ops_reads', 'select', 'pontual_ops', 'true', null);
  end loop;

  -- Bodies that name no instance belong to nobody: operators read them, one function writes them.
  if not (select c.relrowsecurity and c.relforcerowsecurity from pg_catalog.pg_class c where c.oid = 'app.unrouted_messages'::regclass) then
    alter table app.unrouted_messages enable row level security, force row level security;
  end if;
  perform pg_temp.keep_policy('app.unrouted_messages', 'definer_everywhere', 'all', 'pontual_definer', 'true', 'true');
  perform pg_temp.keep_policy('app.unrouted_messages', 'ops_reads', 'select', 'pontual_ops', 'true', null);
  -- ops.cancel_job calls the reminder of a cancelled job off.
  perform pg_temp.keep_policy('app.scheduled_notifications', 'ops_calls_off', 'update', 'pontual_ops', 'true', 'true');
  -- Acts upon the whole system have no tenant.
  perform pg_temp.keep_policy('app.audit_log', 'ops_writes_audit', 'insert', 'pontual_ops', null, 'true');
end $$;
drop function pg_temp.keep_policy(regclass, text, text, text, text, text);
