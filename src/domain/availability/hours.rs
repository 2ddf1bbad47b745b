//! Opening hours as moments: wall-clock times of a week become stretches of elapsed time.
//!
//! An opening is the stretch from the first moment at which the clock shows its begin to the first
//! at which it shows its end. Where the clock jumps over one of them, the jump itself stands for it;
//! where the clock goes back inside the opening, the repeated hour is part of the stretch.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime};
use chrono::{TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::domain::catalogue::{Catalogue, Opening, Span, Staff, WeekHours};

/// One opening of one day, `[opens, closes)`, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The local date it belongs to.
    pub(super) date: NaiveDate,
    pub(super) opens: DateTime<Utc>,
    pub(super) closes: DateTime<Utc>,
    /// Until when a visit that starts in it may last: its end, or that of the openings that follow
    /// without a break, as `20:00-24:00` and the next day's `00:00-06:00` do.
    pub(super) runs_until: DateTime<Utc>,
    /// What the clock shows as it opens, or should show.
    wall: NaiveDateTime,
    /// What the clock says it lasts.
    length: TimeDelta,
    /// Whether the clock runs through it without a change, so that it need not be asked again. A
    /// clock that went there and back within one opening would be missed; no zone's ever did.
    even: bool,
}

impl Stretch {
    fn of(opening: Opening, date: NaiveDate, zone: Tz) -> Option<Self> {
        let midnight = date.and_time(NaiveTime::MIN);
        let wall = midnight + TimeDelta::minutes(i64::from(opening.opens));
        let ends = midnight + TimeDelta::minutes(i64::from(opening.closes));
        let (opens, closes) = (moment_or_after(zone, wall), moment_or_after(zone, ends));
        let length = ends - wall;
        let even = closes - opens == length;
        (opens < closes).then_some(Self {
            date,
            opens,
            closes,
            runs_until: closes,
            wall,
            length,
            even,
        })
    }

    /// The starts on the slot grid, ascending: local times counted from the opening that exist,
    /// each at its first reading.
    pub(super) fn grid(self, rules: Grid) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(Some(TimeDelta::zero()), move |since| {
            since.checked_add(&rules.interval)
        })
        .take_while(move |since| *since < self.length)
        .filter_map(move |since| {
            if self.even {
                return Some(self.opens + since);
            }
            let local = rules.zone.from_local_datetime(&(self.wall + since));
            local.earliest().map(|start| start.to_utc())
        })
    }

    /// Whether a moment inside the stretch is one of its [`grid`](Self::grid).
    pub(super) fn is_on_grid(&self, start: DateTime<Utc>, rules: Grid) -> bool {
        let local = start.with_timezone(&rules.zone).naive_local();
        let first = rules.zone.from_local_datetime(&local).earliest();
        let parts = (local - self.wall).num_nanoseconds().zip(rules.interval.num_nanoseconds());
        first.is_some_and(|first| first == start)
            && parts.is_some_and(|(since, interval)| since >= 0 && since % interval == 0)
    }

    pub(super) fn contains(&self, start: DateTime<Utc>) -> bool {
        self.opens <= start && start < self.closes
    }
}

/// Where starts are offered: every so often from each opening, by the clock of a zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    zone: Tz,
    interval: TimeDelta,
}

impl Grid {
    pub(super) fn of(catalogue: &Catalogue) -> Self {
        let interval = catalogue.tenant.rules.slot_interval.max(TimeDelta::minutes(1));
        Self { zone: catalogue.tenant.timezone, interval }
    }
}

/// The opening hours of some members of staff over some days.
pub(super) struct Timetable {
    /// Of everybody without own hours.
    tenant: Vec<Stretch>,
    own: HashMap<Uuid, Vec<Stretch>>,
}

impl Timetable {
    /// Every stretch that a moment of `span`, its end included, may lie in.
    pub(super) fn of<'a>(
        catalogue: &Catalogue,
        members: impl Iterator<Item = &'a Staff>,
        span: Span,
    ) -> Self {
        let zone = catalogue.tenant.timezone;
        let date = |moment: DateTime<Utc>| moment.with_timezone(&zone).date_naive();
        // A clock that goes back over midnight leaves moments of one day between those of its
        // neighbour, hence a day more at either end.
        let first = date(span.start).pred_opt().unwrap_or(NaiveDate::MIN);
        let last = date(span.end).succ_opt().unwrap_or(NaiveDate::MAX);
        let stretches = |hours: &WeekHours| {
            let mut stretches: Vec<Stretch> = first
                .iter_days()
                .take_while(|day| *day <= last)
                .filter(|day| !catalogue.closures.contains(day))
                .flat_map(|day| {
                    let openings = openings_of_weekday(hours, day);
                    openings.filter_map(move |opening| Stretch::of(*opening, day, zone))
                })
                .collect();
            stretches.sort_by_key(|stretch| stretch.opens);
            join(&mut stretches);
            stretches
        };
        let mut timetable = Self { tenant: Vec::new(), own: HashMap::new() };
        for member in members {
            match &member.hours {
                Some(hours) => {
                    timetable.own.insert(member.id, stretches(hours));
                }
                None if timetable.tenant.is_empty() => {
                    timetable.tenant = stretches(&catalogue.tenant.hours);
                }
                None => {}
            }
        }
        timetable
    }

    /// By their opening; they may overlap where the tenant's file has it so.
    pub(super) fn hours(&self, member: &Staff) -> &[Stretch] {
        match &member.hours {
            Some(_) => self.own.get(&member.id).map_or(&[], Vec::as_slice),
            None => &self.tenant,
        }
    }
}

/// Lets each stretch run on into those that open as it closes. They are in order of their opening.
fn join(stretches: &mut [Stretch]) {
    for at in (0..stretches.len()).rev() {
        let closes = stretches[at].closes;
        let next = stretches.partition_point(|stretch| stretch.opens < closes);
        let following = stretches[next..].iter().take_while(|stretch| stretch.opens == closes);
        if let Some(runs_until) = following.map(|stretch| stretch.runs_until).max() {
            stretches[at].runs_until = runs_until;
        }
    }
}

/// Whether one of these stretches has room for a visit. They are in order of their opening.
pub(super) fn is_within(hours: &[Stretch], start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
    let opened = hours.partition_point(|stretch| stretch.opens <= start);
    // No opening is longer than its day, with an hour or two that comes twice.
    let oldest = start - TimeDelta::days(2);
    let near = hours[..opened].iter().rev().take_while(|stretch| stretch.opens > oldest);
    near.into_iter().any(|stretch| start < stretch.closes && end <= stretch.runs_until)
}

/// Openings that a member of staff has on a local date, closures counted.
pub(super) fn openings<'a>(
    catalogue: &'a Catalogue,
    member: &'a Staff,
    date: NaiveDate,
) -> impl Iterator<Item = &'a Opening> {
    let hours = member.hours.as_ref().unwrap_or(&catalogue.tenant.hours);
    let closed = catalogue.closures.contains(&date);
    openings_of_weekday(hours, date).filter(move |_| !closed)
}

fn openings_of_weekday(hours: &WeekHours, date: NaiveDate) -> impl Iterator<Item = &Opening> {
    let weekday = date.weekday().number_from_monday();
    hours.openings.iter().filter(move |opening| u32::from(opening.weekday) == weekday)
}

/// The moment of a local time: its first reading where there are two, and where there is none the
/// moment at which the clock jumped over it.
pub(crate) fn moment_or_after(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
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
