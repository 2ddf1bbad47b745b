//! From items to what is meant: pieces that belong together, choices, and what is over.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::calendar::{Dates, Day};
use super::clock::Clock;
use super::grammar::{Item, Mark};
use super::period::{Length, Period};
use super::{Candidate, Choice, DayPart, Expecting, Hints, Meaning, Problem, Understanding};
use crate::domain::catalogue::WeekHours;

/// More readings than a customer can be asked to choose from.
const MOST_CANDIDATES: usize = 6;

/// What is said about one time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Group {
    day: Option<Day>,
    clock: Option<Clock>,
    times: Option<(Option<Clock>, Option<Clock>)>,
    part: Option<DayPart>,
    moment: Option<NaiveDateTime>,
    period: Option<Period>,
    days: Option<(Option<Day>, Option<Day>)>,
    moments: Option<((Day, Clock), (Day, Clock))>,
    length: Option<Length>,
    /// Hours that have a name, if no others are said.
    custom: Option<(u8, u8)>,
    latent: bool,
}

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

/// Turns bare numbers into times or days where what stands beside them, or what was asked, says so.
/// The second is whether only the question said so.
fn settle_numbers(items: &[Item], hints: &Hints<'_>, month_first: bool) -> (Vec<Item>, bool) {
    let said = |item: &Item| {
        matches!(
            item,
            Item::Day(_) | Item::Clock(_) | Item::Part { .. } | Item::Period(_) | Item::Moment(_)
        )
    };
    let anything = items.iter().any(said);
    let only_known = !items.contains(&Item::Word);
    let mut out: Vec<Item> = Vec::with_capacity(items.len());
    let mut latent = false;
    for (at, item) in items.iter().enumerate() {
        let settled = match *item {
            Item::Number { value, digits } => {
                let before = items[..at]
                    .iter()
                    .rev()
                    .find(|item| !matches!(item, Item::Comma | Item::Mark(Mark::To | Mark::From)));
                let after = items[at + 1..].iter().find(|item| **item != Item::Comma);
                let lone = before.is_none() && at > 0 && items[at - 1] == Item::Mark(Mark::To);
                number(value, digits, before, after, lone).or_else(|| {
                    let answer = answered(value, digits, anything, hints.expecting);
                    latent |= only_known && answer.is_some();
                    answer.filter(|_| only_known)
                })
            }
            Item::Hyphenated { a, b, introduced } => {
                hyphenated((a, b), introduced, !anything && only_known, anything, month_first)
            }
            Item::Times { sure: false, from, to } => {
                (anything || only_known).then_some(Item::Times { from, to, sure: true })
            }
            other => Some(other),
        };
        out.push(settled.unwrap_or(Item::Word));
    }
    (out, latent)
}

/// A number that what stands beside it makes a time or a day.
/// `lone`: only a word that may also be "at" stands before it, as in "à uma".
fn number(
    value: u32,
    digits: u8,
    before: Option<&Item>,
    after: Option<&Item>,
    lone: bool,
) -> Option<Item> {
    let is_end = !matches!(after, Some(Item::Word));
    let after_day = matches!(before, Some(Item::Day(_) | Item::Part { .. } | Item::Period(_)));
    let before_part = matches!(after, Some(Item::Part { .. })) && value <= 24;
    if ((after_day || lone) && is_end || before_part)
        && let Some(clock) = as_time(value, digits)
    {
        return Some(Item::Clock(clock));
    }
    // "25 às 14h": a day of the month before its time.
    let has_time = match after {
        Some(Item::Clock(clock)) => clock.at || value > 12,
        _ => false,
    };
    as_day(value, digits).filter(|_| has_time && (before.is_none() || value > 24))
}

/// A number that is an answer to what was asked.
fn answered(value: u32, digits: u8, anything: bool, expecting: Expecting) -> Option<Item> {
    let time = as_time(value, digits).map(Item::Clock);
    let day = as_day(value, digits);
    match expecting {
        Expecting::Nothing => None,
        _ if anything => None,
        Expecting::Day => day,
        Expecting::Time => time,
        // A small number is rather an hour, but not where it cannot be one.
        Expecting::DayAndTime if value <= 24 || digits > 2 => time,
        Expecting::DayAndTime => day,
    }
}

fn as_day(value: u32, digits: u8) -> Option<Item> {
    let day = u8::try_from(value).ok().filter(|day| (1..=31).contains(day) && digits <= 2)?;
    Some(Item::Day(Day { day: Some(day), ..Day::default() }))
}

fn as_time(value: u32, digits: u8) -> Option<Clock> {
    let (hour, minute) = match digits {
        0 if value == 0 => return None,
        0..=2 => (value, 0),
        // A year is no time.
        _ if (1900..2100).contains(&value) => return None,
        _ => (value / 100, value % 100),
    };
    let hour = u8::try_from(hour).ok().filter(|hour| *hour <= 24)?;
    let minute = u8::try_from(minute).ok().filter(|minute| *minute < 60)?;
    Some(Clock { open: (1..=12).contains(&hour), ..Clock::exact(hour % 24, minute) })
}

/// "3-8": a date if it was introduced as one or stands alone, two times beside a day.
fn hyphenated(
    (a, b): (u32, u32),
    as_date: bool,
    alone: bool,
    beside: bool,
    month_first: bool,
) -> Option<Item> {
    let looks_like_hours = a < b && (7..=22).contains(&a) && b <= 22;
    if as_date || (alone && !looks_like_hours) {
        let (day, month) = if (month_first && a <= 12) || b > 12 { (b, a) } else { (a, b) };
        let day = Day {
            day: u8::try_from(day).ok().filter(|day| (1..=31).contains(day)),
            month: u8::try_from(month).ok().filter(|month| (1..=12).contains(month)),
            ..Day::default()
        };
        return (day.day.is_some() && day.month.is_some()).then_some(Item::Day(day));
    }
    if !(alone || beside) {
        return None;
    }
    let clock = |value: u32| {
        let hour = u8::try_from(value).ok().filter(|hour| *hour <= 24)?;
        Some(Clock { open: (1..=12).contains(&hour), ..Clock::exact(hour % 24, 0) })
    };
    Some(Item::Times { from: Some(clock(a)?), to: Some(clock(b)?), sure: true })
}

/// Puts items that are about one time together; a second day or time begins another group, and takes
/// from its neighbours what it does not say itself.
fn groups(items: &[Item], today: NaiveDate) -> Vec<Group> {
    let mut groups = vec![Group::default()];
    let mut replaces = false;
    for item in items {
        if *item == Item::Mark(Mark::Instead) {
            replaces = groups.iter().any(|group| *group != Group::default());
            continue;
        }
        let last = groups.len() - 1;
        let fits = !replaces && groups[last].take(item, today);
        if !fits {
            let mut next = Group::default();
            if next.take(item, today) && next != Group::default() {
                if replaces {
                    let before = groups[last];
                    groups.clear();
                    groups.push(next.over(before));
                    replaces = false;
                } else {
                    groups.push(next);
                }
            }
        }
    }
    groups.retain(Group::says_when);
    for at in 0..groups.len() {
        let before = at.checked_sub(1).map(|before| groups[before]);
        let after = groups.get(at + 1).copied();
        for other in [before, after].into_iter().flatten() {
            groups[at] = groups[at].over(other);
        }
    }
    groups
}

impl Group {
    /// Adds an item; `false` if the group already says otherwise.
    fn take(&mut self, item: &Item, today: NaiveDate) -> bool {
        match *item {
            Item::Day(day) => return self.take_day(day),
            Item::Clock(clock) => match self.clock {
                None if self.times.is_none() && self.moments.is_none() => self.clock = Some(clock),
                Some(same) if same.hour == clock.hour && same.minute == clock.minute => {}
                _ => return false,
            },
            Item::Part { part, today: is_today } => {
                if is_today && !self.take_day(Day::fixed(today)) {
                    return false;
                }
                match self.part {
                    None => self.part = Some(part),
                    Some(same) => return same == part,
                }
            }
            Item::Times { from, to, .. } => match self.times {
                None if self.clock.is_none() => self.times = Some((from, to)),
                // "after 9 and before 11"
                Some((Some(start), None)) if from.is_none() => self.times = Some((Some(start), to)),
                Some((None, Some(end))) if to.is_none() => self.times = Some((from, Some(end))),
                _ => return false,
            },
            Item::Days { from, to } => match self.days {
                None if self.day.is_none() => {
                    let week = self.period.take().filter(|period| period.is_week());
                    let within = |day: Option<Day>| day.map(|day| in_week(day, week));
                    self.days = Some((within(from), within(to)));
                }
                Some((Some(start), None)) if from.is_none() => self.days = Some((Some(start), to)),
                Some((None, Some(end))) if to.is_none() => self.days = Some((from, Some(end))),
                _ => return false,
            },
            Item::Moments { from, to } => match self.moments {
                None if self.clock.is_none() && self.times.is_none() => {
                    self.moments = Some((from, to));
                }
                _ => return false,
            },
            Item::Moment(moment) => match self.moment {
                None => self.moment = Some(moment),
                Some(_) => return false,
            },
            Item::Period(period) => match self.period {
                None => match self.day {
                    Some(day) if !day.is_whole() || day.fixed.is_some() => {}
                    Some(day) => self.day = Some(in_week(day, Some(period))),
                    None => self.period = Some(period),
                },
                Some(_) => return false,
            },
            Item::Length(length) => self.length = self.length.or(Some(length)),
            Item::Custom(from, to) => self.custom = self.custom.or(Some((from, to))),
            _ => {}
        }
        true
    }

    fn take_day(&mut self, day: Day) -> bool {
        if self.days.is_some() || self.moments.is_some() {
            return !day.is_whole();
        }
        let day = match self.period.take() {
            // "this week from tuesday", "next week, on wednesday"
            Some(period) if day.is_whole() => in_week(day, Some(period)),
            period => {
                self.period = period;
                day
            }
        };
        match self.day {
            None => self.day = Some(day),
            Some(before) => match before.join(day) {
                Some(joined) => self.day = Some(joined),
                None => return false,
            },
        }
        true
    }

    fn with_custom_hours(mut self) -> Self {
        if let Some((from, to)) = self.custom
            && self.clock.is_none()
            && self.times.is_none()
            && self.part.is_none()
        {
            self.times = Some((Some(Clock::exact(from, 0)), Some(Clock::exact(to, 0))));
        }
        self
    }

    fn says_when(&self) -> bool {
        self.custom.is_some()
            || self.day.is_some_and(|day| day.is_whole())
            || self.clock.is_some()
            || self.times.is_some()
            || self.part.is_some()
            || self.moment.is_some()
            || self.period.is_some()
            || self.days.is_some()
            || self.moments.is_some()
    }

    /// This group, and what only `other` says.
    fn over(self, other: Self) -> Self {
        let has_time = self.clock.is_some()
            || self.times.is_some()
            || self.part.is_some()
            || self.moment.is_some()
            || self.moments.is_some();
        let has_day = self.day.is_some()
            || self.period.is_some()
            || self.days.is_some()
            || self.moments.is_some()
            || self.moment.is_some();
        Self {
            day: if has_day { self.day } else { other.day },
            period: if has_day { self.period } else { other.period },
            days: if has_day { self.days } else { other.days },
            clock: if has_time { self.clock } else { other.clock },
            times: if has_time { self.times } else { other.times },
            part: if has_time { self.part } else { other.part },
            ..self
        }
    }

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
        let start = first.borrow(last).dates(today).first?.0;
        let end = last.borrow(first).dates(start).first?.0;
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
            Some(day) => Some(day.dates(first.unwrap_or(today)).first?.0),
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

/// A weekday said beside a week is the one of that week.
fn in_week(day: Day, week: Option<Period>) -> Day {
    match (day.weekday, week) {
        (Some(weekday), Some(week))
            if day.day.is_none() && day.fixed.is_none() && week.is_week() =>
        {
            Day::fixed(week.from + chrono::Days::new(weekday.into()))
        }
        _ => day,
    }
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
