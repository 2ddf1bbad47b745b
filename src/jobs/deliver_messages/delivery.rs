//! One claimed message on its way: look it up if it may be out, send it, write down what came of it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::decision::{Decision, backoff};
use super::measure;
use crate::channel::error::{Refusal, SendError};
use crate::channel::whatsapp::address::Addresses;
use crate::channel::whatsapp::client::Outgoing;
use crate::channel::whatsapp::client::menu::Shape;
use crate::channel::{Channel, Kind};
use crate::db::TenantTx;
use crate::db::outbox::{self, Claim, Claimed, Fate, Pause, Sender};
use crate::domain::conversation::choices;
use crate::domain::notice;
use crate::jobs::{Context, JobError};

/// Sends that may have gone out, before a message is given up: the first, and one more after a
/// look-up without a trace (a rare duplicate is better than silence, two are not).
const MOST_DOUBTS: i32 = 2;
/// Around a doubtful send, how far the gateway's clock and ours may differ.
const CLOCKS: TimeDelta = TimeDelta::minutes(2);
/// Of the gateway's patience, after which part to look again whether an echo has proved the send.
const PROOFS: u32 = 25;
/// The longest wait for another look-up, when the gateway could not say.
const LOOK_UP: Duration = Duration::from_secs(30);

/// A message that this job has claimed.
pub(super) struct Delivery<'a> {
    pub(super) cx: &'a Context,
    pub(super) tenant: Uuid,
    pub(super) sender: Sender<'a>,
    /// Whether the next message is to be claimed with this one's end.
    pub(super) goes_on: &'a (dyn Fn() -> bool + Sync),
    pub(super) message: &'a Claimed,
}

/// How an exchange with the gateway ended.
enum Outcome<'a> {
    Sent {
        provider_id: String,
        number: &'a str,
    },
    /// An echo has told it, while the answer was still awaited.
    Proved,
    Failed(SendError),
}

impl Outcome<'_> {
    fn as_result(&self) -> Result<(), SendError> {
        match self {
            Self::Sent { .. } | Self::Proved => Ok(()),
            Self::Failed(error) => Err(*error),
        }
    }
}

impl Delivery<'_> {
    /// Sends it, outside of any transaction, and records what came of it. What is to be tried again
    /// has its time in the database. Returns what was claimed next with the same commit, if anything
    /// was asked for.
    pub(super) async fn run(self) -> Result<Option<Claim>, JobError> {
        let Some(text) = text_of(self.message, self.cx.clock.now()) else {
            return self.give_up("no template that this version knows").await.map(|()| None);
        };
        let Some(key) = self.cx.keys.of(self.message.api_key_env.as_deref()) else {
            return self.pause(&no_key()).await.map(|()| None);
        };
        if self.message.unsure {
            if !self.may_go_again(key, &text).await? {
                return Ok(None);
            }
        } else if self.message.body.is_none() && !self.begin(&text).await? {
            return Ok(None);
        }
        let began = Instant::now();
        let outcome = self.transmit(key, &text).await?;
        measure::ended(Kind::WhatsApp, outcome.as_result(), began.elapsed());
        match outcome {
            Outcome::Sent { provider_id, number } => {
                self.sent(&provider_id, Some(number), &text).await
            }
            Outcome::Proved => Ok(None),
            Outcome::Failed(error) => self.failed(error, &text).await.map(|()| None),
        }
    }

    /// To the customer's addresses in turn, until one is a number of WhatsApp.
    async fn transmit(&self, key: &str, text: &str) -> Result<Outcome<'_>, JobError> {
        let typing = if self.message.typing { typing_time(text) } else { Duration::ZERO };
        let mut shape = self.shape(text);
        let mut outcome = Outcome::Failed(SendError::Refused { what: Refusal::Number });
        for number in &self.message.numbers {
            outcome = self.exchange(key, number, shape.as_ref(), text, typing).await;
            if let (Some(refused), Outcome::Failed(error)) = (&shape, &outcome)
                && Decision::of(*error) == Decision::PlainText
            {
                self.menus_refused(refused.kind()).await?;
                shape = None;
                outcome = self.exchange(key, number, None, text, typing).await;
            }
            match &outcome {
                Outcome::Failed(error) if Decision::of(*error) == Decision::OtherAddress => {}
                Outcome::Failed(_) | Outcome::Proved | Outcome::Sent { .. } => break,
            }
        }
        Ok(outcome)
    }

    /// The message as plain text to nobody yet.
    fn outgoing<'m>(&'m self, key: &'m str, text: &'m str, to: &'m Addresses) -> Outgoing<'m> {
        Outgoing {
            instance: &self.message.instance,
            key,
            number: "",
            to,
            text,
            shape: None,
            question: None,
            typing: Duration::ZERO,
        }
    }

    /// The menu of the text in the shape that the instance shows; `None`: the text itself goes.
    fn shape(&self, text: &str) -> Option<Shape> {
        let form = self.message.menu_form.as_deref()?;
        let business = self.message.business.as_deref().unwrap_or_default();
        Shape::of(form, text, &self.message.choices, business)
    }

    async fn exchange<'n>(
        &self,
        key: &str,
        number: &'n str,
        shape: Option<&Shape>,
        text: &str,
        typing: Duration,
    ) -> Outcome<'n> {
        let to = addresses(self.message);
        let message = Outgoing { number, shape, typing, ..self.outgoing(key, text, &to) };
        let send = Channel::send(&self.cx.gateway, &message);
        tokio::select! {
            answer = send => match answer {
                Ok(taken) => Outcome::Sent { provider_id: taken.provider_id, number },
                Err(error) => Outcome::Failed(error),
            },
            // The gateway may never answer a send that has long gone out.
            () = self.proof() => Outcome::Proved,
        }
    }

    /// The gateway does not take this kind of menu; nothing went out.
    async fn menus_refused(&self, kind: &str) -> Result<(), JobError> {
        tracing::warn!(
            tenant.id = %self.tenant, instance = self.message.instance, kind,
            "the gateway refuses this kind of menu; menus go as text"
        );
        let mut db = self.tenant_tx().await?;
        outbox::menus_refused(&mut db, &self.message.instance, kind).await?;
        Ok(db.commit().await?)
    }

    /// Ends when somebody else has learnt that the message went out.
    async fn proof(&self) {
        loop {
            tokio::time::sleep(self.cx.gateway.send_patience() / PROOFS).await;
            let looked = async {
                let mut db = self.tenant_tx().await?;
                let proved = outbox::is_proved_sent(&mut db, self.message.id).await?;
                db.rollback().await?;
                Ok::<_, sqlx::Error>(proved)
            };
            // Without the database nothing is proved; the answer is still awaited.
            if looked.await.unwrap_or(false) {
                return;
            }
        }
    }

    /// Whether a message that may have gone out is to be sent once more. If not, what to do with it
    /// has been recorded.
    async fn may_go_again(&self, key: &str, text: &str) -> Result<bool, JobError> {
        let Ok(found) = self.look_up(key, text).await? else {
            let delay = backoff(self.message.attempts, LOOK_UP);
            self.later(Fate::Unknown, "look-up failed", text, delay).await?;
            return Ok(false);
        };
        if let Some(provider_id) = found {
            self.sent(&provider_id, None, text).await?;
            return Ok(false);
        }
        // The attempt before this one may live on and be about to send it.
        if let Some(quiet) = self.message.quiet_ms.filter(|ms| *ms > 0.0) {
            let delay = Duration::from_secs_f64(quiet / 1_000.0);
            self.later(Fate::Unknown, "may still be going out", text, delay).await?;
            return Ok(false);
        }
        if self.message.doubts >= MOST_DOUBTS {
            self.give_up("may have been sent; no trace at the gateway").await?;
            return Ok(false);
        }
        self.begin(text).await
    }

    /// Looks for a message that may have gone out. `Err(())`: the gateway could not say.
    async fn look_up(&self, key: &str, text: &str) -> Result<Result<Option<String>, ()>, JobError> {
        let (message, to) = (self.message, addresses(self.message));
        let (from, until) = (message.created_at - CLOCKS, self.cx.clock.now() + CLOCKS);
        let question = choices::question(text, &message.choices);
        let sought = Outgoing { question: question.as_deref(), ..self.outgoing(key, text, &to) };
        let found = match Channel::find_sent(&self.cx.gateway, &sought, from, until).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(
                    tenant.id = %self.tenant, message.id = %message.id,
                    error = &error as &dyn std::error::Error, "cannot look a message up"
                );
                return Ok(Err(()));
            }
        };
        // The same words may have been said before: those have rows of their own.
        let ids = found.into_iter().map(|found| found.provider_id).collect::<Vec<_>>();
        let mut db = self.tenant_tx().await?;
        let known = outbox::known(&mut db, &ids).await?;
        db.rollback().await?;
        Ok(Ok(ids.into_iter().find(|id| !known.contains(id))))
    }

    async fn failed(&self, error: SendError, text: &str) -> Result<(), JobError> {
        tracing::warn!(
            tenant.id = %self.tenant, message.id = %self.message.id, message.attempt = self.message.attempts,
            error = &error as &dyn std::error::Error, "a message was not sent"
        );
        let why = error.to_string();
        match Decision::of(error) {
            Decision::Retry { longest } => {
                let delay = backoff(self.message.attempts, longest);
                self.later(Fate::NotSent, &why, text, delay).await
            }
            Decision::LookUp { after } => self.later(Fate::MaybeSent, &why, text, after).await,
            Decision::Pause(pause) => self.pause(&pause).await,
            // No address is left; and a text is as plain as can be.
            Decision::OtherAddress | Decision::PlainText | Decision::GiveUp { alert: false } => {
                self.give_up(&why).await
            }
            Decision::GiveUp { alert: true } => {
                tracing::error!(
                    alert = "request not understood", tenant.id = %self.tenant,
                    message.id = %self.message.id, why, "the gateway does not understand a send"
                );
                self.give_up(&why).await
            }
        }
    }

    async fn begin(&self, text: &str) -> Result<bool, JobError> {
        let mut db = self.tenant_tx().await?;
        let ours = outbox::begin(
            &mut db,
            self.message.id,
            self.sender.job.job_id,
            text,
            self.sender.lease,
        )
        .await?;
        db.commit().await?;
        Ok(ours)
    }

    async fn sent(
        &self,
        provider_id: &str,
        number: Option<&str>,
        text: &str,
    ) -> Result<Option<Claim>, JobError> {
        let mut db = self.tenant_tx().await?;
        // Of several, the one that works is tried first the next time.
        if let Some(number) = number.filter(|_| self.message.numbers.len() > 1) {
            outbox::number_worked(&mut db, self.message.id, number).await?;
        }
        // Nearly always by an answer of the gateway; what a look-up found was not sent by this job.
        let (recovered, next) = if number.is_some() && (self.goes_on)() {
            let id = self.message.id;
            let both = outbox::sent_and_claim(&mut db, id, provider_id, text, self.sender).await?;
            (both.recovered, Some(both.next))
        } else {
            (outbox::sent(&mut db, self.message.id, provider_id, text).await?, None)
        };
        db.commit().await?;
        // One that was found later went out we do not know when.
        if number.is_some() {
            let (template, wanted_at) = (self.message.template.as_deref(), self.message.wanted_at);
            measure::arrived(Kind::WhatsApp, template, wanted_at, self.cx.clock.now());
        }
        if recovered {
            tracing::info!(
                tenant.id = %self.tenant, instance = self.message.instance,
                "sends of the instance are accepted again"
            );
        }
        Ok(next)
    }

    async fn later(
        &self,
        fate: Fate,
        why: &str,
        text: &str,
        delay: Duration,
    ) -> Result<(), JobError> {
        let mut db = self.tenant_tx().await?;
        outbox::retry(&mut db, self.message.id, fate, why, text, delay).await?;
        Ok(db.commit().await?)
    }

    async fn pause(&self, pause: &Pause) -> Result<(), JobError> {
        let mut db = self.tenant_tx().await?;
        let tell = outbox::pause(&mut db, self.message.id, pause).await?;
        db.commit().await?;
        if tell {
            tracing::error!(
                alert = pause.reason, tenant.id = %self.tenant, instance = self.message.instance,
                "messages of the instance wait until a person puts this right"
            );
        }
        Ok(())
    }

    async fn give_up(&self, why: &str) -> Result<(), JobError> {
        tracing::error!(tenant.id = %self.tenant, message.id = %self.message.id, why, "a message is given up");
        let mut db = self.tenant_tx().await?;
        outbox::failed(&mut db, self.message.id, why).await?;
        Ok(db.commit().await?)
    }

    async fn tenant_tx(&self) -> sqlx::Result<TenantTx> {
        TenantTx::begin(&self.cx.pool, self.tenant, self.cx.clock.now()).await
    }
}

/// The variable that is to hold the instance's own key is not set.
fn no_key() -> Pause {
    Pause {
        reason: "misconfigured: the environment variable with the instance's key is not set"
            .to_owned(),
        first: Duration::from_secs(15),
        longest: Duration::from_mins(1),
        alert: true,
    }
}

/// The text to send: as written, or made now from its template and the visit as it is. `None`: a
/// template of another version.
fn text_of(message: &Claimed, now: DateTime<Utc>) -> Option<String> {
    if let Some(body) = &message.body {
        return Some(body.clone());
    }
    notice::compose(message.template.as_deref()?, &message.params, message.facts.as_ref()?, now)
}

/// Where the gateway may have a message on record: under the phone, or under the LID.
fn addresses(message: &Claimed) -> Addresses {
    let of = |known: &Option<String>| known.as_deref().map(Addresses::of_jid).unwrap_or_default();
    Addresses { lid: of(&message.lid).lid, ..of(&message.phone) }
}

/// How long a person would type this: 0.4 to 2 s.
fn typing_time(text: &str) -> Duration {
    let characters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    Duration::from_millis(characters.saturating_mul(8).clamp(400, 2_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_grows_with_the_text_within_bounds() {
        assert_eq!(typing_time("ok"), Duration::from_millis(400));
        assert_eq!(typing_time(&"a".repeat(100)), Duration::from_millis(800));
        assert_eq!(typing_time(&"é".repeat(4_000)), Duration::from_secs(2));
    }
}
