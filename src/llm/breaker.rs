//! Whether asking is of any use: after a row of failures nobody is made to wait for a while.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Failures in a row after which it is left alone.
const IN_A_ROW: u32 = 5;
/// For how long, the first time; each further time twice as long.
const PAUSE: TimeDelta = TimeDelta::seconds(30);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(8);
/// A wrong key or missing credits do not mend themselves.
const LASTING_PAUSE: TimeDelta = TimeDelta::minutes(5);

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Passing,
    Lasting,
}

/// What is remembered of the last calls.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    /// Pauses since the last success.
    pauses: u32,
    open_until: Option<DateTime<Utc>>,
}

impl Breaker {
    /// Whether a call may be made at `now`.
    pub fn is_closed(&self, now: DateTime<Utc>) -> bool {
        self.open_until.is_none_or(|until| now >= until)
    }

    /// As [`Breaker::is_closed`]; after a pause one call is let through, and the others wait for what
    /// becomes of it within `patience`.
    pub fn admits(&mut self, now: DateTime<Utc>, patience: Duration) -> bool {
        if !self.is_closed(now) {
            return false;
        }
        if self.open_until.is_some() {
            self.open_until = Some(now + TimeDelta::from_std(patience).unwrap_or(PAUSE));
        }
        true
    }

    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Counts a failure. The pause that it began; none: there is none, or it had begun before.
    pub fn failed(&mut self, now: DateTime<Utc>, trouble: Trouble) -> Option<TimeDelta> {
        self.failures = self.failures.saturating_add(1);
        let pause = match trouble {
            Trouble::Lasting => LASTING_PAUSE,
            Trouble::Passing if self.failures >= IN_A_ROW => {
                (PAUSE * (1 << self.pauses.min(10))).min(LONGEST_PAUSE)
            }
            Trouble::Passing => return None,
        };
        let until = now + pause;
        if self.failures > IN_A_ROW && self.open_until.is_some_and(|open| open >= until) {
            return None;
        }
        self.pauses = self.pauses.saturating_add(1);
        self.open_until = Some(until);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    #[test]
    fn five_failures_in_a_row_are_a_pause_and_each_further_pause_is_longer() {
        let mut breaker = Breaker::default();
        for _ in 1..IN_A_ROW {
            assert_eq!(breaker.failed(at(0), Trouble::Passing), None);
        }
        breaker.succeeded();
        for _ in 1..IN_A_ROW {
            assert_eq!(breaker.failed(at(0), Trouble::Passing), None);
        }
        assert!(breaker.is_closed(at(0)));
        assert_eq!(breaker.failed(at(0), Trouble::Passing), Some(PAUSE));
        assert!(!breaker.is_closed(at(29)) && breaker.is_closed(at(30)));
        // The first call after the pause decides.
        assert_eq!(breaker.failed(at(30), Trouble::Passing), Some(PAUSE * 2));
        assert!(!breaker.is_closed(at(89)) && breaker.is_closed(at(90)));
        for _ in 0..20 {
            breaker.failed(at(90), Trouble::Passing);
        }
        assert!(breaker.is_closed(at(90) + LONGEST_PAUSE));
    }

    #[test]
    fn after_a_pause_one_call_is_let_through_at_a_time() {
        let patience = Duration::from_secs(4);
        let mut breaker = Breaker::default();
        assert!(breaker.admits(at(0), patience) && breaker.admits(at(0), patience));
        breaker.failed(at(0), Trouble::Lasting);
        assert!(!breaker.admits(at(299), patience));
        assert!(breaker.admits(at(300), patience));
        assert!(!breaker.admits(at(301), patience), "the first one is still out");
        assert!(breaker.admits(at(304), patience), "it never came back");
        breaker.succeeded();
        assert!(breaker.admits(at(304), patience) && breaker.admits(at(304), patience));
    }
}
