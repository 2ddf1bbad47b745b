//! Messages that no turn of a conversation asked for, written at the moment they are sent.
//!
//! They are rendered late so that what they say of "tomorrow" is true whenever they leave, and in
//! the language the customer writes in by then.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::catalogue::{Booking, Catalogue, seconds};
use crate::domain::conversation::Customer;
use crate::domain::conversation::format::{Format, capitalized};
use crate::domain::conversation::phrases::Phrases;

#[cfg(test)]
mod tests;

/// What a customer is told without having asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// The visit comes closer.
    Reminder {
        /// How long before the visit it was planned for.
        #[serde(with = "seconds")]
        before: TimeDelta,
    },
    /// Staff made or confirmed the booking.
    Confirmed,
    MovedByStaff,
    CancelledByStaff,
}

/// The text of a notice about `booking` as it is now, one message of at most 4,096 characters.
///
/// `now` is when it leaves: "tomorrow" is counted from it, in the tenant's zone.
pub fn render(
    notice: Notice,
    booking: &Booking,
    catalogue: &Catalogue,
    customer: &Customer,
    now: DateTime<Utc>,
) -> String {
    let tenant = &catalogue.tenant;
    let locale = customer.locale.unwrap_or(tenant.locale);
    let format = Format::new(locale);
    let phrases = catalogue.texts.phrases(locale.language());
    let start = booking.starts_at.with_timezone(&tenant.timezone).naive_local();
    let (day, time) = (format.day(start.date()), format.time(start.time()));
    let at = format.at(start.time());
    let text = match notice {
        Notice::Reminder { before } => {
            let today = now.with_timezone(&tenant.timezone).date_naive();
            let what = phrases.service_with(&booking.service_name, &booking.staff_name);
            let about = About {
                name: customer.name.as_deref().map(str::trim).filter(|name| !name.is_empty()),
                when: format.day_from(start.date(), today),
                at,
                time,
                what,
                place: tenant
                    .address
                    .as_deref()
                    .map_or(String::new(), |place| format!(", {place}")),
            };
            reminder(phrases, before, &about)
        }
        Notice::Confirmed => {
            let what = phrases.booking(&booking.service_name, &booking.staff_name, &day, &time);
            phrases.confirmed_by_staff(&what, &booking.code)
        }
        Notice::MovedByStaff => phrases.moved_by_staff(&day, &at),
        Notice::CancelledByStaff => phrases.canceled_by_staff(&day, &time),
    };
    text.chars().take(4_096).collect()
}

/// What a reminder names.
struct About<'a> {
    name: Option<&'a str>,
    when: String,
    at: String,
    time: String,
    what: String,
    /// With the comma before it; empty where the tenant has no address.
    place: String,
}

fn reminder(phrases: &Phrases, before: TimeDelta, about: &About<'_>) -> String {
    let soon = |text: String| match about.name {
        Some(name) => phrases.named(name, &text),
        None => capitalized(&text),
    };
    if before == TimeDelta::hours(1) {
        return soon(phrases.reminder_hour(&about.time, &about.place));
    }
    if before == TimeDelta::minutes(15) {
        return soon(phrases.reminder_quarter(&about.time, &about.place));
    }
    let name = about.name.map_or(String::new(), |name| phrases.after_greeting(name));
    if before == TimeDelta::hours(24) {
        phrases.reminder_day(&name, &about.when, &about.at, &about.what, &about.place)
    } else {
        phrases.reminder_general(&name, &about.when, &about.at, &about.what, &about.place)
    }
}
