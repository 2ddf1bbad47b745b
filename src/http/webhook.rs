//! `POST /webhooks/evolution[/{event}]`: authenticate, read, store with its job, answer.
//!
//! The gateway drops for ever what it is answered 400, 401, 403, 404 or 422, and brings again what
//! it is answered 5xx; so a body that might hold a customer's words is never refused for its shape.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use crate::channel::whatsapp::inbound::{self, Content, Delivery, Inbound};
use crate::channel::whatsapp::signature;
use crate::channel::whatsapp::status::DeliveryStatus;
use crate::db::inbox::{self, NewMessage, OwnMessage, Received};

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

pub(super) async fn receive(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    match store(&app, &headers, body).await {
        Ok(status) => Json(json!({ "status": status })).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn store(app: &App, headers: &HeaderMap, body: Body) -> Result<&'static str, Refusal> {
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
    let now = app.clock.now();
    if !signature::authenticated(&app.webhook_secrets, headers, &body, now) {
        return Err(Refusal::Unauthenticated);
    }
    let delivery = inbound::read(&body).map_err(|_| Refusal::NotJson)?;
    let received = keep(app, now, delivery).await.map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
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

/// One round trip for everything that is kept.
async fn keep(
    app: &App,
    now: chrono::DateTime<chrono::Utc>,
    delivery: Delivery,
) -> sqlx::Result<Received> {
    let event = delivery.event.as_deref();
    let Some(instance) = delivery.instance.as_deref() else {
        // Nobody's; kept for operators if it may hold somebody's words.
        let body = match delivery.content {
            Content::Message(message) => message.clean,
            Content::Unparsed { body } => body,
            _ => return Ok(Received::Noted),
        };
        inbox::receive_unrouted(&app.pool, now, None, event, body).await?;
        return Ok(Received::Accepted);
    };
    match delivery.content {
        Content::Message(message) => {
            inbox::receive(&app.pool, now, new_message(instance, &message)).await
        }
        Content::Unparsed { body } => {
            let message = NewMessage {
                instance,
                provider_id: None,
                phone: None,
                lid: None,
                push_name: None,
                kind: "unparsed".to_owned(),
                body,
                sent_at: None,
            };
            inbox::receive(&app.pool, now, message).await
        }
        Content::Status { provider_id, status } => match status_name(status) {
            Some(status) => {
                inbox::receive_status(&app.pool, now, instance, &provider_id, status).await
            }
            None => noted(app, instance).await,
        },
        Content::Connection { state } => {
            inbox::receive_state(&app.pool, now, instance, state.as_str()).await
        }
        Content::Edit(edit) => {
            inbox::receive_edit(&app.pool, now, instance, &edit.provider_id, &edit.text).await
        }
        Content::Own(own) if !own.by_gateway => {
            let message = OwnMessage {
                instance,
                provider_id: &own.provider_id,
                phone: own.remote.phone.as_deref(),
                lid: own.remote.lid.as_deref(),
                text: own.text.as_deref(),
                sent_at: own.sent_at,
            };
            inbox::receive_own(&app.pool, now, message).await
        }
        Content::Own(_) | Content::SendEcho(_) | Content::Ignored(_) => noted(app, instance).await,
    }
}

async fn noted(app: &App, instance: &str) -> sqlx::Result<Received> {
    let exists = inbox::instance_exists(&app.pool, instance).await?;
    Ok(if exists { Received::Noted } else { Received::NoInstance })
}

fn new_message<'a>(instance: &'a str, message: &'a Inbound) -> NewMessage<'a> {
    let kind = match serde_json::to_value(message.kind) {
        Ok(Value::String(kind)) => kind,
        _ => "other".to_owned(),
    };
    NewMessage {
        instance,
        provider_id: Some(&message.provider_id),
        phone: message.remote.phone.as_deref(),
        lid: message.remote.lid.as_deref(),
        push_name: message.push_name.as_deref(),
        kind,
        body: json!({
            "text": message.text, "choice": message.choice, "quoted": message.quoted, "message": message.clean,
        }),
        sent_at: message.sent_at,
    }
}

/// As in `outbound_messages.status`; a message still at the gateway is nothing new.
fn status_name(status: DeliveryStatus) -> Option<&'static str> {
    match status {
        DeliveryStatus::Pending => None,
        DeliveryStatus::Sent => Some("sent"),
        DeliveryStatus::Failed => Some("failed"),
        DeliveryStatus::Delivered => Some("delivered"),
        DeliveryStatus::Read | DeliveryStatus::Played => Some("read"),
    }
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
