//! 04/06 from abroad: where the customer's country is not the tenant's, either order may be meant.

use chrono::{Datelike, NaiveDate, TimeDelta};

use super::wish::Wish;
use crate::domain::temporal::{Candidate, Choice, Understanding};

/// A day without a year that is further off was meant of the year that is over.
const AHEAD_MAX: TimeDelta = TimeDelta::days(183);

/// The readings of a text in both orders of day and month, where it has a date in numbers that
/// allows both; `understand` reads the text in the other order.
pub(super) fn both(
    text: &str,
    today: NaiveDate,
    first: Understanding,
    understand: impl Fn(&str) -> Understanding,
) -> Understanding {
    let Some((numbers, other)) = swapped(text) else { return first };
    let second = understand(&other);
    let mut candidates: Vec<Candidate> = Vec::new();
    for candidate in first.candidates.iter().chain(&second.candidates) {
        let Some(day) = Wish::of(candidate.meaning).day() else { return first };
        let (a, b) = (day.day(), day.month());
        // What looked like a date is one.
        if numbers != (a, b) && numbers != (b, a) {
            return first;
        }
        if day >= today && day - today <= AHEAD_MAX {
            let mut candidate = candidate.clone();
            candidate.choices.push(Choice::DayMonthOrder);
            candidates.push(candidate);
        }
    }
    if candidates.is_empty() { first } else { Understanding { candidates, problem: None } }
}

/// The numbers of the first date that can be read in either order, and the text with them swapped.
fn swapped(text: &str) -> Option<((u32, u32), String)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = 0;
    while at < bytes.len() {
        let first = digits(at);
        if first == 0 {
            at += 1;
            continue;
        }
        let middle = at + first;
        let second = match bytes.get(middle) {
            Some(b'/' | b'-' | b'.') => digits(middle + 1),
            _ => 0,
        };
        let end = middle + 1 + second;
        let clock = (at > 0 && bytes[at - 1] == b':') || bytes.get(end) == Some(&b':');
        if (1..=2).contains(&first) && (1..=2).contains(&second) && !clock {
            let (a, b) = (&text[at..middle], &text[middle + 1..end]);
            let numbers = (a.parse().ok()?, b.parse().ok()?);
            let both = numbers.0 != numbers.1
                && [numbers.0, numbers.1].iter().all(|number| (1..=12).contains(number));
            let separator = &text[middle..=middle];
            return both
                .then(|| (numbers, format!("{}{b}{separator}{a}{}", &text[..at], &text[end..])));
        }
        at = end.max(middle);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_date_that_can_be_read_both_ways_is_swapped() {
        assert_eq!(swapped("on 04/06 at 3"), Some(((4, 6), "on 06/04 at 3".to_owned())));
        assert_eq!(swapped("4/6/2026"), Some(((4, 6), "6/4/2026".to_owned())));
        for text in ["13/04", "04/04", "10:30-11", "9-11:30", "4", "04/", "", "é 00/05"] {
            assert_eq!(swapped(text), None, "{text}");
        }
    }
}
