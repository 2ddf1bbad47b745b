//! What time it is: the system's clock, moved by an offset for demonstrations and tests.

use chrono::{DateTime, TimeDelta, Utc};

/// Gives the program its `now`. Nothing else asks the system for the time.
///
/// The offset is the process's, for its whole life (`PONTUAL_CLOCK_OFFSET`): connections to the
/// database are told of it too (`app.clock_offset`), so that what is due in the queue agrees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    offset: TimeDelta,
}

impl Clock {
    /// A clock that is ahead of the system's by `offset`, or behind it when negative.
    pub const fn with_offset(offset: TimeDelta) -> Self {
        Self { offset }
    }

    /// A clock that shows `instant` now and runs on from there.
    pub fn starting_at(instant: DateTime<Utc>) -> Self {
        // Whole seconds, since that is what the environment variable can carry to other processes.
        Self { offset: TimeDelta::seconds((instant - Self::default().now()).num_seconds()) }
    }

    pub const fn offset(&self) -> TimeDelta {
        self.offset
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(&self) -> DateTime<Utc> {
        // Microseconds are what the database keeps: a moment that went there and back is equal.
        let now = Utc::now() + self.offset;
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_started_at_an_instant_shows_it_and_runs_on() {
        let instant = "2026-03-10T13:00:00Z".parse().unwrap();
        let clock = Clock::starting_at(instant);
        let first = clock.now();
        assert!((first - instant).abs() < TimeDelta::seconds(2), "{first}");
        assert!(clock.now() >= first);
    }
}
