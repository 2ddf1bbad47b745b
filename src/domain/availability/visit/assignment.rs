//! Which member of staff takes which line of a visit.
//!
//! The search goes line by line and remembers what it found out: how the rest of a visit can go
//! depends on the line, on when and with whom the one before ended, and on the buffers that still
//! keep some of the staff from going on. So its cost grows with the number of lines and not with the
//! number of assignments.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{Line, Visit, Wish};
use crate::domain::availability::FreeTime;
use crate::domain::availability::hours::{Grid, Timetable, is_within};
use crate::domain::availability::taken::Taken;
use crate::domain::catalogue::{Busy, Catalogue, Span, Staff};

/// Everything the search asks about.
pub(super) struct Planner<'a> {
    catalogue: &'a Catalogue,
    pub(super) timetable: Timetable,
    zone: Tz,
    /// The soonest and the latest start of a line.
    starts: Span,
    lines: Vec<Candidates<'a>>,
    /// Free time by which the staff of each line is preferred; empty: the order of the staff.
    free: Vec<FreeTime>,
    /// The day for which the candidates are in order.
    ordered: Option<NaiveDate>,
    /// The longest buffer before any of the lines.
    longest_before: TimeDelta,
}

/// Who may do one line.
struct Candidates<'a> {
    wish: Wish<'a>,
    /// In the order of preference.
    staff: Vec<Candidate<'a>>,
}

struct Candidate<'a> {
    /// Where the member stands in the catalogue.
    place: usize,
    member: &'a Staff,
    taken: Taken,
}

/// How a visit goes on from one line to its end.
#[derive(Clone)]
struct Rest {
    changes: usize,
    end: DateTime<Utc>,
    /// From the last line back.
    lines: Vec<Line>,
}

/// What the lines so far leave for those to come.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Progress {
    line: usize,
    /// When the line before ended; at first, when the visit begins.
    at: DateTime<Utc>,
    /// Who did the line before, by their place.
    last: Option<usize>,
    /// Until when the buffers of those who had a line last, where that may still matter.
    ready: Vec<(usize, DateTime<Utc>)>,
}

impl<'a> Planner<'a> {
    /// For visits that start in `within`.
    pub(super) fn of(
        catalogue: &'a Catalogue,
        wishes: &[Wish<'a>],
        within: Span,
        now: DateTime<Utc>,
        busy: &[Busy],
    ) -> Self {
        let rules = &catalogue.tenant.rules;
        let starts = Span { start: now + rules.min_notice, end: now + rules.horizon };
        let longest = wishes.iter().fold(TimeDelta::zero(), |sum, Wish { service, .. }| {
            sum + service.buffer_before + service.duration + service.buffer_after
        });
        let window = Span {
            start: within.start.max(starts.start),
            end: within.end.min(starts.end) + longest,
        };
        let may = |wish: &Wish<'_>, member: &Staff| {
            wish.staff.is_none_or(|wanted| wanted == member.id)
                && member.services.contains(&wish.service.id)
        };
        let doing = catalogue.staff.iter().filter(|m| wishes.iter().any(|wish| may(wish, m)));
        let timetable = Timetable::of(catalogue, doing, window);
        let candidates = |wish: &Wish<'a>| Candidates {
            wish: *wish,
            staff: catalogue
                .staff
                .iter()
                .enumerate()
                .filter(|(_, member)| may(wish, member))
                .map(|(place, member)| {
                    let taken = Taken::of(member, wish.service, busy, window);
                    Candidate { place, member, taken }
                })
                .collect(),
        };
        Self {
            catalogue,
            timetable,
            zone: catalogue.tenant.timezone,
            starts,
            lines: wishes.iter().map(candidates).collect(),
            free: Vec::new(),
            ordered: None,
            longest_before: wishes
                .iter()
                .map(|wish| wish.service.buffer_before)
                .max()
                .unwrap_or_default(),
        }
    }

    /// Prefers, for each line, whoever has the most free time on the day of the visit.
    pub(super) fn preferring(mut self, free: Vec<FreeTime>) -> Self {
        self.free = free;
        self
    }

    /// The best visit that starts at `start`, its first line with one whom `first` allows.
    pub(super) fn best(
        &mut self,
        start: DateTime<Utc>,
        first: impl Fn(Uuid) -> bool,
    ) -> Option<Visit> {
        if self.lines.is_empty() {
            return None;
        }
        self.order_by_free_time(start);
        let begin = Progress { line: 0, at: start, last: None, ready: Vec::new() };
        let mut rest = self.rest(&begin, &first, &mut HashMap::new())?;
        rest.lines.reverse();
        Some(Visit { lines: rest.lines })
    }

    /// Who has an opening on whose grid `start` lies and may do the first line.
    pub(super) fn on_grid(&self, start: DateTime<Utc>) -> Vec<Uuid> {
        let grid = Grid::of(self.catalogue);
        let Some(first) = self.lines.first() else { return Vec::new() };
        let end = start + first.wish.service.duration;
        let offered = |member: &Staff| {
            let hours = self.timetable.hours(member).iter();
            hours
                .filter(|s| s.contains(start) && end <= s.runs_until)
                .any(|s| s.is_on_grid(start, grid))
        };
        let staff = first.staff.iter().map(|candidate| candidate.member);
        staff.filter(|member| offered(member)).map(|member| member.id).collect()
    }

    /// The first line that nobody can take, however the ones before it are assigned, with whom it
    /// was tried and when it would have begun. For visits that cannot be.
    pub(super) fn furthest(
        &self,
        start: DateTime<Utc>,
    ) -> (usize, Vec<(&'a Staff, DateTime<Utc>)>) {
        let begin = Progress { line: 0, at: start, last: None, ready: Vec::new() };
        let mut reached = HashSet::from([begin]);
        for (line, candidates) in self.lines.iter().enumerate() {
            let mut tried = Vec::new();
            let mut next = HashSet::new();
            for progress in &reached {
                for candidate in &candidates.staff {
                    let at = self.begin(progress, candidate);
                    tried.push((candidate, at));
                    if self.fits(line, candidate, at) {
                        // Who did it matters no more: only the time counts here.
                        next.insert(Progress { last: None, ..self.after(progress, candidate, at) });
                    }
                }
            }
            if next.is_empty() {
                // The order of the staff, whatever a set's may be.
                tried.sort_by_key(|(candidate, at)| (candidate.place, *at));
                let tried = tried.into_iter().map(|(candidate, at)| (candidate.member, at));
                return (line, tried.collect());
            }
            reached = next;
        }
        (self.lines.len(), Vec::new())
    }

    fn order_by_free_time(&mut self, start: DateTime<Utc>) {
        let date = start.with_timezone(&self.zone).date_naive();
        if self.ordered == Some(date) {
            return;
        }
        self.ordered = Some(date);
        for (candidates, free) in self.lines.iter_mut().zip(&self.free) {
            candidates.staff.sort_by_key(|candidate| {
                (Reverse(free.on(date, candidate.member.id)), candidate.place)
            });
        }
    }

    /// The best way on, by changes of staff, then by its end; of equal ones the first in order.
    fn rest(
        &self,
        progress: &Progress,
        first: &impl Fn(Uuid) -> bool,
        known: &mut HashMap<Progress, Option<Rest>>,
    ) -> Option<Rest> {
        let line = progress.line;
        let Some(candidates) = self.lines.get(line) else {
            return Some(Rest { changes: 0, end: progress.at, lines: Vec::new() });
        };
        if let Some(rest) = known.get(progress) {
            return rest.clone();
        }
        let left = self.lines[line..]
            .iter()
            .fold(TimeDelta::zero(), |sum, candidates| sum + candidates.wish.service.duration);
        let mut best: Option<Rest> = None;
        for candidate in &candidates.staff {
            if line == 0 && !first(candidate.member.id) {
                continue;
            }
            let start = self.begin(progress, candidate);
            let changes = usize::from(progress.last.is_some_and(|last| last != candidate.place));
            let cannot_win = |best: &Rest| (best.changes, best.end) <= (changes, start + left);
            if best.as_ref().is_some_and(cannot_win) || !self.fits(line, candidate, start) {
                continue;
            }
            let next = self.after(progress, candidate, start);
            let Some(mut rest) = self.rest(&next, first, known) else { continue };
            rest.changes += changes;
            if best.as_ref().is_none_or(|best| (rest.changes, rest.end) < (best.changes, best.end))
            {
                rest.lines.push(Line {
                    service_id: candidates.wish.service.id,
                    staff_id: candidate.member.id,
                    start,
                    end: next.at,
                });
                best = Some(rest);
            }
        }
        // The last line is looked at once a way; to remember it would cost more than to look.
        if line > 0 && line + 1 < self.lines.len() {
            known.insert(progress.clone(), best.clone());
        }
        best
    }

    /// When a line begins with somebody.
    fn begin(&self, progress: &Progress, candidate: &Candidate<'_>) -> DateTime<Utc> {
        let before = self.lines[progress.line].wish.service.buffer_before;
        let ready = progress.ready.iter().find(|(place, _)| *place == candidate.place);
        ready.map_or(progress.at, |(_, ready)| progress.at.max(*ready + before))
    }

    fn fits(&self, line: usize, candidate: &Candidate<'_>, start: DateTime<Utc>) -> bool {
        let end = start + self.lines[line].wish.service.duration;
        self.starts.start <= start
            && start <= self.starts.end
            && is_within(self.timetable.hours(candidate.member), start, end)
            && candidate.taken.allows(start, end)
    }

    fn after(
        &self,
        progress: &Progress,
        candidate: &Candidate<'_>,
        start: DateTime<Utc>,
    ) -> Progress {
        let service = self.lines[progress.line].wish.service;
        let at = start + service.duration;
        let matters = |ready: DateTime<Utc>| ready + self.longest_before > at;
        let others = progress.ready.iter().copied();
        let mut ready: Vec<_> =
            others.filter(|(place, ready)| *place != candidate.place && matters(*ready)).collect();
        let own = at + service.buffer_after;
        if matters(own) {
            ready.push((candidate.place, own));
        }
        ready.sort_unstable_by_key(|(place, _)| *place);
        Progress { line: progress.line + 1, at, last: Some(candidate.place), ready }
    }
}
