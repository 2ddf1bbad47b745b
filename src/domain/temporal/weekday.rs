//! Rules for weekdays: "sexta que vem", "friday 13", "última segunda de maio".

use chrono::{Days, NaiveDate};

use super::calendar::{Day, WEEK, Which, shift, weekday_of};
use super::grammar::{Item, Scan};
use super::sense::{Sense, Unit};
use super::token::Kind;

impl Scan<'_> {
    /// "3 fridays from now".
    pub(super) fn counted_weekday(&self, start: usize) -> Option<(Item, usize)> {
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
    pub(super) fn numbered_in_month(&self, start: usize) -> Option<(Item, usize)> {
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

    /// "sexta que vem", "this thursday", "segunda da semana que vem", "friday 13".
    pub(super) fn weekday(&self, start: usize) -> Option<(Item, usize)> {
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
        if let Some((date, after)) = self.beside_date(next, weekday) {
            return Some((Item::Day(Day::fixed(date)), after));
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
        } else if self.unit(next) == Some(Unit::Fortnight) {
            let first = day.dates(self.today()).first?.0;
            return Some((Item::Day(Day::fixed(first + WEEK + WEEK)), next + 1));
        } else if let Some((number, after)) = self.day_beside_weekday(next, weekday) {
            (day.day, next) = (Some(number), after);
        }
        Some((Item::Day(day), next))
    }

    /// The weekday of "the monday after christmas", "el viernes antes del 3 de mayo".
    fn beside_date(&self, at: usize, weekday: u8) -> Option<(NaiveDate, usize)> {
        let back = self.has(at, Sense::Before);
        if !back && !self.has(at, Sense::After) {
            return None;
        }
        let start = self.skip(at + 1, &[Sense::Of]);
        let (Item::Day(day), next) =
            self.relative_or_feast(start).or_else(|| self.month_day(start))?
        else {
            return None;
        };
        let date = day.dates(self.today()).first?.0;
        let ahead = (weekday + 7 - weekday_of(date)) % 7;
        let days = match (back, i64::from(ahead)) {
            (true, ahead) => ahead - 7,
            (false, 0) => 7,
            (false, ahead) => ahead,
        };
        Some((shift(date, days), next))
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
        // Not "terça vinte e quatro às dez".
        let of_month = self.month(of).is_some() && !(next..of).any(|i| self.has(i, Sense::At));
        if of_month || self.unit(next).is_some() || self.is_unknown(next) {
            return None;
        }
        if self.ordinal(at).is_some() {
            return (!self.weekday_sense(at)).then_some((number, next));
        }
        let Some(Kind::Number { digits, .. }) = self.kind(at) else { return None };
        let is_range = (self.has(next, Sense::To) && !self.has(next, Sense::At))
            || (self.kind(next) == Some(Kind::Dash) && self.weekday_name(next + 1).is_none());
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
    pub(super) fn falls_soon(&self, number: u32, weekday: u8) -> bool {
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

    pub(super) fn weekday_name(&self, at: usize) -> Option<u8> {
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
        let before = at.checked_sub(1);
        let next = at + 1;
        let only_article = |i: usize| self.has(i, Sense::The) && !self.has(i, Sense::On);
        // "mar de la semana que viene"
        let of = self.skip(next, &[Sense::Of, Sense::The, Sense::This, Sense::On]);
        let of_week = of > next && self.unit(of) == Some(Unit::Week);
        // "sat on the 28th", and not "sat on the chair"
        let on = self.has(next, Sense::On) && !self.has(next, Sense::Of);
        let day = self.skip(next, &[Sense::On, Sense::The]);
        if on && !of_week {
            return self.day_number(day).is_some() || self.month(day).is_some();
        }
        // "vi a tu hermano"
        if self.has(next, Sense::To) && !self.has(next, Sense::At) {
            return self.weekday_name(next + 1).is_some() || self.number(next + 1).is_some();
        }
        let about_time = of_week
            || match self.kind(next) {
                Some(Kind::Unknown | Kind::Opaque) => false,
                // "vi el sol": an article may introduce anything.
                Some(Kind::Word) if self.has(next, Sense::The) => false,
                Some(Kind::Word) => {
                    self.tokens[next].senses.iter().any(|sense| is_about_time(*sense))
                }
                _ => true,
            };
        let introduced_as_thing =
            before.is_some_and(|i| only_article(i) || self.has(i, Sense::Article));
        if introduced_as_thing && !of_week {
            return false;
        }
        let known_before = before.is_none_or(|i| !self.is_unknown(i));
        about_time || (known_before && self.has(next, Sense::Filler))
    }
}

fn narrow(which: Which, said: Which) -> Which {
    match (which, said) {
        // "this coming friday", "este próximo viernes": the nearest.
        (Which::This, Which::Next) | (Which::Next, Which::This) => Which::This,
        (_, said) => said,
    }
}

/// Whether a word of that sense speaks of time, or joins what does.
fn is_about_time(sense: Sense) -> bool {
    matches!(
        sense,
        Sense::At
            | Sense::On
            | Sense::Part(_)
            | Sense::Meridiem(_)
            | Sense::WeekdaySuffix
            | Sense::Next
            | Sense::Coming
            | Sense::Noon
            | Sense::Number(_)
            | Sense::Month(_)
            | Sense::RelativeDay(_)
            | Sense::Or
            | Sense::And
            | Sense::To
            | Sense::After
            | Sense::Before
    )
}
