-- Who writes: one person, whatever address a version of the gateway names them by.

-- In plpgsql, which keeps its plans: planning is most of what such look-ups cost.

create or replace function app.customer_at(tenant uuid, address_kind text, address text, instance uuid default null) returns uuid
language plpgsql stable
set search_path = ''
as $$
declare
  customer  uuid;
begin
  if address is null then
    return null;
  end if;
  -- What this instance told of a lid goes before what others did.
  select a.customer_id into customer from app.customer_addresses a
   where a.tenant_id = tenant and a.kind = address_kind and a.value = address
   order by (a.instance_id = instance) desc nulls last, a.last_seen desc limit 1;
  if customer is null and address_kind = 'phone' then
    select c.id into customer from app.customers c where c.tenant_id = tenant and c.phone = address;
  elsif customer is null and address_kind = 'lid' then
    select c.id into customer from app.customers c where c.tenant_id = tenant and c.lid = address;
  end if;
  return customer;
end $$;
comment on function app.customer_at(uuid, text, text, uuid) is 'Whose address this is; null: nobody''s yet.';

create or replace function app.known_customer(tenant uuid, instance uuid, phone text, jid text, lid text, push_name text, at timestamptz) returns uuid
language plpgsql stable
set search_path = ''
as $$
declare
  customer  uuid;
begin
  select c.id into customer
    from (select min(a.customer_id::text)::uuid as id, count(distinct a.customer_id) as people, count(*) as known
            from app.customer_addresses a
           where a.tenant_id = tenant and a.last_seen > at - interval '1 day'
             and (a.kind = 'phone' and a.value = known_customer.phone
                  or a.kind = 'jid' and a.value = known_customer.jid
                  or a.kind = 'lid' and a.value = known_customer.lid and a.instance_id = instance)) told
    join app.customers c on c.tenant_id = tenant and c.id = told.id
   where told.people = 1
     and told.known = num_nonnulls(known_customer.phone, known_customer.jid, case when instance is not null then known_customer.lid end)
     and (c.name is not null or nullif(btrim(push_name), '') is null)
     and (c.phone is not null or known_customer.phone is null)
     and (c.lid is not null or known_customer.lid is null);
  return customer;
end $$;
comment on function app.known_customer(uuid, uuid, text, text, text, text, timestamptz) is
  'The customer of these addresses where nothing about them is news, as with most messages; else null.';

create or replace function app.note_address(tenant uuid, customer uuid, address_kind text, address text, instance uuid, at timestamptz) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  if address is null or address_kind = 'lid' and instance is null then
    return;
  end if;
  insert into app.customer_addresses (tenant_id, customer_id, kind, value, instance_id, first_seen, last_seen)
  values (tenant, customer, address_kind, address, case when address_kind = 'lid' then instance end, at, at)
  on conflict on constraint customer_addresses_name_one_customer
  -- What was told last is believed.
  do update set customer_id = excluded.customer_id, last_seen = greatest(customer_addresses.last_seen, excluded.last_seen)
   where customer_addresses.customer_id <> excluded.customer_id
      or customer_addresses.last_seen <= excluded.last_seen - interval '1 day';
end $$;
comment on function app.note_address(uuid, uuid, text, text, uuid, timestamptz) is 'Keeps an address a customer was seen at.';

create or replace function app.learn_customer(tenant uuid, instance uuid, phone text, jid text, lid text, push_name text, at timestamptz) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  called    constant text := nullif(left(btrim(regexp_replace(push_name, '[[:cntrl:]]', ' ', 'g')), 120), '');
  by_phone  uuid := app.customer_at(tenant, 'phone', learn_customer.phone);
  by_lid    uuid := app.customer_at(tenant, 'lid', learn_customer.lid, instance);
  customer  uuid;
begin
  -- In a fixed order, as everybody who locks several.
  perform from app.customers c where c.tenant_id = tenant and c.id in (by_phone, by_lid) order by c.id for no key update;
  if by_phone is null and by_lid is not null
     and (learn_customer.phone is null
          or exists (select from app.customers c where c.tenant_id = tenant and c.id = by_lid and c.phone is null)) then
    -- Known by lid, and perhaps by their phone from now on.
    by_phone := by_lid;
  elsif by_phone <> by_lid
     and exists (select from app.customers c where c.tenant_id = tenant and c.id = by_lid and c.phone is null) then
    if not app.merge_at_once(by_phone, by_lid) then
      -- Somebody is at one of the two: a job makes them one, and until then the talk goes on where it is.
      perform queue.enqueue('merge_customers', jsonb_build_object('tenant_id', tenant, 'keep', by_phone, 'gone', by_lid), null, 'merge:' || by_lid);
      return by_lid;
    end if;
    by_lid := by_phone;
  end if;
  customer := by_phone;
  if customer is null then
    insert into app.customers (tenant_id, phone, lid, name)
    values (tenant, learn_customer.phone, case when by_lid is null then learn_customer.lid end, called)
    on conflict do nothing
    returning id into customer;
    if customer is null then
      return null; -- somebody was quicker
    end if;
  end if;
  if by_lid <> customer then
    -- It went to another phone: their number is another one, or the phone is another's.
    update app.customers c set lid = null
     where c.tenant_id = tenant and c.id = by_lid and c.phone is not null and c.lid = learn_customer.lid;
  end if;
  update app.customers c
     set name = coalesce(c.name, called),
         phone = coalesce(c.phone, learn_customer.phone),
         lid = case when c.lid is null or by_lid is distinct from c.id then coalesce(learn_customer.lid, c.lid) else c.lid end
   where c.tenant_id = tenant and c.id = customer
     and (c.name is null and called is not null
          or c.phone is null and learn_customer.phone is not null
          or learn_customer.lid is not null and (c.lid is null or by_lid is distinct from c.id) and c.lid is distinct from learn_customer.lid);
  perform app.note_address(tenant, customer, 'phone', learn_customer.phone, null, at),
          app.note_address(tenant, customer, 'jid', learn_customer.jid, null, at),
          app.note_address(tenant, customer, 'lid', learn_customer.lid, instance, at);
  return customer;
end $$;
comment on function app.learn_customer(uuid, uuid, text, text, text, text, timestamptz) is
  'One try of app.customer_of with something new to learn: null or unique_violation when somebody was quicker.';

create or replace function app.customer_of(tenant uuid, instance uuid, phone text, jid text, lid text, push_name text, at timestamptz) returns uuid
language plpgsql volatile
set search_path = ''
as $$
declare
  customer  uuid;
begin
  for try in 1 .. 5 loop
    customer := app.known_customer(tenant, instance, phone, jid, lid, push_name, at);
    if customer is null then
      begin
        customer := app.learn_customer(tenant, instance, phone, jid, lid, push_name, at);
      exception when unique_violation or foreign_key_violation then
        null; -- the next try sees what they did
      end;
    end if;
    -- Held until this transaction ends: nobody makes them part of another meanwhile.
    perform from app.customers c where c.tenant_id = tenant and c.id = customer for key share;
    if found then
      return customer;
    end if;
  end loop;
  raise exception 'the customer keeps changing' using errcode = 'serialization_failure';
end $$;
comment on function app.customer_of(uuid, uuid, text, text, text, text, timestamptz) is
  'The customer at this phone, else this lid; made if new, completed by what is learnt. Two that turn out to be one person become one.';

create or replace function app.upsert_customer(tenant uuid, phone text, lid text, push_name text) returns uuid
language sql volatile
set search_path = ''
as $$
  select app.customer_of(tenant, null, phone, null, lid, push_name, app.now())
$$;
comment on function app.upsert_customer(uuid, text, text, text) is 'The customer with this phone, else this lid, told by the tenant itself.';

create or replace function app.customer_renumbered() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'UPDATE' then
    -- The number may be somebody else's by now.
    delete from app.customer_addresses a
     where a.tenant_id = new.tenant_id and a.customer_id = new.id
       and (old.phone is distinct from new.phone and old.phone is not null
            and (a.kind = 'jid' or a.kind = 'phone' and a.value = old.phone)
            or new.lid is null and a.kind = 'lid' and a.value = old.lid);
  end if;
  if new.phone is not null then
    perform app.note_address(new.tenant_id, new.id, 'phone', new.phone, null, app.now());
  end if;
  return null;
end $$;
comment on function app.customer_renumbered() is 'Keeps the addresses true to a phone or lid that is set, changed or taken away, by the program or by plain SQL.';
create or replace trigger renumbered_at_birth after insert on app.customers
  for each row execute function app.customer_renumbered();
create or replace trigger renumbered after update of phone, lid on app.customers
  for each row when ((old.phone, old.lid) is distinct from (new.phone, new.lid))
  execute function app.customer_renumbered();

-- Where to write to.

create or replace function app.addresses_of(tenant uuid, customer uuid, instance uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    with known as (
      select a.kind, a.value, a.worked_at, a.last_seen from app.customer_addresses a
       where a.tenant_id = tenant and a.customer_id = customer and (a.instance_id is null or a.instance_id = instance)
      union all
      -- Told by no instance yet, or by another one.
      select 'lid', c.lid, null, c.created_at from app.customers c
       where c.tenant_id = tenant and c.id = customer and c.lid is not null
         and not exists (select from app.customer_addresses a
                          where a.tenant_id = tenant and a.customer_id = customer and a.kind = 'lid' and a.instance_id = instance)
    ), named as (
      select k.*, case k.kind when 'phone' then ltrim(k.value, '+') else k.value end as address from known k
       -- The gateway takes digits for the JID of the same digits.
       where not (k.kind = 'phone' and exists (
         select from known j where j.kind = 'jid' and split_part(j.value, '@', 1) = ltrim(k.value, '+')))
    )
    select jsonb_build_object(
      'phone', (select c.phone from app.customers c where c.tenant_id = tenant and c.id = customer),
      'jid', (select k.value from known k where k.kind = 'jid' order by k.worked_at desc nulls last, k.last_seen desc limit 1),
      'lid', (select k.value from known k where k.kind = 'lid' order by k.worked_at desc nulls last, k.last_seen desc limit 1),
      'try', coalesce((
        select jsonb_agg(n.address order by n.worked_at desc nulls last, array_position(array['jid', 'phone', 'lid'], n.kind), n.last_seen desc)
          from named n), '[]')));
end $$;
comment on function app.addresses_of(uuid, uuid, uuid) is
  'Where to write to a customer over an instance. try: what to give the gateway as number, in order: what worked last, then the JID, the phone''s digits, the lid.';

create or replace function app.address_worked(tenant uuid, customer uuid, instance uuid, address text) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  digits  constant text := regexp_replace(split_part(address, '@', 1), '[:_].*$|^\+', '', 'g');
  what    constant text := case when address like '%@lid' or address like '%@hosted.lid' then 'lid' else 'jid' end;
begin
  if digits !~ '^[0-9]{5,20}$' then
    return;
  end if;
  if what = 'lid' then
    perform app.note_address(tenant, customer, 'lid', digits || '@lid', instance, app.now());
  elsif not exists (select from app.customer_addresses a
                     where a.tenant_id = tenant and a.kind = 'phone' and a.value = '+' || digits and a.customer_id = customer) then
    -- Another form of their number, as WhatsApp has it; never another number.
    insert into app.customer_addresses (tenant_id, customer_id, kind, value)
    select tenant, customer, 'jid', digits || '@s.whatsapp.net' from app.customers c
     where c.tenant_id = tenant and c.id = customer
       and right(c.phone, 8) = right(digits, 8) and substr(c.phone, 2, 2) = left(digits, 2)
    on conflict on constraint customer_addresses_name_one_customer do nothing;
  end if;
  update app.customer_addresses a set worked_at = app.now()
   where a.tenant_id = tenant and a.customer_id = customer
     and case what when 'lid' then a.kind = 'lid' and a.instance_id = instance and a.value = digits || '@lid'
                   else a.kind = 'jid' and a.value = digits || '@s.whatsapp.net' or a.kind = 'phone' and a.value = '+' || digits end
     -- Only news is written: it works anew, or something else worked since.
     and (a.worked_at is null or a.worked_at <= app.now() - interval '1 day'
          or exists (select from app.customer_addresses o
                      where o.tenant_id = tenant and o.customer_id = customer and o.worked_at > a.worked_at));
end $$;
comment on function app.address_worked(uuid, uuid, uuid, text) is
  'WhatsApp took a message to this address (a JID, digits, or a lid, as the gateway writes it): the next one goes there first.';
