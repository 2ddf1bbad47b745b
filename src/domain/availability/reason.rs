//! Why a time is not offered.

use std::cmp::Reverse;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hours::{Grid, Stretch, Timetable};
use super::taken::{full, shares};
use crate::domain::catalogue::{Busy, Catalogue, Service, Span, Staff};

/// One rule that a booking at some time would break, with what one needs to know to choose better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// It is over.
    Past,
    /// Sooner than the tenant's notice allows.
    Notice { earliest: DateTime<Utc> },
    /// Later than the tenant takes bookings.
    Horizon { latest: DateTime<Utc> },
    /// No member of staff does the service.
    NobodyDoesIt,
    /// The member of staff asked for is not at work here.
    UnknownStaff,
    /// The member of staff asked for does not do the service.
    NotTheirService,
    /// The tenant is closed on that local date, whatever its hours say.
    Closure { date: NaiveDate },
    /// There are no opening hours on that local date.
    NoHours { date: NaiveDate },
    /// Before the first opening of its local date, or after the last one.
    OutsideHours { opens: DateTime<Utc>, closes: DateTime<Utc> },
    /// Between two openings of one day; the span is the break.
    Break(Span),
    /// It begins inside an opening and would go on after its end.
    Closing { closes: DateTime<Utc> },
    /// The member of staff is away.
    TimeOff(Span),
    /// Somebody else has the time; the span is their visit without its buffers.
    Booked(Span),
    /// Every place of the service is taken for some of the time, namely this.
    Full { start: DateTime<Utc>, end: DateTime<Utc>, capacity: u16 },
    /// The visit itself would fit, its buffer or that of its neighbour would not; the span is the
    /// neighbour: a visit, or an absence.
    Buffer(Span),
    /// Nothing stands against it but that starts are offered at other minutes.
    OffGrid,
}

impl Reason {
    /// Whether another booking has the time: it might have been free a moment ago.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Booked(_) | Self::Full { .. } | Self::Buffer(_))
    }

    /// How far a time is from being free: what others leave or move comes before what the day
    /// would have to be another for.
    fn weight(&self) -> u8 {
        match self {
            Self::OffGrid => 0,
            Self::Buffer(_) => 1,
            Self::Full { .. } => 2,
            Self::Booked(_) => 3,
            Self::TimeOff(_) => 4,
            Self::Closing { .. } => 5,
            Self::Break(_) => 6,
            Self::OutsideHours { .. } => 7,
            Self::NoHours { .. } => 8,
            Self::Closure { .. } => 9,
            Self::NotTheirService => 10,
            Self::UnknownStaff => 11,
            Self::NobodyDoesIt => 12,
            Self::Horizon { .. } => 13,
            Self::Notice { .. } => 14,
            Self::Past => 15,
        }
    }
}

/// Why `service` is not offered at `start`; empty: it is, and a booking may start then.
///
/// Every reason there is, the heaviest first, so that the first one alone makes a good answer; of a
/// time that is past or beyond the horizon nothing more is said, since `busy` need not reach there.
/// With `staff` none, those of the one member who is nearest to being free: what one has to change is
/// then short and true of somebody, while a list of everybody's would name the day off of one beside
/// the booking of another.
///
/// A start that breaks no rule and only lies off the slot grid has [`Reason::OffGrid`] alone;
/// [`breaks_rule`] looks past it. So it is with the second reading of a local time that comes twice:
/// it is a moment of the opening like any other, and not on the grid. That a local time does not
/// exist cannot be a reason, for a moment always has one.
///
/// `busy` is as for [`free_slots`](super::free_slots). Spans of [`Reason::Booked`] and
/// [`Reason::Buffer`] are told by the buffers that services have now; a booking whose service is
/// gone, or that is older than its buffers, counts whole.
pub fn explain(
    catalogue: &Catalogue,
    service: &Service,
    staff: Option<Uuid>,
    start: DateTime<Utc>,
    now: DateTime<Utc>,
    busy: &[Busy],
) -> Vec<Reason> {
    let mut reasons = of_the_rules(catalogue, start, now);
    let candidates = match candidates(catalogue, service, staff) {
        Ok(candidates) => candidates,
        Err(reason) => {
            reasons.push(reason);
            return reasons;
        }
    };
    if reasons.iter().any(|reason| matches!(reason, Reason::Past | Reason::Horizon { .. })) {
        return reasons;
    }
    let span = Span { start, end: start };
    let timetable = Timetable::of(catalogue, candidates.iter().copied(), span);
    let nearest = candidates
        .iter()
        .map(|member| of_member(catalogue, member, service, &timetable, start, busy))
        .min_by_key(|reasons| weights(reasons));
    reasons.extend(nearest.into_iter().flatten());
    reasons
}

/// Who may do the service: never nobody.
fn candidates<'a>(
    catalogue: &'a Catalogue,
    service: &Service,
    staff: Option<Uuid>,
) -> Result<Vec<&'a Staff>, Reason> {
    let does = |member: &&Staff| member.services.contains(&service.id);
    match staff.map(|id| catalogue.member(id)) {
        Some(Some(member)) if does(&member) => Ok(vec![member]),
        Some(Some(_)) => Err(Reason::NotTheirService),
        Some(None) => Err(Reason::UnknownStaff),
        None => {
            let all: Vec<&Staff> = catalogue.staff.iter().filter(does).collect();
            if all.is_empty() { Err(Reason::NobodyDoesIt) } else { Ok(all) }
        }
    }
}

/// Whether any of these is more than [`Reason::OffGrid`]: a booking may not start then, even for one
/// who may choose the minute.
pub fn breaks_rule(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| *reason != Reason::OffGrid)
}

/// By which lists of reasons compare: the heaviest reason decides.
pub(super) fn weights(reasons: &[Reason]) -> Vec<u8> {
    reasons.iter().map(Reason::weight).collect()
}

/// What holds whoever would do it.
pub(super) fn of_the_rules(
    catalogue: &Catalogue,
    start: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<Reason> {
    let rules = &catalogue.tenant.rules;
    let (earliest, latest) = (now + rules.min_notice, now + rules.horizon);
    let mut reasons = Vec::new();
    if start < now {
        reasons.push(Reason::Past);
    } else if start < earliest {
        reasons.push(Reason::Notice { earliest });
    }
    if start > latest {
        reasons.push(Reason::Horizon { latest });
    }
    reasons
}

/// What holds for a member of staff who does the service; heaviest first.
pub(super) fn of_member(
    catalogue: &Catalogue,
    member: &Staff,
    service: &Service,
    timetable: &Timetable,
    start: DateTime<Utc>,
    busy: &[Busy],
) -> Vec<Reason> {
    let hours = timetable.hours(member);
    let mut reasons = of_hours(catalogue, hours, start, start + service.duration);
    reasons.extend(of_neighbours(catalogue, member, service, start, busy));
    reasons.sort_by_key(|reason| Reverse(reason.weight()));
    reasons.dedup();
    reasons
}

fn of_hours(
    catalogue: &Catalogue,
    hours: &[Stretch],
    start: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Vec<Reason> {
    let grid = Grid::of(catalogue);
    let inside = hours.iter().filter(|stretch| stretch.contains(start)).map(|stretch| {
        let closing =
            (end > stretch.runs_until).then_some(Reason::Closing { closes: stretch.runs_until });
        let off_grid = (!stretch.is_on_grid(start, grid)).then_some(Reason::OffGrid);
        closing.into_iter().chain(off_grid).collect::<Vec<_>>()
    });
    // Where openings overlap, the one that fits best counts.
    if let Some(reasons) = inside.min_by_key(|reasons| weights(reasons)) {
        return reasons;
    }
    let date = start.with_timezone(&catalogue.tenant.timezone).date_naive();
    if catalogue.closures.contains(&date) {
        return vec![Reason::Closure { date }];
    }
    let of_day = || hours.iter().filter(|stretch| stretch.date == date);
    let (opens, closes) = (of_day().map(|s| s.opens).min(), of_day().map(|s| s.closes).max());
    let Some((opens, closes)) = opens.zip(closes) else {
        return vec![Reason::NoHours { date }];
    };
    let before = of_day().map(|s| s.closes).filter(|closes| *closes <= start).max();
    let after = of_day().map(|s| s.opens).filter(|opens| *opens > start).min();
    match before.zip(after) {
        Some((start, end)) => vec![Reason::Break(Span { start, end })],
        None => vec![Reason::OutsideHours { opens, closes }],
    }
}

/// What absences and other bookings say; the whole of what stands in the way, buffers included, is
/// what [`Taken`](super::taken::Taken) blocks.
fn of_neighbours(
    catalogue: &Catalogue,
    member: &Staff,
    service: &Service,
    start: DateTime<Utc>,
    busy: &[Busy],
) -> Vec<Reason> {
    let visit = Span { start, end: start + service.duration };
    let whole =
        Span { start: visit.start - service.buffer_before, end: visit.end + service.buffer_after };
    let away =
        member.time_off.iter().filter(|off| overlap(**off, whole)).map(|off| {
            if overlap(*off, visit) { Reason::TimeOff(*off) } else { Reason::Buffer(*off) }
        });
    let near: Vec<&Busy> = busy
        .iter()
        .filter(|taken| taken.staff_id == member.id && overlap(blocked(taken), whole))
        .collect();
    let others = near.iter().filter(|taken| !shares(taken, service)).map(|taken| {
        let visit_of_theirs = without_buffers(catalogue, taken);
        if overlap(visit_of_theirs, visit) {
            Reason::Booked(visit_of_theirs)
        } else {
            Reason::Buffer(visit_of_theirs)
        }
    });
    let mut reasons: Vec<Reason> = away.chain(others).collect();
    let shared = || near.iter().filter(|taken| shares(taken, service));
    let places = usize::from(service.capacity);
    let visits: Vec<Span> = shared().map(|taken| without_buffers(catalogue, taken)).collect();
    let full_of = |spans: &[Span], with: Span| {
        full(spans, places).into_iter().filter(move |span| overlap(*span, with))
    };
    let no_place: Vec<Reason> = full_of(&visits, visit)
        .map(|Span { start, end }| Reason::Full { start, end, capacity: service.capacity })
        .collect();
    if no_place.is_empty() {
        let blocked: Vec<Span> = shared().map(|taken| blocked(taken)).collect();
        reasons.extend(full_of(&blocked, whole).map(Reason::Buffer));
    } else {
        reasons.extend(no_place);
    }
    reasons
}

fn overlap(one: Span, other: Span) -> bool {
    one.start < one.end && one.start < other.end && other.start < one.end
}

fn blocked(taken: &Busy) -> Span {
    Span { start: taken.start, end: taken.end }
}

fn without_buffers(catalogue: &Catalogue, taken: &Busy) -> Span {
    let whole = blocked(taken);
    let Some(service) = catalogue.service(taken.service_id) else { return whole };
    let visit =
        Span { start: whole.start + service.buffer_before, end: whole.end - service.buffer_after };
    if visit.start < visit.end { visit } else { whole }
}
