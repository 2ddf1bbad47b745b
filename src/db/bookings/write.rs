//! Making, moving and ending bookings.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::db::TenantTx;

/// A booking to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub service_id: Uuid,
    pub staff_id: Uuid,
    pub starts_at: DateTime<Utc>,
}

/// Why the database did not take a change. The transaction is over, or was rolled back to before
/// the change where a function says so.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Somebody has the time, or a part of it.
    #[error("the time is taken")]
    Taken,
    /// The booking starts sooner than the tenant's cancellation notice, and no reason was given.
    #[error("the booking is inside the cancellation notice")]
    InsideNotice,
    /// A booking of this status does not become that.
    #[error("the status cannot change so")]
    IllegalStatus,
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        let Some(told) = error.as_database_error() else { return Self::Database(error) };
        match (told.code().as_deref(), told.constraint()) {
            (Some("23P01"), _) => Self::Taken,
            (_, Some("bookings_cancel_notice")) => Self::InsideNotice,
            (_, Some("bookings_status_moves_on")) => Self::IllegalStatus,
            _ => Self::Database(error),
        }
    }
}

/// What is changed: one booking, or all of a visit that are still to come.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    Booking(Uuid),
    Visit(Uuid),
}

/// Makes confirmed bookings of the customer with this phone: all of them or none. Several are one
/// visit. Gives the visit's id.
///
/// The customer is made if new; a name completes one that has none. On an error everything is as it
/// was before, and the transaction goes on.
pub async fn book(
    db: &mut TenantTx,
    phone: &str,
    name: Option<&str>,
    lines: &[Line],
) -> Result<Uuid, Refused> {
    let mut all_or_none = sqlx::Connection::begin(db.conn()).await?;
    let visit = insert(&mut all_or_none, phone, name, lines).await;
    finish(all_or_none, visit).await
}

async fn insert(
    conn: &mut PgConnection,
    phone: &str,
    name: Option<&str>,
    lines: &[Line],
) -> sqlx::Result<Uuid> {
    let services: Vec<Uuid> = lines.iter().map(|line| line.service_id).collect();
    let staff: Vec<Uuid> = lines.iter().map(|line| line.staff_id).collect();
    let starts: Vec<DateTime<Utc>> = lines.iter().map(|line| line.starts_at).collect();
    // One booking is its own visit; naming a visit locks all staff of the tenant.
    let visit = (lines.len() > 1).then(Uuid::now_v7);
    sqlx::query_scalar(
        "with c as materialized (
           select app.upsert_customer(app.tenant_id(), $1, null, $2) as id)
         insert into app.bookings
                (tenant_id, customer_id, service_id, staff_id, starts_at, status, visit_id)
         select app.tenant_id(), c.id, l.service_id, l.staff_id, l.starts_at, 'confirmed', $6
           from c
          cross join unnest($3::uuid[], $4::uuid[], $5::timestamptz[])
                with ordinality as l (service_id, staff_id, starts_at, place)
          order by l.place
         returning visit_id",
    )
    .bind(phone)
    .bind(name)
    .bind(services)
    .bind(staff)
    .bind(starts)
    .bind(visit)
    .fetch_one(conn)
    .await
}

/// Notes an address, and whether they want news, of the customer with this phone, who is made if
/// new. `None` leaves what is known.
pub async fn note_contact(
    db: &mut TenantTx,
    phone: &str,
    name: Option<&str>,
    email: Option<&str>,
    consent: Option<bool>,
) -> sqlx::Result<()> {
    sqlx::query("select app.note_contact($1, $2, $3, $4)")
        .bind(phone)
        .bind(name)
        .bind(email)
        .bind(consent)
        .execute(db.conn())
        .await
        .map(drop)
}

/// Cancels what is still to come of it. Nothing to cancel is no error.
pub async fn cancel(
    db: &mut TenantTx,
    scope: Scope,
    reason: Option<&str>,
    override_reason: Option<&str>,
) -> Result<(), Refused> {
    let (function, id) = match scope {
        Scope::Booking(id) => ("select app.cancel_booking($1, $2, $3)", id),
        Scope::Visit(id) => ("select app.cancel_visit($1, $2, $3)", id),
    };
    sqlx::query(function).bind(id).bind(reason).bind(override_reason).execute(db.conn()).await?;
    Ok(())
}

/// Moves a booking, to another member of staff if one is named. The old time stays where the new
/// one is refused; the transaction goes on.
pub async fn move_booking(
    db: &mut TenantTx,
    booking: Uuid,
    starts_at: DateTime<Utc>,
    staff: Option<Uuid>,
    override_reason: Option<&str>,
) -> Result<(), Refused> {
    let mut all_or_none = sqlx::Connection::begin(db.conn()).await?;
    let moved = sqlx::query("select app.move_booking($1, $2, $3, $4)")
        .bind(booking)
        .bind(starts_at)
        .bind(staff)
        .bind(override_reason)
        .execute(&mut *all_or_none)
        .await;
    finish(all_or_none, moved).await.map(drop)
}

/// Moves what is still to come of a visit: its first booking to `starts_at`, the others as far. All
/// or none, as [`move_booking`] does.
pub async fn move_visit(
    db: &mut TenantTx,
    visit: Uuid,
    starts_at: DateTime<Utc>,
    override_reason: Option<&str>,
) -> Result<(), Refused> {
    let mut all_or_none = sqlx::Connection::begin(db.conn()).await?;
    let moved = sqlx::query("select app.move_visit($1, $2, null, $3)")
        .bind(visit)
        .bind(starts_at)
        .bind(override_reason)
        .execute(&mut *all_or_none)
        .await;
    finish(all_or_none, moved).await.map(drop)
}

async fn finish<T>(
    savepoint: sqlx::Transaction<'_, sqlx::Postgres>,
    done: sqlx::Result<T>,
) -> Result<T, Refused> {
    match done {
        Ok(done) => {
            savepoint.commit().await?;
            Ok(done)
        }
        Err(error) => {
            savepoint.rollback().await?;
            Err(error.into())
        }
    }
}

/// Notes what became of a booking: `confirmed`, `arrived`, `completed` or `no_show`.
pub async fn set_status(db: &mut TenantTx, booking: Uuid, status: &str) -> Result<(), Refused> {
    sqlx::query("update app.bookings set status = $2 where id = $1 and status <> $2")
        .bind(booking)
        .bind(status)
        .execute(db.conn())
        .await?;
    Ok(())
}

/// What a booking of this status can become; empty: nothing any more.
pub async fn may_become(db: &mut TenantTx, status: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select s from unnest(array['confirmed', 'arrived', 'completed', 'no_show', 'cancelled']) s
          where app.booking_may_become($1, s)",
    )
    .bind(status)
    .fetch_all(db.conn())
    .await
}
