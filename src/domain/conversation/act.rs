//! What menu entries and words that work everywhere do, whatever the state.

use chrono::TimeDelta;

use super::intent::Intent;
use super::menu::Choice;
use super::state::{Completed, Confirmation, Plan, State};
use super::text::Text;
use super::turn::{Answer, Outcome, Turn};
use super::visit::Line;
use super::{
    Effect, bookings, completed, confirmation, date_time, greeting, opt_out, out_of_hours,
    returning, sent_notice, service_change, service_selection, spoken,
};
use crate::domain::locale::Language;

/// How long after a question its answer may do what cannot be undone.
const FINAL_CHOICE_WITHIN: TimeDelta = TimeDelta::minutes(60);

/// Does what an entry of the last menu says.
pub(super) fn choice(turn: &Turn<'_>, choice: Choice) -> Outcome {
    match choice {
        Choice::Service { service_id } => service_selection::choose(turn, service_id),
        Choice::MoreServices { from } => Ok(service_selection::page(turn, from)),
        Choice::Slot { staff_id, starts_at } => on_plan(turn, |turn, plan| {
            let service_id = plan.services.first().map(|wanted| wanted.service_id);
            let line = service_id.map(|service_id| Line { service_id, staff_id, starts_at });
            take(turn, plan, line.into_iter().collect())
        }),
        Choice::Visit { index } => on_plan(turn, |turn, plan| {
            take(turn, plan, plan.offered.get(index).cloned().unwrap_or_default())
        }),
        Choice::Separately => on_plan(turn, service_change::separately),
        Choice::MoreTimes => on_plan(turn, date_time::more),
        Choice::Reading { wish } => {
            on_plan(turn, |turn, plan| date_time::chose_reading(turn, plan, wish))
        }
        Choice::Confirm => on_asked(turn, confirmation::confirm),
        Choice::ChangeTime => on_asked(turn, confirmation::change_time),
        Choice::Abandon => Ok(confirmation::abandon(turn)),
        Choice::Reschedule { booking_id } => {
            let when = said_before(turn).map(Text::new);
            bookings::reschedule(turn, booking_id, when.as_ref())
        }
        Choice::AskCancel { booking_id } => Ok(bookings::ask_cancel(turn, booking_id)),
        // After a while a number may well answer something else, such as a reminder.
        Choice::CancelNow { booking_id } if is_old(turn) => {
            Ok(bookings::ask_cancel(turn, booking_id))
        }
        Choice::CancelNow { booking_id } => Ok(bookings::cancel_now(turn, booking_id)),
        Choice::CancelLine { booking_id } if is_old(turn) => {
            Ok(bookings::ask_cancel_line_again(turn, booking_id))
        }
        Choice::CancelLine { booking_id } => Ok(bookings::cancel_line(turn, booking_id)),
        Choice::Keep { booking_id } => Ok(bookings::kept(turn, Some(booking_id))),
        Choice::Show { booking_id } => Ok(match turn.booking(booking_id) {
            Some(booking) => bookings::show_one(turn, booking, None),
            None => bookings::gone(turn),
        }),
        Choice::Acknowledge { booking_id } => sent_notice::acknowledged(turn, booking_id),
        Choice::NewBooking => {
            let when = said_before(turn).map(str::to_owned);
            Ok(service_selection::list(turn, None, 0, when))
        }
        Choice::MyBookings => Ok(bookings::show(turn)),
        Choice::Person => Ok(hand_over(turn)),
        Choice::Continue => question(turn),
        Choice::StartAnew => Ok(greeting::open(turn)),
        Choice::ShowTimes => on_plan(turn, date_time::open),
        Choice::SameAsLast => returning::same_again(turn),
        Choice::EndChat => Ok(opt_out::end_chat(turn)),
        Choice::StopReminders => Ok(opt_out::stop_reminders(turn)),
    }
}

/// Takes a visit that was offered.
fn take(turn: &Turn<'_>, plan: &Plan, lines: Vec<Line>) -> Outcome {
    match lines.first() {
        Some(first)
            if first.starts_at >= turn.now + turn.known.catalogue.tenant.rules.min_notice =>
        {
            Ok(confirmation::take(turn, plan, lines))
        }
        // The list is old: that time is over, or too close by now.
        Some(first) => date_time::too_late(turn, plan, first.starts_at),
        None => date_time::open(turn, plan),
    }
}

/// Does what a word says where the state has nothing of its own to say to it.
pub(super) fn intent(turn: &Turn<'_>, intent: Intent, text: &Text) -> Outcome {
    match intent {
        Intent::Menu | Intent::Back => Ok(greeting::open(turn)),
        Intent::Cancel => Ok(bookings::cancel(turn, text)),
        Intent::Change => bookings::change(turn, text),
        Intent::MyBookings => Ok(bookings::show(turn)),
        Intent::Person => Ok(hand_over(turn)),
        Intent::Speak(language) => speak(turn, language),
        Intent::Book | Intent::Price => Ok(service_selection::list(turn, None, 0, None)),
        Intent::Thanks => Ok(completed::thanks(turn)),
    }
}

/// A person takes over, state and menu kept for the way back; or is left a message.
pub(super) fn hand_over(turn: &Turn<'_>) -> Answer {
    out_of_hours::hand_over(turn)
}

/// Goes on in another language, with the open question asked again.
fn speak(turn: &Turn<'_>, language: Language) -> Outcome {
    let region = turn.known.catalogue.tenant.locale;
    let locale = spoken::in_region(language, region);
    let turn = turn.speaking(locale);
    let answer = question(&turn)?;
    let line = turn.phrases.speaking();
    Ok(answer.effect(Effect::SetLocale { locale }).say_first(Some(line)))
}

/// The open question of the state, asked again.
pub(super) fn question(turn: &Turn<'_>) -> Outcome {
    match &turn.dialogue.state {
        State::Greeting => Ok(greeting::open(turn)),
        State::ServiceSelection(state) => {
            Ok(service_selection::list(turn, None, 0, state.when.clone()))
        }
        State::DateTime(plan) => date_time::search(turn, &date_time::again(plan), None),
        State::Confirmation(asked) => confirmation::question(turn, asked),
        State::Completed(state) => Ok(completed::summary(turn, state, state.when.clone())),
    }
}

/// Whether the last menu is so old that nothing final is done by it.
fn is_old(turn: &Turn<'_>) -> bool {
    turn.dialogue.last_turn.is_some_and(|last| turn.now - last > FINAL_CHOICE_WITHIN)
}

/// The plan of a search that is on.
fn plan<'a>(turn: &Turn<'a>) -> Option<&'a Plan> {
    match &turn.dialogue.state {
        State::DateTime(plan) | State::Confirmation(Confirmation { plan, .. }) => Some(plan),
        State::Greeting | State::ServiceSelection(_) | State::Completed(_) => None,
    }
}

fn on_plan(turn: &Turn<'_>, act: impl Fn(&Turn<'_>, &Plan) -> Outcome) -> Outcome {
    match plan(turn) {
        Some(plan) => act(turn, plan),
        None => Ok(greeting::open(turn)),
    }
}

fn on_asked(turn: &Turn<'_>, act: impl Fn(&Turn<'_>, &Confirmation) -> Outcome) -> Outcome {
    match &turn.dialogue.state {
        State::Confirmation(asked) => act(turn, asked),
        State::Greeting | State::ServiceSelection(_) | State::DateTime(_) | State::Completed(_) => {
            Ok(greeting::open(turn))
        }
    }
}

/// What was said about when before the customer chose what to do.
pub(super) fn said_before<'a>(turn: &Turn<'a>) -> Option<&'a str> {
    match &turn.dialogue.state {
        State::Completed(Completed { when, .. }) => when.as_deref(),
        State::Greeting
        | State::ServiceSelection(_)
        | State::DateTime(_)
        | State::Confirmation(_) => None,
    }
}
