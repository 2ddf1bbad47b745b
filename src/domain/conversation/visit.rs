//! A visit: one service or several, one after the other, booked whole or not at all.
//!
//! In the database each line is a booking of its own; the lines of a visit share its id and code.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::format::in_sentence;
use super::turn::Turn;
use crate::domain::availability::Visit;
use crate::domain::catalogue::{Booking, Status};

/// Services of one visit at most.
pub const LINES_MAX: usize = 6;

/// One service at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub service_id: Uuid,
    pub staff_id: Uuid,
    pub starts_at: DateTime<Utc>,
}

/// Where one booking of a visit moves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedLine {
    pub booking_id: Uuid,
    pub staff_id: Uuid,
    pub starts_at: DateTime<Utc>,
}

/// A service of a visit that is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub service_id: Uuid,
    /// Whom the customer wishes for it; none: anybody.
    #[serde(default)]
    pub staff_id: Option<Uuid>,
}

/// The lines of a visit that is free, to be remembered.
pub(super) fn lines_of(visit: &Visit) -> Vec<Line> {
    let line = |line: &crate::domain::availability::Line| Line {
        service_id: line.service_id,
        staff_id: line.staff_id,
        starts_at: line.start,
    };
    visit.lines.iter().map(line).collect()
}

/// When a free visit begins.
pub(super) fn start_of(visit: &Visit) -> DateTime<Utc> {
    visit.start().unwrap_or(DateTime::UNIX_EPOCH)
}

/// Names of services as one: "Haircut + manicure".
pub(super) fn joined<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut text = String::new();
    for name in names {
        if text.is_empty() {
            text.push_str(name);
        } else {
            text.push_str(" + ");
            text.push_str(&in_sentence(name));
        }
    }
    text
}

impl<'a> Turn<'a> {
    /// The bookings of the visit that `booking` is part of, soonest first: those that stand as it
    /// does and are to come; itself alone where it is not among what is known.
    pub(super) fn visit_of<'b>(&self, booking: &'b Booking) -> Vec<&'b Booking>
    where
        'a: 'b,
    {
        let now = self.now;
        let of_visit = |other: &&Booking| {
            id_of_visit(other) == id_of_visit(booking) && other.status == booking.status
        };
        let all = self.known.bookings.iter().filter(of_visit);
        let mut lines: Vec<&'b Booking> = all
            .filter(|b| b.id == booking.id || b.status == Status::Held || b.starts_at > now)
            .collect();
        if !lines.iter().any(|line| line.id == booking.id) {
            return vec![booking];
        }
        lines.sort_by_key(|line| line.starts_at);
        lines
    }

    /// What a visit is: "Haircut with Bruno", "Haircut + manicure".
    pub(super) fn service_names(lines: &[&Booking]) -> String {
        joined(lines.iter().map(|line| line.service_name.as_str()))
    }

    /// Who serves a visit, each once: "Bruno and Ana".
    pub(super) fn staff_names(&self, lines: &[&Booking]) -> String {
        let mut names: Vec<String> = Vec::new();
        for line in lines {
            if !names.contains(&line.staff_name) {
                names.push(line.staff_name.clone());
            }
        }
        self.format.list(&names)
    }

    /// Services, staff, day and time of a visit: "Haircut with Bruno, Thursday 12 March, 2:45 PM".
    pub(super) fn describe_visit(&self, lines: &[&Booking]) -> String {
        let Some(first) = lines.first() else { return String::new() };
        let start = self.local(first.starts_at);
        self.phrases.booking(
            &Self::service_names(lines),
            &self.staff_names(lines),
            &self.format.day(start.date()),
            &self.format.time(start.time()),
        )
    }
}

/// What the lines of a visit share. A booking read without it is a visit of its own.
pub(super) fn id_of_visit(booking: &Booking) -> Uuid {
    if booking.visit_id.is_nil() { booking.id } else { booking.visit_id }
}
