//! Questions that the catalogue answers whatever is open: where the tenant is, when it is
//! open and who works there; and what has no answer, such as "one moment".

use super::intent::Input;
use super::service_selection::{says_when, services_in};
use super::state::State;
use super::text::Text;
use super::turn::{Answer, Turn};
use super::{greeting, media, out_of_hours};

/// What a text asks about the tenant, answered; `None`: nothing.
pub(super) fn asked(turn: &Turn<'_>, text: &Text) -> Option<String> {
    let (words, phrases) = (turn.words, turn.phrases);
    let mut lines = Vec::new();
    if text.has_any(words.address_in) {
        lines.push(address(turn));
    }
    if text.has_any(words.hours_in) || text.is_any(words.hours) {
        lines.push(hours(turn));
    }
    // "Com quem for" asks nothing.
    if text.has_any(words.staff_in) && !text.has_any(words.any_staff) {
        let names: Vec<String> =
            turn.known.catalogue.staff.iter().map(|member| member.name.clone()).collect();
        lines.extend((!names.is_empty()).then(|| phrases.staff_are(&turn.format.list(&names))));
    }
    if text.has_any(words.team_in) {
        lines.push(phrases.team_knows());
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Where the tenant is.
pub(super) fn address(turn: &Turn<'_>) -> String {
    match &turn.known.catalogue.tenant.address {
        Some(address) => turn.phrases.address_is(address),
        None => turn.phrases.address_untold(),
    }
}

/// When the tenant is open.
pub(super) fn hours(turn: &Turn<'_>) -> String {
    out_of_hours::hours(turn).unwrap_or_else(|| turn.phrases.hours_untold())
}

/// Whether the customer asks for a moment, and for nothing else.
pub(super) fn asks_to_wait(turn: &Turn<'_>, input: &Input, text: &Text) -> bool {
    let words = turn.words;
    let beside = [words.pick_beside, words.courtesy].concat();
    let phrases: Vec<&str> = words.wait.iter().copied().filter(|w| w.contains(' ')).collect();
    let says_so = text.is_any_beside(words.wait, &beside)
        || (text.has_any(&phrases) && services_in(turn, text).is_empty() && !says_when(turn, text));
    matches!(input, Input::Free) && says_so
}

/// Whether such a question is all that a text says, so that the state has nothing to add.
pub(super) fn is_all(turn: &Turn<'_>, input: &Input, text: &Text) -> bool {
    matches!(input, Input::Free) && services_in(turn, text).is_empty()
}

/// Says the answer, and what was open once more.
pub(super) fn answer(turn: &Turn<'_>, line: String) -> Answer {
    if turn.dialogue.state == State::Greeting && !turn.dialogue.greeted {
        return greeting::open(turn).say_first(Some(line));
    }
    let answer = Answer::unmoved(turn).missed(0).say(line);
    match media::open_question(turn) {
        Some(question) => answer.say(question),
        None => answer,
    }
}
