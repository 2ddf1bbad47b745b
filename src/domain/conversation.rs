//! The conversation of five states as a pure machine: `step(dialogue, event, now, known) → step`.
//!
//! The shell (`jobs::process_message`) loads what is [`Known`], calls [`step`], and saves the new
//! [`Dialogue`] and the [`Effect`]s in one transaction. Where a decision needs free slots and the
//! busy spans are not known yet, [`step`] returns [`Step::Ask`] and is called again with them, so
//! that it stays pure and can be replayed.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::catalogue::{Booking, Busy, Catalogue, Span};
use crate::domain::locale::Locale;

mod act;
mod bookings;
pub mod choices;
mod completed;
mod confirmation;
mod courtesies;
mod date_order;
mod date_time;
pub(crate) mod format;
mod function_words;
mod giving_up;
mod greeting;
mod heard;
mod idle;
mod intent;
mod interpretation;
mod lost;
mod media;
mod menu;
mod miss;
mod negation;
mod offers;
mod opt_out;
mod out_of_hours;
pub(crate) mod phrases;
mod prices;
mod questions;
mod readings;
mod request;
mod returning;
mod sent_notice;
mod service_change;
mod service_selection;
mod spoken;
mod staff_wish;
mod stale;
mod state;
mod switched_off;
mod text;
mod turn;
mod visit;
mod which_booking;
mod why;
mod wish;
mod with_person;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use heard::calls_the_bot;
pub use interpretation::{Interpretation, Pending, Purpose, Question};
pub use menu::{CHOICES_MAX, Choice, Menu};
pub use phrases::{Replaceable, Texts, check as check_text, preview as preview_text, replaceable};
pub use spoken::Leaning;
pub use state::{Completed, Confirmation, Plan, ServiceSelection, State};
pub use visit::{LINES_MAX, Line, MovedLine, Wanted};
pub use wish::{TimeOfDay, Wish};

use spoken::Heard;
use turn::{Ask, Outcome, Turn};

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
    /// A person answers. The bot is silent then, but for a message that [`calls_the_bot`], with
    /// which it begins anew; where staff switch it on again, this has to be set back to `false`.
    pub with_person: bool,
    /// The assistant has said who it is.
    pub greeted: bool,
    /// When the last menu was shown.
    pub menu_at: Option<DateTime<Utc>>,
    /// When the last turn was taken.
    pub last_turn: Option<DateTime<Utc>>,
    /// The customer was asked once whether they want to go on.
    pub nudged: bool,
    /// The local day on which it was last said that the team is away, to a customer who waits for
    /// a person.
    pub away_told: Option<NaiveDate>,
    /// Another language than ours, that the last messages seemed to be in.
    pub leaning: Option<Leaning>,
    /// Messages that wait for what a model makes of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
}

/// Takes one turn: what happened, `now`, with what is `known`, comes to a new dialogue and effects.
///
/// Pure: the same arguments give the same step. Where free slots decide and `known.busy` is `None`
/// it asks for one stretch of time that is enough for the whole turn; with `busy` it never asks.
pub fn step(dialogue: &Dialogue, event: &Event, now: DateTime<Utc>, known: &Known<'_>) -> Step {
    if switched_off::is(known) {
        return switched_off::step(dialogue, event, now, known);
    }
    match event {
        Event::Said { messages } => {
            let (dialogue, messages, until) =
                interpretation::with_those_waiting(dialogue, messages, now);
            said(&dialogue, &messages, now, known, None, Some(until))
        }
        Event::Interpreted { answer } => match &dialogue.pending {
            Some(Pending { messages, .. }) if !dialogue.with_person => {
                let dialogue = interpretation::without_pending(dialogue);
                said(&dialogue, messages, now, known, answer.as_ref(), None)
            }
            // Nothing waits any more, or for a person.
            Some(_) | None => with_person::silent(&interpretation::without_pending(dialogue)),
        },
        Event::Lost { lines } => {
            let heard = spoken::before(dialogue, known);
            answered(dialogue, now, known, &heard, |turn| lost::answer(turn, lines))
        }
        Event::Nudge => idle::nudge(dialogue, now, known),
        Event::NobodyAnswered => with_person::nobody_answered(dialogue, now, known),
        Event::Resumed => {
            with_person::resumed(&interpretation::without_pending(dialogue), now, known)
        }
    }
}

/// What the customer said is answered: with what a model made of it where it was asked, and after
/// asking one where it may be waited for.
fn said(
    dialogue: &Dialogue,
    messages: &[Message],
    now: DateTime<Utc>,
    known: &Known<'_>,
    meant: Option<&Interpretation>,
    interpreted_until: Option<DateTime<Utc>>,
) -> Step {
    if dialogue.with_person && !heard::call_the_bot(messages, known) {
        return with_person::waits(dialogue, messages, now, known);
    }
    let heard = spoken::heard(dialogue, messages, known);
    // What was typed before a notice left is no answer to it.
    let notice = known.notice.filter(|notice| !stale::precede(messages, notice));
    let known = &Known { notice, ..known.clone() };
    let step = answered(dialogue, now, known, &heard, |turn| {
        heard::answer(&Turn { meant, interpreted_until, ..turn }, messages)
    });
    interpretation::keep_waiting(step, messages)
}

/// A turn of the bot: begun anew where it was forgotten or a person was called, in the language
/// that was heard, with the menu of a notice where one came last.
fn answered(
    dialogue: &Dialogue,
    now: DateTime<Utc>,
    known: &Known<'_>,
    heard: &Heard,
    answer: impl FnOnce(Turn<'_>) -> Outcome,
) -> Step {
    let forgotten = dialogue.last_turn.is_some_and(|last| now - last >= FORGOTTEN_AFTER);
    let as_it_was = dialogue;
    let mut dialogue = dialogue.clone();
    if forgotten || dialogue.with_person {
        // The count of menus goes on, so that a tap on an old one stays an old one.
        let menu = Menu::default().numbered(dialogue.menu.number);
        dialogue = Dialogue { menu, with_person: dialogue.with_person, ..Dialogue::default() };
    }
    dialogue.leaning = heard.leaning;
    let own = dialogue.menu.clone();
    let turn = Turn::new(now, known, &dialogue);
    let notice_menu = known.notice.and_then(|notice| sent_notice::menu(notice, turn.phrases));
    let with_notice;
    let turn = match notice_menu {
        Some(menu) => {
            // Counted, so that a tap on the menu before it is one on an older menu.
            let menu = menu.numbered(own.number.wrapping_add(1));
            with_notice = Dialogue { menu, ..dialogue.clone() };
            Turn { dialogue: &with_notice, notice_menu: true, ..turn }
        }
        None => turn,
    };
    let turn = heard.locale.map_or(turn, |locale| turn.speaking(locale));
    let outcome = answer(turn);
    let mut step = match outcome {
        Ok(answer) => match answer.question() {
            Some(question) => return interpretation::asking(as_it_was, question),
            None => turn.finish(answer),
        },
        Err(Ask(span)) => return Step::Ask(span),
    };
    if let Step::Turn { dialogue, effects } = &mut step {
        if dialogue.menu.number != own.number {
            dialogue.menu_at = Some(now);
        }
        if let Some(locale) = heard.locale
            && !effects.iter().any(|effect| matches!(effect, Effect::SetLocale { .. }))
        {
            effects.insert(0, Effect::SetLocale { locale });
        }
        idle::watch(dialogue, effects, now);
    }
    step
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
    pub history: &'a History,
    /// A model may be asked about words that are not understood.
    pub interprets: bool,
}

/// What was between the customer and the tenant before this turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// The last visit that took place, where everything of it is still on offer.
    pub last_visit: Option<LastVisit>,
    /// When the last reminder or other message that nobody asked for was sent.
    pub last_proactive_at: Option<DateTime<Utc>>,
    /// When a person of the team last wrote in this conversation.
    pub last_person_at: Option<DateTime<Utc>>,
}

/// What a customer last came for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastVisit {
    /// In the order of the visit, at least one.
    pub services: Vec<Uuid>,
    /// Who did all of them, where it was one and the same.
    pub staff_id: Option<Uuid>,
    pub at: DateTime<Utc>,
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
    /// The services of the visit that the booking was part of, soonest first, cancelled or not;
    /// empty: the booking's alone.
    #[serde(default)]
    pub services: Vec<Uuid>,
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
    Lost {
        /// The whole visit, of which the database does not say which line it was.
        lines: Vec<Line>,
    },
    /// Nothing was said for a while after [`Effect::SetTimer`] of [`Timer::Idle`].
    Nudge,
    /// A person was asked for, and none has written in time.
    NobodyAnswered,
    /// The team has left the conversation to the bot again.
    Resumed,
    /// A model has answered [`Effect::Interpret`], or it is waited for no longer.
    Interpreted {
        /// None: nothing that is of use.
        answer: Option<Interpretation>,
    },
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
    /// When that message left, where it is one of ours.
    #[serde(default)]
    pub quoted_at: Option<DateTime<Utc>>,
    /// When the gateway brought it.
    #[serde(default)]
    pub received_at: Option<DateTime<Utc>>,
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
    /// Take a visit, all of it or nothing, until the customer has decided. May come back as
    /// [`Event::Lost`].
    Hold {
        lines: Vec<Line>,
        until: DateTime<Utc>,
    },
    /// Give a held time back. A visit gives back each of its bookings.
    Release {
        booking_id: Uuid,
    },
    /// Make a held time a booking. May come back as [`Event::Lost`] when the hold is over. A visit
    /// confirms each of its bookings.
    Confirm {
        booking_id: Uuid,
    },
    /// Move the bookings of a visit. May come back as [`Event::Lost`]; the old times stay then.
    Move {
        lines: Vec<MovedLine>,
    },
    Cancel {
        booking_id: Uuid,
    },
    /// From here on a person answers; the bot is silent until it is switched back.
    HandOff,
    /// The team shall look at this conversation; the bot goes on answering.
    NotifyStaff {
        reason: NotifyReason,
    },
    /// Brings an event at this time, unless the customer writes before.
    SetTimer {
        timer: Timer,
        at: DateTime<Utc>,
    },
    /// Asks a model about words that were not understood. Brings [`Event::Interpreted`] at
    /// `until` at the latest, unless the customer writes before. The only effect of its step.
    Interpret {
        question: Question,
    },
    /// What the customer wrote to the team was thanks or a farewell: nobody need answer it.
    ExpectNoAnswer,
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

/// Why the team shall look at a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyReason {
    /// A person was asked for while the team is away.
    LeftMessage,
}

/// What a conversation may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The customer says nothing: [`Event::Nudge`].
    Idle,
}
