-- Tables of the queue that the runtime role may read and that have no row-level security.
select c.oid::regclass as table_name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'apalis' and c.relkind in ('r', 'p') and not c.relrowsecurity
   and pg_catalog.has_any_column_privilege('pontual_app', c.oid, 'select, insert, update');
