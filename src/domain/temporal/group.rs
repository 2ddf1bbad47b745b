//! Items that are about one time, put together.

use chrono::{NaiveDate, NaiveDateTime};

use super::DayPart;
use super::calendar::Day;
use super::clock::Clock;
use super::grammar::{Item, Mark};
use super::period::{Length, Period};

/// What is said about one time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Group {
    pub(super) day: Option<Day>,
    pub(super) clock: Option<Clock>,
    pub(super) times: Option<(Option<Clock>, Option<Clock>)>,
    pub(super) part: Option<DayPart>,
    pub(super) moment: Option<NaiveDateTime>,
    pub(super) period: Option<Period>,
    pub(super) days: Option<(Option<Day>, Option<Day>)>,
    pub(super) moments: Option<((Day, Clock), (Day, Clock))>,
    pub(super) length: Option<Length>,
    /// Hours that have a name, if no others are said.
    pub(super) custom: Option<(u8, u8)>,
    pub(super) latent: bool,
}

/// Puts items that are about one time together; a second day or time begins another group, and takes
/// from its neighbours what it does not say itself.
pub(super) fn groups(items: &[Item], today: NaiveDate) -> Vec<Group> {
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

    pub(super) fn with_custom_hours(mut self) -> Self {
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
