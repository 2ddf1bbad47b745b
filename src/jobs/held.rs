//! What this process has taken from the queue and not ended.
//!
//! It bounds what is taken (no more of a kind than may run at once, so that nothing lies about here
//! while another process is idle), tells the queue what is in good hands, and says at a stop what
//! is to be given back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Jobs by their id.
#[derive(Debug, Default)]
pub(super) struct Held {
    jobs: Mutex<HashMap<String, Holding>>,
    /// Somebody who waits for a place may look again.
    ended: Notify,
}

#[derive(Debug)]
struct Holding {
    kind: &'static str,
    begun: bool,
}

impl Held {
    /// A job of a kind was taken; false if it is here already, and is not to be run twice at once.
    pub(super) fn add(&self, id: &str, kind: &'static str) -> bool {
        let mut jobs = self.jobs();
        if jobs.contains_key(id) {
            return false;
        }
        jobs.insert(id.to_owned(), Holding { kind, begun: false });
        true
    }

    /// Its attempt begins; false if it was given back meanwhile.
    pub(super) fn begin(&self, id: &str) -> bool {
        self.jobs().get_mut(id).is_some_and(|job| {
            job.begun = true;
            true
        })
    }

    /// Its attempt is over, and the outcome written if that could be.
    pub(super) fn end(&self, id: &str) {
        self.jobs().remove(id);
        self.ended.notify_one();
    }

    /// How many of a kind there are.
    pub(super) fn count(&self, kind: &str) -> usize {
        self.jobs().values().filter(|job| job.kind == kind).count()
    }

    /// All of them.
    pub(super) fn ids(&self) -> Vec<String> {
        self.jobs().keys().cloned().collect()
    }

    /// Those whose attempt has not begun; they are ours no more.
    pub(super) fn forget_unbegun(&self) -> Vec<String> {
        self.jobs().extract_if(|_, job| !job.begun).map(|(id, _)| id).collect()
    }

    /// Returns once an attempt has ended since the last call.
    pub(super) async fn one_ended(&self) {
        self.ended.notified().await;
    }

    /// What is behind the lock is whole at every moment.
    fn jobs(&self) -> MutexGuard<'_, HashMap<String, Holding>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_held_once_and_counts_for_its_kind_until_it_ends() {
        let held = Held::default();
        assert!(held.add("a", "bake_bread") && held.add("b", "wash_up"));
        assert!(!held.add("a", "bake_bread"));
        assert_eq!((held.count("bake_bread"), held.ids().len()), (1, 2));
        held.end("a");
        assert_eq!((held.count("bake_bread"), held.ids().len()), (0, 1));
    }

    #[test]
    fn what_was_given_back_does_not_begin_and_what_has_begun_is_not_given_back() {
        let held = Held::default();
        assert!(held.add("begun", "bake_bread") && held.add("waits", "bake_bread"));
        assert!(held.begin("begun"));
        assert_eq!(held.forget_unbegun(), ["waits"]);
        assert!(!held.begin("waits"));
        assert_eq!(held.ids(), ["begun"]);
    }

    #[tokio::test]
    async fn an_end_that_nobody_waited_for_is_told_to_the_next_who_does() {
        let held = Held::default();
        assert!(held.add("a", "bake_bread"));
        held.end("a");
        held.one_ended().await;
    }
}
