//! A customer greets who was here before: the booking to come is named first, else what they came
//! for last time is offered.

use super::bookings;
use super::format::in_sentence;
use super::greeting;
use super::menu::{Choice, Menu};
use super::service_selection;
use super::state::{Completed, ServiceSelection, State};
use super::turn::{Answer, Outcome, Turn};
use super::{LastVisit, date_time, state::Plan};
use crate::domain::catalogue::Booking;

/// Answers a greeting.
pub(super) fn welcome(turn: &Turn<'_>) -> Answer {
    let active: Vec<&Booking> = turn.active().collect();
    match (active.as_slice(), last_visit(turn)) {
        ([], None) => greeting::open(turn),
        ([], Some(visit)) => same_as_last(turn, visit),
        ([one], _) => named_first(turn, one),
        (_, _) => bookings::show(turn).say_first(hello(turn)).greeted(),
    }
}

/// Goes on with what the customer came for last time.
pub(super) fn same_again(turn: &Turn<'_>) -> Outcome {
    match last_visit(turn) {
        Some(visit) => date_time::search(turn, &plan_of(visit), None),
        // It went off the menu since.
        None => Ok(service_selection::list(turn, None, 0, None)),
    }
}

fn plan_of(visit: &LastVisit) -> Plan {
    let mut plan = Plan::of_all(&visit.services);
    plan.services.iter_mut().for_each(|wanted| wanted.staff_id = visit.staff_id);
    plan
}

/// The last visit, where all of it is still on offer.
fn last_visit<'a>(turn: &Turn<'a>) -> Option<&'a LastVisit> {
    let visit = turn.known.history.last_visit.as_ref()?;
    let all = visit.services.iter().all(|id| turn.service(*id).is_some());
    let by = visit.staff_id.is_none_or(|id| {
        turn.member(id).is_some_and(|member| {
            visit.services.iter().all(|service_id| member.services.contains(service_id))
        })
    });
    (!visit.services.is_empty() && all && by).then_some(visit)
}

/// "Welcome back, Marina! Same as last time: haircut with Bruno?"
fn same_as_last(turn: &Turn<'_>, visit: &LastVisit) -> Answer {
    let names: Vec<String> = visit
        .services
        .iter()
        .filter_map(|id| turn.service(*id))
        .map(|service| in_sentence(&service.name))
        .collect();
    let services = turn.format.list(&names);
    let what = match visit.staff_id.and_then(|id| turn.member(id)) {
        Some(member) => turn.phrases.service_with(&services, &member.name),
        None => services,
    };
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.yes_same(&what), Choice::SameAsLast);
    menu.choice(&turn.phrases.another_service(), Choice::NewBooking);
    menu.choice(&turn.phrases.my_bookings(), Choice::MyBookings);
    menu.person(&turn.phrases.person());
    let question = turn.phrases.same_as_last(&what);
    let first = match hello(turn) {
        Some(hello) => format!("{hello} {question}"),
        None => question,
    };
    Answer::new(State::ServiceSelection(ServiceSelection::default())).say(first).ask(menu).greeted()
}

/// "You have Thursday 12 March, 2:45 PM."
fn named_first(turn: &Turn<'_>, booking: &Booking) -> Answer {
    let booking_id = booking.id;
    let start = turn.local(booking.starts_at);
    let (day, time) = (turn.format.day(start.date()), turn.format.time(start.time()));
    let line = turn.phrases.you_have(&day, &time);
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.change(), Choice::Reschedule { booking_id });
    menu.choice(&turn.phrases.cancel(), Choice::AskCancel { booking_id });
    menu.choice(&turn.phrases.new_booking(), Choice::NewBooking);
    let first = match hello(turn) {
        Some(hello) => format!("{hello} {line}"),
        None => line,
    };
    let state = Completed { booking_id: Some(booking_id), ..Completed::default() };
    Answer::new(State::Completed(state)).say(first).ask(menu).greeted()
}

/// The first words to somebody; none where they were greeted already.
fn hello(turn: &Turn<'_>) -> Option<String> {
    if turn.dialogue.greeted {
        return None;
    }
    if turn.known.history.last_visit.is_none() {
        return Some(greeting::intro(turn));
    }
    let name = turn.known.customer.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    Some(match name {
        Some(name) => turn.phrases.welcome_back_named(name),
        None => turn.phrases.welcome_back(),
    })
}
