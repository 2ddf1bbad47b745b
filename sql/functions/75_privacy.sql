-- What is held about people: where it is, how it is exported, and how it goes.

create or replace function app.personal_rows() returns table (table_name text, whose text, goes boolean)
language sql immutable parallel safe
set search_path = ''
as $$
  -- whose: the rows r of customer $2 of tenant $1; $3 is a pattern of the person's addresses.
  values
    ('customers', 'r.id = $2', false),
    ('conversations', 'r.customer_id = $2', false),
    ('bookings', 'r.customer_id = $2', false),
    ('inbound_messages',
     'r.conversation_id in (select c.id from app.conversations c where c.tenant_id = $1 and c.customer_id = $2)
      or r.conversation_id is null and r.body::text ~ $3', false),
    -- Before the messages, which lose the ids that these are found by.
    ('early_statuses',
     'r.provider_id in (select o.provider_id from app.outbound_messages o
                          join app.conversations c on c.tenant_id = o.tenant_id and c.id = o.conversation_id
                         where o.tenant_id = $1 and c.customer_id = $2)', true),
    ('outbound_messages',
     'r.conversation_id in (select c.id from app.conversations c where c.tenant_id = $1 and c.customer_id = $2)
      or r.booking_id in (select b.id from app.bookings b where b.tenant_id = $1 and b.customer_id = $2)
      or to_jsonb(r) ->> ''customer_id'' = $2::text', false),
    ('customer_addresses', 'r.customer_id = $2', true),
    ('channel_opt_outs', 'r.customer_id = $2', true),
    ('conversation_turns',
     'r.conversation_id in (select c.id from app.conversations c where c.tenant_id = $1 and c.customer_id = $2)', false),
    ('conversation_events',
     'r.conversation_id in (select c.id from app.conversations c where c.tenant_id = $1 and c.customer_id = $2)', false),
    ('conversation_timers',
     'r.conversation_id in (select c.id from app.conversations c where c.tenant_id = $1 and c.customer_id = $2)', true),
    ('idempotent_requests',
     'r.key ~ $3 or r.response::text ~ $3
      or exists (select from app.bookings b where b.tenant_id = $1 and b.customer_id = $2
                    and position(b.id::text in r.response::text) > 0)', true)
$$;
comment on function app.personal_rows() is
  'Tables with rows of one customer: whose (a condition on r) says which; goes: the row is deleted with the person, else it stays without personal columns.';

create or replace function app.personal_columns() returns table (table_name text, column_name text, becomes text)
language sql immutable parallel safe
set search_path = ''
as $$
  values
    ('customers', 'phone', 'null'),
    ('customers', 'lid', 'null'),
    ('customers', 'name', 'null'),
    ('customers', 'email', 'null'),
    ('customers', 'locale', 'null'),
    ('conversations', 'context', '''{}'''),
    ('bookings', 'cancel_reason',
     'case when r.cancel_reason in (''hold expired'', ''released by the customer'', ''by the customer'', ''customer erased'')
           then r.cancel_reason end'),
    ('bookings', 'override_reason', 'null'),
    ('inbound_messages', 'body', '''{}'''),
    -- Ids of the Cloud API hold the phone number, in base64.
    ('inbound_messages', 'provider_id', 'null'),
    ('outbound_messages', 'body', 'case when r.template is null then ''(erased)'' end'),
    ('outbound_messages', 'params', '''{}'''),
    ('outbound_messages', 'provider_id', 'null'),
    ('outbound_messages', 'choices', 'null'),
    -- Nothing takes the place of a message to nobody.
    ('outbound_messages', 'fallback_at', 'null'),
    ('conversation_turns', 'event', 'jsonb_build_object(''event'', r.event -> ''event'')'),
    ('conversation_turns', 'before',
     'jsonb_build_object(''state'', jsonb_build_object(''state'', r.before #> ''{state,state}''))'),
    ('conversation_turns', 'after',
     'jsonb_build_object(''state'', jsonb_build_object(''state'', r.after #> ''{state,state}''))'),
    ('conversation_turns', 'effects',
     '(select coalesce(jsonb_agg(jsonb_build_object(''effect'', e -> ''effect'')), ''[]'') from jsonb_array_elements(r.effects) e)'),
    ('conversation_turns', 'known', 'null'),
    ('conversation_events', 'detail',
     'jsonb_strip_nulls(jsonb_build_object(''mode'', r.detail -> ''mode'', ''reason'', r.detail -> ''reason''))')
$$;
comment on function app.personal_columns() is
  'Columns that hold what is a customer''s: phone, name, words. becomes: the expression that takes the person out and leaves the rest.';

create or replace function app.harmless_columns() returns table (table_name text, column_name text)
language sql immutable parallel safe
set search_path = ''
as $$
  select t.table_name, unnest(string_to_array(t.columns, ' '))
    from (values
      ('alarms', 'alarm'),
      ('api_keys', 'name secret_hash scopes'),
      -- Its rows are cleared of people by app.erase_customer, which knows whose each is.
      ('audit_log', 'actor action table_name row_id before after'),
      ('booking_notifications', 'event channel status reason'),
      ('bookings', 'status code'),
      ('catalogue_snapshots', 'hash body'),
      ('channel_opt_outs', 'channel'),
      ('closures', 'reason'),
      ('conversation_events', 'event actor'),
      ('conversation_timers', 'timer question answer job_id'), -- go with the person, and within seconds
      ('conversation_turns', 'version'),
      ('conversations', 'state mode'),
      ('customer_addresses', 'kind value'), -- go with the person
      ('early_statuses', 'provider_id status'), -- go with the person; of unknown ids, within a day
      ('feature_flags', 'flag'),
      ('idempotent_requests', 'key request_hash response'), -- go with the person
      ('inbound_messages', 'kind'),
      ('instance_health', 'problem integration server_version provider_instance_id menus_refused'),
      ('instances', 'name api_key_env state'),
      ('link_keys', 'secret'),
      ('message_templates', 'key language channel body'),
      ('model_answers', 'question_hash answer'), -- closed fields
      ('outbound_messages', 'channel template status lease_by error author traceparent'),
      ('scheduled_notifications', 'kind status reason recurrence recurs_from traceparent'),
      ('senders', 'job paused_reason'),
      ('services', 'key name synonyms'),
      ('staff', 'key name calendar_hash phone email'),
      ('tenants', 'slug name locale timezone currency address phone tell_events channels reply_to'),
      ('time_off', 'reason'),
      -- Of nobody: emptied by app.erase_customer where they name the person.
      ('unrouted_messages', 'instance event body')
    ) as t (table_name, columns)
$$;
comment on function app.harmless_columns() is
  'Columns of texts and documents that hold nothing of a customer, or are dealt with by name in app.erase_customer. sql/checks finds a column that is in neither list.';

create or replace function app.address_pattern(addresses text[]) returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select coalesce('(^|[^0-9])(' || string_agg(f.form, '|') || ')([^0-9]|$)', '^$^')
    from unnest(addresses) a, lateral (select regexp_replace(a, '[^0-9]', '', 'g') as digits) d,
         lateral (select case
           -- The two forms that WhatsApp knows some numbers by (channel::whatsapp::phone).
           when a like '%@lid' then d.digits
           when d.digits ~ '^55[0-9]{2}9[0-9]{8}$' then left(d.digits, 4) || '9?' || right(d.digits, 8)
           when d.digits ~ '^52[0-9]{10}$' then '521?' || right(d.digits, 10)
           when d.digits ~ '^549[0-9]{10}$' then '549?' || right(d.digits, 10)
           else d.digits end as form) f
   where length(d.digits) >= 6
$$;
comment on function app.address_pattern(text[]) is
  'A regular expression that finds these phone numbers and lids in a text, in each form that WhatsApp writes them in.';

create or replace function app.addresses_held(tenant uuid, customer uuid) returns text[]
language plpgsql stable
set search_path = ''
as $$
declare
  held     text[];
  learned  text[];
begin
  select array_remove(array[c.phone, c.lid], null) into held
    from app.customers c where c.tenant_id = tenant and c.id = customer;
  if to_regclass('app.customer_addresses') is not null then
    execute 'select array_agg(a.value) from app.customer_addresses a where a.tenant_id = $1 and a.customer_id = $2'
      into learned using tenant, customer;
  end if;
  return held || coalesce(learned, '{}');
end $$;
comment on function app.addresses_held(uuid, uuid) is 'By what a customer is reached.';

create or replace function app.export_customer(customer uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  tenant   constant uuid := app.tenant_id();
  pattern  constant text := app.address_pattern(app.addresses_held(tenant, customer));
  held     jsonb := '{}';
  part     record;
  found_rows  jsonb;
begin
  if not exists (select from app.customers c where c.tenant_id = tenant and c.id = customer) then
    return null;
  end if;
  for part in
    select p.table_name, p.whose from app.personal_rows() p
     where to_regclass(format('app.%I', p.table_name)) is not null
  loop
    execute format(
      'select jsonb_agg(jsonb_strip_nulls(x.j) order by coalesce(x.j ->> ''created_at'', x.j ->> ''received_at'', x.j ->> ''at''), x.j ->> ''id'')
         from (select to_jsonb(r) - ''tenant_id'' - ''request_hash'' as j from app.%I r where r.tenant_id = $1 and (%s)) x',
      part.table_name, part.whose)
      into found_rows using tenant, customer, pattern;
    held := held || jsonb_build_object(part.table_name, coalesce(found_rows, '[]'));
  end loop;
  return held || jsonb_build_object('audit_log', (
    select coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(a) - 'tenant_id') order by a.at, a.id), '[]')
      from app.audit_log a
     where a.tenant_id = tenant
       and (a.table_name, a.row_id) in (
         select t.key, r.value ->> 'id' from jsonb_each(held) t, jsonb_array_elements(t.value) r)));
end $$;
comment on function app.export_customer(uuid) is
  'All that is held about a customer of the transaction''s tenant: a list of rows a table. Null: there is no such customer.';

create or replace function app.without_person(changed_table text, columns jsonb) returns jsonb
language sql stable
set search_path = ''
as $$
  select jsonb_object_agg(c.key, case
           when c.value <> 'null' and exists (
             select from app.personal_columns() p where p.table_name = changed_table and p.column_name = c.key)
           then '"(erased)"' else c.value end)
    from jsonb_each(columns) c
$$;
comment on function app.without_person(text, jsonb) is 'Columns as the audit log keeps them, without what is a customer''s.';

create or replace function app.erase_customer(tenant uuid, customer uuid, dry_run boolean default false) returns jsonb
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  pattern  text;
  n        bigint;
  counts   jsonb := '{}';
  changed  jsonb := '{}';
  ids      text[];
  part     record;
begin
  -- It reaches rows that the runtime may not change.
  perform app.refuse_api_client();
  if tenant is distinct from app.tenant_id() then
    raise exception 'a transaction of that tenant is needed' using errcode = 'insufficient_privilege';
  end if;
  -- As turns do: conversations, then bookings, then what hangs on them.
  perform from app.conversations c where c.tenant_id = tenant and c.customer_id = customer order by c.id for update;
  perform from app.customers c where c.tenant_id = tenant and c.id = customer;
  if not found then
    return null;
  end if;
  pattern := app.address_pattern(app.addresses_held(tenant, customer));
  if not dry_run then
    counts := jsonb_build_object('cancelled', app.cancel_silently(tenant, customer));
  else
    counts := jsonb_build_object('cancelled', (
      select count(*) from app.bookings b
       where b.tenant_id = tenant and b.customer_id = customer and b.status in ('held', 'confirmed', 'arrived')));
  end if;

  for part in
    select p.table_name, p.whose, p.goes,
           (select string_agg(format('%I = %s', c.column_name, c.becomes), ', ')
              from app.personal_columns() c
              join pg_catalog.pg_attribute a on a.attrelid = to_regclass(format('app.%I', c.table_name)) and a.attname = c.column_name
             where c.table_name = p.table_name) as clears,
           exists (select from pg_catalog.pg_attribute a
                    where a.attrelid = to_regclass(format('app.%I', p.table_name)) and a.attname = 'id') as has_id
      from app.personal_rows() p
     where to_regclass(format('app.%I', p.table_name)) is not null
  loop
    if part.has_id then
      execute format('select array_agg(r.id::text) from app.%I r where r.tenant_id = $1 and (%s)', part.table_name, part.whose)
        into ids using tenant, customer, pattern;
      changed := changed || jsonb_build_object(part.table_name, coalesce(to_jsonb(ids), '[]'));
    end if;
    if dry_run then
      execute format('select count(*) from app.%I r where r.tenant_id = $1 and (%s)', part.table_name, part.whose)
        into n using tenant, customer, pattern;
    elsif part.goes then
      execute format('delete from app.%I r where r.tenant_id = $1 and (%s)', part.table_name, part.whose)
        using tenant, customer, pattern;
      get diagnostics n = row_count;
    else
      execute format('update app.%I r set %s where r.tenant_id = $1 and (%s)', part.table_name,
                     part.clears || case part.table_name
                       when 'customers' then ', erased_at = coalesce(r.erased_at, app.now()), opted_out_at = coalesce(r.opted_out_at, app.now())'
                       when 'conversations' then ', state = ''greeting'', mode = ''bot'', human_until = null, waiting_since = null'
                       when 'inbound_messages' then ', processed_at = coalesce(r.processed_at, app.now())'
                       else '' end, part.whose)
        using tenant, customer, pattern;
      get diagnostics n = row_count;
    end if;
    counts := counts || jsonb_build_object(part.table_name, n);
  end loop;
  n := (counts ->> 'outbound_messages')::bigint + app.clear_agendas(tenant, customer, dry_run);
  counts := counts || jsonb_build_object('outbound_messages', n);

  if dry_run then
    select count(*) into n from app.unrouted_messages u where u.body <> '{}' and u.body::text ~ pattern;
  else
    update app.unrouted_messages u set body = '{}' where u.body <> '{}' and u.body::text ~ pattern;
    get diagnostics n = row_count;
  end if;
  counts := counts || jsonb_build_object('unrouted_messages', n);
  return counts || jsonb_build_object('audit_log', app.clear_audit(tenant, changed, pattern, dry_run));
end $$;
comment on function app.erase_customer(uuid, uuid, boolean) is
  'Takes a person out of the database: what they are called, how they are reached and what was written goes; bookings, counts and the order of events stay. What is ahead is cancelled, and nobody is told. Returns how many rows of each table; null: there is no such customer. dry_run: counts alone.';

create or replace function app.clear_agendas(tenant uuid, customer uuid, dry_run boolean) returns bigint
language plpgsql volatile
set search_path = ''
as $$
declare
  known_at  constant timestamptz := (select c.created_at from app.customers c where c.tenant_id = tenant and c.id = customer);
  n         bigint;
begin
  -- Whose appointments stood in which text is not kept, and bookings move: all since they are known.
  if dry_run then
    select count(*) into n from app.outbound_messages o
     where o.tenant_id = tenant and o.template = 'agenda' and o.body is not null and o.created_at >= known_at;
  else
    update app.outbound_messages o set body = null
     where o.tenant_id = tenant and o.template = 'agenda' and o.body is not null and o.created_at >= known_at;
    get diagnostics n = row_count;
  end if;
  return n;
end $$;
comment on function app.clear_agendas(uuid, uuid, boolean) is
  'Empties the agendas that members of staff were sent since a customer is known, which name whoever comes. Returns how many.';

create or replace function app.cancel_silently(tenant uuid, customer uuid) returns integer
language plpgsql volatile
set search_path = ''
as $$
declare
  teller  constant text := coalesce(current_setting('app.teller', true), '');
  n       integer;
begin
  -- Nobody is to be told of it: there is nobody any more.
  perform set_config('app.teller', 'conversation', true);
  update app.bookings b set status = 'cancelled', cancel_reason = 'customer erased'
   where b.tenant_id = tenant and b.id = any (array(
     select x.id from app.bookings x
      where x.tenant_id = tenant and x.customer_id = customer and x.status in ('held', 'confirmed', 'arrived')
      order by x.id for no key update));
  get diagnostics n = row_count;
  perform set_config('app.teller', teller, true);
  update app.booking_notifications b set reason = 'customer erased'
   where b.tenant_id = tenant and b.created_at = app.now() and b.reason = 'told in the conversation' and b.outbound_message_id is null
     and b.booking_id in (select x.id from app.bookings x where x.tenant_id = tenant and x.customer_id = customer);
  update app.outbound_messages o
     set status = 'failed', error = 'customer erased'
   where o.tenant_id = tenant and o.status in ('queued', 'sending', 'unknown')
     and (o.conversation_id in (select c.id from app.conversations c where c.tenant_id = tenant and c.customer_id = customer)
          or o.booking_id in (select b.id from app.bookings b where b.tenant_id = tenant and b.customer_id = customer)
          or to_jsonb(o) ->> 'customer_id' = customer::text);
  return n;
end $$;
comment on function app.cancel_silently(uuid, uuid) is
  'Cancels what a customer has ahead and calls off what is still to be sent, without a word to them. Returns how many bookings.';

create or replace function app.clear_audit(tenant uuid, changed jsonb, pattern text, dry_run boolean) returns bigint
language plpgsql volatile
set search_path = ''
as $$
declare
  n  bigint;
begin
  with of_person as materialized (
    select a.id, a.at, app.without_person(a.table_name, a.before) as before, app.without_person(a.table_name, a.after) as after
      from app.audit_log a
     where a.tenant_id = tenant
       and ((a.table_name, a.row_id) in (select t.key, r.value #>> '{}' from jsonb_each(changed) t, jsonb_array_elements(t.value) r)
            or a.before::text ~ pattern or a.after::text ~ pattern)
  ), cleared as (
    update app.audit_log a set before = p.before, after = p.after
      from of_person p
     where not dry_run and a.tenant_id = tenant and a.id = p.id and a.at = p.at
       and (a.before, a.after) is distinct from (p.before, p.after)
  )
  select count(*) into n from of_person;
  return n;
end $$;
comment on function app.clear_audit(uuid, jsonb, text, boolean) is
  'Leaves of the audit log of these rows who changed which columns when, and nothing of the customer. Returns how many rows are of the person.';

create or replace function queue.forget_old_messages(most integer default 500) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  t        record;
  until    timestamptz;
  emptied  integer;
  n        integer := 0;
begin
  perform app.refuse_api_client();
  for t in
    select x.id, app.now() - x.keep_messages as cutoff, coalesce(e.until, '-infinity') as since
      from app.tenants x left join app.emptied_until e on e.tenant_id = x.id
     -- Once a day is often enough, and one look at a tenant is cheap.
     where coalesce(e.until, '-infinity') < app.now() - x.keep_messages - interval '1 day'
     order by e.until nulls first limit 20
  loop
    emptied := app.empty_messages(t.id, t.since, t.cutoff, most);
    n := n + emptied;
    if emptied = 0 then
      insert into app.emptied_until as e (tenant_id, until) values (t.id, t.cutoff)
      on conflict on constraint emptied_until_pkey do update set until = excluded.until;
    end if;
    exit when n >= most;
  end loop;
  update app.unrouted_messages u set body = '{}'
   where u.ctid = any (array(
     select o.ctid from app.unrouted_messages o
      where o.body <> '{}' and o.received_at < app.now() - interval '90 days' order by o.received_at limit most));
  get diagnostics emptied = row_count;
  n := n + emptied;
  -- A message that was being stored while its writer was erased.
  for t in
    select c.tenant_id, c.id from app.customers c
     where c.erased_at > app.now() - interval '1 hour'
       and exists (select from app.conversations v
                     join app.inbound_messages m on m.tenant_id = v.tenant_id and m.conversation_id = v.id and m.body <> '{}'
                    where v.tenant_id = c.tenant_id and v.customer_id = c.id)
  loop
    perform set_config('app.tenant_id', t.tenant_id::text, true), app.erase_customer(t.tenant_id, t.id),
            set_config('app.tenant_id', '', true);
    n := n + 1;
  end loop;
  return n;
end $$;
comment on function queue.forget_old_messages(integer) is
  'Empties texts and journals that are older than their tenant keeps them (tenants.keep_messages), and after 90 days bodies of nobody; the rows stay.';

create or replace function app.empty_messages(tenant uuid, since timestamptz, cutoff timestamptz, most integer) returns integer
language plpgsql volatile
set search_path = ''
as $$
declare
  part     record;
  emptied  integer;
  n        integer := 0;
begin
  for part in
    select p.table_name, p.age, p.is_over,
           string_agg(format('%I = %s', c.column_name, c.becomes), ', ') as clears,
           string_agg(format('r.%I is distinct from (%s)', c.column_name, c.becomes), ' or ') as is_full
      from (values
        ('inbound_messages', 'received_at', 'r.processed_at is not null'),
        ('outbound_messages', 'created_at', 'r.status not in (''queued'', ''sending'', ''unknown'')'),
        ('conversation_turns', 'at', 'true'),
        ('conversation_events', 'at', 'true'),
        -- What a conversation remembers is of its last words.
        ('conversations', 'last_inbound_at', 'true')
      ) as p (table_name, age, is_over)
      join app.personal_columns() c on c.table_name = p.table_name
      join pg_catalog.pg_attribute a on a.attrelid = to_regclass(format('app.%I', c.table_name)) and a.attname = c.column_name
     group by p.table_name, p.age, p.is_over
  loop
    execute format(
      'update app.%1$I r set %2$s where r.ctid = any (array(
         select r.ctid from app.%1$I r
          where r.tenant_id = $1 and r.%3$I >= $2 and r.%3$I < $3 and %4$s and (%5$s) limit $4 for update skip locked))',
      part.table_name,
      part.clears || case part.table_name when 'conversations' then ', state = ''greeting''' else '' end,
      part.age, part.is_over, part.is_full)
      using tenant, since, cutoff, most;
    get diagnostics emptied = row_count;
    n := n + emptied;
  end loop;
  return n;
end $$;
comment on function app.empty_messages(uuid, timestamptz, timestamptz, integer) is
  'Empties a tenant''s messages, journal and memory of conversations from since until cutoff, at most so many of each; returns how many.';
