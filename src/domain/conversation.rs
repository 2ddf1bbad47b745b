//! The conversation of five states as a pure machine: `step(dialogue, event, now, known) → step`.
//!
//! The shell (`jobs::process_message`) loads what is [`Known`], calls [`step`], and saves the new
//! [`Dialogue`] and the [`Effect`]s in one transaction. Where a decision needs free slots and the
//! busy spans are not known yet, [`step`] returns [`Step::Ask`] and is called again with them, so
//! that it stays pure and can be replayed.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::catalogue::{Booking, Busy, Catalogue, Span};
use crate::domain::locale::Locale;

mod act;
mod bookings;
mod completed;
mod confirmation;
mod date_order;
mod date_time;
pub(crate) mod format;
mod function_words;
mod greeting;
mod heard;
mod intent;
mod lost;
mod media;
mod menu;
mod miss;
mod offers;
pub(crate) mod phrases;
mod sent_notice;
mod service_selection;
mod staff_wish;
mod state;
mod text;
mod turn;
mod wish;

#[cfg(test)]
mod tests;

pub use heard::calls_the_bot;
pub use menu::{CHOICES_MAX, Choice, Menu};
pub use state::{Completed, Confirmation, Plan, ServiceSelection, State};
pub use wish::{TimeOfDay, Wish};

use turn::{Ask, Turn};

/// After this long without a word a conversation begins anew, whatever was open.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(24);

/// What is remembered between turns: `conversations.state` and `conversations.context`. The default
/// is a conversation that has not begun; fields that an older release did not write take theirs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dialogue {
    pub state: State,
    /// The last menu sent: digits mean this and nothing else.
    pub menu: Menu,
    /// Messages in a row that were not understood.
    pub misses: u8,
    /// A person answers. A step is taken then only for a message that [`calls_the_bot`], and begins
    /// anew; where staff switch the bot on again, this has to be set back to `false`.
    pub with_person: bool,
    /// The assistant has said who it is.
    pub greeted: bool,
    /// When the last turn was taken.
    pub last_turn: Option<DateTime<Utc>>,
}

/// Takes one turn: what happened, `now`, with what is `known`, comes to a new dialogue and effects.
///
/// Pure: the same arguments give the same step. Where free slots decide and `known.busy` is `None`
/// it asks for one stretch of time that is enough for the whole turn; with `busy` it never asks.
pub fn step(dialogue: &Dialogue, event: &Event, now: DateTime<Utc>, known: &Known<'_>) -> Step {
    let forgotten = dialogue.last_turn.is_some_and(|last| now - last >= FORGOTTEN_AFTER);
    let fresh;
    let dialogue = if forgotten || dialogue.with_person {
        // The count of menus goes on, so that a tap on an old one stays an old one.
        let menu = Menu::default().numbered(dialogue.menu.number);
        fresh = Dialogue { menu, with_person: dialogue.with_person, ..Dialogue::default() };
        &fresh
    } else {
        dialogue
    };
    let turn = Turn::new(now, known, dialogue);
    let with_notice;
    let turn = match known.notice.and_then(|notice| sent_notice::menu(notice, turn.phrases)) {
        Some(menu) => {
            // Counted, so that a tap on the menu before it is one on an older menu.
            let menu = menu.numbered(dialogue.menu.number.wrapping_add(1));
            with_notice = Dialogue { menu, ..dialogue.clone() };
            Turn { dialogue: &with_notice, notice_menu: true, ..turn }
        }
        None => turn,
    };
    let outcome = match event {
        Event::Said { messages } => heard::answer(&turn, messages),
        Event::Lost { staff_id, service_id, starts_at } => {
            lost::answer(turn, *staff_id, *service_id, *starts_at)
        }
    };
    match outcome {
        Ok(answer) => turn.finish(answer),
        Err(Ask(span)) => Step::Ask(span),
    }
}

/// What a step may look at.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    pub catalogue: &'a Catalogue,
    pub customer: &'a Customer,
    /// The customer's bookings that are not over: held by this conversation, confirmed, arrived;
    /// soonest first.
    pub bookings: &'a [Booking],
    /// Busy spans of all staff over the span last asked for, this conversation's own holds left out.
    pub busy: Option<&'a [Busy]>,
    /// What was sent, or is about to be, since the last answer without a turn having asked for it.
    pub notice: Option<&'a SentNotice>,
}

/// A message that no turn asked for, sent after the last answer: its menu is the last one in the
/// chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SentNotice {
    /// `reminder`, `booking_confirmed`, `booking_moved` or `booking_cancelled`.
    pub template: String,
    /// Of a reminder: how long before the start, in seconds.
    pub before: Option<i64>,
    pub sent_at: DateTime<Utc>,
    /// The booking it speaks of, as it is now.
    pub booking: Booking,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    pub id: Uuid,
    /// What to call them, where known.
    pub name: Option<String>,
    /// What they write in, where remembered; none: the tenant's locale.
    pub locale: Option<Locale>,
    pub opted_out: bool,
    /// Their number is of another country than the tenant's, so that either order of day and month
    /// may be theirs.
    #[serde(default)]
    pub country_differs: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The customer's messages of one turn, oldest first, at least one.
    Said { messages: Vec<Message> },
    /// An effect of the step just taken was refused by the database: somebody else has that time,
    /// or the hold was over. Nothing of that step was kept; the dialogue to go on from may be the
    /// one before that step or the one it came to.
    Lost { staff_id: Uuid, service_id: Uuid, starts_at: DateTime<Utc> },
}

/// One message as the gateway delivered it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub sent_at: DateTime<Utc>,
    pub kind: MessageKind,
    /// The text, the caption of a medium, or the words of a choice.
    pub text: Option<String>,
    /// The id of a list row, button or poll option, where one was tapped.
    pub choice: Option<String>,
    /// The provider id of the message that this one answers.
    pub quoted: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    Text,
    /// A tap on a list row, a button or a poll.
    Choice,
    Audio,
    Image,
    Video,
    Document,
    Location,
    Contact,
    Sticker,
    Reaction,
    /// Anything else a person can send.
    Other,
}

/// What a step comes to.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "made and taken apart at once, never stored")]
pub enum Step {
    /// Load the busy spans of this stretch of time and call again with the same event.
    Ask(Span),
    Turn {
        dialogue: Dialogue,
        effects: Vec<Effect>,
    },
}

/// What is to be done, in this order, in the turn's transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// One message to the customer, at most 4,096 characters (600 by our own style).
    Reply {
        text: String,
    },
    /// Take a time until the customer has decided. May come back as [`Event::Lost`].
    Hold {
        service_id: Uuid,
        staff_id: Uuid,
        starts_at: DateTime<Utc>,
        until: DateTime<Utc>,
    },
    /// Give a held time back.
    Release {
        booking_id: Uuid,
    },
    /// Make a held time a booking. May come back as [`Event::Lost`] when the hold is over.
    Confirm {
        booking_id: Uuid,
    },
    /// Move a booking. May come back as [`Event::Lost`]; the old time stays then.
    Move {
        booking_id: Uuid,
        staff_id: Uuid,
        starts_at: DateTime<Utc>,
    },
    Cancel {
        booking_id: Uuid,
    },
    /// From here on a person answers; the bot is silent until it is switched back.
    HandOff,
    /// The bot answers again.
    Resume,
    /// What the customer writes in from here on; to be remembered with them.
    SetLocale {
        locale: Locale,
    },
    /// No more reminders and news.
    OptOut,
    OptIn,
}
