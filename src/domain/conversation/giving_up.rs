//! "No thanks, forget it": the customer leaves what is being booked.

use super::intent::{Input, Intent};
use super::state::State;
use super::text::{Text, folded_words};
use super::turn::{Answer, Turn};
use super::{bookings, confirmation};

/// Leaves what is open, where a text says nothing else; `None`: it says more, or nothing is open.
pub(super) fn answer(turn: &Turn<'_>, input: &Input, text: &Text) -> Option<Answer> {
    let may_say_so = match input {
        Input::Free | Input::Intent(Intent::Cancel) => true,
        Input::Chosen(_) | Input::OffMenu | Input::Intent(_) | Input::Yes | Input::No => false,
    };
    let moving = match &turn.dialogue.state {
        State::Greeting | State::Completed(_) => return None,
        State::ServiceSelection(_) => None,
        State::DateTime(plan) => plan.moving,
        State::Confirmation(asked) => asked.plan.moving,
    };
    (may_say_so && !turn.notice_menu && says_so(turn, text)).then(|| match moving {
        Some(booking_id) => bookings::kept(turn, Some(booking_id)),
        None => confirmation::abandon(turn),
    })
}

/// Whether a text gives up, after a no or without. "Cancel" by its name is about a booking that is
/// made, if there is one.
fn says_so(turn: &Turn<'_>, text: &Text) -> bool {
    let words = turn.words;
    if text.has_any(words.cancel_in) {
        return false;
    }
    let after = |no: &&str| {
        let no = folded_words(no);
        let rest = text.words().strip_prefix(no.as_slice())?;
        Some(Text::new(&rest.join(" ")))
    };
    let gives_up = |text: &Text| text.is_any_beside(words.cancel, words.yes_beside);
    gives_up(text) || words.no.iter().filter_map(after).any(|rest| gives_up(&rest))
}
