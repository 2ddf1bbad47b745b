//! Ranges: "from 9 to 11", "entre o dia 3 e o 12", "depois das 16h", and what was taken back.

use chrono::{NaiveDate, NaiveDateTime, Timelike};

use super::DayPart;
use super::calendar::Day;
use super::clock::Clock;
use super::grammar::{Item, Mark};

/// One end of a range, read from the items that stand together.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    day: Option<Day>,
    clock: Option<Clock>,
    part: Option<DayPart>,
    number: Option<u32>,
    now: Option<NaiveDateTime>,
    /// The day stands before the time.
    day_first: bool,
}

impl End {
    fn only_number(&self) -> Option<u32> {
        let only = self.day.is_none() && self.clock.is_none() && self.part.is_none();
        self.number.filter(|_| only && self.now.is_none())
    }
}

/// Puts ranges in place of the items that make them. `at_means_to`: a time's preposition joins too,
/// as in "das 9 às 11".
pub(super) fn ranges(items: &[Item], at_means_to: bool) -> Vec<Item> {
    let mut out = Vec::with_capacity(items.len());
    let mut at = 0;
    while at < items.len() {
        if let Some(next) = closed(items, at, at_means_to, &mut out) {
            at = next;
        } else if let Some(next) = open(items, at, &mut out) {
            at = next;
        } else {
            out.push(items[at]);
            at += 1;
        }
    }
    out
}

fn is(items: &[Item], at: usize, mark: Mark) -> bool {
    items.get(at) == Some(&Item::Mark(mark))
}

/// "A to B", "from A to B", "between A and B", "A - B".
fn closed(items: &[Item], start: usize, at_means_to: bool, out: &mut Vec<Item>) -> Option<usize> {
    let mut at = start;
    let mut between = false;
    while let Some(Item::Mark(mark @ (Mark::From | Mark::Since | Mark::Between))) = items.get(at) {
        between |= *mark == Mark::Between;
        at += 1;
    }
    let opened = at > start;
    let (a, mid) = end(items, at)?;
    let joins = match items.get(mid) {
        Some(Item::Mark(Mark::To | Mark::Until) | Item::Dash) => true,
        Some(Item::Mark(Mark::And)) => between,
        _ => false,
    };
    let (b, next) = if joins {
        // "saturday - dec 5 - 10am": one day, and no range
        let weekday = a.day.filter(|day| day.weekday.is_some() && day.day.is_none());
        let date = matches!(items.get(mid + 1), Some(Item::Day(Day { month: Some(_), .. })));
        if weekday.is_some() && date && items.get(mid) == Some(&Item::Dash) {
            return None;
        }
        let after = mid + 1 + usize::from(is(items, mid + 1, Mark::From));
        end(items, after)?
    } else {
        // "das 9 às 11": the preposition of the second time joins.
        let (b, next) = end(items, mid)?;
        let joined = at_means_to
            && b.clock.is_some_and(|clock| clock.at)
            && (a.clock.is_some()
                || (opened && a.number.is_some_and(|number| number <= 24))
                || (start == 0 && are_hours(a.only_number(), b.clock)));
        if !joined {
            return None;
        }
        (b, next)
    };
    if !opened
        && let (Some(Item::Dash), Some(a), Some(b)) =
            (items.get(mid), a.only_number(), b.only_number())
    {
        out.push(Item::Hyphenated { a, b, introduced: false });
        return Some(next);
    }
    // "from 9 to 11", with nothing after it that the numbers might count
    let sure = opened && !matches!(items.get(next), Some(Item::Length(_)));
    range(a, b, sure, out).then_some(next)
}

/// "after A", "until A", "from A on".
fn open(items: &[Item], start: usize, out: &mut Vec<Item>) -> Option<usize> {
    let (mark, at) = match items.get(start)? {
        Item::Mark(
            mark @ (Mark::After
            | Mark::Before
            | Mark::Until
            | Mark::Since
            | Mark::From
            | Mark::Between),
        ) => (*mark, start + 1),
        Item::Clock(_) | Item::Day(_) | Item::Number { .. } => (Mark::From, start),
        _ => return None,
    };
    // "later than 9:30 but …", "from after 3"
    let inner = match items.get(at) {
        Some(Item::Mark(inner @ (Mark::After | Mark::Before))) => Some(*inner),
        _ => None,
    };
    let at = at + usize::from(inner.is_some());
    let mark = inner.unwrap_or(mark);
    if let Some(Item::Period(period)) = items.get(at) {
        let day = |date: NaiveDate| Some(Day::fixed(date));
        let (from, to) = match mark {
            Mark::After => (day(period.to.succ_opt()?), None),
            Mark::Since => (day(period.from), None),
            Mark::Before => (None, day(period.from)),
            Mark::Until => (None, day(period.to)),
            _ => return None,
        };
        out.push(Item::Days { from, to });
        return Some(at + 1);
    }
    let (a, next) = end(items, at)?;
    let (mark, next) = match mark {
        Mark::From | Mark::Between if is(items, next, Mark::Onward) => (Mark::Since, next + 1),
        // "5pm at the latest"
        Mark::From
            if at == start && is(items, next, Mark::Until) && end(items, next + 1).is_none() =>
        {
            (Mark::Until, next + 1)
        }
        Mark::From | Mark::Between => return None,
        other => (other, next + usize::from(is(items, next, Mark::Onward))),
    };
    // "from 2 to 3 weeks"
    if is(items, next, Mark::To) && a.only_number().is_some() {
        return None;
    }
    let starts = matches!(mark, Mark::After | Mark::Since);
    // "after 5 tomorrow", and not "after monday 5"
    let is_hour = |number: &u32| a.day.is_none() || (!a.day_first && *number <= 24);
    let clock = a.clock.or_else(|| a.number.filter(is_hour).and_then(clock_of));
    if let Some(clock) = clock {
        out.extend(a.day.map(Item::Day));
        let (from, to) = if starts { (Some(clock), None) } else { (None, Some(clock)) };
        out.push(Item::Times { from, to, sure: true });
        out.extend(a.part.map(|part| Item::Part { part, today: false }));
        return Some(next);
    }
    let day = a.day.filter(Day::is_whole)?;
    if a.part.is_some() || a.number.is_some() {
        return None;
    }
    let (from, to) = if starts { (Some(day), None) } else { (None, Some(day)) };
    out.push(Item::Days { from, to });
    Some(next)
}

/// The items from `start` on that are one end of a range, and where they end.
fn end(items: &[Item], start: usize) -> Option<(End, usize)> {
    let mut end = End::default();
    let mut at = start;
    while let Some(item) = items.get(at) {
        match *item {
            Item::Day(day) => match end.day {
                None => {
                    end.day_first = at == start;
                    end.day = Some(day);
                }
                Some(before) => match before.join(day) {
                    Some(joined) => end.day = Some(joined),
                    None => break,
                },
            },
            Item::Clock(clock) if end.clock.is_none() && end.number.is_none() => {
                // The second time of "das 9 às 11" begins another end.
                end.clock = Some(clock);
            }
            Item::Number { value, digits }
                if end.clock.is_none() && end.number.is_none() && digits < 5 =>
            {
                end.number = Some(value);
            }
            Item::Part { part, today: false } if end.part.is_none() => end.part = Some(part),
            Item::Moment(now) if at == start => end.now = Some(now),
            Item::Comma
                if at > start
                    && matches!(items.get(at + 1), Some(Item::Day(_) | Item::Clock(_))) => {}
            _ => break,
        }
        at += 1;
    }
    // A comma belongs to what it joins only.
    (at > start).then_some((end, at))
}

/// "8 às 12" are hours, "25 às 14h" is a day of the month and its time.
fn are_hours(from: Option<u32>, to: Option<Clock>) -> bool {
    from.zip(to).is_some_and(|(from, to)| {
        let to = u32::from(to.hour);
        from < to && (from >= 6 || to <= 12)
    })
}

/// Numbers that a scale or an amount rarely has: "from 9 to 11".
fn are_opening_hours(from: Clock, to: Clock) -> bool {
    (7..=22).contains(&from.hour) && (from.hour + 1..=22).contains(&to.hour)
}

fn clock_of(number: u32) -> Option<Clock> {
    // A year is no time.
    let number = Some(number).filter(|number| !(1900..2100).contains(number))?;
    let (hour, minute) = if number > 99 { (number / 100, number % 100) } else { (number, 0) };
    let hour = u8::try_from(hour).ok().filter(|hour| *hour <= 24)?;
    let minute = u8::try_from(minute).ok().filter(|minute| *minute < 60)?;
    Some(Clock::written(hour % 24, minute, false))
}

fn day_of(number: u32) -> Option<Day> {
    let day = u8::try_from(number).ok().filter(|day| (1..=31).contains(day))?;
    Some(Day { day: Some(day), ..Day::default() })
}

/// Writes the range from `a` to `b`, with the day and the part said along with it; whether it is one.
fn range(a: End, b: End, opened: bool, out: &mut Vec<Item>) -> bool {
    if let Some(now) = a.now {
        let start = Clock::exact(
            u8::try_from(now.hour()).unwrap_or_default(),
            u8::try_from(now.minute()).unwrap_or_default(),
        );
        if let Some(to) = b.clock {
            out.push(Item::Day(Day::fixed(now.date())));
            out.push(Item::Times { from: Some(start), to: Some(to), sure: true });
            return true;
        }
        let Some(day) = b.day else { return false };
        out.push(Item::Days { from: Some(Day::fixed(now.date())), to: Some(day) });
        return true;
    }
    let timed = a.clock.is_some() || b.clock.is_some();
    if !timed && let Some(days) = days(a, b) {
        out.push(days);
        return true;
    }
    // "10 to 15 July at 3pm": the number belongs to the day that follows.
    if a.clock.is_none()
        && b.day_first
        && b.day.is_some_and(|day| day.day.is_some())
        && a.day.is_none()
        && let Some(days) = days(a, End { clock: None, ..b })
    {
        out.push(days);
        out.extend(b.clock.map(Item::Clock));
        return true;
    }
    let from = a.clock.or_else(|| a.number.and_then(clock_of));
    let to = b.clock.or_else(|| b.number.and_then(clock_of));
    let (Some(from), Some(to)) = (from, to) else { return false };
    match (a.day, b.day) {
        (Some(first), Some(last)) if first != last => {
            out.push(Item::Moments { from: (first, from), to: (last, to) });
            return true;
        }
        (day, other) => out.extend(day.or(other).map(Item::Day)),
    }
    let from = match (a.part, b.part) {
        (Some(part), _) => from.during(part),
        _ => from,
    };
    out.push(Item::Times {
        from: Some(from),
        to: Some(to),
        sure: timed || (opened && (a.day.or(b.day).is_some() || are_opening_hours(from, to))),
    });
    out.extend(b.part.map(|part| Item::Part { part, today: false }));
    true
}

/// A range of days: "13 to 15 July", "August 10 to 22", "lunes a viernes".
fn days(a: End, b: End) -> Option<Item> {
    let (from, to) = match (a.day, a.number, b.day, b.number) {
        (Some(from), None, Some(to), None) => (from, to),
        (Some(from), None, None, Some(number)) if from.day.is_some() => (from, day_of(number)?),
        (None, Some(number), Some(to), None) if to.day.is_some() => (day_of(number)?, to),
        _ => return None,
    };
    if !from.is_whole() || !to.is_whole() {
        return None;
    }
    let (from, to) = Day::ends(from, to);
    Some(Item::Days { from: Some(from), to: Some(to) })
}

/// Takes out what was taken back: "not tomorrow", "el domingo no".
pub(super) fn withdraw(items: &mut Vec<Item>) {
    let said = |item: &Item| {
        matches!(
            item,
            Item::Day(_)
                | Item::Clock(_)
                | Item::Part { .. }
                | Item::Period(_)
                | Item::Times { .. }
                | Item::Days { .. }
        )
    };
    let mut at = 0;
    while at < items.len() {
        let Some(Item::Mark(mark @ (Mark::Not | Mark::MaybeNot))) = items.get(at) else {
            at += 1;
            continue;
        };
        let after = items[at + 1..].iter().take_while(|item| said(item)).count();
        let before = items[..at].iter().rev().take_while(|item| said(item)).count();
        let ends = matches!(
            items.get(at + 1),
            None | Some(Item::Comma | Item::Stop | Item::Word | Item::Mark(_))
        );
        let is_answer = before > 0 && ends;
        let range = if is_answer { at - before..at + 1 } else { at..at + 1 + after };
        // "não tem sábado?" asks for Saturday: with nothing else said, it stands.
        let rest = items[..range.start].iter().chain(&items[range.end..]).any(said);
        if rest || is_answer || *mark == Mark::Not {
            at = range.start;
            items.drain(range);
        } else {
            at += 1;
        }
    }
}
