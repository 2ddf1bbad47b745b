//! The server's own record of messages, chats and contacts.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, Sim, parse};
use crate::gateway_sim::fault::LookupFault;
use crate::gateway_sim::shape::{iso, row_id};
use crate::gateway_sim::state::{Author, Chat, ChatMessage, Instance};
use crate::gateway_sim::version::Integration;

/// Rows of a page of messages, if not said otherwise, and at most.
const PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 1_000;
/// How long a look-up that is never answered is held at most.
const FOR_EVER: Duration = Duration::from_mins(10);

/// Looks messages up, the newest first.
pub(super) async fn messages(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Failure> {
    let body = parse(&body)?;
    sim.authorise(&name, &headers)?;
    let met = sim.state().faults.meet_lookup(&name);
    match met {
        Some(LookupFault::Failing) => {
            return Err(Failure::broken("Can't reach database server at `postgres:5432`"));
        }
        Some(LookupFault::Hang) => tokio::time::sleep(FOR_EVER).await,
        Some(LookupFault::Empty) | None => {}
    }
    let wanted = Wanted::read(&body["where"]);
    let page = body["page"].as_u64().unwrap_or(1).max(1);
    let size = body["offset"].as_u64().unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let state = sim.state();
    let Some(instance) = state.instance(&name) else { return Ok(Json(Value::Null)) };
    let mut found: Vec<(&Chat, &ChatMessage)> = instance
        .chats()
        .flat_map(|(_, chat)| chat.messages().map(move |message| (chat, message)))
        .filter(|(_, message)| wanted.fits(message) && met != Some(LookupFault::Empty))
        .collect();
    found.sort_by_key(|(_, message)| std::cmp::Reverse((message.at, message.seq)));
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let pages = total.div_ceil(size);
    let skipped = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
    let records: Vec<_> = found
        .into_iter()
        .skip(skipped)
        .take(usize::try_from(size).unwrap_or(usize::MAX))
        .filter_map(|(chat, message)| record(instance, chat, message))
        .collect();
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

    /// Only what the server has on record can fit.
    fn fits(&self, message: &ChatMessage) -> bool {
        let Some(kept) = &message.record else { return false };
        // The real server keeps whole seconds.
        let seconds = message.at.timestamp();
        self.id.is_none_or(|id| id == message.id)
            && self.jid.is_none_or(|jid| kept.key["remoteJid"] == jid)
            && self.from_me.is_none_or(|from_me| from_me == (message.from == Author::Business))
            && self.from.is_none_or(|from| from.timestamp() <= seconds)
            && self.until.is_none_or(|until| seconds <= until.timestamp())
    }
}

fn record(instance: &Instance, chat: &Chat, message: &ChatMessage) -> Option<Value> {
    let kept = message.record.as_ref()?;
    let from_me = message.from == Author::Business;
    let reached = match message.status {
        "sent" => &["SERVER_ACK"][..],
        "delivered" => &["SERVER_ACK", "DELIVERY_ACK"],
        "read" => &["SERVER_ACK", "DELIVERY_ACK", "READ"],
        "failed" => &["ERROR"],
        _ => &[],
    };
    let updates: Vec<_> = reached.iter().map(|status| json!({ "status": status })).collect();
    let source = match (instance.integration, from_me) {
        (Integration::Baileys, true) => "web",
        (Integration::Baileys, false) => "ios",
        _ => "unknown",
    };
    Some(json!({
        "id": row_id(),
        "key": kept.key,
        "pushName": if from_me { None } else { chat.name.as_deref() },
        "messageType": kept.kind,
        "message": kept.message,
        "messageTimestamp": message.at.timestamp(),
        "instanceId": instance.id,
        "source": source,
        "contextInfo": message.quoted.as_ref().map(|id| json!({ "stanzaId": id })),
        "MessageUpdate": updates,
    }))
}

/// All chats with their last messages.
pub(super) async fn chats(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Failure> {
    parse(&body)?;
    sim.authorise(&name, &headers)?;
    let now = sim.now();
    let state = sim.state();
    let Some(instance) = state.instance(&name) else { return Ok(Json(Value::Null)) };
    let rows = instance.chats().flat_map(|(_, chat)| chat_rows(instance, chat, now));
    Ok(Json(rows.collect()))
}

/// A chat, once for each form of address that messages in it have.
fn chat_rows(instance: &Instance, chat: &Chat, now: DateTime<Utc>) -> Vec<Value> {
    let mut addresses: Vec<&Value> = Vec::new();
    let kept = chat.messages().rev().filter_map(|message| message.record.as_ref());
    for address in kept.map(|kept| &kept.key["remoteJid"]) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.into_iter().filter_map(|jid| chat_row(instance, chat, jid, now)).collect()
}

fn chat_row(instance: &Instance, chat: &Chat, jid: &Value, now: DateTime<Utc>) -> Option<Value> {
    let has_address = |message: &&ChatMessage| {
        message.record.as_ref().is_some_and(|kept| kept.key["remoteJid"] == *jid)
    };
    let last = chat.messages().rev().find(has_address)?;
    let kept = last.record.as_ref()?;
    let written =
        chat.messages().rev().filter(has_address).find(|message| message.from == Author::Customer);
    // Businesses may write freely for a day after the customer did.
    let start = written.map(|message| message.at);
    let end = start.map(|start| start + TimeDelta::days(1));
    Some(json!({
        "id": written.map(|_| row_id()),
        "remoteJid": kept.key["remoteJid"],
        "pushName": null,
        "profilePicUrl": null,
        "updatedAt": iso(last.at),
        "windowStart": start.map(iso),
        "windowExpires": end.map(iso),
        "windowActive": end.is_some_and(|end| now < end),
        "lastMessage": {
            "id": row_id(),
            "key": kept.key,
            "pushName": if last.from == Author::Business { "Você" } else { "" },
            "participant": null,
            "messageType": kept.kind,
            "message": kept.message,
            "contextInfo": null,
            "source": "unknown",
            "messageTimestamp": last.at.timestamp(),
            "instanceId": instance.id,
            "sessionId": null,
            "status": null,
        },
        "unreadCount": written.map(|_| 0),
        "isSaved": written.is_some(),
    }))
}

/// All customers who have written.
pub(super) async fn contacts(
    State(sim): State<Sim>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Failure> {
    parse(&body)?;
    sim.authorise(&name, &headers)?;
    let state = sim.state();
    let Some(instance) = state.instance(&name) else { return Ok(Json(Value::Null)) };
    let rows = instance.chats().filter_map(|(_, chat)| {
        let mut written = chat.messages().filter(|message| message.from == Author::Customer);
        let first = written.next()?;
        let last = written.next_back().unwrap_or(first);
        Some(contact_row(instance.id, chat, first.at, last.at))
    });
    Ok(Json(rows.collect()))
}

fn contact_row(instance: Uuid, chat: &Chat, first: DateTime<Utc>, last: DateTime<Utc>) -> Value {
    json!({
        "id": row_id(),
        "remoteJid": chat.jid,
        "pushName": chat.name,
        "profilePicUrl": null,
        "createdAt": iso(first),
        "updatedAt": iso(last),
        "instanceId": instance,
        "isGroup": false,
        "isSaved": true,
        "type": "contact",
    })
}
