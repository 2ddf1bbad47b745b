//! Messages that no turn of a conversation asked for, written at the moment they are sent.
//!
//! They are rendered late so that what they say of "tomorrow" is true whenever they leave, and in
//! the language the customer writes in by then.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::catalogue::{Booking, Catalogue, seconds};
use crate::domain::conversation::Customer;
use crate::domain::conversation::format::{Format, capitalized, in_sentence};
use crate::domain::conversation::phrases::Phrases;

mod compose;
#[cfg(test)]
mod tests;

pub use compose::{Appointment, Facts, compose};

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
    /// The customer had it moved, elsewhere than in the conversation.
    MovedByCustomer,
    CancelledByStaff,
    /// As [`Notice::MovedByCustomer`].
    CancelledByCustomer,
    Arrived,
    /// The visit is over: thanks.
    Completed,
    NoShow,
    /// The visit is long over, and news are welcome.
    Recall,
}

/// What of a visit a notice speaks of. Both in order of time.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// The bookings it is about.
    pub lines: &'a [Booking],
    /// What else stands of the same visit.
    pub others: &'a [Booking],
}

/// The text of a notice about `booking` as it is now, as of a visit of this one booking.
pub fn render(
    notice: Notice,
    booking: &Booking,
    catalogue: &Catalogue,
    customer: &Customer,
    now: DateTime<Utc>,
) -> String {
    let visit = Visit { lines: std::slice::from_ref(booking), others: &[] };
    write(notice, booking, visit, catalogue, customer, now)
}

/// The text of a notice about a visit as it is now, one message of at most 4,096 characters; `None`
/// where there is nothing to speak of, since `lines` is empty.
///
/// `now` is when it leaves: "tomorrow" is counted from it, in the tenant's zone.
pub fn render_visit(
    notice: Notice,
    visit: Visit<'_>,
    catalogue: &Catalogue,
    customer: &Customer,
    now: DateTime<Utc>,
) -> Option<String> {
    // Where a part was moved, all of the visit is told as it is now.
    let is_moved = matches!(notice, Notice::MovedByStaff | Notice::MovedByCustomer);
    let moved = is_moved && !visit.others.is_empty();
    let standing = moved.then(|| {
        let mut standing = [visit.lines, visit.others].concat();
        standing.sort_by_key(|line| line.starts_at);
        standing
    });
    let visit = match &standing {
        Some(standing) => Visit { lines: standing, others: &[] },
        None => visit,
    };
    let first = visit.lines.first()?;
    Some(write(notice, first, visit, catalogue, customer, now))
}

fn write(
    notice: Notice,
    first: &Booking,
    visit: Visit<'_>,
    catalogue: &Catalogue,
    customer: &Customer,
    now: DateTime<Utc>,
) -> String {
    let tenant = &catalogue.tenant;
    let locale = customer.locale.unwrap_or(tenant.locale);
    let words = Wording {
        format: Format::new(locale),
        phrases: catalogue.texts.phrases(locale.language()),
        zone: tenant.timezone,
    };
    let (phrases, format) = (words.phrases, words.format);
    let start = words.local(first);
    let (day, time) = (format.day(start.date()), format.time(start.time()));
    let at = format.at(start.time());
    let alone = visit.lines.len() == 1;
    let text = match notice {
        Notice::Reminder { before } => {
            let today = now.with_timezone(&tenant.timezone).date_naive();
            let what = match (catalogue.texts.privacy(), alone) {
                (true, _) => None,
                (false, true) => Some(phrases.service_with(&first.service_name, &first.staff_name)),
                (false, false) => Some(words.list(visit.lines)),
            };
            let about = About {
                name: name_of(customer),
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
            let what = if alone {
                phrases.booking(&first.service_name, &first.staff_name, &day, &time)
            } else {
                format!("{day}, {time} {}", words.list(visit.lines))
            };
            phrases.confirmed_by_staff(&what, &first.code)
        }
        Notice::MovedByStaff | Notice::MovedByCustomer => {
            let at = if alone { at } else { format!("{at}: {}", words.list(visit.lines)) };
            match notice {
                Notice::MovedByStaff => phrases.moved_by_staff(&day, &at),
                _ => phrases.moved_as_asked(&day, &at),
            }
        }
        Notice::CancelledByStaff | Notice::CancelledByCustomer => {
            let what = if alone && visit.others.is_empty() {
                time
            } else {
                let stands = words.still_on(visit.others);
                format!("{time}: {}{stands}", words.list(visit.lines))
            };
            match notice {
                Notice::CancelledByStaff => phrases.canceled_by_staff(&day, &what),
                _ => phrases.canceled_as_asked(&day, &what),
            }
        }
        Notice::Arrived => phrases.arrived(),
        Notice::Completed => phrases.thanks_for_visit(&tenant.name),
        Notice::NoShow => phrases.missed_visit(&day, &at),
        Notice::Recall => {
            let name = name_of(customer).map(|name| phrases.after_greeting(name));
            let of_tenant = format.of_tenant(&tenant.name);
            phrases.recall(&name.unwrap_or_default(), &tenant.name, &of_tenant)
        }
    };
    text.chars().take(4_096).collect()
}

/// What to call a customer.
fn name_of(customer: &Customer) -> Option<&str> {
    customer.name.as_deref().map(str::trim).filter(|name| !name.is_empty())
}

/// How bookings of a visit are written one after another.
struct Wording<'a> {
    format: Format,
    phrases: &'a Phrases,
    zone: Tz,
}

impl Wording<'_> {
    fn local(&self, booking: &Booking) -> NaiveDateTime {
        booking.starts_at.with_timezone(&self.zone).naive_local()
    }

    /// `corte (Bruno), 9h45 manicure (Ana)`: the time of the first stands before it already.
    fn list(&self, lines: &[Booking]) -> String {
        let mut list = String::new();
        let mut day_before = None;
        for line in lines {
            let start = self.local(line);
            if let Some(day) = day_before {
                list.push_str(", ");
                if day != start.date() {
                    list.push_str(&self.format.short_day(start.date()));
                    list.push_str(", ");
                }
                list.push_str(&self.format.time(start.time()));
                list.push(' ');
            }
            list.push_str(&in_sentence(&line.service_name));
            list.extend([" (", line.staff_name.as_str(), ")"]);
            day_before = Some(start.date());
        }
        list
    }

    /// A sentence about what of the visit is not touched, without its full stop; empty: nothing is left.
    fn still_on(&self, others: &[Booking]) -> String {
        let sentence = match others {
            [] => return String::new(),
            [one] => {
                let start = self.local(one);
                let (day, time) = (self.format.day(start.date()), self.format.time(start.time()));
                self.phrases.still_on(&day, &self.format.at(start.time()), &time)
            }
            several => self.phrases.all_still_on(&several.len().to_string()),
        };
        format!(". {}", sentence.trim_end_matches('.'))
    }
}

/// What a reminder names.
struct About<'a> {
    name: Option<&'a str>,
    when: String,
    at: String,
    time: String,
    /// Service and staff; none: the tenant keeps them to itself.
    what: Option<String>,
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
    let (when, at, place) = (&about.when, &about.at, &about.place);
    match (before == TimeDelta::hours(24), &about.what) {
        (true, Some(what)) => phrases.reminder_day(&name, when, at, what, place),
        (false, Some(what)) => phrases.reminder_general(&name, when, at, what, place),
        (true, None) => phrases.reminder_day_private(&name, when, at, place),
        (false, None) => phrases.reminder_general_private(&name, when, at, place),
    }
}
