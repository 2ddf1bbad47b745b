-- Foreign keys whose columns no index starts with: a delete or a join there would read the table.
select k.conrelid::regclass as table_name, k.conname
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_namespace n on n.oid = k.connamespace
 where k.contype = 'f' and n.nspname = 'app'
   and not exists (
     select from pg_catalog.pg_index i
      where i.indrelid = k.conrelid
        and (select array_agg(a order by a) from unnest((i.indkey::smallint[])[0:cardinality(k.conkey) - 1]) a)
          = (select array_agg(a order by a) from unnest(k.conkey) a))
   -- Every row of a tenant's table has the same tenant, and tenants are never deleted.
   and k.confrelid <> 'app.tenants'::regclass;
