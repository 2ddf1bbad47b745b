//! The side of those who play the customer and the owner: the chat page, tests, load.
//!
//! | call | does |
//! | --- | --- |
//! | `GET /control/instances` | `[{"name", "state", "integration", "version", "code"}]`; `code` is what waits to be scanned |
//! | `PUT /control/instances/{name}/state` | connects or disconnects: `{"state": "open"\|"connecting"\|"close", "for_ms"}` |
//! | `PUT /control/instances/{name}/scan` | scans its code |
//! | `POST /control/instances/{name}/flood` | `{"count", "ms"}`: so many `connection.update` in that time |
//! | `POST /control/instances/{name}/inbound` | a customer writes: [`Write`]; answers `{"id", "status"}` after the webhook's first try |
//! | `POST /control/instances/{name}/backlog` | a list of [`Write`], all at once, as after a time offline |
//! | `POST /control/instances/{name}/tap` | taps or votes: `{"phone", "menu", "options": ["14:00"]}`; answers as `inbound` |
//! | `POST /control/instances/{name}/edit` | `{"phone", "id", "text"}`: changes a message; without `text`: takes it back |
//! | `GET /control/instances/{name}/chats` | `[{"phone", "name", "last"}]`, the liveliest first |
//! | `GET /control/instances/{name}/chats/{phone}` | `[{"id", "from", "text", "at", "status", …}]`, oldest first |
//! | `GET /control/instances/{name}/chats/{phone}/events` | the same objects as they come (SSE: `message`), and again when they change (`status`) |
//! | `GET /control/sent` | all sends that reached the server, oldest first |
//! | `GET /control/webhooks` | what became of webhooks: `{"pending", "tries", "delivered", "refused", "given_up"}` |
//! | `GET`, `PUT`, `POST`, `DELETE /control/faults` | what goes wrong: a list of [`Fault`]; `PUT` takes one or a list in place of those before, `POST` adds one |
//! | `PUT /control/version` | `{"version": "2.3.6", "instance"}`: of the server, or of one instance |
//! | `PUT /control/licence` | `{"active": true}` |
//! | `PUT /control/numbers/{number}` | `{"exists": false}`: whether somebody has it, and that this is WhatsApp's form of it |

mod acts;
mod chats;
mod content;
mod write;

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::version::Version;
use super::{Fault, SentRecord, Sim, WebhookCounts};

pub use self::acts::{Edit, Tap};
pub use self::write::Write;

type Refused = (StatusCode, Json<Value>);

pub(super) fn router() -> Router<Sim> {
    Router::new()
        .route("/control/instances", get(instances))
        .route("/control/instances/{name}/state", put(set_state))
        .route("/control/instances/{name}/scan", put(scan))
        .route("/control/instances/{name}/flood", post(flood))
        .route("/control/instances/{name}/inbound", post(chats::inbound))
        .route("/control/instances/{name}/backlog", post(chats::backlog))
        .route("/control/instances/{name}/tap", post(chats::tap))
        .route("/control/instances/{name}/edit", post(chats::edit))
        .route("/control/instances/{name}/chats", get(chats::list))
        .route("/control/instances/{name}/chats/{phone}", get(chats::chat))
        .route("/control/instances/{name}/chats/{phone}/events", get(chats::events))
        .route("/control/sent", get(sent))
        .route("/control/webhooks", get(webhooks))
        .route("/control/faults", get(faults).put(set_faults).post(add_fault).delete(clear_faults))
        .route("/control/version", put(set_version))
        .route("/control/licence", put(set_licence))
        .route("/control/numbers/{number}", put(set_number))
}

fn refused(status: StatusCode, reason: &str) -> Refused {
    (status, Json(json!({ "error": reason })))
}

fn no_instance() -> Refused {
    refused(StatusCode::NOT_FOUND, "no such instance")
}

async fn instances(State(sim): State<Sim>) -> Json<Value> {
    let state = sim.state();
    let rows = state.instances().map(|(name, instance)| {
        json!({
            "name": name,
            "state": instance.connection,
            "integration": instance.integration,
            "version": state.version_of(name),
            "code": instance.pairing.as_ref().map(|pairing| &pairing.code),
        })
    });
    Json(rows.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectionState {
    state: String,
    /// Milliseconds until it is open again.
    for_ms: Option<u64>,
}

async fn set_state(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    Json(wanted): Json<ConnectionState>,
) -> Result<StatusCode, Refused> {
    if !sim.set_instance_state(&name, &wanted.state) {
        return Err(refused(StatusCode::NOT_FOUND, "no such instance, or no such state"));
    }
    if let Some(time) = wanted.for_ms {
        sim.open_after(&name, Duration::from_millis(time));
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn scan(State(sim): State<Sim>, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    if sim.scan(&name) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(refused(StatusCode::NOT_FOUND, "no such instance, or it shows no code"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flood {
    count: u32,
    /// Milliseconds; a second, if left out.
    ms: Option<u64>,
}

async fn flood(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    Json(flood): Json<Flood>,
) -> Result<StatusCode, Refused> {
    let time = Duration::from_millis(flood.ms.unwrap_or(1_000));
    if sim.flood(&name, flood.count, time) { Ok(StatusCode::ACCEPTED) } else { Err(no_instance()) }
}

async fn sent(State(sim): State<Sim>) -> Json<Vec<SentRecord>> {
    Json(sim.sent())
}

async fn webhooks(State(sim): State<Sim>) -> Json<WebhookCounts> {
    Json(sim.webhook_counts())
}

async fn faults(State(sim): State<Sim>) -> Json<Vec<Fault>> {
    Json(sim.state().faults.list().cloned().collect())
}

/// One, or several that meet together.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    More(Vec<Fault>),
    One(Box<Fault>),
}

async fn set_faults(State(sim): State<Sim>, Json(faults): Json<OneOrMore>) -> Json<Vec<Fault>> {
    let faults = match faults {
        OneOrMore::More(faults) => faults,
        OneOrMore::One(fault) => vec![*fault],
    };
    sim.set_faults(faults.clone());
    Json(faults)
}

async fn add_fault(State(sim): State<Sim>, Json(fault): Json<Fault>) -> Json<Vec<Fault>> {
    sim.add_fault(fault);
    faults(State(sim)).await
}

async fn clear_faults(State(sim): State<Sim>) -> StatusCode {
    sim.clear_fault();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    version: Version,
    instance: Option<String>,
}

async fn set_version(
    State(sim): State<Sim>,
    Json(wanted): Json<Wanted>,
) -> Result<StatusCode, Refused> {
    if sim.set_version(wanted.version, wanted.instance.as_deref()) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(no_instance())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Licence {
    active: bool,
}

async fn set_licence(State(sim): State<Sim>, Json(licence): Json<Licence>) -> StatusCode {
    sim.set_licensed(licence.active);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    exists: bool,
}

async fn set_number(
    State(sim): State<Sim>,
    Path(address): Path<String>,
    Json(number): Json<Number>,
) -> StatusCode {
    sim.set_number(&address, number.exists);
    StatusCode::NO_CONTENT
}
