//! Stretches of days and lengths of time: "next week", "fim do mês", "in two hours".

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta};

use super::calendar::{Day, WEEK, monday, month_span, shift};
use super::clock::Clock;
use super::grammar::{Item, Scan};
use super::sense::{Edge, Sense, Unit};
use super::token::Kind;

/// Days from one to another, the last one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// Another stretch that may be meant: "next weekend".
    pub second: Option<(NaiveDate, NaiveDate)>,
}

impl Period {
    fn new(from: NaiveDate, to: NaiveDate) -> Self {
        Self { from, to, second: None }
    }

    /// Whether it is one week, so that a weekday said beside it is of that week.
    pub(super) fn is_week(self) -> bool {
        self.second.is_none()
            && self.from == monday(self.from)
            && self.to == self.from + Days::new(6)
    }
}

/// A length of time, as it is added to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Length {
    months: u32,
    days: u32,
    minutes: u32,
}

/// More is no length that an appointment is reckoned with.
const MOST: u32 = 4000;

impl Length {
    fn of(count: u32, unit: Unit) -> Option<Self> {
        let count = Some(count).filter(|count| *count <= MOST)?;
        Some(match unit {
            Unit::Minute => Self { minutes: count, ..Self::default() },
            Unit::Hour => Self { minutes: count * 60, ..Self::default() },
            Unit::Day => Self { days: count, ..Self::default() },
            Unit::Week => Self { days: count * 7, ..Self::default() },
            Unit::Fortnight => Self { days: count * 14, ..Self::default() },
            Unit::Month => Self { months: count, ..Self::default() },
            Unit::Year => Self { months: count * 12, ..Self::default() },
            Unit::Weekend | Unit::WorkWeek => return None,
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            months: self.months + other.months,
            days: self.days + other.days,
            minutes: self.minutes + other.minutes,
        }
    }

    pub(super) fn is_of_hours(self) -> bool {
        self.minutes > 0
    }

    /// Whole days, where it is counted in days.
    pub(super) fn days(self) -> Option<u32> {
        (self.minutes == 0 && self.months == 0).then_some(self.days)
    }

    fn whole_weeks(self) -> Option<u32> {
        self.days().filter(|days| *days > 0 && days % 7 == 0).map(|days| days / 7)
    }

    pub(super) fn after(self, moment: NaiveDateTime) -> NaiveDateTime {
        moment
            .checked_add_months(Months::new(self.months))
            .and_then(|moment| moment.checked_add_days(Days::new(self.days.into())))
            .and_then(|moment| moment.checked_add_signed(TimeDelta::minutes(self.minutes.into())))
            .unwrap_or(moment)
    }

    /// The time that is so much later, or earlier.
    fn moved(self, clock: Clock, back: bool) -> Clock {
        let day = 24 * 60;
        let minutes = self.minutes % day;
        let moved = (u32::from(clock.minutes()) + if back { day - minutes } else { minutes }) % day;
        let part = |value: u32| u8::try_from(value).unwrap_or_default();
        Clock { open: clock.open, ..Clock::exact(part(moved / 60), part(moved % 60)) }
    }

    fn before(self, date: NaiveDate) -> NaiveDate {
        let date = date.checked_sub_months(Months::new(self.months)).unwrap_or(date);
        shift(date, -i64::from(self.days))
    }
}

impl Scan<'_> {
    /// A day or a moment reckoned from another: "in 2 hours", "a week from friday".
    pub(super) fn reckoned(&self, start: usize) -> Option<(Item, usize)> {
        // "now + 2 hours"
        if self.has(start, Sense::Now) && self.kind(start + 1) == Some(Kind::Stop) {
            let (length, next) = self.length(start + 2)?;
            return Some((self.reckon(length), next));
        }
        let is_in = self.has(start, Sense::In);
        // "depois das 16 horas" is a time, "depois de 16 horas" a length.
        let is_after = self.has(start, Sense::After) && !self.has(start, Sense::At);
        if self.has(start, Sense::Ago) {
            let at = self.skip(start + 1, &[Sense::Filler]);
            let (_, next) = self.length(at)?;
            return Some((Item::Word, next));
        }
        let at = if is_in || is_after {
            self.skip(start + 1, &[Sense::In, Sense::The, Sense::Next, Sense::Filler, Sense::At])
        } else {
            start
        };
        // "en los próximos 3 días" are the days, not the last of them.
        if is_in && self.several(self.skip(start + 1, &[Sense::The])).is_some() {
            return None;
        }
        let (length, mut next) = self.length(at).or_else(|| self.the_day_beside(at))?;
        if self.has(next, Sense::Ago) {
            return Some((Item::Word, next + 1));
        }
        // "en 1h04 pm"
        if self.has(next, Sense::Meridiem(true)) || self.has(next, Sense::Meridiem(false)) {
            return None;
        }
        let joins = [Sense::After, Sense::From, Sense::Before, Sense::Later];
        if joins.iter().any(|sense| self.has(next, *sense)) {
            let back = self.has(next, Sense::Before);
            let other = self.skip(next + 1, &[Sense::Of, Sense::The]);
            if !length.is_of_hours()
                && let Some((Item::Day(day), end)) = self.day(other)
                && let Some((date, _)) = day.dates(self.now.date()).first
            {
                let date =
                    if back { length.before(date) } else { length.after(date.into()).date() };
                return Some((Item::Day(Day::fixed(date)), end));
            }
            // "15 minutes from 1pm"
            if length.is_of_hours()
                && !self.has(next, Sense::Of)
                && let Some((Item::Clock(clock), end)) = self.time(next + 1, None)
            {
                return Some((Item::Clock(length.moved(clock, back)), end));
            }
            if self.has(next, Sense::Later) {
                next += 1;
                return Some((self.reckon(length), next));
            }
        }
        // British "a week on friday", "two weeks tomorrow".
        let british = self.lexicon.source.half_before_hour && !is_in && !is_after;
        if let Some(weeks) = length.whole_weeks()
            && (self.has(next, Sense::On) || british)
            && let Some((
                Item::Day(day @ (Day { weekday: Some(_), .. } | Day { fixed: Some(_), .. })),
                end,
            )) = self.day(next)
            && day.day.is_none()
            && let Some((date, _)) = day.dates(self.now.date()).first
        {
            return Some((Item::Day(Day::fixed(shift(date, i64::from(weeks) * 7))), end));
        }
        // "after 3 hours", and not "after 2 weeks of …"
        (is_in || (is_after && !self.has(next, Sense::Of))).then(|| (self.reckon(length), next))
    }

    /// "the day before", of which only what follows says which.
    fn the_day_beside(&self, at: usize) -> Option<(Length, usize)> {
        let beside = [Sense::After, Sense::Before].iter().any(|sense| self.has(at + 1, *sense));
        let unit = self.unit(at).filter(|unit| matches!(unit, Unit::Day | Unit::Week))?;
        Some((Length::of(1, unit)?, at + 1)).filter(|_| beside)
    }

    fn reckon(&self, length: Length) -> Item {
        let moment = length.after(self.now);
        if length.is_of_hours() {
            Item::Moment(moment)
        } else {
            Item::Day(Day::fixed(moment.date()))
        }
    }

    /// "3 hours", "1d, 2hr, and 5min", "half an hour", "hora e meia".
    pub(super) fn length(&self, start: usize) -> Option<(Length, usize)> {
        let (mut length, mut at) = self.one_length(start)?;
        loop {
            let joined = self.skip(self.past_sign(at), &[Sense::And]);
            let Some((more, next)) = self.one_length(joined).filter(|_| joined < self.tokens.len())
            else {
                return Some((length, at));
            };
            length = length.plus(more);
            at = next;
        }
    }

    fn one_length(&self, start: usize) -> Option<(Length, usize)> {
        let mut at = self.skip(start, &[Sense::Filler, Sense::Roughly]);
        let fraction = self.has(at + 1, Sense::Half) || self.has(at + 1, Sense::Quarter);
        let article = self.has(at, Sense::Article) && (self.number(at + 1).is_some() || fraction);
        at += usize::from(article);
        // In halves and quarters of the unit, so that "2.5 hours" and "1/2 hora" stay whole numbers.
        let quarters = match self.kind(at)? {
            Kind::Pair { a, sign: b'.' | b',', b } if b.digits == 1 => {
                a.value.checked_mul(4)? + b.value * 4 / 10
            }
            Kind::Pair { a, sign: b'/', b } if b.value == 2 || b.value == 4 => {
                a.value * 4 / b.value
            }
            // "three quarters of an hour", "tres cuartos de hora"
            Kind::Number { value: 45, digits: 0, .. } if self.is_of_an_hour(at + 1) => {
                at = self.skip(at + 1, &[Sense::Of, Sense::Article]) - 1;
                3
            }
            Kind::Number { value: value @ 1..=3, .. } if self.has(at + 1, Sense::Quarter) => {
                at += 1;
                value
            }
            Kind::Number { value, .. } => {
                at = self.skip(at, &[Sense::Filler]);
                let (half, end) = self.and_a_half(at + 1);
                at = end - 1;
                value.checked_mul(4)? + half
            }
            _ if self.has(at, Sense::Half) => 2,
            _ if self.has(at, Sense::Quarter) => 1,
            _ if self.has(at, Sense::Article) => 4,
            // "hora e meia": the unit alone, and what is added to it.
            _ => {
                let hour = self.unit(at) == Some(Unit::Hour);
                let half = self.has(at + 1, Sense::And) && self.has(at + 2, Sense::Half);
                return (hour && half)
                    .then_some((Length { minutes: 90, ..Length::default() }, at + 3));
            }
        };
        at = self.skip(at + 1, &[Sense::Of]);
        if quarters < 4 {
            at = self.skip(at, &[Sense::Article, Sense::Of]);
        }
        let unit = self.unit(at).or_else(|| self.has(at, Sense::HourMark).then_some(Unit::Hour))?;
        at += 1;
        let length = match unit {
            Unit::Hour => Length { minutes: quarters.min(MOST) * 15, ..Length::default() },
            // Half a day more is some time of the same day.
            _ if quarters % 4 != 0 && unit != Unit::Day => return None,
            _ => Length::of(quarters / 4, unit)?,
        };
        // "1h30", "uma hora e meia"
        if unit == Unit::Hour {
            let half = self.skip(at + 1, &[Sense::Article]);
            if self.has(at, Sense::And) && self.has(half, Sense::Half) {
                return Some((length.plus(Length { minutes: 30, ..Length::default() }), half + 1));
            }
            // "una hora y cuarto", "uma hora e quinze"
            if self.has(at, Sense::And) && !self.is_unknown(at + 2) && self.unit(at + 2).is_none() {
                let minutes = match self.number(at + 1) {
                    Some(minutes @ 10..=59) => Some(minutes),
                    None if self.has(at + 1, Sense::Quarter) => Some(15),
                    _ => None,
                };
                if let Some(minutes) = minutes.filter(|_| !self.has(at + 2, Sense::HourMark)) {
                    return Some((length.plus(Length { minutes, ..Length::default() }), at + 2));
                }
            }
            if let Some(Kind::Number { value: 0..=59, digits: 2, .. }) = self.kind(at)
                && self.tokens[at].glued
            {
                let minutes = self.number(at)?;
                return Some((length.plus(Length { minutes, ..Length::default() }), at + 1));
            }
        }
        Some((length, at))
    }

    fn is_of_an_hour(&self, at: usize) -> bool {
        let unit = self.skip(at, &[Sense::Of, Sense::Article]);
        unit > at && self.unit(unit) == Some(Unit::Hour)
    }

    /// What "two and a half hours" and "1 1/2 hours" add to the number, in quarters, and what is next.
    fn and_a_half(&self, at: usize) -> (u32, usize) {
        let half = self.skip(at + 1, &[Sense::Article]);
        if self.has(at, Sense::And)
            && self.has(half, Sense::Half)
            && matches!(self.unit(half + 1), Some(Unit::Hour | Unit::Day))
        {
            return (2, half + 1);
        }
        match self.kind(at) {
            Some(Kind::Pair { a, sign: b'/', b })
                if (b.value == 2 || b.value == 4)
                    && a.value < b.value
                    && self.unit(at + 1) == Some(Unit::Hour) =>
            {
                (a.value * 4 / b.value, at + 1)
            }
            _ => (0, at),
        }
    }

    /// A stretch of days that starts at `start`.
    pub(super) fn period(&self, start: usize) -> Option<(Period, usize)> {
        let at = self.skip(start, &[Sense::On, Sense::The, Sense::In, Sense::Of, Sense::At]);
        self.edge_of_period(at)
            .or_else(|| self.numbered_week(at))
            .or_else(|| self.week_of(at))
            .or_else(|| self.several(at))
            .or_else(|| self.rest(at))
            .or_else(|| self.plain_period(start, at))
    }

    /// "end of the month", "começo da semana", "early March".
    fn edge_of_period(&self, start: usize) -> Option<(Period, usize)> {
        let edge = self.edge(start)?;
        let at = self.skip(
            start + 1,
            &[Sense::Of, Sense::The, Sense::In, Sense::On, Sense::Filler, Sense::At],
        );
        if let Some((offset, unit @ (Unit::Week | Unit::WorkWeek), next)) = self.period_unit(at) {
            let first = shift(monday(self.now.date()), i64::from(offset) * 7);
            let (from, to) = match edge {
                Edge::Start => (0, 2),
                Edge::Middle => (2, 3),
                Edge::End if unit == Unit::WorkWeek => (3, 4),
                Edge::End => (4, 6),
            };
            return Some((Period::new(first + Days::new(from), first + Days::new(to)), next));
        }
        let (first, last, next) = self.month_or_year(at)?;
        if (last - first).num_days() > 31 {
            return None;
        }
        let day = |day: u32| first.with_day(day).unwrap_or(first);
        let (from, to) = match edge {
            Edge::Start => (first, day(10)),
            Edge::Middle => (day(11), day(20)),
            Edge::End => (day(21), last),
        };
        Some((Period::new(from, to), next))
    }

    /// "first week of october", "last weekend of july", "the first 2 weeks of 2021".
    fn numbered_week(&self, start: usize) -> Option<(Period, usize)> {
        let number = self.ordinal(start);
        if number.is_none() && !self.has(start, Sense::Final) {
            return None;
        }
        let (count, unit_at) = match self.number(start + 1) {
            Some(count @ 1..=52) if self.ordinal(start + 1).is_none() => (count, start + 2),
            _ => (1, start + 1),
        };
        let unit = self.unit(unit_at).filter(|unit| matches!(unit, Unit::Week | Unit::Weekend))?;
        let (first, last, next) = self.month_or_year(unit_at + 1)?;
        let weekday = if unit == Unit::Weekend { 5 } else { 3 };
        // A week is of the month in which its Thursday is, a weekend of its Saturday's.
        let mut weeks = first
            .iter_days()
            .take_while(|date| *date <= last)
            .filter(|date| date.weekday().num_days_from_monday() == weekday);
        let anchor = match number {
            Some(number) => weeks.nth(usize::from(number) - 1)?,
            None => weeks.last()?,
        };
        let from = if unit == Unit::Weekend { anchor } else { monday(anchor) };
        let length = if unit == Unit::Weekend { 1 } else { u64::from(count) * 7 - 1 };
        Some((Period::new(from, from + Days::new(length)), next))
    }

    /// "the week of october 6th", "la semana del 7 de octubre".
    fn week_of(&self, start: usize) -> Option<(Period, usize)> {
        let unit = self.unit(start).filter(|unit| matches!(unit, Unit::Week | Unit::Weekend))?;
        if !self.has(start + 1, Sense::Of) && !self.has(start + 1, Sense::Since) {
            return None;
        }
        // "of the" may be one word, which introduces the day: "del".
        let at = start + if self.has(start + 1, Sense::On) { 1 } else { 2 };
        let (Item::Day(day), next) = self.day(at)? else { return None };
        let date = day.dates(self.now.date()).first?.0;
        let (from, to) = Self::week_around(date);
        let from = if unit == Unit::Weekend { from + Days::new(5) } else { from };
        Some((Period::new(from, to), next))
    }

    /// "next 3 days", "las próximas dos semanas", "3 semanas que vem".
    fn several(&self, start: usize) -> Option<(Period, usize)> {
        let mut at = self.skip(start, &[Sense::Next, Sense::Coming, Sense::The]);
        let mut said = (start..at).any(|i| self.has(i, Sense::Next) || self.has(i, Sense::Coming));
        let fortnight = said && self.unit(at) == Some(Unit::Fortnight);
        let count = if fortnight { 1 } else { self.number(at)? };
        at += usize::from(!fortnight);
        let before_unit = self.skip(at, &[Sense::Next, Sense::Coming]);
        said |= before_unit > at;
        let unit = self.unit(before_unit)?;
        let mut next = before_unit + 1;
        if self.has(next, Sense::Next) || self.has(next, Sense::Coming) {
            said = true;
            next += 1;
        }
        if !said || !(1..=60).contains(&count) {
            return None;
        }
        let today = self.now.date();
        let tomorrow = today + Days::new(1);
        let (from, days) = match unit {
            Unit::Day => (tomorrow, count),
            Unit::Week => (monday(today) + WEEK, count * 7),
            Unit::Fortnight => (monday(today) + WEEK, count * 14),
            Unit::Month => {
                let (from, _) = month_span(today, 1)?;
                let (_, to) = month_span(today, count)?;
                return Some((Period::new(from, to), next));
            }
            _ => return None,
        };
        Some((Period::new(from, from + Days::new(u64::from(days) - 1)), next))
    }

    /// "rest of the week".
    fn rest(&self, start: usize) -> Option<(Period, usize)> {
        if !self.has(start, Sense::Rest) {
            return None;
        }
        let at = self.skip(start + 1, &[Sense::Of, Sense::The]);
        let today = self.now.date();
        match self.period_unit(at)? {
            (0, Unit::Week, next) => Some((Period::new(today, monday(today) + Days::new(6)), next)),
            (0, Unit::Month, next) => Some((Period::new(today, month_span(today, 0)?.1), next)),
            _ => None,
        }
    }

    /// "this week", "next weekend", "o fim de semana".
    fn plain_period(&self, start: usize, at: usize) -> Option<(Period, usize)> {
        let (offset, unit, next) = self.period_unit(at)?;
        let explicit = next > at + 1;
        let the = at > start && self.has(at - 1, Sense::The);
        let this_monday = monday(self.now.date());
        let first = shift(this_monday, i64::from(offset) * 7);
        match unit {
            Unit::Week if explicit || the => Some((Period::new(first, first + Days::new(6)), next)),
            Unit::WorkWeek if explicit || the => {
                Some((Period::new(first, first + Days::new(4)), next))
            }
            Unit::Weekend => {
                let coming = (at..next).any(|i| self.has(i, Sense::Coming));
                let (offset, first) = if coming { (0, this_monday) } else { (offset, first) };
                let saturday = first + Days::new(5);
                let mut period = Period::new(saturday, saturday + Days::new(1));
                if offset == 1 && self.now.weekday().num_days_from_monday() < 5 {
                    let this = this_monday + Days::new(5);
                    period.second = Some((this, this + Days::new(1)));
                }
                Some((period, next))
            }
            _ => None,
        }
    }

    /// "this week", "next month", "semana que vem", "the week": periods from now, unit, end.
    pub(super) fn period_unit(&self, start: usize) -> Option<(i8, Unit, usize)> {
        let mut at = start;
        let mut offset = None;
        while let Some(said) = self.which_period(at) {
            offset = Some(if offset == Some(0) { said } else { offset.unwrap_or(said) });
            at += 1;
        }
        let unit = self.unit(at)?;
        at += 1;
        while let Some(said) = self.which_period(at) {
            offset = Some(said);
            at += 1;
        }
        Some((offset.unwrap_or(0), unit, at))
    }

    fn which_period(&self, at: usize) -> Option<i8> {
        self.find(at, |sense| match sense {
            Sense::This => Some(0),
            Sense::Next | Sense::Coming => Some(1),
            Sense::AfterNext => Some(2),
            Sense::Previous => Some(-1),
            _ => None,
        })
    }

    /// The Monday of the week in which `date` is, and its Sunday.
    pub(super) fn week_around(date: NaiveDate) -> (NaiveDate, NaiveDate) {
        (monday(date), monday(date) + Days::new(6))
    }
}
