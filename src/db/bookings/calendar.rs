//! Calendar feeds of staff: found by a secret, of which only the hash is kept.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Booking, SELECT};
use crate::db::TenantTx;

/// Whose feed an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Feed {
    pub tenant_id: Uuid,
    pub staff_id: Uuid,
}

/// Who has the feed whose secret has this SHA-256; none: nobody any more.
pub async fn feed(pool: &PgPool, secret_hash: &[u8]) -> sqlx::Result<Option<Feed>> {
    sqlx::query_as("select tenant_id, staff_id from app.calendar_of($1)")
        .bind(secret_hash)
        .fetch_optional(crate::db::alone(pool))
        .await
}

/// Gives a member of staff a feed in place of the one they had, or with `None` takes it away.
/// False: no member who is at work has this key.
pub async fn set_secret(
    db: &mut TenantTx,
    staff_key: &str,
    secret_hash: Option<&[u8]>,
) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update app.staff set calendar_hash = $2 where key = $1 and retired_at is null",
    )
    .bind(staff_key)
    .bind(secret_hash)
    .execute(db.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// What a member of staff is called, and where their tenant's calendar is: (name, zone).
pub async fn owner(db: &mut TenantTx, staff: Uuid) -> sqlx::Result<(String, String)> {
    sqlx::query_as(
        "select m.name, t.timezone
           from app.staff m join app.tenants t on t.id = m.tenant_id
          where m.id = $1",
    )
    .bind(staff)
    .fetch_one(db.conn())
    .await
}

/// Their bookings from `since` to the tenant's horizon that are, or once were, confirmed. Holds are
/// nobody's appointment yet.
pub async fn bookings_of(
    db: &mut TenantTx,
    staff: Uuid,
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<Booking>> {
    let mut query = sqlx::QueryBuilder::new(SELECT);
    query.push("b.staff_id = ").push_bind(staff);
    query.push(" and b.starts_at >= ").push_bind(since);
    query.push(" and b.starts_at <= app.now() + t.horizon");
    query.push(
        " and b.status <> 'held' and (b.status <> 'cancelled' or b.confirmed_at is not null)",
    );
    query.push(" order by b.starts_at, b.id");
    query.build_query_as().fetch_all(db.conn()).await
}
