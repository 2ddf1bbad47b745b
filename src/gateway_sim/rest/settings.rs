//! Webhooks and settings of instances.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Sim, parse, unauthorised};
use crate::gateway_sim::shape::instances as bodies;
use crate::gateway_sim::shape::{EVENTS, row_id};
use crate::gateway_sim::state::{Settings, Webhook};

/// Fields that `settings/set` wants, all of them.
const SETTINGS: [&str; 6] =
    ["rejectCall", "groupsIgnore", "alwaysOnline", "readMessages", "readStatus", "syncFullHistory"];

pub(super) async fn set_webhook(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let body = parse(&body)?;
    sim.authorise(&name, &headers)?;
    let settings = &body["webhook"];
    if !settings.is_object() {
        return Err(Failure::schema(&["instance requires property \"webhook\"".to_owned()]));
    }
    for field in ["enabled", "url"] {
        if settings[field].is_null() {
            return Err(Failure::schema(&[format!("webhook requires property \"{field}\"")]));
        }
    }
    let new = webhook_of(settings).map_err(|error| match error {
        WebhookError::NoEvents => Failure::broken(NO_EVENTS),
        WebhookError::UnknownEvent(at) => unknown_event(at),
    })?;
    let now = sim.now();
    let mut state = sim.state();
    let Some(instance) = state.instance_mut(&name) else { return Err(unauthorised()) };
    // The row stays the same one, all of its settings are new.
    let (id, created_at) = match &instance.webhook {
        Some(old) => (old.id.clone(), old.created_at),
        None => (new.id.clone(), now),
    };
    let new = Webhook { id, created_at, updated_at: now, ..new };
    let answer = bodies::webhook(&new, instance.id);
    instance.webhook = Some(new);
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn find_webhook(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    sim.authorise(&name, &headers)?;
    let state = sim.state();
    let row = state
        .instance(&name)
        .and_then(|instance| Some(bodies::webhook(instance.webhook.as_ref()?, instance.id)));
    Ok(Json(row.unwrap_or_default()))
}

pub(super) async fn set(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let body = parse(&body)?;
    sim.authorise(&name, &headers)?;
    let missing: Vec<_> = SETTINGS
        .iter()
        .filter(|field| body[**field].is_null())
        .map(|field| format!("instance requires property \"{field}\""))
        .collect();
    if !missing.is_empty() {
        return Err(Failure::schema(&missing));
    }
    let settings = Settings::deserialize(&body)
        .map_err(|_| Failure::schema(&["instance is not of a type(s) object".to_owned()]))?;
    if let Some(instance) = sim.state().instance_mut(&name) {
        instance.settings = settings;
    }
    let answer = json!({ "settings": { "instanceName": name, "settings": body } });
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn find(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    sim.authorise(&name, &headers)?;
    let settings = sim.state().instance(&name).map(|instance| instance.settings.clone());
    Ok(Json(json!(settings)))
}

/// Reads the settings of a webhook as `webhook/set` and `instance/create` take them.
pub(super) fn webhook_of(settings: &Value) -> Result<Webhook, WebhookError> {
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
        id: row_id(),
        url: settings["url"].as_str().unwrap_or_default().to_owned(),
        headers,
        enabled: settings["enabled"].as_bool().unwrap_or(true),
        events,
        by_events: settings["byEvents"].as_bool().unwrap_or(false),
        base64: settings["base64"].as_bool().unwrap_or(false),
        ..Webhook::default()
    })
}

pub(super) enum WebhookError {
    /// The field is missing; what the real server makes of that is an exception.
    NoEvents,
    /// At this place of the list.
    UnknownEvent(usize),
}

/// The words of the exception.
pub(super) const NO_EVENTS: &str = "Cannot read properties of undefined (reading 'length')";

pub(super) fn unknown_event(at: usize) -> Failure {
    let known = EVENTS.join(",");
    Failure::schema(&[format!("webhook.events[{at}] is not one of enum values: {known}")])
}
