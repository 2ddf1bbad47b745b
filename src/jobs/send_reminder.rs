//! A reminder has come due.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Attempt, Context, Done, Job, JobError};
use crate::db::{TenantTx, reminders};

/// Puts a reminder into the outbox, if its booking still stands as planned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SendReminder {
    pub tenant_id: Uuid,
    pub notification_id: Uuid,
}

impl Job for SendReminder {
    const KIND: &'static str = "send_reminder";
    const TIMEOUT: Duration = Duration::from_secs(30);

    async fn run(self, cx: &Context, attempt: &Attempt) -> Result<Done, JobError> {
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, cx.clock.now()).await?;
        let outcome = reminders::fire(&mut db, self.notification_id, attempt.into()).await?;
        db.commit().await?;
        tracing::debug!(tenant.id = %self.tenant_id, outcome, "reminder came due");
        Ok(Done::Recorded)
    }
}
