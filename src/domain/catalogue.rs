//! What a tenant offers and when: the part of the database a decision may look at.
//!
//! The JSON form is what the SQL function `app.catalogue()` returns.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::conversation::Texts;
use crate::domain::locale::Locale;

/// Everything of one tenant that a step may ask about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    pub tenant: Tenant,
    /// Services on offer, in menu order.
    pub services: Vec<Service>,
    /// Staff at work, in menu order.
    pub staff: Vec<Staff>,
    /// Days on which nobody works, whatever the hours say. Local dates.
    pub closures: Vec<NaiveDate>,
    /// What customers read, the tenant's own texts in the places of ours.
    #[serde(default)]
    pub texts: Texts,
    #[serde(default)]
    pub features: Features,
}

/// What is switched on for a tenant (`app.feature_flags`), as far as a step looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Features {
    /// Customers may book, move and cancel by chat.
    pub whatsapp_booking: bool,
    /// A model may be asked about words that are not understood.
    pub llm: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self { whatsapp_booking: true, llm: false }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    pub id: Uuid,
    pub slug: String,
    pub name: String,
    pub locale: Locale,
    pub timezone: Tz,
    /// ISO 4217, such as `BRL`.
    pub currency: String,
    pub address: Option<String>,
    pub rules: BookingRules,
    pub hours: WeekHours,
}

/// How a tenant takes bookings. All are lengths of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BookingRules {
    /// Slots start on multiples of this, counted from each opening.
    #[serde(with = "seconds")]
    pub slot_interval: TimeDelta,
    /// The soonest start, counted from now.
    #[serde(with = "seconds")]
    pub min_notice: TimeDelta,
    /// The latest start, counted from now.
    #[serde(with = "seconds")]
    pub horizon: TimeDelta,
    /// How long an unconfirmed time is kept.
    #[serde(with = "seconds")]
    pub hold: TimeDelta,
    /// Until when before the start a customer may cancel or move by themselves.
    #[serde(with = "seconds")]
    pub cancel_notice: TimeDelta,
    /// Reminders before the start, longest first.
    #[serde(with = "seconds_list")]
    pub reminders: Vec<TimeDelta>,
}

/// Opening times of a week, local wall-clock time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WeekHours {
    /// In any order; several a day are the parts around a break.
    pub openings: Vec<Opening>,
}

/// One stretch of opening time, `[opens, closes)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// ISO weekday: 1 is Monday, 7 Sunday.
    pub weekday: u8,
    /// Minutes after local midnight, 0 to 1439.
    pub opens: u16,
    /// Minutes after local midnight, 1 to 1440 (`24:00`).
    pub closes: u16,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    pub id: Uuid,
    /// The tenant's stable name for it, such as `corte`.
    pub key: String,
    /// What customers read, such as `Corte`.
    pub name: String,
    /// Other words customers use for it.
    pub synonyms: Vec<String>,
    #[serde(with = "seconds")]
    pub duration: TimeDelta,
    #[serde(with = "seconds")]
    pub buffer_before: TimeDelta,
    #[serde(with = "seconds")]
    pub buffer_after: TimeDelta,
    /// In hundredths of the tenant's currency, whatever its usual decimals; none: not told.
    pub price: Option<i64>,
    /// Customers at once with one member of staff, at least 1.
    pub capacity: u16,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Staff {
    pub id: Uuid,
    pub key: String,
    pub name: String,
    /// Ids of the services they do.
    pub services: Vec<Uuid>,
    /// Their own hours; none: the tenant's.
    pub hours: Option<WeekHours>,
    /// When they are away.
    pub time_off: Vec<Span>,
}

/// A half-open stretch of time, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

/// Time of a member of staff that bookings take, buffers included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    pub staff_id: Uuid,
    /// Which service takes it: only bookings of the same service may share a time, up to its capacity.
    pub service_id: Uuid,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

/// A booking as the conversation sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Booking {
    pub id: Uuid,
    pub service_id: Uuid,
    pub staff_id: Uuid,
    /// Names at the time of reading, also of what is retired since.
    pub service_name: String,
    pub staff_name: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub status: Status,
    pub hold_expires_at: Option<DateTime<Utc>>,
    /// What the customer may name it by, such as `K7F29`.
    pub code: String,
    pub revision: i32,
    /// In hundredths of the tenant's currency.
    pub price: Option<i64>,
    /// Bookings of one visit share it, and the code.
    #[serde(default)]
    pub visit_id: Uuid,
    #[serde(default)]
    pub cancelled_at: Option<DateTime<Utc>>,
    /// Who called it off; none: nobody has.
    #[serde(default)]
    pub cancelled_by: Option<CancelledBy>,
}

/// Who called a booking off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// In the conversation.
    Customer,
    /// The tenant's people, by whatever way.
    Staff,
    /// Nobody: it was held and not confirmed in time.
    Expiry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Held,
    Confirmed,
    Arrived,
    Completed,
    Cancelled,
    NoShow,
}

impl Catalogue {
    pub fn service(&self, id: Uuid) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    pub fn member(&self, id: Uuid) -> Option<&Staff> {
        self.staff.iter().find(|member| member.id == id)
    }
}

/// A [`TimeDelta`] as whole seconds.
pub(crate) mod seconds {
    use chrono::TimeDelta;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(
        delta: &TimeDelta,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        delta.num_seconds().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TimeDelta, D::Error> {
        TimeDelta::try_seconds(i64::deserialize(deserializer)?)
            .ok_or_else(|| D::Error::custom("that many seconds do not fit"))
    }
}

/// A list of [`TimeDelta`]s as whole seconds.
mod seconds_list {
    use chrono::TimeDelta;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        deltas: &[TimeDelta],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(deltas.iter().map(TimeDelta::num_seconds))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<TimeDelta>, D::Error> {
        Vec::<i64>::deserialize(deserializer)?
            .into_iter()
            .map(|s| TimeDelta::try_seconds(s).ok_or_else(|| D::Error::custom("too many seconds")))
            .collect()
    }
}
