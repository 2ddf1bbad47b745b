//! The file in which a tenant is declared: who they are, when they work, what they offer.
//!
//! [`parse`] turns TOML into a [`TenantFile`] that holds no surprise for the database: keys are
//! unique, hours do not overlap, lengths are within bounds, staff do services that exist. Whoever
//! wrote the file mends it in one go, so every [`Problem`] is told, not only the first.
//!
//! The document is read by hand from a tree that knows where each value stands. Derived
//! deserialization would be shorter, but stops at the first error and knows no line for most.

mod notifications;
mod reading;
mod sections;
mod values;

#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use toml::de::DeTable;

use crate::domain::catalogue::{BookingRules, Span, WeekHours};
use crate::domain::locale::Locale;
pub use notifications::Notifications;
use reading::{Reader, Section};

/// A tenant as its file declares it, checked and with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantFile {
    /// Lower-case words joined by hyphens, at most 63 characters: `studio-lua`.
    pub slug: String,
    pub name: String,
    pub locale: Locale,
    pub timezone: Tz,
    /// Three capital letters, such as `BRL`.
    pub currency: String,
    pub address: Option<String>,
    /// The tenant's own number, E.164.
    pub phone: Option<String>,
    /// Customers are spoken to formally.
    pub formal: bool,
    /// Reminders name time and place, and neither service nor staff.
    pub privacy: bool,
    /// How long texts of messages and the journal are kept, 1 to 3653 days.
    pub keep_messages: TimeDelta,
    pub instance: Instance,
    pub rules: BookingRules,
    /// When reminders wait; none: never.
    pub quiet_hours: Option<QuietHours>,
    pub notifications: Notifications,
    /// The tenant's opening hours, for everybody without own ones.
    pub hours: WeekHours,
    /// In the order of the file, each day once.
    pub closures: Vec<Closure>,
    /// In menu order, at least one, each key once.
    pub services: Vec<Service>,
    /// In menu order, at least one, each key once.
    pub staff: Vec<Member>,
}

/// The WhatsApp number of a tenant, as the gateway knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The gateway's name of it; the slug, where the file gives none.
    pub name: String,
    /// The environment variable that holds the instance's own key.
    pub api_key_env: Option<String>,
    /// Time between two sends, whole milliseconds; each gap is up to half shorter or longer.
    pub send_gap: TimeDelta,
    /// Whether customers see that an answer is being typed.
    pub typing: bool,
}

/// Local times between which reminders wait; `from` after `until` means over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    pub from: NaiveTime,
    pub until: NaiveTime,
}

/// A local day on which nobody works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    pub day: NaiveDate,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The stable name by which a later file means the same service.
    pub key: String,
    pub name: String,
    /// Other words customers use for it.
    pub synonyms: Vec<String>,
    /// Above zero, at most a day.
    pub duration: TimeDelta,
    pub buffer_before: TimeDelta,
    pub buffer_after: TimeDelta,
    /// In hundredths of the tenant's currency; none: customers are not told.
    pub price: Option<i64>,
    /// Customers at once with one member of staff, 1 to 1000.
    pub capacity: u16,
}

/// A member of staff.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The stable name by which a later file means the same person.
    pub key: String,
    pub name: String,
    /// Keys of the services they do; each is in [`TenantFile::services`].
    pub services: Vec<String>,
    /// Where their agenda goes: E.164, by WhatsApp.
    pub phone: Option<String>,
    /// Where it goes if they have no phone.
    pub email: Option<String>,
    /// Local time at which they get the bookings of their day; with a phone or an address only.
    pub agenda: Option<NaiveTime>,
    /// Their own hours, at least one opening; none: the tenant's.
    pub hours: Option<WeekHours>,
    pub time_off: Vec<TimeOff>,
}

/// When a member of staff is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeOff {
    pub during: Span,
    pub reason: Option<String>,
}

/// What is wrong with a file, where, and what was expected instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Counted from 1; none for what the whole file lacks.
    pub line: Option<usize>,
    /// Path of the field, lists counted from 0: `services[1].duration`. Empty where the text is no
    /// TOML at all.
    pub field: String,
    /// What was expected, with an example. Never holds what may be a secret.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.reason)
    }
}

/// Reads a tenant file.
///
/// # Errors
///
/// Every problem of the file, in the order of its lines; never an empty list. A text that is no
/// TOML is told as that alone, since its fields cannot be trusted.
///
/// # Examples
///
/// ```
/// let problems = pontual::domain::tenant_file::parse("slug = \"Studio Lua\"").unwrap_err();
/// let slug = problems.iter().find(|problem| problem.field == "slug").unwrap();
/// assert_eq!(slug.line, Some(1));
/// assert!(slug.reason.contains("such as \"studio-lua\""));
/// ```
pub fn parse(text: &str) -> Result<TenantFile, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(text);
    for error in &errors {
        reader.report_syntax(error);
    }
    let file = if errors.is_empty() {
        sections::tenant(&mut reader, Section::whole(document.get_ref()))
    } else {
        None
    };
    reader.finish(file)
}
