-- Constraints with a name that Postgres made up (<table>_<columns>_check, _key, _fkey, _excl): errors are told by name.
select k.conrelid::regclass as table_name, k.conname
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_namespace n on n.oid = k.connamespace
 where n.nspname in ('app', 'queue') and k.contype in ('c', 'u', 'x')
   and k.conname ~ '_(check|key|excl)[0-9]*$' ;
