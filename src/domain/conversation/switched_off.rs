//! Booking by chat is switched off: customers are told once and a person answers. What must hold
//! whatever is switched off does: whoever wants no more reminders gets none.

use chrono::{DateTime, Utc};

use super::intent::subscription;
use super::text::Text;
use super::turn::{Answer, Turn};
use super::with_person::{self, silent};
use super::{
    Dialogue, Effect, Event, Known, Message, MessageKind, Step, courtesies, interpretation,
    opt_out, out_of_hours,
};

/// Whether this is no time for the bot.
pub(super) fn is(known: &Known<'_>) -> bool {
    !known.catalogue.features.whatsapp_booking
}

pub(super) fn step(
    dialogue: &Dialogue,
    event: &Event,
    now: DateTime<Utc>,
    known: &Known<'_>,
) -> Step {
    let waiting = dialogue.pending.as_ref().map(|pending| pending.messages.as_slice());
    let dialogue = &interpretation::without_pending(dialogue);
    match event {
        Event::Said { messages } => said(dialogue, messages, now, known),
        Event::Interpreted { .. } => match waiting {
            Some(messages) => said(dialogue, messages, now, known),
            None => silent(dialogue),
        },
        Event::NobodyAnswered => with_person::nobody_answered(dialogue, now, known),
        Event::Resumed => {
            let effects = if dialogue.with_person { vec![Effect::Resume] } else { Vec::new() };
            Step::Turn { dialogue: Dialogue { with_person: false, ..dialogue.clone() }, effects }
        }
        // Nothing is asked or held any more.
        Event::Nudge | Event::Lost { .. } => silent(dialogue),
    }
}

fn said(dialogue: &Dialogue, messages: &[Message], now: DateTime<Utc>, known: &Known<'_>) -> Step {
    let turn = Turn::new(now, known, dialogue);
    let subscribes =
        |message: &Message| subscription(&Text::new(message.text.as_deref()?), turn.words);
    if let Some(subscribed) = messages.iter().rev().find_map(subscribes) {
        return turn.finish(opt_out::subscribe(&turn, subscribed).answered_by_same(&turn));
    }
    if dialogue.with_person {
        return with_person::waits(dialogue, messages, now, known);
    }
    if courtesies::are_all(messages) || !messages.iter().any(asks) {
        return Step::Turn { dialogue: dialogue.clone(), effects: vec![Effect::ExpectNoAnswer] };
    }
    let answer = Answer::unmoved(&turn).missed(0).handed_over().say(turn.phrases.booking_off());
    if !out_of_hours::is_closed(&turn, turn.local(now)) {
        return turn.finish(answer);
    }
    let mut step = turn.finish(answer.say(out_of_hours::away(&turn)));
    if let Step::Turn { dialogue, .. } = &mut step {
        dialogue.away_told = Some(turn.today());
    }
    step
}

/// Stickers and thumbs want nothing.
fn asks(message: &Message) -> bool {
    !matches!(message.kind, MessageKind::Sticker | MessageKind::Reaction)
}
