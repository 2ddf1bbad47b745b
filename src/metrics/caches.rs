//! What this process remembers instead of loading it, and how often it may.

use metrics::{counter, gauge};

use super::catalogue::{CATALOGUES, CATALOGUES_BYTES, CATALOGUES_REMEMBERED, DIALOGUES};

/// A turn needed its catalogue: `remembered` or `loaded`.
pub fn catalogue_asked(source: &'static str) {
    counter!(CATALOGUES, "source" => source).increment(1);
}

/// How many catalogues are remembered, and about how many bytes they take.
pub fn catalogues_remembered(entries: u64, bytes: u64) {
    gauge!(CATALOGUES_REMEMBERED).set(super::count(entries));
    gauge!(CATALOGUES_BYTES).set(super::count(bytes));
}

/// A turn needed its dialogue, where copies are kept: the `copy` was right, it was `stale`, or it was
/// `missing`.
pub fn dialogue_asked(outcome: &'static str) {
    counter!(DIALOGUES, "outcome" => outcome).increment(1);
}
