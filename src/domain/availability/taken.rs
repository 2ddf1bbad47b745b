//! What of one member's time is not to be had for one service.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::catalogue::{Busy, Service, Span, Staff};

/// The times at which a service cannot be had of a member of staff: time off, bookings of other
/// services, and those times at which every place of the service itself is taken.
pub(super) struct Taken {
    before: TimeDelta,
    after: TimeDelta,
    /// By start, none empty, none overlapping another.
    blocked: Vec<Span>,
}

impl Taken {
    /// `busy` may be of anybody and reach as far as it likes; what lies outside of `window` does
    /// not count.
    pub(super) fn of(member: &Staff, service: &Service, busy: &[Busy], window: Span) -> Self {
        let (before, after) = (service.buffer_before, service.buffer_after);
        let from = window.start - before;
        let until = window.end + service.duration + after;
        let matters = |span: &Span| span.start < span.end && span.end > from && span.start <= until;
        let mut blocked: Vec<Span> = member.time_off.iter().copied().filter(matters).collect();
        let mut shared = Vec::new();
        for taken in busy.iter().filter(|taken| taken.staff_id == member.id) {
            let span = Span { start: taken.start, end: taken.end };
            if !matters(&span) {
                continue;
            }
            if shares(taken, service) { shared.push(span) } else { blocked.push(span) }
        }
        blocked.extend(full(&shared, usize::from(service.capacity)));
        blocked.sort_unstable_by_key(|span| span.start);
        Self { before, after, blocked: merged(blocked) }
    }

    /// Whether the service may take `[start, end)` and its buffers around it.
    pub(super) fn allows(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        self.walk(start).allows(start, end)
    }

    /// For questions about ever later times, none before `start`.
    pub(super) fn walk(&self, start: DateTime<Utc>) -> Walk<'_> {
        let from = start - self.before;
        let next = self.blocked.partition_point(|span| span.end <= from);
        Walk { before: self.before, after: self.after, ahead: &self.blocked[next..] }
    }
}

/// [`Taken`] from some time on.
pub(super) struct Walk<'a> {
    before: TimeDelta,
    after: TimeDelta,
    ahead: &'a [Span],
}

impl Walk<'_> {
    /// As [`Taken::allows`]; `start` is no sooner than any asked about before.
    pub(super) fn allows(&mut self, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        let (from, until) = (start - self.before, end + self.after);
        while let [past, ahead @ ..] = self.ahead
            && past.end <= from
        {
            self.ahead = ahead;
        }
        self.ahead.first().is_none_or(|span| span.start >= until)
    }
}

/// Whether a booking leaves its time to others of the same service, as long as there are places.
pub(super) fn shares(taken: &Busy, service: &Service) -> bool {
    taken.service_id == service.id && service.capacity > 1
}

/// The times at which at least `places` of these are present; by start, none overlapping.
pub(super) fn full(spans: &[Span], places: usize) -> Vec<Span> {
    let mut changes: Vec<(DateTime<Utc>, bool)> = spans
        .iter()
        .filter(|span| span.start < span.end)
        .flat_map(|span| [(span.start, true), (span.end, false)])
        .collect();
    // Who leaves makes room for who comes at the same moment.
    changes.sort_unstable();
    let mut full: Vec<Span> = Vec::new();
    let mut present = 0_usize;
    for (at, comes) in changes {
        if comes {
            present += 1;
            if present == places.max(1) {
                full.push(Span { start: at, end: at });
            }
        } else {
            if present == places.max(1)
                && let Some(last) = full.last_mut()
            {
                last.end = at;
            }
            present -= 1;
        }
    }
    full
}

fn merged(sorted: Vec<Span>) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::with_capacity(sorted.len());
    for span in sorted {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}
