//! The rules written out for one tick of a clock at a time, with nothing but walks and counts.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use crate::domain::availability::{Reason, Slot};
use crate::domain::catalogue::{Busy, Catalogue, Service, Staff};

/// A calendar as a row of ticks. Every length and time in it is a number of whole ticks.
pub(super) struct Oracle<'a> {
    catalogue: &'a Catalogue,
    busy: &'a [Busy],
    now: DateTime<Utc>,
    tick: TimeDelta,
    ticks: Vec<Tick>,
    /// Of each member of staff, in their order.
    openings: Vec<Vec<Open>>,
}

struct Tick {
    at: DateTime<Utc>,
    local: NaiveDateTime,
    /// Whether the clock shows this time for the first time.
    first: bool,
}

/// Ticks `[from, until)` at which an opening of a day is open.
struct Open {
    date: NaiveDate,
    wall: NaiveDateTime,
    from: usize,
    until: usize,
}

impl<'a> Oracle<'a> {
    /// Knows what is asked about times well inside of `from` to `until`.
    pub(super) fn new(
        catalogue: &'a Catalogue,
        busy: &'a [Busy],
        now: DateTime<Utc>,
        tick: TimeDelta,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        let mut ticks: Vec<Tick> = Vec::new();
        let mut shown = BTreeSet::new();
        let mut at = from;
        while at < until {
            let local = at.with_timezone(&catalogue.tenant.timezone).naive_local();
            ticks.push(Tick { at, local, first: shown.insert(local) });
            at += tick;
        }
        let mut oracle = Self { catalogue, busy, now, tick, ticks, openings: Vec::new() };
        oracle.openings = catalogue.staff.iter().map(|m| oracle.openings_of(m)).collect();
        oracle
    }

    pub(super) fn offered(
        &self,
        service: &Service,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<Slot> {
        let mut slots = Vec::new();
        for tick in self.ticks.iter().filter(|tick| from <= tick.at && tick.at < until) {
            for member in self.catalogue.staff.iter().filter(|m| m.services.contains(&service.id)) {
                if self.broken(member, service, tick.at).is_empty() {
                    let (start, end) = (tick.at, tick.at + service.duration);
                    slots.push(Slot { staff_id: member.id, start, end });
                }
            }
        }
        slots
    }

    pub(super) fn date(&self, moment: DateTime<Utc>) -> NaiveDate {
        moment.with_timezone(&self.catalogue.tenant.timezone).date_naive()
    }

    /// The rules that a booking would break, by their names.
    pub(super) fn broken(
        &self,
        member: &Staff,
        service: &Service,
        start: DateTime<Utc>,
    ) -> BTreeSet<&'static str> {
        let rules = &self.catalogue.tenant.rules;
        let mut broken = BTreeSet::new();
        if !member.services.contains(&service.id) {
            broken.insert("not_their_service");
        }
        if start < self.now {
            broken.insert("past");
        } else if start < self.now + rules.min_notice {
            broken.insert("notice");
        }
        if start > self.now + rules.horizon {
            broken.insert("horizon");
        }
        let nothing_more = ["past", "horizon", "not_their_service"];
        if nothing_more.iter().any(|rule| broken.contains(rule)) {
            return broken;
        }
        broken.extend(self.hours(member, service, start));
        broken.extend(self.neighbours(member, service, start));
        broken
    }

    fn hours(&self, member: &Staff, service: &Service, start: DateTime<Utc>) -> Vec<&'static str> {
        let at = self.ticks.binary_search_by_key(&start, |tick| tick.at).expect("a tick");
        let Tick { local, first, .. } = self.ticks[at];
        let place = self.catalogue.staff.iter().position(|other| other.id == member.id);
        let openings = &self.openings[place.expect("a member")];
        let inside: Vec<(bool, bool)> = openings
            .iter()
            .filter(|open| open.from <= at && at < open.until)
            .map(|open| {
                // Openings that follow without a break are open all the same.
                let mut ends = BTreeSet::from([open.until]);
                loop {
                    let more = openings.iter().filter(|o| ends.contains(&o.from)).map(|o| o.until);
                    let grown: BTreeSet<_> = more.chain(ends.iter().copied()).collect();
                    if grown.len() == ends.len() {
                        break;
                    }
                    ends = grown;
                }
                let until = *ends.last().expect("its own end");
                let fits = start + service.duration
                    <= self.ticks[open.from].at
                        + self.tick * i32::try_from(until - open.from).unwrap();
                let since = (local - open.wall).num_minutes();
                let interval = self.catalogue.tenant.rules.slot_interval.num_minutes();
                (fits, first && since >= 0 && since % interval == 0)
            })
            .collect();
        let of_day = || openings.iter().filter(|open| open.date == local.date());
        match inside.iter().min_by_key(|(fits, on_grid)| (!fits, !on_grid)) {
            Some((true, true)) => vec![],
            Some((true, false)) => vec!["off_grid"],
            Some((false, true)) => vec!["closing"],
            Some((false, false)) => vec!["closing", "off_grid"],
            None if self.catalogue.closures.contains(&local.date()) => vec!["closure"],
            None if of_day().next().is_none() => vec!["no_hours"],
            None if of_day().any(|o| o.until <= at) && of_day().any(|o| o.from > at) => {
                vec!["break"]
            }
            None => vec!["outside_hours"],
        }
    }

    /// Open from the first tick that is no sooner by the clock than the opening says, until the
    /// first that is no sooner than its end.
    fn openings_of(&self, member: &Staff) -> Vec<Open> {
        let hours = member.hours.as_ref().unwrap_or(&self.catalogue.tenant.hours);
        let dates: BTreeSet<NaiveDate> = self.ticks.iter().map(|t| t.local.date()).collect();
        let shows = |local: NaiveDateTime| {
            self.ticks.iter().position(|tick| tick.local >= local).unwrap_or(self.ticks.len())
        };
        let mut openings = Vec::new();
        for date in dates.into_iter().filter(|date| !self.catalogue.closures.contains(date)) {
            for opening in &hours.openings {
                if u32::from(opening.weekday) == date.weekday().number_from_monday() {
                    let clock = |minutes: u16| {
                        date.and_time(NaiveTime::MIN) + TimeDelta::minutes(minutes.into())
                    };
                    let wall = clock(opening.opens);
                    let (from, until) = (shows(wall), shows(clock(opening.closes)));
                    if from < until {
                        openings.push(Open { date, wall, from, until });
                    }
                }
            }
        }
        openings
    }

    fn neighbours(
        &self,
        member: &Staff,
        service: &Service,
        start: DateTime<Utc>,
    ) -> BTreeSet<&'static str> {
        let end = start + service.duration;
        let visit = self.walk(start, end);
        let whole = self.walk(start - service.buffer_before, end + service.buffer_after);
        let mut broken = BTreeSet::new();
        for off in &member.time_off {
            let away = |at: &DateTime<Utc>| off.start <= *at && *at < off.end;
            if visit.iter().any(away) {
                broken.insert("time_off");
            } else if whole.iter().any(away) {
                broken.insert("buffer");
            }
        }
        let theirs = self.busy.iter().filter(|taken| taken.staff_id == member.id);
        let (same, others): (Vec<&Busy>, Vec<&Busy>) =
            theirs.partition(|t| t.service_id == service.id && service.capacity > 1);
        for taken in others {
            if visit.iter().any(|at| self.visits(taken, *at)) {
                broken.insert("booked");
            } else if whole.iter().any(|at| taken.start <= *at && *at < taken.end) {
                broken.insert("buffer");
            }
        }
        let places = usize::from(service.capacity);
        let visitors = |at: &DateTime<Utc>| same.iter().filter(|t| self.visits(t, *at)).count();
        let blocking =
            |at: &DateTime<Utc>| same.iter().filter(|t| t.start <= *at && *at < t.end).count();
        if visit.iter().any(|at| visitors(at) >= places) {
            broken.insert("full");
        } else if whole.iter().any(|at| blocking(at) >= places) {
            broken.insert("buffer");
        }
        broken
    }

    /// Whether a booking's visit itself goes on at a tick.
    fn visits(&self, taken: &Busy, at: DateTime<Utc>) -> bool {
        let service = self.catalogue.services.iter().find(|s| s.id == taken.service_id);
        let (before, after) =
            service.map(|s| (s.buffer_before, s.buffer_after)).unwrap_or_default();
        let (mut start, mut end) = (taken.start + before, taken.end - after);
        if start >= end {
            (start, end) = (taken.start, taken.end);
        }
        start <= at && at < end
    }

    fn walk(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let mut ticks = Vec::new();
        let mut at = from;
        while at < until {
            ticks.push(at);
            at += self.tick;
        }
        ticks
    }
}

/// The names of reasons, as the oracle has them.
pub(super) fn names(reasons: &[Reason]) -> BTreeSet<&'static str> {
    reasons
        .iter()
        .map(|reason| match reason {
            Reason::Past => "past",
            Reason::Notice { .. } => "notice",
            Reason::Horizon { .. } => "horizon",
            Reason::NobodyDoesIt => "nobody_does_it",
            Reason::UnknownStaff => "unknown_staff",
            Reason::NotTheirService => "not_their_service",
            Reason::Closure { .. } => "closure",
            Reason::NoHours { .. } => "no_hours",
            Reason::OutsideHours { .. } => "outside_hours",
            Reason::Break(_) => "break",
            Reason::Closing { .. } => "closing",
            Reason::TimeOff(_) => "time_off",
            Reason::Booked(_) => "booked",
            Reason::Full { .. } => "full",
            Reason::Buffer(_) => "buffer",
            Reason::OffGrid => "off_grid",
        })
        .collect()
}
