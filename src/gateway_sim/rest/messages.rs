//! Sends, and the record of messages.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, Sim, parse, shape};
use crate::gateway_sim::fault::SendFault;
use crate::gateway_sim::state::{Author, Chat, ChatMessage, Instance, SentRecord};

/// How long a send that is never answered is held at most; its sender has long given up.
const FOR_EVER: Duration = Duration::from_mins(10);
const SLOW: Duration = Duration::from_secs(3);
/// Rows of a page of messages, if not said otherwise, and at most.
const PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 1_000;

/// Sends a text: 201 says that it was written to the socket, no more.
pub(super) async fn send_text(
    State(sim): State<Sim>,
    Path(instance): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let body = parse(&body)?;
    sim.authorise(&instance, &headers)?;
    let send = Send::read(&body)?;
    let fault = sim.state().fault.as_mut().and_then(|fault| fault.meet_send(&instance));
    let slow = sim.state().fault.as_ref().and_then(|active| active.fault.slow_ms);
    let connected =
        sim.state().instance(&instance).is_some_and(|instance| instance.connection == "open");
    if !connected && fault.is_none() {
        sim.log(&instance, &send, None, false);
        return Err(Failure::new(500, "Internal Server Error", json!("Connection Closed")));
    }
    tokio::time::sleep(send.delay.mul_f64(sim.config().typing_scale.max(0.0))).await;
    if fault == Some(SendFault::Slow) {
        tokio::time::sleep(slow.map_or(SLOW, Duration::from_millis)).await;
    }
    let goes_out = fault.is_none_or(SendFault::goes_out);
    let failure = fault.and_then(|fault| fault.answer(&shape::jid_of(send.number), send.number));
    let hangs = matches!(fault, Some(SendFault::Hang | SendFault::SentThenHang));
    let answer = goes_out.then(|| sim.send_out(&instance, &send)).flatten();
    let id = answer.as_ref().and_then(|answer| answer["key"]["id"].as_str());
    sim.log(&instance, &send, id, failure.is_none() && !hangs);
    if hangs {
        tokio::time::sleep(FOR_EVER).await;
    }
    match (failure, answer) {
        (Some((status, body)), _) => Err(Failure { status, body }),
        (None, Some(answer)) => Ok((StatusCode::CREATED, Json(answer))),
        (None, None) => Err(Failure::new(500, "Internal Server Error", json!("Timed Out"))),
    }
}

/// A send as it was asked for.
struct Send<'a> {
    number: &'a str,
    text: &'a str,
    delay: Duration,
}

impl<'a> Send<'a> {
    fn read(body: &'a Value) -> Result<Self, Failure> {
        let missing: Vec<_> = ["number", "text"]
            .iter()
            .filter(|field| body[**field].is_null())
            .map(|field| format!("instance requires property \"{field}\""))
            .collect();
        if !missing.is_empty() {
            return Err(Failure::bad_request(json!([missing])));
        }
        let (Some(number), Some(text)) = (body["number"].as_str(), body["text"].as_str()) else {
            return Err(Failure::schema(&["Invalid format"]));
        };
        let delay = match &body["delay"] {
            Value::Null => 0,
            delay => {
                delay.as_u64().ok_or_else(|| Failure::schema(&["Enter a value in milliseconds"]))?
            }
        };
        if text.trim().is_empty() {
            return Err(Failure::bad_request(json!(["Text is required"])));
        }
        Ok(Self { number, text, delay: Duration::from_millis(delay) })
    }
}

impl Sim {
    /// Puts the message into the customer's chat and reports it and its way. The answer of a send
    /// that was accepted; `None` if the number is none.
    fn send_out(&self, instance: &str, send: &Send<'_>) -> Option<Value> {
        let (id, at) = (shape::message_id("3EB0"), self.now());
        let message = ChatMessage {
            id: id.clone(),
            from: Author::Business,
            text: send.text.to_owned(),
            at,
            status: "pending",
            seq: 0,
        };
        let (jid, instance_id) = {
            let mut state = self.state();
            let normal = shape::jid_of(send.number);
            // The number is looked up, and WhatsApp's own form of it is the one that is used.
            let known = state.chat(instance, &normal).map(|chat| chat.jid.clone());
            let jid = known.filter(|jid| !jid.is_empty()).unwrap_or(normal);
            state.add_message(instance, &jid, message)?;
            (jid, state.instance(instance)?.id)
        };
        self.changed();
        let answer = shape::sent(&jid, &id, send.text, at.timestamp(), instance_id);
        self.emit(instance, "send.message", answer.clone());
        tokio::spawn(report(self.clone(), instance.to_owned(), jid, id, instance_id));
        Some(answer)
    }

    fn log(&self, instance: &str, send: &Send<'_>, id: Option<&str>, accepted: bool) {
        let at = self.now();
        let mut state = self.state();
        let phone = state
            .instance(instance)
            .and_then(|found| found.key_of(&shape::jid_of(send.number)))
            .unwrap_or_default();
        state.log_send(SentRecord {
            id: id.map(str::to_owned),
            instance: instance.to_owned(),
            number: send.number.to_owned(),
            phone,
            text: send.text.to_owned(),
            at,
            went_out: id.is_some(),
            accepted: accepted && id.is_some(),
        });
    }
}

/// Reports how far the message has got, stage by stage.
async fn report(sim: Sim, instance: String, jid: String, id: String, instance_id: Uuid) {
    let stages = [("SERVER_ACK", "sent"), ("DELIVERY_ACK", "delivered"), ("READ", "read")];
    let stages = &stages[..if sim.config().reads { 3 } else { 2 }];
    for (name, status) in stages {
        tokio::time::sleep(sim.config().status_delay).await;
        sim.state().set_status(&instance, &jid, &id, status);
        sim.emit(&instance, "messages.update", shape::status(&jid, &id, name, instance_id));
    }
}

/// Looks messages up, the newest first.
pub(super) async fn find(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Failure> {
    let body = parse(&body)?;
    sim.authorise(&name, &headers)?;
    let wanted = Wanted::read(&body["where"]);
    let page = body["page"].as_u64().unwrap_or(1).max(1);
    let size = body["offset"].as_u64().unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let state = sim.state();
    let Some(instance) = state.instance(&name) else { return Ok(Json(Value::Null)) };
    let mut found: Vec<(&Chat, &ChatMessage)> = instance
        .chats()
        .flat_map(|(_, chat)| chat.messages().map(move |message| (chat, message)))
        .filter(|(chat, message)| wanted.fits(chat, message))
        .collect();
    found.sort_by_key(|(_, message)| std::cmp::Reverse((message.at, message.seq)));
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let skipped = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let records: Vec<_> = found
        .into_iter()
        .skip(skipped)
        .take(size)
        .map(|(chat, message)| record(instance, chat, message))
        .collect();
    let pages = total.div_ceil(u64::try_from(size).unwrap_or(u64::MAX));
    Ok(Json(json!({
        "messages": { "total": total, "pages": pages, "currentPage": page, "records": records },
    })))
}

/// What is looked for; what is not given fits everything.
struct Wanted<'a> {
    id: Option<&'a str>,
    jid: Option<&'a str>,
    from_me: Option<bool>,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

impl<'a> Wanted<'a> {
    fn read(filter: &'a Value) -> Self {
        let time = |bound: &Value| bound.as_str().and_then(|time| time.parse().ok());
        Self {
            id: filter["key"]["id"].as_str(),
            jid: filter["key"]["remoteJid"].as_str(),
            from_me: filter["key"]["fromMe"].as_bool(),
            from: time(&filter["messageTimestamp"]["gte"]),
            until: time(&filter["messageTimestamp"]["lte"]),
        }
    }

    fn fits(&self, chat: &Chat, message: &ChatMessage) -> bool {
        // The real server keeps whole seconds.
        let seconds = message.at.timestamp();
        self.id.is_none_or(|id| id == message.id)
            && self.jid.is_none_or(|jid| jid == chat.jid)
            && self.from_me.is_none_or(|from_me| from_me == (message.from == Author::Business))
            && self.from.is_none_or(|from| from.timestamp() <= seconds)
            && self.until.is_none_or(|until| seconds <= until.timestamp())
    }
}

fn record(instance: &Instance, chat: &Chat, message: &ChatMessage) -> Value {
    let from_me = message.from == Author::Business;
    let reached = match message.status {
        "sent" => &["SERVER_ACK"][..],
        "delivered" => &["SERVER_ACK", "DELIVERY_ACK"],
        "read" => &["SERVER_ACK", "DELIVERY_ACK", "READ"],
        _ => &[],
    };
    let updates: Vec<_> = reached.iter().map(|status| json!({ "status": status })).collect();
    json!({
        "id": shape::row_id(),
        "key": { "id": message.id, "fromMe": from_me, "remoteJid": chat.jid },
        "pushName": if from_me { None } else { chat.name.as_deref() },
        "messageType": "conversation",
        "message": { "conversation": message.text },
        "messageTimestamp": message.at.timestamp(),
        "instanceId": instance.id,
        "source": if from_me { "web" } else { "ios" },
        "contextInfo": null,
        "MessageUpdate": updates,
    })
}
