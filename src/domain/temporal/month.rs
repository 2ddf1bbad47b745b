//! Rules for dates with a month: "25/12", "2026-12-25", "the 2nd of march", "20 of next month".

use chrono::{Datelike, Months, NaiveDate};

use super::calendar::{Day, month_span};
use super::grammar::{Item, Scan};
use super::sense::{Sense, Unit};
use super::token::{Field, Kind};

impl Scan<'_> {
    /// "5 de maio de 2013", "Aug 8", "06/Nov/2023", "20 of next month".
    pub(super) fn month_day(&self, start: usize) -> Option<(Item, usize)> {
        self.month_first_day(start)
            .or_else(|| self.day_first(start))
            .or_else(|| self.year_first(start))
    }

    fn day_first(&self, start: usize) -> Option<(Item, usize)> {
        let at = self.skip_introduction(start);
        // "23-2020-September"
        if let Some(Kind::Pair { a, sign: b'-', b }) = self.kind(at)
            && self.kind(at + 1) == Some(Kind::Dash)
            && b.digits == 4
            && let Some(month) = self.month(at + 2)
        {
            return Some((self.checked(a.value, month, year_of(b)), at + 3));
        }
        // "14-20 sep. 2014"
        if let Some(Kind::Pair { a, sign: b'-', b }) = self.kind(at)
            && b.digits <= 2
            && let month_at = self.skip(at + 1, &[Sense::Of])
            && let Some(month) = self.month(month_at)
        {
            let (year, end) = self.year(month_at + 1).unzip();
            return Some((self.both(a.value, b.value, month, year), end.unwrap_or(month_at + 1)));
        }
        // "4-23 this month"
        if let Some(Kind::Pair { a, sign: b'-', b }) = self.kind(at)
            && let month_at = self.skip(at + 1, &[Sense::Of, Sense::In])
            && let Some((offset, Unit::Month, end)) = self.period_unit(month_at)
            && end > month_at + 1
        {
            let day = |field: Field| {
                let day = u8::try_from(field.value).ok().filter(|day| (1..=31).contains(day))?;
                Some(Day { day: Some(day), month_offset: Some(offset), ..Day::default() })
            };
            return Some((Item::Days { from: Some(day(a)?), to: Some(day(b)?) }, end));
        }
        let (number, mut next) = self.day_number(at)?;
        if self.unit(next) == Some(Unit::Day) && self.ordinal(at).is_some() {
            next += 1;
        }
        let number_end = next;
        next = self.skip(self.past_sign(next), &[Sense::Of, Sense::The]);
        // "vinte e quatro às dez": a time follows, and not a month
        if (number_end..next).any(|i| self.has(i, Sense::At)) {
            return None;
        }
        if self.unit(next) == Some(Unit::Month) && self.has(next + 1, Sense::Of) {
            next = self.skip(next + 1, &[Sense::Of]);
        }
        // "one may ask"
        let says_one = matches!(self.kind(at), Some(Kind::Number { value: 1, digits: 0, .. }));
        if says_one && next == at + 1 && self.lexicon.source.half_before_hour {
            return None;
        }
        // "1º/12"
        if self.kind(at) == Some(Kind::Suffixed)
            && self.kind(at + 1) == Some(Kind::Dash)
            && let Some(Kind::Number { value: month @ 1..=12, digits: 1 | 2, .. }) =
                self.kind(at + 2)
        {
            return Some((self.checked(number, u8::try_from(month).ok()?, None), at + 3));
        }
        if let Some(month) = self.month(next) {
            let (year, after) = self.year(next + 1).unzip();
            return Some((self.checked(number, month, year), after.unwrap_or(next + 1)));
        }
        let joined = next > at + 1 || self.has(next, Sense::This);
        let next = if joined { next } else { self.skip(next, &[Sense::In]) };
        let joined = joined || next > at + 1;
        if let Some((offset, Unit::Month, after)) = self.period_unit(next)
            && joined
            && (1..=31).contains(&number)
        {
            let day = Day {
                day: u8::try_from(number).ok(),
                month_offset: Some(offset),
                ..Day::default()
            };
            return Some((Item::Day(day), after));
        }
        None
    }

    fn month_first_day(&self, start: usize) -> Option<(Item, usize)> {
        let at = self.skip(start, &[Sense::On, Sense::The, Sense::Filler, Sense::In]);
        let month = self.month(at)?;
        let dash = self.kind(at + 1) == Some(Kind::Dash);
        let next = self.skip(self.past_sign(at + 1), &[Sense::The]);
        // "Sep-23-2020", "Sep-2020-23"
        if let Some(Kind::Pair { a, sign: b'-', b }) = self.kind(next)
            && dash
        {
            let (day, year) = if a.digits == 4 { (b, a) } else { (a, b) };
            return Some((self.checked(day.value, month, year_of(year)), next + 1));
        }
        // "Aug 10-22, 2012"
        if let Some(Kind::Pair { a, sign: b'-', b }) = self.kind(next)
            && b.digits <= 2
        {
            let (year, end) = self.year(next + 1).unzip();
            return Some((self.both(a.value, b.value, month, year), end.unwrap_or(next + 1)));
        }
        let (number, after) = self.day_number(next)?;
        // "em maio 15h"
        let is_hour = self.has(after, Sense::HourMark)
            || self.has(after, Sense::Meridiem(true))
            || self.has(after, Sense::Meridiem(false));
        if is_hour || matches!(self.kind(next), Some(Kind::Number { digits: 3.., .. })) {
            return None;
        }
        // "mar 24 nov": a Tuesday, as "mar 24" is where the 24th is one.
        let of = self.skip(after, &[Sense::Of]);
        if let Some(weekday) = self.weekday_name(at)
            && (self.month(of).is_some() || self.falls_soon(number, weekday))
        {
            return None;
        }
        let (year, end) = self.year(after).unzip();
        Some((self.checked(number, month, year), end.unwrap_or(after)))
    }

    /// "2020/Sep/23", "2018 March 18".
    fn year_first(&self, start: usize) -> Option<(Item, usize)> {
        let year = self.plain_year(start)?;
        let dash = |at: usize| at + usize::from(self.kind(at) == Some(Kind::Dash));
        let month_at = dash(start + 1);
        let month = self.month(month_at)?;
        let (day, next) = self.day_number(dash(month_at + 1))?;
        Some((self.checked(day, month, Some(year)), next))
    }

    /// From one day of a month to another.
    fn both(&self, from: u32, to: u32, month: u8, year: Option<i32>) -> Item {
        match (self.checked(from, month, year), self.checked(to, month, year)) {
            (Item::Day(from), Item::Day(to)) => Item::Days { from: Some(from), to: Some(to) },
            _ => Item::NoSuch,
        }
    }

    pub(super) fn checked(&self, number: u32, month: u8, year: Option<i32>) -> Item {
        let Ok(number @ 1..=31) = u8::try_from(number) else { return Item::NoSuch };
        let day = Day { day: Some(number), month: Some(month), year, ..Day::default() };
        if day.dates(self.today()).first.is_some() { Item::Day(day) } else { Item::NoSuch }
    }

    /// "22, 2012", whose month is said before: "August 10 to 22, 2012".
    pub(super) fn day_and_year(&self, start: usize) -> Option<(Item, usize)> {
        let (number, next) = self.day_number(start)?;
        let day = u8::try_from(number).ok().filter(|day| (1..=31).contains(day));
        if self.kind(next) != Some(Kind::Comma) || day.is_none() {
            return None;
        }
        let year = self.plain_year(next + 1);
        year.map(|year| (Item::Day(Day { day, year: Some(year), ..Day::default() }), next + 2))
    }

    /// A year that follows a month: "2013", "de 2013", ", 2016", "del año 2013", "/13".
    pub(super) fn year(&self, start: usize) -> Option<(i32, usize)> {
        let at = self.skip(self.past_sign(start), &[Sense::Of, Sense::The, Sense::In]);
        // "06/Nov/23", and not "10 Nov - 12 Dec"
        let dash = self.kind(start) == Some(Kind::Dash)
            && self.tokens.get(start..=at).is_some_and(|tokens| tokens.iter().all(|t| t.glued));
        let at = if self.unit(at) == Some(Unit::Year) { at + 1 } else { at };
        if let Some(year) = self.plain_year(at) {
            return Some((year, at + 1));
        }
        match (self.kind(at)?, self.kind(at + 1)) {
            // "10 Aug-12 Sep": the number is of the month after it.
            (Kind::Number { digits: 2, .. }, _)
                if dash && self.month(self.skip(at + 1, &[Sense::Of])).is_some() =>
            {
                None
            }
            (Kind::Number { value, digits: 2, .. }, _) if dash => {
                Some((2000 + i32::try_from(value).ok()?, at + 1))
            }
            // "twenty twenty-six"
            (
                Kind::Number { value: 20, digits: 0, .. },
                Some(Kind::Number { value: value @ 10..=99, digits: 0, .. }),
            ) => Some((2000 + i32::try_from(value).ok()?, at + 2)),
            _ => None,
        }
    }

    pub(super) fn plain_year(&self, at: usize) -> Option<i32> {
        match self.kind(at)? {
            Kind::Number { value: value @ 1900..=2199, digits: 0 | 4, .. } => {
                i32::try_from(value).ok()
            }
            _ => None,
        }
    }

    /// The first and the last day of "of october 2015", "of next month", "do ano".
    pub(super) fn month_or_year(&self, start: usize) -> Option<(NaiveDate, NaiveDate, usize)> {
        let at = self.skip(start, &[Sense::Of, Sense::In, Sense::On, Sense::The]);
        let at = if self.unit(at) == Some(Unit::Month)
            && self.has(at + 1, Sense::Of)
            && self.month(at + 2).is_some()
        {
            at + 2
        } else {
            at
        };
        let today = self.today();
        if let Some(month) = self.month(at) {
            let (year, next) = self.year(at + 1).unzip();
            let ahead = (u32::from(month) + 12 - today.month()) % 12;
            let (first, last) = match year {
                Some(year) => month_span(NaiveDate::from_ymd_opt(year, month.into(), 1)?, 0)?,
                None => month_span(today, ahead)?,
            };
            return Some((first, last, next.unwrap_or(at + 1)));
        }
        if let Some((offset, unit, next)) = self.period_unit(at) {
            return match unit {
                Unit::Month => {
                    let (first, last) = month_span(today, u32::try_from(offset).ok()?)?;
                    Some((first, last, next))
                }
                Unit::Year => {
                    // "the first day of the year" is the next one to come.
                    let ahead = u32::try_from(offset).ok()?.max(1) * 12;
                    let first =
                        today.with_day(1)?.with_month(1)?.checked_add_months(Months::new(ahead))?;
                    Some((first, first.checked_add_months(Months::new(12))?.pred_opt()?, next))
                }
                _ => None,
            };
        }
        let year = self.plain_year(at).filter(|_| at > start)?;
        Some((NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year, 12, 31)?, at + 1))
    }

    /// "25/12", "2026-12-25", "on 5.12".
    pub(super) fn numeric(&self, start: usize) -> Option<(Item, usize)> {
        let at = self.skip_introduction(start);
        let introduced = (start..at).any(|i| self.has(i, Sense::On) || self.has(i, Sense::In));
        match self.kind(at)? {
            Kind::Triple([a, b, c]) => Some((self.three(a, b, c)?, at + 1)),
            Kind::Pair { a, sign: b'/', b } => Some((self.two(a, b)?, at + 1)),
            Kind::Pair { a, sign: b'-', b } if introduced && a.digits <= 2 && b.digits <= 2 => {
                let in_hours = self.has(at + 1, Sense::HourMark)
                    || self.unit(at + 1).is_some()
                    || self.has(at + 1, Sense::Of)
                    || self.has(at + 1, Sense::Meridiem(true))
                    || self.has(at + 1, Sense::Meridiem(false));
                if in_hours {
                    return None;
                }
                Some((Item::Hyphenated { a: a.value, b: b.value, introduced: true }, at + 1))
            }
            Kind::Pair { a, sign: b'.', b }
                if (introduced && !self.is_unknown(at + 1) && self.unit(at + 1).is_none())
                    || (a.zero
                        && (1..=12).contains(&b.value)
                        && at == start
                        && !self.has(at.wrapping_sub(1), Sense::At)
                        && self.lexicon.source.dot_is_clock)
                    || (!self.has(at.wrapping_sub(1), Sense::At) && self.clock_follows(at + 1)) =>
            {
                Some((self.two(a, b)?, at + 1))
            }
            // "26. 10.21"
            Kind::Number { value, digits: 1 | 2, zero }
                if self.kind(at + 1) == Some(Kind::Stop)
                    && matches!(self.kind(at + 2), Some(Kind::Pair { sign: b'.', b, .. }) if b.digits == 2 || b.digits == 4) =>
            {
                let Some(Kind::Pair { a, b, .. }) = self.kind(at + 2) else { return None };
                let digits = if value > 9 { 2 } else { 1 };
                Some((self.three(Field { value, digits, zero }, a, b)?, at + 3))
            }
            _ => None,
        }
    }

    /// "5.12 às 9h": the time is said after it.
    fn clock_follows(&self, at: usize) -> bool {
        let number = at + usize::from(self.has(at, Sense::At));
        let hour = self.number(number).is_some_and(|hour| hour < 24);
        matches!(self.kind(number), Some(Kind::Clock { .. }))
            || hour && (number > at || self.has(number + 1, Sense::HourMark))
    }

    fn three(&self, a: Field, b: Field, c: Field) -> Option<Item> {
        if a.digits == 4 && b.digits <= 2 && c.digits <= 2 {
            return Some(self.checked_month(c.value, b.value, year_of(a), false));
        }
        if a.digits > 2 || b.digits > 2 || !(c.digits == 2 || c.digits == 4) {
            return None;
        }
        Some(self.day_and_month(a.value, b.value, year_of(c)))
    }

    fn two(&self, a: Field, b: Field) -> Option<Item> {
        // 24/7 is always, 112/2108 is a room.
        if a.digits > 2
            || b.digits > 2
            || (a.value, b.value) == (24, 7)
            || a.value > 31
            || b.value > 31
        {
            return None;
        }
        Some(self.day_and_month(a.value, b.value, None))
    }

    /// Two numbers in the order of the locale, or in the other if only that is a date.
    pub(super) fn day_and_month(&self, a: u32, b: u32, year: Option<i32>) -> Item {
        let (day, month) = if self.month_first { (b, a) } else { (a, b) };
        if month > 12 && day <= 12 {
            self.checked_month(month, day, year, true)
        } else {
            self.checked_month(day, month, year, false)
        }
    }

    fn checked_month(&self, day: u32, month: u32, year: Option<i32>, swapped: bool) -> Item {
        let Ok(month @ 1..=12) = u8::try_from(month) else { return Item::NoSuch };
        match self.checked(day, month, year) {
            Item::Day(day) => Item::Day(Day { swapped, ..day }),
            other => other,
        }
    }
}

fn year_of(field: Field) -> Option<i32> {
    let year = i32::try_from(field.value).ok()?;
    Some(if field.digits == 2 { 2000 + year } else { year })
}
