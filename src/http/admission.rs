//! How many requests are at work at once, and how many wait for that: no more than the database
//! takes, and no more than memory holds.
//!
//! A database that is slow makes requests pile up. So each part of the server has its own share of
//! the connections, a bounded number of places to wait for it, and a limit for the wait; whoever
//! finds no place, or waits for too long, is asked to come back. A sender that is told so keeps the
//! message; one whose request hangs, or that meets a process out of memory, may lose it. The
//! alternative that lost, to let all wait for a connection: thousands of bodies in memory, and an API
//! client that asks for much in front of every webhook.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bodies are counted in these.
const KIB: usize = 1024;

/// The bounds of one part of the server.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    kib: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    /// How long a request waits for its turn.
    patience: Duration,
}

/// How much a part of the server takes at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Requests that are read, wait or are at work.
    pub(super) places: usize,
    /// What their bodies may hold together, in bytes.
    pub(super) bytes: usize,
    /// Requests that are at work: each may hold a connection to the database.
    pub(super) turns: usize,
    pub(super) patience: Duration,
}

/// Too many are here, or it took too long until a turn came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crowded;

/// A place, as long as it lives.
#[derive(Debug)]
pub(super) struct Place {
    turns: Arc<Semaphore>,
    patience: Duration,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Admission {
    pub(super) fn new(bounds: Bounds) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.max(1)));
        Self {
            places: semaphore(bounds.places),
            kib: semaphore(bounds.bytes / KIB),
            turns: semaphore(bounds.turns),
            patience: bounds.patience,
        }
    }

    /// A place for a request with a body of so many bytes; never waits.
    pub(super) fn enter(&self, bytes: usize) -> Result<Place, Crowded> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Crowded)?;
        let kib = Arc::clone(&self.kib).try_acquire_many_owned(kib).map_err(|_| Crowded)?;
        Ok(Place {
            turns: Arc::clone(&self.turns),
            patience: self.patience,
            _permits: [place, kib],
        })
    }
}

impl Place {
    /// Waits for a turn: those who came first go first. It lasts as long as what is returned.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, Crowded> {
        match tokio::time::timeout(self.patience, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Crowded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        let patience = Duration::from_millis(20);
        Admission::new(Bounds { places: 3, bytes: 4 * KIB, turns: 1, patience })
    }

    #[tokio::test]
    async fn one_is_at_work_others_wait_and_those_without_a_place_are_sent_away_at_once() {
        let admission = admission();
        let [first, second, third] = [(); 3].map(|()| admission.enter(1).unwrap());
        assert_eq!(admission.enter(1).unwrap_err(), Crowded);
        let turn = first.turn().await.unwrap();
        assert_eq!(second.turn().await.unwrap_err(), Crowded, "after its patience");
        let waits = third.turn();
        drop(turn);
        drop(waits.await.unwrap());
        drop((first, second, third));
        assert!(admission.enter(1).is_ok());
    }

    #[test]
    fn large_bodies_are_fewer_at_once() {
        let admission = admission();
        let large = admission.enter(3 * KIB + 1).unwrap();
        assert_eq!(admission.enter(1).unwrap_err(), Crowded);
        drop(large);
        let small = admission.enter(0).unwrap();
        assert!(admission.enter(4 * KIB).is_ok());
        drop(small);
    }
}
