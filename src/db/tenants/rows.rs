//! What a tenant has many of. Each list travels as one JSON document and is one statement or two.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::catalogue::WeekHours;
use crate::domain::tenant_file::TenantFile;

#[derive(Serialize)]
struct ServiceRow<'f> {
    key: &'f str,
    name: &'f str,
    synonyms: &'f [String],
    /// Seconds, as are the buffers.
    duration: i64,
    buffer_before: i64,
    buffer_after: i64,
    /// Hundredths.
    price: Option<i64>,
    capacity: u16,
    position: usize,
}

/// Updates services by key; retires those that the file leaves out, takes back those that return.
pub(super) async fn save_services(
    db: &mut PgConnection,
    tenant: Uuid,
    file: &TenantFile,
) -> sqlx::Result<()> {
    let rows: Vec<_> = file
        .services
        .iter()
        .enumerate()
        .map(|(position, service)| ServiceRow {
            key: &service.key,
            name: &service.name,
            synonyms: &service.synonyms,
            duration: service.duration.num_seconds(),
            buffer_before: service.buffer_before.num_seconds(),
            buffer_after: service.buffer_after.num_seconds(),
            price: service.price,
            capacity: service.capacity,
            position,
        })
        .collect();
    sqlx::query(
        "insert into app.services as s (
           tenant_id, key, name, synonyms, duration, buffer_before, buffer_after, price, capacity,
           position)
         select $1, f.key, f.name, f.synonyms, make_interval(secs => f.duration),
                make_interval(secs => f.buffer_before), make_interval(secs => f.buffer_after),
                f.price / 100, f.capacity, f.position
           from jsonb_to_recordset($2) as f (
                key text, name text, synonyms text[], duration float8, buffer_before float8,
                buffer_after float8, price numeric, capacity smallint, position integer)
          order by f.position
         on conflict (tenant_id, key) do update
            set (name, synonyms, duration, buffer_before, buffer_after, price, capacity, position,
                 retired_at)
              = (excluded.name, excluded.synonyms, excluded.duration, excluded.buffer_before,
                 excluded.buffer_after, excluded.price, excluded.capacity, excluded.position, null)
          where (s.name, s.synonyms, s.duration, s.buffer_before, s.buffer_after, s.price,
                 s.capacity, s.position, s.retired_at)
             is distinct from
                (excluded.name, excluded.synonyms, excluded.duration, excluded.buffer_before,
                 excluded.buffer_after, excluded.price, excluded.capacity, excluded.position,
                 excluded.retired_at)",
    )
    .bind(tenant)
    .bind(Json(&rows))
    .execute(&mut *db)
    .await?;
    let keys: Vec<&str> = rows.iter().map(|row| row.key).collect();
    sqlx::query(
        "update app.services set retired_at = app.now()
          where tenant_id = $1 and retired_at is null and key <> all ($2)",
    )
    .bind(tenant)
    .bind(keys)
    .execute(db)
    .await?;
    Ok(())
}

#[derive(Serialize)]
struct MemberRow<'f> {
    key: &'f str,
    name: &'f str,
    position: usize,
    phone: Option<&'f str>,
    email: Option<&'f str>,
    /// `HH:MM:SS`.
    agenda: Option<NaiveTime>,
}

/// Updates staff by key; retires those that the file leaves out, takes back those that return.
pub(super) async fn save_staff(
    db: &mut PgConnection,
    tenant: Uuid,
    file: &TenantFile,
) -> sqlx::Result<()> {
    let rows: Vec<_> = file
        .staff
        .iter()
        .enumerate()
        .map(|(position, member)| MemberRow {
            key: &member.key,
            name: &member.name,
            position,
            phone: member.phone.as_deref(),
            email: member.email.as_deref(),
            agenda: member.agenda,
        })
        .collect();
    // In the order in which bookings lock them, or an apply and a visit wait in a circle.
    sqlx::query("select from app.staff where tenant_id = $1 order by id for no key update")
        .bind(tenant)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "insert into app.staff as m (tenant_id, key, name, position, phone, email, agenda)
         select $1, f.key, f.name, f.position, f.phone, f.email, f.agenda
           from jsonb_to_recordset($2) as f (
                key text, name text, position integer, phone text, email text, agenda time)
          order by f.position
         on conflict (tenant_id, key) do update
            set (name, position, phone, email, agenda, retired_at)
              = (excluded.name, excluded.position, excluded.phone, excluded.email, excluded.agenda, null)
          where (m.name, m.position, m.phone, m.email, m.agenda, m.retired_at)
             is distinct from (excluded.name, excluded.position, excluded.phone, excluded.email,
                               excluded.agenda, excluded.retired_at)",
    )
    .bind(tenant)
    .bind(Json(&rows))
    .execute(&mut *db)
    .await?;
    let keys: Vec<&str> = rows.iter().map(|row| row.key).collect();
    sqlx::query(
        "update app.staff set retired_at = app.now()
          where tenant_id = $1 and retired_at is null and key <> all ($2)",
    )
    .bind(tenant)
    .bind(keys)
    .execute(db)
    .await?;
    Ok(())
}

#[derive(Serialize)]
struct SkillRow<'f> {
    member: &'f str,
    service: &'f str,
}

/// Who does what. Bookings name service and staff themselves, so these rows may go.
pub(super) async fn save_staff_services(
    db: &mut PgConnection,
    tenant: Uuid,
    file: &TenantFile,
) -> sqlx::Result<()> {
    let rows: Vec<_> = file
        .staff
        .iter()
        .flat_map(|member| {
            member.services.iter().map(|service| SkillRow { member: &member.key, service })
        })
        .collect();
    sqlx::query(
        "with wanted as (
           select m.id as staff_id, s.id as service_id
             from jsonb_to_recordset($2) as f (member text, service text)
             join app.staff m on m.tenant_id = $1 and m.key = f.member
             join app.services s on s.tenant_id = $1 and s.key = f.service),
         gone as (
           delete from app.staff_services x
            where x.tenant_id = $1
              and (x.staff_id, x.service_id) not in (select staff_id, service_id from wanted))
         insert into app.staff_services (tenant_id, staff_id, service_id)
         select $1, staff_id, service_id from wanted
         on conflict do nothing",
    )
    .bind(tenant)
    .bind(Json(&rows))
    .execute(db)
    .await?;
    Ok(())
}

#[derive(Serialize)]
struct OpeningRow<'f> {
    /// None: the tenant's own.
    member: Option<&'f str>,
    weekday: u8,
    /// `HH:MM`, as is `closes`, which may be `24:00`.
    opens: String,
    closes: String,
}

pub(super) async fn save_hours(
    db: &mut PgConnection,
    tenant: Uuid,
    file: &TenantFile,
) -> sqlx::Result<()> {
    let of_staff = file
        .staff
        .iter()
        .filter_map(|member| member.hours.as_ref().map(|hours| (Some(member.key.as_str()), hours)));
    let rows: Vec<_> = std::iter::once((None, &file.hours))
        .chain(of_staff)
        .flat_map(|(member, hours)| opening_rows(member, hours))
        .collect();
    sqlx::query(
        "with wanted as (
           select m.id as staff_id, f.weekday, f.opens, f.closes
             from jsonb_to_recordset($2) as f (
                  member text, weekday smallint, opens time, closes time)
             left join app.staff m on m.tenant_id = $1 and m.key = f.member),
         kept as (
           -- A row that stands there twice stays once.
           select distinct on (h.staff_id, h.weekday, h.opens, h.closes) h.*
             from app.opening_hours h
             join wanted w on w.staff_id is not distinct from h.staff_id
                          and (w.weekday, w.opens, w.closes) = (h.weekday, h.opens, h.closes)
            where h.tenant_id = $1
            order by h.staff_id, h.weekday, h.opens, h.closes, h.id),
         gone as (
           delete from app.opening_hours
            where tenant_id = $1 and id not in (select id from kept))
         insert into app.opening_hours (tenant_id, staff_id, weekday, opens, closes)
         select $1, staff_id, weekday, opens, closes from wanted
         except
         select $1, staff_id, weekday, opens, closes from kept",
    )
    .bind(tenant)
    .bind(Json(&rows))
    .execute(db)
    .await?;
    Ok(())
}

fn opening_rows<'f>(
    member: Option<&'f str>,
    hours: &'f WeekHours,
) -> impl Iterator<Item = OpeningRow<'f>> {
    let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    hours.openings.iter().map(move |opening| OpeningRow {
        member,
        weekday: opening.weekday,
        opens: time(opening.opens),
        closes: time(opening.closes),
    })
}

#[derive(Serialize)]
struct ClosureRow<'f> {
    day: NaiveDate,
    reason: Option<&'f str>,
}

pub(super) async fn save_closures(
    db: &mut PgConnection,
    tenant: Uuid,
    file: &TenantFile,
) -> sqlx::Result<()> {
    let rows: Vec<_> = file
        .closures
        .iter()
        .map(|closure| ClosureRow { day: closure.day, reason: closure.reason.as_deref() })
        .collect();
    sqlx::query(
        "with wanted as (
           select day, reason from jsonb_to_recordset($2) as f (day date, reason text)),
         gone as (
           delete from app.closures
            where tenant_id = $1 and day not in (select day from wanted))
         insert into app.closures as c (tenant_id, day, reason)
         select $1, day, reason from wanted
         on conflict (tenant_id, day) do update set reason = excluded.reason
          where c.reason is distinct from excluded.reason",
    )
    .bind(tenant)
    .bind(Json(&rows))
    .execute(db)
    .await?;
    Ok(())
}

#[derive(Serialize)]
struct TimeOffRow<'f> {
    member: &'f str,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    reason: Option<&'f str>,
}

pub(super) async fn save_time_off(
    db: &mut PgConnection,
    tenant: Uuid,
    file: &TenantFile,
) -> sqlx::Result<()> {
    let rows: Vec<_> = file
        .staff
        .iter()
        .flat_map(|member| {
            member.time_off.iter().map(|off| TimeOffRow {
                member: &member.key,
                starts_at: off.during.start,
                ends_at: off.during.end,
                reason: off.reason.as_deref(),
            })
        })
        .collect();
    sqlx::query(
        "with wanted as (
           select m.id as staff_id, tstzrange(f.starts_at, f.ends_at) as during, f.reason
             from jsonb_to_recordset($2) as f (
                  member text, starts_at timestamptz, ends_at timestamptz, reason text)
             join app.staff m on m.tenant_id = $1 and m.key = f.member),
         kept as (
           select distinct on (o.staff_id, o.during, o.reason) o.*
             from app.time_off o
             join wanted w on (w.staff_id, w.during) = (o.staff_id, o.during)
                          and w.reason is not distinct from o.reason
            where o.tenant_id = $1
            order by o.staff_id, o.during, o.reason, o.id),
         gone as (
           delete from app.time_off
            where tenant_id = $1 and id not in (select id from kept))
         insert into app.time_off (tenant_id, staff_id, during, reason)
         select $1, staff_id, during, reason from wanted
         except
         select $1, staff_id, during, reason from kept",
    )
    .bind(tenant)
    .bind(Json(&rows))
    .execute(db)
    .await?;
    Ok(())
}
