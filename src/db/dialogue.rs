//! Where dialogues are kept between turns.
//!
//! The row of the conversation is true, and a turn writes it in its own transaction, with the journal
//! of turns: whatever becomes of a store, nobody's place is lost. A [`DialogueStore`] may keep a copy
//! beside it. A turn asks for the copy before its transaction begins, tells the copy's hash, and the
//! database leaves the dialogue out of its answer only if the row holds just that. A copy that is
//! lost, old, damaged or forged, or from before a change made by plain SQL, is therefore thrown away,
//! never believed; and the copy is renewed after the commit.

mod breaker;
mod canonical;
mod memory;
mod redis;

use std::fmt::{self, Write as _};
use std::sync::Arc;

use futures::future::{BoxFuture, ready};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use self::memory::MemoryStore;
pub use self::redis::{BadAddress, RedisStore};
use crate::metrics;

/// Whose dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DialogueKey {
    pub tenant: Uuid,
    pub conversation: Uuid,
}

/// A dialogue as a row held it after some turn, or what somebody says was one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// As Postgres would write it.
    text: String,
    hash: String,
}

impl Kept {
    /// What a turn has saved.
    pub fn of(context: &Value) -> Self {
        Self::read(canonical::text(context))
    }

    /// What a store gives back. It may be anything: its hash tells.
    pub(crate) fn read(text: String) -> Self {
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            // Writing to a string does not fail.
            let _ = write!(hash, "{byte:02x}");
        }
        Self { text, hash }
    }

    /// What the row knows it by, if it holds just this: `app.context_hash`.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    pub(super) fn context(&self) -> serde_json::Result<Value> {
        serde_json::from_str(&self.text)
    }
}

/// Keeps copies of dialogues. Nothing it does fails: what it cannot do, is not done.
pub trait DialogueStore: fmt::Debug + Send + Sync {
    /// The copy, if one is to be had within a moment.
    fn recall(&self, key: DialogueKey) -> BoxFuture<'_, Option<Kept>>;

    /// Keeps a copy in place of an earlier one. Called after the commit.
    fn keep(&self, key: DialogueKey, kept: Kept) -> BoxFuture<'_, ()>;

    /// Whether it is worth telling it what a turn saved.
    fn keeps_copies(&self) -> bool {
        true
    }
}

/// The row and nothing beside it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostgresStore;

impl DialogueStore for PostgresStore {
    fn recall(&self, _: DialogueKey) -> BoxFuture<'_, Option<Kept>> {
        Box::pin(ready(None))
    }

    fn keep(&self, _: DialogueKey, _: Kept) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }

    fn keeps_copies(&self) -> bool {
        false
    }
}

/// The store of this process.
#[derive(Debug, Clone)]
pub struct Dialogues(Arc<dyn DialogueStore>);

impl Dialogues {
    pub fn new(store: impl DialogueStore + 'static) -> Self {
        Self(Arc::new(store))
    }

    /// What is remembered of a dialogue; outside of any transaction, since it may go over a network.
    pub async fn recall(&self, key: DialogueKey) -> Option<Kept> {
        self.0.recall(key).await
    }

    /// Remembers what a turn has committed.
    pub async fn keep(&self, key: DialogueKey, kept: Kept) {
        self.0.keep(key, kept).await;
    }

    pub fn keeps_copies(&self) -> bool {
        self.0.keeps_copies()
    }

    /// A turn was loaded: by the copy, or in spite of it, or without.
    pub(super) fn was_asked(&self, had_copy: bool, was_right: bool) {
        if self.0.keeps_copies() {
            metrics::dialogue_asked(match (had_copy, was_right) {
                (true, true) => "copy",
                (true, false) => "stale",
                (false, _) => "missing",
            });
        }
    }
}

impl Default for Dialogues {
    fn default() -> Self {
        Self::new(PostgresStore)
    }
}
