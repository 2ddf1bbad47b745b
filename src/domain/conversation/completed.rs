//! Completed: a booking was made, changed, cancelled or looked at.

use super::intent::{Input, Intent};
use super::service_selection::{self, services_in};
use super::state::{Completed, State};
use super::text::Text;
use super::turn::{Answer, Outcome, Turn};
use super::{act, bookings, miss};

pub(super) fn step(turn: &Turn<'_>, state: &Completed, input: Input, text: &Text) -> Outcome {
    match input {
        Input::Chosen(choice) => act::choice(turn, choice),
        // A number that comes twice: the answer is the booking, whatever it was meant for.
        Input::OffMenu if turn.dialogue.menu.is_empty() => Ok(summary(turn, state, None)),
        Input::OffMenu => Ok(miss::off_menu(turn)),
        Input::Yes | Input::No => Ok(summary(turn, state, None)),
        Input::Intent(intent) => match intent {
            Intent::Back => Ok(summary(turn, state, None)),
            Intent::Price if services_in(turn, text).is_empty() => act::intent(turn, intent, text),
            Intent::Price => service_selection::priced(turn, text),
            Intent::Menu
            | Intent::Cancel
            | Intent::Change
            | Intent::MyBookings
            | Intent::Person
            | Intent::Speak(_)
            | Intent::Book
            | Intent::Thanks => act::intent(turn, intent, text),
        },
        Input::Free => {
            if !services_in(turn, text).is_empty() || text.has_any(turn.words.book) {
                return service_selection::read(turn, text);
            }
            if service_selection::says_when(turn, text) {
                // A day alone may mean to move the booking or to make another.
                return Ok(summary(turn, state, Some(text.raw.clone())));
            }
            Ok(miss::answer(turn))
        }
    }
}

/// The booking last spoken of and what can be done; without one, those there are.
pub(super) fn summary(turn: &Turn<'_>, state: &Completed, when: Option<String>) -> Answer {
    match state.booking_id.and_then(|id| turn.booking(id)) {
        Some(booking) => bookings::show_one(turn, booking, when),
        None => bookings::show(turn),
    }
}

/// Answers thanks, naming the booking where there is one.
pub(super) fn thanks(turn: &Turn<'_>) -> Answer {
    let spoken_of = match &turn.dialogue.state {
        State::Completed(state) => state.booking_id.and_then(|id| turn.booking(id)),
        State::Greeting
        | State::ServiceSelection(_)
        | State::DateTime(_)
        | State::Confirmation(_) => None,
    };
    let line = match spoken_of.or_else(|| turn.active().next()) {
        Some(booking) => turn.phrases.thanks(&turn.describe(booking)),
        None => turn.phrases.thanks_alone(),
    };
    Answer::unmoved(turn).missed(0).say(line)
}
