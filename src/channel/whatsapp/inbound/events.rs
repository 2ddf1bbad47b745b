//! The events that may carry words, one item each.

use serde_json::{Value, json};

use super::super::address::{Addresses, Kind};
use super::super::status::DeliveryStatus;
use super::clean::clean;
use super::message::{self, Reading, Said};
use super::values::{id, id_of, is_true, millis, name, seconds};
use super::{Content, Edit, Inbound, read_outgoing};

/// A message, whoever sent it.
pub(super) fn upsert(data: &Value, envelope: &Value) -> Content {
    let key = &data["key"];
    if let Some(reason) = no_person(key) {
        return Content::Ignored(reason);
    }
    let reading = message::read(data);
    if is_true(&key["fromMe"]) {
        return own(data, &reading);
    }
    let remote = Addresses::of_message(data);
    if is_self(&remote, &envelope["sender"]) {
        return Content::Ignored("self");
    }
    match reading {
        Reading::Nothing(reason) => Content::Ignored(reason),
        Reading::Reaction { quoted, emoji } => Content::Reaction { quoted, emoji },
        Reading::Revoked { provider_id } => Content::Delete { provider_id },
        Reading::Edited(edited) => {
            let provider_id = edited.provider_id.or_else(|| id_of(key));
            match (provider_id, edited.text, remote.is_empty()) {
                (Some(provider_id), Some(text), false) => Content::Edit(Box::new(Edit {
                    provider_id,
                    remote,
                    edited_at: edited.at.or_else(|| seconds(&data["messageTimestamp"])),
                    text,
                    clean: clean(data, envelope),
                })),
                _ => unparsed(data, envelope),
            }
        }
        Reading::Said(said) => match id_of(key) {
            Some(provider_id) if !remote.is_empty() => {
                Content::Message(Box::new(inbound(provider_id, remote, said, data, envelope)))
            }
            _ => unparsed(data, envelope),
        },
        Reading::Unknown => unparsed(data, envelope),
    }
}

fn inbound(
    provider_id: String,
    remote: Addresses,
    said: Said,
    data: &Value,
    envelope: &Value,
) -> Inbound {
    let sent_at = seconds(&data["messageTimestamp"]);
    Inbound {
        provider_id,
        remote,
        push_name: name(&data["pushName"]),
        sent_at,
        kind: said.kind,
        text: said.text,
        choice: said.choice,
        quoted: said.quoted,
        vote: said
            .vote
            .then(|| said.cast_at.or(sent_at).map_or(0, |cast_at| cast_at.timestamp_millis())),
        clean: clean(data, envelope),
    }
}

/// What the business itself sent: a message, or what answers nothing.
fn own(data: &Value, reading: &Reading) -> Content {
    match (reading, read_outgoing(data)) {
        (_, Some(sent)) if sent.by_gateway => Content::Own(sent),
        (Reading::Said(said), _) if said.vote => Content::Ignored("own vote"),
        (Reading::Said(_) | Reading::Unknown, Some(sent)) => Content::Own(sent),
        (Reading::Said(_) | Reading::Unknown, None) => Content::Ignored("own message without id"),
        (Reading::Nothing(_), _) => Content::Ignored("own, without words"),
        (Reading::Reaction { .. }, _) => Content::Ignored("own reaction"),
        (Reading::Revoked { .. } | Reading::Edited(_), _) => Content::Ignored("own change"),
    }
}

/// An edit, a deletion, or a setting of the chat: the gateway has one event for these.
pub(super) fn edited(data: &Value, envelope: &Value) -> Content {
    let kind = &data["type"];
    if kind.is_null() && data["editedMessage"].is_null() {
        return unparsed(data, envelope);
    }
    if message::is_revoke(kind) {
        return deleted(data);
    }
    // 14 is the protocol's number for an edit.
    if kind != "MESSAGE_EDIT" && kind != 14 && kind != "14" && !kind.is_null() {
        return Content::Ignored("protocol");
    }
    if let Some(reason) = no_person(&data["key"]) {
        return Content::Ignored(reason);
    }
    if is_true(&data["key"]["fromMe"]) {
        return Content::Ignored("own edit");
    }
    let remote = Addresses::of_message(data);
    let edited = &data["editedMessage"];
    let text = message::words(edited).or_else(|| message::words(&edited["message"]));
    match (id_of(&data["key"]), text, remote.is_empty()) {
        (Some(provider_id), Some(text), false) => Content::Edit(Box::new(Edit {
            provider_id,
            remote,
            edited_at: millis(&data["timestampMs"]),
            text,
            clean: clean(data, envelope),
        })),
        _ => unparsed(data, envelope),
    }
}

/// A message was taken back; its key is the data, in the data, or one of several there.
pub(super) fn deleted(data: &Value) -> Content {
    if let Value::Array(keys) = &data["keys"]
        && keys.len() <= super::MOST
    {
        return match keys.as_slice() {
            [one] => deleted(one),
            several => Content::Several(several.iter().map(deleted).collect()),
        };
    }
    let key = if data["key"].is_object() { &data["key"] } else { data };
    if let Some(reason) = no_person(key) {
        return Content::Ignored(reason);
    }
    match id_of(key) {
        _ if is_true(&key["fromMe"]) => Content::Ignored("own deletion"),
        Some(provider_id) => Content::Delete { provider_id },
        None => Content::Ignored("deletion without id"),
    }
}

/// How far a message has got; edits come by this event as well.
pub(super) fn update(data: &Value) -> Content {
    let key = &data["key"];
    let chat = if data["remoteJid"].is_null() { key } else { data };
    if let Some(reason) = no_person(chat) {
        return Content::Ignored(reason);
    }
    let theirs = [&data["fromMe"], &key["fromMe"]].into_iter().any(|from| from == false);
    // An edit, which comes as `messages.edited` as well.
    if !data["message"].is_null() && theirs {
        return Content::Ignored("edit");
    }
    let status = if data["status"].is_null() { &data["update"]["status"] } else { &data["status"] };
    let Some(provider_id) = id(&data["keyId"]).or_else(|| id_of(key)) else {
        return Content::Ignored("no status");
    };
    if status == "DELETED" && theirs {
        return Content::Delete { provider_id };
    }
    // Cloud instances say of our own that they are not; of others it is our reading of theirs.
    if theirs && !provider_id.starts_with("wamid.") {
        return Content::Ignored("status of theirs");
    }
    match DeliveryStatus::read(status) {
        Some(status) => Content::Status { provider_id, status },
        None => Content::Ignored("no status"),
    }
}

/// Why the chat of a key is none with a person; `None`: it may be one.
fn no_person(key: &Value) -> Option<&'static str> {
    match Kind::of(key["remoteJid"].as_str().unwrap_or_default()) {
        Kind::Group => Some("group"),
        Kind::Broadcast => Some("broadcast"),
        Kind::Newsletter => Some("newsletter"),
        Kind::Bot => Some("bot"),
        Kind::System => Some("system"),
        Kind::Phone(_) | Kind::Lid(_) | Kind::Unknown => None,
    }
}

fn is_self(remote: &Addresses, sender: &Value) -> bool {
    let own = Addresses::of_jid(sender.as_str().unwrap_or_default());
    (own.phone.is_some() && own.phone == remote.phone)
        || (own.lid.is_some() && own.lid == remote.lid)
}

/// Kept for a person to look at: the whole body, or one item of several with what it is of.
fn unparsed(data: &Value, envelope: &Value) -> Content {
    let body = if std::ptr::eq(data, &raw const envelope["data"]) || envelope.is_null() {
        clean(if envelope.is_null() { data } else { envelope }, envelope)
    } else {
        clean(&json!({ "event": envelope["event"], "data": data }), envelope)
    };
    Content::Unparsed { body }
}
