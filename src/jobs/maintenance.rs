//! The tidying that `queue.maintain` does, asked for by every worker process.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// Often enough that a reminder due in an hour is a job long before, and an expired hold is seen.
const EVERY: Duration = Duration::from_secs(10);

/// Calls `queue.maintain` until told to stop; one process at a time does the work.
pub(super) async fn keep(pool: PgPool, stop: CancellationToken) {
    loop {
        match sqlx::query_scalar::<_, Option<serde_json::Value>>("select queue.maintain()")
            .fetch_one(&pool)
            .await
        {
            Ok(Some(done)) if done.as_object().is_some_and(|done| !done.is_empty()) => {
                tracing::info!(%done, "tidied the queue");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not tidy the queue; trying again in {EVERY:?}"
            ),
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}
