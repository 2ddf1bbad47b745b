-- What erasing and emptying may change beyond what the runtime may: app.erase_customer and
-- queue.forget_old_messages run as pontual_definer.

do $$
declare
  part  record;
begin
  for part in
    select p.table_name,
           string_agg(quote_ident(c.column_name), ', ') filter (where c.column_name is not null) as columns, p.goes
      from app.personal_rows() p
      left join (select c.* from app.personal_columns() c
                   join pg_catalog.pg_attribute a
                     on a.attrelid = to_regclass(format('app.%I', c.table_name)) and a.attname = c.column_name) c
        on c.table_name = p.table_name
     where to_regclass(format('app.%I', p.table_name)) is not null
     group by p.table_name, p.goes
  loop
    if part.goes then
      execute format('grant delete on app.%I to pontual_definer', part.table_name);
    else
      execute format('grant update (%s) on app.%I to pontual_definer', part.columns, part.table_name);
    end if;
  end loop;
end $$;
grant update (before, after) on app.audit_log to pontual_definer;
-- Operators do so as well: ops.erase_customer, ops.after_restore.
grant execute on function app.erase_customer(uuid, uuid, boolean), app.doubt_unsent(timestamptz) to pontual_ops;
