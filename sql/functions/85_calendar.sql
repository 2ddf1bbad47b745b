-- Finding a calendar feed by its secret: ids only.

create or replace function app.calendar_of(secret_hash bytea) returns table (tenant_id uuid, staff_id uuid)
language sql stable security definer
set search_path = ''
as $$
  select m.tenant_id, m.id from app.staff m
   where m.calendar_hash = secret_hash and m.retired_at is null
$$;
comment on function app.calendar_of(bytea) is
  'Whose calendar feed has the secret with this SHA-256. Members who are no longer at work have none.';
