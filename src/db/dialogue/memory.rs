//! Copies in this process: for tests and the simulator, or where one worker does all.

use std::time::Duration;

use futures::future::{BoxFuture, ready};
use moka::sync::Cache;

use super::{DialogueKey, DialogueStore, Kept};

/// How many dialogues are kept at most; the ones not spoken in for longest go first.
const MOST: u64 = 10_000;

/// Copies of dialogues in memory.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    cache: Cache<DialogueKey, Kept>,
}

impl MemoryStore {
    /// Copies that nobody renews are gone after `lifetime`.
    pub fn new(lifetime: Duration) -> Self {
        Self { cache: Cache::builder().max_capacity(MOST).time_to_live(lifetime).build() }
    }
}

impl DialogueStore for MemoryStore {
    fn recall(&self, key: DialogueKey) -> BoxFuture<'_, Option<Kept>> {
        Box::pin(ready(self.cache.get(&key)))
    }

    fn keep(&self, key: DialogueKey, kept: Kept) -> BoxFuture<'_, ()> {
        self.cache.insert(key, kept);
        Box::pin(ready(()))
    }
}
