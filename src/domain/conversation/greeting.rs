//! Greeting: nothing is open. A first message, or a whole request in one line.

use super::intent::{Input, Intent, is_greeting};
use super::service_selection::{self, services_in};
use super::text::Text;
use super::turn::{Answer, Outcome, Turn};
use super::{act, bookings, prices, returning};

pub(super) fn step(turn: &Turn<'_>, input: Input, text: &Text) -> Outcome {
    match input {
        Input::Chosen(choice) => act::choice(turn, choice),
        Input::Intent(intent) => match intent {
            Intent::Menu if is_greeting(text) => Ok(returning::welcome(turn)),
            Intent::Menu | Intent::Back => Ok(open(turn)),
            Intent::Book if !turn.dialogue.greeted => Ok(open(turn)),
            Intent::Price if services_in(turn, text).is_empty() => request(turn, text),
            Intent::Price => Ok(introduced(turn, prices::named(turn, text)?)),
            Intent::MyBookings => Ok(introduced(turn, act::intent(turn, intent, text)?)),
            Intent::Cancel | Intent::Change if turn.active().next().is_none() => {
                Ok(introduced(turn, act::intent(turn, intent, text)?))
            }
            Intent::Cancel
            | Intent::Change
            | Intent::Person
            | Intent::Speak(_)
            | Intent::Book
            | Intent::Thanks => act::intent(turn, intent, text),
        },
        // Nothing was asked here: it may well be meant for a message about their booking.
        Input::OffMenu | Input::Yes | Input::No if turn.active().next().is_some() => {
            Ok(bookings::show(turn))
        }
        Input::OffMenu | Input::Yes | Input::No => Ok(returning::welcome(turn)),
        Input::Free => request(turn, text),
    }
}

/// Says who speaks and what can be booked.
pub(super) fn open(turn: &Turn<'_>) -> Answer {
    let first = format!("{} {}", intro(turn), turn.phrases.ask_service());
    service_selection::list(turn, Some(first), 0, None).greeted()
}

/// A service, perhaps with staff, day and time: as far as it is understood.
pub(super) fn request(turn: &Turn<'_>, text: &Text) -> Outcome {
    if services_in(turn, text).is_empty() && !service_selection::says_when(turn, text) {
        return Ok(returning::welcome(turn).unplaced());
    }
    Ok(introduced(turn, service_selection::read(turn, text)?))
}

/// An answer that says who speaks first, where that was not said before.
fn introduced(turn: &Turn<'_>, answer: Answer) -> Answer {
    let first = (!turn.dialogue.greeted).then(|| intro(turn));
    answer.say_first(first).greeted()
}

/// Says who speaks: part of the first message, whatever it is.
pub(super) fn intro(turn: &Turn<'_>) -> String {
    let of_tenant = turn.format.of_tenant(&turn.known.catalogue.tenant.name);
    match turn.known.customer.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => turn.phrases.intro_named(name, &of_tenant),
        None => turn.phrases.intro(&of_tenant),
    }
}
