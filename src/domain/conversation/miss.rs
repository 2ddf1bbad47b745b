//! The ladder of misses: rephrase with an example, then numbers alone, then a person.

use super::menu::{Choice, Menu};
use super::state::State;
use super::turn::{Answer, Turn};
use super::{act, service_selection};

/// Misses after which a person takes over.
const MISSES_MAX: u8 = 3;

/// The message was not understood, which somebody else may.
pub(super) fn unplaced(turn: &Turn<'_>) -> Answer {
    answer(turn).unplaced()
}

/// The message was not understood.
pub(super) fn answer(turn: &Turn<'_>) -> Answer {
    let misses = turn.dialogue.misses.saturating_add(1);
    if misses >= MISSES_MAX {
        return act::hand_over(turn);
    }
    let answer = Answer::new(turn.dialogue.state.clone()).missed(misses);
    let menu = numbers(turn);
    if misses == 1 || menu.is_empty() {
        answer.say(rephrased(turn)).keeping_menu()
    } else {
        answer.say(turn.phrases.one_number()).ask(menu)
    }
}

/// A number that the last menu does not have, or a tap on an older one: the menu again.
pub(super) fn off_menu(turn: &Turn<'_>) -> Answer {
    let misses = turn.dialogue.misses.saturating_add(1);
    if misses >= MISSES_MAX {
        return act::hand_over(turn);
    }
    let menu = turn.dialogue.menu.clone();
    if menu.is_empty() {
        return answer(turn);
    }
    let answer = Answer::new(turn.dialogue.state.clone()).missed(misses);
    answer.say(turn.phrases.menu_again()).ask(menu)
}

/// A tap that came without what was tapped: nobody's miss, but it has to be written.
pub(super) fn illegible(turn: &Turn<'_>) -> Answer {
    let shown = &turn.dialogue.menu;
    let menu = if shown.is_empty() { numbers(turn) } else { shown.clone() };
    Answer::unmoved(turn).say(turn.phrases.one_number()).ask(menu)
}

fn rephrased(turn: &Turn<'_>) -> String {
    let phrases = turn.phrases;
    match &turn.dialogue.state {
        State::Greeting | State::ServiceSelection(_) => match service_selection::example(turn) {
            Some(example) => phrases.miss_service(&example),
            None => phrases.no_services(),
        },
        State::DateTime(_) => phrases.miss_when(),
        State::Confirmation(_) => phrases.miss_confirm(),
        State::Completed(_) => phrases.miss_completed(),
    }
}

/// The choices of the state as a menu that leads to a person.
pub(super) fn numbers(turn: &Turn<'_>) -> Menu {
    match &turn.dialogue.state {
        State::Greeting | State::ServiceSelection(_) => service_selection::names(turn),
        State::DateTime(_) | State::Confirmation(_) => {
            turn.dialogue.menu.with_person(&turn.phrases.person())
        }
        State::Completed(_) if turn.dialogue.menu.is_empty() => {
            let mut menu = Menu::default();
            menu.choice(&turn.phrases.new_booking(), Choice::NewBooking);
            menu.choice(&turn.phrases.my_bookings(), Choice::MyBookings);
            menu.person(&turn.phrases.person());
            menu
        }
        State::Completed(_) => turn.dialogue.menu.with_person(&turn.phrases.person()),
    }
}
