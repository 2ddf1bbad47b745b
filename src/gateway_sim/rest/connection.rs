//! Connecting instances, and putting them out.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Sim};
use crate::gateway_sim::shape::instances as bodies;
use crate::gateway_sim::state::Connection;

pub(super) async fn state(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    sim.authorise(&name, &headers)?;
    Ok(Json(state_of(&sim, &name)))
}

fn state_of(sim: &Sim, name: &str) -> Value {
    let state = sim.state().instance(name).map(|instance| instance.connection);
    json!({ "instance": { "instanceName": name, "state": state } })
}

#[derive(Deserialize)]
pub(super) struct Typed {
    /// Asks for a code to be typed beside the one to be scanned.
    number: Option<String>,
}

/// The code to scan; the state, if there is nothing to connect.
pub(super) async fn connect(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    Query(typed): Query<Typed>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    sim.authorise(&name, &headers)?;
    sim.connect(&name, typed.number.as_deref());
    let state = sim.state();
    let Some(instance) = state.instance(&name) else { return Ok(Json(Value::Null)) };
    if instance.is_open() {
        drop(state);
        return Ok(Json(state_of(&sim, &name)));
    }
    Ok(Json(bodies::code(instance.pairing.as_ref())))
}

/// Closes the connection and makes a new one.
pub(super) async fn restart(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    sim.authorise(&name, &headers)?;
    let connection = sim.state().instance(&name).map(|instance| instance.connection);
    if connection == Some(Connection::Open) {
        sim.set_instance_state(&name, "connecting");
    }
    sim.connect(&name, None);
    Ok(Json(state_of(&sim, &name)))
}

pub(super) async fn log_out(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    sim.authorise(&name, &headers)?;
    let connection = sim.state().instance(&name).map(|instance| instance.connection);
    if connection == Some(Connection::Close) {
        let message = format!("The \"{name}\" instance is not connected");
        return Err(Failure::bad_request(json!([message])));
    }
    sim.put_out(&name);
    let response = json!({ "message": "Instance logged out" });
    Ok(Json(json!({ "status": "SUCCESS", "error": false, "response": response })))
}
