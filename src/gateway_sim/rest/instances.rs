//! Making, listing and deleting instances.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::settings::{NO_EVENTS, WebhookError, unknown_event, webhook_of};
use super::{Failure, Sim, key_of, matches, parse, unauthorised};
use crate::gateway_sim::shape::instances as bodies;
use crate::gateway_sim::state::{Instance, NewInstance, Settings};
use crate::gateway_sim::version::Integration;

/// Makes an instance. One of kind WHATSAPP-BAILEYS shows a code if that is asked for, and stays
/// closed otherwise.
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
    let new = new_instance(&body)?;
    let id = sim.state().add_instance(name, new, sim.now()).id;
    sim.emit(name, "instance.create", json!({ "instanceName": name, "instanceId": id }));
    let wants_code = body["qrcode"] == true;
    if wants_code {
        sim.connect(name, body["number"].as_str());
    }
    let state = sim.state();
    let Some(made) = state.instance(name) else { return Err(unauthorised()) };
    let code = (wants_code && made.integration == Integration::Baileys)
        .then(|| bodies::code(made.pairing.as_ref()));
    let answer = bodies::created(name, made, &sim.config().server_url, code);
    Ok((StatusCode::CREATED, Json(answer)))
}

fn new_instance(body: &Value) -> Result<NewInstance, Failure> {
    let Ok(integration) = Integration::deserialize(&body["integration"]) else {
        return Err(Failure::bad_request(json!(["Invalid integration"])));
    };
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    if integration == Integration::Cloud && body["token"].as_str().is_none() {
        return Err(Failure::bad_request(json!(["token is required"])));
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
    Ok(NewInstance {
        token: text("token"),
        integration,
        number: text("number"),
        business: text("businessId"),
        webhook,
        // What it does not know it leaves out.
        settings: Settings::deserialize(body).unwrap_or_default(),
    })
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(rename = "instanceName")]
    name: Option<String>,
    #[serde(rename = "instanceId")]
    id: Option<String>,
    number: Option<String>,
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
    let is = |wanted: &Option<String>, found: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
    };
    let rows: Vec<_> = opened
        .into_iter()
        .filter(|(name, instance)| {
            is(&wanted.name, Some(name.as_str()))
                && is(&wanted.id, Some(&instance.id.to_string()))
                && is(&wanted.number, instance.number.as_deref())
        })
        .map(|(name, instance)| bodies::row(name, instance))
        .collect();
    match wanted.name.or(wanted.id).or(wanted.number) {
        Some(asked) if rows.is_empty() => {
            let message = format!("Instance \"{asked}\" not found");
            Err(Failure::new(404, "Not Found", json!([message])))
        }
        _ => Ok(Json(Value::Array(rows))),
    }
}

/// Deletes an instance; one that is connected is put out first.
pub(super) async fn delete(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    sim.authorise(&name, &headers)?;
    if sim.state().instance(&name).is_some_and(Instance::is_open) {
        sim.put_out(&name);
    }
    let id = sim.state().instance(&name).map(|instance| instance.id);
    sim.emit(&name, "remove.instance", Value::Null);
    sim.emit(&name, "instance.delete", json!({ "instanceName": name, "instanceId": id }));
    sim.state().remove_instance(&name);
    let response = json!({ "message": "Instance deleted" });
    Ok(Json(json!({ "status": "SUCCESS", "error": false, "response": response })))
}
