//! Confirmation: one exact time, held for a new booking or proposed for a move.

use chrono::TimeDelta;
use uuid::Uuid;

use super::format::{capitalized, duration};
use super::intent::{Input, Intent};
use super::menu::{Choice, Menu};
use super::state::{Completed, Confirmation, Plan, State};
use super::text::Text;
use super::turn::{Answer, Outcome, Turn, is_over, may_change};
use super::visit::{Line, MovedLine, lines_of};
use super::wish::Wish;
use super::{Effect, act, bookings, date_time, miss, prices, service_change, service_selection};
use crate::domain::catalogue::{Booking, Staff};

/// A reminder sooner than this after the confirmation is not sent, so it is not promised either.
const REMINDER_AFTER_CONFIRMATION: TimeDelta = TimeDelta::minutes(30);

pub(super) fn step(turn: &Turn<'_>, asked: &Confirmation, input: Input, text: &Text) -> Outcome {
    match input {
        Input::Chosen(choice) => act::choice(turn, choice),
        Input::OffMenu => Ok(miss::off_menu(turn)),
        Input::Intent(intent) => match intent {
            Intent::Cancel => match asked.plan.moving {
                Some(booking_id) => Ok(bookings::ask_cancel(turn, booking_id)),
                None => match service_change::less(turn, &asked.plan, text) {
                    Some(fewer) => date_time::continued(turn, &fewer),
                    None => Ok(abandon(turn)),
                },
            },
            Intent::Back => change_time(turn, asked),
            Intent::Change => match date_time::read(turn, &asked.plan, text, None)? {
                Some(answer) => Ok(answer),
                None => change_time(turn, asked),
            },
            // "Book" may mean yes, or another one: not enough to go by.
            Intent::Price => {
                let named = service_selection::services_in(turn, text).first().copied();
                let other = named.filter(|service| !asked.plan.has_service(service.id));
                let line = other.map(|service| prices::alone(turn, service));
                Ok(question(turn, asked)?.say_first(line))
            }
            Intent::Thanks | Intent::Book => question(turn, asked),
            Intent::MyBookings => {
                let answer = act::intent(turn, intent, text)?;
                let held = turn.holds_of(&asked.lines).unwrap_or_default();
                let released = held.iter().any(|hold| !answer.keeps(hold));
                Ok(answer.say_first(released.then(|| turn.phrases.released())))
            }
            Intent::Menu | Intent::Person | Intent::Speak(_) => act::intent(turn, intent, text),
        },
        Input::Yes | Input::No => question(turn, asked),
        Input::Free => match date_time::free(turn, &asked.plan, text)? {
            Some(answer) => Ok(answer),
            None if text.has_any(turn.words.other_time_in) => change_time(turn, asked),
            None => Ok(miss::unplaced(turn)),
        },
    }
}

/// Takes one exact visit: held and asked about, or for a move proposed.
pub(super) fn take(turn: &Turn<'_>, plan: &Plan, lines: Vec<Line>) -> Answer {
    let known = |line: &Line| {
        turn.service(line.service_id).is_some() && turn.member(line.staff_id).is_some()
    };
    if lines.is_empty() || !lines.iter().all(known) {
        return service_selection::list(turn, None, 0, None);
    }
    let asked = Confirmation { lines, plan: Plan { offered: Vec::new(), ..plan.clone() } };
    if let Some(booking_id) = plan.moving {
        return match turn.booking(booking_id) {
            Some(booking) => propose(turn, asked, booking),
            None => bookings::gone(turn),
        };
    }
    let until = turn.now + turn.known.catalogue.tenant.rules.hold;
    let lines = asked.lines.clone();
    let answer = check(turn, Answer::new(State::Confirmation(asked)), &lines);
    let answer = match lines.as_slice() {
        [_] => answer.say(turn.phrases.holding_until(&turn.format.until(turn.local(until).time()))),
        _ => answer,
    };
    answer.effect(Effect::Hold { lines, until }).ask(menu(turn))
}

/// What is about to be booked, for the customer to check.
fn check(turn: &Turn<'_>, answer: Answer, lines: &[Line]) -> Answer {
    let tenant = &turn.known.catalogue.tenant;
    let services = lines.iter().filter_map(|line| turn.service(line.service_id));
    // A sum of what is known of it would be no price.
    let price: Option<i64> = services.map(|service| service.price).sum();
    let price = price.map(|price| turn.format.price(price, &tenant.currency));
    let answer = answer.say(turn.phrases.check());
    let Some(first) = lines.first() else { return answer };
    let day = capitalized(&turn.format.day(turn.local(first.starts_at).date()));
    if let [line] = lines {
        let terms: Vec<String> = price.into_iter().chain(tenant.address.clone()).collect();
        let answer =
            answer.say(service_and_staff(turn, line)).say(format!("{day}, {}", range(turn, line)));
        return if terms.is_empty() { answer } else { answer.say(terms.join(", ")) };
    }
    let answer = each_line(turn, lines).into_iter().fold(answer, Answer::say);
    match price {
        Some(price) => answer.say(format!("{day}, {}", turn.phrases.in_total(&price))),
        None => answer.say(day),
    }
}

/// "Haircut with Bruno, 9:00 to 9:45 AM", for each line of a visit.
fn each_line(turn: &Turn<'_>, lines: &[Line]) -> Vec<String> {
    let line = |line| format!("{}, {}", service_and_staff(turn, line), range(turn, line));
    lines.iter().map(line).collect()
}

fn service_and_staff(turn: &Turn<'_>, line: &Line) -> String {
    let service = turn.service(line.service_id).map_or("", |service| &service.name);
    let member = turn.member(line.staff_id).map_or("", |member| &member.name);
    turn.phrases.service_with(service, member)
}

fn range(turn: &Turn<'_>, line: &Line) -> String {
    let end = turn.span_of(line).map_or(line.starts_at, |span| span.end);
    turn.format.range(turn.local(line.starts_at).time(), turn.local(end).time())
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
    let (to, from) = (turn.local(asked.starts_at()), turn.local(booking.starts_at));
    let (day, weekday) = (format.day(to.date()), format.spoken_weekday(from.date()));
    let (time, at) = (format.time(to.time()), format.at(to.time()));
    let other = match asked.lines.as_slice() {
        [line] => turn.member(line.staff_id).filter(|member| member.id != booking.staff_id),
        _ => None,
    };
    let question = match other {
        Some(member) => turn.phrases.move_to_with(&day, &time, &at, weekday, &member.name),
        None => turn.phrases.move_to(&day, &time, &at, weekday),
    };
    let mut menu = Menu::default();
    menu.choice(&turn.phrases.confirm(), Choice::Confirm);
    menu.choice(&turn.phrases.other_time(), Choice::ChangeTime);
    let lines = match asked.lines.as_slice() {
        [_] => Vec::new(),
        several => each_line(turn, several),
    };
    let answer = Answer::new(State::Confirmation(asked));
    lines.into_iter().fold(answer, Answer::say).say(question).ask(menu)
}

/// Asks again about the visit that is held or proposed.
pub(super) fn question(turn: &Turn<'_>, asked: &Confirmation) -> Outcome {
    if let Some(booking_id) = asked.plan.moving {
        return Ok(match turn.booking(booking_id) {
            Some(booking) => propose(turn, asked.clone(), booking),
            None => bookings::gone(turn),
        });
    }
    let offered = turn.services(&asked.plan).is_some()
        && asked.lines.iter().all(|line| turn.member(line.staff_id).is_some());
    let holds = turn.holds_of(&asked.lines).filter(|_| offered);
    let Some(holds) = holds.filter(|holds| !any_over(turn, holds)) else {
        return released(turn, asked);
    };
    let answer = check(turn, Answer::new(State::Confirmation(asked.clone())), &asked.lines);
    let until = holds.iter().filter_map(|hold| hold.hold_expires_at).min();
    let until = until.map(|until| turn.format.until(turn.local(until).time()));
    let answer = match until {
        Some(until) => answer.say(turn.phrases.holding_until(&until)),
        None => answer,
    };
    Ok(answer.ask(menu(turn)))
}

/// Whether the time asked about is still theirs to confirm.
pub(super) fn stands(turn: &Turn<'_>, asked: &Confirmation) -> bool {
    if let Some(booking_id) = asked.plan.moving {
        return turn.booking(booking_id).is_some();
    }
    turn.holds_of(&asked.lines).is_some_and(|holds| !any_over(turn, &holds))
}

/// The customer said yes.
pub(super) fn confirm(turn: &Turn<'_>, asked: &Confirmation) -> Outcome {
    if let Some(booking_id) = asked.plan.moving {
        return confirm_move(turn, asked, booking_id);
    }
    match turn.holds_of(&asked.lines) {
        Some(holds) if !any_over(turn, &holds) => booked(turn, asked, &holds),
        Some(_) | None => released(turn, asked),
    }
}

fn any_over(turn: &Turn<'_>, holds: &[&Booking]) -> bool {
    holds.iter().any(|hold| is_over(hold, turn.now))
}

fn booked(turn: &Turn<'_>, asked: &Confirmation, holds: &[&Booking]) -> Outcome {
    let Some(first) = holds.first() else { return released(turn, asked) };
    let rules = &turn.known.catalogue.tenant.rules;
    let earliest = turn.now + REMINDER_AFTER_CONFIRMATION;
    let due = |before: &&TimeDelta| first.starts_at - **before >= earliest;
    let reminders: Vec<String> = rules.reminders.iter().filter(due).map(|b| duration(*b)).collect();
    let last = if reminders.is_empty() || turn.known.customer.opted_out {
        turn.phrases.write_any_time()
    } else {
        let list = turn.format.list(&reminders);
        format!("{} {}", turn.phrases.will_remind(&list), turn.phrases.write_stop())
    };
    let mut told = vec![
        turn.phrases.booked(&first.code),
        turn.phrases.booked_what(&turn.describe_visit(holds)),
        last,
    ];
    let answer = match asked.plan.then.split_first() {
        Some((next, then)) => {
            let plan = Plan {
                services: vec![*next],
                then: then.to_vec(),
                earlier: Some(Box::new(asked.clone())),
                wish: day_of(asked.plan.wish),
                ..Plan::default()
            };
            // The rest of the request: what to do with a booking can be said later.
            told.pop();
            date_time::next(turn, &plan)?
        }
        None => Answer::new(settled(asked, first)),
    };
    let confirm =
        |answer: Answer, hold: &&Booking| answer.effect(Effect::Confirm { booking_id: hold.id });
    let answer = holds.iter().fold(answer, confirm);
    Ok(told.into_iter().rev().fold(answer, |answer, line| answer.say_first(Some(line))))
}

/// Of a wish the days, without the time, which another service has now.
fn day_of(wish: Wish) -> Wish {
    Wish { from: wish.from, to: wish.to, ..Wish::default() }
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
    let visit = turn.visit_of(booking);
    let first = visit.first().map_or(booking, |first| *first);
    if !may_change(turn, first) {
        return Ok(bookings::too_late(turn, first));
    }
    let services = visit.iter().map(|line| line.service_id);
    let same = services.eq(asked.lines.iter().map(|line| line.service_id));
    let members: Option<Vec<&Staff>> =
        asked.lines.iter().map(|line| turn.member(line.staff_id)).collect();
    let (Some(members), true) = (members, same) else {
        // Some of the visit is over or was called off meanwhile, or somebody left.
        return bookings::reschedule(turn, booking_id, None);
    };
    let moved: Vec<Booking> = visit
        .iter()
        .zip(asked.lines.iter().zip(members))
        .map(|(booking, (line, member))| Booking {
            starts_at: line.starts_at,
            staff_id: line.staff_id,
            staff_name: member.name.clone(),
            ..(*booking).clone()
        })
        .collect();
    let lines = moved
        .iter()
        .map(|line| MovedLine {
            booking_id: line.id,
            staff_id: line.staff_id,
            starts_at: line.starts_at,
        })
        .collect();
    let what = turn.describe_visit(&moved.iter().collect::<Vec<_>>());
    Ok(Answer::new(settled(asked, first))
        .effect(Effect::Move { lines })
        .say(turn.phrases.moved(&what, &first.code)))
}

/// The hold is over: says so, and holds the very same visit once more where it is still free; else
/// offers what is free around that time.
fn released(turn: &Turn<'_>, asked: &Confirmation) -> Outcome {
    let offered = turn.services(&asked.plan).is_some();
    if offered && turn.visits(&asked.plan)?.iter().any(|visit| lines_of(visit) == asked.lines) {
        let line = format!("{} {}", turn.phrases.released(), turn.phrases.still_free());
        return Ok(take(turn, &asked.plan, asked.lines.clone()).say_first(Some(line)));
    }
    let at = turn.local(asked.starts_at());
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
