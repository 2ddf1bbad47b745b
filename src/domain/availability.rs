//! When a service can start: opening hours, less everything that stands against it.
//!
//! Opening hours are wall-clock times of the tenant's zone; they become moments day by day, so that
//! days of 23 and 25 hours come out right:
//!
//! - a slot whose local start does not exist is not offered;
//! - a local start that happens twice is offered once, at its first reading;
//! - durations are elapsed time, and a slot has to end inside its opening.

use std::collections::HashMap;

use chrono::{DateTime, Days, LocalResult, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::catalogue::{Busy, Catalogue, Opening, Service, Span, Staff, WeekHours};

#[cfg(test)]
mod tests;

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
    let starts = |start: DateTime<Utc>| start >= first && start <= last && start < within.end;
    if first > last || first >= within.end {
        return Vec::new();
    }
    let mut slots = Vec::new();
    for member in &catalogue.staff {
        if staff.is_some_and(|wanted| wanted != member.id) || !member.services.contains(&service.id)
        {
            continue;
        }
        let taken = Taken::of(member, service, busy);
        let zone = catalogue.tenant.timezone;
        let mut day = first.with_timezone(&zone).date_naive();
        let end = within.end.min(last + TimeDelta::seconds(1)).with_timezone(&zone).date_naive();
        while day <= end {
            for opening in openings(catalogue, member, day) {
                slots.extend(
                    grid(opening, service, catalogue, day)
                        .filter(|&(start, end)| starts(start) && taken.allows(start, end))
                        .map(|(start, end)| Slot { staff_id: member.id, start, end }),
                );
            }
            let Some(next) = day.checked_add_days(Days::new(1)) else { break };
            day = next;
        }
    }
    // Stable: equal starts keep the order of the staff.
    slots.sort_by_key(|slot| slot.start);
    slots.dedup();
    slots
}

/// Of the slots that start at one moment the one with whoever has the most free time that day, so
/// that work spreads; with equal free time, whoever comes first. Keeps the order of the starts.
///
/// `slots` is what [`free_slots`] gave, and covers whole days of `zone` where days are compared.
pub fn one_each_start(slots: &[Slot], zone: Tz) -> Vec<Slot> {
    let mut free: HashMap<(Uuid, NaiveDate), (TimeDelta, DateTime<Utc>)> = HashMap::new();
    let day = |slot: &Slot| (slot.staff_id, slot.start.with_timezone(&zone).date_naive());
    for slot in slots {
        let (total, until) =
            free.entry(day(slot)).or_insert((TimeDelta::zero(), DateTime::<Utc>::MIN_UTC));
        *total += (slot.end - slot.start.max(*until)).max(TimeDelta::zero());
        *until = slot.end.max(*until);
    }
    let mut chosen: Vec<Slot> = Vec::new();
    for slot in slots {
        match chosen.last_mut() {
            Some(best) if best.start == slot.start => {
                if free[&day(slot)].0 > free[&day(best)].0 {
                    *best = *slot;
                }
            }
            _ => chosen.push(*slot),
        }
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

fn openings<'a>(
    catalogue: &'a Catalogue,
    member: &'a Staff,
    date: NaiveDate,
) -> impl Iterator<Item = &'a Opening> {
    use chrono::Datelike;

    let hours: &WeekHours = member.hours.as_ref().unwrap_or(&catalogue.tenant.hours);
    let closed = catalogue.closures.contains(&date);
    let weekday = date.weekday().number_from_monday();
    hours.openings.iter().filter(move |o| !closed && u32::from(o.weekday) == weekday)
}

/// The starts and ends that fit an opening of one day, whether taken or not.
fn grid(
    opening: &Opening,
    service: &Service,
    catalogue: &Catalogue,
    date: NaiveDate,
) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
    let zone = catalogue.tenant.timezone;
    let interval = catalogue.tenant.rules.slot_interval.max(TimeDelta::minutes(1));
    let midnight = date.and_time(chrono::NaiveTime::MIN);
    let opens = midnight + TimeDelta::minutes(i64::from(opening.opens));
    let closes = midnight + TimeDelta::minutes(i64::from(opening.closes));
    let closing = moment_or_after(zone, closes);
    let duration = service.duration;
    std::iter::successors(Some(opens), move |local| local.checked_add_signed(interval))
        .take_while(move |&local| local < closes)
        .filter_map(move |local| zone.from_local_datetime(&local).earliest())
        .map(move |start| (start.to_utc(), start.to_utc() + duration))
        .filter(move |&(_, end)| end <= closing)
}

/// The moment of a local time: its first reading where there are two, and where there is none the
/// moment at which the clock jumped over it.
pub(crate) fn moment_or_after(zone: Tz, local: chrono::NaiveDateTime) -> DateTime<Utc> {
    let mut later = local;
    loop {
        match zone.from_local_datetime(&later) {
            LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => {
                // Past a gap of g minutes the first local time that exists is the jump itself.
                return moment.to_utc();
            }
            LocalResult::None => later += TimeDelta::minutes(1),
        }
    }
}

/// What of one member's time is not to be had for one service.
struct Taken {
    before: TimeDelta,
    after: TimeDelta,
    capacity: usize,
    /// Whole: time off and bookings of other services, by start, none overlapping another.
    blocked: Vec<Span>,
    /// Bookings of the same service, by start.
    shared: Vec<Span>,
}

impl Taken {
    fn of(member: &Staff, service: &Service, busy: &[Busy]) -> Self {
        let mut blocked = member.time_off.clone();
        let mut shared = Vec::new();
        for taken in busy.iter().filter(|taken| taken.staff_id == member.id) {
            let span = Span { start: taken.start, end: taken.end };
            if taken.service_id == service.id && service.capacity > 1 {
                shared.push(span);
            } else {
                blocked.push(span);
            }
        }
        blocked.retain(|span| span.start < span.end);
        blocked.sort_by_key(|span| span.start);
        shared.sort_by_key(|span| span.start);
        Self {
            before: service.buffer_before,
            after: service.buffer_after,
            capacity: usize::from(service.capacity.max(1)),
            blocked: merged(blocked),
            shared,
        }
    }

    /// Whether the service may take `[start, end)` and its buffers around it.
    fn allows(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        let (start, end) = (start - self.before, end + self.after);
        let next = self.blocked.partition_point(|span| span.end <= start);
        if self.blocked.get(next).is_some_and(|span| span.start < end) {
            return false;
        }
        let overlapping: Vec<_> = self
            .shared
            .iter()
            .take_while(|span| span.start < end)
            .filter(|span| span.end > start)
            .collect();
        // The count of those present is highest where one of them, or we ourselves, begin.
        overlapping.iter().map(|span| span.start.max(start)).all(|at| {
            let present = overlapping.iter().filter(|s| s.start <= at && at < s.end).count();
            present < self.capacity
        })
    }
}

fn merged(sorted: Vec<Span>) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::with_capacity(sorted.len());
    for span in sorted {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}
