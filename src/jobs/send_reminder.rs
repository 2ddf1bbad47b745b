//! Something planned has come due: a reminder, an agenda, invitations.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Attempt, Context, Done, Job, JobError};
use crate::db::{TenantTx, reminders};

/// Puts what was planned into the outbox, if it is still wanted. What recurs is planned once more
/// in the same transaction, so that each occurrence comes once, whatever dies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SendReminder {
    pub tenant_id: Uuid,
    pub notification_id: Uuid,
}

impl Job for SendReminder {
    const KIND: &'static str = "send_reminder";
    const TIMEOUT: Duration = Duration::from_secs(30);
    const IS_LATE: bool = true;

    async fn run(self, cx: &Context, attempt: &Attempt) -> Result<Done, JobError> {
        let now = cx.clock.now();
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, now).await?;
        let mut outcome = reminders::fire(&mut db, self.notification_id).await?;
        if outcome == "recurring" {
            let planned = reminders::recurrence(&mut db, self.notification_id).await?;
            let occurrences = planned.recurrence.around(planned.due_at, now);
            let found = occurrences.map_err(|error| JobError::GiveUp(error.into()))?;
            outcome =
                reminders::occur(&mut db, self.notification_id, found.latest, found.next).await?;
        }
        reminders::end(&mut db, self.notification_id, &outcome, attempt.into()).await?;
        db.commit().await?;
        tracing::debug!(tenant.id = %self.tenant_id, outcome, "a notification came due");
        Ok(Done::Recorded)
    }
}
