-- Who changed what.

create or replace function app.actor() returns text
language sql stable
-- Without a `set` clause, so that the planner puts it in place of a call.
return coalesce(nullif(current_setting('app.actor', true), ''), 'role:' || session_user);
comment on function app.actor() is 'Who acts in this transaction: app.actor as the program set it, else the database role that logged in.';

create or replace function app.audited_tables() returns table (name text, events text, why text)
language sql immutable
set search_path = ''
as $$
  values
    ('tenants', 'insert or update or delete', 'whose business it is and by what rules'),
    ('services', 'insert or update or delete', 'what is offered'),
    ('staff', 'insert or update or delete', 'who works'),
    ('staff_services', 'insert or update or delete', 'who does what'),
    ('opening_hours', 'insert or update or delete', 'when'),
    ('closures', 'insert or update or delete', 'when not'),
    ('time_off', 'insert or update or delete', 'when not'),
    ('message_templates', 'insert or update or delete', 'how customers are spoken to'),
    ('customers', 'insert or update or delete', 'who is served'),
    ('bookings', 'insert or update or delete', 'what was agreed'),
    ('api_keys', 'insert or update or delete', 'who may act from outside'),
    ('feature_flags', 'insert or update or delete', 'what is switched on'),
    ('channel_opt_outs', 'insert or update or delete', 'who wants to hear nothing, and by which way'),
    ('link_keys', 'insert or update or delete', 'by whose word links are believed'),
    -- Each send writes to an instance; only what people set, and whether it is connected.
    ('instances', 'insert or delete or update of name, api_key_env, send_gap, typing, state', 'how customers are reached'),
    -- Messages and turns are a conversation's history; who took it over is not in them.
    ('conversations', 'update of mode', 'who answers'),
    ('audit_log', null, 'is the log'),
    ('inbound_messages', null, 'is history itself: rows are added, then marked as read'),
    ('unrouted_messages', null, 'is history itself'),
    ('outbound_messages', null, 'is history itself: times and fate are in the row'),
    ('conversation_turns', null, 'is history itself: the journal'),
    ('conversation_events', null, 'is history itself: the timeline'),
    ('booking_notifications', null, 'is history itself'),
    ('scheduled_notifications', null, 'follows from bookings; status and reason are in the row'),
    ('conversation_timers', null, 'follows from the conversation'),
    ('model_usage', null, 'counted by each question to the language model; the limits are of the tenant'),
    ('model_answers', null, 'copies of what the language model said'),
    ('catalogue_versions', null, 'follows from what is audited'),
    ('catalogue_snapshots', null, 'copies of what is audited, added only'),
    ('idempotent_requests', null, 'answers kept for a day'),
    ('emptied_until', null, 'how far upkeep has come'),
    ('customer_addresses', null, 'learnt from messages and sends; the customer is audited'),
    ('early_statuses', null, 'kept until their message is known'),
    ('senders', null, 'written by each send'),
    ('instance_health', null, 'measured all the time; the state of the instance is audited'),
    ('alarms', null, 'is history itself'),
    ('replans', null, 'how far upkeep has come')
$$;
comment on function app.audited_tables() is
  'Which tables have an audit trigger, at which events, and why; events null: none, for that reason. sql/checks finds a table that is missing here.';

create or replace function app.audit() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  -- What changes by use alone is no change that somebody made.
  used      constant text[] := '{updated_at,last_used_at,state_at,last_inbound_at}';
  secrets   constant text[] := tg_argv[1];
  personal  constant text[] := tg_argv[2];
  was       jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - used end;
  became    jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - used end;
  one       jsonb := coalesce(became, was);
  changed   text[];
  row_id    text;
  field     text;
begin
  if tg_op = 'UPDATE' then
    select array_agg(key) into changed from jsonb_each(became) where value is distinct from was -> key;
    if changed is null then
      return null;
    end if;
    was := (select jsonb_object_agg(key, value) from jsonb_each(was) where key = any (changed));
    became := (select jsonb_object_agg(key, value) from jsonb_each(became) where key = any (changed));
    foreach field in array secrets loop
      was := was || case when was ->> field is null then '{}' else jsonb_build_object(field, '(secret)') end;
      became := became || case when became ->> field is null then '{}' else jsonb_build_object(field, '(secret)') end;
    end loop;
  else
    was := was - secrets;
    became := became - secrets;
  end if;
  -- The log outlives the person and the secret: that they changed is kept, not what they were.
  foreach field in array personal loop
    was := was || case when was ->> field is null then '{}' else jsonb_build_object(field, '(personal)') end;
    became := became || case when became ->> field is null then '{}' else jsonb_build_object(field, '(personal)') end;
  end loop;
  foreach field in array tg_argv[0]::text[] loop
    row_id := coalesce(row_id || '/', '') || (one ->> field);
  end loop;
  insert into app.audit_log (tenant_id, actor, action, table_name, row_id, before, after)
  values (case when tg_table_name = 'tenants' then (one ->> 'id')::uuid else (one ->> 'tenant_id')::uuid end,
          app.actor(), lower(tg_op), tg_table_name, row_id, was, became);
  return null;
end $$;
comment on function app.audit() is
  'Writes a row of audit_log for each change of an audited table. Its arguments are arrays of columns: those that name the row, secrets, and those that say who a customer is.';

do $$
declare
  audited  record;
begin
  for audited in
    select a.events, c.oid::regclass as name, quote_literal(k.columns) || ', ' || quote_literal(f.secrets) || ', ' || quote_literal(f.personal) as arguments
      from app.audited_tables() a
      join pg_catalog.pg_class c on c.oid = to_regclass('app.' || a.name)
      cross join lateral (
        select array_agg(k.attname order by array_position(i.indkey::smallint[], k.attnum))::text[] as columns
          from pg_catalog.pg_index i
          join pg_catalog.pg_attribute k on k.attrelid = i.indrelid and k.attnum = any (i.indkey)
         where i.indrelid = c.oid and i.indisprimary and (k.attname <> 'tenant_id' or i.indnkeyatts = 1)) k
      cross join lateral (
        select coalesce(array_agg(t.attname order by t.attnum) filter (where t.attname ~ '_hash$|secret|password|token'), '{}')::text[] as secrets,
               coalesce(array_agg(t.attname order by t.attnum) filter (
                 where a.name like 'customer%' and t.attname in ('phone', 'lid', 'name', 'email', 'address', 'jid', 'push_name')), '{}')::text[] as personal
          from pg_catalog.pg_attribute t where t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped) f
     where a.events is not null
  loop
    -- What is right already is not touched: making a trigger waits for everybody who writes.
    if not exists (
      select from pg_catalog.pg_trigger t
       where t.tgrelid = audited.name and t.tgname = 'audit'
         and pg_catalog.obj_description(t.oid, 'pg_trigger') = format('%s; %s', audited.events, audited.arguments)) then
      execute format('create or replace trigger audit after %s on %s for each row execute function app.audit(%s)',
                     audited.events, audited.name, audited.arguments);
      execute format('comment on trigger audit on %s is %L', audited.name, format('%s; %s', audited.events, audited.arguments));
    end if;
  end loop;
end $$;

create or replace function app.audit_is_for_ever() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- Functions of the log's owner, as whom nobody logs in: a person who is erased leaves the log's
  -- shape behind, and a row that came before its month was there moves into it.
  if current_user = 'pontual_definer' then
    if tg_op = 'DELETE' and tg_table_name = 'log_default' then
      return old;
    end if;
    if tg_op = 'UPDATE' and to_jsonb(new) - '{before,after}'::text[] = to_jsonb(old) - '{before,after}'::text[] then
      return new;
    end if;
  end if;
  raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
end $$;
comment on function app.audit_is_for_ever() is 'Refuses changes of the audit log, whoever asks.';

create or replace function app.audit_is_not_emptied() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
end $$;
comment on function app.audit_is_not_emptied() is 'Refuses to truncate the audit log, whoever asks.';
do $$
begin
  if not exists (select from pg_catalog.pg_trigger where tgrelid = 'app.audit_log'::regclass and tgname = 'audit_is_for_ever') then
    create trigger audit_is_for_ever before update or delete on app.audit_log
      for each row execute function app.audit_is_for_ever();
    create trigger audit_is_not_emptied before truncate on app.audit_log
      for each statement execute function app.audit_is_not_emptied();
  end if;
end $$;

-- updated_at on every table that has it.
do $$
declare
  t text;
begin
  for t in select table_name from information_schema.columns
            where table_schema = 'app' and column_name = 'updated_at'
              and not exists (select from pg_catalog.pg_trigger
                               where tgrelid = format('app.%I', table_name)::regclass and tgname = 'touch') loop
    execute format('create or replace trigger touch before update on app.%I
                      for each row execute function app.touch()', t);
  end loop;
end $$;
