//! The outbox of an instance, sent one message at a time.
//!
//! WhatsApp frowns on parallel sends, and the gateway does not serialise them: so one job at a time
//! sends for an instance, in all processes together, whichever conversations have something to say.
//! Each message brings a job; the first to come takes the lease of the instance (`app.senders`) and
//! sends all there is, the others find it at work and are done. Waiting (for the gap between two
//! sends, for the end of a pause, for a message's own retry) is a snooze: the job's row remembers,
//! and nobody's slot is held.
//!
//! The alternative that lost: a job a conversation, with a count of sends in flight an instance.
//! Jobs that found the instance full had to look again and again, and a pause was met by each
//! message for itself.

mod decision;
mod delivery;
mod direct;
mod measure;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use self::delivery::Delivery;
use super::{Attempt, Context, Done, Job, JobError};
use crate::channel::Kind;
use crate::db::TenantTx;
use crate::db::outbox::{self, Claim, Sender};
use crate::trace;

/// What a send may take beyond the gateway's patience: typing, and writing down what came of it.
const MARGIN: Duration = Duration::from_secs(15);
/// How long one attempt goes on before it makes room for other instances' jobs; well below
/// [`Job::TIMEOUT`], since a send may begin just before.
const TURN: Duration = Duration::from_mins(2);

/// Sends what is open in the instance of a conversation, one after the other, until nothing is or
/// all of it has to wait; or one message of a channel that knows no order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverMessages {
    pub tenant_id: Uuid,
    #[serde(flatten)]
    pub of: Of,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Of {
    /// Of WhatsApp: what its instance has.
    Conversation { conversation_id: Uuid },
    /// An SMS or e-mail.
    Message { message_id: Uuid },
}

impl Job for DeliverMessages {
    const KIND: &'static str = "deliver_messages";
    const TIMEOUT: Duration = Duration::from_mins(5);
    // It waits for the network nearly all of its time, and an instance whose sends hang must not
    // take the slots of others.
    const SHARE: usize = 8;

    async fn run(self, cx: &Context, attempt: &Attempt) -> Result<Done, JobError> {
        let conversation_id = match self.of {
            Of::Conversation { conversation_id } => conversation_id,
            Of::Message { message_id } => {
                return direct::deliver(cx, self.tenant_id, message_id, attempt).await;
            }
        };
        let began = Instant::now();
        let sender = Sender {
            conversation: conversation_id,
            job: attempt.into(),
            lease: cx.gateway.send_patience() + MARGIN,
        };
        let goes_on = || began.elapsed() < TURN && !attempt.stop.is_cancelled();
        let mut claimed = None;
        while claimed.is_some() || goes_on() {
            let claim = if let Some(claim) = claimed.take() {
                claim
            } else {
                let mut db = TenantTx::begin(&cx.pool, self.tenant_id, cx.clock.now()).await?;
                let claim = outbox::claim(&mut db, sender).await?;
                db.commit().await?;
                claim
            };
            match claim {
                Claim::Empty | Claim::Busy => return Ok(Done::Recorded),
                Claim::Wait { ms } => return Err(JobError::Snooze(Duration::from_millis(ms))),
                Claim::Send(message) => {
                    let delivery = Delivery {
                        cx,
                        tenant: self.tenant_id,
                        sender,
                        goes_on: &goes_on,
                        message: &message,
                    };
                    let channel = Kind::WhatsApp.as_str();
                    let span = trace::Span::send(channel, message.traceparent.as_deref());
                    span.note("tenant.id", self.tenant_id.to_string());
                    span.note("message.id", message.id.to_string());
                    span.note("message.attempt", i64::from(message.attempts));
                    claimed = span.around(delivery.run()).await?;
                }
            }
        }
        Err(JobError::Snooze(Duration::ZERO))
    }
}
