//! Bookings.

pub(super) mod body;
mod change;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, FixedOffset, Utc};
use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(super) use self::body::etag;
use self::body::{Booking, BookingList, STATUSES};
pub(super) use self::change::{ChangeProblems, as_booked, illegal_status, inside_notice};
use super::free::Calendar;
use super::idempotency::Once;
use super::in_path::InPath;
use super::input::{
    Fields, JsonObject, Query, Read, choice, key, string, text, timestamp, whole_number,
};
use super::key::Caller;
use super::page;
use super::patience::{Failure, Patience, begin};
use super::problem::{BodyProblems, KeyedProblems, Problem, described};
use crate::channel::whatsapp::phone;
use crate::db::TenantTx;
use crate::db::bookings::{self, Filter, Line, Position, Refused, Which};
use crate::domain::catalogue::{Catalogue, Service};
use crate::domain::code::Code;
use crate::http::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(read, change::change))
}

/// A booking to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `Wish::read` reads")]
struct NewBooking {
    /// Key of a service on offer.
    #[schema(example = "corte", min_length = 1, max_length = 63)]
    service: String,
    /// Key of a member of staff; left out: whoever is free and has the most free time that day.
    #[schema(example = "ana", min_length = 1, max_length = 63)]
    staff: Option<String>,
    /// With an offset. Any minute will do that breaks no rule of the tenant.
    #[schema(example = "2026-03-12T15:00:00-03:00")]
    starts_at: DateTime<FixedOffset>,
    customer: NewCustomer,
}

/// Who comes: the customer with this phone, made if there is none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `NamedCustomer::read` reads")]
pub(super) struct NewCustomer {
    /// E.164.
    #[schema(
        example = "+5511988887777",
        min_length = 8,
        max_length = 32,
        pattern = r"^\+[0-9 ().-]{7,31}$"
    )]
    phone: String,
    /// Completes a customer who has none; others keep theirs.
    #[schema(example = "Marina", min_length = 1, max_length = 120)]
    name: Option<String>,
    /// Where the tenant's notifications go that no other channel takes; in place of the one they had.
    #[schema(
        example = "marina@example.com",
        min_length = 6,
        max_length = 254,
        pattern = r"^[!-~]+@[!-~]+\.[!-~]+$"
    )]
    email: Option<String>,
    /// Whether they agreed to get news, such as an invitation months after a visit; left out: as
    /// they said before.
    #[schema(example = true)]
    marketing_consent: Option<bool>,
}

/// What one wants who books.
struct Wish {
    service: Service,
    staff: Option<Uuid>,
    start: DateTime<Utc>,
    customer: NamedCustomer,
}

impl Wish {
    fn read(body: &JsonObject, catalogue: &Catalogue) -> Result<Self, Problem> {
        let mut fields = Fields::of(body);
        let wanted = wanted_service(&mut fields, catalogue);
        let start = fields.required("starts_at", string(timestamp));
        let customer = fields.required_object("customer", NamedCustomer::read);
        let made = wanted.zip(start).zip(customer);
        fields.finish_with(made.map(|(((service, staff), start), customer)| Self {
            service: service.clone(),
            staff,
            start: start.to_utc(),
            customer,
        }))
    }
}

/// A customer as a request names them.
pub(super) struct NamedCustomer {
    /// E.164.
    pub(super) phone: String,
    pub(super) name: Option<String>,
    email: Option<String>,
    marketing_consent: Option<bool>,
}

impl NamedCustomer {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let phone = fields.required("phone", string(e164));
        let name = fields.optional("name", string(text(1..=120)));
        let email = fields.optional("email", string(email_address));
        let marketing_consent = fields.optional("marketing_consent", |value| {
            value.as_bool().ok_or_else(|| "is neither true nor false".to_owned())
        });
        Some(Self { phone: phone?, name, email, marketing_consent })
    }

    /// Notes what is known of them beside their name, before a booking tells them anything.
    pub(super) async fn note(&self, db: &mut TenantTx) -> sqlx::Result<()> {
        if self.email.is_none() && self.marketing_consent.is_none() {
            return Ok(());
        }
        let (name, email) = (self.name.as_deref(), self.email.as_deref());
        bookings::note_contact(db, &self.phone, name, email, self.marketing_consent).await
    }
}

/// Reads `service` and `staff`: keys of what is on offer, and of one who does it.
pub(super) fn wanted_service<'c>(
    fields: &mut Fields<'_>,
    catalogue: &'c Catalogue,
) -> Option<(&'c Service, Option<Uuid>)> {
    let service = fields.required("service", |value| {
        let key = string(key)(value)?;
        let found = catalogue.services.iter().find(|service| service.key == key);
        found.ok_or_else(|| "is no service on offer; GET /api/v1/services lists them".to_owned())
    });
    let staff = fields.optional("staff", |value| member(value, catalogue, service));
    // A key that is given and wrong is reported, and must not come to mean anybody.
    (staff.is_some() || !fields.has("staff")).then_some(())?;
    Some((service?, staff))
}

/// Reads the key of a member of staff, who does `service` where that is known.
fn member(value: &Value, catalogue: &Catalogue, service: Option<&Service>) -> Read<Uuid> {
    let key = string(key)(value)?;
    let found = catalogue.staff.iter().find(|member| member.key == key);
    let found =
        found.ok_or_else(|| "is nobody at work; GET /api/v1/staff lists them".to_owned())?;
    match service {
        Some(service) if !found.services.contains(&service.id) => {
            Err(format!("does not do {}; GET /api/v1/staff lists who does", service.key))
        }
        _ => Ok(found.id),
    }
}

/// Reads a phone number that begins with `+`: without it a national number would pass for another
/// country's.
fn e164(text: &str) -> Read<String> {
    let number = text.trim_start().starts_with('+').then(|| phone::canonical(text)).flatten();
    number.ok_or_else(|| {
        "is no phone number; write it with + and its country code, such as +5511988887777"
            .to_owned()
    })
}

/// Reads an address that mail can be sent to.
fn email_address(text: &str) -> Read<String> {
    let text = text.trim();
    if crate::channel::email::is_address(text) {
        Ok(text.to_owned())
    } else {
        Err("is no e-mail address, such as marina@example.com".to_owned())
    }
}

/// What making a booking may meet beside what every request may.
pub(super) struct BookingProblems;

impl IntoResponses for BookingProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[
            ("400", "The body is not a JSON object, or the Idempotency-Key is no key"),
            (
                "409",
                "The time is taken (`slot-taken`): `alternatives` are three free times near it. Or \
                 the first request with this Idempotency-Key is still running (`in-progress`)",
            ),
            (
                "422",
                "Fields are wrong; the time breaks a rule (`not-bookable`, with `reasons` and \
                 `alternatives`); or the Idempotency-Key belongs to another request",
            ),
        ])
    }
}

/// Make a booking
///
/// Confirmed at once: the customer is told and reminded as of any booking. Without `staff` the
/// member who is free and has the most free time that day takes it. A time that others have is 409
/// with `alternatives`: free times, those with the wished member of staff first, nearest first.
#[utoipa::path(
    post, path = "/bookings", tag = "bookings",
    params(("Idempotency-Key" = Option<String>, Header,
        description = "Any text of your own for this request. Sent again with the same key within 24 hours, it is \
            answered as it was the first time, with `Idempotency-Replayed: true`, and nothing is booked twice",
        min_length = 1, max_length = 255, pattern = "^[!-~]+$", example = "b7f1c6de-booking-1")),
    request_body(content = NewBooking),
    responses(
        (status = 201, description = "The booking", body = Booking, headers(
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
    let wish = Wish::read(body, &catalogue)?;
    let now = app.clock.now();
    let mut calendar = Calendar::load(&mut db, catalogue, now, wish.start, 1, &[]).await?;
    let booking = take(&mut db, &mut calendar, &wish).await?;
    let made = once.keep(&mut db, json(&Booking::from(&booking))?).await?;
    db.commit().await?;
    Ok(made.into_response())
}

/// Books with whoever is free, the one with the most free time first.
async fn take(
    db: &mut TenantTx,
    calendar: &mut Calendar,
    wish: &Wish,
) -> Result<bookings::Booking, Failure> {
    let Wish { service, staff, start, customer } = wish;
    customer.note(db).await?;
    for staff_id in calendar.staff_at(service, *staff, *start) {
        let line = Line { service_id: service.id, staff_id, starts_at: *start };
        match bookings::book(db, &customer.phone, customer.name.as_deref(), &[line]).await {
            Ok(visit) => {
                let made = bookings::find(db, Which::Visit(visit)).await?;
                return made.into_iter().next().ok_or_else(|| Problem::internal().into());
            }
            // Somebody was quicker than our look at the calendar: the next one, then.
            Err(Refused::Taken) => calendar.reload(db).await?,
            Err(refused) => return Err(refused.into()),
        }
    }
    Err(Failure::Told(calendar.refuse(db, service, *staff, *start).await?))
}

/// List bookings
///
/// By start. A page begins where the last one ended, so that bookings made meanwhile neither repeat
/// nor hide another; send the same filters with each `cursor`.
#[utoipa::path(
    get, path = "/bookings", tag = "bookings",
    params(
        ("from" = Option<DateTime<FixedOffset>>, Query, description = "Earliest start", example = "2026-03-12T00:00:00-03:00"),
        ("to" = Option<DateTime<FixedOffset>>, Query, description = "Starts are before this", example = "2026-03-13T00:00:00-03:00"),
        ("status" = Option<Vec<body::Status>>, Query, description = "Any of these; several times or with commas", explode = true),
        ("staff" = Option<String>, Query, description = "Key of a member of staff, also of one who left", min_length = 1, max_length = 63, example = "ana"),
        ("service" = Option<String>, Query, description = "Key of a service, also of a retired one", min_length = 1, max_length = 63, example = "corte"),
        ("code" = Option<String>, Query, description = "The customer's code, as people type it", example = "K7F2A"),
        ("phone" = Option<String>, Query, description = "The customer's number with its country code", example = "+5511988887777"),
        ("limit" = Option<i64>, Query, description = "Bookings of a page; 50 if left out", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of bookings", body = BookingList), KeyedProblems),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<BookingList>, Problem> {
    let filter = Filter {
        from: query.optional("from", timestamp).map(|at| at.to_utc()),
        to: query.optional("to", timestamp).map(|at| at.to_utc()),
        status: query.list("status", |text| choice(STATUSES)(text).map(str::to_owned)),
        staff: query.optional("staff", key),
        service: query.optional("service", key),
        code: query.optional("code", |text| {
            text.parse::<Code>()
                .map(|code| code.to_string())
                .map_err(|slip| format!("is no code: {slip}"))
        }),
        phone: query.optional("phone", |text| {
            phone::canonical(text)
                .ok_or_else(|| "is no phone number with a country code".to_owned())
        }),
    };
    let limit = query.optional("limit", whole_number(1..=page::MOST)).unwrap_or(page::USUAL);
    let after = query.optional("cursor", page::position);
    query.finish()?;

    let mut db = caller.begin(&app).await?;
    // One more than asked tells whether there is a next page.
    let mut found = bookings::list(&mut db, &filter, after, limit + 1).await?;
    db.rollback().await?;
    let has_more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if has_more {
        found.pop();
    }
    let end = found.last().filter(|_| has_more);
    let next_cursor =
        end.map(|last| page::cursor(Position { starts_at: last.starts_at, id: last.id }));
    Ok(Json(BookingList { bookings: found.iter().map(Into::into).collect(), next_cursor }))
}

/// Read a booking
#[utoipa::path(
    get, path = "/bookings/{id}", tag = "bookings",
    params(("id" = String, Path, description = "Its id, or its code as people type it", example = "K7F2A")),
    responses(
        (status = 200, description = "The booking", body = Booking, headers(
            ("ETag" = String, description = "Names this version, for If-Match"),
        )),
        KeyedProblems, NoSuchBooking,
    ),
)]
async fn read(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let mut db = caller.begin(&app).await?;
    let booking = one(&mut db, &id).await?;
    db.rollback().await?;
    Ok(answer(&booking)?)
}

pub(super) struct NoSuchBooking;

impl IntoResponses for NoSuchBooking {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[("404", "The tenant has no such booking")])
    }
}

/// The booking that an address names, by its id or its code.
pub(super) async fn one(db: &mut TenantTx, named: &str) -> Result<bookings::Booking, Failure> {
    let mut found = match (Uuid::parse_str(named), named.parse::<Code>()) {
        (Ok(id), _) => bookings::find(db, Which::Id(id)).await?,
        (_, Ok(code)) => bookings::find(db, Which::Code(code.as_str())).await?,
        _ => Vec::new(),
    };
    match found.as_slice() {
        [_] => Ok(found.remove(0)),
        [] => Err(Problem::not_found("booking").into()),
        [first, ..] => {
            let visit = format!("/api/v1/visits/{}", first.visit_id);
            let mut several = Problem::not_found("booking");
            several.detail =
                format!("The code names a visit of {} bookings: see {visit}.", found.len());
            Err(several.with("visit", visit).into())
        }
    }
}

/// A booking with the name of its version.
fn answer(booking: &bookings::Booking) -> Result<Response, Failure> {
    let mut answer = Json(Booking::from(booking)).into_response();
    let version = HeaderValue::try_from(etag(booking)).map_err(|_| Problem::internal())?;
    answer.headers_mut().insert(header::ETAG, version);
    Ok(answer)
}

/// The text that is sent and kept.
pub(super) fn json(body: &impl serde::Serialize) -> Result<String, Problem> {
    serde_json::to_string(body).map_err(|_| Problem::internal())
}
