//! A tenant's rules have changed: its reminders are planned anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Attempt, Context, Done, Job, JobError};
use crate::db::{TenantTx, reminders};

/// Steps in one attempt; the rest in the next, so that no tenant holds a worker for long.
const MOST: usize = 50;

/// Plans the reminders of all bookings ahead by the tenant's rules as they are now, some in each
/// transaction. How far it has come is kept, so that it goes on wherever it was stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplanReminders {
    pub tenant_id: Uuid,
}

impl Job for ReplanReminders {
    const KIND: &'static str = "replan_reminders";
    const TIMEOUT: Duration = Duration::from_mins(5);

    async fn run(self, cx: &Context, _: &Attempt) -> Result<Done, JobError> {
        for _ in 0..MOST {
            let mut db = TenantTx::begin(&cx.pool, self.tenant_id, cx.clock.now()).await?;
            let more = reminders::replan(&mut db).await?;
            db.commit().await?;
            if !more {
                return Ok(Done::Finish);
            }
        }
        Err(JobError::Snooze(Duration::ZERO))
    }
}
