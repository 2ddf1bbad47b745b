//! What is planned, and has come due.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::TenantTx;
use super::turns::Holder;
use crate::domain::recurrence::Recurrence;

/// Fires what has come due. What it came to: `sent`, `skipped`, `gone`, `early` (not before it is
/// due, which the quiet hours may have moved), `recurring` ([`occur`] sends it), or the status it
/// already had.
pub async fn fire(db: &mut TenantTx, notification: Uuid) -> sqlx::Result<String> {
    sqlx::query_scalar("select app.fire_reminder($1)").bind(notification).fetch_one(db.conn()).await
}

/// How something planned recurs, and which occurrence it was planned for.
#[derive(Debug, Deserialize)]
pub struct Recurring {
    #[serde(flatten)]
    pub recurrence: Recurrence,
    pub due_at: DateTime<Utc>,
}

/// How something planned recurs.
pub async fn recurrence(db: &mut TenantTx, notification: Uuid) -> sqlx::Result<Recurring> {
    let Json(recurring) = sqlx::query_scalar("select app.recurrence_of($1)")
        .bind(notification)
        .fetch_one(db.conn())
        .await?;
    Ok(recurring)
}

/// Sends an occurrence and plans the next. What it came to, as [`fire`] tells it.
pub async fn occur(
    db: &mut TenantTx,
    notification: Uuid,
    latest: DateTime<Utc>,
    next: Option<DateTime<Utc>>,
) -> sqlx::Result<String> {
    sqlx::query_scalar("select app.fire_recurring($1, $2, $3)")
        .bind(notification)
        .bind(latest)
        .bind(next)
        .fetch_one(db.conn())
        .await
}

/// The job is done in this transaction; one that came early waits until its notification is due.
pub async fn end(
    db: &mut TenantTx,
    notification: Uuid,
    outcome: &str,
    job: Holder<'_>,
) -> sqlx::Result<()> {
    sqlx::query(
        "select case when $2 = 'early'
           then queue.snooze($3, $4, (
             select due_at - app.now() from app.scheduled_notifications
              where tenant_id = app.tenant_id() and id = $1))
           else queue.finish($3, $4) end",
    )
    .bind(notification)
    .bind(outcome)
    .bind(job.job_id)
    .bind(job.worker)
    .execute(db.conn())
    .await
    .map(drop)
}

/// Plans the reminders of some more bookings anew, after the tenant's rules changed; whether there
/// are more.
pub async fn replan(db: &mut TenantTx) -> sqlx::Result<bool> {
    sqlx::query_scalar("select app.replan_step() = 'more'").fetch_one(db.conn()).await
}
