//! Which free times are shown, three at a time, and how they are written.
//!
//! A list of every free quarter of an hour helps nobody. Without a day the first free time of each
//! half day is shown; within one day, times that do not overlap; around a time that could not be
//! had, its neighbours of the same day and the same time of the days beside it.

use std::cmp::Reverse;
use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};

use super::menu::{Choice, Menu};
use super::state::{Plan, State};
use super::turn::{Answer, Outcome, Turn};
use super::wish::Wish;
use crate::domain::availability::{Slot, moment_or_after};
use crate::domain::catalogue::Service;
use crate::domain::conversation::format::in_sentence;

/// Times in one message.
const SHOWN: usize = 3;
/// Starts remembered as shown; the oldest are forgotten and may come again.
const REMEMBERED: usize = 48;

/// How an entry is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Labels {
    /// "Wed 11 Mar, 9:00 AM".
    Day,
    /// "Thu 12 Mar, 3:30 PM with Bruno".
    DayAndStaff,
    /// "2:45 PM with Bruno": all are of the day that the heading names.
    Time,
    /// Today by the time, tomorrow by its name.
    FromToday,
}

/// The first free time of each half day, under `first` and a heading.
pub(super) fn first_free(
    turn: &Turn<'_>,
    service: &Service,
    plan: Plan,
    first: Vec<String>,
) -> Outcome {
    let slots = turn.slots(service, &plan)?;
    if slots.is_empty() {
        let answer = none(turn, service, &plan);
        return Ok(first
            .into_iter()
            .rev()
            .fold(answer, |answer, line| answer.say_first(Some(line))));
    }
    Ok(page_of_first(turn, plan, &slots, first))
}

/// As [`first_free`], with the slots at hand, of which there is one at least.
pub(super) fn page_of_first(
    turn: &Turn<'_>,
    plan: Plan,
    slots: &[Slot],
    first: Vec<String>,
) -> Answer {
    let staff = plan.staff_id.and_then(|id| turn.member(id)).filter(|_| plan.moving.is_none());
    let heading = match staff {
        Some(member) => turn.phrases.next_times_with(&member.name),
        None => turn.phrases.first_free_times(),
    };
    let picked = halves(turn, slots, &plan.shown);
    let mut lines = first;
    if plan.moving.is_some() && lines.len() == 1 {
        lines[0] = format!("{} {heading}", lines[0]);
    } else {
        lines.push(heading);
    }
    answer(turn, plan, picked, slots, lines, Labels::Day)
}

/// Times as wished, of which there is one at least.
pub(super) fn within_wish(
    turn: &Turn<'_>,
    service: &Service,
    plan: Plan,
    slots: &[Slot],
    heading: String,
) -> Answer {
    let wished: Vec<Slot> = wished(turn, &plan, slots);
    let picked = of_wish(turn, &plan, &wished, service.duration);
    let labels = labels_of(&plan);
    answer(turn, plan, picked, slots, vec![heading], labels)
}

fn labels_of(plan: &Plan) -> Labels {
    if plan.wish.day().is_some() { Labels::Time } else { Labels::DayAndStaff }
}

fn wished(turn: &Turn<'_>, plan: &Plan, slots: &[Slot]) -> Vec<Slot> {
    slots.iter().copied().filter(|slot| plan.wish.allows(turn.local(slot.start))).collect()
}

/// Times around what could not be had, under `heading`.
pub(super) fn nearest(
    turn: &Turn<'_>,
    service: &Service,
    mut plan: Plan,
    slots: &[Slot],
    heading: String,
    labels: Labels,
) -> Answer {
    let near = plan.near.unwrap_or_else(|| target(turn, plan.wish));
    plan.near = Some(near);
    let picked = around(turn, &plan, slots, turn.local(near), service.duration);
    answer(turn, plan, picked, slots, vec![heading], labels)
}

/// The page after the last one.
pub(super) fn more(turn: &Turn<'_>, service: &Service, mut plan: Plan) -> Outcome {
    let slots = turn.slots(service, &plan)?;
    let unshown = |slot: &&Slot| !plan.shown.contains(&slot.start);
    if !slots.iter().any(|slot| unshown(&slot)) {
        // All were shown: the next "more" begins again.
        plan.shown.clear();
        let line = turn.phrases.no_more_times();
        return Ok(Answer::new(State::DateTime(plan)).say(line).keeping_menu());
    }
    let heading = vec![turn.phrases.more_times_follow()];
    if let Some(near) = plan.near {
        let picked = around(turn, &plan, &slots, turn.local(near), service.duration);
        return Ok(answer(turn, plan, picked, &slots, heading, Labels::DayAndStaff));
    }
    let wished: Vec<Slot> = wished(turn, &plan, &slots);
    if !plan.wish.is_open() && wished.iter().any(|slot| unshown(&slot)) {
        let picked = of_wish(turn, &plan, &wished, service.duration);
        let labels =
            if labels_of(&plan) == Labels::Time { Labels::Time } else { Labels::DayAndStaff };
        let heading = match labels {
            Labels::Time => vec![format!("{}:", plan.wish.heading(turn.format))],
            Labels::Day | Labels::DayAndStaff | Labels::FromToday => heading,
        };
        return Ok(answer(turn, plan, picked, &slots, heading, labels));
    }
    let picked = halves(turn, &slots, &plan.shown);
    let labels = if plan.wish.is_open() { Labels::Day } else { Labels::DayAndStaff };
    Ok(answer(turn, plan, picked, &slots, heading, labels))
}

/// There is no free time up to the horizon.
pub(super) fn none(turn: &Turn<'_>, service: &Service, plan: &Plan) -> Answer {
    let mut menu = Menu::default();
    if let Some(booking) = plan.moving.and_then(|id| turn.booking(id)) {
        let weekday = turn.format.spoken_weekday(turn.local(booking.starts_at).date());
        menu.choice(&turn.phrases.keep(weekday), Choice::Keep { booking_id: booking.id });
    }
    menu.person(&turn.phrases.person());
    Answer::new(State::DateTime(plan.clone()))
        .say(turn.phrases.no_free_time(&in_sentence(&service.name)))
        .ask(menu)
}

/// The lines, the times, and what leads on; the times are remembered as shown.
fn answer(
    turn: &Turn<'_>,
    mut plan: Plan,
    mut picked: Vec<Slot>,
    slots: &[Slot],
    lines: Vec<String>,
    labels: Labels,
) -> Answer {
    picked.sort_by_key(|slot| slot.start);
    plan.shown.extend(picked.iter().map(|slot| slot.start));
    let forgotten = plan.shown.len().saturating_sub(REMEMBERED);
    plan.shown.drain(..forgotten);
    let mut menu = Menu::default();
    for slot in &picked {
        let choice = Choice::Slot { staff_id: slot.staff_id, starts_at: slot.start };
        menu.choice(&label(turn, &plan, slot, labels), choice);
    }
    let more = slots.iter().any(|slot| {
        let shown = plan.shown.iter().copied();
        if plan.moving.is_none() || plan.near.is_some() || plan.wish.is_open() {
            return !plan.shown.contains(&slot.start);
        }
        // A move offers to keep the old time before times that nobody asked for.
        plan.wish.allows(turn.local(slot.start)) && clear(slot.start, shown, slot.end - slot.start)
    });
    if let Some(booking) = plan.moving.and_then(|id| turn.booking(id)) {
        let weekday = turn.format.spoken_weekday(turn.local(booking.starts_at).date());
        menu.choice(&turn.phrases.keep(weekday), Choice::Keep { booking_id: booking.id });
    }
    if more {
        menu.more(&turn.phrases.more_times(), Choice::MoreTimes);
    }
    let answer = Answer::new(State::DateTime(plan));
    lines.into_iter().fold(answer, Answer::say).ask(menu)
}

fn label(turn: &Turn<'_>, plan: &Plan, slot: &Slot, labels: Labels) -> String {
    let format = turn.format;
    let at = turn.local(slot.start);
    let time = format.time(at.time());
    let day_and_time = || format!("{}, {time}", format.short_day(at.date()));
    let with_staff = |label: String| match turn.member(slot.staff_id) {
        Some(member) if plan.staff_id.is_none() => {
            format!("{label} {}", turn.phrases.with_staff(&member.name))
        }
        _ => label,
    };
    let today = turn.today();
    match labels {
        Labels::DayAndStaff => with_staff(day_and_time()),
        Labels::Time => with_staff(time),
        Labels::FromToday if at.date() == today => with_staff(time),
        Labels::FromToday if Some(at.date()) == today.succ_opt() => {
            turn.phrases.tomorrow_at(&format.at_full(at.time()))
        }
        Labels::Day | Labels::FromToday => day_and_time(),
    }
}

/// The first free time of each half day of which none was shown; then whatever was not.
fn halves(turn: &Turn<'_>, slots: &[Slot], shown: &[DateTime<Utc>]) -> Vec<Slot> {
    let half = |start: DateTime<Utc>| {
        let at = turn.local(start);
        (at.date(), at.hour() >= 12)
    };
    let mut seen: HashSet<(NaiveDate, bool)> = shown.iter().map(|start| half(*start)).collect();
    let mut picked: Vec<Slot> =
        slots.iter().copied().filter(|slot| seen.insert(half(slot.start))).take(SHOWN).collect();
    fill_up(&mut picked, slots, shown);
    picked
}

/// Of one day times that do not overlap; of several days the first of each half day.
fn of_wish(turn: &Turn<'_>, plan: &Plan, wished: &[Slot], duration: TimeDelta) -> Vec<Slot> {
    match plan.wish.day() {
        Some(_) => apart(wished, &plan.shown, duration),
        None => halves(turn, wished, &plan.shown),
    }
}

/// Times that overlap none shown before and none of each other; then whatever was not shown.
fn apart(slots: &[Slot], shown: &[DateTime<Utc>], duration: TimeDelta) -> Vec<Slot> {
    let mut picked: Vec<Slot> = Vec::new();
    for slot in slots {
        let taken = shown.iter().copied().chain(picked.iter().map(|other| other.start));
        if picked.len() < SHOWN && clear(slot.start, taken, duration) {
            picked.push(*slot);
        }
    }
    if picked.is_empty() {
        fill_up(&mut picked, slots, shown);
    }
    picked
}

/// Two times of the day wished, closest first, and then, day by day outwards, the one closest to
/// the time wished. Times that the wish itself allows go before others.
fn around(
    turn: &Turn<'_>,
    plan: &Plan,
    slots: &[Slot],
    target: NaiveDateTime,
    duration: TimeDelta,
) -> Vec<Slot> {
    let mut picked: Vec<Slot> = Vec::new();
    let mut take = |day: NaiveDate, count: usize| {
        let mut of_day: Vec<(bool, TimeDelta, &Slot)> = slots
            .iter()
            .filter(|slot| turn.local(slot.start).date() == day)
            .map(|slot| {
                let time = turn.local(slot.start).time();
                (!plan.wish.allows_time(time), (time - target.time()).abs(), slot)
            })
            .collect();
        of_day.sort_by_key(|(other, distance, _)| (*other, *distance));
        let mut left = count;
        for (_, _, slot) in of_day {
            let known = plan.shown.iter().copied().chain(picked.iter().map(|other| other.start));
            if left > 0 && picked.len() < SHOWN && clear(slot.start, known, duration) {
                picked.push(*slot);
                left -= 1;
            }
        }
    };
    take(target.date(), SHOWN - 1);
    let days: HashSet<NaiveDate> = slots.iter().map(|s| turn.local(s.start).date()).collect();
    let mut days: Vec<NaiveDate> = days.into_iter().filter(|day| *day != target.date()).collect();
    // The day after goes before the day before.
    days.sort_by_key(|day| {
        let distance = (*day - target.date()).num_days();
        (distance.abs(), Reverse(distance))
    });
    for day in days {
        take(day, 1);
    }
    take(target.date(), SHOWN);
    if picked.is_empty() {
        fill_up(&mut picked, slots, &plan.shown);
    }
    picked
}

/// Whether a start is at least a whole duration away from all of these.
fn clear(
    start: DateTime<Utc>,
    mut others: impl Iterator<Item = DateTime<Utc>>,
    duration: TimeDelta,
) -> bool {
    let least = duration.max(TimeDelta::minutes(1));
    others.all(|other| (start - other).abs() >= least)
}

fn fill_up(picked: &mut Vec<Slot>, slots: &[Slot], shown: &[DateTime<Utc>]) {
    for slot in slots {
        let known = shown.contains(&slot.start) || picked.iter().any(|p| p.start == slot.start);
        if picked.len() < SHOWN && !known {
            picked.push(*slot);
        }
    }
}

/// The moment around which times come closest to a wish.
pub(super) fn target(turn: &Turn<'_>, wish: Wish) -> DateTime<Utc> {
    moment_or_after(turn.zone(), wish.target(turn.local(turn.now)))
}
