-- People: what is held about them, and its end.

create or replace view ops.personal_data with (security_invoker = true) as
  select p.table_name, c.column_name, case when p.goes then 'the row goes' else 'becomes ' || c.becomes end as when_erased
    from app.personal_rows() p
    left join app.personal_columns() c on c.table_name = p.table_name;
comment on view ops.personal_data is 'Where the database keeps what is a customer''s, and what erasing leaves of it.';

create or replace function ops.erase_customer(customer uuid, dry_run boolean default true) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  before  constant text := coalesce(current_setting('app.tenant_id', true), '');
  tenant  uuid;
  counts  jsonb;
begin
  select c.tenant_id into tenant from app.customers c where c.id = erase_customer.customer;
  if tenant is null then
    return null;
  end if;
  perform set_config('app.tenant_id', tenant::text, true);
  counts := app.erase_customer(tenant, erase_customer.customer, erase_customer.dry_run);
  perform set_config('app.tenant_id', before, true);
  return counts;
end $$;
comment on function ops.erase_customer(uuid, boolean) is
  'Takes a person out of the database, for good; the audit log notes who did it. Returns how many rows of each table; null: no such customer. By default it only counts: pass dry_run => false.';
