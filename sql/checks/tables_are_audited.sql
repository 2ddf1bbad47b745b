-- Tables of schema app that no line of app.audited_tables() speaks of, or whose audit trigger is missing.
select c.relname as table_name,
       case when a.name is null then 'say in app.audited_tables() whether it is audited, and why' else 'has no audit trigger' end as problem
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join app.audited_tables() a on a.name = c.relname
 where n.nspname = 'app' and c.relkind in ('r', 'p')
   and (a.name is null
        or a.events is not null and not exists (
             select from pg_catalog.pg_trigger t
              where t.tgrelid = c.oid and t.tgname = 'audit' and t.tgfoid = 'app.audit'::regproc and t.tgenabled <> 'D'))
