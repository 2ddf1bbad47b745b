//! The tidying that `queue.maintain` and its kin do, asked for by every worker process.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// Often enough that a reminder due in an hour is a job long before, and an expired hold is seen.
const EVERY: Duration = Duration::from_secs(10);

/// What is seen to beside `queue.maintain`, each in a transaction of its own: none is worth holding
/// the others up, or failing with another.
const UPKEEP: [&str; 3] = [
    "select queue.keep_audit()",
    "select queue.forget_failed_attempts()",
    "select queue.check_invariants()",
];

/// Calls `queue.maintain` and the rest until told to stop; one process at a time does the work.
pub(super) async fn keep(pool: PgPool, stop: CancellationToken) {
    loop {
        match sqlx::query_scalar::<_, Option<serde_json::Value>>("select queue.maintain()")
            .fetch_one(crate::db::alone(&pool))
            .await
        {
            Ok(Some(done)) if done.as_object().is_some_and(|done| !done.is_empty()) => {
                tracing::info!(%done, "tidied the queue");
            }
            Ok(_) => {}
            Err(error) => warn(&error),
        }
        for statement in UPKEEP {
            // Looking for violations may take long where much is kept; a stop does not wait for it.
            let done = sqlx::query(statement).execute(crate::db::alone(&pool));
            match stop.run_until_cancelled(done).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => warn(&error),
                None => return,
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

fn warn(error: &sqlx::Error) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "could not tidy up; trying again in {EVERY:?}"
    );
}
