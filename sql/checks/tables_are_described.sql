-- Tables, views and functions of ours without a comment.
select c.oid::regclass::text as object
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('app', 'queue', 'ops') and c.relkind in ('r', 'p', 'v')
   and pg_catalog.obj_description(c.oid, 'pg_class') is null
union all
select p.oid::regprocedure::text
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname in ('app', 'queue', 'ops') and pg_catalog.obj_description(p.oid, 'pg_proc') is null;
