//! A turn of a conversation: what it loads and what it saves, a round trip each.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::TenantTx;
use super::journal::Entry;
use crate::domain::catalogue::{Booking, Catalogue};
use crate::domain::conversation::choices::Offered;
use crate::domain::conversation::{Customer, Effect, History, SentNotice};

/// Who holds a job: only they may mark it done.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub job_id: &'a str,
    pub worker: &'a str,
}

/// What waits in a conversation.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Begun {
    /// There are messages, or a timer has come due; the conversation is ours until the transaction
    /// ends.
    Turn(Box<Loaded>),
    /// The customer may not have finished: the messages are answered together then.
    Wait { until: DateTime<Utc> },
    /// Nothing is to be done.
    Empty,
    /// Another worker is at it.
    Locked,
    /// There is no such conversation.
    Gone,
}

/// All that a step may ask about, save busy times.
#[derive(Debug, Deserialize)]
pub struct Loaded {
    pub mode: Mode,
    /// Name of the state, as in `context`.
    pub state: String,
    /// The dialogue as it was saved; `{}` for a new one.
    pub context: Value,
    /// What the customer wrote, in order.
    pub messages: Vec<Waiting>,
    /// Without messages: what has come due.
    pub timer: Option<Timer>,
    pub customer: Customer,
    pub bookings: Vec<Booking>,
    /// What was sent outside of any turn after the last answer.
    pub notice: Option<SentNotice>,
    pub history: History,
    pub catalogue: Catalogue,
    /// What the journal knows the catalogue by.
    pub catalogue_hash: String,
}

/// What a conversation may wait for: `conversation_timers.timer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The customer has said nothing for a while.
    Idle,
    /// The customer waits for a person, and none has written.
    NobodyAnswered,
    /// No person has written for hours, or somebody has switched the bot on again.
    PauseOver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Bot,
    Human,
}

/// A message of the inbox.
#[derive(Debug, Deserialize)]
pub struct Waiting {
    pub id: Uuid,
    pub kind: String,
    pub body: Value,
    pub sent_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    /// When the message of ours left that this one quotes.
    pub quoted_at: Option<DateTime<Utc>>,
    /// The menu that message showed.
    pub quoted_choices: Option<Vec<Offered>>,
}

/// Locks a conversation and loads its turn.
///
/// # Errors
///
/// Also when what is stored cannot be read any more: a release must read what earlier ones wrote.
pub async fn begin(db: &mut TenantTx, conversation: Uuid) -> sqlx::Result<Begun> {
    let Json(begun) = sqlx::query_scalar::<_, Json<Begun>>("select app.begin_turn($1)")
        .bind(conversation)
        .fetch_one(db.conn())
        .await?;
    Ok(begun)
}

/// A turn that has been decided.
#[derive(Debug, Serialize)]
pub struct Turn<'a> {
    pub conversation_id: Uuid,
    /// Messages it takes in.
    pub message_ids: Vec<Uuid>,
    /// The timer it acts on.
    pub timer: Option<Timer>,
    pub state: &'a str,
    pub context: &'a Value,
    pub effects: &'a [Effect],
    /// The menu that the reply shows; none: no menu.
    pub choices: &'a [Offered],
    /// Every step that led here, for the timeline and for replay.
    pub journal: &'a [Entry],
    /// Version of the program that decided.
    pub version: &'static str,
    pub job_id: &'a str,
    pub worker: &'a str,
}

/// What saving came to.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Saved {
    Committed,
    /// The database refused this effect and kept nothing; `booking` is what it spoke of, if any.
    Lost {
        effect: Box<Effect>,
        booking: Option<Box<Booking>>,
    },
}

/// Saves a turn whole, marks its messages read and its job done. The caller commits.
pub async fn save(db: &mut TenantTx, turn: &Turn<'_>) -> sqlx::Result<Saved> {
    let Json(saved) = sqlx::query_scalar::<_, Json<Saved>>("select app.commit_turn($1)")
        .bind(Json(turn))
        .fetch_one(db.conn())
        .await?;
    Ok(saved)
}
