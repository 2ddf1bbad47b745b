//! Instances and their webhooks.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Failure, NO_EVENTS, Sim, WebhookError, key_of, matches, parse, shape, unauthorised, webhook_of,
};
use crate::gateway_sim::shape::EVENTS;

const INTEGRATIONS: [&str; 2] = ["WHATSAPP-BAILEYS", "EVOLUTION"];

/// Makes an instance, connected at once: there is nobody to scan a code.
pub(super) async fn create(
    State(sim): State<Sim>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let body = parse(&body)?;
    if !sim.is_global_key(&headers) {
        return Err(unauthorised());
    }
    let name = body["instanceName"].as_str().unwrap_or("undefined");
    if name == "undefined" || sim.state().instance(name).is_some() {
        let message = format!("This name \"{name}\" is already in use.");
        return Err(Failure::new(403, "Forbidden", json!([message])));
    }
    let integration = body["integration"].as_str().unwrap_or_default();
    if !INTEGRATIONS.contains(&integration) {
        return Err(Failure::bad_request(json!(["Invalid integration"])));
    }
    let webhook = match &body["webhook"] {
        settings if settings["url"].is_string() => match webhook_of(settings) {
            Ok(webhook) => Some(webhook),
            Err(WebhookError::NoEvents) => {
                return Err(Failure::bad_request(json!([NO_EVENTS])));
            }
            Err(WebhookError::UnknownEvent(at)) => return Err(unknown_event(at)),
        },
        _ => None,
    };
    let token = body["token"].as_str().map(str::to_owned);
    let answer = {
        let mut state = sim.state();
        let made =
            state.add_instance(name, token, Some(integration.to_owned()), webhook, sim.now());
        shape::created(name, made)
    };
    let id = answer["instance"]["instanceId"].clone();
    sim.emit(name, "instance.create", json!({ "instanceName": name, "instanceId": id }));
    sim.emit(name, "connection.update", shape::connection_update(name, "open"));
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn connection_state(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    sim.authorise(&name, &headers)?;
    let state = sim.state().instance(&name).map(|instance| instance.connection.clone());
    Ok(Json(json!({ "instance": { "instanceName": name, "state": state } })))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(rename = "instanceName")]
    name: Option<String>,
}

/// All instances for the global key, its own one for a token.
pub(super) async fn fetch(
    State(sim): State<Sim>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let global = sim.is_global_key(&headers);
    let state = sim.state();
    let opened: Vec<_> = state
        .instances()
        .filter(|(_, instance)| global || matches(key_of(&headers), &instance.token))
        .collect();
    if !global && opened.is_empty() {
        return Err(unauthorised());
    }
    let rows: Vec<_> = opened
        .into_iter()
        .filter(|(name, _)| wanted.name.as_ref().is_none_or(|wanted| wanted == *name))
        .map(|(name, instance)| shape::instance(name, instance))
        .collect();
    match wanted.name {
        Some(name) if rows.is_empty() => {
            let message = format!("Instance \"{name}\" not found");
            Err(Failure::new(404, "Not Found", json!([message])))
        }
        _ => Ok(Json(Value::Array(rows))),
    }
}

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
        return Err(Failure::schema(&["instance requires property \"webhook\""]));
    }
    for field in ["enabled", "url"] {
        if settings[field].is_null() {
            return Err(Failure::schema(&[&format!("webhook requires property \"{field}\"")]));
        }
    }
    let new = webhook_of(settings).map_err(|error| match error {
        WebhookError::NoEvents => Failure::new(500, "Internal Server Error", json!(NO_EVENTS)),
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
    let new = crate::gateway_sim::Webhook { id, created_at, updated_at: now, ..new };
    let answer = shape::webhook(&new, instance.id);
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
        .and_then(|instance| Some(shape::webhook(instance.webhook.as_ref()?, instance.id)));
    Ok(Json(row.unwrap_or_default()))
}

fn unknown_event(at: usize) -> Failure {
    let known = EVENTS.join(",");
    Failure::schema(&[&format!("webhook.events[{at}] is not one of enum values: {known}")])
}
