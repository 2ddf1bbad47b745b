//! From the messages of a turn to the state that answers them.

use super::intent::{Input, Intent, subscription};
use super::menu::bare_digit;
use super::phrases::words;
use super::state::State;
use super::text::Text;
use super::turn::{Answer, Outcome, Turn};
use super::{
    Customer, Effect, Message, MessageKind, completed, confirmation, date_time, greeting, media,
    sent_notice, service_selection,
};
use crate::domain::catalogue::Catalogue;

/// Whether a message, read while a person answers, calls the bot back: the menu word. Only such a
/// message is for [`step`](super::step) then, which answers it with [`Effect::Resume`].
pub fn calls_the_bot(message: &Message, customer: &Customer, catalogue: &Catalogue) -> bool {
    let language = customer.locale.unwrap_or(catalogue.tenant.locale).language();
    // Greetings are menu words too, but they may well be meant for the person.
    let menu = words(language).menu.first().copied().unwrap_or_default();
    message.text.as_deref().is_some_and(|text| Text::new(text).is_any(&[menu]))
}

/// The words of a turn: all texts, or the last alone where it answers the menu.
struct Said {
    text: Text,
    tap: Option<String>,
    /// A medium that came along.
    medium: Option<MessageKind>,
}

pub(super) fn answer(turn: &Turn<'_>, messages: &[Message]) -> Outcome {
    let known = turn.known;
    let calls = |message| calls_the_bot(message, known.customer, known.catalogue);
    let worded = |message: &Message| message.text.as_deref().is_some_and(|t| !t.trim().is_empty());
    let messages = match messages.iter().rposition(calls) {
        // "menu", and at once what is wanted.
        Some(call) if turn.dialogue.with_person && messages[call + 1..].iter().any(worded) => {
            &messages[call + 1..]
        }
        _ => messages,
    };
    let medium = messages.iter().rev().map(|message| message.kind).find(|kind| is_medium(*kind));
    let Some(said) = said(turn, messages, medium) else {
        let answer = medium.and_then(|kind| media::answer(turn, kind));
        return Ok(answer.unwrap_or_else(|| Answer::unmoved(turn)));
    };
    let answer = words_said(turn, &said)?;
    let thanks = said.medium.map(|kind| media::thanks_for(turn, kind));
    Ok(answer.say_first(thanks))
}

fn is_medium(kind: MessageKind) -> bool {
    match kind {
        MessageKind::Text | MessageKind::Choice | MessageKind::Sticker | MessageKind::Reaction => {
            false
        }
        MessageKind::Audio
        | MessageKind::Image
        | MessageKind::Video
        | MessageKind::Document
        | MessageKind::Location
        | MessageKind::Contact
        | MessageKind::Other => true,
    }
}

fn said(turn: &Turn<'_>, messages: &[Message], medium: Option<MessageKind>) -> Option<Said> {
    let worded: Vec<(&Message, &str)> = messages
        .iter()
        .filter(|message| carries_words(turn, message))
        .filter_map(|message| {
            let text = message.text.as_deref().or(message.choice.as_deref())?.trim();
            (!text.is_empty()).then_some((message, text))
        })
        .collect();
    let (last, text) = worded.last()?;
    let tap = last.choice.clone();
    let alone = Text::new(text);
    let text = if worded.len() == 1 || answers_alone(turn, &alone, tap.as_deref()) {
        alone
    } else {
        let all: Vec<&str> = worded.iter().map(|(_, text)| *text).collect();
        Text::new(&all.join("\n"))
    };
    Some(Said { text, tap, medium })
}

/// A caption is read as a text; a reaction only where it is the thumb that answers a question.
fn carries_words(turn: &Turn<'_>, message: &Message) -> bool {
    match message.kind {
        MessageKind::Sticker => false,
        MessageKind::Reaction => {
            let thumb = message.text.as_deref().is_some_and(|t| Text::new(t).is_any(&["👍"]));
            // A booking may be confirmed by thumb, for the time was chosen; nothing is cancelled so.
            let asked = matches!(turn.dialogue.state, State::Confirmation(_));
            let asked = asked && !turn.notice_menu && turn.dialogue.menu.yes().is_some();
            thumb && (asked || sent_notice::takes_thumb(turn))
        }
        MessageKind::Text
        | MessageKind::Choice
        | MessageKind::Audio
        | MessageKind::Image
        | MessageKind::Video
        | MessageKind::Document
        | MessageKind::Location
        | MessageKind::Contact
        | MessageKind::Other => true,
    }
}

/// Whether the last message of a burst stands for itself.
fn answers_alone(turn: &Turn<'_>, text: &Text, tap: Option<&str>) -> bool {
    tap.is_some()
        || bare_digit(text, turn.words).is_some()
        || subscription(text, turn.words).is_some()
        || match Input::read(turn, text, None) {
            Input::Chosen(_) | Input::OffMenu | Input::Yes | Input::No => true,
            Input::Intent(intent) => match intent {
                Intent::Menu
                | Intent::Back
                | Intent::Cancel
                | Intent::MyBookings
                | Intent::Person
                | Intent::Speak(_) => true,
                // "haircut" + "thanks", "I booked a haircut" + "can I move it": one thought.
                Intent::Change | Intent::Book | Intent::Thanks | Intent::Price => false,
            },
            Input::Free => false,
        }
}

fn words_said(turn: &Turn<'_>, said: &Said) -> Outcome {
    if let Some(subscribed) = subscription(&said.text, turn.words) {
        return Ok(subscribe(turn, subscribed));
    }
    let input = Input::read(turn, &said.text, said.tap.as_deref());
    if let Some(notice) = turn.known.notice
        && let Some(answer) =
            sent_notice::answer(turn, notice, &input, &said.text, said.tap.is_some())?
    {
        return Ok(answer);
    }
    match &turn.dialogue.state {
        State::Greeting => greeting::step(turn, input, &said.text),
        State::ServiceSelection(state) => service_selection::step(turn, state, input, &said.text),
        State::DateTime(plan) => date_time::step(turn, plan, input, &said.text),
        State::Confirmation(asked) => confirmation::step(turn, asked, input, &said.text),
        State::Completed(state) => completed::step(turn, state, input, &said.text),
    }
}

/// Stops or starts reminders and news; the visit itself stays booked, and that is said.
fn subscribe(turn: &Turn<'_>, subscribed: bool) -> Answer {
    let phrases = turn.phrases;
    let tenant = &turn.known.catalogue.tenant.name;
    let of_tenant = turn.format.of_tenant(tenant);
    let answer = Answer::unmoved(turn).missed(0);
    if subscribed {
        return answer.effect(Effect::OptIn).say(phrases.opted_in(tenant, &of_tenant));
    }
    let bookings: Vec<_> = turn.active().collect();
    let still_on = match bookings.as_slice() {
        [] => None,
        [one] => {
            let start = turn.local(one.starts_at);
            let (day, time) = (turn.format.day(start.date()), turn.format.time(start.time()));
            Some(phrases.still_on(&day, &turn.format.at(start.time()), &time))
        }
        several => Some(phrases.all_still_on(&several.len().to_string())),
    };
    let start_again = phrases.write_start();
    answer.effect(Effect::OptOut).say(phrases.opted_out(tenant, &of_tenant)).say(match still_on {
        Some(still_on) => format!("{still_on} {start_again}"),
        None => start_again,
    })
}
