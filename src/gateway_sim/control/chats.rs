//! Chats over HTTP.

use std::convert::Infallible;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::super::state::{Chat, ChatEvent, ChatMessage};
use super::super::{Sim, Written};
use super::{Edit, Refused, Tap, Write, no_instance, refused};

fn unwritten(reason: &'static str) -> Refused {
    refused(StatusCode::UNPROCESSABLE_ENTITY, reason)
}

pub(super) async fn inbound(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    Json(write): Json<Write>,
) -> Result<Json<Written>, Refused> {
    sim.write(&name, write).await.map(Json).map_err(unwritten)
}

pub(super) async fn backlog(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    Json(writes): Json<Vec<Write>>,
) -> Result<Json<Vec<Written>>, Refused> {
    sim.backlog(&name, writes).await.map(Json).map_err(unwritten)
}

pub(super) async fn tap(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    Json(tap): Json<Tap>,
) -> Result<Json<Written>, Refused> {
    sim.tap(&name, tap).await.map(Json).map_err(unwritten)
}

pub(super) async fn edit(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    Json(edit): Json<Edit>,
) -> Result<Json<Written>, Refused> {
    sim.edit(&name, edit).await.map(Json).map_err(unwritten)
}

pub(super) async fn list(
    State(sim): State<Sim>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refused> {
    let state = sim.state();
    let Some(instance) = state.instance(&name) else { return Err(no_instance()) };
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

pub(super) async fn chat(
    State(sim): State<Sim>,
    Path((name, phone)): Path<(String, String)>,
) -> Result<Json<Vec<ChatMessage>>, Refused> {
    if sim.state().instance(&name).is_none() {
        return Err(no_instance());
    }
    Ok(Json(sim.chat(&name, &phone)))
}

pub(super) async fn events(
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
