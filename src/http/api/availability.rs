//! Free times, and why a time is not free.

mod told;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::catalogue::Named;
use super::input::{Query, flag, key, timestamp};
use super::key::Caller;
use super::problem::{KeyedProblems, Problem};
use crate::db::bookings;
use crate::domain::availability::{self, Wish, breaks_rule};
use crate::domain::catalogue::{Busy, Catalogue, Service, Span, Staff};
use crate::http::App;

pub(super) use told::{FreeSlot, FreeVisit, ToldReason};

/// The longest stretch that one request may ask for.
const LONGEST: TimeDelta = TimeDelta::days(62);
/// Services of one visit.
const MOST_SERVICES: usize = 6;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list_free_times)).routes(routes!(explain_time))
}

/// Free times, by their starts: `slots` of one service, `visits` of several.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum FreeTimes {
    One { slots: Vec<FreeSlot> },
    Several { visits: Vec<FreeVisit> },
}

/// What is asked, by keys.
struct Wanted {
    /// None: not given, or wrong; the query has noted it.
    services: Option<Vec<String>>,
    staff: Option<String>,
}

/// List free times
///
/// Starts from `from` until before `to`, on the tenant's grid, within its notice and horizon. At
/// each start the member of staff with the most free time that day; with `each=true` everybody who
/// is free. Several services are one visit, back to back, with one assignment of staff a start:
/// fewest changes of staff, then soonest end. A time that is listed is not kept.
#[utoipa::path(
    get, path = "/availability", tag = "availability",
    params(
        ("service" = Vec<String>, Query, style = Form, explode = false, min_items = 1, max_items = 6,
         description = "Key of the service; several, with commas, for a visit of them in this order", example = json!(["corte"])),
        ("from" = DateTime<FixedOffset>, Query, description = "Earliest start", example = "2026-03-12T00:00:00-03:00"),
        ("to" = DateTime<FixedOffset>, Query, description = "Starts are before this; after `from`, by 62 days at most", example = "2026-03-13T00:00:00-03:00"),
        ("staff" = Option<String>, Query, description = "Key of the one member of staff who is to do it all", min_length = 1, max_length = 63, example = "ana"),
        ("each" = Option<bool>, Query, description = "List every free member of staff at each start; of one service only"),
    ),
    responses((status = 200, description = "Free times, by start", body = FreeTimes), KeyedProblems),
)]
async fn list_free_times(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<FreeTimes>, Problem> {
    let wanted = wanted(&mut query);
    let within = within(&mut query);
    let each = query.optional("each", flag).unwrap_or(false);
    if each && wanted.services.as_ref().is_some_and(|services| services.len() > 1) {
        query.report("each", "goes with one service only");
    }
    let now = app.clock.now();
    let mut db = caller.begin(&app).await?;
    let catalogue = bookings::catalogue(&mut db).await?;
    let wishes = wishes(&mut query, &catalogue, &wanted);
    let (wishes, within) = query.finish_with(wishes.zip(within))?;
    // Whoever has the most free time that day is known of whole days only.
    let day = TimeDelta::days(1);
    let days = Span { start: within.start - day, end: within.end + day };
    let span = span_that_decides(&catalogue, &wishes, days, now);
    let busy = crate::db::busy(&mut db, span, None, &[]).await?;
    db.rollback().await?;
    Ok(Json(free_times(&catalogue, &wishes, within, days, each, now, &busy)))
}

fn free_times(
    catalogue: &Catalogue,
    wishes: &[Wish<'_>],
    within: Span,
    days: Span,
    each: bool,
    now: DateTime<Utc>,
    busy: &[Busy],
) -> FreeTimes {
    let asked = |start: DateTime<Utc>| within.start <= start && start < within.end;
    let [wish] = wishes else {
        let visits = availability::free_visits(catalogue, wishes, days, now, busy);
        let asked = visits.iter().filter(|visit| visit.start().is_some_and(asked));
        let visits = asked.filter_map(|visit| FreeVisit::of(visit, catalogue)).collect();
        return FreeTimes::Several { visits };
    };
    let mut slots = availability::free_slots(catalogue, wish.service, wish.staff, days, now, busy);
    if !each {
        slots = availability::one_each_start(&slots, catalogue.tenant.timezone);
    }
    let asked = slots.iter().filter(|slot| asked(slot.start));
    FreeTimes::One { slots: asked.filter_map(|slot| FreeSlot::of(slot, catalogue)).collect() }
}

/// Whether a time can be booked, and what stands against it.
#[derive(Debug, Serialize, ToSchema)]
struct Explained {
    bookable: bool,
    /// What stands against it, the heaviest reason first; of a time that can be booked none, or
    /// `off_grid` alone. Without `staff`, the reasons of the member of staff nearest to being free.
    reasons: Vec<ToldReason>,
    /// Of a visit: the service that the reasons speak of; null where there are none.
    service: Option<Named>,
}

/// Explain why a time is free or not
///
/// A time off the tenant's grid can be booked when it breaks no other rule.
#[utoipa::path(
    get, path = "/availability/explain", tag = "availability",
    params(
        ("service" = Vec<String>, Query, style = Form, explode = false, min_items = 1, max_items = 6,
         description = "Key of the service; several, with commas, for a visit of them in this order", example = json!(["corte"])),
        ("starts_at" = DateTime<FixedOffset>, Query, description = "The start in question", example = "2026-03-12T15:00:00-03:00"),
        ("staff" = Option<String>, Query, description = "Key of the one member of staff who is to do it all", min_length = 1, max_length = 63, example = "ana"),
    ),
    responses((status = 200, description = "Whether the time can be booked, and why not", body = Explained), KeyedProblems),
)]
async fn explain_time(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<Explained>, Problem> {
    let wanted = wanted(&mut query);
    let start = query.required("starts_at", timestamp).map(|start| start.to_utc());
    let now = app.clock.now();
    let mut db = caller.begin(&app).await?;
    let catalogue = bookings::catalogue(&mut db).await?;
    let wishes = wishes(&mut query, &catalogue, &wanted);
    let (wishes, start) = query.finish_with(wishes.zip(start))?;
    let day = TimeDelta::days(1);
    let days = Span { start: start - day, end: start + day };
    let span = span_that_decides(&catalogue, &wishes, days, now);
    let busy = crate::db::busy(&mut db, span, None, &[]).await?;
    db.rollback().await?;

    let refusal = availability::explain_visit(&catalogue, &wishes, start, now, &busy);
    let Some(refusal) = refusal else {
        return Ok(Json(Explained { bookable: true, reasons: Vec::new(), service: None }));
    };
    Ok(Json(Explained {
        bookable: !breaks_rule(&refusal.reasons),
        reasons: ToldReason::all(&refusal.reasons, &catalogue),
        service: wishes.get(refusal.line).map(|wish| wish.service.into()),
    }))
}

fn wanted(query: &mut Query) -> Wanted {
    let services = query.required("service", |text| {
        let services: Vec<String> = text.split(',').map(key).collect::<Result<_, _>>()?;
        if services.len() > MOST_SERVICES {
            return Err(format!("has more than {MOST_SERVICES} keys"));
        }
        Ok(services)
    });
    let staff = query.optional("staff", key);
    Wanted { services, staff }
}

fn within(query: &mut Query) -> Option<Span> {
    let from = query.required("from", timestamp);
    let to = query.required("to", timestamp);
    let (start, end) = (from?.to_utc(), to?.to_utc());
    if end <= start {
        query.report("to", "is not after from");
        return None;
    }
    if end - start > LONGEST {
        query.report("to", format!("is more than {} days after from", LONGEST.num_days()));
        return None;
    }
    Some(Span { start, end })
}

/// The services and who is to do them; reports every key that is wrong.
fn wishes<'a>(
    query: &mut Query,
    catalogue: &'a Catalogue,
    wanted: &Wanted,
) -> Option<Vec<Wish<'a>>> {
    let keys = wanted.services.as_deref().unwrap_or_default();
    // Each is looked at before the first that is wrong ends it: all are reported.
    let found: Vec<_> = keys.iter().map(|key| service(query, catalogue, key)).collect();
    let services: Vec<&Service> = found.iter().copied().flatten().collect();
    let staff = match &wanted.staff {
        Some(key) => Some(member(query, catalogue, key, &services)?),
        None => None,
    };
    if wanted.services.is_none() || found.len() > services.len() {
        return None;
    }
    Some(services.into_iter().map(|service| Wish { service, staff }).collect())
}

fn service<'a>(query: &mut Query, catalogue: &'a Catalogue, key: &str) -> Option<&'a Service> {
    let found = catalogue.services.iter().find(|service| service.key == key);
    if found.is_none() {
        query.report(
            "service",
            format!("{key} is no service on offer; GET /api/v1/services lists them"),
        );
    }
    found
}

fn member(
    query: &mut Query,
    catalogue: &Catalogue,
    key: &str,
    services: &[&Service],
) -> Option<Uuid> {
    let found: Option<&Staff> = catalogue.staff.iter().find(|member| member.key == key);
    let Some(found) = found else {
        query.report("staff", format!("{key} is nobody at work; GET /api/v1/staff lists them"));
        return None;
    };
    if let Some(other) = services.iter().find(|service| !found.services.contains(&service.id)) {
        let problem = format!("{key} does not do {}; GET /api/v1/staff lists who does", other.key);
        query.report("staff", problem);
        return None;
    }
    Some(found.id)
}

/// The stretch whose busy times decide about starts in `within`: that, as far as the tenant takes
/// bookings, and around it what the services and any neighbour's buffers may take.
fn span_that_decides(
    catalogue: &Catalogue,
    wishes: &[Wish<'_>],
    within: Span,
    now: DateTime<Utc>,
) -> Span {
    let whole = |service: &Service| service.buffer_before + service.duration + service.buffer_after;
    let margin = wishes.iter().fold(TimeDelta::zero(), |sum, wish| sum + whole(wish.service));
    let last = now + catalogue.tenant.rules.horizon;
    let start = within.start.clamp(now, last.max(now));
    let end = within.end.clamp(start, last.max(start));
    // Busy times reach over the edge by themselves: whatever overlaps is read whole.
    Span { start: start - margin, end: end + margin + TimeDelta::seconds(1) }
}
