//! Work that is done later, again, or elsewhere: jobs, and the workers that run them.
//!
//! [`Job`] is the seam: a kind, a policy and `run`. The queue lives in Postgres (`apalis.jobs`;
//! `queue.enqueue` in SQL is the one door), in the tables of apalis's store; apalis runs the workers.
//! Only this module knows it, so that either could be replaced.
//!
//! What apalis does not do, or does for each kind by itself, is done here and in SQL, in `sql/queue`:
//! taking jobs of all kinds with one statement and showing that the process lives (`fetcher`),
//! retries that move `run_at` (so they survive restarts and hold no worker), counting attempts when
//! they begin (so that an attempt which kills its process counts), and completion inside the job's
//! own transaction. `tests/it/queue.rs` holds a test for each fact of the store that we lean on.

mod deliver_messages;
mod fetcher;
mod held;
mod interpret;
mod maintenance;
mod merge_customers;
mod process_message;
mod pulse;
mod replan_reminders;
mod send_reminder;
mod watch_instances;
mod workers;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::channel::Channels;
use crate::channel::whatsapp::client::Gateway;
use crate::clock::Clock;
use crate::db::Copies;
use crate::llm::Model;

pub use deliver_messages::DeliverMessages;
pub use interpret::Interpret;
pub use merge_customers::MergeCustomers;
pub use process_message::ProcessMessage;
pub use replan_reminders::ReplanReminders;
pub use send_reminder::SendReminder;
pub use watch_instances::watch_instances;
pub use workers::{Settings, Workers};

/// A kind of work. Arguments hold ids only, never what customers wrote or their numbers.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name in `queue.kinds`; for ever, since rows outlive releases.
    const KIND: &'static str;

    /// The longest an attempt may take; then it is stopped and counts as failed. Below the ten
    /// minutes after which `queue.maintain` takes a running job back.
    const TIMEOUT: Duration;

    /// How many times the pool's slots this kind has: more where jobs wait for the network and
    /// hold a connection to the database for moments only.
    const SHARE: usize = 1;

    /// Whether it runs long after what enqueued it: its trace then is its own, and points there.
    const IS_LATE: bool = false;

    /// Does the work once. It may run again after any crash, and must be harmless then.
    fn run(
        self,
        cx: &Context,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<Done, JobError>> + Send;
}

/// How an attempt ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The row is still to be marked done.
    Finish,
    /// The job's own transaction has marked it done, together with its effects.
    Recorded,
}

/// How an attempt ended otherwise, and so what happens next.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Try again with the usual back-off; when attempts run out the job is dead and visible.
    #[error(transparent)]
    Retry(anyhow::Error),
    /// It can never succeed: dead at once, and visible.
    #[error(transparent)]
    GiveUp(anyhow::Error),
    /// Not now: run again after this long, without counting an attempt.
    #[error("not now; again in {0:?}")]
    Snooze(Duration),
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        // The message alone: a detail could quote what a customer wrote.
        Self::Retry(match error.as_database_error() {
            Some(refused) => {
                let code = refused.code().unwrap_or_default();
                // Class 42 names tables and columns, never values: it is our own mistake.
                let what = match refused.constraint() {
                    Some(constraint) => constraint,
                    None if code.starts_with("42") => refused.message(),
                    None => "",
                };
                anyhow::anyhow!("the database refused: {code} {what}")
            }
            None => anyhow::Error::new(error).context("the database did not answer"),
        })
    }
}

/// One run of a job.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub job_id: String,
    /// Who holds the row; outcomes of anybody else are not written.
    pub worker: String,
    /// 1 for the first.
    pub number: usize,
    /// Cancelled when the process is to end. What goes on for long then makes room: by a snooze,
    /// another process takes over.
    pub stop: CancellationToken,
}

/// What jobs work with.
#[derive(Debug, Clone)]
pub struct Context {
    pub pool: PgPool,
    pub clock: Clock,
    pub gateway: Gateway,
    pub keys: GatewayKeys,
    /// Beside WhatsApp.
    pub channels: Channels,
    /// What this process remembers.
    pub copies: Copies,
    /// Asked about words that the rules do not understand; none: nobody is.
    pub model: Option<Model>,
}

/// Keys of the gateway: one for all instances, and those of instances that carry their own.
#[derive(Clone, Default)]
pub struct GatewayKeys {
    common: String,
    own: Arc<HashMap<String, String>>,
}

impl GatewayKeys {
    /// `own` maps the name of an environment variable (`instances.api_key_env`) to its value.
    pub fn new(common: String, own: HashMap<String, String>) -> Self {
        Self { common, own: Arc::new(own) }
    }

    /// The key of an instance; `None`: its variable is not set.
    pub fn of(&self, api_key_env: Option<&str>) -> Option<&str> {
        match api_key_env {
            None => Some(&self.common),
            Some(variable) => self.own.get(variable).map(String::as_str),
        }
    }
}

impl std::fmt::Debug for GatewayKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayKeys").field("own", &self.own.len()).finish_non_exhaustive()
    }
}
