//! A customer has written: one turn of their conversation.

use std::time::Duration;

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Attempt, Context, Done, Job, JobError};
use crate::db::dialogue::{DialogueKey, Kept};
use crate::db::journal::{Entry, Snapshot};
use crate::db::turns::{self, Begun, Holder, Loaded, Mode, Saved, Timer, Turn, Waiting};
use crate::db::{self, TenantTx};
use crate::domain::catalogue::{Booking, Busy, Status};
use crate::domain::conversation::choices::{self, Offered};
use crate::domain::conversation::{
    Dialogue, Effect, Event, Known, Line, Message, MessageKind, MovedLine, Step, step,
};

/// How soon to look again at a conversation that another worker is at.
const BUSY: Duration = Duration::from_millis(250);
/// How often one turn may lose a time to somebody else before it starts over.
const MOST_LOSSES: usize = 5;

/// Reads what waits in a conversation, decides, and saves the turn whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProcessMessage {
    pub tenant_id: Uuid,
    pub conversation_id: Uuid,
}

impl Job for ProcessMessage {
    const KIND: &'static str = "process_message";
    const TIMEOUT: Duration = Duration::from_secs(30);

    async fn run(self, cx: &Context, attempt: &Attempt) -> Result<Done, JobError> {
        let now = cx.clock.now();
        let dialogues = &cx.copies.dialogues;
        let key = DialogueKey { tenant: self.tenant_id, conversation: self.conversation_id };
        let kept = dialogues.recall(key).await;
        let mut db = TenantTx::begin(&cx.pool, self.tenant_id, now).await?;
        let begun = turns::begin(&mut db, self.conversation_id, &cx.copies, kept.as_ref()).await?;
        let loaded = match begun {
            Begun::Turn(loaded) => loaded,
            // Every message and every timer brings a job of its own, and the first one to run does all.
            Begun::Empty | Begun::Gone => {
                db.commit().await?;
                return Ok(Done::Finish);
            }
            Begun::Wait { until } => {
                return Err(JobError::Snooze((until - now).to_std().unwrap_or_default()));
            }
            Begun::Locked => return Err(JobError::Snooze(BUSY)),
        };
        let interprets = loaded.catalogue.features.llm
            && cx.model.as_ref().is_some_and(|model| model.is_ready(now));
        let saved = self.take(&mut db, *loaded, interprets, now, attempt).await?;
        db.commit().await?;
        if dialogues.keeps_copies() {
            dialogues.keep(key, Kept::of(&saved)).await;
        }
        Ok(Done::Recorded)
    }
}

impl ProcessMessage {
    /// Takes the turn and saves it; the dialogue as it is then.
    async fn take(
        &self,
        db: &mut TenantTx,
        loaded: Loaded,
        interprets: bool,
        now: DateTime<Utc>,
        attempt: &Attempt,
    ) -> Result<Value, JobError> {
        let message_ids = loaded.messages.iter().map(|message| message.id).collect::<Vec<_>>();
        let event = event_of(&loaded).ok_or_else(|| {
            JobError::GiveUp(anyhow!("a turn without messages and without a timer"))
        })?;
        let mut before = dialogue_of(&loaded);
        // Staff may have taken over or given back since the last turn.
        before.with_person = loaded.mode == Mode::Human;
        let mut decision = Decision::new(self.conversation_id, before, &loaded, interprets);
        decision.decide(db, event, now).await?;
        for _ in 0..MOST_LOSSES {
            let context = json_of(&decision.after)?;
            let offered = decision.offered();
            let turn = Turn {
                conversation_id: self.conversation_id,
                message_ids: message_ids.clone(),
                timer: loaded.timer,
                state: decision.after.state.name(),
                context: &context,
                effects: &decision.effects,
                choices: &offered,
                journal: &decision.journal,
                version: env!("CARGO_PKG_VERSION"),
                wanted_at: loaded.messages.iter().map(|message| message.received_at).max(),
                job_id: &attempt.job_id,
                worker: &attempt.worker,
            };
            match turns::save(db, &turn).await? {
                Saved::Committed => return Ok(context),
                Saved::Lost { effect, booking } => {
                    let lost = lost_event(&effect, booking.as_deref(), &loaded.bookings)
                        .ok_or_else(|| {
                            JobError::Retry(anyhow!("an effect that takes no time was refused"))
                        })?;
                    decision.decide(db, lost, now).await?;
                }
            }
        }
        Err(JobError::Retry(anyhow!("lost {MOST_LOSSES} times to others in one turn")))
    }
}

/// The steps of one turn, up to the one that is saved.
struct Decision<'a> {
    conversation: Uuid,
    loaded: &'a Loaded,
    /// A model may be asked.
    interprets: bool,
    before: Dialogue,
    after: Dialogue,
    effects: Vec<Effect>,
    journal: Vec<Entry>,
}

impl<'a> Decision<'a> {
    fn new(conversation: Uuid, before: Dialogue, loaded: &'a Loaded, interprets: bool) -> Self {
        let (effects, journal) = (Vec::new(), Vec::new());
        Self { conversation, loaded, interprets, after: before.clone(), before, effects, journal }
    }

    /// Takes a step. What it needs to know about busy times is read from the database as it is now.
    ///
    /// Of a step that lost a time nothing was kept, the greeting it may have held included; but
    /// what it understood of the customer's wishes still stands.
    async fn decide(
        &mut self,
        db: &mut TenantTx,
        event: Event,
        now: DateTime<Utc>,
    ) -> Result<(), JobError> {
        let from = match event {
            Event::Said { .. }
            | Event::Nudge
            | Event::NobodyAnswered
            | Event::Resumed
            | Event::Interpreted { .. } => self.before.clone(),
            Event::Lost { .. } => Dialogue { greeted: self.before.greeted, ..self.after.clone() },
        };
        let mut busy: Option<Vec<Busy>> = None;
        let (dialogue, effects) = loop {
            let known = Known {
                catalogue: &self.loaded.catalogue,
                customer: &self.loaded.customer,
                bookings: &self.loaded.bookings,
                notice: self.loaded.notice.as_ref(),
                history: &self.loaded.history,
                busy: busy.as_deref(),
                interprets: self.interprets,
            };
            match step(&from, &event, now, &known) {
                Step::Turn { dialogue, effects } => break (dialogue, effects),
                Step::Ask(_) if busy.is_some() => {
                    return Err(JobError::GiveUp(anyhow!("the step asked twice")));
                }
                Step::Ask(span) => {
                    busy = Some(db::busy(db, span, Some(self.conversation), &[]).await?);
                }
            }
        };
        self.journal.push(Entry {
            event,
            before: json_of(&from)?,
            after: json_of(&dialogue)?,
            effects: effects.clone(),
            known: Snapshot {
                catalogue: self.loaded.catalogue_hash.clone(),
                customer: self.loaded.customer.clone(),
                bookings: self.loaded.bookings.clone(),
                notice: self.loaded.notice.clone(),
                history: self.loaded.history.clone(),
                interprets: self.interprets,
                busy,
            },
        });
        self.after = dialogue;
        self.effects = effects;
        Ok(())
    }

    /// The menu that the reply shows, entry by entry.
    fn offered(&self) -> Vec<Offered> {
        let shown = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Reply { text } => Some(text),
            _ => None,
        });
        shown.map(|text| choices::offered(&self.after.menu, text)).unwrap_or_default()
    }
}

/// The dialogue as it was saved. One that cannot be read any more starts anew: the customer is
/// greeted again, which is better than silence.
fn dialogue_of(loaded: &Loaded) -> Dialogue {
    if loaded.context.as_object().is_some_and(serde_json::Map::is_empty) {
        return Dialogue::default();
    }
    serde_json::from_value(loaded.context.clone()).unwrap_or_else(|error| {
        tracing::error!(
            state = loaded.state,
            line = error.line(),
            "a saved dialogue is unreadable; starting anew"
        );
        Dialogue::default()
    })
}

/// What the machine is told: the messages, or the timer that came due without any.
fn event_of(loaded: &Loaded) -> Option<Event> {
    if !loaded.messages.is_empty() {
        return Some(Event::Said { messages: messages_of(&loaded.messages) });
    }
    Some(match loaded.timer? {
        Timer::Idle => Event::Nudge,
        Timer::NobodyAnswered => Event::NobodyAnswered,
        Timer::PauseOver => Event::Resumed,
        Timer::Interpretation => Event::Interpreted { answer: loaded.interpretation.clone() },
    })
}

fn messages_of(waiting: &[Waiting]) -> Vec<Message> {
    waiting
        .iter()
        .map(|message| {
            let words = |field: &str| message.body[field].as_str().map(str::to_owned);
            let choice = choice_of(message);
            Message {
                sent_at: message.sent_at,
                kind: serde_json::from_value(Value::String(message.kind.clone()))
                    .unwrap_or(MessageKind::Other),
                text: words_of(message, choice.as_deref()),
                choice,
                quoted: words("quoted"),
                quoted_at: message.quoted_at,
                received_at: Some(message.received_at),
            }
        })
        .collect()
}

/// What was tapped, by its id. Polls and some lists tell the words of the entry alone, and whoever
/// quotes a menu may type its number or words: they mean it on the menu that they answer.
fn choice_of(message: &Waiting) -> Option<String> {
    let tapped = message.body["choice"].as_str();
    let offered = message.quoted_choices.as_deref().unwrap_or_default();
    if tapped.is_some_and(|id| offered.iter().any(|o| o.id == id)) {
        return tapped.map(str::to_owned);
    }
    let said = message.body["text"].as_str();
    match message.kind.as_str() {
        "choice" => {
            let by_words = |words: &str| choices::chosen(offered, words);
            said.and_then(by_words)
                .or_else(|| tapped.and_then(by_words))
                .or(tapped)
                .map(str::to_owned)
        }
        "text" => said.and_then(|said| choices::typed(offered, said)).map(str::to_owned),
        _ => tapped.map(str::to_owned),
    }
}

/// The words: of what was tapped, the whole entry, which a button may have shown cut.
fn words_of(message: &Waiting, choice: Option<&str>) -> Option<String> {
    let offered = message.quoted_choices.as_deref().unwrap_or_default();
    let entry = choice.and_then(|id| offered.iter().find(|entry| entry.id == id));
    entry
        .map(|entry| entry.label.clone())
        .or_else(|| message.body["text"].as_str().map(str::to_owned))
}

/// What the machine is told of a refused effect; `None` for effects that take no time.
fn lost_event(effect: &Effect, booking: Option<&Booking>, known: &[Booking]) -> Option<Event> {
    let line_of = |booking: &Booking| Line {
        service_id: booking.service_id,
        staff_id: booking.staff_id,
        starts_at: booking.starts_at,
    };
    let lines: Vec<Line> = match (effect, booking) {
        (Effect::Hold { lines, .. }, _) => lines.clone(),
        (Effect::Move { lines }, _) => {
            let moved = |line: &MovedLine| {
                let booking = known.iter().find(|booking| booking.id == line.booking_id)?;
                let (staff_id, starts_at) = (line.staff_id, line.starts_at);
                Some(Line { service_id: booking.service_id, staff_id, starts_at })
            };
            lines.iter().filter_map(moved).collect()
        }
        (Effect::Confirm { .. }, Some(refused)) => {
            // The conversation holds one visit at a time; all of it is lost with one line.
            let held = |b: &&Booking| b.status == Status::Held && b.visit_id == refused.visit_id;
            let lines: Vec<Line> = known.iter().filter(held).map(line_of).collect();
            if lines.is_empty() { vec![line_of(refused)] } else { lines }
        }
        _ => Vec::new(),
    };
    (!lines.is_empty()).then_some(Event::Lost { lines })
}

fn json_of(value: &impl Serialize) -> Result<Value, JobError> {
    serde_json::to_value(value).map_err(|error| JobError::GiveUp(error.into()))
}

impl<'a> From<&'a Attempt> for Holder<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        Self { job_id: &attempt.job_id, worker: &attempt.worker }
    }
}
