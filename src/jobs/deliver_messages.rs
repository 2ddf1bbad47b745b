//! The outbox of a conversation, sent in order.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Attempt, Context, Done, Job, JobError};
use crate::channel::whatsapp::address::Addresses;
use crate::channel::whatsapp::client::{Retry, SendError};
use crate::db::TenantTx;
use crate::db::outbox::{self, Claim, Claimed, Fate};
use crate::domain::notice::{self, Notice, Visit};

/// Longer than a send can take: 75 s, and 2 s of typing.
const LEASE: Duration = Duration::from_secs(90);
/// How soon to look again at a conversation that another sender is at.
const BUSY: Duration = Duration::from_millis(500);
/// Of one conversation in one attempt; the rest in the next, so that no customer holds a worker.
const MOST: usize = 20;
/// Sends that may have gone out, before a message is given up: the first, and one more after a
/// look-up without a trace (evolution-api: a rare duplicate is better than silence, two are not).
const MOST_DOUBTS: i32 = 2;
/// Around a doubtful send, how far the gateway's clock and ours may differ.
const CLOCKS: TimeDelta = TimeDelta::minutes(2);

/// Sends what is open in a conversation, oldest first, until nothing is or the gateway cannot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverMessages {
    pub tenant_id: Uuid,
    pub conversation_id: Uuid,
}

/// What sending one message means for the next.
enum Next {
    GoOn,
    ComeBack(Duration),
}

impl Job for DeliverMessages {
    const KIND: &'static str = "deliver_messages";
    const TIMEOUT: Duration = Duration::from_mins(5);

    async fn run(self, cx: &Context, attempt: &Attempt) -> Result<Done, JobError> {
        for _ in 0..MOST {
            let now = cx.clock.now();
            let mut db = TenantTx::begin(&cx.pool, self.tenant_id, now).await?;
            let claim =
                outbox::claim(&mut db, self.conversation_id, &attempt.job_id, LEASE).await?;
            db.commit().await?;
            match claim {
                Claim::Empty => return Ok(Done::Finish),
                Claim::Busy => return Err(JobError::Snooze(BUSY)),
                Claim::Wait { until } => {
                    return Err(JobError::Snooze((until - now).to_std().unwrap_or(BUSY).max(BUSY)));
                }
                Claim::Send(message) => match self.send(cx, *message).await? {
                    Next::GoOn => {}
                    Next::ComeBack(delay) => return Err(JobError::Snooze(delay)),
                },
            }
        }
        Err(JobError::Snooze(Duration::ZERO))
    }
}

impl DeliverMessages {
    /// Sends one claimed message, outside of any transaction, and records what came of it.
    async fn send(&self, cx: &Context, message: Claimed) -> Result<Next, JobError> {
        let Some(text) = text_of(&message, cx.clock.now()) else {
            return self.give_up(cx, &message, "no template that this version knows").await;
        };
        let Some(key) = cx.keys.of(message.api_key_env.as_deref()) else {
            tracing::error!(
                tenant.id = %self.tenant_id,
                variable = message.api_key_env,
                "the environment variable with the instance's key is not set; messages wait for it"
            );
            return self
                .later(cx, &message, Fate::NotSent, "no key", &text, Duration::from_mins(1))
                .await;
        };
        let Some(number) = recipient(&message) else {
            return self.give_up(cx, &message, "no address").await;
        };
        if message.unsure
            && let Some(next) = self.settle(cx, &message, key, &text).await?
        {
            return Ok(next);
        }
        let typing = if message.typing { typing_time(&text) } else { Duration::ZERO };
        match cx.gateway.send_text(&message.instance, key, &number, &text, typing).await {
            Ok(sent) => self.done(cx, &message, &sent.provider_id, &text).await,
            Err(error) => self.failed(cx, &message, error, &text).await,
        }
    }

    /// Deals with a message that may have gone out. `None`: it left no trace, and may be sent again.
    async fn settle(
        &self,
        cx: &Context,
        message: &Claimed,
        key: &str,
        text: &str,
    ) -> Result<Option<Next>, JobError> {
        let now = cx.clock.now();
        Ok(Some(match self.look_up(cx, message, key, text).await? {
            Ok(Some(provider_id)) => self.done(cx, message, &provider_id, text).await?,
            Err(()) => {
                let delay = backoff(message.attempts, 30);
                self.later(cx, message, Fate::Unknown, "look-up failed", text, delay).await?
            }
            // The attempt before this one may live on and be about to send it.
            Ok(None) if message.resend_from.is_some_and(|at| at > now) => {
                let wait = message.resend_from.and_then(|at| (at - now).to_std().ok());
                let why = "may still be going out";
                self.later(cx, message, Fate::Unknown, why, text, wait.unwrap_or(BUSY)).await?
            }
            Ok(None) if message.doubts >= MOST_DOUBTS => {
                self.give_up(cx, message, "may have been sent; no trace at the gateway").await?
            }
            Ok(None) => {
                let mut db = TenantTx::begin(&cx.pool, self.tenant_id, now).await?;
                outbox::resending(&mut db, message.id).await?;
                db.commit().await?;
                return Ok(None);
            }
        }))
    }

    /// Looks for a message that may have gone out. `Err(())`: the gateway could not say.
    async fn look_up(
        &self,
        cx: &Context,
        message: &Claimed,
        key: &str,
        text: &str,
    ) -> Result<Result<Option<String>, ()>, JobError> {
        let to = addresses(message);
        let (from, until) = (message.created_at - CLOCKS, cx.clock.now() + CLOCKS);
        let found = match cx.gateway.find_sent(&message.instance, key, &to, text, from, until).await
        {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(tenant.id = %self.tenant_id, error = &error as &dyn std::error::Error, "cannot look a message up");
                return Ok(Err(()));
            }
        };
        // The same words may have been said before: those have rows of their own.
        let ids = found.into_iter().map(|found| found.provider_id).collect::<Vec<_>>();
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, cx.clock.now()).await?;
        let known = outbox::known(&mut db, &ids).await?;
        db.rollback().await?;
        Ok(Ok(ids.into_iter().find(|id| !known.contains(id))))
    }

    async fn done(
        &self,
        cx: &Context,
        message: &Claimed,
        id: &str,
        text: &str,
    ) -> Result<Next, JobError> {
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, cx.clock.now()).await?;
        outbox::sent(&mut db, message.id, id, text).await?;
        db.commit().await?;
        Ok(Next::GoOn)
    }

    async fn failed(
        &self,
        cx: &Context,
        message: &Claimed,
        error: SendError,
        text: &str,
    ) -> Result<Next, JobError> {
        tracing::warn!(
            tenant.id = %self.tenant_id, message.id = %message.id, message.attempt = message.attempts,
            error = &error as &dyn std::error::Error, "a message was not sent"
        );
        let why = error.to_string();
        match error {
            // Short enough that everything flows again within half a minute of the gateway's return.
            SendError::NotSent { retry: Retry::Soon | Retry::WhenConnected } => {
                self.later(cx, message, Fate::NotSent, &why, text, backoff(message.attempts, 20))
                    .await
            }
            SendError::NotSent { retry: Retry::Slowly } => {
                let delay = backoff(message.attempts + 5, 900);
                self.later(cx, message, Fate::NotSent, &why, text, delay).await
            }
            SendError::MaybeSent { .. } => {
                self.later(cx, message, Fate::MaybeSent, &why, text, Duration::from_secs(2)).await
            }
            SendError::Misconfigured { .. } => {
                self.later(cx, message, Fate::NotSent, &why, text, Duration::from_mins(1)).await
            }
            SendError::Refused { .. } | SendError::OurBug { .. } => {
                self.give_up(cx, message, &why).await
            }
        }
    }

    async fn later(
        &self,
        cx: &Context,
        message: &Claimed,
        fate: Fate,
        why: &str,
        text: &str,
        delay: Duration,
    ) -> Result<Next, JobError> {
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, cx.clock.now()).await?;
        outbox::retry(&mut db, message.id, fate, why, text, delay).await?;
        db.commit().await?;
        Ok(Next::ComeBack(delay))
    }

    async fn give_up(&self, cx: &Context, message: &Claimed, why: &str) -> Result<Next, JobError> {
        tracing::error!(tenant.id = %self.tenant_id, message.id = %message.id, why, "a message is given up");
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, cx.clock.now()).await?;
        outbox::failed(&mut db, message.id, why).await?;
        db.commit().await?;
        Ok(Next::GoOn)
    }
}

/// The text to send: as written, or made now from its template and the visit as it is. `None`: a
/// template of another version.
fn text_of(message: &Claimed, now: DateTime<Utc>) -> Option<String> {
    if let Some(body) = &message.body {
        return Some(body.clone());
    }
    let notice = match message.template.as_deref()? {
        "reminder" => Notice::Reminder {
            before: message.params["before"].as_i64().and_then(TimeDelta::try_seconds)?,
        },
        "booking_confirmed" => Notice::Confirmed,
        "booking_moved" => Notice::MovedByStaff,
        "booking_cancelled" => Notice::CancelledByStaff,
        _ => return None,
    };
    let visit = Visit { lines: &message.lines, others: &message.others };
    let (catalogue, customer) = (message.catalogue.as_ref()?, message.customer.as_ref()?);
    notice::render_visit(notice, visit, catalogue, customer, now)
}

/// Where the gateway may have a message on record: under the phone, or under the LID.
fn addresses(message: &Claimed) -> Addresses {
    let of = |known: &Option<String>| known.as_deref().map(Addresses::of_jid).unwrap_or_default();
    Addresses { lid: of(&message.lid).lid, ..of(&message.phone) }
}

/// The bare digits of a phone, which the gateway brings into the form WhatsApp knows; else the LID.
fn recipient(message: &Claimed) -> Option<String> {
    match (&message.phone, &message.lid) {
        (Some(phone), _) => Some(phone.trim_start_matches('+').to_owned()),
        (None, lid) => lid.clone(),
    }
}

/// How long a person would type this: 0.4 to 2 s.
fn typing_time(text: &str) -> Duration {
    let characters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    Duration::from_millis(characters.saturating_mul(8).clamp(400, 2_000))
}

/// 1 s doubled with each attempt, at most `most` seconds.
fn backoff(attempts: i32, most: u64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    Duration::from_secs((1u64 << doublings).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_its_bound() {
        let waits = [1, 2, 3, 4, 5, 6, 40].map(|attempt| backoff(attempt, 20).as_secs());
        assert_eq!(waits, [1, 2, 4, 8, 16, 20, 20]);
    }

    #[test]
    fn typing_grows_with_the_text_within_bounds() {
        assert_eq!(typing_time("ok"), Duration::from_millis(400));
        assert_eq!(typing_time(&"a".repeat(100)), Duration::from_millis(800));
        assert_eq!(typing_time(&"é".repeat(4_000)), Duration::from_secs(2));
    }
}
