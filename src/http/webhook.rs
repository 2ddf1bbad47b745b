//! `POST /webhooks/evolution[/{event}]`: authenticate, read, store with its job, answer.
//!
//! The gateway drops for ever what it is answered 400, 401, 403, 404 or 422, and brings again what
//! it is answered 5xx; so a body that might hold a customer's words is never refused for its shape.
//! When more come than the database takes, those that find no place among the waiting are asked to
//! come again before their body is read, and every answer comes within seconds.

mod connections;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde_json::json;

use self::connections::Connections;
use super::App;
use super::admission::{Admission, Bounds, Crowded, Place};
use crate::channel::whatsapp::inbound::{self, Content, Delivery};
use crate::channel::whatsapp::signature;
use crate::db::alone;
use crate::db::inbox::{self, Received};
use crate::intake;
use crate::metrics;

/// Media arrive as links or are stripped, so no honest body is larger.
const MAX_BODY: usize = 1024 * 1024;
/// How long the gateway is asked to wait when the database cannot take it (it keeps its own time,
/// other senders follow).
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
/// Deliveries that are read, wait or are being stored, and what their bodies hold together: some
/// seconds' worth at the fastest that a database takes them.
const PLACES: usize = 512;
const BYTES: usize = 16 * 1024 * 1024;
/// How long a body may take to arrive, its delivery wait for its turn, and its storing take. The gateway
/// gives up after a minute or so, and then cannot know whether we have it.
const ARRIVES: Duration = Duration::from_secs(10);
const WAITS: Duration = Duration::from_secs(3);
const STORES: Duration = Duration::from_secs(8);

/// Why a delivery is refused.
enum Refusal {
    TooLarge,
    NotRead,
    Unauthenticated,
    NotJson,
    NoInstance,
    /// Too many are waiting already.
    Busy,
    Database,
}

/// Why a delivery was not stored. Of one failure several may learn, see [`connections`].
#[derive(Debug, Clone)]
enum Unkept {
    /// Its turn did not come in time.
    Crowded,
    Database(Arc<sqlx::Error>),
}

impl From<Crowded> for Unkept {
    fn from(_: Crowded) -> Self {
        Self::Crowded
    }
}

impl From<sqlx::Error> for Unkept {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// What the webhook works with.
#[derive(Clone)]
struct Webhook {
    app: App,
    connections: Connections,
    admission: Admission,
}

/// Everywhere the gateway may deliver to.
pub(super) fn router<S: Clone + Send + Sync + 'static>(app: &App) -> Router<S> {
    // Half of the connections: the rest is for the API, health and metrics.
    let turns = app.pool.options().get_max_connections() as usize / 2;
    let bounds = Bounds { places: PLACES, bytes: BYTES, turns, patience: WAITS };
    let admission = Admission::new(bounds);
    let webhook = Webhook { app: app.clone(), connections: Connections::default(), admission };
    Router::new()
        .route("/webhooks/evolution", post(receive))
        // With `byEvents` the gateway appends the event's name, and a second slash to an address
        // that ends in one; what it is answered 404 it never brings again.
        .route("/webhooks/evolution/", post(receive))
        .route("/webhooks/evolution/{*event}", post(receive))
        .with_state(webhook)
}

async fn receive(
    State(webhook): State<Webhook>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match store(&webhook, &uri, &headers, body).await {
        Ok(status) => {
            metrics::webhook(status);
            Json(json!({ "status": status })).into_response()
        }
        Err(refusal) => {
            let busy = matches!(refusal, Refusal::Busy);
            let response = refusal.into_response();
            metrics::webhook(match response.status().is_server_error() {
                true if busy => "busy",
                true => "failed",
                false => "refused",
            });
            response
        }
    }
}

async fn store(
    webhook: &Webhook,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<&'static str, Refusal> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY) {
        return Err(Refusal::TooLarge);
    }
    let place = webhook.admission.enter(length.unwrap_or(MAX_BODY)).map_err(|_| Refusal::Busy)?;
    let arrives = tokio::time::timeout(ARRIVES, axum::body::to_bytes(body, MAX_BODY));
    let body = arrives.await.map_err(|_| Refusal::NotRead)?.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit"));
        if too_large { Refusal::TooLarge } else { Refusal::NotRead }
    })?;
    let app = &webhook.app;
    let now = app.clock.now();
    if !signature::authenticated(&app.webhook_secrets, headers, &body, now) {
        return Err(Refusal::Unauthenticated);
    }
    let delivery = inbound::read_of(&body, event_of(uri)).map_err(|_| Refusal::NotJson)?;
    // A statement whose answer does not come may be carried out all the same: then the delivery that
    // the gateway repeats is a duplicate.
    let received = tokio::time::timeout(WAITS + STORES, keep(webhook, &place, now, delivery))
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
        .map_err(|unkept| match unkept {
            Unkept::Crowded => Refusal::Busy,
            Unkept::Database(error) => {
                tracing::error!(
                    error = &*error as &dyn std::error::Error,
                    "a webhook could not be stored; the gateway is asked to bring it again"
                );
                Refusal::Database
            }
        })?;
    match received {
        Received::Accepted => Ok("accepted"),
        Received::Duplicate => Ok("duplicate"),
        Received::Noted => Ok("ignored"),
        Received::NoInstance => Err(Refusal::NoInstance),
    }
}

async fn keep(
    webhook: &Webhook,
    place: &Place,
    now: DateTime<Utc>,
    delivery: Delivery,
) -> Result<Received, Unkept> {
    let app = &webhook.app;
    let event = delivery.event.as_deref();
    let Some(instance) = delivery.instance.as_deref() else {
        let _turn = place.turn().await?;
        return Ok(keep_unrouted(app, now, event, delivery.content).await?);
    };
    match delivery.content {
        // A flood of states is one turn, and those who wait for it have none.
        Content::Connection { state } => {
            let write = async |state| {
                let _turn = place.turn().await?;
                Ok(intake::take(&app.pool, now, instance, Content::Connection { state }).await?)
            };
            webhook.connections.tell(instance, state, write).await
        }
        content => {
            let _turn = place.turn().await?;
            Ok(intake::take(&app.pool, now, instance, content).await?)
        }
    }
}

/// Nobody's; kept for operators if it may hold somebody's words.
async fn keep_unrouted(
    app: &App,
    now: DateTime<Utc>,
    event: Option<&str>,
    content: Content,
) -> sqlx::Result<Received> {
    let items = match content {
        Content::Several(items) => items,
        one => vec![one],
    };
    let mut received = Received::Noted;
    for item in items {
        let body = match item {
            Content::Message(message) => message.clean,
            Content::Edit(edit) => edit.clean,
            Content::Unparsed { body } => body,
            _ => continue,
        };
        inbox::receive_unrouted(alone(&app.pool), now, None, event, body).await?;
        received = Received::Accepted;
    }
    Ok(received)
}

/// What the address says of the event: with `byEvents` the gateway appends it to the path, or to the
/// query where there is one.
fn event_of(uri: &Uri) -> Option<&str> {
    let path = uri.path().trim_end_matches('/').rsplit('/').next();
    let query = uri.query().and_then(|query| query.rsplit_once('/')).map(|(_, event)| event);
    query.or(path).filter(|event| *event != "evolution" && !event.is_empty())
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, title, detail) = match self {
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Body too large",
                "A webhook may have 1 MiB; switch base64 media off at the gateway.",
            ),
            Self::NotRead => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Body cut off",
                "The body did not arrive whole; send it again.",
            ),
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "Not authenticated",
                "Sign the request with one of EVOLUTION_WEBHOOK_SECRETS: a Bearer token, x-webhook-secret or x-signature.",
            ),
            Self::NotJson => (StatusCode::BAD_REQUEST, "Not JSON", "The body is not a JSON text."),
            Self::NoInstance => (
                StatusCode::NOT_FOUND,
                "No such instance",
                "No tenant has an instance of this name; see `pontual tenant list`.",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Too busy",
                "More wait than the database takes; send it again.",
            ),
            Self::Database => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Not stored",
                "The database cannot take it now; send it again.",
            ),
        };
        let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string())
                .into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
