//! Reminders that have come due.

use uuid::Uuid;

use super::TenantTx;
use super::turns::Holder;

/// Fires a reminder and marks its job done in the same transaction. What it came to: `sent`,
/// `skipped`, `gone`, `early` (its job waits until it is due), or the status it already had.
pub async fn fire(db: &mut TenantTx, notification: Uuid, job: Holder<'_>) -> sqlx::Result<String> {
    sqlx::query_scalar(
        "select fired.outcome
           from app.fire_reminder($1) as fired (outcome),
                lateral (select case when fired.outcome = 'early'
                  then queue.snooze($2, $3, (
                    select due_at - app.now() from app.scheduled_notifications
                     where tenant_id = app.tenant_id() and id = $1))
                  else queue.finish($2, $3) end) as ended",
    )
    .bind(notification)
    .bind(job.job_id)
    .bind(job.worker)
    .fetch_one(db.conn())
    .await
}
