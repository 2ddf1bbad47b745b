-- A customer's chat with the tenant, in the order in which it can be played again: what was read in
-- one turn comes before what that turn said.
select coalesce(jsonb_agg(to_jsonb(line) - 'seq' order by line.at, line.who, line.seq), '[]')
  from (
    select m.processed_at as at, 'customer' as who, m.kind, coalesce(m.body ->> 'text', '') as text,
           m.body ->> 'choice' as choice, row_number() over (order by m.sent_at, m.received_at, m.id) as seq
      from app.inbound_messages m
      join app.conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
      join app.customers p on p.tenant_id = c.tenant_id and p.id = c.customer_id
     where p.phone = $1 and m.processed_at is not null
     union all
    -- After "customer" in the alphabet, as it has to be.
    select o.created_at, case o.author when 'assistant' then 'salon' else 'person' end, coalesce(o.template, 'text'),
           coalesce(o.body, ''), null, o.seq
      from app.outbound_messages o
      join app.conversations c on c.tenant_id = o.tenant_id and c.id = o.conversation_id
      join app.customers p on p.tenant_id = c.tenant_id and p.id = c.customer_id
     where p.phone = $1 and o.body is not null
  ) line
