//! Typing, reading, and who has WhatsApp.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::schema::{items, required};
use super::{Failure, Sim, parse};
use crate::gateway_sim::fault::SendFault;
use crate::gateway_sim::shape;
use crate::gateway_sim::state::Instance;
use crate::gateway_sim::version::Integration;

/// Shows a presence for as long as `delay` says, and holds the answer for as long.
pub(super) async fn presence(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let body = parse(&body)?;
    sim.authorise(&name, &headers)?;
    required(&body, &["number", "presence", "delay"])?;
    sim.is_baileys(&name)?;
    if !sim.is_open(&name) {
        return Err(Failure::bad_request(json!(["Error: Connection Closed"])));
    }
    let time = Duration::from_millis(body["delay"].as_u64().unwrap_or(0));
    tokio::time::sleep(time.mul_f64(sim.config().typing_scale.max(0.0))).await;
    Ok((StatusCode::CREATED, Json(json!({ "presence": body["presence"] }))))
}

pub(super) async fn mark_read(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let body = parse(&body)?;
    sim.authorise(&name, &headers)?;
    required(&body, &["readMessages"])?;
    sim.is_baileys(&name)?;
    if !sim.is_open(&name) {
        let messages = json!(["Read messages fail", "Error: Connection Closed"]);
        return Err(Failure::new(500, "Internal Server Error", messages));
    }
    for read in items(&body["readMessages"]) {
        let text = |field: &str| read[field].as_str().unwrap_or_default();
        // Those under a LID are passed over without a word.
        if !text("remoteJid").ends_with("@lid") {
            let mark = |message: &mut crate::gateway_sim::ChatMessage| message.status = "read";
            sim.state().change_message(&name, text("remoteJid"), text("id"), mark);
        }
    }
    Ok((StatusCode::CREATED, Json(json!({ "message": "Read messages", "read": "success" }))))
}

/// Tells of each number whether somebody has it. Failures have a shape of their own here.
pub(super) async fn numbers(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Failure> {
    let body = parse(&body)?;
    sim.authorise(&name, &headers)?;
    required(&body, &["numbers"])?;
    let refused = |message: Value| {
        Failure::from((400, json!({ "status": 400, "error": "Bad Request", "message": message })))
    };
    if items(&body["numbers"]).is_empty() {
        return Err(refused(json!([["numbers does not meet minimum length of 1"]])));
    }
    let integration = sim.integration(&name);
    if integration != Integration::Baileys {
        return Err(refused(json!([integration.lacks()])));
    }
    let met = sim.state().faults.meet_send(&name, false).outcome;
    match met {
        Some(SendFault::LookupRate | SendFault::Rate) => {
            return Err(boom(&json!(429), 429, "Too Many Requests", "rate-overlimit"));
        }
        Some(SendFault::LookupClosed | SendFault::Closed) => return Err(closed()),
        _ if !sim.is_open(&name) => return Err(closed()),
        _ => {}
    }
    let state = sim.state();
    let rows = items(&body["numbers"]).iter().filter_map(Value::as_str).map(|number| {
        let jid = state.recipient(&name, number);
        let exists = jid.is_some();
        let jid = jid.unwrap_or_else(|| shape::jid_of(number));
        json!({ "jid": jid, "exists": exists, "number": number })
    });
    Ok(Json(rows.collect()))
}

fn closed() -> Failure {
    boom(&Value::Null, 428, "Precondition Required", "Connection Closed")
}

/// An exception of the library below, which comes out as it is.
fn boom(data: &Value, status: u16, error: &str, message: &str) -> Failure {
    let payload = json!({ "statusCode": status, "error": error, "message": message });
    let output = json!({ "statusCode": status, "payload": payload, "headers": {} });
    let body = json!({ "data": data, "isBoom": true, "isServer": false, "output": output });
    Failure::from((400, body))
}

impl Sim {
    fn is_open(&self, instance: &str) -> bool {
        self.state().instance(instance).is_some_and(Instance::is_open)
    }

    fn integration(&self, instance: &str) -> Integration {
        self.state().instance(instance).map_or_else(Integration::default, |i| i.integration)
    }

    /// Refuses what the other kinds of instances do not have.
    fn is_baileys(&self, instance: &str) -> Result<(), Failure> {
        match self.integration(instance) {
            Integration::Baileys => Ok(()),
            other => Err(Failure::bad_request(json!([other.lacks()]))),
        }
    }
}
