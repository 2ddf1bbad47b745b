-- Two customers turn out to be one person.

create or replace function app.merge_customers(keep uuid, gone uuid) returns boolean
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
  before  app.customers;
  talks   uuid[];
  talk    app.conversations;
  into_   uuid;
begin
  perform app.refuse_api_client();
  if keep = gone then
    raise exception 'a customer is one with themselves already' using errcode = 'invalid_parameter_value';
  end if;
  talks := app.lock_for_merge(tenant, keep, gone);
  if talks is null then
    return false;
  end if;
  select * into before from app.customers c where c.tenant_id = tenant and c.id = gone;
  perform set_config('app.actor', coalesce(nullif(current_setting('app.actor', true), ''), 'job:merge_customers'), true);

  for talk in select * from app.conversations c where c.tenant_id = tenant and c.customer_id = gone order by c.id loop
    select c.id into into_ from app.conversations c
     where c.tenant_id = tenant and c.customer_id = keep and c.instance_id = talk.instance_id;
    if into_ is null then
      update app.conversations c set customer_id = keep where c.tenant_id = tenant and c.id = talk.id;
    else
      perform app.merge_conversations(tenant, into_, talk.id);
    end if;
  end loop;
  perform app.move_references(tenant, 'app.customers', gone, keep);
  delete from app.customers c where c.tenant_id = tenant and c.id = gone;
  perform app.complete_customer(keep, before);
  insert into app.audit_log (tenant_id, actor, action, table_name, row_id, before, after)
  values (tenant, app.actor(), 'update', 'customers', keep::text, null, jsonb_build_object('merged_customer', gone));
  return true;
end $$;
comment on function app.merge_customers(uuid, uuid) is
  'Makes two customers of the transaction''s tenant one: everything of the second becomes the first''s, conversations of one instance become one, which goes on where the livelier stood. False: one of them is no customer of the tenant.';

create or replace function app.lock_for_merge(tenant uuid, keep uuid, gone uuid) returns uuid[]
language plpgsql volatile
set search_path = ''
as $$
declare
  talks  uuid[];
begin
  -- As a turn does: the conversations, then what it may change, then the customers. Whoever adds
  -- something to a customer or conversation holds a share of its row until they commit, so that
  -- nothing can come after the last of these locks.
  select array_agg(l.id) into talks from (
    select c.id from app.conversations c
     where c.tenant_id = tenant and c.customer_id in (keep, gone) order by c.id for no key update) l;
  perform from app.bookings b
    where b.tenant_id = tenant and b.customer_id = gone order by b.visit_id, b.id for no key update;
  perform from app.customers c where c.tenant_id = tenant and c.id in (keep, gone) order by c.id for update;
  if (select count(*) from app.customers c where c.tenant_id = tenant and c.id in (keep, gone)) < 2 then
    return null;
  end if;
  perform from app.conversations c where c.tenant_id = tenant and c.customer_id = gone order by c.id for update;
  if exists (select from app.conversations c
              where c.tenant_id = tenant and c.customer_id in (keep, gone) and c.id <> all (coalesce(talks, '{}'))) then
    raise exception 'a conversation began meanwhile' using errcode = 'serialization_failure';
  end if;
  return coalesce(talks, '{}');
end $$;
comment on function app.lock_for_merge(uuid, uuid, uuid) is 'Locks two customers with their conversations; null: they are not both there.';

create or replace function app.move_references(tenant uuid, target regclass, gone uuid, keep uuid) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  r  record;
begin
  -- Whatever refers to the row, tables of later releases too.
  for r in
    select f.conrelid::regclass as name, a.attname as field
      from pg_catalog.pg_constraint f
      join pg_catalog.pg_attribute k on k.attrelid = f.confrelid and k.attname = 'id'
      join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[array_position(f.confkey, k.attnum)]
     where f.contype = 'f' and f.confrelid = target and f.conparentid = 0 and f.conrelid <> 'app.conversations'::regclass
     order by f.conrelid::regclass::text, a.attname
  loop
    begin
      execute format('update %s set %I = $1 where tenant_id = $2 and %I = $3', r.name, r.field, r.field) using keep, tenant, gone;
    exception when unique_violation then
      -- Of what there may be one of, the kept one has theirs: what else there is moves row by row.
      perform app.move_rows(r.name, r.field, tenant, gone, keep);
    end;
  end loop;
end $$;
comment on function app.move_references(uuid, regclass, uuid, uuid) is 'Lets everything that refers to one customer or conversation refer to another.';

create or replace function app.move_rows(source regclass, field name, tenant uuid, gone uuid, keep uuid) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  at_  tid;
begin
  for at_ in execute format('select ctid from %s where tenant_id = $1 and %I = $2', source, field) using tenant, gone loop
    begin
      execute format('update %s set %I = $1 where ctid = $2', source, field) using keep, at_;
    exception when unique_violation then
      execute format('delete from %s where ctid = $1', source) using at_;
    end;
  end loop;
end $$;
comment on function app.move_rows(regclass, name, uuid, uuid, uuid) is 'As app.move_references, of one table, leaving out what the other has already.';

create or replace function app.merge_conversations(tenant uuid, keep uuid, gone uuid) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  k       app.conversations;
  g       app.conversations;
  live    app.conversations;
  people  timestamptz;
begin
  select * into k from app.conversations c where c.tenant_id = tenant and c.id = keep;
  select * into g from app.conversations c where c.tenant_id = tenant and c.id = gone;
  live := case when coalesce(g.last_inbound_at, '-infinity') >= coalesce(k.last_inbound_at, '-infinity') then g else k end;
  -- A person who answers in either goes on answering.
  people := greatest(case when k.mode = 'human' then k.human_until end, case when g.mode = 'human' then g.human_until end);

  -- The nudge belongs to what is open; of the others the one there is stays.
  delete from app.conversation_timers t
   where t.tenant_id = tenant
     and (t.timer = 'idle' and t.conversation_id in (keep, gone) and t.conversation_id <> live.id
          or t.conversation_id = gone and exists (
               select from app.conversation_timers o
                where o.tenant_id = tenant and o.conversation_id = keep and o.timer = t.timer and t.timer <> 'idle'));
  perform app.move_references(tenant, 'app.conversations', gone, keep);
  -- Their jobs name the conversation that is no more.
  update app.conversation_timers t set promoted_at = null where t.tenant_id = tenant and t.conversation_id = keep;
  delete from app.conversations c where c.tenant_id = tenant and c.id = gone;

  update app.conversations c
     set state = live.state, context = live.context, booking_id = coalesce(live.booking_id, c.booking_id, g.booking_id),
         last_inbound_at = greatest(c.last_inbound_at, g.last_inbound_at),
         person_at = greatest(c.person_at, g.person_at),
         mode = case when people is not null then 'human' else c.mode end,
         human_until = coalesce(people, c.human_until),
         waiting_since = least(c.waiting_since, g.waiting_since)
   where c.tenant_id = tenant and c.id = keep;
  insert into app.conversation_events (tenant_id, conversation_id, event, actor, detail)
  values (tenant, keep, 'customers_merged', app.actor(), jsonb_build_object('conversation_id', gone));
  if exists (select from app.inbound_messages m
              where m.tenant_id = tenant and m.conversation_id = keep and m.processed_at is null) then
    perform queue.enqueue('process_message', jsonb_build_object('tenant_id', tenant, 'conversation_id', keep));
  end if;
  if exists (select from app.outbound_messages o
              where o.tenant_id = tenant and o.conversation_id = keep and o.status in ('queued', 'sending', 'unknown')) then
    perform queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant, 'conversation_id', keep));
  end if;
end $$;
comment on function app.merge_conversations(uuid, uuid, uuid) is
  'Two conversations of one instance become one, with the messages, turns, timers and events of both and the state of the one that was written to last.';

create or replace function app.complete_customer(keep uuid, gone app.customers) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  assignments  text;
begin
  -- Whatever one of the two told holds: a name, a language, an address, that they want no news.
  select string_agg(format('%1$I = coalesce(k.%1$I, ($1).%1$I)', a.attname), ', ') into assignments
    from pg_catalog.pg_attribute a
   where a.attrelid = 'app.customers'::regclass and a.attnum > 0 and not a.attisdropped and not a.attnotnull
     and a.attgenerated = '';
  execute format('update app.customers k set %s where k.tenant_id = ($1).tenant_id and k.id = $2', assignments) using gone, keep;
end $$;
comment on function app.complete_customer(uuid, app.customers) is 'Fills what a customer lacks from the one that became part of them.';

create or replace function app.merge_at_once(keep uuid, gone uuid) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  patience  constant text := current_setting('lock_timeout');
begin
  -- The gateway waits for an answer: a turn that takes longer is not waited for.
  perform set_config('lock_timeout', '150ms', true);
  begin
    perform app.merge_customers(keep, gone);
    perform set_config('lock_timeout', patience, true);
    return true;
  exception when lock_not_available or deadlock_detected or serialization_failure then
    perform set_config('lock_timeout', patience, true);
    return false;
  end;
end $$;
comment on function app.merge_at_once(uuid, uuid) is 'As app.merge_customers, where nobody is at either; false: somebody is.';
