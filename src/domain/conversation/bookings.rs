//! What a customer may do with the bookings they have: look, change, cancel.

use uuid::Uuid;

use super::format::duration;
use super::menu::{CHOICES_MAX, Choice, Menu};
use super::state::{Completed, Plan, State};
use super::text::Text;
use super::turn::{Answer, Outcome, Turn, may_change};
use super::visit::Wanted;
use super::{Effect, date_time, offers, service_selection, which_booking};
use crate::domain::catalogue::Booking;

/// Asks whether to cancel, after which one where there are several.
pub(super) fn cancel(turn: &Turn<'_>, text: &Text) -> Answer {
    let meant = match meant(turn, text) {
        several if several.len() > 1 => {
            let named = which_booking::among(turn, &several, text);
            if named.is_empty() { several } else { named }
        }
        others => others,
    };
    if let ([visit], Some(line)) = (meant.as_slice(), line_named(turn, &meant, text)) {
        return if may_change(turn, visit) {
            ask_cancel_line(turn, line)
        } else {
            too_late(turn, visit)
        };
    }
    match meant.as_slice() {
        [] => Answer::new(State::Greeting).say(turn.phrases.nothing_to_cancel()),
        [one] => ask_cancel(turn, one.id),
        several => which_to_cancel(turn, several),
    }
}

/// Asks which of several bookings shall be cancelled.
pub(super) fn which_to_cancel(turn: &Turn<'_>, several: &[&Booking]) -> Answer {
    let question = turn.phrases.which_to_cancel();
    list(turn, several, question, |id| Choice::AskCancel { booking_id: id }, None)
}

/// Starts a move, after asking which one where there are several.
pub(super) fn change(turn: &Turn<'_>, text: &Text) -> Outcome {
    match meant(turn, text).as_slice() {
        [] => Ok(Answer::new(State::Greeting).say(turn.phrases.no_bookings())),
        [one] => reschedule(turn, one.id, Some(text)),
        several => Ok(which_to_change(turn, several, Some(text.raw.clone()))),
    }
}

/// Asks which of several bookings shall move, perhaps to the time said.
pub(super) fn which_to_change(
    turn: &Turn<'_>,
    several: &[&Booking],
    when: Option<String>,
) -> Answer {
    let question = turn.phrases.which_to_change();
    list(turn, several, question, |id| Choice::Reschedule { booking_id: id }, when)
}

/// The bookings to come, each with what can be done.
pub(super) fn show(turn: &Turn<'_>) -> Answer {
    let all: Vec<&Booking> = turn.active().collect();
    match all.as_slice() {
        // A booking that is being made goes on.
        [] => Answer::unmoved(turn).missed(0).say(turn.phrases.no_bookings()),
        [one] => show_one(turn, one, None),
        several => show_these(turn, several),
    }
}

/// Several bookings, to look at one of them.
pub(super) fn show_these(turn: &Turn<'_>, several: &[&Booking]) -> Answer {
    let heading = turn.phrases.your_bookings();
    list(turn, several, heading, |id| Choice::Show { booking_id: id }, None)
}

/// One booking and what can be done with it. `when` was said already.
pub(super) fn show_one(turn: &Turn<'_>, booking: &Booking, when: Option<String>) -> Answer {
    let booking_id = booking.id;
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.change_time(), Choice::Reschedule { booking_id });
    menu.choice(&turn.phrases.cancel(), Choice::AskCancel { booking_id });
    menu.choice(&turn.phrases.new_booking(), Choice::NewBooking);
    Answer::new(State::Completed(Completed { booking_id: Some(booking_id), when, settled: None }))
        .say(turn.phrases.your_booking())
        .say(with_code(turn, booking))
        .ask(menu)
}

/// Asks whether one booking shall be cancelled.
pub(super) fn ask_cancel(turn: &Turn<'_>, booking_id: Uuid) -> Answer {
    let Some(booking) = first_of(turn, booking_id) else { return gone(turn) };
    if !may_change(turn, booking) {
        return too_late(turn, booking);
    }
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.yes_cancel(), Choice::CancelNow { booking_id });
    menu.choice(&turn.phrases.no_keep(), Choice::Keep { booking_id });
    menu.choice(&turn.phrases.change_time(), Choice::Reschedule { booking_id });
    about_booking(booking_id)
        .say(turn.phrases.cancel_this())
        .say(with_code(turn, booking))
        .ask(menu)
}

/// Cancels, the customer having said yes.
pub(super) fn cancel_now(turn: &Turn<'_>, booking_id: Uuid) -> Answer {
    let Some(booking) = first_of(turn, booking_id) else { return gone(turn) };
    if !may_change(turn, booking) {
        return too_late(turn, booking);
    }
    let visit = turn.visit_of(booking);
    let answer = Answer::new(State::Greeting).say(canceled(turn, &visit));
    let cancel =
        |answer: Answer, line: &&Booking| answer.effect(Effect::Cancel { booking_id: line.id });
    visit.iter().fold(answer, cancel)
}

fn canceled(turn: &Turn<'_>, lines: &[&Booking]) -> String {
    let Some(first) = lines.first() else { return String::new() };
    let start = turn.local(first.starts_at);
    let services = Turn::service_names(lines);
    let (subject, ending) = turn.format.the_service(&services);
    turn.phrases.canceled(
        &services,
        &subject,
        &turn.format.day(start.date()),
        &turn.format.at(start.time()),
        ending,
    )
}

/// Asks whether one booking of a visit shall be cancelled and the others stay.
fn ask_cancel_line(turn: &Turn<'_>, line: &Booking) -> Answer {
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.yes_cancel(), Choice::CancelLine { booking_id: line.id });
    menu.choice(&turn.phrases.no_keep(), Choice::Keep { booking_id: line.id });
    about_booking(line.id)
        .say(turn.phrases.cancel_only(&turn.describe_visit(&[line]), &line.code))
        .ask(menu)
}

/// Cancels one booking of a visit, the customer having said yes.
pub(super) fn cancel_line(turn: &Turn<'_>, booking_id: Uuid) -> Answer {
    let (Some(line), Some(first)) = (turn.booking(booking_id), first_of(turn, booking_id)) else {
        return gone(turn);
    };
    if !may_change(turn, first) {
        return too_late(turn, first);
    }
    let visit = turn.visit_of(line);
    let rest: Vec<&Booking> = visit.into_iter().filter(|other| other.id != line.id).collect();
    let Some(first) = rest.first() else { return cancel_now(turn, booking_id) };
    about_booking(first.id)
        .effect(Effect::Cancel { booking_id })
        .say(turn.phrases.canceled_line(&turn.describe_visit(&[line])))
        .say(turn.phrases.still_booked(&turn.describe_visit(&rest)))
}

/// As [`ask_cancel_line`], after what was asked before.
pub(super) fn ask_cancel_line_again(turn: &Turn<'_>, booking_id: Uuid) -> Answer {
    match turn.booking(booking_id) {
        Some(line) => ask_cancel_line(turn, line),
        None => gone(turn),
    }
}

/// Looks for another time for a booking, at the time said if one was.
pub(super) fn reschedule(turn: &Turn<'_>, booking_id: Uuid, text: Option<&Text>) -> Outcome {
    let Some(booking) = first_of(turn, booking_id) else { return Ok(gone(turn)) };
    if !may_change(turn, booking) {
        return Ok(too_late(turn, booking));
    }
    let visit = turn.visit_of(booking);
    let wanted = |line: &&Booking| Wanted {
        service_id: line.service_id,
        // Whoever left, or does this no more, has no times to offer.
        staff_id: Some(line.staff_id).filter(|id| {
            turn.member(*id).is_some_and(|member| member.services.contains(&line.service_id))
        }),
    };
    let plan = Plan {
        services: visit.iter().map(wanted).collect(),
        moving: Some(booking.id),
        ..Plan::default()
    };
    if turn.services(&plan).is_none() {
        // A service is offered no more; only the team can find it another time.
        let line = turn.phrases.no_free_time(&Turn::service_names(&visit));
        return Ok(with_the_team(turn, about_booking(booking_id).say(line)));
    }
    if let Some(text) = text
        && let Some(answer) = date_time::read(turn, &plan, text, Some(about(turn, booking)))?
    {
        return Ok(answer);
    }
    offers::first_free(turn, plan, vec![about(turn, booking)])
}

/// "Haircut with Bruno, now Thursday 12 March, 2:45 PM."
pub(super) fn about(turn: &Turn<'_>, booking: &Booking) -> String {
    let visit = turn.visit_of(booking);
    let start = turn.local(visit.first().map_or(booking.starts_at, |first| first.starts_at));
    let what = turn.phrases.booking_now(
        &Turn::service_names(&visit),
        &turn.staff_names(&visit),
        &turn.format.day(start.date()),
        &turn.format.time(start.time()),
        &turn.format.at(start.time()),
    );
    turn.phrases.about(&what)
}

/// The booking stays as it is.
pub(super) fn kept(turn: &Turn<'_>, booking_id: Option<Uuid>) -> Answer {
    match booking_id.and_then(|id| turn.booking(id)) {
        Some(booking) => about_booking(booking.id).say(turn.phrases.kept(&turn.describe(booking))),
        None => gone(turn),
    }
}

/// A booking that was spoken of is no longer there: shows those that are.
pub(super) fn gone(turn: &Turn<'_>) -> Answer {
    if turn.active().next().is_some() {
        return show(turn);
    }
    Answer::new(State::Greeting).say(turn.phrases.no_bookings())
}

/// Inside the notice only the team can change a booking.
pub(super) fn too_late(turn: &Turn<'_>, booking: &Booking) -> Answer {
    let notice = duration(turn.known.catalogue.tenant.rules.cancel_notice);
    let answer =
        about_booking(booking.id).say(turn.phrases.too_late(&notice)).say(with_code(turn, booking));
    with_the_team(turn, answer)
}

fn with_the_team(turn: &Turn<'_>, answer: Answer) -> Answer {
    let mut menu = Menu::default();
    menu.person(&turn.phrases.person());
    answer.ask(menu)
}

/// The first booking of the visit that a booking is part of.
fn first_of<'a>(turn: &Turn<'a>, booking_id: Uuid) -> Option<&'a Booking> {
    turn.visit_of(turn.booking(booking_id)?).first().copied()
}

fn about_booking(booking_id: Uuid) -> Answer {
    Answer::new(State::Completed(Completed {
        booking_id: Some(booking_id),
        ..Completed::default()
    }))
}

fn with_code(turn: &Turn<'_>, booking: &Booking) -> String {
    turn.phrases.with_code(&turn.describe(booking), &booking.code)
}

fn list(
    turn: &Turn<'_>,
    bookings: &[&Booking],
    question: String,
    choice: fn(Uuid) -> Choice,
    when: Option<String>,
) -> Answer {
    let mut menu = Menu::default();
    for booking in bookings.iter().take(CHOICES_MAX) {
        menu.choice(&with_code(turn, booking), choice(booking.id));
    }
    menu.person(&turn.phrases.person());
    Answer::new(State::Completed(Completed { when, ..Completed::default() }))
        .say(question)
        .ask(menu)
}

/// The visits a text may mean: the one it names by its code, else those with a service it names, else
/// all to come.
fn meant<'a>(turn: &Turn<'a>, text: &Text) -> Vec<&'a Booking> {
    let all: Vec<&Booking> = turn.active().collect();
    if let Some(named) = all.iter().find(|booking| text.has(&booking.code)) {
        return vec![named];
    }
    let services: Vec<Uuid> = services_named(turn, text);
    let with_one = |visit: &&&Booking| {
        turn.visit_of(visit).iter().any(|line| services.contains(&line.service_id))
    };
    let some: Vec<&Booking> = all.iter().filter(with_one).copied().collect();
    if some.is_empty() { all } else { some }
}

/// The one booking of a visit of several whose service a text names.
fn line_named<'a>(turn: &Turn<'a>, meant: &[&'a Booking], text: &Text) -> Option<&'a Booking> {
    let [visit] = meant else { return None };
    let lines = turn.visit_of(visit);
    let services = services_named(turn, text);
    let mut named = lines.iter().filter(|line| services.contains(&line.service_id));
    let line = named.next().filter(|_| lines.len() > 1)?;
    named.next().is_none().then_some(*line)
}

/// Services that a text names, wanted or not.
fn services_named(turn: &Turn<'_>, text: &Text) -> Vec<Uuid> {
    let services = turn.known.catalogue.services.iter();
    let named = services.filter(|service| service_selection::is_named(service, text));
    named.map(|service| service.id).collect()
}
