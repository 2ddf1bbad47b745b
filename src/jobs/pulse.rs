//! When a worker looks for jobs of a kind: fast while there is work, slowly while there is none, at
//! once when notified.
//!
//! The alternatives lost: apalis's stock polling waits for its heartbeat (a median of 21 s at 100
//! jobs/s), and a notify per job serialises commits. So a worker looks every few milliseconds while
//! busy; after a quiet moment it tells the database that it sleeps (`queue.doze`), and only then
//! does the next `queue.enqueue` notify. It is told in return when the next job comes due, if that
//! is a matter of seconds, and looks then: the end of a burst is somebody's wait for an answer.

use std::time::Duration;

use tokio::time::Instant;

/// How often a busy worker looks.
const BUSY: Duration = Duration::from_millis(10);
/// How often a sleeping one looks: for what is due by time alone, and should a notify be lost.
const ASLEEP: Duration = Duration::from_secs(1);
/// How long without work until it falls asleep.
const DROWSY: Duration = Duration::from_millis(500);
/// How long it still looks fast after saying that it sleeps, for transactions that enqueued before
/// they could see it and commit after. Longer ones wait for the slow look.
const LAST_LOOK: Duration = Duration::from_millis(150);
/// The server's clock and ours may differ by this much over a few seconds.
const LATE: Duration = Duration::from_millis(2);

/// The rhythm of one kind in this process.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Also the birth, and whenever we were woken.
    last_work: Instant,
    last_look: Option<Instant>,
    sleep: Sleep,
    /// The last look brought as much as was asked for: there may be more.
    more: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Sleep {
    Awake,
    /// The database knows that we sleep.
    FallingAsleep {
        since: Instant,
        due: Option<Instant>,
    },
    Asleep {
        due: Option<Instant>,
    },
}

impl Pulse {
    pub(super) fn new(now: Instant) -> Self {
        Self { last_work: now, last_look: None, sleep: Sleep::Awake, more: false }
    }

    /// When to look next.
    pub(super) fn next_look(&self) -> Instant {
        let Some(last) = self.last_look.filter(|_| !self.more) else { return self.last_work };
        match self.sleep {
            Sleep::Awake | Sleep::FallingAsleep { .. } => last + BUSY,
            Sleep::Asleep { due } => due.map_or(last + ASLEEP, |due| due.min(last + ASLEEP)),
        }
    }

    /// Whether to look, when another kind is looked for anyway: kinds that sleep look together.
    pub(super) fn joins(&self, now: Instant) -> bool {
        self.next_look() <= now || self.last_look.is_none_or(|last| now - last >= ASLEEP / 2)
    }

    /// A look brought `found` of the `asked` jobs.
    pub(super) fn looked(&mut self, now: Instant, asked: usize, found: usize) {
        self.last_look = Some(now);
        self.more = found >= asked;
        if found > 0 {
            self.wake(now);
            return;
        }
        self.sleep = match self.sleep {
            Sleep::FallingAsleep { since, due } if now - since >= LAST_LOOK => {
                Sleep::Asleep { due: due.filter(|due| *due > now) }
            }
            Sleep::Asleep { due } => Sleep::Asleep { due: due.filter(|due| *due > now) },
            sleep => sleep,
        };
    }

    /// There is work, or may be.
    pub(super) fn wake(&mut self, now: Instant) {
        self.last_work = now;
        if self.sleep != Sleep::Awake {
            self.sleep = Sleep::Awake;
        }
    }

    /// As [`wake`](Self::wake), by a notify: looks at once.
    pub(super) fn notified(&mut self, now: Instant) {
        self.wake(now);
        self.last_look = None;
    }

    /// Whether it is time to tell the database that we sleep.
    pub(super) fn is_drowsy(&self, now: Instant) -> bool {
        self.sleep == Sleep::Awake && !self.more && now - self.last_work >= DROWSY
    }

    /// The database knows that we sleep, and says in how long the next job comes due.
    pub(super) fn falls_asleep(&mut self, now: Instant, due_in: Option<Duration>) {
        let due = due_in.map(|due_in| now + due_in + LATE);
        self.sleep = Sleep::FallingAsleep { since: now, due };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Asleep at this moment, since a while.
    fn sleeper(now: Instant, due_in: Option<Duration>) -> Pulse {
        let mut pulse = Pulse::new(now);
        pulse.falls_asleep(now, due_in);
        pulse.looked(now + LAST_LOOK, 8, 0);
        pulse
    }

    #[test]
    fn a_busy_worker_looks_every_few_milliseconds_and_at_once_where_there_was_more() {
        let now = Instant::now();
        let mut pulse = Pulse::new(now);
        assert!(pulse.next_look() <= now, "the first look is not waited for");
        pulse.looked(now, 8, 3);
        assert_eq!(pulse.next_look(), now + BUSY);
        pulse.looked(now, 8, 8);
        assert!(pulse.next_look() <= now);
    }

    #[test]
    fn without_work_it_is_drowsy_after_a_moment_and_looks_fast_until_the_last_look() {
        let now = Instant::now();
        let mut pulse = Pulse::new(now);
        pulse.looked(now, 8, 0);
        assert!(!pulse.is_drowsy(now + DROWSY - MS));
        assert!(pulse.is_drowsy(now + DROWSY));
        let told = now + DROWSY;
        pulse.falls_asleep(told, None);
        assert!(!pulse.is_drowsy(told + DROWSY));
        pulse.looked(told + MS, 8, 0);
        assert_eq!(pulse.next_look(), told + MS + BUSY);
        pulse.looked(told + LAST_LOOK, 8, 0);
        assert_eq!(pulse.next_look(), told + LAST_LOOK + ASLEEP);
    }

    #[test]
    fn a_sleeper_looks_when_the_next_job_comes_due_and_is_woken_by_a_notify() {
        let now = Instant::now();
        let mut pulse = sleeper(now, Some(400 * MS));
        assert_eq!(pulse.next_look(), now + 400 * MS + LATE);
        // Somebody else took it.
        let later = now + 410 * MS;
        pulse.looked(later, 8, 0);
        assert_eq!(pulse.next_look(), later + ASLEEP);
        pulse.notified(later + MS);
        assert!(pulse.next_look() <= later + MS);
    }

    #[test]
    fn what_comes_due_long_after_is_found_by_the_slow_look() {
        let now = Instant::now();
        let pulse = sleeper(now, Some(Duration::from_secs(5)));
        assert_eq!(pulse.next_look(), now + LAST_LOOK + ASLEEP);
    }

    #[test]
    fn kinds_that_sleep_look_together() {
        let now = Instant::now();
        let pulse = sleeper(now, None);
        let slept = now + LAST_LOOK;
        assert!(!pulse.joins(slept + ASLEEP / 2 - MS));
        assert!(pulse.joins(slept + ASLEEP / 2));
    }
}
