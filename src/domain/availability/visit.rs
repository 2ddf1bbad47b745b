//! Visits: several services one after the other, by one member of staff or by several.
//!
//! Every line of a visit is a booking of its own and breaks no rule as such; only the first one has
//! to lie on the slot grid. A line begins when the one before it ends. The exception is a line with
//! somebody who had an earlier line of the same visit: the database keeps what two bookings block of
//! one member of staff apart, buffers included, so that line begins once the buffer after their
//! earlier one and the buffer before this one are over. With somebody else it need not wait. Nothing
//! but these buffers is waited for: no break, no booking of others.
//!
//! This holds where a service has several places too. Lines of one visit never take a place from
//! each other, and so each can be looked at without the others.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::assignment::Planner;
use super::reason::{Reason, of_member, of_the_rules, weights};
use super::{FreeTime, Slot, explain, free_slots, local_day};
use crate::domain::catalogue::{Busy, Catalogue, Service, Span};

mod assignment;

/// One service of a visit that somebody would like to book.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub service: &'a Service,
    /// With whom, and nobody else; none: with anybody who does it.
    pub staff: Option<Uuid>,
}

/// One service of a visit that can be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    pub service_id: Uuid,
    pub staff_id: Uuid,
    pub start: DateTime<Utc>,
    /// When the service ends, without its buffer.
    pub end: DateTime<Utc>,
}

/// A visit that can be booked: one line for each wish, in the order of the wishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Never empty.
    pub lines: Vec<Line>,
}

impl Visit {
    pub fn start(&self) -> Option<DateTime<Utc>> {
        self.lines.first().map(|line| line.start)
    }

    pub fn end(&self) -> Option<DateTime<Utc>> {
        self.lines.last().map(|line| line.end)
    }
}

/// Why a visit cannot start at some time: the line that comes furthest and fails, and why it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which of the wishes, from 0.
    pub line: usize,
    /// As [`explain`] gives them, of the member of staff nearest to being free at the time at which
    /// this line would begin. Only the first line's may have [`Reason::OffGrid`].
    pub reasons: Vec<Reason>,
}

/// Every time in `within` at which the whole visit may start, with its best assignment of staff; one
/// a start, by start. No wishes: no visits.
///
/// Of several assignments the one with the fewest changes from one member of staff to another is
/// best, for people like to stay with whom they have; then the one that ends soonest; then, line by
/// line, whoever has the most free time that day, and at last whoever comes first. One wish alone
/// gives what [`one_each_start`](super::one_each_start) makes of [`free_slots`].
///
/// `busy` has to cover `within`, widened by what the visit takes with its buffers, or
/// [`bookable_span`](super::bookable_span). The tenant's notice and horizon hold for each line.
pub fn free_visits(
    catalogue: &Catalogue,
    wishes: &[Wish<'_>],
    within: Span,
    now: DateTime<Utc>,
    busy: &[Busy],
) -> Vec<Visit> {
    let slots_of =
        |wish: &Wish<'_>| free_slots(catalogue, wish.service, wish.staff, within, now, busy);
    let slots: Vec<Vec<Slot>> = wishes.iter().map(slots_of).collect();
    let Some(first) = slots.first() else { return Vec::new() };
    let zone = catalogue.tenant.timezone;
    let free = slots.iter().map(|slots| FreeTime::of(slots, zone)).collect();
    let mut planner = Planner::of(catalogue, wishes, within, now, busy).preferring(free);
    first
        .chunk_by(|one, other| one.start == other.start)
        .filter_map(|slots| {
            let with = |id| slots.iter().any(|slot| slot.staff_id == id);
            planner.best(slots[0].start, with)
        })
        .collect()
}

/// The visit that starts at exactly this time, on the slot grid or off it, if there is one: the best
/// of its assignments, as [`free_visits`] chooses.
pub fn visit_at(
    catalogue: &Catalogue,
    wishes: &[Wish<'_>],
    start: DateTime<Utc>,
    now: DateTime<Utc>,
    busy: &[Busy],
) -> Option<Visit> {
    if !of_the_rules(catalogue, start, now).is_empty() {
        return None;
    }
    let zone = catalogue.tenant.timezone;
    let day = local_day(zone, start);
    let slots_of =
        |wish: &Wish<'_>| free_slots(catalogue, wish.service, wish.staff, day, now, busy);
    let free = wishes.iter().map(|wish| FreeTime::of(&slots_of(wish), zone)).collect();
    Planner::of(catalogue, wishes, day, now, busy).preferring(free).best(start, |_| true)
}

/// Why the visit is not offered at `start`; none: it is. No wishes: nothing to refuse.
///
/// A visit that [`visit_at`] finds and that is not on the slot grid is refused for
/// [`Reason::OffGrid`] alone.
pub fn explain_visit(
    catalogue: &Catalogue,
    wishes: &[Wish<'_>],
    start: DateTime<Utc>,
    now: DateTime<Utc>,
    busy: &[Busy],
) -> Option<Refusal> {
    let first = wishes.first()?;
    let of_first = || Refusal {
        line: 0,
        reasons: explain(catalogue, first.service, first.staff, start, now, busy),
    };
    if !of_the_rules(catalogue, start, now).is_empty() {
        return Some(of_first());
    }
    let within = Span { start, end: start };
    let mut planner = Planner::of(catalogue, wishes, within, now, busy);
    let on_grid = planner.on_grid(start);
    if planner.best(start, |id| on_grid.contains(&id)).is_some() {
        return None;
    }
    if planner.best(start, |_| true).is_some() {
        return Some(Refusal { line: 0, reasons: vec![Reason::OffGrid] });
    }
    let (line, begins) = planner.furthest(start);
    if line == 0 {
        return Some(of_first());
    }
    let wish = &wishes[line];
    let reasons = begins.into_iter().map(|(member, at)| {
        let mut reasons = of_the_rules(catalogue, at, now);
        reasons.extend(of_member(catalogue, member, wish.service, &planner.timetable, at, busy));
        reasons.retain(|reason| *reason != Reason::OffGrid);
        reasons
    });
    let reasons = reasons.min_by_key(|reasons| weights(reasons));
    // Nobody may begin it: what is wrong with the service or the member asked for is so at any time.
    let reasons =
        reasons.unwrap_or_else(|| explain(catalogue, wish.service, wish.staff, start, now, busy));
    Some(Refusal { line, reasons })
}
