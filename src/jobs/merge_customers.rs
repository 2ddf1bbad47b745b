//! Two customers turned out to be one person, and one of them was being spoken with.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Attempt, Context, Done, Job, JobError};
use crate::db::{TenantTx, customers};

/// How soon to try again while somebody is at one of the two.
const BUSY: Duration = Duration::from_millis(250);

/// Makes a customer known by WhatsApp's own id alone one with the customer of the phone that the id
/// turned out to belong to. The webhook does so by itself where nobody is at either of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MergeCustomers {
    pub tenant_id: Uuid,
    /// Who has the phone, and stays.
    pub keep: Uuid,
    pub gone: Uuid,
}

impl Job for MergeCustomers {
    const KIND: &'static str = "merge_customers";
    const TIMEOUT: Duration = Duration::from_secs(30);

    async fn run(self, cx: &Context, _: &Attempt) -> Result<Done, JobError> {
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, cx.clock.now()).await?;
        let merged = customers::merge_if_nameless(&mut db, self.keep, self.gone).await?;
        db.commit().await?;
        if merged { Ok(Done::Finish) } else { Err(JobError::Snooze(BUSY)) }
    }
}
