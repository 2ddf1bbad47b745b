//! Leaves a server alone for a while that does not answer, and says so once. It knows no clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it is left alone after the first failure; twice as long after each further one.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30);

/// Whether a server may be asked.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Of those who were let in after a pause, since the last answer.
    failures: u32,
    /// Somebody was let in after a pause and has not come back.
    probing: bool,
    /// Until when nobody asks.
    open_until: Option<Instant>,
}

/// What an outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// It answered until now.
    Lost,
    /// It answers again.
    Back,
}

impl Breaker {
    /// Whether to ask now. After a pause one may; others wait for what it finds.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.probing = true;
                state.open_until = Some(now + pause_after(state.failures));
                true
            }
        }
    }

    pub(super) fn answered(&self) -> Change {
        let mut state = self.state();
        let was_lost = state.open_until.is_some();
        *state = State::default();
        if was_lost { Change::Back } else { Change::None }
    }

    pub(super) fn failed(&self, now: Instant) -> Change {
        let mut state = self.state();
        let was_lost = state.open_until.is_some();
        // Others that were on their way say nothing new.
        if !was_lost || state.probing {
            state.probing = false;
            state.failures = state.failures.saturating_add(1);
            state.open_until = Some(now + pause_after(state.failures));
        }
        if was_lost { Change::None } else { Change::Lost }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pause_after(failures: u32) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(8))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_is_left_alone_for_longer_and_longer_and_told_of_once() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        assert!(breaker.admits(at(0.0)));
        assert_eq!(breaker.failed(at(0.0)), Change::Lost);
        assert_eq!(breaker.failed(at(0.0)), Change::None, "another that was on its way");
        assert!(!breaker.admits(at(0.9)));
        assert!(breaker.admits(at(1.0)), "one may look");
        assert!(!breaker.admits(at(1.0)), "and one alone");
        assert_eq!(breaker.failed(at(1.1)), Change::None);
        assert!(!breaker.admits(at(3.0)));
        assert!(breaker.admits(at(3.2)));
        assert_eq!(breaker.failed(at(3.2)), Change::None);
        assert!(!breaker.admits(at(7.1)) && breaker.admits(at(7.3)));
        assert_eq!(breaker.answered(), Change::Back);
        assert_eq!(breaker.answered(), Change::None);
        assert!(breaker.admits(at(7.3)) && breaker.admits(at(7.3)));
        assert_eq!(pause_after(u32::MAX), LONGEST);
    }
}
