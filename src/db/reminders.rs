//! Reminders that have come due.

use uuid::Uuid;

use super::TenantTx;
use super::turns::Holder;

/// Fires a reminder and marks its job done in the same transaction. What it came to: `sent`,
/// `skipped`, `gone`, or the status it already had.
pub async fn fire(db: &mut TenantTx, notification: Uuid, job: Holder<'_>) -> sqlx::Result<String> {
    sqlx::query_scalar(
        "select fired.outcome
           from app.fire_reminder($1) as fired (outcome),
                lateral (select queue.finish($2, $3)) as finished",
    )
    .bind(notification)
    .bind(job.job_id)
    .bind(job.worker)
    .fetch_one(db.conn())
    .await
}
