//! From the messages of a turn to the state that answers them.

use chrono::{DateTime, Utc};

use super::intent::{Input, Intent, subscription};
use super::menu::bare_digit;
use super::phrases::words;
use super::state::State;
use super::text::Text;
use super::turn::{Answer, Outcome, Turn};
use super::{
    Customer, Effect, Known, Message, MessageKind, completed, confirmation, date_time, giving_up,
    greeting, idle, interpretation, media, miss, opt_out, questions, sent_notice,
    service_selection, stale,
};
use crate::domain::catalogue::Catalogue;

/// Whether a message, read while a person answers, calls the bot back: the menu word. To any other
/// [`step`](super::step) says nothing then; this one it answers with [`Effect::Resume`].
pub fn calls_the_bot(message: &Message, customer: &Customer, catalogue: &Catalogue) -> bool {
    let language = customer.locale.unwrap_or(catalogue.tenant.locale).language();
    // Greetings are menu words too, but they may well be meant for the person.
    let menu = words(language).menu.first().copied().unwrap_or_default();
    message.text.as_deref().is_some_and(|text| Text::new(text).is_any(&[menu]))
}

/// Whether one of the messages calls the bot back.
pub(super) fn call_the_bot(messages: &[Message], known: &Known<'_>) -> bool {
    messages.iter().any(|message| calls_the_bot(message, known.customer, known.catalogue))
}

/// The words of a turn: all texts, or the last alone where it answers the menu.
struct Said {
    text: Text,
    tap: Option<String>,
    /// A medium that came along.
    medium: Option<MessageKind>,
    /// A number was typed for an older menu.
    outdated: bool,
    /// When the last of them was sent.
    at: DateTime<Utc>,
}

pub(super) fn answer(turn: &Turn<'_>, messages: &[Message]) -> Outcome {
    let messages = since_the_call(turn, messages);
    let stopped = stopped_before(turn, messages);
    let (messages, late) = stale::in_time(turn, messages);
    let medium = messages.iter().rev().map(|message| message.kind).find(|kind| is_medium(*kind));
    let answer = match said(turn, messages, medium) {
        Some(said) => {
            let thanks = said.medium.map(|kind| media::thanks_for(turn, kind));
            words_said(turn, &said)?.say_first(thanks)
        }
        None => match medium.and_then(|kind| media::answer(turn, kind)) {
            Some(answer) => answer,
            None if messages.iter().any(is_illegible) => miss::illegible(turn),
            None => return Ok(Answer::unmoved(turn)),
        },
    };
    let answer = if stopped {
        let lines = opt_out::stopped(turn).join("\n");
        answer.effect(Effect::OptOut).say_first(Some(lines))
    } else {
        answer
    };
    Ok(answer.say_first(late.then(|| turn.phrases.late())))
}

/// The messages after the one that called the bot back, where they say what is wanted.
fn since_the_call<'m>(turn: &Turn<'_>, messages: &'m [Message]) -> &'m [Message] {
    let known = turn.known;
    let calls = |message| calls_the_bot(message, known.customer, known.catalogue);
    let worded = |message: &Message| message.text.as_deref().is_some_and(|t| !t.trim().is_empty());
    match messages.iter().rposition(calls) {
        // "menu", and at once what is wanted.
        Some(call) if turn.dialogue.with_person && messages[call + 1..].iter().any(worded) => {
            &messages[call + 1..]
        }
        _ => messages,
    }
}

/// Whether reminders were stopped in a message before the last: whatever came after, that holds.
fn stopped_before(turn: &Turn<'_>, messages: &[Message]) -> bool {
    let text = |message: &Message| message.text.as_deref().map(Text::new);
    let subscribes = |message: &Message| {
        text(message).is_some_and(|text| subscription(&text, turn.words).is_some())
    };
    let Some(last) = messages.iter().rposition(subscribes) else { return false };
    last + 1 < messages.len()
        && text(&messages[last]).is_some_and(|text| opt_out::stops(turn, &text))
}

/// A tap that came without what was tapped, such as a vote that could not be decrypted.
fn is_illegible(message: &Message) -> bool {
    message.kind == MessageKind::Choice && message.text.is_none() && message.choice.is_none()
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
    let outdated = tap.is_none() && stale::is_for_older_menu(turn, last);
    Some(Said { text, tap, medium, outdated, at: last.sent_at })
}

/// A caption is read as a text; a reaction only where it is the thumb that answers a question.
fn carries_words(turn: &Turn<'_>, message: &Message) -> bool {
    match message.kind {
        MessageKind::Sticker => false,
        MessageKind::Reaction => {
            let thumb = message.text.as_deref().is_some_and(|t| Text::new(t).is_any(&["👍"]));
            // A booking may be confirmed by thumb, for the time was chosen; nothing is cancelled so.
            let asked = turn.dialogue.state.asked().is_some()
                && !turn.notice_menu
                && turn.dialogue.menu.yes().is_some();
            // On the question itself: what was liked before it was asked is no answer to it.
            thumb
                && (message.quoted.is_none() || message.quoted_at.is_some())
                && !stale::is_for_older_menu(turn, message)
                && (asked || sent_notice::takes_thumb(turn))
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
    let meant = stale::still_meant(turn, &said.text, said.tap.as_deref());
    let text = meant.as_ref().unwrap_or(&said.text);
    if let Some(answer) = opt_out::answer(turn, text) {
        return Ok(answer);
    }
    let input = if said.outdated && bare_digit(text, turn.words).is_some() {
        Input::OffMenu
    } else if meant.is_some() {
        Input::Free
    } else {
        Input::read(turn, text, said.tap.as_deref())
    };
    if let Some(notice) = turn.known.notice
        && let Some(answer) = sent_notice::answer(turn, notice, &input, text, said.tap.is_some())?
    {
        return Ok(answer);
    }
    let told = questions::asked(turn, text);
    if let Some(line) = &told
        && questions::is_all(turn, &input, text)
    {
        return Ok(questions::answer(turn, line.clone()));
    }
    if questions::asks_to_wait(turn, &input, text) {
        return Ok(Answer::unmoved(turn).missed(0).say(turn.phrases.no_hurry()));
    }
    if let Some(answer) = giving_up::answer(turn, &input, text) {
        return Ok(answer);
    }
    if let Some(answer) = idle::after_long(turn, &input, text, said.at) {
        return Ok(answer.say_first(told));
    }
    if wants_another_service(turn, text) {
        return Ok(service_selection::list(turn, None, 0, None).say_first(told));
    }
    let answer = by_state(turn, input, text)?;
    if !answer.is_unplaced() || told.is_some() || said.tap.is_some() {
        return Ok(answer.say_first(told));
    }
    match turn.meant {
        Some(meant) => Ok(interpretation::answer(turn, meant)?.unwrap_or(answer)),
        None => Ok(answer.asking(interpretation::question(turn, text))),
    }
}

/// What is said to an input whose text needs no reading any more, after a notice or without one.
pub(super) fn answer_to(turn: &Turn<'_>, input: Input, text: &Text, tapped: bool) -> Outcome {
    if let Some(notice) = turn.known.notice
        && let Some(answer) = sent_notice::answer(turn, notice, &input, text, tapped)?
    {
        return Ok(answer);
    }
    by_state(turn, input, text)
}

fn by_state(turn: &Turn<'_>, input: Input, text: &Text) -> Outcome {
    match &turn.dialogue.state {
        State::Greeting => greeting::step(turn, input, text),
        State::ServiceSelection(state) => service_selection::step(turn, state, input, text),
        State::DateTime(plan) => date_time::step(turn, plan, input, text),
        State::Confirmation(asked) => confirmation::step(turn, asked, input, text),
        State::Completed(state) => completed::step(turn, state, input, text),
    }
}

/// "Quero outro serviço", none being named, while a time is looked for.
fn wants_another_service(turn: &Turn<'_>, text: &Text) -> bool {
    let moving = match &turn.dialogue.state {
        State::DateTime(plan) => plan.moving.is_some(),
        State::Confirmation(asked) => asked.plan.moving.is_some(),
        State::Greeting | State::ServiceSelection(_) | State::Completed(_) => true,
    };
    !moving
        && text.has_any(turn.words.other_service_in)
        && service_selection::services_in(turn, text).is_empty()
}
