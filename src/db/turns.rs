//! A turn of a conversation: what it loads and what it saves, a round trip each.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::catalogues::Remembered;
use super::dialogue::{Dialogues, Kept};
use super::journal::Entry;
use super::{Copies, TenantTx};
use crate::domain::catalogue::{Booking, Catalogue};
use crate::domain::conversation::choices::Offered;
use crate::domain::conversation::{Customer, Effect, History, Interpretation, SentNotice};

/// Who holds a job: only they may mark it done.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub job_id: &'a str,
    pub worker: &'a str,
}

/// What waits in a conversation.
#[derive(Debug)]
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
#[derive(Debug)]
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
    /// With [`Timer::Interpretation`]: what the model answered.
    pub interpretation: Option<Interpretation>,
    pub customer: Customer,
    pub bookings: Vec<Booking>,
    /// What was sent outside of any turn after the last answer.
    pub notice: Option<SentNotice>,
    pub history: History,
    pub catalogue: Arc<Catalogue>,
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
    /// A model has answered, or is waited for no longer.
    Interpretation,
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

/// [`Begun`] as the database tells it.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Told {
    Turn(Box<Sent>),
    Wait { until: DateTime<Utc> },
    Empty,
    Locked,
    Gone,
}

/// [`Loaded`], without what is remembered here.
#[derive(Debug, Deserialize)]
struct Sent {
    mode: Mode,
    state: String,
    /// `None`: it is the copy.
    context: Option<Value>,
    messages: Vec<Waiting>,
    timer: Option<Timer>,
    interpretation: Option<Interpretation>,
    customer: Customer,
    bookings: Vec<Booking>,
    notice: Option<SentNotice>,
    history: History,
    /// `None`: it is the one remembered.
    catalogue: Option<Catalogue>,
    /// `None`: it has none, and nobody is to remember it.
    catalogue_version: Option<String>,
    catalogue_hash: String,
}

/// Locks a conversation and loads its turn. What is remembered (`copies`, and `kept` of the dialogue) is
/// not loaded again, as long as the database has the same.
///
/// # Errors
///
/// Also when what is stored cannot be read any more: a release must read what earlier ones wrote.
pub async fn begin(
    db: &mut TenantTx,
    conversation: Uuid,
    copies: &Copies,
    kept: Option<&Kept>,
) -> sqlx::Result<Begun> {
    let remembered = copies.catalogues.of(db.tenant());
    let mut known = serde_json::Map::new();
    if let Some(remembered) = &remembered {
        known.insert("catalogue_version".to_owned(), remembered.version.as_str().into());
        known.insert("catalogue_hash".to_owned(), remembered.hash.as_str().into());
    }
    if let Some(kept) = kept {
        known.insert("context_hash".to_owned(), kept.hash().into());
    }
    let Json(told) = sqlx::query_scalar::<_, Json<Told>>("select app.begin_turn($1, known => $2)")
        .bind(conversation)
        .bind(Json(known))
        .fetch_one(db.conn())
        .await?;
    let sent = match told {
        Told::Turn(sent) => *sent,
        Told::Wait { until } => return Ok(Begun::Wait { until }),
        Told::Empty => return Ok(Begun::Empty),
        Told::Locked => return Ok(Begun::Locked),
        Told::Gone => return Ok(Begun::Gone),
    };
    let catalogue = match (sent.catalogue, remembered) {
        (Some(catalogue), _) => {
            let catalogue = Arc::new(catalogue);
            if let Some(version) = sent.catalogue_version {
                let (hash, catalogue) = (sent.catalogue_hash.clone(), Arc::clone(&catalogue));
                copies.catalogues.loaded(db.tenant(), Remembered { version, hash, catalogue });
            }
            catalogue
        }
        (None, Some(remembered)) => {
            copies.catalogues.was_right();
            Arc::clone(&remembered.catalogue)
        }
        (None, None) => return Err(sqlx::Error::Protocol("a turn without a catalogue".to_owned())),
    };
    Ok(Begun::Turn(Box::new(Loaded {
        mode: sent.mode,
        state: sent.state,
        context: context_of(sent.context, kept, &copies.dialogues)?,
        messages: sent.messages,
        timer: sent.timer,
        interpretation: sent.interpretation,
        customer: sent.customer,
        bookings: sent.bookings,
        notice: sent.notice,
        history: sent.history,
        catalogue,
        catalogue_hash: sent.catalogue_hash,
    })))
}

/// The dialogue: as it came, or the copy that the database has found to be the same.
fn context_of(
    sent: Option<Value>,
    kept: Option<&Kept>,
    dialogues: &Dialogues,
) -> sqlx::Result<Value> {
    dialogues.was_asked(kept.is_some(), sent.is_none());
    match (sent, kept) {
        (Some(context), _) => Ok(context),
        (None, Some(kept)) => kept.context().map_err(|error| sqlx::Error::Decode(error.into())),
        (None, None) => Err(sqlx::Error::Protocol("a turn without a dialogue".to_owned())),
    }
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
    /// When the last of its messages came in; the replies tell how long they took by it.
    pub wanted_at: Option<DateTime<Utc>>,
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
