-- Who did what.

create or replace view ops.booking_changes with (security_invoker = true) as
  select t.slug as tenant, b.tenant_id, b.code, b.id as booking_id, l.at, l.actor, l.action, l.before, l.after, l.id
    from app.bookings b
    join app.tenants t on t.id = b.tenant_id
    join app.audit_log l on l.tenant_id = b.tenant_id and l.table_name = 'bookings' and l.row_id = b.id::text;
comment on view ops.booking_changes is 'Who changed a booking, when and how; order by id.';

create or replace view ops.changes with (security_invoker = true) as
  select t.slug as tenant, l.tenant_id, l.at, l.actor, l.action, l.table_name, l.row_id, l.before, l.after, l.id
    from app.audit_log l left join app.tenants t on t.id = l.tenant_id;
comment on view ops.changes is 'The audit log with tenants'' names; order by id. Say since when (at > …): only those months are read.';

create or replace view ops.acts with (security_invoker = true) as
  select l.at, l.actor, l.action, l.tenant_id, l.table_name, l.row_id, l.after as asked, l.id
    from app.audit_log l where l.action not in ('insert', 'update', 'delete');
comment on view ops.acts is 'What people did with the functions of ops; order by id.';

create or replace view ops.audit_months with (security_invoker = true) as
  select m.part, m.starts_at, m.ends_at, pg_catalog.pg_total_relation_size(m.part) as bytes
    from app.audit_months() m;
comment on view ops.audit_months is 'The parts of the audit log; of the one for what belongs to no month ends_at is null.';
