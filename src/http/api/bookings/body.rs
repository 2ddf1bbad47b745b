//! Bookings as JSON.

use chrono::{DateTime, FixedOffset, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::bookings;
use crate::http::api::catalogue::Named;

/// Every status there is.
pub(in crate::http::api) const STATUSES: &[&str] =
    &["held", "confirmed", "arrived", "completed", "cancelled", "no_show"];

/// One customer with one member of staff for one service.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::api) struct Booking {
    id: Uuid,
    /// What the customer may name it by. The bookings of a visit share it.
    #[schema(example = "K7F2A", pattern = "^[2-9A-HJKMNP-Z]{5}([2-9A-HJKMNP-Z]{2})?$")]
    code: String,
    /// Bookings of one visit share it; of a single booking it is the booking's own id.
    visit_id: Uuid,
    #[schema(value_type = Status)]
    status: String,
    service: Named,
    staff: Named,
    /// With the tenant's local offset, as all times here.
    #[schema(example = "2026-03-12T15:00:00-03:00")]
    starts_at: DateTime<FixedOffset>,
    #[schema(example = "2026-03-12T15:45:00-03:00")]
    ends_at: DateTime<FixedOffset>,
    customer: Customer,
    /// As told when it was made, a decimal number; null: not told.
    #[schema(example = "80.00", pattern = r"^\d+\.\d\d$")]
    price: Option<String>,
    /// ISO 4217.
    #[schema(example = "BRL")]
    currency: String,
    /// From 1; rises with each change of time or staff.
    #[schema(example = 1, minimum = 1)]
    revision: i32,
    /// Until when a held time is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hold_expires_at: Option<DateTime<FixedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cancel_reason: Option<String>,
    /// Why it was cancelled or moved inside the tenant's cancellation notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    override_reason: Option<String>,
    created_at: DateTime<FixedOffset>,
}

/// Where a booking stands.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the database has")]
pub(in crate::http::api) enum Status {
    Held,
    Confirmed,
    Arrived,
    Completed,
    Cancelled,
    NoShow,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http::api) struct Customer {
    id: Uuid,
    /// E.164; null: a customer whose number is not known.
    #[schema(example = "+5511988887777")]
    phone: Option<String>,
    #[schema(example = "Marina")]
    name: Option<String>,
}

/// Bookings of one customer that follow each other, taken and moved as one.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::api) struct Visit {
    id: Uuid,
    #[schema(example = "K7F2A")]
    code: String,
    /// The start of the first booking that is not cancelled; of the first one if all are.
    starts_at: DateTime<FixedOffset>,
    ends_at: DateTime<FixedOffset>,
    customer: Customer,
    /// By start.
    bookings: Vec<Booking>,
}

/// A page of bookings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BookingList {
    /// By start, then by id.
    pub(super) bookings: Vec<Booking>,
    /// `cursor` of the next page; null: this is the last one.
    pub(super) next_cursor: Option<String>,
}

impl From<&bookings::Booking> for Booking {
    fn from(booking: &bookings::Booking) -> Self {
        let local = |moment: DateTime<Utc>| moment.with_timezone(&booking.zone()).fixed_offset();
        Self {
            id: booking.id,
            code: booking.code.clone(),
            visit_id: booking.visit_id,
            status: booking.status.clone(),
            service: Named { key: booking.service_key.clone(), name: booking.service_name.clone() },
            staff: Named { key: booking.staff_key.clone(), name: booking.staff_name.clone() },
            starts_at: local(booking.starts_at),
            ends_at: local(booking.ends_at),
            customer: booking.into(),
            price: booking.price.clone(),
            currency: booking.currency.clone(),
            revision: booking.revision,
            hold_expires_at: booking
                .hold_expires_at
                .filter(|_| booking.status == "held")
                .map(local),
            cancel_reason: booking.cancel_reason.clone(),
            override_reason: booking.override_reason.clone(),
            created_at: local(booking.created_at),
        }
    }
}

impl From<&bookings::Booking> for Customer {
    fn from(booking: &bookings::Booking) -> Self {
        Self {
            id: booking.customer_id,
            phone: booking.customer_phone.clone(),
            name: booking.customer_name.clone(),
        }
    }
}

impl Visit {
    /// None of no bookings.
    pub(in crate::http::api) fn of(lines: &[bookings::Booking]) -> Option<Self> {
        let stands = |booking: &&bookings::Booking| booking.status != "cancelled";
        let standing: Vec<_> = lines.iter().filter(stands).collect();
        let counted = if standing.is_empty() { lines.iter().collect() } else { standing };
        let first = counted.iter().min_by_key(|booking| booking.starts_at)?;
        let last = counted.iter().max_by_key(|booking| booking.ends_at)?;
        let local = |moment: DateTime<Utc>| moment.with_timezone(&first.zone()).fixed_offset();
        Some(Self {
            id: first.visit_id,
            code: first.code.clone(),
            starts_at: local(first.starts_at),
            ends_at: local(last.ends_at),
            customer: (*first).into(),
            bookings: lines.iter().map(Into::into).collect(),
        })
    }
}

/// Names a version of a booking: any change of its row gives another.
pub(in crate::http::api) fn etag(booking: &bookings::Booking) -> String {
    format!("\"{}-{:x}\"", booking.revision, booking.updated_at.timestamp_micros())
}
