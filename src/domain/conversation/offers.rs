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
use super::visit::{joined, lines_of, start_of};
use super::wish::Wish;
use crate::domain::availability::{Visit, moment_or_after};
use crate::domain::conversation::format::{capitalized, in_sentence};

/// Times in one message.
const SHOWN: usize = 3;
/// Starts remembered as shown; the oldest are forgotten and may come again.
const REMEMBERED: usize = 48;
/// Characters of the services, times and staff of an entry; a day may stand before them.
const LINES_LABEL_MAX: usize = 80;

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
pub(super) fn first_free(turn: &Turn<'_>, plan: Plan, first: Vec<String>) -> Outcome {
    let visits = turn.visits(&plan)?;
    if visits.is_empty() {
        let answer = none(turn, &plan);
        return Ok(first
            .into_iter()
            .rev()
            .fold(answer, |answer, line| answer.say_first(Some(line))));
    }
    Ok(page_of_first(turn, plan, &visits, first))
}

/// As [`first_free`], with the visits at hand, of which there is one at least.
pub(super) fn page_of_first(
    turn: &Turn<'_>,
    plan: Plan,
    visits: &[Visit],
    first: Vec<String>,
) -> Answer {
    let staff = plan.staff_id().and_then(|id| turn.member(id)).filter(|_| plan.moving.is_none());
    let heading = match staff {
        Some(member) => {
            turn.phrases.next_times_with(&member.name, &turn.format.of_tenant(&member.name))
        }
        None => turn.phrases.first_free_times(),
    };
    let picked = halves(turn, visits, &plan.shown);
    let mut lines = first;
    if plan.moving.is_some() && lines.len() == 1 {
        lines[0] = format!("{} {heading}", lines[0]);
    } else {
        lines.push(heading);
    }
    answer(turn, plan, picked, visits, lines, Labels::Day)
}

/// Times as wished, of which there is one at least.
pub(super) fn within_wish(
    turn: &Turn<'_>,
    plan: Plan,
    visits: &[Visit],
    heading: String,
) -> Answer {
    let wished: Vec<Visit> = wished(turn, &plan, visits);
    let picked = of_wish(turn, &plan, &wished);
    let labels = labels_of(&plan);
    answer(turn, plan, picked, visits, vec![heading], labels)
}

fn labels_of(plan: &Plan) -> Labels {
    if plan.wish.day().is_some() { Labels::Time } else { Labels::DayAndStaff }
}

fn wished(turn: &Turn<'_>, plan: &Plan, visits: &[Visit]) -> Vec<Visit> {
    let wished = |visit: &&Visit| plan.wish.allows(turn.local(start_of(visit)));
    visits.iter().filter(wished).cloned().collect()
}

/// Times around what could not be had, under `heading`.
pub(super) fn nearest(
    turn: &Turn<'_>,
    mut plan: Plan,
    visits: &[Visit],
    heading: String,
    labels: Labels,
) -> Answer {
    let near = plan.near.unwrap_or_else(|| target(turn, plan.wish));
    plan.near = Some(near);
    let picked = around(turn, &plan, visits, turn.local(near));
    answer(turn, plan, picked, visits, vec![heading], labels)
}

/// The page after the last one.
pub(super) fn more(turn: &Turn<'_>, mut plan: Plan) -> Outcome {
    let visits = turn.visits(&plan)?;
    let unshown = |visit: &&Visit| !plan.shown.contains(&start_of(visit));
    if !visits.iter().any(|visit| unshown(&visit)) {
        // All were shown: the next "more" begins again.
        plan.shown.clear();
        let line = turn.phrases.no_more_times();
        return Ok(Answer::new(State::DateTime(plan)).say(line).keeping_menu());
    }
    let heading = vec![turn.phrases.more_times_follow()];
    if let Some(near) = plan.near {
        let picked = around(turn, &plan, &visits, turn.local(near));
        return Ok(answer(turn, plan, picked, &visits, heading, Labels::DayAndStaff));
    }
    let wished: Vec<Visit> = wished(turn, &plan, &visits);
    if !plan.wish.is_open() && wished.iter().any(|visit| unshown(&visit)) {
        let picked = of_wish(turn, &plan, &wished);
        let labels =
            if labels_of(&plan) == Labels::Time { Labels::Time } else { Labels::DayAndStaff };
        let heading = match labels {
            Labels::Time => vec![format!("{}:", plan.wish.heading(turn.format))],
            Labels::Day | Labels::DayAndStaff | Labels::FromToday => heading,
        };
        return Ok(answer(turn, plan, picked, &visits, heading, labels));
    }
    let picked = halves(turn, &visits, &plan.shown);
    let labels = if plan.wish.is_open() { Labels::Day } else { Labels::DayAndStaff };
    Ok(answer(turn, plan, picked, &visits, heading, labels))
}

/// There is no free time up to the horizon.
pub(super) fn none(turn: &Turn<'_>, plan: &Plan) -> Answer {
    let mut menu = Menu::default();
    if let Some(booking) = plan.moving.and_then(|id| turn.booking(id)) {
        let weekday = turn.format.spoken_weekday(turn.local(booking.starts_at).date());
        menu.choice(&turn.phrases.keep(weekday), Choice::Keep { booking_id: booking.id });
    } else if plan.is_of_several() {
        menu.choice(&separately(turn, plan), Choice::Separately);
    }
    menu.person(&turn.phrases.person());
    let services = turn.services(plan).unwrap_or_default();
    let names = joined(services.iter().map(|service| service.name.as_str()));
    Answer::new(State::DateTime(plan.clone()))
        .say(turn.phrases.no_free_time(&in_sentence(&names)))
        .ask(menu)
}

/// The day wished has no room for all services in a row: the day next to it that has, or each at a
/// time of its own.
pub(super) fn no_room(turn: &Turn<'_>, plan: Plan, visits: &[Visit], day: NaiveDate) -> Answer {
    let phrases = turn.phrases;
    let soon = (day - turn.today()).num_days() < 7;
    let spoken =
        if soon { turn.format.spoken_weekday(day).to_owned() } else { turn.format.day(day) };
    let line = if plan.services.len() == 2 {
        phrases.no_room_for_both(&spoken)
    } else {
        phrases.no_room_for_all(&spoken)
    };
    let mut menu = Menu::default();
    let days = visits.iter().map(|visit| turn.local(start_of(visit)).date());
    let nearest = days.min_by_key(|other| {
        let distance = (*other - day).num_days();
        (distance.abs(), Reverse(distance))
    });
    if let Some(nearest) = nearest {
        let wish = Wish { from: Some(nearest), to: Some(nearest), ..Wish::default() };
        menu.choice(&capitalized(&turn.format.day(nearest)), Choice::Reading { wish });
    }
    if plan.moving.is_none() {
        menu.choice(&separately(turn, &plan), Choice::Separately);
    }
    Answer::new(State::DateTime(plan)).say(line).ask(menu)
}

fn separately(turn: &Turn<'_>, plan: &Plan) -> String {
    if plan.services.len() == 2 {
        turn.phrases.two_separate_times()
    } else {
        turn.phrases.separate_times()
    }
}

/// The lines, the times, and what leads on; the times are remembered as shown.
fn answer(
    turn: &Turn<'_>,
    mut plan: Plan,
    mut picked: Vec<Visit>,
    visits: &[Visit],
    lines: Vec<String>,
    labels: Labels,
) -> Answer {
    picked.sort_by_key(start_of);
    plan.shown.extend(picked.iter().map(start_of));
    let forgotten = plan.shown.len().saturating_sub(REMEMBERED);
    plan.shown.drain(..forgotten);
    plan.offered.clear();
    let mut menu = Menu::default();
    for (index, visit) in picked.iter().enumerate() {
        let choice = match visit.lines.as_slice() {
            [line] => Choice::Slot { staff_id: line.staff_id, starts_at: line.start },
            _ => Choice::Visit { index },
        };
        menu.choice(&label(turn, &plan, visit, labels), choice);
    }
    if plan.is_of_several() {
        plan.offered = picked.iter().map(lines_of).collect();
    }
    let more = visits.iter().any(|visit| {
        let (start, shown) = (start_of(visit), plan.shown.iter().copied());
        if plan.moving.is_none() || plan.near.is_some() || plan.wish.is_open() {
            return !plan.shown.contains(&start);
        }
        // A move offers to keep the old time before times that nobody asked for.
        plan.wish.allows(turn.local(start)) && clear(start, shown, spacing(visit))
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

fn label(turn: &Turn<'_>, plan: &Plan, visit: &Visit, labels: Labels) -> String {
    let format = turn.format;
    let at = turn.local(start_of(visit));
    let day_and = |time: String| format!("{}, {time}", format.short_day(at.date()));
    let today = turn.today();
    let [line] = visit.lines.as_slice() else {
        let lines = lines_label(turn, visit);
        return match labels {
            Labels::Time => lines,
            Labels::FromToday if at.date() == today => lines,
            Labels::Day | Labels::DayAndStaff | Labels::FromToday => day_and(lines),
        };
    };
    let time = format.time(at.time());
    let with_staff = |label: String| match turn.member(line.staff_id) {
        Some(member) if plan.staff_id().is_none() => {
            format!("{label} {}", turn.phrases.with_staff(&member.name))
        }
        _ => label,
    };
    match labels {
        Labels::DayAndStaff => with_staff(day_and(time)),
        Labels::Time => with_staff(time),
        Labels::FromToday if at.date() == today => with_staff(time),
        Labels::FromToday if Some(at.date()) == today.succ_opt() => {
            turn.phrases.tomorrow_at(&format.at_full(at.time()))
        }
        Labels::Day | Labels::FromToday => day_and(time),
    }
}

/// "9:00 AM haircut (Bruno), 9:45 AM manicure (Ana)"; where that is too long for an entry, from when
/// to when and with whom.
fn lines_label(turn: &Turn<'_>, visit: &Visit) -> String {
    let name_of = |id| turn.member(id).map(|member| member.name.clone()).unwrap_or_default();
    let parts = visit.lines.iter().map(|line| {
        let time = turn.format.time(turn.local(line.start).time());
        let service = turn.service(line.service_id).map(|service| in_sentence(&service.name));
        format!("{time} {} ({})", service.unwrap_or_default(), name_of(line.staff_id))
    });
    let all = parts.collect::<Vec<_>>().join(", ");
    if all.chars().count() <= LINES_LABEL_MAX {
        return all;
    }
    let mut names: Vec<String> = Vec::new();
    for name in visit.lines.iter().map(|line| name_of(line.staff_id)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let (start, end) = (start_of(visit), visit.end().unwrap_or_default());
    let span = turn.format.range(turn.local(start).time(), turn.local(end).time());
    format!("{span} ({})", names.join(", "))
}

/// The first free time of each half day of which none was shown; then whatever was not.
fn halves(turn: &Turn<'_>, visits: &[Visit], shown: &[DateTime<Utc>]) -> Vec<Visit> {
    let half = |start: DateTime<Utc>| {
        let at = turn.local(start);
        (at.date(), at.hour() >= 12)
    };
    let mut seen: HashSet<(NaiveDate, bool)> = shown.iter().map(|start| half(*start)).collect();
    let first = |visit: &&Visit| seen.insert(half(start_of(visit)));
    let mut picked: Vec<Visit> = visits.iter().filter(first).take(SHOWN).cloned().collect();
    fill_up(&mut picked, visits, shown);
    picked
}

/// Of one day times that do not overlap; of several days the first of each half day.
fn of_wish(turn: &Turn<'_>, plan: &Plan, wished: &[Visit]) -> Vec<Visit> {
    match plan.wish.day() {
        Some(_) => apart(wished, &plan.shown),
        None => halves(turn, wished, &plan.shown),
    }
}

/// Times that overlap none shown before and none of each other; then whatever was not shown.
fn apart(visits: &[Visit], shown: &[DateTime<Utc>]) -> Vec<Visit> {
    let mut picked: Vec<Visit> = Vec::new();
    for visit in visits {
        let taken = shown.iter().copied().chain(picked.iter().map(start_of));
        if picked.len() < SHOWN && clear(start_of(visit), taken, spacing(visit)) {
            picked.push(visit.clone());
        }
    }
    if picked.is_empty() {
        fill_up(&mut picked, visits, shown);
    }
    picked
}

/// Two times of the day wished, closest first, and then, day by day outwards, the one closest to
/// the time wished. Times that the wish itself allows go before others.
fn around(turn: &Turn<'_>, plan: &Plan, visits: &[Visit], target: NaiveDateTime) -> Vec<Visit> {
    let mut picked: Vec<Visit> = Vec::new();
    let mut take = |day: NaiveDate, count: usize| {
        let mut of_day: Vec<(bool, TimeDelta, &Visit)> = visits
            .iter()
            .filter(|visit| turn.local(start_of(visit)).date() == day)
            .map(|visit| {
                let time = turn.local(start_of(visit)).time();
                (!plan.wish.allows_time(time), (time - target.time()).abs(), visit)
            })
            .collect();
        of_day.sort_by_key(|(other, distance, _)| (*other, *distance));
        let mut left = count;
        for (_, _, visit) in of_day {
            let known = plan.shown.iter().copied().chain(picked.iter().map(start_of));
            if left > 0 && picked.len() < SHOWN && clear(start_of(visit), known, spacing(visit)) {
                picked.push(visit.clone());
                left -= 1;
            }
        }
    };
    take(target.date(), SHOWN - 1);
    let days: HashSet<NaiveDate> =
        visits.iter().map(|visit| turn.local(start_of(visit)).date()).collect();
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
        fill_up(&mut picked, visits, &plan.shown);
    }
    picked
}

/// How far apart two times of one list are at least: a service by its length, a visit of several by
/// its first one, and an hour at least, for who cannot come at nine cannot at a quarter past either.
fn spacing(visit: &Visit) -> TimeDelta {
    match visit.lines.as_slice() {
        [line] => line.end - line.start,
        [first, ..] => (first.end - first.start).max(TimeDelta::hours(1)),
        [] => TimeDelta::zero(),
    }
}

/// Whether a start is at least `least` away from all of these.
fn clear(
    start: DateTime<Utc>,
    mut others: impl Iterator<Item = DateTime<Utc>>,
    least: TimeDelta,
) -> bool {
    let least = least.max(TimeDelta::minutes(1));
    others.all(|other| (start - other).abs() >= least)
}

fn fill_up(picked: &mut Vec<Visit>, visits: &[Visit], shown: &[DateTime<Utc>]) {
    for visit in visits {
        let start = start_of(visit);
        let known = shown.contains(&start) || picked.iter().any(|p| start_of(p) == start);
        if picked.len() < SHOWN && !known {
            picked.push(visit.clone());
        }
    }
}

/// The moment around which times come closest to a wish.
pub(super) fn target(turn: &Turn<'_>, wish: Wish) -> DateTime<Utc> {
    moment_or_after(turn.zone(), wish.target(turn.local(turn.now)))
}
