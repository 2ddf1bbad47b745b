//! Bare numbers: times or days where what stands beside them, or what was asked, says so.

use super::calendar::Day;
use super::clock::Clock;
use super::grammar::{Item, Mark};
use super::{Expecting, Hints};

/// Turns bare numbers into times or days where what stands beside them, or what was asked, says so.
/// The second is whether only the question said so.
pub(super) fn settle_numbers(
    items: &[Item],
    hints: &Hints<'_>,
    month_first: bool,
) -> (Vec<Item>, bool) {
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
                let other = |at: Option<usize>| {
                    at.is_some_and(|at| matches!(items.get(at), Some(Item::Clock(_))))
                };
                let or = |at: Option<usize>| {
                    at.is_some_and(|at| items.get(at) == Some(&Item::Mark(Mark::Or)))
                };
                // "3 or 4pm", "ten a.m. or eleven"
                let told = lone
                    || (or(Some(at + 1)) && other(Some(at + 2)))
                    || (or(at.checked_sub(1)) && other(at.checked_sub(2)));
                // "9 on saturday morning"
                let mut rest = items[at + 1..].iter();
                let before_day_part = matches!(rest.next(), Some(Item::Day(_)))
                    && matches!(rest.next(), Some(Item::Part { .. }));
                let told = told || (before_day_part && value <= 12);
                number(value, digits, before, after, told).or_else(|| {
                    let answer = answered(value, digits, anything, hints.expecting);
                    latent |= only_known && answer.is_some();
                    answer.filter(|_| only_known)
                })
            }
            Item::Hyphenated { a, b, introduced } => {
                let stands = match (introduced, anything, only_known) {
                    (true, ..) => Stands::Introduced,
                    (false, true, _) => Stands::Beside,
                    (false, false, true) => Stands::Alone,
                    (false, false, false) => Stands::Among,
                };
                hyphenated((a, b), stands, month_first)
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
/// `told`: what is beside it says that it is a time: a word that may also be "at" and nothing before
/// that ("à uma"), or a time as the alternative ("3 or 4pm").
fn number(
    value: u32,
    digits: u8,
    before: Option<&Item>,
    after: Option<&Item>,
    told: bool,
) -> Option<Item> {
    let is_end = !matches!(after, Some(Item::Word));
    let after_day = matches!(before, Some(Item::Day(_) | Item::Part { .. } | Item::Period(_)));
    let before_part = matches!(after, Some(Item::Part { .. })) && value <= 24;
    if (after_day && is_end || told || before_part)
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
    // A small number is rather an hour, but not where it cannot be one.
    let rather_time = value <= 24 || digits > 2;
    match expecting {
        Expecting::Nothing => None,
        _ if anything => None,
        Expecting::Time => time,
        Expecting::DayAndTime if rather_time => time,
        Expecting::Day | Expecting::DayAndTime => day,
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
    Some(Clock::written(hour % 24, minute, false))
}

/// What stands around "3-8".
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// A word before it says that it is a date.
    Introduced,
    /// A day is said elsewhere.
    Beside,
    Alone,
    /// Words that are not about time.
    Among,
}

/// "3-8": a date if it was introduced as one or stands alone, two times beside a day.
fn hyphenated((a, b): (u32, u32), stands: Stands, month_first: bool) -> Option<Item> {
    let looks_like_hours = a < b && (7..=22).contains(&a) && b <= 22;
    if stands == Stands::Introduced || (stands == Stands::Alone && !looks_like_hours) {
        let (day, month) = if (month_first && a <= 12) || b > 12 { (b, a) } else { (a, b) };
        let day = Day {
            day: u8::try_from(day).ok().filter(|day| (1..=31).contains(day)),
            month: u8::try_from(month).ok().filter(|month| (1..=12).contains(month)),
            ..Day::default()
        };
        return (day.day.is_some() && day.month.is_some()).then_some(Item::Day(day));
    }
    if stands == Stands::Among {
        return None;
    }
    let clock = |value: u32| {
        let hour = u8::try_from(value).ok().filter(|hour| *hour <= 24)?;
        Some(Clock::written(hour % 24, 0, false))
    };
    Some(Item::Times { from: Some(clock(a)?), to: Some(clock(b)?), sure: true })
}
