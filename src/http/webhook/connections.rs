//! Connection states, of which a reconnecting gateway may tell a thousand in a second: a few writes a
//! second an instance, and of those that wait for one the last speaks for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Unkept;
use crate::channel::whatsapp::status::InstanceState;
use crate::db::inbox::Received;

/// Between the end of one write of an instance and the next one; a first one does not wait.
const GAP: Duration = Duration::from_millis(100);

/// What became of a state; of one failure all learn who waited for it.
type Outcome = Result<Received, Unkept>;

/// The instances whose state is being written, or was a moment ago.
#[derive(Clone, Default)]
pub(super) struct Connections(Arc<Mutex<HashMap<String, Arc<Slot>>>>);

#[derive(Default)]
struct Slot {
    told: Mutex<Told>,
    written: tokio::sync::Mutex<Written>,
}

/// The last state told, and how many were.
#[derive(Default)]
struct Told {
    count: u64,
    state: Option<InstanceState>,
    /// The next write is not to begin before.
    quiet_until: Option<Instant>,
}

/// How many of those told the last write stood for.
#[derive(Default)]
struct Written {
    count: u64,
    outcome: Option<Outcome>,
}

impl Connections {
    /// Has a state written, or a later one of the same instance that was told meanwhile; returns
    /// when it is.
    pub(super) async fn tell<F>(
        &self,
        instance: &str,
        state: InstanceState,
        write: impl FnOnce(InstanceState) -> F,
    ) -> Outcome
    where
        F: Future<Output = Outcome>,
    {
        let slot = self.slot(instance);
        let mine = {
            let mut told = locked(&slot.told);
            (told.count, told.state) = (told.count + 1, Some(state));
            told.count
        };
        let mut written = slot.written.lock().await;
        let outcome = match &written.outcome {
            Some(outcome) if written.count >= mine => outcome.clone(),
            _ => {
                let quiet_until = locked(&slot.told).quiet_until;
                if let Some(until) = quiet_until {
                    tokio::time::sleep_until(until).await;
                }
                let (count, latest) = {
                    let told = locked(&slot.told);
                    (told.count, told.state.unwrap_or(state))
                };
                let outcome = write(latest).await;
                *written = Written { count, outcome: Some(outcome.clone()) };
                locked(&slot.told).quiet_until = Some(Instant::now() + GAP);
                outcome
            }
        };
        drop(written);
        outcome
    }

    /// The slot of an instance. Those that nobody waits for any more are forgotten meanwhile.
    fn slot(&self, instance: &str) -> Arc<Slot> {
        let (mut slots, now) = (locked(&self.0), Instant::now());
        slots.retain(|_, slot| {
            Arc::strong_count(slot) > 1 || locked(&slot.told).quiet_until.is_some_and(|at| at > now)
        });
        Arc::clone(slots.entry(instance.to_owned()).or_default())
    }
}

/// What is behind the locks is whole at every moment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_flood_the_first_and_the_last_state_are_written_and_then_there_is_quiet() {
        let connections = Connections::default();
        let writes = Mutex::new(Vec::new());
        let states = (0..999).map(|i| match i % 2 {
            0 => InstanceState::Connecting,
            _ => InstanceState::Close,
        });
        let (connections, written) = (&connections, &writes);
        let write = |state| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            locked(written).push(state);
            Ok(Received::Noted)
        };
        let told =
            states.chain([InstanceState::Open]).map(|state| connections.tell("a", state, write));
        let outcomes = futures::future::join_all(told).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(Received::Noted))));
        assert_eq!(*locked(&writes), [InstanceState::Connecting, InstanceState::Open]);
        // Soon after, one waits for its time; later the table knows of those alone who come.
        let began = Instant::now();
        connections.tell("a", InstanceState::Close, write).await.unwrap();
        assert_eq!(locked(&writes).len(), 3);
        assert!(began.elapsed() > GAP / 2, "{:?}", began.elapsed());
        tokio::time::sleep(GAP * 2).await;
        connections.tell("b", InstanceState::Open, write).await.unwrap();
        assert_eq!(locked(&connections.0).keys().collect::<Vec<_>>(), ["b"]);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_who_waited_for_it_and_tried_anew_by_the_next() {
        let connections = Connections::default();
        let told = (0..10).map(|_| {
            connections.tell("a", InstanceState::Open, |_| async {
                tokio::task::yield_now().await;
                Err(Unkept::Crowded)
            })
        });
        assert!(futures::future::join_all(told).await.iter().all(Result::is_err));
        let next = connections.tell("a", InstanceState::Open, |_| async { Ok(Received::Noted) });
        assert!(next.await.is_ok());
    }

    #[tokio::test]
    async fn instances_do_not_wait_for_each_other() {
        let connections = Connections::default();
        let hangs = connections.tell("a", InstanceState::Open, |_| std::future::pending());
        let goes = connections.tell("b", InstanceState::Open, |_| async { Ok(Received::Noted) });
        tokio::select! {
            biased;
            _ = hangs => panic!("it hangs"),
            outcome = goes => assert!(outcome.is_ok()),
        }
    }
}
