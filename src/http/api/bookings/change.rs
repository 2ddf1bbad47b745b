//! Changing a booking: its status, or its time.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, FixedOffset, Utc};
use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

use super::body::{Booking, etag};
use super::{answer, member, one};
use crate::db::TenantTx;
use crate::db::bookings::{self, Refused, Scope, Which};
use crate::domain::availability::Reason;
use crate::domain::catalogue::{Catalogue, Service};
use crate::http::App;
use crate::http::api::free::Calendar;
use crate::http::api::in_path::InPath;
use crate::http::api::input::{Fields, JsonObject, Query, choice, string, text, timestamp};
use crate::http::api::key::Caller;
use crate::http::api::patience::{Failure, Patience, begin};
use crate::http::api::problem::{BodyProblems, KeyedProblems, Problem, described};

/// What a booking can be made; `held` is for those who have not confirmed yet.
const ACTS: &[&str] = &["confirmed", "arrived", "completed", "no_show", "cancelled"];

/// A change of status or of time: one of them at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `Change::read` reads")]
struct BookingChange {
    /// What becomes of it.
    #[schema(inline)]
    status: Option<NewStatus>,
    /// Why it is cancelled; with `"status": "cancelled"`.
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// When it is to start instead.
    starts_at: Option<DateTime<FixedOffset>>,
    /// Key of the member of staff it moves to; with `starts_at`.
    #[schema(min_length = 1, max_length = 63)]
    staff: Option<String>,
    /// Why it is cancelled or moved all the same, inside the tenant's cancellation notice. Kept with
    /// the booking.
    #[schema(min_length = 1, max_length = 500)]
    override_reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NewStatus {
    Confirmed,
    Arrived,
    Completed,
    NoShow,
    Cancelled,
}

/// What is asked.
enum Change {
    Status(&'static str),
    Cancel { reason: Option<String>, override_reason: Option<String> },
    Move { start: DateTime<Utc>, staff: Option<Uuid>, override_reason: Option<String> },
}

impl Change {
    fn read(body: &JsonObject, catalogue: &Catalogue) -> Result<Self, Problem> {
        let mut fields = Fields::of(body);
        let status = fields.optional("status", string(choice(ACTS)));
        let start = fields.optional("starts_at", string(timestamp));
        let staff = fields.optional("staff", |value| member(value, catalogue, None));
        let reason = fields.optional("reason", string(text(1..=500)));
        let override_reason = fields.optional("override_reason", string(text(1..=500)));
        let is_move = fields.has("starts_at");
        match (fields.has("status"), is_move) {
            (true, true) => fields.report("starts_at", "cannot change together with status"),
            (false, false) => fields.report("status", "or starts_at is needed"),
            _ => {}
        }
        if fields.has("staff") && !is_move {
            fields.report("staff", "is for moves: send starts_at with it");
        }
        let is_cancel = status == Some("cancelled");
        if fields.has("reason") && !is_cancel {
            fields.report("reason", "is for cancelling: send \"status\": \"cancelled\" with it");
        }
        if fields.has("override_reason") && !is_cancel && !is_move {
            fields.report("override_reason", "is for cancelling and moving");
        }
        fields.finish_with(match (status, start) {
            (Some("cancelled"), _) => Some(Self::Cancel { reason, override_reason }),
            (Some(status), _) => Some(Self::Status(status)),
            (None, Some(start)) => {
                Some(Self::Move { start: start.to_utc(), staff, override_reason })
            }
            (None, None) => None,
        })
    }
}

/// What changing a booking or a visit may meet beside what every request may.
pub(in crate::http::api) struct ChangeProblems;

impl IntoResponses for ChangeProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[
            ("404", "The tenant has no such booking"),
            (
                "409",
                "It cannot become that (`illegal-status`, with `may_become`); it starts sooner than \
                 the tenant's cancellation notice allows (`inside-notice`); or the new time is taken \
                 (`slot-taken`, with `alternatives`) and the old one stays",
            ),
            ("422", "Fields are wrong, or the new time breaks a rule (`not-bookable`)"),
        ])
    }
}

/// That the version of If-Match is an old one.
struct Changed;

impl IntoResponses for Changed {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[("412", "If-Match names another version of the booking")])
    }
}

/// Change a booking
///
/// Either its `status` or its time. The customer is told of a cancellation and of a move, and
/// reminders follow. Cancelling what is cancelled changes nothing and is no error. Inside the
/// tenant's cancellation notice, cancelling and moving need an `override_reason`.
#[utoipa::path(
    patch, path = "/bookings/{id}", tag = "bookings",
    params(
        ("id" = String, Path, description = "Its id, or its code as people type it", example = "K7F2A"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the version to change; another one is 412"),
    ),
    request_body(content = BookingChange, examples(
        ("cancel" = (value = json!({"status": "cancelled", "reason": "The customer called"}))),
        ("move" = (value = json!({"starts_at": "2026-03-12T16:00:00-03:00", "staff": "ana"}))),
    )),
    responses(
        (status = 200, description = "The booking as it is now", body = Booking, headers(
            ("ETag" = String, description = "Names this version"),
        )),
        BodyProblems, KeyedProblems, ChangeProblems, Changed,
    ),
)]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath,
    headers: HeaderMap,
    query: Query,
    body: JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let mut patience = Patience::new();
    loop {
        match apply(&app, &caller, &id, &headers, &body).await {
            Err(failure) if patience.allows(&failure).await => {}
            done => return Ok(done?),
        }
    }
}

/// One try of [`change`].
async fn apply(
    app: &App,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
    body: &JsonObject,
) -> Result<Response, Failure> {
    let mut db = begin(app, caller).await?;
    let catalogue = bookings::catalogue(&mut db).await?;
    let change = Change::read(body, &catalogue)?;
    let id = one(&mut db, id).await?.id;
    bookings::lock(&mut db, &[id]).await?;
    let booking = again(&mut db, id).await?;
    expect_version(headers, &booking)?;
    match change {
        Change::Status(status) => set_status(&mut db, &booking, status).await?,
        Change::Cancel { reason, override_reason } => {
            if booking.status != "cancelled" {
                expect_may_become(&mut db, &booking, "cancelled").await?;
                let scope = Scope::Booking(id);
                bookings::cancel(&mut db, scope, reason.as_deref(), override_reason.as_deref())
                    .await
                    .map_err(|refused| inside_notice(refused, "cancelled"))?;
            }
        }
        Change::Move { start, staff, override_reason } => {
            let wish = Wish { start, staff, override_reason };
            move_to(&mut db, app.clock.now(), catalogue, &booking, wish).await?;
        }
    }
    let booking = again(&mut db, id).await?;
    let answer = answer(&booking)?;
    db.commit().await?;
    Ok(answer)
}

async fn again(db: &mut TenantTx, id: Uuid) -> Result<bookings::Booking, Failure> {
    let found = bookings::find(db, Which::Id(id)).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("booking").into())
}

/// RFC 9110, section 13.1.1.
fn expect_version(headers: &HeaderMap, booking: &bookings::Booking) -> Result<(), Problem> {
    let mut wanted = headers.get_all(header::IF_MATCH).iter().peekable();
    let version = etag(booking);
    let names_it = |value: &axum::http::HeaderValue| {
        value.to_str().is_ok_and(|list| {
            list.split(',').map(str::trim).any(|tag| tag == "*" || tag == version)
        })
    };
    if wanted.peek().is_none() || wanted.any(names_it) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "precondition-failed",
        "The booking has changed",
        "If-Match names another version than the one that is stored. Read the booking again.",
    ))
}

async fn set_status(
    db: &mut TenantTx,
    booking: &bookings::Booking,
    status: &str,
) -> Result<(), Failure> {
    if booking.status != status {
        expect_may_become(db, booking, status).await?;
        bookings::set_status(db, booking.id, status).await?;
    }
    Ok(())
}

async fn expect_may_become(
    db: &mut TenantTx,
    booking: &bookings::Booking,
    status: &str,
) -> Result<(), Failure> {
    let may_become = bookings::may_become(db, &booking.status).await?;
    if may_become.iter().any(|allowed| allowed == status) {
        return Ok(());
    }
    Err(illegal_status(&booking.status, &may_become, &format!("become {status}")).into())
}

/// `act` follows "cannot".
pub(in crate::http::api) fn illegal_status(
    status: &str,
    may_become: &[String],
    act: &str,
) -> Problem {
    let can = match may_become {
        [] => "It stays as it is.".to_owned(),
        some => format!("It can become {}.", some.join(", ")),
    };
    Problem::new(
        StatusCode::CONFLICT,
        "illegal-status",
        "The booking's status does not allow it",
        format!("A booking that is {status} cannot {act}. {can}"),
    )
    .with("booking_status", status)
    .with("may_become", may_become)
}

/// `act` follows "can be", such as `moved`.
pub(in crate::http::api) fn inside_notice(refused: Refused, act: &str) -> Failure {
    match refused {
        Refused::InsideNotice => Failure::Told(Problem::new(
            StatusCode::CONFLICT,
            "inside-notice",
            "The booking starts too soon for that",
            format!(
                "It is inside the tenant's cancellation notice. It can be {act} all the same with an \
                 override_reason, which is kept with the booking."
            ),
        )),
        other => other.into(),
    }
}

struct Wish {
    start: DateTime<Utc>,
    staff: Option<Uuid>,
    override_reason: Option<String>,
}

/// Moves a booking as long as it is; the old time stays if the new one is not to be had.
async fn move_to(
    db: &mut TenantTx,
    now: DateTime<Utc>,
    catalogue: Catalogue,
    booking: &bookings::Booking,
    wish: Wish,
) -> Result<(), Failure> {
    if !booking.is_active() {
        return Err(illegal_status(&booking.status, &[], "be moved").into());
    }
    let staff = wish.staff.unwrap_or(booking.staff_id);
    if (wish.start, staff) == (booking.starts_at, booking.staff_id) {
        return Ok(());
    }
    let service = as_booked(&catalogue, booking)?;
    let mut calendar = Calendar::load(db, catalogue, now, wish.start, 1, &[booking.id]).await?;
    if !calendar.reasons(&service, Some(staff), wish.start).is_empty() {
        return Err(calendar.refuse(db, &service, Some(staff), wish.start).await?.into());
    }
    let reason = wish.override_reason.as_deref();
    match bookings::move_booking(db, booking.id, wish.start, wish.staff, reason).await {
        Err(Refused::Taken) => {
            calendar.reload(db).await?;
            Err(calendar.refuse(db, &service, Some(staff), wish.start).await?.into())
        }
        moved => moved.map_err(|refused| inside_notice(refused, "moved")),
    }
}

/// The service of a booking, as long as the booking is.
pub(in crate::http::api) fn as_booked(
    catalogue: &Catalogue,
    booking: &bookings::Booking,
) -> Result<Service, Problem> {
    let service = catalogue.service(booking.service_id).ok_or_else(|| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "not-bookable",
            "The time cannot be booked",
            "The service is no longer offered, so the booking cannot be moved.",
        )
        .with("reasons", [Reason::NobodyDoesIt])
        .with("alternatives", [(); 0])
    })?;
    Ok(Service { duration: booking.ends_at - booking.starts_at, ..service.clone() })
}
