//! Confirmation: one exact time, held for a new booking or proposed for a move.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::format::{capitalized, duration};
use super::intent::{Input, Intent};
use super::menu::{Choice, Menu};
use super::state::{Completed, Confirmation, Plan, State};
use super::text::Text;
use super::turn::{Answer, Outcome, Turn, is_over, may_change};
use super::{Effect, act, bookings, date_time, miss, service_selection};
use crate::domain::catalogue::{Booking, Service, Staff};

/// A reminder sooner than this after the confirmation is not sent, so it is not promised either.
const REMINDER_AFTER_CONFIRMATION: TimeDelta = TimeDelta::minutes(30);

pub(super) fn step(turn: &Turn<'_>, asked: &Confirmation, input: Input, text: &Text) -> Outcome {
    match input {
        Input::Chosen(choice) => act::choice(turn, choice),
        Input::OffMenu => Ok(miss::off_menu(turn)),
        Input::Intent(intent) => match intent {
            Intent::Cancel => match asked.plan.moving {
                Some(booking_id) => Ok(bookings::ask_cancel(turn, booking_id)),
                None => Ok(abandon(turn)),
            },
            Intent::Back => change_time(turn, asked),
            Intent::Change => match date_time::read(turn, &asked.plan, text, None)? {
                Some(answer) => Ok(answer),
                None => change_time(turn, asked),
            },
            // "Book" may mean yes, or another one: not enough to go by.
            Intent::Price => {
                let named = service_selection::services_in(turn, text).first().copied();
                let other = named.filter(|service| service.id != asked.plan.service_id);
                let line = other.map(|service| service_selection::price_alone(turn, service));
                Ok(question(turn, asked)?.say_first(line))
            }
            Intent::Thanks | Intent::Book => question(turn, asked),
            Intent::MyBookings => {
                let answer = act::intent(turn, intent, text)?;
                let held = turn.hold(asked.staff_id, asked.starts_at);
                let released = held.is_some_and(|hold| !answer.keeps(hold));
                Ok(answer.say_first(released.then(|| turn.phrases.released())))
            }
            Intent::Menu | Intent::Person | Intent::Speak(_) => act::intent(turn, intent, text),
        },
        Input::Yes | Input::No => question(turn, asked),
        Input::Free => match date_time::free(turn, &asked.plan, text)? {
            Some(answer) => Ok(answer),
            None if text.has_any(turn.words.other_time_in) => change_time(turn, asked),
            None => Ok(miss::answer(turn)),
        },
    }
}

/// Takes one exact time: held and asked about, or for a move proposed.
pub(super) fn take(
    turn: &Turn<'_>,
    plan: &Plan,
    staff_id: Uuid,
    starts_at: DateTime<Utc>,
) -> Answer {
    let (Some(service), Some(member)) = (turn.service(plan.service_id), turn.member(staff_id))
    else {
        return service_selection::list(turn, None, 0, None);
    };
    let asked = Confirmation { staff_id, starts_at, plan: plan.clone() };
    if let Some(booking_id) = plan.moving {
        return match turn.booking(booking_id) {
            Some(booking) => propose(turn, asked, booking),
            None => bookings::gone(turn),
        };
    }
    let until = turn.now + turn.known.catalogue.tenant.rules.hold;
    let answer = check(turn, Answer::new(State::Confirmation(asked)), service, member, starts_at);
    answer
        .effect(Effect::Hold { service_id: service.id, staff_id, starts_at, until })
        .say(turn.phrases.holding_until(&turn.format.until(turn.local(until).time())))
        .ask(menu(turn))
}

/// What is about to be booked, for the customer to check.
fn check(
    turn: &Turn<'_>,
    answer: Answer,
    service: &Service,
    member: &Staff,
    starts_at: DateTime<Utc>,
) -> Answer {
    let (start, end) = (turn.local(starts_at), turn.local(starts_at + service.duration));
    let format = turn.format;
    let tenant = &turn.known.catalogue.tenant;
    let price = service.price.map(|price| format.price(price, &tenant.currency));
    let terms: Vec<String> = price.into_iter().chain(tenant.address.clone()).collect();
    let day = capitalized(&format.day(start.date()));
    let answer = answer
        .say(turn.phrases.check())
        .say(turn.phrases.service_with(&service.name, &member.name))
        .say(format!("{day}, {}", format.range(start.time(), end.time())));
    if terms.is_empty() { answer } else { answer.say(terms.join(", ")) }
}

fn menu(turn: &Turn<'_>) -> Menu {
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.confirm(), Choice::Confirm);
    menu.choice(&turn.phrases.change_time(), Choice::ChangeTime);
    menu.choice(&turn.phrases.cancel(), Choice::Abandon);
    menu
}

fn propose(turn: &Turn<'_>, asked: Confirmation, booking: &Booking) -> Answer {
    let format = turn.format;
    let (to, from) = (turn.local(asked.starts_at), turn.local(booking.starts_at));
    let (day, weekday) = (format.day(to.date()), format.spoken_weekday(from.date()));
    let (time, at) = (format.time(to.time()), format.at(to.time()));
    let other = turn.member(asked.staff_id).filter(|member| member.id != booking.staff_id);
    let question = match other {
        Some(member) => turn.phrases.move_to_with(&day, &time, &at, weekday, &member.name),
        None => turn.phrases.move_to(&day, &time, &at, weekday),
    };
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.confirm(), Choice::Confirm);
    menu.choice(&turn.phrases.other_time(), Choice::ChangeTime);
    Answer::new(State::Confirmation(asked)).say(question).ask(menu)
}

/// Asks again about the time that is held or proposed.
pub(super) fn question(turn: &Turn<'_>, asked: &Confirmation) -> Outcome {
    if let Some(booking_id) = asked.plan.moving {
        return Ok(match turn.booking(booking_id) {
            Some(booking) => propose(turn, asked.clone(), booking),
            None => bookings::gone(turn),
        });
    }
    let hold = turn.hold(asked.staff_id, asked.starts_at).filter(|hold| !is_over(hold, turn.now));
    let (Some(hold), Some(service), Some(member)) =
        (hold, turn.service(asked.plan.service_id), turn.member(asked.staff_id))
    else {
        return released(turn, asked);
    };
    let answer = Answer::new(State::Confirmation(asked.clone()));
    let answer = check(turn, answer, service, member, asked.starts_at);
    let until = hold.hold_expires_at.map(|until| turn.format.until(turn.local(until).time()));
    let answer = match until {
        Some(until) => answer.say(turn.phrases.holding_until(&until)),
        None => answer,
    };
    Ok(answer.ask(menu(turn)))
}

/// The customer said yes.
pub(super) fn confirm(turn: &Turn<'_>, asked: &Confirmation) -> Outcome {
    if let Some(booking_id) = asked.plan.moving {
        return confirm_move(turn, asked, booking_id);
    }
    match turn.hold(asked.staff_id, asked.starts_at) {
        Some(hold) if !is_over(hold, turn.now) => Ok(booked(turn, asked, hold)),
        Some(_) | None => released(turn, asked),
    }
}

fn booked(turn: &Turn<'_>, asked: &Confirmation, hold: &Booking) -> Answer {
    let rules = &turn.known.catalogue.tenant.rules;
    let earliest = turn.now + REMINDER_AFTER_CONFIRMATION;
    let due = |before: &&TimeDelta| hold.starts_at - **before >= earliest;
    let reminders: Vec<String> = rules.reminders.iter().filter(due).map(|b| duration(*b)).collect();
    let last = if reminders.is_empty() || turn.known.customer.opted_out {
        turn.phrases.write_any_time()
    } else {
        let list = turn.format.list(&reminders);
        format!("{} {}", turn.phrases.will_remind(&list), turn.phrases.write_stop())
    };
    Answer::new(settled(asked, hold))
        .effect(Effect::Confirm { booking_id: hold.id })
        .say(turn.phrases.booked(&hold.code))
        .say(turn.phrases.booked_what(&turn.describe(hold)))
        .say(last)
}

fn settled(asked: &Confirmation, booking: &Booking) -> State {
    State::Completed(Completed {
        booking_id: Some(booking.id),
        settled: Some(asked.clone()),
        ..Completed::default()
    })
}

fn confirm_move(turn: &Turn<'_>, asked: &Confirmation, booking_id: Uuid) -> Outcome {
    let Some(booking) = turn.booking(booking_id) else {
        return Ok(bookings::gone(turn));
    };
    if !may_change(turn, booking) {
        return Ok(bookings::too_late(turn, booking));
    }
    let Some(member) = turn.member(asked.staff_id) else {
        return change_time(turn, asked);
    };
    let moved =
        Booking { starts_at: asked.starts_at, staff_name: member.name.clone(), ..booking.clone() };
    let (staff_id, starts_at) = (asked.staff_id, asked.starts_at);
    Ok(Answer::new(settled(asked, booking))
        .effect(Effect::Move { booking_id, staff_id, starts_at })
        .say(turn.phrases.moved(&turn.describe(&moved), &booking.code)))
}

/// The hold is over: says so, and offers what is free around that time, itself included.
fn released(turn: &Turn<'_>, asked: &Confirmation) -> Outcome {
    let at = turn.local(asked.starts_at);
    date_time::around(turn, &asked.plan, at, turn.phrases.released())
}

/// The time is not the one: gives it back and shows times again.
pub(super) fn change_time(turn: &Turn<'_>, asked: &Confirmation) -> Outcome {
    date_time::open(turn, &asked.plan)
}

/// The customer wants nothing after all.
pub(super) fn abandon(turn: &Turn<'_>) -> Answer {
    Answer::new(State::Greeting).say(turn.phrases.nothing_booked())
}
