//! Rules for times of the day: "15h30", "half past 3", "a las cinco menos cuarto", "8 da noite".

use super::clock::Clock;
use super::grammar::{Item, Scan};
use super::sense::{Sense, Unit};
use super::token::Kind;

/// How sure it is that a number is an hour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// A number that only what follows can make an hour.
    Bare,
    Marked,
}

impl Scan<'_> {
    /// A time that starts at `start`; or that there is no such time.
    pub(super) fn time(&self, start: usize, before: Option<&Item>) -> Option<(Item, usize)> {
        let bounds =
            [Sense::After, Sense::Before, Sense::Since, Sense::Until, Sense::Between, Sense::Not];
        let is_any = |at: usize, senses: &[Sense]| senses.iter().any(|sense| self.has(at, *sense));
        let mut at = start;
        while is_any(at, &[Sense::At, Sense::Filler, Sense::Roughly]) && !is_any(at, &bounds) {
            at += 1;
        }
        // "antes das" bounds the time that follows, and says that it is one.
        let bounded = start.checked_sub(1).is_some_and(|i| self.has(i, Sense::At));
        let marked = bounded || (start..at).any(|i| self.has(i, Sense::At));
        let evidence = if marked { Evidence::Marked } else { Evidence::Bare };
        if let Some(found) = self.hyphenated_times(at, marked) {
            return Some(found);
        }
        let (clock, next) = match self
            .named(at)
            .or_else(|| self.past_or_to(at, evidence))
            .or_else(|| self.written(at, evidence, before))
            .or_else(|| self.spoken(at, evidence))?
        {
            (Some(clock), next) => (clock, next),
            (None, next) => return Some((Item::NoSuch, next)),
        };
        let (clock, next) = self.after_clock(clock, next);
        Some((Item::Clock(Clock { at: marked, ..clock }), next))
    }

    /// "9-11am", "at 3-4".
    fn hyphenated_times(&self, at: usize, marked: bool) -> Option<(Item, usize)> {
        let Kind::Pair { a, sign: b'-', b } = self.kind(at)? else { return None };
        // "about 1-8 september"
        let of_month = self.month(self.skip(at + 1, &[Sense::Of])).is_some();
        if of_month || a.value > 24 || b.value > 24 || a.digits > 2 || b.digits > 2 {
            return None;
        }
        let from = Clock::written(u8::try_from(a.value % 24).ok()?, 0, false);
        let (to, next) =
            self.after_clock(Clock::written(u8::try_from(b.value % 24).ok()?, 0, false), at + 1);
        // "about 15-2" is no stretch of time.
        let in_order = a.value <= 12 || a.value < b.value;
        ((marked && in_order) || next > at + 1)
            .then_some((Item::Times { from: Some(from), to: Some(to), sure: true }, next))
    }

    /// Noon and midnight, with what is added: "meio-dia e meia", "12 noon".
    fn named(&self, at: usize) -> Option<(Option<Clock>, usize)> {
        let twelve = self.number(at) == Some(12);
        // "12 del día"
        if twelve && self.has(at + 1, Sense::Of) && self.unit(at + 2) == Some(Unit::Day) {
            return Some((Some(Clock::exact(12, 0)), at + 3));
        }
        let at = if twelve { at + 1 } else { at };
        let hour = if self.has(at, Sense::Noon) {
            12
        } else if self.has(at, Sense::Midnight) {
            0
        } else {
            return None;
        };
        let (minute, next) = self.joined_minutes(at + 1).unwrap_or((0, at + 1));
        Some((Some(Clock::exact(hour, minute)), next))
    }

    /// "half past 3", "quinze para as três", "20 min depois das seis".
    fn past_or_to(&self, at: usize, evidence: Evidence) -> Option<(Option<Clock>, usize)> {
        let mut i = self.skip(at, &[Sense::Article]);
        let (minutes, counted) = if self.has(i, Sense::Half) {
            (30, true)
        } else if self.has(i, Sense::Quarter) {
            (15, true)
        } else {
            i = at;
            (self.number(i).filter(|n| (1..60).contains(n))?, false)
        };
        i += 1;
        let named = self.unit(i) == Some(Unit::Minute);
        i += usize::from(named);
        if counted
            && minutes == 30
            && self.lexicon.source.half_before_hour
            && self.number(i).is_some()
        {
            // "half three"
            let (clock, next) = self.hour(i)?;
            return Some((Some(Clock { minute: 30, ..clock }), next));
        }
        let past = self.has(i, Sense::Past);
        // "a quarter of six"
        let quarter_of = self.lexicon.source.half_before_hour
            && counted
            && minutes == 15
            && self.has(i, Sense::Of)
            && self.number(i + 1).is_some();
        let to = self.has(i, Sense::ToHour) || quarter_of;
        if !past && !to {
            return None;
        }
        // "10 to 12" is from 10 to 12 where "to" says both.
        let is_range = to && (self.has(i, Sense::To) || self.has(i, Sense::Until));
        let hour_at = self.skip(i + 1, &[Sense::At, Sense::The]);
        // "twenty to eight", where 20 is no hour to start from
        let from = at.checked_sub(1).is_some_and(|i| self.has(i, Sense::From) || self.between);
        let no_start = minutes > 12
            && minutes % 5 == 0
            && !from
            && self.number(hour_at).is_some_and(|hour| hour <= 12);
        // "ten to three" in words; who means from ten to three writes digits
        let spoken = matches!(
            (self.kind(at), self.kind(hour_at)),
            (Some(Kind::Number { digits: 0, value: a, .. }), Some(Kind::Number { digits: 0, value: b, .. }))
                if a > b && a % 5 == 0 && !from
        );
        let sure = counted
            || named
            || no_start
            || spoken
            || (minutes % 5 == 0
                && !from
                && (!is_range
                    || evidence == Evidence::Marked
                    || self.has(hour_at, Sense::Noon)
                    || self.has(hour_at, Sense::Midnight)));
        if !sure || (past && !counted && !named && minutes % 5 != 0) {
            return None;
        }
        let (clock, next) =
            self.named(hour_at).and_then(|(c, n)| Some((c?, n))).or_else(|| self.hour(hour_at))?;
        // "15 to 20 August"
        if self.month(self.skip(next, &[Sense::Of])).is_some() {
            return None;
        }
        let minutes = u8::try_from(minutes).ok()?;
        let clock = if past {
            Clock { minute: minutes, ..clock }
        } else {
            let hour = if clock.open && clock.hour == 1 { 12 } else { (clock.hour + 23) % 24 };
            Clock { hour, minute: 60 - minutes, ..clock }
        };
        Some((Some(clock), next))
    }

    /// The hour of "half past 3 pm", "15 to noon".
    fn hour(&self, at: usize) -> Option<(Clock, usize)> {
        match self.kind(at)? {
            Kind::Number { value, zero, .. } if value <= 24 => {
                let clock = Clock::written(u8::try_from(value % 24).ok()?, 0, zero);
                Some((clock, at + 1 + usize::from(self.has(at + 1, Sense::HourMark))))
            }
            Kind::Clock { hour, minute: 0, zero } => Some((Clock::written(hour, 0, zero), at + 1)),
            _ => None,
        }
    }

    /// Written in digits with a sign: "15:30", "15.30", "1030 pm".
    fn written(
        &self,
        at: usize,
        evidence: Evidence,
        before: Option<&Item>,
    ) -> Option<(Option<Clock>, usize)> {
        let next = at + 1;
        let marked = evidence == Evidence::Marked || self.closes_clock(next);
        match self.kind(at)? {
            Kind::NoClock => Some((None, next)),
            Kind::Clock { hour, minute, zero } => {
                Some((Some(Clock::written(hour, minute, zero)), next))
            }
            Kind::Pair { a, sign: b'.', b }
                if b.digits == 2 && b.value < 60 && a.value < 24 && a.digits <= 2 =>
            {
                // "14.00 hrs", and not "2.50 hours"
                let in_hours = self.unit(next) == Some(Unit::Hour);
                if in_hours && a.value <= 12 {
                    return None;
                }
                let marked = marked || in_hours;
                let beside_day = matches!(before, Some(Item::Day(_))) || self.names_day(next);
                // "01.12" is rather a date.
                let date_like = a.zero && (1..=12).contains(&b.value) && !marked;
                let sure = marked || beside_day || self.lexicon.source.dot_is_clock && !date_like;
                if !sure || self.has(next, Sense::Counted) {
                    return None;
                }
                let (hour, minute) = (u8::try_from(a.value).ok()?, u8::try_from(b.value).ok()?);
                Some((Some(Clock::written(hour, minute, a.zero)), next + usize::from(in_hours)))
            }
            // 815, 1030
            Kind::Number { value, digits: 3 | 4, zero } => {
                let (hour, minute) = (value / 100, value % 100);
                // "1600 hours"
                let marked = marked
                    || self.unit(next) == Some(Unit::Hour)
                    || self.has(next, Sense::HourMark);
                let beside_part = matches!(before, Some(Item::Part { .. }));
                if hour > 23 || minute > 59 || !(marked || beside_part) {
                    return None;
                }
                let (hour, minute) = (u8::try_from(hour).ok()?, u8::try_from(minute).ok()?);
                Some((Some(Clock::written(hour, minute, zero)), next))
            }
            _ => None,
        }
    }

    /// Whether a day follows: "8.30 tomorrow".
    fn names_day(&self, at: usize) -> bool {
        let at = self.skip(at, &[Sense::On, Sense::The, Sense::Of]);
        self.weekday_name(at).is_some() || self.is_relative_day(at)
    }

    /// Whether what follows a number makes it a time: "pm", "ish", a part of the day.
    fn closes_clock(&self, at: usize) -> bool {
        self.meridiem(at).is_some()
            || self
                .find(at, |sense| match sense {
                    Sense::Roughly | Sense::Part(_) | Sense::Noon | Sense::Midnight => Some(()),
                    _ => None,
                })
                .is_some()
    }

    /// An hour in digits or words, with minutes or without: "5 y media", "nine fifty nine a m",
    /// "15h30", "às quinze".
    fn spoken(&self, at: usize, evidence: Evidence) -> Option<(Option<Clock>, usize)> {
        let Kind::Number { value, digits, zero } = self.kind(at)? else { return None };
        let next = at + 1;
        if digits > 2 {
            return None;
        }
        if self.is_day_number(next, evidence) {
            return None;
        }
        let (mut minute, mut end) = (0, next);
        // "at 15 hours"
        let counts_hours = value > 12 && self.unit(next) == Some(Unit::Hour);
        let mut sure =
            evidence == Evidence::Marked && (counts_hours || !self.belongs_to_length(next));
        end += usize::from(sure && counts_hours);
        // "as duas juntas" are two, "as duas" is a time.
        let by_article = at.checked_sub(1).is_some_and(|i| self.has(i, Sense::The));
        sure &= !(by_article && digits == 0 && self.is_unknown(next));
        let hour_mark = self.has(next, Sense::HourMark);
        // "15h" is a time; "15 horas" may be a length.
        let tight = hour_mark && self.unit(next) != Some(Unit::Hour);
        if hour_mark {
            sure |= tight || evidence == Evidence::Marked || self.closes_clock(next + 1);
            end = next + 1;
            // "de 14 horas a 16 horas"
            sure |= at.checked_sub(1).is_some_and(|i| self.has(i, Sense::From))
                && self.has(end, Sense::To);
            if let Some((minutes, after)) =
                self.joined_minutes(end).or_else(|| self.minutes_after_mark(end))
            {
                (minute, end) = (minutes, after);
                // "una hora y media" is rather a length.
                sure |= tight || value == 0 || value > 6;
            }
        } else if let Some((minutes, after)) = self.joined_minutes(next) {
            // "3 y 20"
            let said_with_words = value <= 24 && minutes % 5 == 0 && !self.is_unknown(after);
            let fraction = self.has(after - 1, Sense::Half) || self.has(after - 1, Sense::Quarter);
            (minute, end) = (minutes, after);
            sure |= said_with_words || fraction || self.closes_clock(after);
        } else if self.has(next, Sense::Less) {
            let (less, after) = self.fraction_or_number(next + 1)?;
            let hour = u8::try_from(value).ok().filter(|hour| (1..=24).contains(hour))?;
            let clock = Clock::written(hour % 24, 0, false);
            let earlier = if clock.open && hour == 1 { 12 } else { (hour + 23) % 24 };
            return Some((Some(Clock { hour: earlier, minute: 60 - less, ..clock }), after));
        } else if let Some((minutes, after)) = self.minutes_beside(next, digits) {
            let closed = self.closes_clock(after) || self.has(after, Sense::HourMark);
            if sure || closed || (digits == 0 && self.number_words_end(after)) {
                let Some(minutes) = minutes else { return Some((None, self.past_meridiem(after))) };
                (minute, end) = (minutes, after);
                sure = true;
            }
        }
        sure |= self.closes_clock(end);
        // "8 y 10 años"
        sure &= self.unit(end).is_none_or(|unit| matches!(unit, Unit::Minute | Unit::Hour));
        if value > 24 {
            // "25h" and "às 25h" are slips; "at 101 points" is something else.
            let slip =
                digits == 2 && value < 100 && (tight || self.has(next, Sense::Meridiem(true)));
            return slip.then_some((None, end));
        }
        if !sure || (value == 24 && minute > 0) {
            return None;
        }
        let hour = u8::try_from(value % 24).ok()?;
        Some((Some(Clock::written(hour, minute, zero)), end))
    }

    /// Whether what follows a number, from `at` on, makes it a day or a count of days: "3 de março",
    /// "10 to 22 August", "20 of next month", "3 fridays from now".
    fn is_day_number(&self, at: usize, evidence: Evidence) -> bool {
        let month_follows =
            |at: usize| self.month(self.skip(at, &[Sense::Of, Sense::The])).is_some();
        let stop = at + usize::from(self.kind(at) == Some(Kind::Stop) && self.tokens[at].glued);
        if month_follows(stop) {
            return true;
        }
        if self.weekday_name(at).is_some() && self.has(at + 1, Sense::Later) {
            return true;
        }
        let of = self.skip(at, &[Sense::Of, Sense::The]);
        if of > at
            && let Some((_, Unit::Month, end)) = self.period_unit(of)
            && end > of + 1
        {
            return true;
        }
        // "a las 10 al 30 de noviembre" is a time, its preposition being of times alone.
        let of_time = evidence == Evidence::Marked && self.lexicon.source.at_means_to;
        let joins = !of_time && (self.kind(at) == Some(Kind::Dash) || self.has(at, Sense::To));
        let other = self.skip(at + 1, &[Sense::The]);
        joins && self.day_number(other).is_some_and(|(_, end)| month_follows(end))
    }

    /// "at 3 weeks", "en las 4 semanas": no hour.
    fn belongs_to_length(&self, at: usize) -> bool {
        self.unit(at).is_some() && !self.has(at, Sense::HourMark)
            || self.has(at, Sense::Next)
            || self.has(at, Sense::Counted)
            || matches!(self.kind(at), Some(Kind::Dash)) && self.number(at + 1).is_none()
    }

    /// "e meia", "y cuarto", "e quinze", "e 30 minutos".
    fn joined_minutes(&self, at: usize) -> Option<(u8, usize)> {
        if !self.has(at, Sense::And) {
            return None;
        }
        if self.has(at + 1, Sense::Half) {
            return Some((30, at + 2));
        }
        if self.has(at + 1, Sense::Quarter) {
            return Some((15, at + 2));
        }
        if self.between {
            return None;
        }
        let minutes = self.number(at + 1)?;
        let named = self.unit(at + 2) == Some(Unit::Minute);
        // "5 y 6" are two numbers.
        if minutes > 59 || !(named || minutes >= 10 || minutes == 5) {
            return None;
        }
        // "10 e 15 de maio", "10 e 15h"
        if self.month(self.skip(at + 2, &[Sense::Of])).is_some()
            || self.has(at + 2, Sense::HourMark)
        {
            return None;
        }
        Some((u8::try_from(minutes).ok()?, at + 2 + usize::from(named)))
    }

    /// The minutes of "15h30", "10 H 10", "quinze horas trinta".
    fn minutes_after_mark(&self, at: usize) -> Option<(u8, usize)> {
        let Some(Kind::Number { value: 0..=59, digits: 0 | 2, .. }) = self.kind(at) else {
            return None;
        };
        if self.has(at + 1, Sense::HourMark)
            || self.month(self.skip(at + 1, &[Sense::Of])).is_some()
        {
            return None;
        }
        let named = self.unit(at + 1) == Some(Unit::Minute);
        Some((u8::try_from(self.number(at)?).ok()?, at + 1 + usize::from(named)))
    }

    /// Minutes that follow the hour with nothing between: "ten thirty", "3 15", "six oh two".
    /// `None` inside: there are no such minutes.
    fn minutes_beside(&self, at: usize, hour_digits: u8) -> Option<(Option<u8>, usize)> {
        // "five-thirty", and not "ten - eleven"
        let hyphen = self.kind(at) == Some(Kind::Dash)
            && self.tokens.get(at..at + 2).is_some_and(|tokens| tokens.iter().all(|t| t.glued));
        let at = at + usize::from(hyphen);
        let Kind::Number { value, digits, .. } = self.kind(at)? else { return None };
        if value == 0 && digits < 2 {
            let unit = self.number(at + 1).filter(|unit| (1..10).contains(unit))?;
            return Some((Some(u8::try_from(unit).ok()?), at + 2));
        }
        if !(digits == 2 || (digits == 0 && hour_digits == 0) || (digits == 0 && value >= 10)) {
            return None;
        }
        if self.month(self.skip(at + 1, &[Sense::Of])).is_some()
            || self.has(at + 1, Sense::HourMark)
        {
            return None;
        }
        let named = self.unit(at + 1) == Some(Unit::Minute);
        let minutes = u8::try_from(value).ok().filter(|minutes| *minutes < 60);
        Some((minutes, at + 1 + usize::from(named)))
    }

    /// "ten thirty" alone, and not "two three four" or "two five people".
    fn number_words_end(&self, at: usize) -> bool {
        let minutes = self.number(at - 1).or_else(|| self.number(at.saturating_sub(2)));
        let last_two = self.tokens[at - 1].senses.is_empty();
        !self.is_unknown(at)
            && self.number(at).is_none()
            && (minutes.is_some_and(|minutes| minutes >= 10)
                || last_two
                || self.number(at - 2) == Some(0))
    }

    fn past_meridiem(&self, at: usize) -> usize {
        self.meridiem(at).map_or(at, |(_, next)| next)
    }

    /// "pm", "in the p.m.": whether it is pm, and the next token.
    fn meridiem(&self, at: usize) -> Option<(bool, usize)> {
        let at = if self.has(at, Sense::In) && self.has(at + 1, Sense::The) { at + 2 } else { at };
        let pm = self.find(at, |sense| match sense {
            Sense::Meridiem(pm) => Some(pm),
            _ => None,
        })?;
        Some((pm, at + 1))
    }

    fn fraction_or_number(&self, at: usize) -> Option<(u8, usize)> {
        if self.has(at, Sense::Quarter) {
            return Some((15, at + 1));
        }
        let minutes = self.number(at).filter(|minutes| (1..60).contains(minutes))?;
        Some((
            u8::try_from(minutes).ok()?,
            at + 1 + usize::from(self.unit(at + 1) == Some(Unit::Minute)),
        ))
    }

    /// What may follow a time: "pm", "o'clock", "e meia", a part of the day.
    fn after_clock(&self, mut clock: Clock, mut at: usize) -> (Clock, usize) {
        loop {
            at = self.skip(at, &[Sense::Roughly]);
            if let Some((pm, next)) = self.meridiem(at) {
                if clock.hour <= 12 && clock.hour > 0 {
                    clock = clock.half(pm);
                }
                at = next;
                if clock.minute == 0 && self.has(at, Sense::And) && self.has(at + 1, Sense::Half) {
                    clock.minute = 30;
                    at += 2;
                }
            } else if clock.minute == 0
                && self.has(at, Sense::Less)
                && let Some((less, next)) = self.fraction_or_number(at + 1)
            {
                let hour = if clock.open && clock.hour == 1 { 12 } else { (clock.hour + 23) % 24 };
                clock = Clock { hour, minute: 60 - less, ..clock };
                at = next;
            } else if self.has(at, Sense::HourMark) {
                at += 1;
            } else if self.has(at, Sense::Noon) && clock.hour == 12 {
                // "las 12 del mediodía"
                clock.open = false;
                at += 1;
            } else if self.has(at, Sense::Midnight) && clock.open {
                clock = clock.half(false);
                at += 1;
            } else if let Some(part) = self.find(at, |sense| match sense {
                Sense::Part(part) => Some(part),
                _ => None,
            }) {
                clock = clock.during(part);
                at += 1;
            } else {
                return (clock, at);
            }
        }
    }
}
