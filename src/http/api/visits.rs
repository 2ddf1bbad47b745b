//! Visits of several services.
//!
//! The bookings of a visit follow each other, with one member of staff or several, and are taken,
//! moved and cancelled as one. Each of them is a booking, too, and can be changed alone.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, FixedOffset, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::bookings::body::Visit;
use super::bookings::{
    BookingProblems, ChangeProblems, NamedCustomer, NewCustomer, NoSuchBooking, as_booked,
    illegal_status, inside_notice, json, wanted_service,
};
use super::free::Calendar;
use super::idempotency::Once;
use super::in_path::InPath;
use super::input::{Fields, JsonObject, Query, choice, string, text, timestamp};
use super::key::Caller;
use super::patience::{Failure, Patience, begin};
use super::problem::{BodyProblems, KeyedProblems, Problem};
use crate::db::TenantTx;
use crate::db::bookings::{self, Booking, Line, Refused, Scope, Which};
use crate::domain::availability;
use crate::domain::catalogue::{Catalogue, Service};
use crate::domain::code::Code;
use crate::http::App;

/// Services of one visit, at most.
const MOST: usize = 6;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(create)).routes(routes!(read, change))
}

/// A visit to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `Wanted::read` reads")]
struct NewVisit {
    /// In the order in which they follow each other.
    #[schema(min_items = 1, max_items = 6)]
    services: Vec<NewLine>,
    /// When the first service starts, with an offset.
    #[schema(example = "2026-03-12T09:00:00-03:00")]
    starts_at: DateTime<FixedOffset>,
    customer: NewCustomer,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `Wanted::read` reads")]
struct NewLine {
    /// Key of a service on offer.
    #[schema(example = "corte", min_length = 1, max_length = 63)]
    service: String,
    /// Key of a member of staff; left out: anybody who does it.
    #[schema(example = "ana", min_length = 1, max_length = 63)]
    staff: Option<String>,
}

/// A change of a whole visit: its cancellation, or another time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `Change::read` reads")]
struct VisitChange {
    #[schema(inline)]
    status: Option<Cancelled>,
    /// Why it is cancelled; with `"status": "cancelled"`.
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// When its first booking is to start instead; the others move as far.
    starts_at: Option<DateTime<FixedOffset>>,
    /// Why it is cancelled or moved all the same, inside the tenant's cancellation notice.
    #[schema(min_length = 1, max_length = 500)]
    override_reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Cancelled {
    Cancelled,
}

/// What one wants who books.
struct Wanted {
    services: Vec<(Service, Option<Uuid>)>,
    start: DateTime<Utc>,
    customer: NamedCustomer,
}

impl Wanted {
    fn read(body: &JsonObject, catalogue: &Catalogue) -> Result<Self, Problem> {
        let mut fields = Fields::of(body);
        let services = fields.required_objects("services", 1, MOST, |line| {
            wanted_service(line, catalogue).map(|(service, staff)| (service.clone(), staff))
        });
        let start = fields.required("starts_at", string(timestamp));
        let customer = fields.required_object("customer", NamedCustomer::read);
        let made = services.zip(start).zip(customer);
        fields.finish_with(made.map(|((services, start), customer)| Self {
            services,
            start: start.to_utc(),
            customer,
        }))
    }
}

/// The services in the words of `domain::availability`.
fn wishes(services: &[(Service, Option<Uuid>)]) -> Vec<availability::Wish<'_>> {
    services.iter().map(|(service, staff)| availability::Wish { service, staff: *staff }).collect()
}

/// Make a visit
///
/// Several services one after the other, all booked or none. They are confirmed at once; the
/// customer gets one message and one code. Where no staff is named, the assignment with the fewest
/// changes of staff is taken. A time that others have is 409 with `alternatives` for the whole visit;
/// `line` is the service, counted from 0, that did not fit.
#[utoipa::path(
    post, path = "/visits", tag = "visits",
    params(("Idempotency-Key" = Option<String>, Header,
        description = "As for bookings: the same key again within 24 hours gives the same answer",
        min_length = 1, max_length = 255, pattern = "^[!-~]+$", example = "b7f1c6de-visit-1")),
    request_body(content = NewVisit),
    responses(
        (status = 201, description = "The visit", body = Visit, headers(
            ("Location" = String, description = "Where it is read and changed"),
            ("Idempotency-Replayed" = Option<String>, description = "`true`: this is the answer to an earlier request"),
        )),
        BodyProblems, KeyedProblems, BookingProblems,
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    query: Query,
    body: JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let once = Once::read(&headers, uri.path(), &body)?;
    let mut patience = Patience::new();
    loop {
        match book(&app, &caller, &once, &body).await {
            Err(failure) if patience.allows(&failure).await => {}
            done => return Ok(done?),
        }
    }
}

/// One try of [`create`].
async fn book(
    app: &App,
    caller: &Caller,
    once: &Once,
    body: &JsonObject,
) -> Result<Response, Failure> {
    let mut db = begin(app, caller).await?;
    if let Some(answer) = once.claim(&mut db).await? {
        return Ok(answer);
    }
    let catalogue = bookings::catalogue(&mut db).await?;
    let wanted = Wanted::read(body, &catalogue)?;
    let (now, lines) = (app.clock.now(), wanted.services.len());
    let mut calendar = Calendar::load(&mut db, catalogue, now, wanted.start, lines, &[]).await?;
    let id = take(&mut db, &mut calendar, &wanted).await?;
    let lines = bookings::find(&mut db, Which::Visit(id)).await?;
    let visit = Visit::of(&lines).ok_or_else(Problem::internal)?;
    let made = once.keep(&mut db, json(&visit)?).await?;
    db.commit().await?;
    Ok(made.into_response())
}

/// Books the best assignment there is; where somebody was quicker, the best of what they left.
async fn take(
    db: &mut TenantTx,
    calendar: &mut Calendar,
    wanted: &Wanted,
) -> Result<Uuid, Failure> {
    let Wanted { services, start, customer } = wanted;
    customer.note(db).await?;
    let wishes = wishes(services);
    let mut tried = Vec::new();
    while let Some(visit) = calendar.visit_at(&wishes, *start).filter(|it| !tried.contains(it)) {
        let lines: Vec<Line> = visit
            .lines
            .iter()
            .map(|line| Line {
                service_id: line.service_id,
                staff_id: line.staff_id,
                starts_at: line.start,
            })
            .collect();
        match bookings::book(db, &customer.phone, customer.name.as_deref(), &lines).await {
            Ok(id) => return Ok(id),
            Err(Refused::Taken) => calendar.reload(db).await?,
            Err(refused) => return Err(refused.into()),
        }
        tried.push(visit);
    }
    Err(Failure::Told(calendar.refuse_visit(db, &wishes, *start).await?))
}

/// Read a visit
///
/// Of any booking: a single one is a visit of one.
#[utoipa::path(
    get, path = "/visits/{id}", tag = "visits",
    params(("id" = String, Path, description = "Its id, or its code as people type it", example = "K7F2A")),
    responses((status = 200, description = "The visit", body = Visit), KeyedProblems, NoSuchBooking),
)]
async fn read(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath,
    query: Query,
) -> Result<Json<Visit>, Problem> {
    query.finish()?;
    let mut db = caller.begin(&app).await?;
    let lines = lines(&mut db, &id).await?;
    db.rollback().await?;
    Ok(Json(Visit::of(&lines).ok_or_else(Problem::internal)?))
}

/// The bookings of the visit that an address names: at least one.
async fn lines(db: &mut TenantTx, named: &str) -> Result<Vec<Booking>, Failure> {
    let found = match (Uuid::parse_str(named), named.parse::<Code>()) {
        (Ok(id), _) => bookings::find(db, Which::Visit(id)).await?,
        (_, Ok(code)) => bookings::find(db, Which::Code(code.as_str())).await?,
        _ => Vec::new(),
    };
    if found.is_empty() { Err(Problem::not_found("visit").into()) } else { Ok(found) }
}

/// What is asked of a visit.
enum Change {
    Cancel { reason: Option<String>, override_reason: Option<String> },
    Move { start: DateTime<Utc>, override_reason: Option<String> },
}

impl Change {
    fn read(body: &JsonObject) -> Result<Self, Problem> {
        let mut fields = Fields::of(body);
        let status = fields.optional("status", string(choice(&["cancelled"])));
        let start = fields.optional("starts_at", string(timestamp));
        let reason = fields.optional("reason", string(text(1..=500)));
        let override_reason = fields.optional("override_reason", string(text(1..=500)));
        match (fields.has("status"), fields.has("starts_at")) {
            (true, true) => fields.report("starts_at", "cannot change together with status"),
            (false, false) => fields.report("status", "or starts_at is needed"),
            (false, true) if fields.has("reason") => {
                fields
                    .report("reason", "is for cancelling: send \"status\": \"cancelled\" with it");
            }
            _ => {}
        }
        fields.finish_with(match (status, start) {
            (Some(_), _) => Some(Self::Cancel { reason, override_reason }),
            (None, Some(start)) => Some(Self::Move { start: start.to_utc(), override_reason }),
            (None, None) => None,
        })
    }
}

/// Change a visit
///
/// Cancels or moves all its bookings that are still to come, or none: they keep their distances and
/// their staff.
#[utoipa::path(
    patch, path = "/visits/{id}", tag = "visits",
    params(("id" = String, Path, description = "Its id, or its code as people type it", example = "K7F2A")),
    request_body(content = VisitChange, examples(
        ("cancel" = (value = json!({"status": "cancelled", "reason": "The customer called"}))),
        ("move" = (value = json!({"starts_at": "2026-03-12T16:00:00-03:00"}))),
    )),
    responses(
        (status = 200, description = "The visit as it is now", body = Visit),
        BodyProblems, KeyedProblems, ChangeProblems,
    ),
)]
async fn change(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath,
    query: Query,
    body: JsonObject,
) -> Result<Json<Visit>, Problem> {
    query.finish()?;
    let change = Change::read(&body)?;
    let mut patience = Patience::new();
    loop {
        match apply(&app, &caller, &id, &change).await {
            Err(failure) if patience.allows(&failure).await => {}
            done => return Ok(Json(done?)),
        }
    }
}

/// One try of [`change`].
async fn apply(app: &App, caller: &Caller, id: &str, change: &Change) -> Result<Visit, Failure> {
    let mut db = begin(app, caller).await?;
    let named = lines(&mut db, id).await?;
    let ids: Vec<Uuid> = named.iter().map(|line| line.id).collect();
    bookings::lock(&mut db, &ids).await?;
    let visit = named.first().map(|line| line.visit_id).ok_or_else(Problem::internal)?;
    let now_there = bookings::find(&mut db, Which::Visit(visit)).await?;
    match change {
        Change::Cancel { reason, override_reason } => {
            if !now_there.iter().any(Booking::is_active) && !is_cancelled(&now_there) {
                return Err(nothing_to_come(&now_there, "be cancelled").into());
            }
            let scope = Scope::Visit(visit);
            bookings::cancel(&mut db, scope, reason.as_deref(), override_reason.as_deref())
                .await
                .map_err(|refused| inside_notice(refused, "cancelled"))?;
        }
        Change::Move { start, override_reason } => {
            let reason = override_reason.as_deref();
            move_to(&mut db, app.clock.now(), &now_there, *start, reason).await?;
        }
    }
    let lines = bookings::find(&mut db, Which::Visit(visit)).await?;
    let visit = Visit::of(&lines).ok_or_else(Problem::internal)?;
    db.commit().await?;
    Ok(visit)
}

/// Whether cancelling would repeat what was done.
fn is_cancelled(lines: &[Booking]) -> bool {
    lines.iter().all(|line| line.status == "cancelled")
}

fn nothing_to_come(lines: &[Booking], act: &str) -> Problem {
    let status = lines.first().map_or("over", |line| line.status.as_str());
    illegal_status(status, &[], act)
}

/// Moves what is still to come of a visit, if every booking can be had where it would be.
async fn move_to(
    db: &mut TenantTx,
    now: DateTime<Utc>,
    lines: &[Booking],
    start: DateTime<Utc>,
    override_reason: Option<&str>,
) -> Result<(), Failure> {
    let moving: Vec<&Booking> = lines.iter().filter(|line| line.is_active()).collect();
    let Some(first) = moving.iter().map(|line| line.starts_at).min() else {
        return Err(nothing_to_come(lines, "be moved").into());
    };
    if start == first {
        return Ok(());
    }
    let catalogue = bookings::catalogue(db).await?;
    let services = moving
        .iter()
        .map(|line| Ok((as_booked(&catalogue, line)?, Some(line.staff_id))))
        .collect::<Result<Vec<_>, Problem>>()?;
    let ids: Vec<Uuid> = moving.iter().map(|line| line.id).collect();
    let mut calendar = Calendar::load(db, catalogue, now, start, moving.len(), &ids).await?;
    let wishes = wishes(&services);
    // Each where it would be: lines that were moved alone have distances of their own.
    let fits = moving.iter().zip(&services).all(|(line, (service, staff))| {
        calendar.reasons(service, *staff, line.starts_at + (start - first)).is_empty()
    });
    if !fits {
        return Err(calendar.refuse_visit(db, &wishes, start).await?.into());
    }
    let visit = moving[0].visit_id;
    match bookings::move_visit(db, visit, start, override_reason).await {
        Err(Refused::Taken) => {
            calendar.reload(db).await?;
            Err(calendar.refuse_visit(db, &wishes, start).await?.into())
        }
        moved => moved.map_err(|refused| inside_notice(refused, "moved")),
    }
}
