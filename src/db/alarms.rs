//! Incidents that somebody should know of.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::TenantTx;

/// An alarm that is to be told by mail.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Untold {
    pub id: Uuid,
    pub tenant_id: Uuid,
    /// The tenant's slug.
    pub tenant: String,
    /// The gateway's name of the instance.
    pub instance: String,
    pub alarm: String,
    pub since: DateTime<Utc>,
    pub raised_at: DateTime<Utc>,
    /// `None`: it lasts.
    pub over_at: Option<DateTime<Utc>>,
}

/// Alarms of any tenant that nobody was told of yet, or not that they are over; nobody else is
/// given them for the length of `lease`.
pub async fn to_tell(
    pool: &PgPool,
    now: DateTime<Utc>,
    lease: Duration,
    most: i32,
) -> sqlx::Result<Vec<Untold>> {
    let mut nobody = TenantTx::begin(pool, Uuid::nil(), now).await?;
    let untold = sqlx::query_as("select * from app.alarms_to_tell($1, $2)")
        .bind(lease)
        .bind(most)
        .fetch_all(nobody.conn())
        .await?;
    nobody.commit().await?;
    Ok(untold)
}

/// Somebody was told.
pub async fn told(pool: &PgPool, now: DateTime<Utc>, alarm: &Untold) -> sqlx::Result<()> {
    let mut db = TenantTx::begin(pool, alarm.tenant_id, now).await?;
    sqlx::query("select app.alarm_told($1, $2)")
        .bind(alarm.id)
        .bind(alarm.over_at)
        .execute(db.conn())
        .await?;
    db.commit().await
}
