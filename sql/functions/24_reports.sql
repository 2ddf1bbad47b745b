-- What the gateway reports of itself: connections, and what became of our messages.

create or replace function app.receive_state(at timestamptz, instance_name text, new_state text) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  entered  constant record := app.enter_webhook(at, instance_name);
begin
  if entered.tenant is null then
    return 'no_instance';
  end if;
  perform app.set_instance_state(entered.tenant, entered.instance, new_state, at);
  return 'ignored';
end $$;
comment on function app.receive_state(timestamptz, text, text) is 'The gateway tells the connection state of an instance.';

create or replace function app.receive_status(at timestamptz, instance_name text, message text, new_status text) returns text
language plpgsql volatile
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  entered  constant record := app.enter_webhook(at, instance_name);
begin
  if entered.tenant is null then
    return 'no_instance';
  end if;
  perform app.record_status(entered.tenant, entered.instance, message, new_status, at);
  return 'ignored';
end $$;
comment on function app.receive_status(timestamptz, text, text, text) is
  'The gateway tells what became of a message we sent (sent, delivered, read, failed), joined by its provider id.';

create or replace function app.receive_nothing(at timestamptz, instance_name text) returns text
language plpgsql volatile
set search_path = ''
as $$
declare
  entered  constant record := app.enter_webhook(at, instance_name);
begin
  return case when entered.tenant is null then 'no_instance' else 'ignored' end;
end $$;
comment on function app.receive_nothing(timestamptz, text) is 'An event that carries nothing we keep: its instance lives, if a tenant has it.';
