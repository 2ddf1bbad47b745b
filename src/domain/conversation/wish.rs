//! When a customer would like to come: a filter over local starts.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use serde::{Deserialize, Serialize};

use super::format::{Format, capitalized};
use super::phrases::phrases;
use crate::domain::temporal::{DayPart, Meaning};

/// What was said about when; the default wishes nothing. All local to the tenant's zone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// The first day.
    pub from: Option<NaiveDate>,
    /// The last day, itself included.
    pub to: Option<NaiveDate>,
    pub time: Option<TimeOfDay>,
    /// The earliest start, where a stretch over several days was said.
    pub not_before: Option<NaiveDateTime>,
    /// Starts have to come before this.
    pub before: Option<NaiveDateTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeOfDay {
    At(NaiveTime),
    Morning,
    Afternoon,
    Evening,
    Night,
    /// From `from` on and before `to`.
    Between {
        from: Option<NaiveTime>,
        to: Option<NaiveTime>,
    },
}

impl Wish {
    pub(super) fn of(meaning: Meaning) -> Self {
        let on = |date: Option<NaiveDate>| Self { from: date, to: date, ..Self::default() };
        match meaning {
            Meaning::Date(date) => on(Some(date)),
            Meaning::Time(time) => Self { time: Some(TimeOfDay::At(time)), ..Self::default() },
            Meaning::DateTime(at) => {
                Self { time: Some(TimeOfDay::At(at.time())), ..on(Some(at.date())) }
            }
            Meaning::Part { part, date } => Self { time: Some(part.into()), ..on(date) },
            Meaning::Times { date, from, to } => {
                Self { time: Some(TimeOfDay::Between { from, to }), ..on(date) }
            }
            Meaning::Dates { from, to } => Self { from, to, ..Self::default() },
            Meaning::Moments { from, to } => Self {
                from: from.map(|at| at.date()),
                to: to.map(|at| at.date()),
                not_before: from,
                before: to,
                ..Self::default()
            },
        }
    }

    /// Whether nothing is wished.
    pub(super) fn is_open(self) -> bool {
        self == Self::default()
    }

    /// The one day wished.
    pub(super) fn day(self) -> Option<NaiveDate> {
        self.from.filter(|_| self.from == self.to)
    }

    /// The one moment wished.
    pub(super) fn moment(self) -> Option<NaiveDateTime> {
        match (self.day(), self.time) {
            (Some(day), Some(TimeOfDay::At(time))) => Some(day.and_time(time)),
            _ => None,
        }
    }

    /// What was just said, with what it leaves open taken from before: "Thursday", then "after 2".
    ///
    /// Other days than before are a wish of their own, unless they are some of those before:
    /// "tomorrow night", then "Friday", is any time on Friday.
    pub(super) fn or(self, earlier: Self) -> Self {
        let says_days = self.from.is_some() || self.to.is_some();
        if says_days && earlier.from.or(earlier.to).is_some() && !self.is_among_days_of(earlier) {
            return self;
        }
        let says_moments = self.not_before.is_some() || self.before.is_some();
        Self {
            from: if says_days { self.from } else { earlier.from },
            to: if says_days { self.to } else { earlier.to },
            time: if says_moments { None } else { self.time.or(earlier.time) },
            not_before: if says_days { self.not_before } else { earlier.not_before },
            before: if says_days { self.before } else { earlier.before },
        }
    }

    /// Whether the days wished are days that `other` wishes, itself included.
    fn is_among_days_of(self, other: Self) -> bool {
        let from = other.from.is_none_or(|first| self.from.is_some_and(|from| from >= first));
        let to = other.to.is_none_or(|last| self.to.is_some_and(|to| to <= last));
        from && to
    }

    pub(super) fn allows(self, start: NaiveDateTime) -> bool {
        self.from.is_none_or(|from| start.date() >= from)
            && self.to.is_none_or(|to| start.date() <= to)
            && self.not_before.is_none_or(|from| start >= from)
            && self.before.is_none_or(|to| start < to)
            && self.allows_time(start.time())
    }

    pub(super) fn allows_time(self, time: NaiveTime) -> bool {
        self.time.is_none_or(|wished| wished.allows(time))
    }

    /// The moment whose neighbours come closest to the wish, seen from `now`.
    pub(super) fn target(self, now: NaiveDateTime) -> NaiveDateTime {
        let day = self.from.or(self.to).unwrap_or(now.date());
        let time = self.time.map_or(NaiveTime::MIN, TimeOfDay::begins);
        self.not_before.unwrap_or(day.and_time(time))
    }

    /// As a heading: "Thursday 12 March, after 2:00 PM". Empty where nothing is wished.
    pub(super) fn heading(self, format: Format) -> String {
        let phrases = phrases(format.locale.language());
        let days = match (self.from, self.to) {
            (Some(from), Some(to)) if from == to => format.day(from),
            (Some(from), Some(to)) => phrases.days(&format.day(from), &format.day(to)),
            (Some(from), None) => phrases.days_from(&format.day(from)),
            (None, Some(to)) => phrases.days_until(&format.day(to)),
            (None, None) => String::new(),
        };
        let time = self.time.map_or(String::new(), |time| time.spoken(format));
        let joined = if days.is_empty() || time.is_empty() { "" } else { ", " };
        capitalized(&format!("{days}{joined}{time}"))
    }
}

impl TimeOfDay {
    /// The first time of the part and the first after it. Parts overlap where people use them so.
    fn bounds(self) -> (NaiveTime, Option<NaiveTime>) {
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
        match self {
            Self::At(time) => (time, None),
            Self::Morning => (NaiveTime::MIN, Some(hour(12))),
            Self::Afternoon => (hour(12), Some(hour(19))),
            Self::Evening => (hour(17), None),
            Self::Night => (hour(18), None),
            Self::Between { from, to } => (from.unwrap_or(NaiveTime::MIN), to),
        }
    }

    fn begins(self) -> NaiveTime {
        self.bounds().0
    }

    fn allows(self, time: NaiveTime) -> bool {
        let (from, to) = self.bounds();
        match self {
            Self::At(wished) => time == wished,
            Self::Morning
            | Self::Afternoon
            | Self::Evening
            | Self::Night
            | Self::Between { .. } => time >= from && to.is_none_or(|to| time < to),
        }
    }

    fn spoken(self, format: Format) -> String {
        let phrases = phrases(format.locale.language());
        match self {
            Self::At(time) => format.spoken_time(time),
            Self::Morning => phrases.morning(),
            Self::Afternoon => phrases.afternoon(),
            Self::Evening => phrases.evening(),
            Self::Night => phrases.night(),
            Self::Between { from: Some(from), to: Some(to) } => format.range(from, to),
            Self::Between { from: Some(from), to: None } => format.after(from),
            Self::Between { from: None, to: Some(to) } => format.before(to),
            Self::Between { from: None, to: None } => String::new(),
        }
    }
}

impl From<DayPart> for TimeOfDay {
    fn from(part: DayPart) -> Self {
        match part {
            DayPart::Morning => Self::Morning,
            DayPart::Afternoon => Self::Afternoon,
            DayPart::Evening => Self::Evening,
            DayPart::Night => Self::Night,
        }
    }
}
