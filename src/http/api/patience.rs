//! Trying again what the database only asks patience for.
//!
//! A crowd on one time waits for the lock of one member of staff, and a lock is waited for two
//! seconds: who has not got it by then has not lost, and is not told so. The work is begun anew
//! until its outcome is known.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::key::Caller;
use super::problem::Problem;
use crate::db::bookings::Refused;
use crate::db::{TenantTx, keys};
use crate::http::App;

/// How long a request is tried; clients and proxies wait for 30 seconds or more.
const LONGEST: Duration = Duration::from_secs(20);
/// How long the first request with a key is waited for.
const LONGEST_REPEAT: Duration = Duration::from_secs(5);
/// Seconds after which a request that is still running is worth asking for again.
const RETRY_AFTER: u32 = 2;

/// Why one try of a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The outcome is known, and this is it.
    Told(Problem),
    /// A request with the same key is at it.
    InProgress,
    Database(sqlx::Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Told(problem)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// For refusals that the caller has no words of its own for.
impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Database(error) => Self::Database(error),
            Refused::Taken | Refused::InsideNotice | Refused::IllegalStatus => {
                Self::Told(Problem::internal())
            }
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Told(problem) => problem,
            Failure::InProgress => Problem::new(
                axum::http::StatusCode::CONFLICT,
                "in-progress",
                "The first request is still running",
                "A request with this Idempotency-Key has not ended yet. Ask again in a moment.",
            )
            .retry_after(RETRY_AFTER),
            Failure::Database(error) => error.into(),
        }
    }
}

/// A transaction of the key's tenant, for a request that is tried again.
pub(super) async fn begin(app: &App, caller: &Caller) -> Result<TenantTx, Failure> {
    Ok(keys::begin_as_key(&app.pool, app.clock.now(), caller.tenant, &caller.key_name).await?)
}

/// Decides whether a request is tried again, and waits a little before it is.
#[derive(Debug)]
pub(super) struct Patience {
    since: Instant,
    tries: u32,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), tries: 0 }
    }

    /// Waits and says yes, unless the outcome is known or time is up.
    pub(super) async fn allows(&mut self, failure: &Failure) -> bool {
        let longest = match failure {
            Failure::InProgress => LONGEST_REPEAT,
            Failure::Database(error) if is_crowded(error) => LONGEST,
            Failure::Told(_) | Failure::Database(_) => return false,
        };
        if self.since.elapsed() >= longest {
            return false;
        }
        self.tries += 1;
        // 8 ms at first, at most half a second; by chance, so that a crowd does not come in step.
        let most = 1_u64 << (2 + self.tries.min(7));
        let chance = u64::from(Uuid::new_v4().as_fields().0);
        sleep(Duration::from_millis(most / 2 + chance % most)).await;
        true
    }
}

/// Whether others are merely in the way: a lock not to be had, a deadlock, a full pool.
fn is_crowded(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(told) => {
            matches!(told.code().as_deref(), Some("55P03" | "40P01" | "40001"))
        }
        _ => false,
    }
}
