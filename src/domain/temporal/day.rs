//! Rules for single days: "25/12", "sexta que vem", "the 2nd of march", "última segunda de maio".

use chrono::{Datelike, Days, Months, NaiveDate};

use super::calendar::{Day, WEEK, Which, feast, monday, month_span, weekday_of};
use super::grammar::{Item, Scan};
use super::sense::{Sense, Unit};
use super::token::{Field, Kind};

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

    fn today(&self) -> NaiveDate {
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
        let tomorrow = Day::fixed(super::calendar::shift(self.today(), 1));
        Some((Item::Day(tomorrow), next + usize::from(after)))
    }

    fn relative_or_feast(&self, start: usize) -> Option<(Item, usize)> {
        let at = self.skip(start, &[Sense::On, Sense::The, Sense::Next, Sense::This]);
        for sense in self.tokens.get(at)?.senses {
            match *sense {
                Sense::RelativeDay(days) => {
                    let day = Day::fixed(super::calendar::shift(self.today(), days.into()));
                    return Some((Item::Day(day), at + 1));
                }
                Sense::Feast(which) => {
                    let (year, next) = self.year(at + 1).unzip();
                    let date = feast(which, year, self.today())?;
                    return Some((Item::Day(Day::fixed(date)), next.unwrap_or(at + 1)));
                }
                Sense::LoneDay(days) if self.stands_apart(at) => {
                    let day = Day::fixed(super::calendar::shift(self.today(), days.into()));
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

    /// "3 fridays from now".
    fn counted_weekday(&self, start: usize) -> Option<(Item, usize)> {
        let count = self.number(start).filter(|count| (1..=52).contains(count))?;
        let weekday = self.weekday_name(start + 1)?;
        if !self.has(start + 2, Sense::Later) {
            return None;
        }
        let first = Day { weekday: Some(weekday), ..Day::default() }.dates(self.today()).first?.0;
        let day = Day::fixed(first + Days::new(u64::from(count - 1) * 7));
        Some((Item::Day(day), start + 3))
    }

    /// "third day of october", "last friday of the month", "second monday of next month".
    fn numbered_in_month(&self, start: usize) -> Option<(Item, usize)> {
        let at = self.skip(start, &[Sense::On, Sense::The]);
        let number = match self.ordinal(at) {
            Some(number) => Some(number),
            None if self.has(at, Sense::Final) => None,
            None => return None,
        };
        let weekday = self.weekday_name(at + 1);
        if weekday.is_none() && self.unit(at + 1) != Some(Unit::Day) {
            return None;
        }
        let of = self.skip(at + 2, &[Sense::WeekdaySuffix]);
        let of = self.past_sign(of);
        let (first, last, next) = self.month_or_year(of)?;
        let mut days = first.iter_days().take_while(|date| *date <= last);
        let date = match (number, weekday) {
            (Some(number), None) => days.nth(usize::from(number) - 1),
            (None, None) => Some(last),
            (Some(number), Some(weekday)) => {
                days.filter(|date| weekday_of(*date) == weekday).nth(usize::from(number) - 1)
            }
            (None, Some(weekday)) => days.filter(|date| weekday_of(*date) == weekday).last(),
        };
        Some((date.map_or(Item::NoSuch, |date| Item::Day(Day::fixed(date))), next))
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

    /// "5 de maio de 2013", "Aug 8", "06/Nov/2023", "20 of next month".
    fn month_day(&self, start: usize) -> Option<(Item, usize)> {
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
        let (number, mut next) = self.day_number(at)?;
        if self.unit(next) == Some(Unit::Day) && self.ordinal(at).is_some() {
            next += 1;
        }
        next = self.skip(self.past_sign(next), &[Sense::Of, Sense::The]);
        if self.unit(next) == Some(Unit::Month) && self.has(next + 1, Sense::Of) {
            next = self.skip(next + 1, &[Sense::Of]);
        }
        // "one may ask"
        let says_one = matches!(self.kind(at), Some(Kind::Number { value: 1, digits: 0, .. }));
        if says_one && next == at + 1 && self.lexicon.source.half_before_hour {
            return None;
        }
        if let Some(month) = self.month(next) {
            let (year, after) = self.year(next + 1).unzip();
            return Some((self.checked(number, month, year), after.unwrap_or(next + 1)));
        }
        let joined = next > at + 1 || self.has(next, Sense::This);
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

    fn checked(&self, number: u32, month: u8, year: Option<i32>) -> Item {
        let Ok(number @ 1..=31) = u8::try_from(number) else { return Item::NoSuch };
        let day = Day { day: Some(number), month: Some(month), year, ..Day::default() };
        if day.dates(self.today()).first.is_some() { Item::Day(day) } else { Item::NoSuch }
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
            ends && (on || (the && by_article) || in_range || (suffixed && by_article))
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

    fn weekday_sense(&self, at: usize) -> bool {
        self.find(at, |sense| matches!(sense, Sense::Weekday(_)).then_some(())).is_some()
    }

    fn skip_introduction(&self, start: usize) -> usize {
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

    /// "22, 2012", whose month is said before: "August 10 to 22, 2012".
    fn day_and_year(&self, start: usize) -> Option<(Item, usize)> {
        let (number, next) = self.day_number(start)?;
        let day = u8::try_from(number).ok().filter(|day| (1..=31).contains(day));
        if self.kind(next) != Some(Kind::Comma) || day.is_none() {
            return None;
        }
        let year = self.plain_year(next + 1);
        year.map(|year| (Item::Day(Day { day, year: Some(year), ..Day::default() }), next + 2))
    }

    /// A number or an ordinal that could be a day of the month, and the next token.
    fn day_number(&self, at: usize) -> Option<(u32, usize)> {
        if let Some(number) = self.ordinal(at) {
            return Some((number.into(), at + 1));
        }
        let number = self.number(at).filter(|number| *number < 100)?;
        Some((number, at + 1))
    }

    /// A year that follows a month: "2013", "de 2013", ", 2016", "del año 2013", "/13".
    fn year(&self, start: usize) -> Option<(i32, usize)> {
        let at = self.skip(self.past_sign(start), &[Sense::Of, Sense::The, Sense::In]);
        // "06/Nov/23", and not "10 Nov - 12 Dec"
        let dash = self.kind(start) == Some(Kind::Dash)
            && self.tokens.get(start..=at).is_some_and(|tokens| tokens.iter().all(|t| t.glued));
        let at = if self.unit(at) == Some(Unit::Year) { at + 1 } else { at };
        if let Some(year) = self.plain_year(at) {
            return Some((year, at + 1));
        }
        match (self.kind(at)?, self.kind(at + 1)) {
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

    fn plain_year(&self, at: usize) -> Option<i32> {
        match self.kind(at)? {
            Kind::Number { value: value @ 1900..=2199, digits: 0 | 4, .. } => {
                i32::try_from(value).ok()
            }
            _ => None,
        }
    }

    /// "sexta que vem", "this thursday", "segunda da semana que vem", "friday 13".
    fn weekday(&self, start: usize) -> Option<(Item, usize)> {
        let mut at = self.skip(start, &[Sense::On, Sense::The]);
        let mut which = Which::Plain;
        while let Some(said) = self.which_weekday(at) {
            which = narrow(which, said);
            at = self.skip(at + 1, &[Sense::On, Sense::The]);
        }
        let weekday = self.weekday_name(at)?;
        if self.is_short_weekday(at) && !self.short_weekday_counts(at) {
            return None;
        }
        let mut next = self.skip(at + 1, &[Sense::WeekdaySuffix]);
        while let Some(said) = self.which_weekday(next) {
            // "friday this week" is said below.
            if self.unit(next + 1).is_some() {
                break;
            }
            which = narrow(which, said);
            next += 1;
        }
        let mut day = Day { weekday: Some(weekday), which, ..Day::default() };
        if self.has(next, Sense::AfterNext) {
            let upcoming = Day { which: Which::Plain, ..day }.dates(self.today()).first?.0;
            return Some((Item::Day(Day::fixed(upcoming + WEEK)), next + 1));
        }
        let of = self.skip(self.past_sign(next), &[Sense::Of, Sense::In, Sense::On, Sense::The]);
        if let Some((weeks, Unit::Week, after)) = self.period_unit(of)
            && (of > next || after > of + 1)
        {
            (day.week, next) = (Some(weeks), after);
        } else if self.unit(next) == Some(Unit::Week) {
            // British "thursday week": a week after the next one.
            let first = day.dates(self.today()).first?.0;
            return Some((Item::Day(Day::fixed(first + WEEK)), next + 1));
        } else if let Some((number, after)) = self.day_beside_weekday(next, weekday) {
            (day.day, next) = (Some(number), after);
        }
        Some((Item::Day(day), next))
    }

    /// "friday 23", "lunes, 21", "wed the 25th".
    fn day_beside_weekday(&self, start: usize, weekday: u8) -> Option<(u8, usize)> {
        let comma = self.kind(start) == Some(Kind::Comma);
        let mut at = start + usize::from(comma);
        while (self.has(at, Sense::The) || self.has(at, Sense::On)) && !self.has(at, Sense::At) {
            at += 1;
        }
        let (number, next) = self.day_number(at)?;
        let number = u8::try_from(number).ok().filter(|number| (1..=31).contains(number))?;
        let of = self.skip(self.past_sign(next), &[Sense::Of, Sense::The]);
        if self.month(of).is_some() || self.unit(next).is_some() || self.is_unknown(next) {
            return None;
        }
        if self.ordinal(at).is_some() {
            return (!self.weekday_sense(at)).then_some((number, next));
        }
        let Some(Kind::Number { digits, .. }) = self.kind(at) else { return None };
        let is_range = (self.has(next, Sense::To) && !self.has(next, Sense::At))
            || self.kind(next) == Some(Kind::Dash);
        // What makes the number itself a time.
        let is_time = self.find(next, |sense| match sense {
            Sense::HourMark
            | Sense::Meridiem(_)
            | Sense::Part(_)
            | Sense::Roughly
            | Sense::Less => Some(()),
            Sense::And if self.has(next + 1, Sense::Half) || self.has(next + 1, Sense::Quarter) => {
                Some(())
            }
            _ => None,
        });
        if is_time.is_some() || (comma && digits == 0) {
            return None;
        }
        let introduced = at > start + usize::from(comma);
        let time_follows =
            self.has(next, Sense::At) || matches!(self.kind(next), Some(Kind::Clock { .. }));
        let falls_on_it = self.falls_soon(number.into(), weekday);
        let sure = introduced || time_follows || falls_on_it || number > 12;
        (sure && (introduced || !is_range)).then_some((number, next))
    }

    /// Whether the next day of the month of that number is such a weekday.
    fn falls_soon(&self, number: u32, weekday: u8) -> bool {
        let day = Day { day: u8::try_from(number).ok(), ..Day::default() };
        day.dates(self.today()).first.is_some_and(|(date, _)| weekday_of(date) == weekday)
    }

    fn which_weekday(&self, at: usize) -> Option<Which> {
        self.find(at, |sense| match sense {
            Sense::This | Sense::Coming => Some(Which::This),
            Sense::Next => Some(Which::Next),
            Sense::Previous => Some(Which::Previous),
            _ => None,
        })
    }

    fn weekday_name(&self, at: usize) -> Option<u8> {
        self.find(at, |sense| match sense {
            Sense::Weekday(day) | Sense::ShortWeekday(day) => Some(day),
            _ => None,
        })
    }

    fn is_short_weekday(&self, at: usize) -> bool {
        self.find(at, |sense| matches!(sense, Sense::ShortWeekday(_)).then_some(())).is_some()
    }

    /// "ter" and "sun" are days beside what is about time, or with nothing around.
    fn short_weekday_counts(&self, at: usize) -> bool {
        let beside = |i: usize| match self.kind(i) {
            Some(Kind::Unknown | Kind::Opaque) => false,
            Some(Kind::Word) => !self.has(i, Sense::Article) && !self.has(i, Sense::Counted),
            _ => true,
        };
        let only_article = |i: usize| self.has(i, Sense::The) && !self.has(i, Sense::On);
        let before = at.checked_sub(1).is_none_or(|i| beside(i) && !only_article(i));
        before && beside(at + 1)
    }

    /// "25/12", "2026-12-25", "on 5.12".
    fn numeric(&self, start: usize) -> Option<(Item, usize)> {
        let at = self.skip_introduction(start);
        let introduced = (start..at).any(|i| self.has(i, Sense::On) || self.has(i, Sense::In));
        match self.kind(at)? {
            Kind::Triple([a, b, c]) => Some((self.three(a, b, c)?, at + 1)),
            Kind::Pair { a, sign: b'/', b } => Some((self.two(a, b)?, at + 1)),
            Kind::Pair { a, sign: b'-', b } if introduced && a.digits <= 2 && b.digits <= 2 => {
                let in_hours = self.has(at + 1, Sense::HourMark)
                    || self.has(at + 1, Sense::Of)
                    || self.has(at + 1, Sense::Meridiem(true))
                    || self.has(at + 1, Sense::Meridiem(false));
                if in_hours {
                    return None;
                }
                Some((Item::Hyphenated { a: a.value, b: b.value, introduced: true }, at + 1))
            }
            Kind::Pair { a, sign: b'.', b }
                if (introduced && !self.is_word(at + 1))
                    || (!self.has(at.wrapping_sub(1), Sense::At) && self.clock_follows(at + 1)) =>
            {
                Some((self.two(a, b)?, at + 1))
            }
            // "14-20 sep. 2014" is said in months below.
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

    /// The Monday of the week in which `date` is, and its Sunday.
    pub(super) fn week_around(date: NaiveDate) -> (NaiveDate, NaiveDate) {
        (monday(date), monday(date) + Days::new(6))
    }
}

fn narrow(which: Which, said: Which) -> Which {
    match (which, said) {
        // "this coming friday", "este próximo viernes": the nearest.
        (Which::This, Which::Next) | (Which::Next, Which::This) => Which::This,
        (_, said) => said,
    }
}

fn year_of(field: Field) -> Option<i32> {
    let year = i32::try_from(field.value).ok()?;
    Some(if field.digits == 2 { 2000 + year } else { year })
}
