-- How much there is, and how fast it becomes more.

create or replace view ops.growth with (security_invoker = true) as
  select s.schemaname || '.' || s.relname as table_name, greatest(c.reltuples, 0)::bigint as rows_estimated, s.n_dead_tup as dead_rows,
         pg_catalog.pg_table_size(s.relid) as bytes, pg_catalog.pg_indexes_size(s.relid) as index_bytes,
         s.n_tup_ins as inserted, s.n_tup_upd as updated, s.n_tup_del as deleted,
         greatest(s.last_vacuum, s.last_autovacuum) as vacuumed_at, greatest(s.last_analyze, s.last_autoanalyze) as analyzed_at
    from pg_catalog.pg_stat_user_tables s join pg_catalog.pg_class c on c.oid = s.relid
   where s.schemaname in ('app', 'audit', 'queue', 'apalis');
comment on view ops.growth is 'Every table with its rows as the last analyze counted them, its size, and what was written to it since the statistics were reset; order by bytes + index_bytes desc.';

create or replace view ops.daily with (security_invoker = true) as
  select t.slug as tenant, d.tenant_id, d.day,
         sum(d.inbound) as inbound, sum(d.outbound) as outbound, sum(d.bookings) as bookings, sum(d.customers) as new_customers
    from (
      select m.tenant_id, (m.received_at at time zone x.timezone)::date as day, count(*) as inbound, 0 as outbound, 0 as bookings, 0 as customers
        from app.inbound_messages m join app.tenants x on x.id = m.tenant_id group by 1, 2
      union all
      select o.tenant_id, (o.created_at at time zone x.timezone)::date, 0, count(*), 0, 0
        from app.outbound_messages o join app.tenants x on x.id = o.tenant_id group by 1, 2
      union all
      select b.tenant_id, (b.created_at at time zone x.timezone)::date, 0, 0, count(*), 0
        from app.bookings b join app.tenants x on x.id = b.tenant_id group by 1, 2
      union all
      select c.tenant_id, (c.created_at at time zone x.timezone)::date, 0, 0, 0, count(*)
        from app.customers c join app.tenants x on x.id = c.tenant_id group by 1, 2) d
    join app.tenants t on t.id = d.tenant_id
   group by 1, 2, 3;
comment on view ops.daily is 'What came in and went out, bookings made and customers met, by tenant and local day.';

create or replace view ops.agenda with (security_invoker = true) as
  select t.slug as tenant, b.tenant_id, b.starts_at at time zone t.timezone as local_start, b.ends_at at time zone t.timezone as local_end,
         f.key as staff, s.key as service, b.status, b.code, b.id as booking_id, b.visit_id, b.customer_id, b.revision, b.starts_at
    from app.bookings b
    join app.tenants t on t.id = b.tenant_id
    join app.services s on s.tenant_id = b.tenant_id and s.id = b.service_id
    join app.staff f on f.tenant_id = b.tenant_id and f.id = b.staff_id;
comment on view ops.agenda is 'Bookings in the tenant''s own time, without who the customer is.';

create or replace view ops.server with (security_invoker = true) as
  select current_setting('server_version') as version,
         pg_catalog.pg_database_size(current_database()) as bytes,
         (select count(*) from pg_catalog.pg_stat_activity a where a.datname = current_database()) as connections,
         current_setting('max_connections')::integer as max_connections,
         (select pg_catalog.age(d.datfrozenxid) from pg_catalog.pg_database d where d.datname = current_database()) as xid_age,
         pg_catalog.pg_postmaster_start_time() as started_at,
         clock_timestamp() as clock, app.now() as business_clock,
         (select s.checked_at from queue.invariant_state s) as invariants_checked_at,
         (select s.violations from queue.invariant_state s) as invariant_violations;
comment on view ops.server is 'The server: version, size, connections, age of the oldest transaction id (autovacuum acts at 200 million), clocks.';
