//! From a row of the outbox to its text: which notice its template is, and what it is made from.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{Notice, Visit, render_visit};
use crate::domain::catalogue::{Booking, Catalogue};
use crate::domain::conversation::Customer;
use crate::domain::conversation::format::Format;

/// Characters of an agenda, at most; what does not fit is left out by whole lines.
const AGENDA_MAX: usize = 4_000;

/// What the text of a message is made from, as `app.facts_of` gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Facts {
    /// To whom it goes; none: a member of staff who is reached by mail.
    pub customer: Option<Customer>,
    pub catalogue: Catalogue,
    /// The bookings of a visit that it is about, in order of time.
    #[serde(default)]
    pub lines: Vec<Booking>,
    /// What else stands of that visit.
    #[serde(default)]
    pub others: Vec<Booking>,
    /// Of an agenda: the day, in order of time.
    pub agenda: Option<Vec<Appointment>>,
}

/// A booking in the agenda of a member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Appointment {
    pub starts_at: DateTime<Utc>,
    pub service_name: String,
    pub customer_name: Option<String>,
    pub code: String,
}

/// The text of a message, by the `template` and `params` of its row in the outbox.
///
/// `None`: a template of another version, or nothing is left to speak of.
pub fn compose(
    template: &str,
    params: &Value,
    facts: &Facts,
    now: DateTime<Utc>,
) -> Option<String> {
    if template == "agenda" {
        return agenda(facts, now);
    }
    let visit = Visit { lines: &facts.lines, others: &facts.others };
    let notice = notice_of(template, params)?;
    render_visit(notice, visit, &facts.catalogue, facts.customer.as_ref()?, now)
}

fn notice_of(template: &str, params: &Value) -> Option<Notice> {
    let by_customer = params["by"] == "customer";
    Some(match template {
        "reminder" => {
            Notice::Reminder { before: params["before"].as_i64().and_then(TimeDelta::try_seconds)? }
        }
        "booking_confirmed" => Notice::Confirmed,
        "booking_moved" if by_customer => Notice::MovedByCustomer,
        "booking_moved" => Notice::MovedByStaff,
        "booking_cancelled" if by_customer => Notice::CancelledByCustomer,
        "booking_cancelled" => Notice::CancelledByStaff,
        "booking_arrived" => Notice::Arrived,
        "booking_completed" => Notice::Completed,
        "booking_no_show" => Notice::NoShow,
        "recall" => Notice::Recall,
        _ => return None,
    })
}

/// A heading with the day, and a line for each booking: time, service, and the customer's first
/// name. A tenant that keeps services to itself has them left out here too.
fn agenda(facts: &Facts, now: DateTime<Utc>) -> Option<String> {
    let tenant = &facts.catalogue.tenant;
    let language = facts.customer.as_ref().and_then(|customer| customer.locale);
    let format = Format::new(language.unwrap_or(tenant.locale));
    let local = |at: DateTime<Utc>| at.with_timezone(&tenant.timezone).naive_local();
    let appointments = facts.agenda.as_deref()?;
    let day = local(appointments.first()?.starts_at).date();
    let mut text = format!("{}:", format.day_from(day, local(now).date()));
    for (at, appointment) in appointments.iter().enumerate() {
        let time = format.time(local(appointment.starts_at).time());
        let who = first_name(appointment.customer_name.as_deref()).unwrap_or(&appointment.code);
        let line = if facts.catalogue.texts.privacy() {
            format!("\n{time} {who}")
        } else {
            format!("\n{time} {}, {who}", appointment.service_name)
        };
        if text.chars().count() + line.chars().count() > AGENDA_MAX {
            text.push_str("\n… +");
            text.push_str(&(appointments.len() - at).to_string());
            break;
        }
        text.push_str(&line);
    }
    Some(text)
}

fn first_name(name: Option<&str>) -> Option<&str> {
    name.and_then(|name| name.split_whitespace().next())
}
