//! The five states and what each remembers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::visit::{Line, Wanted};
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

    /// Whether nothing is being booked.
    pub(super) const fn is_settled(&self) -> bool {
        match self {
            Self::Greeting | Self::Completed(_) => true,
            Self::ServiceSelection(_) | Self::DateTime(_) | Self::Confirmation(_) => false,
        }
    }

    /// Whether the list of services is out.
    pub(super) const fn asks_service(&self) -> bool {
        self.selection().is_some()
    }

    /// Whether times are offered, or the day is asked for.
    pub(super) const fn asks_when(&self) -> bool {
        self.searched().is_some()
    }

    pub(super) const fn selection(&self) -> Option<&ServiceSelection> {
        match self {
            Self::ServiceSelection(selection) => Some(selection),
            Self::Greeting | Self::DateTime(_) | Self::Confirmation(_) | Self::Completed(_) => None,
        }
    }

    /// What times are looked for.
    pub(super) const fn searched(&self) -> Option<&Plan> {
        match self {
            Self::DateTime(plan) => Some(plan),
            Self::Greeting
            | Self::ServiceSelection(_)
            | Self::Confirmation(_)
            | Self::Completed(_) => None,
        }
    }

    /// The time that is asked about.
    pub(super) const fn asked(&self) -> Option<&Confirmation> {
        match self {
            Self::Confirmation(asked) => Some(asked),
            Self::Greeting | Self::ServiceSelection(_) | Self::DateTime(_) | Self::Completed(_) => {
                None
            }
        }
    }
}

/// The list of services is out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSelection {
    /// What was said about when before the service was known, read once it is.
    pub when: Option<String>,
    /// Services of the same visit that are clear already, in the customer's order; the one asked
    /// about comes between them, …
    pub beside: Vec<Uuid>,
    /// … after this many of them.
    pub place: usize,
}

/// What is to be booked is chosen, a time is looked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredPlan")]
pub struct Plan {
    /// The services of the visit in the customer's order, at least one.
    pub services: Vec<Wanted>,
    pub wish: Wish,
    /// The moment around which times are offered, where the wish itself could not be had.
    pub near: Option<DateTime<Utc>>,
    /// Starts offered since the wish last changed, so that "more" shows others.
    pub shown: Vec<DateTime<Utc>>,
    /// The visits of several services in the last menu, in its order.
    pub offered: Vec<Vec<Line>>,
    /// The first booking of the visit that is to move; none: a new one is made.
    pub moving: Option<Uuid>,
    /// Services that could not follow in a row: each is looked for when this visit is booked.
    pub then: Vec<Wanted>,
    /// What was booked just before, of the same request: this visit is apart from it, and it is
    /// gone on from should it be refused after all.
    pub earlier: Option<Box<Confirmation>>,
    /// A price was told last: "and a haircut?" asks for another one.
    pub priced: bool,
}

impl Plan {
    /// A visit of one service, with anybody.
    pub fn of(service_id: Uuid) -> Self {
        Self::with(service_id, None)
    }

    /// A visit of one service, with the member of staff wished.
    pub fn with(service_id: Uuid, staff_id: Option<Uuid>) -> Self {
        Self { services: vec![Wanted { service_id, staff_id }], ..Self::default() }
    }

    /// A visit of several services, with anybody.
    pub fn of_all(services: &[Uuid]) -> Self {
        let wanted = |service_id: &Uuid| Wanted { service_id: *service_id, staff_id: None };
        Self { services: services.iter().map(wanted).collect(), ..Self::default() }
    }

    /// Whether there is more than one service.
    pub fn is_of_several(&self) -> bool {
        self.services.len() > 1
    }

    pub fn has_service(&self, id: Uuid) -> bool {
        self.services.iter().any(|wanted| wanted.service_id == id)
    }

    /// Whom the customer wishes for the one service there is.
    pub fn staff_id(&self) -> Option<Uuid> {
        match self.services.as_slice() {
            [one] => one.staff_id,
            _ => None,
        }
    }
}

/// A plan as it lies in the database; earlier releases knew one service.
#[derive(Deserialize)]
struct StoredPlan {
    #[serde(default)]
    services: Vec<Wanted>,
    service_id: Option<Uuid>,
    staff_id: Option<Uuid>,
    #[serde(default)]
    wish: Wish,
    near: Option<DateTime<Utc>>,
    #[serde(default)]
    shown: Vec<DateTime<Utc>>,
    #[serde(default)]
    offered: Vec<Vec<Line>>,
    moving: Option<Uuid>,
    #[serde(default)]
    then: Vec<Wanted>,
    earlier: Option<Box<Confirmation>>,
    #[serde(default)]
    priced: bool,
}

impl From<StoredPlan> for Plan {
    fn from(stored: StoredPlan) -> Self {
        let StoredPlan {
            mut services,
            service_id,
            staff_id,
            wish,
            near,
            shown,
            offered,
            moving,
            then,
            earlier,
            priced,
        } = stored;
        if let (true, Some(service_id)) = (services.is_empty(), service_id) {
            services.push(Wanted { service_id, staff_id });
        }
        Self { services, wish, near, shown, offered, moving, then, earlier, priced }
    }
}

/// One exact time is asked about: held for a new visit, merely proposed for a move.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredConfirmation")]
pub struct Confirmation {
    /// The visit, in the order of the plan's services.
    pub lines: Vec<Line>,
    /// How the customer came here, to go on from when the time is not the one.
    pub plan: Plan,
}

impl Confirmation {
    /// When the visit begins.
    pub fn starts_at(&self) -> DateTime<Utc> {
        self.lines.first().map_or(DateTime::UNIX_EPOCH, |line| line.starts_at)
    }
}

/// A confirmation as it lies in the database; earlier releases knew one service.
#[derive(Deserialize)]
struct StoredConfirmation {
    #[serde(default)]
    lines: Vec<Line>,
    staff_id: Option<Uuid>,
    starts_at: Option<DateTime<Utc>>,
    #[serde(default)]
    plan: Plan,
}

impl From<StoredConfirmation> for Confirmation {
    fn from(stored: StoredConfirmation) -> Self {
        let StoredConfirmation { mut lines, plan, .. } = stored;
        if let (true, Some(staff_id), Some(starts_at), Some(wanted)) =
            (lines.is_empty(), stored.staff_id, stored.starts_at, plan.services.first())
        {
            lines.push(Line { service_id: wanted.service_id, staff_id, starts_at });
        }
        Self { lines, plan }
    }
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
