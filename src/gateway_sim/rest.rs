//! The gateway's own API: instances, webhooks, sends, the record of messages.
//!
//! Checks come in the real server's order: the body's JSON, whether the instance exists (told to
//! anyone), the key, the fields.

mod instances;
mod messages;

use std::collections::BTreeMap;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::fault::failure;
use super::shape::{self, EVENTS};
use super::state::Webhook;
use super::{Sim, shape::welcome};

pub(super) fn router() -> Router<Sim> {
    Router::new()
        .route("/", get(async || axum::Json(welcome())))
        .route("/instance/create", post(instances::create))
        .route("/instance/connectionState/{instance}", get(instances::connection_state))
        .route("/instance/fetchInstances", get(instances::fetch))
        .route("/webhook/set/{instance}", post(instances::set_webhook))
        .route("/webhook/find/{instance}", get(instances::find_webhook))
        .route("/message/sendText/{instance}", post(messages::send_text))
        .route("/chat/findMessages/{instance}", post(messages::find))
}

/// What the real server answers where nothing is.
pub(super) async fn no_such_route(method: Method, uri: Uri) -> Failure {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Failure::new(404, "Not Found", json!([format!("Cannot {method} {path}")]))
}

/// A failure in the real server's shape.
pub(super) struct Failure {
    status: u16,
    body: Value,
}

impl Failure {
    fn new(status: u16, error: &str, message: Value) -> Self {
        Self { status, body: failure(status, error, message) }
    }

    fn bad_request(message: Value) -> Self {
        Self::new(400, "Bad Request", message)
    }

    /// What a schema says of fields that are wrong.
    fn schema(messages: &[&str]) -> Self {
        Self::bad_request(json!([messages]))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, axum::Json(self.body)).into_response()
    }
}

/// The body's JSON; an empty body is an empty object.
fn parse(body: &[u8]) -> Result<Value, Failure> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| {
        // The status says one thing and the name another, in the real one too.
        Failure::new(400, "Internal Server Error", json!(format!("{error} in JSON")))
    })
}

impl Sim {
    /// Whether the instance exists and the key opens it.
    fn authorise(&self, instance: &str, headers: &HeaderMap) -> Result<(), Failure> {
        let token = self.state().instance(instance).map(|found| found.token.clone());
        let Some(token) = token else {
            let message = format!("The \"{instance}\" instance does not exist");
            return Err(Failure::new(404, "Not Found", json!([message])));
        };
        let given = key_of(headers);
        if matches(given, &token) || matches(given, &self.config().api_key) {
            return Ok(());
        }
        Err(unauthorised())
    }

    fn is_global_key(&self, headers: &HeaderMap) -> bool {
        matches(key_of(headers), &self.config().api_key)
    }
}

fn key_of(headers: &HeaderMap) -> &[u8] {
    headers.get("apikey").map(HeaderValue::as_bytes).unwrap_or_default()
}

fn matches(given: &[u8], key: &str) -> bool {
    !key.is_empty() && given.ct_eq(key.as_bytes()).into()
}

fn unauthorised() -> Failure {
    Failure::new(401, "Unauthorized", json!("Unauthorized"))
}

/// Reads the settings of a webhook as `webhook/set` and `instance/create` take them.
fn webhook_of(settings: &Value) -> Result<Webhook, WebhookError> {
    let Some(events) = settings["events"].as_array() else { return Err(WebhookError::NoEvents) };
    let events: Vec<String> = events.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if let Some(at) = events.iter().position(|event| !EVENTS.contains(&event.as_str())) {
        return Err(WebhookError::UnknownEvent(at));
    }
    let headers: BTreeMap<_, _> = settings["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    Ok(Webhook {
        id: shape::row_id(),
        url: settings["url"].as_str().unwrap_or_default().to_owned(),
        headers,
        enabled: settings["enabled"].as_bool().unwrap_or(true),
        events,
        by_events: settings["byEvents"].as_bool().unwrap_or(false),
        ..Webhook::default()
    })
}

enum WebhookError {
    /// The field is missing; what the real server makes of that is an exception.
    NoEvents,
    /// At this place of the list.
    UnknownEvent(usize),
}

/// The words of the exception.
const NO_EVENTS: &str = "Cannot read properties of undefined (reading 'length')";
