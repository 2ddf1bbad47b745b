-- The audit log belongs to a role that nobody logs in as, so that nobody who logs in may change it:
-- to all others it is insert-only. Months are made and dropped by functions of that role.

do $$
declare
  part  regclass;
begin
  -- What is right already is not touched: it would wait for everybody who writes.
  if exists (select from pg_catalog.pg_namespace where nspname = 'audit' and nspowner <> 'pontual_definer'::regrole) then
    alter schema audit owner to pontual_definer;
  end if;
  grant create on schema app to pontual_definer;
  for part in
    select c.oid::regclass from pg_catalog.pg_class c
     where (c.oid = 'app.audit_log'::regclass or c.oid in (select m.part from app.audit_months() m))
       and c.relowner <> 'pontual_definer'::regrole
  loop
    execute format('alter table %s owner to pontual_definer', part);
  end loop;
  revoke create on schema app from pontual_definer;
  for part in
    select m.part from app.audit_months() m join pg_catalog.pg_class c on c.oid = m.part
     where not c.relrowsecurity or not c.relforcerowsecurity
        or not exists (select from pg_catalog.pg_policy p where p.polrelid = c.oid and p.polname = 'definer_everywhere')
  loop
    execute format('alter table %s enable row level security, force row level security', part);
    execute format('drop policy if exists definer_everywhere on %s', part);
    execute format('create policy definer_everywhere on %s to pontual_definer using (true) with check (true)', part);
  end loop;
  for part in select m.part from app.audit_months() m loop
    execute format('revoke all on %s from public, pontual_app, pontual_ops', part);
  end loop;
end $$;
revoke update, delete, truncate on app.audit_log from public, pontual_app, pontual_ops;
-- Its owner may lock it, for which a right to delete is needed; triggers refuse what would use it.
revoke update on app.audit_log from pontual_definer;
grant update (before, after) on app.audit_log to pontual_definer;
grant usage on sequence app.audit_log_seq to pontual_app, pontual_definer, pontual_ops;
grant select, insert on app.audit_log to pontual_ops;
select queue.keep_audit();
