//! Answers to a message that no turn asked for: a reminder, a booking moved or cancelled by staff.
//!
//! Such a message is the last one in the chat, so that its numbers are the ones that digits mean,
//! whatever was open before; and they act on the booking it spoke of, as that booking is now.

use uuid::Uuid;

use super::intent::{Input, Intent};
use super::menu::{Choice, Menu};
use super::phrases::Phrases;
use super::state::{Completed, ServiceSelection, State};
use super::text::Text;
use super::turn::{Answer, Ask, Outcome, Turn};
use super::{SentNotice, act, bookings, confirmation, service_selection};
use crate::domain::catalogue::{Booking, CancelledBy, Status};

/// The only reminder that asks something: the one a day ahead, in seconds.
const ASKING_REMINDER: i64 = 24 * 60 * 60;

/// The menu that a notice ends with; `None`: it asks nothing.
pub(super) fn menu(notice: &SentNotice, phrases: &Phrases) -> Option<Menu> {
    let booking_id = notice.booking.id;
    let mut menu = Menu::default();
    match notice.template.as_str() {
        "reminder" if notice.before == Some(ASKING_REMINDER) => {
            menu.choice(&phrases.i_will_be_there(), Choice::Acknowledge { booking_id });
            menu.choice(&phrases.change_time(), Choice::Reschedule { booking_id });
            menu.choice(&phrases.cancel(), Choice::AskCancel { booking_id });
        }
        "booking_moved" => {
            menu.choice(&phrases.all_right(), Choice::Acknowledge { booking_id });
            menu.choice(&phrases.other_time(), Choice::Reschedule { booking_id });
            menu.choice(&phrases.cancel(), Choice::AskCancel { booking_id });
        }
        "booking_cancelled" => {
            let service_id = notice.booking.service_id;
            menu.choice(&phrases.new_time(), Choice::Service { service_id });
            menu.person(&phrases.person());
        }
        _ => return None,
    }
    Some(menu)
}

/// Answers what is said to a notice; `None`: it goes the usual way.
pub(super) fn answer(
    turn: &Turn<'_>,
    notice: &SentNotice,
    input: &Input,
    text: &Text,
    tapped: bool,
) -> Result<Option<Answer>, Ask> {
    if names_another(turn, notice, text) {
        return Ok(None);
    }
    if turn.notice_menu {
        to_menu(turn, notice, input, text)
    } else {
        beside_menu(turn, notice, input, text, tapped)
    }
}

/// What is said after a notice with a menu.
fn to_menu(
    turn: &Turn<'_>,
    notice: &SentNotice,
    input: &Input,
    text: &Text,
) -> Result<Option<Answer>, Ask> {
    let booking_id = notice.booking.id;
    let cancelled = notice.template == "booking_cancelled";
    let choice = match input {
        Input::Chosen(Choice::Service { .. }) if cancelled => {
            return service_selection::start_all(turn, &services_of(notice), None).map(Some);
        }
        Input::Chosen(choice) => *choice,
        // Another time for what staff cancelled is a new booking.
        Input::Intent(Intent::Change) if cancelled => {
            let services = services_of(notice);
            return service_selection::start_all(turn, &services, Some(&text.raw)).map(Some);
        }
        Input::Intent(Intent::Cancel | Intent::Thanks) | Input::Free if cancelled => {
            return Ok(None);
        }
        Input::Intent(Intent::Cancel) => Choice::AskCancel { booking_id },
        Input::Intent(Intent::Thanks) => Choice::Acknowledge { booking_id },
        Input::Intent(Intent::Change) if is_cancelled(notice) => Choice::Reschedule { booking_id },
        Input::Intent(Intent::Change) => {
            return bookings::reschedule(turn, booking_id, Some(text)).map(Some);
        }
        Input::Free if text.has_any(turn.words.not_coming_in) => Choice::AskCancel { booking_id },
        Input::Free if is_coming(turn, text) => Choice::Acknowledge { booking_id },
        Input::Intent(_) | Input::OffMenu | Input::Yes | Input::No | Input::Free => {
            return Ok(None);
        }
    };
    let about_it = matches!(
        choice,
        Choice::Acknowledge { .. } | Choice::Reschedule { .. } | Choice::AskCancel { .. }
    );
    if about_it && is_cancelled(notice) {
        return Ok(Some(no_longer(turn, notice)));
    }
    act::choice(turn, choice).map(Some)
}

/// What is said after a notice that asks nothing: the menu before it stands, but a bare yes to what
/// it asks may as well have been meant for the notice.
fn beside_menu(
    turn: &Turn<'_>,
    notice: &SentNotice,
    input: &Input,
    text: &Text,
    tapped: bool,
) -> Result<Option<Answer>, Ask> {
    let booking_id = notice.booking.id;
    let settled = turn.dialogue.state.is_settled();
    match input {
        Input::Chosen(choice) if !tapped && turn.dialogue.menu.yes() == Some(choice) => {
            ask_again(turn, *choice)
        }
        Input::Intent(Intent::Cancel) if settled && turn.booking(booking_id).is_some() => {
            Ok(Some(bookings::ask_cancel(turn, booking_id)))
        }
        Input::Intent(Intent::Change) if settled && turn.booking(booking_id).is_some() => {
            bookings::reschedule(turn, booking_id, Some(text)).map(Some)
        }
        Input::Chosen(_)
        | Input::OffMenu
        | Input::Intent(_)
        | Input::Yes
        | Input::No
        | Input::Free => Ok(None),
    }
}

/// The yes/no question that was open, once more.
fn ask_again(turn: &Turn<'_>, yes: Choice) -> Result<Option<Answer>, Ask> {
    if let Choice::CancelNow { booking_id } = yes {
        return Ok(Some(bookings::ask_cancel(turn, booking_id)));
    }
    turn.dialogue.state.asked().map(|asked| confirmation::question(turn, asked)).transpose()
}

/// The customer has read it. Nothing changes; what was being confirmed is asked again.
pub(super) fn acknowledged(turn: &Turn<'_>, booking_id: Uuid) -> Outcome {
    let told = turn.known.notice.map(|notice| &notice.booking).filter(|b| b.id == booking_id);
    let told = told.filter(|b| matches!(b.status, Status::Confirmed | Status::Arrived));
    let line = match turn.booking(booking_id).or(told) {
        Some(booking) => turn.phrases.thanks(&turn.describe(booking)),
        // It was there when the menu was sent.
        None if turn.known.notice.is_none() => return Ok(bookings::gone(turn)),
        None => turn.phrases.thanks_alone(),
    };
    match &turn.dialogue.state {
        State::Confirmation(asked) => {
            Ok(confirmation::question(turn, asked)?.say_first(Some(line)))
        }
        State::Greeting | State::Completed(_) => {
            let booking_id = Some(booking_id);
            let state = State::Completed(Completed { booking_id, ..Completed::default() });
            Ok(Answer::new(state).say(line).keeping_menu())
        }
        State::ServiceSelection(_) | State::DateTime(_) => {
            Ok(Answer::unmoved(turn).missed(0).say(line))
        }
    }
}

/// The booking was cancelled after the notice left: nothing of it can be confirmed or changed.
fn no_longer(turn: &Turn<'_>, notice: &SentNotice) -> Answer {
    let mut menu = Menu::default();
    let services = services_of(notice);
    let (service_id, beside) = match services.split_first() {
        Some((first, others)) => (*first, others.to_vec()),
        None => (notice.booking.service_id, Vec::new()),
    };
    menu.choice(&turn.phrases.book_new_time(), Choice::Service { service_id });
    menu.person(&turn.phrases.person());
    let line = cancelled(turn, &notice.booking);
    let state = if beside.is_empty() {
        State::Completed(Completed::default())
    } else {
        // The others of the visit come after the one that is chosen.
        State::ServiceSelection(ServiceSelection { beside, ..ServiceSelection::default() })
    };
    Answer::new(state).say(line).ask(menu)
}

/// The services of the visit that a notice is about.
fn services_of(notice: &SentNotice) -> Vec<Uuid> {
    let mut services: Vec<Uuid> = Vec::new();
    for service_id in &notice.services {
        if !services.contains(service_id) {
            services.push(*service_id);
        }
    }
    if services.is_empty() { vec![notice.booking.service_id] } else { services }
}

/// Who cancelled a booking, and when.
fn cancelled(turn: &Turn<'_>, booking: &Booking) -> String {
    let Some(at) = booking.cancelled_at.map(|at| turn.local(at)) else {
        return turn.phrases.was_canceled();
    };
    let time = turn.format.at(at.time());
    let when = match (turn.today() - at.date()).num_days() {
        0 => turn.phrases.today_at(&time),
        1 => turn.phrases.yesterday_at(&time),
        _ => turn.phrases.day_at(&turn.format.day(at.date()), &time),
    };
    match booking.cancelled_by {
        Some(CancelledBy::Staff) => turn.phrases.was_canceled_when(&when),
        Some(CancelledBy::Customer | CancelledBy::Expiry) | None => {
            turn.phrases.is_canceled_when(&when)
        }
    }
}

fn is_cancelled(notice: &SentNotice) -> bool {
    notice.booking.status == Status::Cancelled
}

/// "Vou sim", "I'll be there, thanks".
fn is_coming(turn: &Turn<'_>, text: &Text) -> bool {
    let words = turn.words;
    let said = [words.coming, words.yes].concat();
    text.is_any_beside(&said, &[words.coming, words.yes_beside].concat())
}

/// Whether the text names another of the customer's bookings by its code.
fn names_another(turn: &Turn<'_>, notice: &SentNotice, text: &Text) -> bool {
    turn.active().any(|booking| booking.id != notice.booking.id && text.has(&booking.code))
}

/// Whether a thumb is an answer to this notice.
pub(super) fn takes_thumb(turn: &Turn<'_>) -> bool {
    let yes = turn.dialogue.menu.yes();
    turn.notice_menu && yes.is_some_and(|choice| matches!(choice, Choice::Acknowledge { .. }))
}
