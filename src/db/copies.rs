//! What a process remembers of what is in the database, so that a turn need not load it again.
//!
//! Nothing here is believed: a turn names what it remembers, and the database, in the turn's
//! transaction, leaves out of its answer only what is equal to it (`app.begin_turn`). So a copy that
//! is old, lost or wrong costs time and changes nothing.

use super::catalogues::Catalogues;
use super::dialogue::Dialogues;

/// Copies of this process. By default catalogues are remembered, and dialogues are in Postgres alone.
#[derive(Debug, Clone, Default)]
pub struct Copies {
    pub catalogues: Catalogues,
    pub dialogues: Dialogues,
}
