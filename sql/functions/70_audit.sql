-- Who changed what.

create or replace function app.actor() returns text
language sql stable
set search_path = ''
as $$
  select coalesce(nullif(current_setting('app.actor', true), ''), 'role:' || session_user)
$$;
comment on function app.actor() is 'Who acts in this transaction: app.actor as the program set it, else the database role that logged in.';

create or replace function app.audit() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  was      jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - 'updated_at' end;
  became   jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - 'updated_at' end;
  one      jsonb := coalesce(became, was);
  changed  text[];
begin
  if tg_op = 'UPDATE' then
    select array_agg(key) into changed
      from jsonb_each(became) where value is distinct from was -> key;
    if changed is null then
      return null;
    end if;
    was := (select jsonb_object_agg(key, value) from jsonb_each(was) where key = any (changed));
    became := (select jsonb_object_agg(key, value) from jsonb_each(became) where key = any (changed));
  end if;
  -- Of a key neither the hash nor each use.
  if tg_table_name = 'api_keys' then
    was := was - 'secret_hash' - 'last_used_at';
    became := became - 'secret_hash' - 'last_used_at';
    if was = became then
      return null;
    end if;
  end if;
  -- The log outlives the person: that a name or number changed is kept, not what it was.
  if tg_table_name = 'customers' then
    was := (select jsonb_object_agg(key, case when key in ('phone', 'lid', 'name', 'email') and value <> 'null' then '"(personal)"' else value end) from jsonb_each(was));
    became := (select jsonb_object_agg(key, case when key in ('phone', 'lid', 'name', 'email') and value <> 'null' then '"(personal)"' else value end) from jsonb_each(became));
  end if;
  insert into app.audit_log (tenant_id, actor, action, table_name, row_id, before, after)
  values (case when tg_table_name = 'tenants' then one ->> 'id' else one ->> 'tenant_id' end::uuid, app.actor(), lower(tg_op), tg_table_name, one ->> 'id', was, became);
  return null;
end $$;
comment on function app.audit() is 'Writes a row of audit_log for each change of an audited table.';

-- Messages, turns and plans are history themselves; conversations are audited where a person takes over.
do $$
declare
  audited text;
begin
  foreach audited in array array['tenants', 'instances', 'services', 'staff', 'staff_services', 'opening_hours',
                                 'closures', 'time_off', 'customers', 'bookings', 'api_keys', 'message_templates', 'feature_flags'] loop
    execute format('create or replace trigger audit after insert or update or delete on app.%I
                      for each row execute function app.audit()', audited);
  end loop;
end $$;
create or replace trigger audit after update of mode on app.conversations
  for each row when (old.mode is distinct from new.mode) execute function app.audit();

create or replace function app.audit_is_for_ever() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
end $$;
comment on function app.audit_is_for_ever() is 'Refuses changes of the audit log, whoever asks.';
create or replace trigger audit_is_for_ever before update or delete on app.audit_log
  for each row execute function app.audit_is_for_ever();

-- updated_at on every table that has it.
do $$
declare
  t text;
begin
  for t in select table_name from information_schema.columns
            where table_schema = 'app' and column_name = 'updated_at' loop
    execute format('create or replace trigger touch before update on app.%I
                      for each row execute function app.touch()', t);
  end loop;
end $$;
