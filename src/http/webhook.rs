//! `POST /webhooks/evolution[/{event}]`: authenticate, read, store with its job, answer.
//!
//! The gateway drops for ever what it is answered 400, 401, 403, 404 or 422, and brings again what
//! it is answered 5xx; so a body that might hold a customer's words is never refused for its shape.

mod connections;

use std::sync::Arc;

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

/// Why a delivery is refused.
enum Refusal {
    TooLarge,
    NotRead,
    Unauthenticated,
    NotJson,
    NoInstance,
    Database,
}

/// What the webhook works with.
#[derive(Clone)]
struct Webhook {
    app: App,
    connections: Connections,
}

/// Everywhere the gateway may deliver to.
pub(super) fn router<S: Clone + Send + Sync + 'static>(app: &App) -> Router<S> {
    let webhook = Webhook { app: app.clone(), connections: Connections::default() };
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
            let response = refusal.into_response();
            metrics::webhook(if response.status().is_server_error() {
                "failed"
            } else {
                "refused"
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
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|error| {
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
    let received = keep(webhook, now, delivery).await.map_err(|error| {
        tracing::error!(
            error = &*error as &dyn std::error::Error,
            "a webhook could not be stored; the gateway is asked to bring it again"
        );
        Refusal::Database
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
    now: DateTime<Utc>,
    delivery: Delivery,
) -> Result<Received, Arc<sqlx::Error>> {
    let app = &webhook.app;
    let event = delivery.event.as_deref();
    let Some(instance) = delivery.instance.as_deref() else {
        return keep_unrouted(app, now, event, delivery.content).await.map_err(Arc::new);
    };
    match delivery.content {
        Content::Connection { state } => {
            let write =
                |state| intake::take(&app.pool, now, instance, Content::Connection { state });
            webhook.connections.tell(instance, state, write).await
        }
        content => intake::take(&app.pool, now, instance, content).await.map_err(Arc::new),
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
