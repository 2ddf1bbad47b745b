//! One SMS or e-mail on its way: written, looked up if it may be out, sent, and what came of it
//! recorded.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use tokio::time::Instant;
use uuid::Uuid;

use super::{decision::backoff, measure};
use crate::channel::error::{Refusal, Retry, SendError};
use crate::channel::{self, CalendarFile, Channel, Envelope, Kind, Unsubscribe};
use crate::db::TenantTx;
use crate::db::direct::{self, Claim, Claimed};
use crate::db::outbox::{self, Fate};
use crate::domain::catalogue::Status;
use crate::domain::ical::{self, Entry};
use crate::domain::letter::{self, Letter, Medium};
use crate::jobs::{Attempt, Context, Done, JobError};
use crate::trace;

/// The longest send of any of these channels, and writing down what came of it.
const LEASE: Duration = Duration::from_secs(100);
/// Sends that may have gone out, before a message is given up.
const MOST_DOUBTS: i32 = 2;
/// Around a doubtful send, how far the provider's clock and ours may differ.
const CLOCKS: TimeDelta = TimeDelta::minutes(2);
/// The longest wait for a provider that is away.
const AWAY: Duration = Duration::from_mins(1);
/// For one that defers us: greylisting wants minutes.
const DEFERRED: Duration = Duration::from_mins(10);
/// How soon to look again at what another job is at.
const BUSY: Duration = Duration::from_secs(5);

/// Sends one message of a channel that knows no order. Waiting is a snooze: no slot is held.
pub(super) async fn deliver(
    cx: &Context,
    tenant: Uuid,
    message: Uuid,
    attempt: &Attempt,
) -> Result<Done, JobError> {
    let mut db = TenantTx::begin(&cx.pool, tenant, cx.clock.now()).await?;
    let claim = direct::take(&mut db, message, &attempt.job_id, LEASE).await?;
    db.commit().await?;
    let claimed = match claim {
        Claim::Empty => return Ok(Done::Finish),
        Claim::Busy => return Err(JobError::Snooze(BUSY)),
        Claim::Wait { ms } => return Err(JobError::Snooze(Duration::from_millis(ms))),
        Claim::Send(claimed) => claimed,
    };
    let delivery = Delivery { cx, tenant, job_id: &attempt.job_id, message: &claimed };
    let kind = Kind::of(&claimed.channel);
    let name = kind.map_or("unknown", Kind::as_str);
    let span = trace::Span::send(name, claimed.traceparent.as_deref());
    span.note("tenant.id", tenant.to_string());
    span.note("message.id", claimed.id.to_string());
    span.note("message.attempt", i64::from(claimed.attempts));
    let sending = async {
        match (kind, &cx.channels.email, &cx.channels.sms) {
            (Some(Kind::Email), Some(email), _) => delivery.run(Kind::Email, email).await,
            (Some(Kind::Sms), _, Some(sms)) => delivery.run(Kind::Sms, sms).await,
            _ => delivery.give_up("the channel is not set up").await,
        }
    };
    span.around(sending).await
}

/// A message that this job has taken.
struct Delivery<'a> {
    cx: &'a Context,
    tenant: Uuid,
    job_id: &'a str,
    message: &'a Claimed,
}

impl Delivery<'_> {
    async fn run(&self, kind: Kind, channel: &impl Channel) -> Result<Done, JobError> {
        let Some(envelope) = self.envelope() else {
            return self.give_up("no template that this version knows").await;
        };
        if self.message.unsure {
            let now = self.cx.clock.now();
            let from = self.message.created_at - CLOCKS;
            let Ok(found) = channel.find_sent(&envelope, from, now + CLOCKS).await else {
                let delay = backoff(self.message.attempts, AWAY);
                return self.later(Fate::Unknown, "look-up failed", &envelope.text, delay).await;
            };
            let ids: Vec<_> = found.into_iter().map(|found| found.provider_id).collect();
            let mut db = self.tenant_tx().await?;
            let known = direct::known(&mut db, &self.message.channel, &ids).await?;
            db.rollback().await?;
            if let Some(id) = ids.iter().find(|id| !known.contains(id)) {
                return self.sent(id, &envelope.text).await;
            }
            // The attempt before this one may live on and be about to send it.
            if let Some(quiet) = self.message.quiet_ms.filter(|ms| *ms > 0.0) {
                let delay = Duration::from_secs_f64(quiet / 1_000.0);
                let why = "may still be going out";
                return self.later(Fate::Unknown, why, &envelope.text, delay).await;
            }
            if self.message.doubts >= MOST_DOUBTS {
                return self.give_up("may have been sent; no trace at the provider").await;
            }
        }
        let mut db = self.tenant_tx().await?;
        let ours =
            outbox::begin(&mut db, self.message.id, self.job_id, &envelope.text, LEASE).await?;
        db.commit().await?;
        if !ours {
            return Ok(Done::Finish);
        }
        let began = Instant::now();
        let answer = channel.send(&envelope).await;
        measure::ended(kind, answer.as_ref().map(drop).map_err(|error| *error), began.elapsed());
        match answer {
            Ok(sent) => {
                let done = self.sent(&sent.provider_id, &envelope.text).await?;
                let (template, wanted_at) = (&self.message.template, self.message.wanted_at);
                measure::arrived(kind, Some(template), wanted_at, self.cx.clock.now());
                Ok(done)
            }
            Err(error) => self.failed(error, &envelope.text).await,
        }
    }

    /// The message as its channel takes it. Its text stays what it was in an earlier attempt.
    fn envelope(&self) -> Option<Envelope> {
        let Claimed { facts, direct, .. } = self.message;
        let medium = match Kind::of(&self.message.channel)? {
            Kind::Sms => Medium::Sms,
            Kind::Email => Medium::Email,
            Kind::WhatsApp => return None,
        };
        let (template, params) = (&self.message.template, &self.message.params);
        let (contact, now) = (direct.contact.as_deref(), self.cx.clock.now());
        let written = letter::write(medium, template, params, facts, &direct.texts, contact, now);
        let tenant = &facts.catalogue.tenant;
        let letter = match (written, &self.message.body) {
            (Some(letter), None) => letter,
            (Some(letter), Some(text)) => Letter { text: text.clone(), ..letter },
            (None, Some(text)) => Letter { subject: tenant.name.clone(), text: text.clone() },
            (None, None) => return None,
        };
        Some(Envelope {
            id: self.message.id,
            tenant_id: self.tenant,
            to: direct.address.clone(),
            from_name: tenant.name.clone(),
            reply_to: direct.reply_to.clone(),
            subject: letter.subject,
            text: letter.text,
            calendar: (medium == Medium::Email).then(|| self.calendar()).flatten(),
            unsubscribe: self.unsubscribe(),
            created_at: self.message.created_at,
        })
    }

    /// What the message speaks of, for calendars; `None`: it is over, or nothing to keep.
    fn calendar(&self) -> Option<CalendarFile> {
        let Claimed { facts, .. } = self.message;
        let tenant = &facts.catalogue.tenant;
        let status = |status| match status {
            Status::Confirmed | Status::Arrived => Some("confirmed"),
            Status::Cancelled => Some("cancelled"),
            _ => None,
        };
        let lines = facts.lines.iter();
        let entries: Vec<_> = lines
            .filter_map(|line| {
                Some(Entry {
                    id: line.id,
                    code: &line.code,
                    status: status(line.status)?,
                    service_name: &line.service_name,
                    staff_name: &line.staff_name,
                    customer_name: None,
                    starts_at: line.starts_at,
                    ends_at: line.ends_at,
                    revision: line.revision,
                    created_at: None,
                    updated_at: self.message.created_at,
                    tenant_name: &tenant.name,
                    tenant_address: tenant.address.as_deref(),
                })
            })
            .collect();
        let code = entries.first()?.code;
        Some(CalendarFile {
            name: format!("{code}.ics"),
            method: ical::method(&entries),
            text: ical::file(&entries, facts.catalogue.texts.privacy()),
        })
    }

    /// `None`: it goes to a member of staff, or nobody reaches this program from outside.
    fn unsubscribe(&self) -> Option<Unsubscribe> {
        let direct = &self.message.direct;
        let mut token = [self.tenant.into_bytes(), direct.customer_id?.into_bytes()].concat();
        token.extend(u128::from_str_radix(direct.unsubscribe.as_deref()?, 16).ok()?.to_be_bytes());
        let token = URL_SAFE_NO_PAD.encode(token);
        let base = self.cx.channels.public_url.as_ref()?;
        let facts = &self.message.facts;
        Some(Unsubscribe {
            link: channel::at(base, &["unsubscribe", &token]).into(),
            words: letter::unsubscribe_words(
                letter::locale_of(facts),
                &facts.catalogue.tenant.name,
            ),
        })
    }

    async fn failed(&self, error: SendError, text: &str) -> Result<Done, JobError> {
        tracing::warn!(
            tenant.id = %self.tenant, message.id = %self.message.id, message.attempt = self.message.attempts,
            channel = self.message.channel,
            error = &error as &dyn std::error::Error, "a message was not sent"
        );
        let (why, attempts) = (error.to_string(), self.message.attempts);
        match error {
            SendError::NotSent { retry: Retry::Soon | Retry::WhenConnected } => {
                self.later(Fate::NotSent, &why, text, backoff(attempts, AWAY)).await
            }
            SendError::NotSent { retry: Retry::Slowly } => {
                // From 32 s on.
                let delay = backoff(attempts.saturating_add(5), DEFERRED);
                self.later(Fate::NotSent, &why, text, delay).await
            }
            SendError::MaybeSent { .. } => {
                self.later(Fate::MaybeSent, &why, text, Duration::from_secs(2)).await
            }
            SendError::Refused { what: Refusal::OptedOut } => {
                let mut db = self.tenant_tx().await?;
                direct::opt_out(&mut db, self.message.id).await?;
                db.commit().await?;
                self.give_up(&why).await
            }
            SendError::Refused { .. } => self.give_up(&why).await,
            // What a person has to put right takes longer than a message is worth: the next channel.
            SendError::Misconfigured { .. } | SendError::OurBug { .. } => {
                tracing::error!(
                    alert = "channel misconfigured", tenant.id = %self.tenant,
                    channel = self.message.channel, why, "a channel cannot be used"
                );
                self.give_up(&why).await
            }
        }
    }

    async fn sent(&self, provider_id: &str, text: &str) -> Result<Done, JobError> {
        let mut db = self.tenant_tx().await?;
        outbox::sent(&mut db, self.message.id, provider_id, text).await?;
        db.commit().await?;
        Ok(Done::Finish)
    }

    async fn later(
        &self,
        fate: Fate,
        why: &str,
        text: &str,
        delay: Duration,
    ) -> Result<Done, JobError> {
        let mut db = self.tenant_tx().await?;
        outbox::retry(&mut db, self.message.id, fate, why, text, delay).await?;
        db.commit().await?;
        Err(JobError::Snooze(delay))
    }

    async fn give_up(&self, why: &str) -> Result<Done, JobError> {
        tracing::warn!(
            tenant.id = %self.tenant, message.id = %self.message.id,
            channel = self.message.channel, why, "a channel gives a message up"
        );
        let mut db = self.tenant_tx().await?;
        outbox::failed(&mut db, self.message.id, why).await?;
        db.commit().await?;
        Ok(Done::Finish)
    }

    async fn tenant_tx(&self) -> sqlx::Result<TenantTx> {
        TenantTx::begin(&self.cx.pool, self.tenant, self.cx.clock.now()).await
    }
}
