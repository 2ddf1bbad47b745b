//! The five states and what each remembers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::wish::Wish;

/// Where a conversation is. [`State::name`] is what `conversations.state` holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Nothing is open: the first message, or the one after everything was settled.
    #[default]
    Greeting,
    ServiceSelection(ServiceSelection),
    DateTime(Plan),
    Confirmation(Confirmation),
    Completed(Completed),
}

impl State {
    /// The contract's name of the state.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::ServiceSelection(_) => "service_selection",
            Self::DateTime(_) => "date_time",
            Self::Confirmation(_) => "confirmation",
            Self::Completed(_) => "completed",
        }
    }
}

/// The list of services is out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSelection {
    /// What was said about when before the service was known, read once it is.
    pub when: Option<String>,
}

/// A service is chosen, a time is looked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    pub service_id: Uuid,
    /// Whom the customer wishes; none: anybody.
    pub staff_id: Option<Uuid>,
    pub wish: Wish,
    /// The moment around which times are offered, where the wish itself could not be had.
    pub near: Option<DateTime<Utc>>,
    /// Starts offered since the wish last changed, so that "more" shows others.
    pub shown: Vec<DateTime<Utc>>,
    /// The booking that is to move; none: a new one is made.
    pub moving: Option<Uuid>,
}

/// One exact time is asked about: held for a new booking, merely proposed for a move.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Confirmation {
    pub staff_id: Uuid,
    pub starts_at: DateTime<Utc>,
    /// How the customer came here, to go on from when the time is not the one.
    pub plan: Plan,
}

/// A booking was made, changed, cancelled or looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Completed {
    /// The booking last spoken of.
    pub booking_id: Option<Uuid>,
    /// What was said about when, should the customer go on to change or book.
    pub when: Option<String>,
    /// What was just agreed to, to go on from should it be refused after all.
    pub settled: Option<Confirmation>,
}
