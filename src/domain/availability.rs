//! When a service can start: opening hours, less everything that stands against it.
//!
//! Opening hours are wall-clock times of the tenant's zone; they become moments day by day, so that
//! days of 23 and 25 hours come out right:
//!
//! - a slot whose local start does not exist is not offered;
//! - a local start that happens twice is offered once, at its first reading;
//! - durations are elapsed time, and a slot has to end inside its opening.
//!
//! [`free_slots`] and [`free_visits`] say what can be booked, [`explain`] and [`explain_visit`] why
//! something cannot; [`slots_at`] and [`visit_at`] are for those who name a time, on the slot grid or
//! off it. All of them look at the rules alone: the database has the last word.

use std::cmp::Reverse;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::hours::{Grid, Timetable, openings};
use self::taken::Taken;
use crate::domain::catalogue::{Busy, Catalogue, Service, Span, Staff};

mod hours;
mod reason;
mod taken;
#[cfg(test)]
mod tests;
mod visit;

pub(crate) use self::hours::moment_or_after;
pub use self::reason::{Reason, breaks_rule, explain};
pub use self::visit::{Line, Refusal, Visit, Wish, explain_visit, free_visits, visit_at};

/// A time at which a service may start with a member of staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    pub staff_id: Uuid,
    pub start: DateTime<Utc>,
    /// When the service ends, without its buffer.
    pub end: DateTime<Utc>,
}

/// Every free slot of `service` that starts in `within`, by start, then in the order of the staff.
///
/// With `staff`, theirs alone; otherwise one slot for each member who does the service and is free,
/// so that a start may come several times ([`one_each_start`] chooses). `busy` may overlap, repeat
/// and come in any order; it has to cover `within` widened by the service's duration and buffers,
/// else the answer is too hopeful. The tenant's notice and horizon are counted from `now`.
pub fn free_slots(
    catalogue: &Catalogue,
    service: &Service,
    staff: Option<Uuid>,
    within: Span,
    now: DateTime<Utc>,
    busy: &[Busy],
) -> Vec<Slot> {
    let rules = &catalogue.tenant.rules;
    let first = within.start.max(now + rules.min_notice);
    let last = now + rules.horizon;
    if first > last || first >= within.end {
        return Vec::new();
    }
    let may = |member: &&Staff| {
        staff.is_none_or(|wanted| wanted == member.id) && member.services.contains(&service.id)
    };
    let window = Span { start: first, end: within.end.min(last) };
    let timetable = Timetable::of(catalogue, catalogue.staff.iter().filter(may), window);
    let grid = Grid::of(catalogue);
    let mut slots = Vec::new();
    for member in catalogue.staff.iter().filter(may) {
        let taken = Taken::of(member, service, busy, window);
        for stretch in timetable.hours(member) {
            let latest = last.min(stretch.runs_until - service.duration);
            if stretch.closes <= first || stretch.opens >= within.end || stretch.opens > latest {
                continue;
            }
            let mut walk = taken.walk(stretch.opens);
            let starts = stretch
                .grid(grid)
                .skip_while(|start| *start < first)
                .take_while(|start| *start <= latest && *start < within.end);
            slots.extend(starts.filter_map(|start| {
                let end = start + service.duration;
                walk.allows(start, end).then_some(Slot { staff_id: member.id, start, end })
            }));
        }
    }
    // Stable: equal starts keep the order of the staff.
    slots.sort_by_key(|slot| slot.start);
    slots.dedup();
    slots
}

/// Those with whom `service` may start at exactly this time, on the slot grid or off it; whoever has
/// the most free time that day first. With `staff`, theirs alone.
///
/// `busy` is as for [`free_slots`], of the whole local day.
pub fn slots_at(
    catalogue: &Catalogue,
    service: &Service,
    staff: Option<Uuid>,
    start: DateTime<Utc>,
    now: DateTime<Utc>,
    busy: &[Busy],
) -> Vec<Slot> {
    let allowed = |member: &&Staff| {
        staff.is_none_or(|wanted| wanted == member.id)
            && !breaks_rule(&explain(catalogue, service, Some(member.id), start, now, busy))
    };
    let staff_of_it: Vec<Uuid> =
        catalogue.staff.iter().filter(allowed).map(|member| member.id).collect();
    if staff_of_it.is_empty() {
        return Vec::new();
    }
    let zone = catalogue.tenant.timezone;
    let date = start.with_timezone(&zone).date_naive();
    let day = local_day(zone, start);
    let free = FreeTime::of(&free_slots(catalogue, service, staff, day, now, busy), zone);
    let end = start + service.duration;
    let mut slots: Vec<Slot> =
        staff_of_it.into_iter().map(|staff_id| Slot { staff_id, start, end }).collect();
    slots.sort_by_key(|slot| Reverse(free.on(date, slot.staff_id)));
    slots
}

/// Of the slots that start at one moment the one with whoever has the most free time that day, so
/// that work spreads; with equal free time, whoever comes first. Keeps the order of the starts.
///
/// `slots` is what [`free_slots`] gave, and covers whole days of `zone` where days are compared.
pub fn one_each_start(slots: &[Slot], zone: Tz) -> Vec<Slot> {
    let free = FreeTime::of(slots, zone);
    let mut chosen = Vec::new();
    for of_one_start in slots.chunk_by(|one, other| one.start == other.start) {
        let date = of_one_start[0].start.with_timezone(&zone).date_naive();
        // Of equal ones the last that is compared stays: hence from behind.
        let best = of_one_start.iter().rev().max_by_key(|slot| free.on(date, slot.staff_id));
        chosen.extend(best.copied());
    }
    chosen
}

/// Whether anybody who does `service` has opening hours on this local date.
pub fn is_open(catalogue: &Catalogue, service: &Service, date: NaiveDate) -> bool {
    catalogue
        .staff
        .iter()
        .filter(|member| member.services.contains(&service.id))
        .any(|member| openings(catalogue, member, date).next().is_some())
}

/// The stretch of time whose busy spans decide about every slot of a tenant from `now` on.
pub fn bookable_span(catalogue: &Catalogue, now: DateTime<Utc>) -> Span {
    let longest = |length: fn(&Service) -> TimeDelta| {
        catalogue.services.iter().map(length).max().unwrap_or_default()
    };
    Span {
        start: now - longest(|service| service.buffer_before),
        end: now
            + catalogue.tenant.rules.horizon
            + longest(|service| service.duration + service.buffer_after)
            + TimeDelta::seconds(1),
    }
}

/// The local day of a moment, as long as it is.
fn local_day(zone: Tz, moment: DateTime<Utc>) -> Span {
    let date = moment.with_timezone(&zone).date_naive();
    let midnight = |date: NaiveDate| moment_or_after(zone, date.and_time(NaiveTime::MIN));
    Span { start: midnight(date), end: midnight(date + Days::new(1)) }
}

/// How much of each day the members of staff have left for a service.
struct FreeTime {
    /// By date; within one, in any order.
    days: Vec<(NaiveDate, Vec<Free>)>,
}

struct Free {
    staff_id: Uuid,
    total: TimeDelta,
    /// The end of what is counted so far.
    until: DateTime<Utc>,
}

impl FreeTime {
    /// The time that these slots cover; they are by start.
    fn of(slots: &[Slot], zone: Tz) -> Self {
        let mut days: Vec<(NaiveDate, Vec<Free>)> = Vec::new();
        for of_one_start in slots.chunk_by(|one, other| one.start == other.start) {
            let date = of_one_start[0].start.with_timezone(&zone).date_naive();
            if days.last().is_none_or(|(day, _)| *day != date) {
                days.push((date, Vec::new()));
            }
            let Some((_, members)) = days.last_mut() else { continue };
            for slot in of_one_start {
                let at = members.iter().position(|free| free.staff_id == slot.staff_id);
                let Some(free) = at.map(|at| &mut members[at]) else {
                    let (staff_id, total) = (slot.staff_id, slot.end - slot.start);
                    members.push(Free { staff_id, total, until: slot.end });
                    continue;
                };
                free.total += (slot.end - slot.start.max(free.until)).max(TimeDelta::zero());
                free.until = free.until.max(slot.end);
            }
        }
        Self { days }
    }

    fn on(&self, date: NaiveDate, staff_id: Uuid) -> TimeDelta {
        let Ok(day) = self.days.binary_search_by_key(&date, |(day, _)| *day) else {
            return TimeDelta::zero();
        };
        let of_member = self.days[day].1.iter().find(|free| free.staff_id == staff_id);
        of_member.map_or(TimeDelta::zero(), |free| free.total)
    }
}
