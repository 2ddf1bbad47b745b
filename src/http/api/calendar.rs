//! Bookings as iCalendar (RFC 5545): one to keep, and a feed for each member of staff.
//!
//! A feed has no key, since calendars cannot send one: its address holds 256 random bits, of which
//! only the hash is stored. Whoever has the address sees the customers' names, so making a new one
//! ends the old one.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bookings::{NoSuchBooking, etag, one};
use super::in_path::InPath;
use super::input::Query;
use super::key::Caller;
use super::problem::{KeyedProblems, Problem, described};
use crate::db::TenantTx;
use crate::db::bookings::calendar;
use crate::domain::ical::{self, Entry};
use crate::http::App;

/// How far back a feed goes.
const PAST: TimeDelta = TimeDelta::days(30);
const MEDIA_TYPE: &str = "text/calendar; charset=utf-8";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(booking_file)).routes(routes!(make_feed, remove_feed))
}

/// The feeds themselves, beside the API: their readers are calendars without a key.
pub(super) fn feeds() -> Router<App> {
    Router::new().route("/calendar/{file}", get(feed))
}

/// Read a booking as a calendar file
///
/// For the customer: names service, staff and place. Sent again after a move or a cancellation, the
/// file changes the entry that calendars have: its UID stays, SEQUENCE rises with each of them.
#[utoipa::path(
    get, path = "/bookings/{id}/calendar.ics", tag = "calendar",
    params(("id" = String, Path, description = "Its id, or its code as people type it", example = "K7F2A")),
    responses(
        (status = 200, description = "One VEVENT", body = String, content_type = "text/calendar", headers(
            ("ETag" = String, description = "Names this version of the booking"),
        )),
        KeyedProblems, NoSuchBooking,
    ),
)]
async fn booking_file(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let mut db = caller.begin(&app).await?;
    let booking = one(&mut db, &id).await?;
    db.rollback().await?;
    let name = format!("attachment; filename=\"{}.ics\"", booking.code);
    let headers = [
        (header::CONTENT_TYPE, header_value(MEDIA_TYPE)?),
        (header::CONTENT_DISPOSITION, header_value(&name)?),
        (header::ETAG, header_value(&etag(&booking))?),
    ];
    Ok((headers, ical::file(&[Entry::from(&booking)], false)).into_response())
}

/// Where a feed is.
#[derive(Debug, Serialize, ToSchema)]
struct FeedAddress {
    /// From the root of this server. Told this once; whoever has it reads the feed.
    #[schema(example = "/calendar/9zQ0…43 signs….ics")]
    path: String,
}

struct NoSuchStaff;

impl IntoResponses for NoSuchStaff {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[("404", "Nobody at work has this key")])
    }
}

/// Make a calendar feed
///
/// Gives a member of staff a secret address to subscribe to: their bookings from 30 days back to the
/// tenant's horizon, with customers' names. An address they had before works no more.
#[utoipa::path(
    post, path = "/staff/{key}/calendar", tag = "calendar",
    params(("key" = String, Path, description = "Key of a member of staff", example = "ana")),
    responses((status = 201, description = "The address", body = FeedAddress), KeyedProblems, NoSuchStaff),
)]
async fn make_feed(
    State(app): State<App>,
    caller: Caller,
    InPath(key): InPath,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|_| Problem::internal())?;
    let secret = URL_SAFE_NO_PAD.encode(random);
    set_secret(&app, &caller, &key, Some(&hash(&secret))).await?;
    let address = FeedAddress { path: format!("/calendar/{secret}.ics") };
    let once = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, once, Json(address)).into_response())
}

/// Remove a calendar feed
///
/// Its address works no more. A member of staff without a feed stays as they are.
#[utoipa::path(
    delete, path = "/staff/{key}/calendar", tag = "calendar",
    params(("key" = String, Path, description = "Key of a member of staff", example = "ana")),
    responses((status = 204, description = "There is no feed any more"), KeyedProblems, NoSuchStaff),
)]
async fn remove_feed(
    State(app): State<App>,
    caller: Caller,
    InPath(key): InPath,
    query: Query,
) -> Result<StatusCode, Problem> {
    query.finish()?;
    set_secret(&app, &caller, &key, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_secret(
    app: &App,
    caller: &Caller,
    staff: &str,
    secret_hash: Option<&[u8]>,
) -> Result<(), Problem> {
    let mut db = caller.begin(app).await?;
    if !calendar::set_secret(&mut db, staff, secret_hash).await? {
        return Err(Problem::not_found("member of staff"));
    }
    Ok(db.commit().await?)
}

/// `GET /calendar/{secret}.ics`: the bookings of the member of staff whose secret it is.
async fn feed(
    State(app): State<App>,
    InPath(file): InPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let secret = file.strip_suffix(".ics").filter(|secret| is_secret(secret));
    let secret = secret.ok_or_else(no_feed)?;
    let owner = calendar::feed(&app.pool, &hash(secret)).await?.ok_or_else(no_feed)?;
    let now = app.clock.now();
    let mut db = TenantTx::begin(&app.pool, owner.tenant_id, now).await?;
    let (name, zone) = calendar::owner(&mut db, owner.staff_id).await?;
    let bookings = calendar::bookings_of(&mut db, owner.staff_id, now - PAST).await?;
    db.rollback().await?;

    let entries: Vec<_> = bookings.iter().map(Entry::from).collect();
    let text = ical::feed(&name, &zone, &entries);
    let version = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(&text)));
    let kept = [
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (header::ETAG, header_value(&version)?),
    ];
    if has_version(&headers, &version) {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    let kind = [(header::CONTENT_TYPE, header_value(MEDIA_TYPE)?)];
    Ok((kept, kind, text).into_response())
}

/// Whether the reader has this version already (RFC 9110, section 13.1.2).
fn has_version(headers: &HeaderMap, version: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(
        |list| {
            list.split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"))
                .any(|tag| tag == "*" || tag == version)
        },
    )
}

fn is_secret(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

fn no_feed() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "Not found",
        "There is no calendar at this address any more. Ask for a new one.",
    )
}

fn header_value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(|_| Problem::internal())
}
