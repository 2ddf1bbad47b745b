//! What a key may do.

use std::fmt;
use std::str::FromStr;

/// A part of the API that a key may be limited to. None contains another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To look: catalogue, free times, bookings, conversations.
    Read,
    /// What customers and the front desk do: book, change, write, take over.
    Write,
    /// What changes how the tenant runs: addresses of calendar feeds, instances.
    Operate,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Operate];

    /// As commands, the database and the API's description have it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Operate => "operate",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is read, write or operate")]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}
