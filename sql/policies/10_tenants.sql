-- Every table of schema app with a tenant_id is guarded by itself; sql/checks notices one that is not.

do $$
declare
  t record;
begin
  for t in
    select c.oid::regclass as name, case when c.relname = 'tenants' then 'id' else 'tenant_id' end as key
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'app' and c.relkind in ('r', 'p')
       and (c.relname = 'tenants'
            or exists (select from pg_catalog.pg_attribute a
                        where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
  loop
    execute format('alter table %s enable row level security', t.name);
    execute format('alter table %s force row level security', t.name);
    execute format('drop policy if exists tenant_isolation on %s', t.name);
    -- (select …): computed once a query, not once a row.
    execute format('create policy tenant_isolation on %s using (%I = (select app.tenant_id())) with check (%I = (select app.tenant_id()))',
                   t.name, t.key, t.key);
    execute format('drop policy if exists definer_everywhere on %s', t.name);
    execute format('create policy definer_everywhere on %s to pontual_definer using (true) with check (true)', t.name);
    execute format('drop policy if exists ops_reads on %s', t.name);
    execute format('create policy ops_reads on %s for select to pontual_ops using (true)', t.name);
  end loop;
end $$;

-- Bodies that name no instance belong to nobody: operators read them, one function writes them.
alter table app.unrouted_messages enable row level security;
alter table app.unrouted_messages force row level security;
drop policy if exists definer_everywhere on app.unrouted_messages;
create policy definer_everywhere on app.unrouted_messages to pontual_definer using (true) with check (true);
drop policy if exists ops_reads on app.unrouted_messages;
create policy ops_reads on app.unrouted_messages for select to pontual_ops using (true);

-- ops.cancel_job calls the reminder of a cancelled job off.
drop policy if exists ops_calls_off on app.scheduled_notifications;
create policy ops_calls_off on app.scheduled_notifications for update to pontual_ops using (true) with check (true);

-- Acts upon the whole system have no tenant.
drop policy if exists ops_writes_audit on app.audit_log;
create policy ops_writes_audit on app.audit_log for insert to pontual_ops with check (true);
