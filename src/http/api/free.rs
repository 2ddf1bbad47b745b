//! Whether a wished time is to be had, and what is free near it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use axum::http::StatusCode;

use super::availability::{FreeSlot, FreeVisit, ToldReason};
use super::problem::Problem;
use crate::db::{self, TenantTx};
use crate::domain::availability::{
    Reason, Visit, Wish, bookable_span, breaks_rule, explain, explain_visit, free_slots,
    free_visits, one_each_start, slots_at, visit_at,
};
use crate::domain::catalogue::{Busy, Catalogue, Service, Span};

/// How far from the wished time alternatives are looked for at first.
const NEAR: TimeDelta = TimeDelta::days(7);
/// How many are offered.
const ALTERNATIVES: usize = 3;

/// What a tenant has free around a wished time.
#[derive(Debug)]
pub(super) struct Calendar {
    pub(super) catalogue: Catalogue,
    now: DateTime<Utc>,
    busy: Vec<Busy>,
    /// Bookings that are to be moved, and so are in nobody's way.
    without: Vec<Uuid>,
    /// Where starts are looked for.
    within: Span,
    /// What `busy` covers.
    known: Span,
}

impl Calendar {
    /// Loads what is taken around `wished`, for visits of at most `lines` services.
    pub(super) async fn load(
        db: &mut TenantTx,
        catalogue: Catalogue,
        now: DateTime<Utc>,
        wished: DateTime<Utc>,
        lines: usize,
        without: &[Uuid],
    ) -> sqlx::Result<Self> {
        let whole = bookable_span(&catalogue, now);
        let last = now + catalogue.tenant.rules.horizon;
        // The longest service with its buffers, for each line.
        let longest = (whole.end - last) + (now - whole.start);
        let margin = longest * i32::try_from(lines).unwrap_or(1).max(1);
        let middle = wished.clamp(now, last.max(now));
        let within = Span { start: middle - NEAR, end: middle + NEAR };
        let known = Span { start: within.start - margin, end: within.end + margin };
        let without = without.to_vec();
        let mut calendar = Self { catalogue, now, busy: Vec::new(), without, within, known };
        calendar.reload(db).await?;
        Ok(calendar)
    }

    /// Looks again at what is taken.
    pub(super) async fn reload(&mut self, db: &mut TenantTx) -> sqlx::Result<()> {
        self.busy = db::busy(db, self.known, None, &self.without).await?;
        Ok(())
    }

    /// Those with whom `service` may start at exactly `start`; whoever has the most free time that
    /// day first.
    pub(super) fn staff_at(
        &self,
        service: &Service,
        staff: Option<Uuid>,
        start: DateTime<Utc>,
    ) -> Vec<Uuid> {
        let slots = slots_at(&self.catalogue, service, staff, start, self.now, &self.busy);
        slots.into_iter().map(|slot| slot.staff_id).collect()
    }

    /// The visit that may start at exactly `start`.
    pub(super) fn visit_at(&self, wishes: &[Wish<'_>], start: DateTime<Utc>) -> Option<Visit> {
        visit_at(&self.catalogue, wishes, start, self.now, &self.busy)
    }

    /// Why a booking does not start then, off the grid or on it; empty: it may.
    pub(super) fn reasons(
        &self,
        service: &Service,
        staff: Option<Uuid>,
        start: DateTime<Utc>,
    ) -> Vec<Reason> {
        let reasons = explain(&self.catalogue, service, staff, start, self.now, &self.busy);
        if breaks_rule(&reasons) { reasons } else { Vec::new() }
    }

    /// Why a booking cannot have `start`, with what it can have.
    pub(super) async fn refuse(
        &mut self,
        db: &mut TenantTx,
        service: &Service,
        staff: Option<Uuid>,
        start: DateTime<Utc>,
    ) -> sqlx::Result<Problem> {
        let reasons = self.reasons(service, staff, start);
        let mut near = self.nearest_slots(service, staff, start);
        if near.len() < ALTERNATIVES {
            self.widen(db).await?;
            near = self.nearest_slots(service, staff, start);
        }
        Ok(self.refusal(&reasons, None, &near))
    }

    /// Why a visit cannot have `start`, with what it can have.
    pub(super) async fn refuse_visit(
        &mut self,
        db: &mut TenantTx,
        wishes: &[Wish<'_>],
        start: DateTime<Utc>,
    ) -> sqlx::Result<Problem> {
        let refused = explain_visit(&self.catalogue, wishes, start, self.now, &self.busy);
        let (line, reasons) = refused.map_or((0, Vec::new()), |it| (it.line, it.reasons));
        let mut near = self.nearest_visits(wishes, start);
        if near.len() < ALTERNATIVES {
            self.widen(db).await?;
            near = self.nearest_visits(wishes, start);
        }
        Ok(self.refusal(&reasons, Some(line), &near))
    }

    /// Free times nearest to `start`, one a start; those of the member of staff who was wished for
    /// before those of others.
    fn nearest_slots(
        &self,
        service: &Service,
        staff: Option<Uuid>,
        start: DateTime<Utc>,
    ) -> Vec<FreeSlot> {
        let mut slots =
            free_slots(&self.catalogue, service, None, self.within, self.now, &self.busy);
        if staff.is_none() {
            slots = one_each_start(&slots, self.catalogue.tenant.timezone);
        }
        slots.sort_by_key(|slot| {
            let other = staff.is_some_and(|wished| wished != slot.staff_id);
            (other, (slot.start - start).abs(), slot.start)
        });
        let mut starts = Vec::with_capacity(ALTERNATIVES);
        slots
            .iter()
            .filter(|slot| {
                let is_new = !starts.contains(&slot.start);
                starts.push(slot.start);
                is_new
            })
            .filter_map(|slot| FreeSlot::of(slot, &self.catalogue))
            .take(ALTERNATIVES)
            .collect()
    }

    fn nearest_visits(&self, wishes: &[Wish<'_>], start: DateTime<Utc>) -> Vec<FreeVisit> {
        let mut visits = free_visits(&self.catalogue, wishes, self.within, self.now, &self.busy);
        visits.sort_by_key(|visit| visit.start().map(|at| ((at - start).abs(), at)));
        visits
            .iter()
            .filter_map(|visit| FreeVisit::of(visit, &self.catalogue))
            .take(ALTERNATIVES)
            .collect()
    }

    /// Looks as far as the tenant takes bookings.
    async fn widen(&mut self, db: &mut TenantTx) -> sqlx::Result<()> {
        let whole = bookable_span(&self.catalogue, self.now);
        self.within =
            Span { start: self.within.start.min(whole.start), end: self.within.end.max(whole.end) };
        self.known =
            Span { start: self.known.start.min(whole.start), end: self.known.end.max(whole.end) };
        self.reload(db).await
    }

    /// 409 for a time that others have, 422 for one that breaks a rule. No reasons: somebody was quicker
    /// than our look at the calendar.
    fn refusal(
        &self,
        reasons: &[Reason],
        line: Option<usize>,
        alternatives: &[impl Serialize],
    ) -> Problem {
        let taken = reasons.iter().all(|reason| reason.is_taken() || *reason == Reason::OffGrid);
        let problem = if taken {
            Problem::new(
                StatusCode::CONFLICT,
                "slot-taken",
                "The time is taken",
                "Somebody else has this time or a part of it. Nothing was changed.",
            )
        } else {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not-bookable",
                "The time cannot be booked",
                "The time breaks a rule of the tenant; reasons lists which. Nothing was changed.",
            )
        };
        let problem = match line {
            Some(line) => problem.with("line", line),
            None => problem,
        };
        problem
            .with("reasons", ToldReason::all(reasons, &self.catalogue))
            .with("alternatives", alternatives)
    }
}
