//! Rules for single days: "tomorrow", "dia 15", "the 27th", "Christmas Eve".

use chrono::NaiveDate;

use super::calendar::{Day, feast, shift};
use super::grammar::{Item, Scan};
use super::sense::{Sense, Unit};
use super::token::Kind;

impl Scan<'_> {
    /// A day that starts at `start`; or that there is no such day.
    pub(super) fn day(&self, start: usize) -> Option<(Item, usize)> {
        self.relative_or_feast(start)
            .or_else(|| self.counted_weekday(start))
            .or_else(|| self.numbered_in_month(start))
            .or_else(|| self.month_day(start))
            .or_else(|| self.weekday(start))
            .or_else(|| self.numeric(start))
            .or_else(|| self.day_and_year(start))
            .or_else(|| self.day_of_month(start))
            .or_else(|| self.month_from_now(start))
            .or_else(|| self.next_day(start))
    }

    /// "mês que vem": no day yet, but it may join one said elsewhere.
    fn month_from_now(&self, start: usize) -> Option<(Item, usize)> {
        let (offset, unit, next) = self.period_unit(start)?;
        let day = Day { month_offset: Some(offset), ..Day::default() };
        (unit == Unit::Month && next > start + 1).then_some((Item::Day(day), next))
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.now.date()
    }

    /// "próximo dia", "el día siguiente".
    fn next_day(&self, start: usize) -> Option<(Item, usize)> {
        let at = self.skip(start, &[Sense::On, Sense::The]);
        let before = self.has(at, Sense::Next);
        let next = at + usize::from(before) + 1;
        let after = self.has(next, Sense::Next) && self.unit(next + 1).is_none();
        if self.unit(next - 1) != Some(Unit::Day) || before == after || self.number(next).is_some()
        {
            return None;
        }
        let tomorrow = Day::fixed(shift(self.today(), 1));
        Some((Item::Day(tomorrow), next + usize::from(after)))
    }

    pub(super) fn relative_or_feast(&self, start: usize) -> Option<(Item, usize)> {
        let at = self.skip(start, &[Sense::On, Sense::The, Sense::Next, Sense::This]);
        for sense in self.tokens.get(at)?.senses {
            match *sense {
                Sense::RelativeDay(days) => {
                    // British "today week".
                    let week = self.unit(at + 1) == Some(Unit::Week)
                        && self.lexicon.source.half_before_hour;
                    let days = i64::from(days) + if week { 7 } else { 0 };
                    let day = Day::fixed(shift(self.today(), days));
                    return Some((Item::Day(day), at + 1 + usize::from(week)));
                }
                Sense::Feast(which) => {
                    let (year, next) = self.year(at + 1).unzip();
                    let date = feast(which, year, self.today())?;
                    return Some((Item::Day(Day::fixed(date)), next.unwrap_or(at + 1)));
                }
                Sense::LoneDay(days) if self.stands_apart(at) => {
                    let day = Day::fixed(shift(self.today(), days.into()));
                    return Some((Item::Day(day), at + 1));
                }
                Sense::Now => return Some((Item::Moment(self.now), at + 1)),
                _ => {}
            }
        }
        None
    }

    /// Whether what stands around a word says that it is not about its neighbours.
    fn stands_apart(&self, at: usize) -> bool {
        let joins = |at: usize| {
            matches!(self.kind(at), None | Some(Kind::Comma | Kind::Stop))
                || [Sense::Or, Sense::And, Sense::ToHour, Sense::At]
                    .iter()
                    .any(|s| self.has(at, *s))
        };
        at.checked_sub(1).is_none_or(joins) && joins(at + 1)
    }

    /// "dia 15", "the 27th", "el 16", "on 15".
    fn day_of_month(&self, start: usize) -> Option<(Item, usize)> {
        let at = self.skip_introduction(start);
        let named = at > start && self.unit(at - 1) == Some(Unit::Day);
        let on = (start..at).any(|i| self.has(i, Sense::On));
        let the = (start..at).any(|i| self.has(i, Sense::The));
        let (number, next) = self.day_number(at)?;
        let in_digits = matches!(self.kind(at), Some(Kind::Number { digits: 1 | 2, .. }));
        let is_ordinal = self.ordinal(at).is_some();
        let is_time = self.has(next, Sense::HourMark)
            || self.has(next, Sense::Meridiem(true))
            || self.has(next, Sense::Meridiem(false))
            || self.unit(next).is_some()
            || matches!(self.kind(next), Some(Kind::Number { digits: 0, .. }));
        if is_time || self.tokens[at].has(Sense::Half) {
            return None;
        }
        let ends = !self.is_unknown(next) && self.kind(next) != Some(Kind::Opaque);
        let by_article = self.lexicon.source.article_names_day;
        let sure = if named {
            true
        } else if is_ordinal {
            // "27th", but "the first" with its article, or in a range; "4ª" is no day.
            let suffixed = self.kind(at) == Some(Kind::Suffixed);
            let ends = ends && !self.has(next, Sense::Half);
            let follows = start.checked_sub(1).is_some_and(|i| self.has(i, Sense::To));
            let in_range = self.between
                || follows
                || [Sense::To, Sense::Until].iter().any(|sense| self.has(next, *sense));
            // "on the 15th leaving at 6"
            let dated = on && suffixed && by_article;
            (ends || dated)
                && (on || (the && by_article) || in_range || (suffixed && by_article))
                && !self.weekday_sense(at)
        } else {
            ends && (on || (the && by_article && (in_digits || number > 12)))
                && matches!(self.kind(at), Some(Kind::Number { digits: 0..=2, .. }))
        };
        if !sure {
            return None;
        }
        // "el 17 del 11"
        if (named || on)
            && self.has(next, Sense::Of)
            && let Some(Kind::Number { value: month @ 1..=12, digits: 1 | 2, .. }) =
                self.kind(next + 1)
            && !self.makes_hour(next + 2)
        {
            return Some((self.checked(number, u8::try_from(month).ok()?, None), next + 2));
        }
        let item = match u8::try_from(number) {
            Ok(number @ 1..=31) => Item::Day(Day { day: Some(number), ..Day::default() }),
            _ if named => Item::NoSuch,
            _ => return None,
        };
        Some((item, next))
    }

    /// What follows a number that is an hour, or the first of a range.
    fn makes_hour(&self, at: usize) -> bool {
        self.find(at, |sense| match sense {
            Sense::HourMark | Sense::Meridiem(_) | Sense::To | Sense::Until | Sense::And => {
                Some(())
            }
            Sense::Part(_) | Sense::Unit(_) | Sense::Counted => Some(()),
            _ => None,
        })
        .is_some()
            || self.kind(at) == Some(Kind::Dash)
    }

    pub(super) fn weekday_sense(&self, at: usize) -> bool {
        self.find(at, |sense| matches!(sense, Sense::Weekday(_)).then_some(())).is_some()
    }

    pub(super) fn skip_introduction(&self, start: usize) -> usize {
        let mut at = start;
        loop {
            let is_day = self.unit(at) == Some(Unit::Day) && at + 1 < self.tokens.len();
            let introduces = [Sense::On, Sense::The, Sense::This, Sense::Next, Sense::In]
                .iter()
                .any(|sense| self.has(at, *sense))
                && !self.has(at, Sense::At);
            if !is_day && !introduces {
                return at;
            }
            at += 1;
        }
    }

    /// A number or an ordinal that could be a day of the month, and the next token.
    pub(super) fn day_number(&self, at: usize) -> Option<(u32, usize)> {
        if let Some(number) = self.ordinal(at) {
            return Some((number.into(), at + 1));
        }
        let number = self.number(at).filter(|number| *number < 100)?;
        Some((number, at + 1))
    }
}
