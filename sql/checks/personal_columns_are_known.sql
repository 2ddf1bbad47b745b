-- Columns of schema app that can hold what a person says or is called, and are neither in
-- app.personal_columns() nor in app.harmless_columns(): erasing a customer would pass them by.
select c.oid::regclass as table_name, a.attname as column_name
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_class c on c.oid = a.attrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'app' and c.relkind in ('r', 'p') and not c.relispartition
   and a.attnum > 0 and not a.attisdropped
   and a.atttypid not in (
     'uuid'::regtype, 'boolean'::regtype, 'smallint'::regtype, 'integer'::regtype, 'bigint'::regtype,
     'numeric'::regtype, 'double precision'::regtype, 'date'::regtype, 'time'::regtype, 'timestamptz'::regtype,
     'interval'::regtype, 'tstzrange'::regtype, 'uuid[]'::regtype, 'interval[]'::regtype, 'integer[]'::regtype)
   and not exists (select from app.personal_columns() p where p.table_name = c.relname and p.column_name = a.attname)
   and not exists (select from app.harmless_columns() h where h.table_name = c.relname and h.column_name = a.attname);
