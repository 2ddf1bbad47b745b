//! Completed: a booking was made, changed, cancelled or looked at.

use super::intent::{Input, Intent, is_greeting};
use super::service_selection::{self, services_in};
use super::state::{Completed, State};
use super::text::Text;
use super::turn::{Answer, Outcome, Turn};
use super::{act, bookings, media, miss, prices, returning, which_booking};

/// A longer text may ask for something.
const FAREWELL_WORDS_MAX: usize = 5;

pub(super) fn step(turn: &Turn<'_>, state: &Completed, input: Input, text: &Text) -> Outcome {
    match input {
        Input::Chosen(choice) => act::choice(turn, choice),
        // A number that comes twice: the answer is the booking, whatever it was meant for.
        Input::OffMenu if turn.dialogue.menu.is_empty() => Ok(summary(turn, state, None)),
        Input::OffMenu => Ok(miss::off_menu(turn)),
        // "Great", "ok": agreed, with nothing left to agree to.
        Input::Yes if turn.dialogue.menu.is_empty() => Ok(thanks(turn)),
        Input::Yes | Input::No => Ok(summary(turn, state, None)),
        Input::Intent(intent) => match intent {
            Intent::Back => Ok(summary(turn, state, None)),
            Intent::Menu if is_greeting(text) => Ok(returning::welcome(turn)),
            Intent::Price if services_in(turn, text).is_empty() => act::intent(turn, intent, text),
            Intent::Price => prices::named(turn, text),
            Intent::Menu
            | Intent::Cancel
            | Intent::Change
            | Intent::MyBookings
            | Intent::Person
            | Intent::Speak(_)
            | Intent::Book
            | Intent::Thanks => act::intent(turn, intent, text),
        },
        Input::Free if text.is_any(turn.words.coming) || says_goodbye(turn, text) => {
            Ok(thanks(turn))
        }
        Input::Free => {
            if let Some(answer) = which_booking::of_menu(turn, text)? {
                return Ok(answer);
            }
            if !services_in(turn, text).is_empty() || text.has_any(turn.words.book) {
                return service_selection::read(turn, text);
            }
            if service_selection::says_when(turn, text) {
                // A day alone may mean to move the booking or to make another.
                return Ok(summary(turn, state, Some(text.raw.clone())));
            }
            Ok(miss::unplaced(turn))
        }
    }
}

/// "See you Thursday!"
fn says_goodbye(turn: &Turn<'_>, text: &Text) -> bool {
    text.begins_with_any(turn.words.see_you) && text.words().len() <= FAREWELL_WORDS_MAX
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
        // What is being booked goes on.
        None => match (&turn.dialogue.state, media::open_question(turn)) {
            (State::DateTime(_) | State::Confirmation(_), Some(question)) => question,
            (
                State::Greeting
                | State::ServiceSelection(_)
                | State::DateTime(_)
                | State::Confirmation(_)
                | State::Completed(_),
                _,
            ) => turn.phrases.thanks_alone(),
        },
    };
    Answer::unmoved(turn).missed(0).say(line)
}
