-- Tables whose rows are a tenant's, parts of tables included, without forced row-level security or
-- its policy; and policies that would show or take rows beside it.
select c.oid::regclass as table_name, 'not guarded by tenant_isolation' as why
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('app', 'audit') and c.relkind in ('r', 'p')
   and (not c.relrowsecurity or not c.relforcerowsecurity
        -- A part without any policy of its own shows nothing to whoever names it.
        or (c.oid <> 'app.unrouted_messages'::regclass and not c.relispartition and not exists (
             select from pg_catalog.pg_policy p
              where p.polrelid = c.oid and p.polname = 'tenant_isolation'
                and pg_catalog.pg_get_expr(p.polqual, p.polrelid) like '%app.tenant_id()%'
                and pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) like '%app.tenant_id()%')))
union all
select p.polrelid::regclass, 'policy ' || p.polname || ' lets the runtime past tenant_isolation'
  from pg_catalog.pg_policy p
  join pg_catalog.pg_class c on c.oid = p.polrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('app', 'audit') and p.polpermissive
   and p.polroles && array[0, 'pontual_app'::regrole]::oid[]
   and exists (
     select from unnest(array[pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)]) as e (rule)
      where e.rule is not null
        and regexp_replace(e.rule, '[ ()]', '', 'g') not in ('tenant_id=SELECTapp.tenant_idAStenant_id', 'id=SELECTapp.tenant_idAStenant_id')
        -- Defaults of flags, which are of no tenant, are read by all and written by none.
        and not (c.relname = 'feature_flags' and p.polcmd = 'r'));
