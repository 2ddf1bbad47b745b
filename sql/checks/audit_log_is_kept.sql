-- Who logs in may add to the audit log and no more; its months are nobody's but their owner's.
select r.rolname || ' may ' || p.privilege as problem
  from (values ('pontual_app'), ('pontual_ops')) r (rolname)
  cross join (values ('update'), ('delete'), ('truncate')) p (privilege)
 where pg_catalog.has_table_privilege(r.rolname, 'app.audit_log', p.privilege)
    or pg_catalog.has_any_column_privilege(r.rolname, 'app.audit_log', 'update') and p.privilege = 'update'
union all
select m.part || ' is not guarded'
  from app.audit_months() m join pg_catalog.pg_class c on c.oid = m.part
 where not c.relrowsecurity or not c.relforcerowsecurity or c.relowner <> 'pontual_definer'::regrole
    or pg_catalog.has_table_privilege('pontual_app', m.part, 'select, insert, update, delete')
    or pg_catalog.has_table_privilege('pontual_ops', m.part, 'select, insert, update, delete');
