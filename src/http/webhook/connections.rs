//! Connection states, of which a reconnecting gateway may tell a thousand in a second: one write an
//! instance at a time, and of those that wait for it the last one speaks for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::channel::whatsapp::status::InstanceState;
use crate::db::inbox::Received;

/// What became of a state; of one failure all learn who waited for it.
type Outcome = Result<Received, Arc<sqlx::Error>>;

/// The instances whose state is being written; empty while none is.
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
        F: Future<Output = sqlx::Result<Received>>,
    {
        let slot = Arc::clone(locked(&self.0).entry(instance.to_owned()).or_default());
        let mine = {
            let mut told = locked(&slot.told);
            *told = Told { count: told.count + 1, state: Some(state) };
            told.count
        };
        let mut written = slot.written.lock().await;
        let outcome = match &written.outcome {
            Some(outcome) if written.count >= mine => outcome.clone(),
            _ => {
                let (count, latest) = {
                    let told = locked(&slot.told);
                    (told.count, told.state.unwrap_or(state))
                };
                let outcome = write(latest).await.map_err(Arc::new);
                *written = Written { count, outcome: Some(outcome.clone()) };
                outcome
            }
        };
        drop(written);
        let mut slots = locked(&self.0);
        // The table's and ours: nobody else waits, and whoever comes starts anew.
        if Arc::strong_count(&slot) == 2 {
            slots.remove(instance);
        }
        outcome
    }
}

/// What is behind the locks is whole at every moment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn of_a_flood_the_first_and_the_last_state_are_written() {
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
        assert_eq!(writes.into_inner().unwrap(), [InstanceState::Connecting, InstanceState::Open]);
        assert!(locked(&connections.0).is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_who_waited_for_it_and_tried_anew_by_the_next() {
        let connections = Connections::default();
        let told = (0..10).map(|_| {
            connections.tell("a", InstanceState::Open, |_| async {
                tokio::task::yield_now().await;
                Err(sqlx::Error::PoolTimedOut)
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
