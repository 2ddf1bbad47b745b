//! Messages without words: the state is kept and the open question asked again.

use super::MessageKind;
use super::menu::Menu;
use super::state::State;
use super::turn::{Answer, Turn};
use super::{greeting, miss};

/// Answers a voice message, a picture, a place …; `None`: stickers and reactions ask for nothing.
pub(super) fn answer(turn: &Turn<'_>, kind: MessageKind) -> Option<Answer> {
    match kind {
        MessageKind::Sticker | MessageKind::Reaction => None,
        MessageKind::Audio => Some(cannot_listen(turn)),
        MessageKind::Text
        | MessageKind::Choice
        | MessageKind::Image
        | MessageKind::Video
        | MessageKind::Document
        | MessageKind::Location
        | MessageKind::Contact
        | MessageKind::Other => Some(thank(turn, kind)),
    }
}

/// Thanks for a medium, said before the answer to its caption as well.
pub(super) fn thanks_for(turn: &Turn<'_>, kind: MessageKind) -> String {
    let phrases = turn.phrases;
    match kind {
        MessageKind::Image => phrases.saved_photo(),
        MessageKind::Video => phrases.saved_video(),
        MessageKind::Document => phrases.saved_document(),
        MessageKind::Location => phrases.saved_location(),
        MessageKind::Contact => phrases.saved_contact(),
        MessageKind::Text
        | MessageKind::Choice
        | MessageKind::Audio
        | MessageKind::Sticker
        | MessageKind::Reaction
        | MessageKind::Other => phrases.saved_other(),
    }
}

fn cannot_listen(turn: &Turn<'_>) -> Answer {
    if turn.dialogue.state == State::Greeting {
        let answer = greeting::open(turn);
        return answer.say_first(Some(turn.phrases.cannot_listen_alone()));
    }
    let menu = shown(turn);
    if menu.is_empty() {
        Answer::unmoved(turn).say(turn.phrases.cannot_listen_alone())
    } else {
        Answer::unmoved(turn).say(turn.phrases.cannot_listen()).ask(menu)
    }
}

fn thank(turn: &Turn<'_>, kind: MessageKind) -> Answer {
    let thanks = thanks_for(turn, kind);
    if turn.dialogue.state == State::Greeting {
        return greeting::open(turn).say_first(Some(thanks));
    }
    let line = match open_question(turn) {
        Some(question) => format!("{thanks} {question}"),
        None => thanks,
    };
    Answer::unmoved(turn).say(line)
}

/// What is asked at the moment, in a few words: "Which time would you like? (1 to 3)".
pub(super) fn open_question(turn: &Turn<'_>) -> Option<String> {
    let phrases = turn.phrases;
    let question = match &turn.dialogue.state {
        State::Greeting | State::ServiceSelection(_) => phrases.question_service(),
        State::DateTime(_) => phrases.question_time(),
        State::Confirmation(_) => phrases.question_confirm(),
        State::Completed(_) => phrases.question_other(),
    };
    let menu = &turn.dialogue.menu;
    let range =
        menu.last_digit().filter(|last| *last > 1).map(|last| phrases.one_to(&last.to_string()));
    match (range, &turn.dialogue.state) {
        (Some(range), _) => Some(format!("{question} {range}")),
        // Nothing is open that could be asked again.
        (None, State::Greeting | State::Completed(_)) => None,
        (None, State::ServiceSelection(_) | State::DateTime(_) | State::Confirmation(_)) => {
            Some(question)
        }
    }
}

fn shown(turn: &Turn<'_>) -> Menu {
    if turn.dialogue.menu.is_empty() && !turn.dialogue.state.asks_service() {
        return Menu::default();
    }
    match &turn.dialogue.state {
        State::Greeting | State::DateTime(_) | State::Confirmation(_) | State::Completed(_) => {
            turn.dialogue.menu.with_person(&turn.phrases.person())
        }
        State::ServiceSelection(_) => miss::numbers(turn),
    }
}
