-- Who asks, and when. Every policy, default and trigger asks these, so they are of the kind that the
-- planner puts in place of a call: one expression, no `set` clause. Their bodies are parsed here and
-- now, which pins every name in them as firmly as a search_path would. They are cases, since the
-- planner takes a coalesce for something that may leak rows, and walks no index by it under a policy.

create or replace function app.tenant_id() returns uuid
language sql stable parallel safe
return case
  when current_setting('app.tenant_id', true) <> '' then current_setting('app.tenant_id', true)::uuid
  when current_setting('request.jwt.claims', true) <> '' then (current_setting('request.jwt.claims', true)::jsonb ->> 'tenant_id')::uuid
end;
comment on function app.tenant_id() is
  'The tenant of this transaction: app.tenant_id, else the tenant_id of request.jwt.claims (PostgREST, Supabase); null: no tenant, nothing visible.';

create or replace function queue.now() returns timestamptz
language sql stable parallel safe
return case
  when current_setting('app.clock_offset', true) <> '' then statement_timestamp() + current_setting('app.clock_offset', true)::interval
  else statement_timestamp()
end;
comment on function queue.now() is 'The database''s own clock, moved by app.clock_offset: hosts whose clocks differ agree on it.';

create or replace function app.now() returns timestamptz
language sql stable parallel safe
return case
  when current_setting('app.now', true) <> '' then current_setting('app.now', true)::timestamptz
  else queue.now()
end;
comment on function app.now() is
  'What time it is for the business: app.now of this transaction as the program passed it, else the server''s clock moved by app.clock_offset (demonstrations and tests).';
