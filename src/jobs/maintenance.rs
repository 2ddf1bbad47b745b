//! The tidying that `queue.maintain` and its kin do, asked for by every worker process.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Often enough that a reminder due in an hour is a job long before, and an expired hold is seen.
const EVERY: Duration = Duration::from_secs(10);
/// For what is a matter of minutes and days; it knows by itself when it was done last.
const UPKEEP_EVERY: Duration = Duration::from_mins(1);

/// What is seen to beside `queue.maintain`, each in a transaction of its own: none is worth holding
/// the others up, or failing with another.
const UPKEEP: [&str; 3] = [
    "select queue.keep_audit()",
    "select queue.forget_failed_attempts()",
    "select queue.check_invariants()",
];

/// Calls `queue.maintain` and the rest until told to stop, which nothing of it holds up; one process
/// at a time does the work.
pub(super) async fn keep(pool: PgPool, stop: CancellationToken) {
    let work = async {
        let mut upkeep_at = Instant::now();
        loop {
            tidy(&pool).await;
            if upkeep_at <= Instant::now() {
                upkeep_at += UPKEEP_EVERY;
                for statement in UPKEEP {
                    let done = sqlx::query(statement).execute(crate::db::alone(&pool)).await;
                    done.map_or_else(|error| warn(&error), drop);
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

async fn tidy(pool: &PgPool) {
    match sqlx::query_scalar::<_, Option<serde_json::Value>>("select queue.maintain()")
        .fetch_one(crate::db::alone(pool))
        .await
    {
        Ok(Some(done)) if done.as_object().is_some_and(|done| !done.is_empty()) => {
            tracing::info!(%done, "tidied the queue");
        }
        Ok(_) => {}
        Err(error) => warn(&error),
    }
}

fn warn(error: &sqlx::Error) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "could not tidy up; trying again in {EVERY:?}"
    );
}
