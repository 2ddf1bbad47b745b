-- Tables of schema app whose rows are a tenant's, without forced row-level security or its policy.
select c.oid::regclass as table_name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'app' and c.relkind in ('r', 'p')
   and (not c.relrowsecurity or not c.relforcerowsecurity
        or (c.relname <> 'unrouted_messages' and not exists (
             select from pg_catalog.pg_policy p
              where p.polrelid = c.oid and p.polname = 'tenant_isolation'
                and pg_catalog.pg_get_expr(p.polqual, p.polrelid) like '%app.tenant_id()%'
                and pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) like '%app.tenant_id()%')));
