//! The side of those who play the customer: the chat page, tests, load.
//!
//! | call | does |
//! | --- | --- |
//! | `GET /control/instances` | `[{"name", "state"}]` |
//! | `PUT /control/instances/{name}/state` | connects or disconnects: `{"state": "open"\|"connecting"\|"close"}` |
//! | `POST /control/instances/{name}/inbound` | a customer writes: [`Write`]; answers `{"id", "status"}` after the webhook's first try |
//! | `GET /control/instances/{name}/chats` | `[{"phone", "name", "last"}]`, the liveliest first |
//! | `GET /control/instances/{name}/chats/{phone}` | `[{"id", "from", "text", "at", "status"}]`, oldest first |
//! | `GET /control/instances/{name}/chats/{phone}/events` | the same objects as they come (SSE: `message`), and again when their status changes (`status`) |
//! | `GET /control/sent` | all sends that reached the server, oldest first |
//! | `GET`, `PUT`, `DELETE /control/faults` | what goes wrong: a [`Fault`], or `{}` |

mod write;

use std::convert::Infallible;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::state::{Chat, ChatEvent, ChatMessage};
use super::{Fault, SentRecord, Sim, Written};

pub use self::write::Write;

type Refused = (StatusCode, Json<Value>);

pub(super) fn router() -> Router<Sim> {
    Router::new()
        .route("/control/instances", get(instances))
        .route("/control/instances/{name}/state", put(set_state))
        .route("/control/instances/{name}/inbound", post(inbound))
        .route("/control/instances/{name}/chats", get(chats))
        .route("/control/instances/{name}/chats/{phone}", get(chat))
        .route("/control/instances/{name}/chats/{phone}/events", get(events))
        .route("/control/sent", get(sent))
        .route("/control/faults", get(faults).put(set_faults).delete(clear_faults))
}

fn refused(status: StatusCode, reason: &str) -> Refused {
    (status, Json(json!({ "error": reason })))
}

async fn instances(State(sim): State<Sim>) -> Json<Value> {
    let state = sim.state();
    let list = state.instances().map(|(name, i)| json!({ "name": name, "state": i.connection }));
    Json(list.collect())
}

#[derive(Deserialize)]
struct Connection {
    state: String,
}

async fn set_state(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    Json(connection): Json<Connection>,
) -> Result<StatusCode, Refused> {
    if sim.set_instance_state(&name, &connection.state) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(refused(StatusCode::NOT_FOUND, "no such instance, or no such state"))
}

async fn inbound(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    Json(write): Json<Write>,
) -> Result<Json<Written>, Refused> {
    let written = sim.write(&name, write).await;
    written.map(Json).map_err(|reason| refused(StatusCode::UNPROCESSABLE_ENTITY, reason))
}

async fn chats(State(sim): State<Sim>, Path(name): Path<String>) -> Result<Json<Value>, Refused> {
    let state = sim.state();
    let Some(instance) = state.instance(&name) else {
        return Err(refused(StatusCode::NOT_FOUND, "no such instance"));
    };
    let last = |chat: &Chat| chat.messages().next_back().cloned();
    let mut chats: Vec<(&String, &Chat, Option<ChatMessage>)> =
        instance.chats().map(|(phone, chat)| (phone, chat, last(chat))).collect();
    // Watched before anything was said.
    chats.retain(|(_, _, last)| last.is_some());
    chats.sort_by_key(|(_, _, last)| std::cmp::Reverse(last.as_ref().map(|last| last.seq)));
    let rows = chats
        .into_iter()
        .map(|(phone, chat, last)| json!({ "phone": phone, "name": chat.name, "last": last }));
    Ok(Json(rows.collect()))
}

async fn chat(
    State(sim): State<Sim>,
    Path((name, phone)): Path<(String, String)>,
) -> Result<Json<Vec<ChatMessage>>, Refused> {
    if sim.state().instance(&name).is_none() {
        return Err(refused(StatusCode::NOT_FOUND, "no such instance"));
    }
    Ok(Json(sim.chat(&name, &phone)))
}

async fn events(
    State(sim): State<Sim>,
    Path((name, phone)): Path<(String, String)>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let watched = sim.state().instance_mut(&name).and_then(|instance| instance.watch(&phone));
    let mut watched =
        watched.ok_or_else(|| refused(StatusCode::NOT_FOUND, "no such instance or phone"))?;
    let stream = async_stream::stream! {
        loop {
            let (kind, message) = match watched.recv().await {
                Ok(ChatEvent::Message(message)) => ("message", message),
                Ok(ChatEvent::Status(message)) => ("status", message),
                // What was missed can be read from the chat; what comes next goes on.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => break,
            };
            let event = Event::default().event(kind).json_data(&message);
            yield Ok(event.unwrap_or_default());
        }
    };
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

async fn sent(State(sim): State<Sim>) -> Json<Vec<SentRecord>> {
    Json(sim.sent())
}

async fn faults(State(sim): State<Sim>) -> Json<Value> {
    let fault = sim.state().fault.as_ref().map(|active| active.fault.clone());
    Json(fault.map_or_else(|| json!({}), |fault| json!(fault)))
}

async fn set_faults(State(sim): State<Sim>, Json(fault): Json<Fault>) -> Json<Fault> {
    sim.set_fault(fault.clone());
    Json(fault)
}

async fn clear_faults(State(sim): State<Sim>) -> StatusCode {
    sim.clear_fault();
    StatusCode::NO_CONTENT
}
