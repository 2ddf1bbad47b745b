//! Words that the rules here could not place, placed by a language model.
//!
//! Where a turn would only say that it did not understand, it may ask instead ([`Question`], with
//! [`Effect::Interpret`]) and wait a few seconds for [`Event::Interpreted`](super::Event). What the
//! model may say is a closed list: a [`Purpose`], keys of the catalogue, and words of the calendar,
//! which our own understanding reads. It comes to what the customer could have typed plainly: a
//! search, a question, a person. It confirms nothing, cancels nothing and says nothing; and where
//! the rules do understand, it is not heard at all.
//!
//! Whatever the customer writes meanwhile is read together with what waits, as one burst.

mod masked;
mod meant;

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::text::Text;
use super::turn::Turn;
use super::{Dialogue, Effect, Message, Step};
use crate::domain::catalogue::Catalogue;
use crate::domain::locale::Locale;

pub(super) use meant::answer;

/// How long the customer waits for the model at most, the time in the queue included.
const WAIT: TimeDelta = TimeDelta::seconds(6);
/// With less time left than this the model is not asked again.
const LEFT_AT_LEAST: TimeDelta = TimeDelta::seconds(2);
/// Words that waited longer than this are history, and not part of what is said now.
const ONE_BREATH: TimeDelta = TimeDelta::minutes(10);
/// A word shorter than this says nothing that is worth asking about.
const TELLING_LETTERS: usize = 3;
/// Of a day or a time no more characters are looked at.
const EXPRESSION_MAX: usize = 60;

/// What a customer may want, as far as a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To come for something, perhaps at some time.
    Book,
    /// What is free.
    Availability,
    Price,
    /// When the tenant is open.
    Hours,
    Address,
    /// What they have booked.
    Bookings,
    /// To come at another time than booked.
    Move,
    /// Not to come: leads to the question, never past it.
    Cancel,
    /// To talk to a person.
    Person,
    Thanks,
}

impl Purpose {
    pub const ALL: [Self; 10] = [
        Self::Book,
        Self::Availability,
        Self::Price,
        Self::Hours,
        Self::Address,
        Self::Bookings,
        Self::Move,
        Self::Cancel,
        Self::Person,
        Self::Thanks,
    ];
}

/// What a model made of a text. Nothing in it is said to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpretation {
    pub purpose: Purpose,
    /// Keys of services, in the customer's order.
    #[serde(default)]
    pub services: Vec<String>,
    /// Key of a member of staff.
    #[serde(default)]
    pub staff: Option<String>,
    /// The day in words, such as "amanhã".
    #[serde(default)]
    pub date: Option<String>,
    /// The time in words, such as "depois das 14h".
    #[serde(default)]
    pub time: Option<String>,
}

impl Interpretation {
    /// The same within the closed lists: days and times keep the words of the calendar alone, and a
    /// key that the catalogue does not have makes all of it worthless (`None`).
    #[must_use]
    pub fn closed(mut self, catalogue: &Catalogue, locale: Locale) -> Option<Self> {
        let service = |key: &String| catalogue.services.iter().any(|known| known.key == *key);
        let member = |key: &String| catalogue.staff.iter().any(|known| known.key == *key);
        if !self.services.iter().all(service) || !self.staff.iter().all(member) {
            return None;
        }
        let mut seen: Vec<String> = Vec::new();
        self.services.retain(|key| {
            let new = !seen.contains(key);
            seen.push(key.clone());
            new
        });
        let plain = |said: Option<String>| {
            said.map(|said| meant::calendar_words(&said, locale.language()))
                .filter(|said| !said.is_empty())
        };
        self.date = plain(self.date);
        self.time = plain(self.time);
        Some(self)
    }
}

/// What a model is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What the customer wrote, without their name, long numbers and addresses; at most 500
    /// characters.
    pub text: String,
    /// Name of the state of the conversation.
    pub state: String,
    pub locale: Locale,
    /// Until when the answer is waited for.
    pub until: DateTime<Utc>,
}

/// Messages that wait for the model's answer. They are answered together, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub messages: Vec<Message>,
    /// Until when the answer is waited for.
    pub until: DateTime<Utc>,
}

/// The dialogue and the messages of a turn, with those that were waiting; and until when a model may
/// still be waited for.
pub(super) fn with_those_waiting<'a>(
    dialogue: &'a Dialogue,
    messages: &'a [Message],
    now: DateTime<Utc>,
) -> (Cow<'a, Dialogue>, Cow<'a, [Message]>, DateTime<Utc>) {
    let Some(pending) = &dialogue.pending else {
        return (Cow::Borrowed(dialogue), Cow::Borrowed(messages), now + WAIT);
    };
    let rest = Cow::Owned(without_pending(dialogue));
    if dialogue.with_person || now - pending.until > ONE_BREATH {
        return (rest, Cow::Borrowed(messages), now + WAIT);
    }
    let all = [&pending.messages, messages].concat();
    (rest, Cow::Owned(all), pending.until)
}

/// The dialogue with nothing waiting.
pub(super) fn without_pending(dialogue: &Dialogue) -> Dialogue {
    Dialogue { pending: None, ..dialogue.clone() }
}

/// The step that asks: nothing moves until the answer is there.
pub(super) fn asking(dialogue: &Dialogue, question: &Question) -> Step {
    let effects = vec![Effect::Interpret { question: question.clone() }];
    Step::Turn { dialogue: dialogue.clone(), effects }
}

/// Has the messages wait, where the step asks about them.
pub(super) fn keep_waiting(mut step: Step, messages: &[Message]) -> Step {
    if let Step::Turn { dialogue, effects } = &mut step
        && let [Effect::Interpret { question }] = effects.as_slice()
    {
        dialogue.pending = Some(Pending { messages: messages.to_vec(), until: question.until });
    }
    step
}

/// What to ask about a text that was not understood; `None`: there is no use in asking.
pub(super) fn question(turn: &Turn<'_>, text: &Text) -> Option<Question> {
    let until = turn.interpreted_until?;
    let telling = |word: &String| {
        word.chars().filter(|letter| letter.is_alphabetic()).count() >= TELLING_LETTERS
    };
    let worth_it = turn.known.interprets
        && until - turn.now >= LEFT_AT_LEAST
        && !turn.known.catalogue.services.is_empty()
        && text.words().iter().any(telling);
    worth_it.then(|| Question {
        text: masked::masked(&text.raw, turn.known.customer.name.as_deref()),
        state: turn.dialogue.state.name().to_owned(),
        locale: turn.locale(),
        until,
    })
}
