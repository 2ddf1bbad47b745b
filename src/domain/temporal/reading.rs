//! From items to what is meant: pieces that belong together, choices, and what is over.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::bare::settle_numbers;
use super::calendar::{Dates, Day, Which};
use super::clock::Clock;
use super::grammar::Item;
use super::group::{Group, groups};
use super::period::Length;
use super::{Candidate, Choice, DayPart, Hints, Meaning, Problem, Understanding};
use crate::domain::catalogue::WeekHours;

/// More readings than a customer can be asked to choose from.
const MOST_CANDIDATES: usize = 6;

/// What the items of a text mean at `now`.
pub(super) fn read(
    items: &[Item],
    now: NaiveDateTime,
    hints: &Hints<'_>,
    month_first: bool,
) -> Understanding {
    if items.contains(&Item::NoSuch) {
        return Understanding { candidates: Vec::new(), problem: Some(Problem::NoSuchDate) };
    }
    let (items, latent) = settle_numbers(items, hints, month_first);
    let mut candidates: Vec<Candidate> = Vec::new();
    for group in groups(&items, now.date()) {
        let group = Group { latent, ..group }.with_custom_hours();
        for candidate in group.candidates(now, hints) {
            if candidates.len() < MOST_CANDIDATES
                && !candidates.iter().any(|other| other.meaning == candidate.meaning)
            {
                candidates.push(candidate);
            }
        }
    }
    let first = candidates.first().map(|candidate| candidate.meaning);
    candidates.retain(|candidate| !is_over(candidate.meaning, now));
    let problem = match first {
        Some(over) if candidates.is_empty() => Some(Problem::InThePast(Some(over))),
        _ => None,
    };
    Understanding { candidates, problem }
}

impl Group {
    fn candidates(self, now: NaiveDateTime, hints: &Hints<'_>) -> Vec<Candidate> {
        let today = now.date();
        if let Some(moments) = self.moments {
            return Self::moments(moments, today).into_iter().collect();
        }
        if let Some((from, to)) = self.days
            && self.times.is_none()
        {
            return self.range_of_days(from, to, today).into_iter().collect();
        }
        // "today in one hour"
        let that_day = |moment: NaiveDateTime| {
            let fixed = self.day.and_then(|day| day.fixed);
            self.day.is_none() || (moment != now && fixed == Some(moment.date()))
        };
        let alone =
            self.clock.is_none() && self.times.is_none() && self.moment.is_some_and(that_day);
        if let Some(moment) = self.moment.filter(|_| alone) {
            let moment = moment.with_second(0).and_then(|m| m.with_nanosecond(0)).unwrap_or(moment);
            return vec![plain(Meaning::DateTime(moment), "moment")];
        }
        if let Some(period) = self.period.filter(|_| self.day.is_none() && self.times.is_none()) {
            let dates = |(from, to)| Meaning::Dates { from: Some(from), to: Some(to) };
            let choices =
                if period.second.is_some() { vec![Choice::NextWeekday] } else { Vec::new() };
            return std::iter::once((period.from, period.to))
                .chain(period.second)
                .map(|span| Candidate {
                    meaning: dates(span),
                    rule: "period",
                    choices: choices.clone(),
                })
                .collect();
        }
        let dates = match (self.day, self.moment) {
            (Some(day), _) if day.is_whole() => {
                let dates = day.dates(today);
                if dates == Dates::default() {
                    return Vec::new();
                }
                dates
            }
            (_, Some(moment)) => Day::fixed(moment.date()).dates(today),
            _ => Dates::default(),
        };
        let mut out = Vec::new();
        if dates == Dates::default() {
            self.on(None, None, now, hints, &mut out);
        }
        for (date, choice) in dates.iter() {
            self.on(Some(date), choice, now, hints, &mut out);
        }
        out
    }

    /// The readings on one date, or on none.
    fn on(
        self,
        date: Option<NaiveDate>,
        choice: Option<Choice>,
        now: NaiveDateTime,
        hints: &Hints<'_>,
        out: &mut Vec<Candidate>,
    ) {
        let mut push = |meaning, more: Option<Choice>| {
            let choices =
                choice.into_iter().chain(more).chain(self.latent.then_some(Choice::Latent));
            out.push(Candidate {
                meaning,
                rule: self.rule(date.is_some()),
                choices: choices.collect(),
            });
        };
        if let Some((from, to)) = self.times {
            let (from, to, chosen) = self.pair(from, to, date, hints);
            push(Meaning::Times { date, from, to }, chosen.then_some(Choice::AmPm));
            return;
        }
        if let Some(clock) = self.clock {
            let at = |clock: Clock| match date {
                Some(date) => Meaning::DateTime(date.and_time(clock.time())),
                None => Meaning::Time(clock.time()),
            };
            let (first, second) = match self.part {
                Some(part) => (clock.during(part), None),
                None => choose(clock, date, hints.hours, now),
            };
            let chosen = (clock.open && self.part.is_none()).then_some(Choice::AmPm);
            push(at(first), chosen);
            if let Some(second) = second {
                push(at(second), chosen);
            }
            return;
        }
        if let Some(part) = self.part {
            push(Meaning::Part { part, date }, None);
        } else if let Some(date) = date {
            push(Meaning::Date(date), None);
        }
    }

    /// Both ends of a range of times, each in the half of the day that makes a range of them.
    fn pair(
        self,
        from: Option<Clock>,
        to: Option<Clock>,
        date: Option<NaiveDate>,
        hints: &Hints<'_>,
    ) -> (Option<NaiveTime>, Option<NaiveTime>, bool) {
        let within = |clock: Clock| match self.part {
            Some(part) => clock.during(part),
            None => clock,
        };
        let one = |clock: Clock| first_open(within(clock), date, hints.hours);
        let time = |clock: Option<Clock>| clock.map(Clock::time);
        let (Some(from), Some(to)) = (from, to) else {
            let chosen = from.or(to).is_some_and(|clock| within(clock).open);
            let ends = (from.map(one), to.map(one));
            let lasts = self.length.filter(|length| length.is_of_hours());
            let to = match (ends, lasts) {
                ((Some(start), None), Some(length)) => {
                    let day = date.unwrap_or(NaiveDate::MIN.succ_opt().unwrap_or_default());
                    Some(length.after(day.and_time(start.time())).time())
                }
                _ => time(ends.1),
            };
            return (time(ends.0), to, chosen);
        };
        let (from, to) = (within(from), within(to));
        let chosen = from.open && to.open;
        let (from, to) = match (from.open, to.open) {
            (false, false) => (from, to),
            (false, true) => (from, after(from, to)),
            (true, false) => (before(from, to), to),
            (true, true) => {
                let start = first_open(from, date, hints.hours);
                let end = after(start, to);
                if end.minutes() > start.minutes() {
                    (start, end)
                } else {
                    (from.half(false), after(from.half(false), to))
                }
            }
        };
        (Some(from.time()), Some(to.time()), chosen)
    }

    fn moments(ends: ((Day, Clock), (Day, Clock)), today: NaiveDate) -> Option<Candidate> {
        let ((first, from), (last, to)) = ends;
        let (first, last) = Day::ends(first, last);
        let start = first.dates(today).first?.0;
        let end = last.dates(start).first?.0;
        let (from, to) = (from.readings().0.time(), to.readings().0.time());
        let meaning =
            Meaning::Moments { from: Some(start.and_time(from)), to: Some(end.and_time(to)) };
        Some(plain(meaning, "moments"))
    }

    fn range_of_days(
        self,
        from: Option<Day>,
        to: Option<Day>,
        today: NaiveDate,
    ) -> Option<Candidate> {
        let first = match from {
            Some(day) => Some(day.dates(today).first?.0),
            None => None,
        };
        let last = match to {
            // The end is looked for from the start on: "friday to tuesday".
            Some(day) => {
                let from = first.filter(|_| day.month_offset.is_none()).unwrap_or(today);
                // "next monday to next friday": both are reckoned from today
                let seen_from_today = (day.which != Which::Plain || day.week.is_some())
                    .then(|| day.dates(today).first)
                    .flatten()
                    .filter(|(date, _)| *date > from);
                Some(seen_from_today.or_else(|| day.dates(from).first)?.0)
            }
            None => first
                .zip(self.length.and_then(Length::days))
                .map(|(first, days)| super::calendar::shift(first, i64::from(days) - 1)),
        };
        Some(plain(Meaning::Dates { from: first, to: last }, "days"))
    }

    fn rule(self, has_date: bool) -> &'static str {
        let day = match self.day {
            _ if !has_date => "",
            Some(day) if day.fixed.is_some() => "day",
            Some(day) if day.day.is_some() && day.month.is_some() => "date",
            Some(day) if day.day.is_some() => "day-of-month",
            Some(_) => "weekday",
            None => "day",
        };
        let (clock, times, part) =
            (self.clock.is_some(), self.times.is_some(), self.part.is_some());
        match (day, clock, times, part) {
            ("", true, ..) => "time",
            ("", _, true, _) => "times",
            ("", ..) => "part",
            ("date", true, ..) => "date+time",
            ("date", _, true, _) => "date+times",
            ("date", _, _, true) => "date+part",
            ("date", ..) => "date",
            ("day-of-month", true, ..) => "day-of-month+time",
            ("day-of-month", _, true, _) => "day-of-month+times",
            ("day-of-month", _, _, true) => "day-of-month+part",
            ("day-of-month", ..) => "day-of-month",
            ("weekday", true, ..) => "weekday+time",
            ("weekday", _, true, _) => "weekday+times",
            ("weekday", _, _, true) => "weekday+part",
            ("weekday", ..) => "weekday",
            (_, true, ..) => "day+time",
            (_, _, true, _) => "day+times",
            (_, _, _, true) => "day+part",
            _ => "day",
        }
    }
}

fn plain(meaning: Meaning, rule: &'static str) -> Candidate {
    Candidate { meaning, rule, choices: Vec::new() }
}

/// The earliest reading of `clock` after `from`, else the one after midnight.
fn after(from: Clock, clock: Clock) -> Clock {
    let (am, pm) = (clock.half(false), clock.half(true));
    [am, pm].into_iter().find(|reading| reading.minutes() > from.minutes()).unwrap_or(am)
}

/// The latest reading of `clock` before `to`, else the one of the evening before.
fn before(clock: Clock, to: Clock) -> Clock {
    let (am, pm) = (clock.half(false), clock.half(true));
    [pm, am].into_iter().find(|reading| reading.minutes() < to.minutes()).unwrap_or(pm)
}

fn first_open(clock: Clock, date: Option<NaiveDate>, hours: Option<&WeekHours>) -> Clock {
    let (first, second) = clock.readings();
    match (second, hours) {
        (Some(second), Some(hours))
            if !is_open(hours, date, first) && is_open(hours, date, second) =>
        {
            second
        }
        _ => first,
    }
}

/// The reading of an hour of 12, and a second one where opening hours allow both.
fn choose(
    clock: Clock,
    date: Option<NaiveDate>,
    hours: Option<&WeekHours>,
    now: NaiveDateTime,
) -> (Clock, Option<Clock>) {
    let (first, second) = clock.readings();
    let (Some(second), Some(hours)) = (second, hours) else { return (first, None) };
    let is_past = |clock: Clock| date == Some(now.date()) && clock.time() < now.time();
    match (is_open(hours, date, first), is_open(hours, date, second)) {
        (false, true) => (second, None),
        (true, true) if is_past(first) && !is_past(second) => (second, None),
        (true, true) if !is_past(second) => (first, Some(second)),
        _ => (first, None),
    }
}

/// Whether it is open at that time, on that date or on any.
fn is_open(hours: &WeekHours, date: Option<NaiveDate>, clock: Clock) -> bool {
    let weekday = date.map(|date| date.weekday().number_from_monday());
    hours.openings.iter().any(|opening| {
        weekday.is_none_or(|weekday| weekday == u32::from(opening.weekday))
            && (opening.opens..opening.closes).contains(&clock.minutes())
    })
}

/// Whether it lies before `now`; what goes on at `now` does not.
fn is_over(meaning: Meaning, now: NaiveDateTime) -> bool {
    let today = now.date();
    let minute = now
        - TimeDelta::seconds(now.second().into())
        - TimeDelta::nanoseconds(now.nanosecond().into());
    match meaning {
        Meaning::Time(_) | Meaning::Part { date: None, .. } | Meaning::Times { date: None, .. } => {
            false
        }
        Meaning::Date(date) => date < today,
        Meaning::DateTime(moment) => moment < minute,
        Meaning::Part { part, date: Some(date) } => {
            let ends = match part {
                DayPart::Morning => 12,
                DayPart::Afternoon => 20,
                DayPart::Evening | DayPart::Night => 24,
            };
            date < today || (date == today && now.hour() >= ends)
        }
        Meaning::Times { date: Some(date), from, to } => {
            let wraps = from.zip(to).is_some_and(|(from, to)| to <= from);
            date < today || (date == today && !wraps && to.is_some_and(|to| to <= minute.time()))
        }
        Meaning::Dates { to, .. } => to.is_some_and(|to| to < today),
        Meaning::Moments { to, .. } => to.is_some_and(|to| to < minute),
    }
}
