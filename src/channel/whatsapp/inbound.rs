//! Reads webhook bodies of the gateway: pure, lenient, total.
//!
//! A body that the gateway does not see accepted comes back for 20 minutes and is lost then, and a
//! body refused with 4xx is lost at once. So there is one error only, [`NotJson`]; whatever else
//! might carry a customer's words and cannot be read becomes [`Content::Unparsed`], for a person
//! to look at. Versions differ in field names, in how numbers and bytes are written and in where
//! an address stands; the shape at hand is read, whatever version is said to have sent it.
//!
//! Nothing that leaves this module holds the body's `apikey`.

mod clean;
mod json;
mod message;

use chrono::{DateTime, Utc};
use serde_json::Value;

pub use json::NotJson;

use self::clean::{clean, cut};
use self::message::Reading;
use super::address::{Addresses, Kind};
use super::status::{DeliveryStatus, InstanceState};
use crate::domain::conversation::{Message, MessageKind};

/// Longest provider id taken, in bytes; the gateway's own have up to about 60.
const MAX_ID: usize = 256;
/// Longest name kept, in characters; WhatsApp's own limit is 25.
const MAX_NAME: usize = 100;
/// A time stamp outside of these seconds since 1970 (2009 and 2100) is no time of a message.
const SECONDS: std::ops::Range<i64> = 1_230_768_000..4_102_444_800;

/// One webhook body.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The name of the instance, as the gateway writes it; case counts.
    pub instance: Option<String>,
    /// The event in its dotted form, such as `messages.upsert`.
    pub event: Option<String>,
    pub content: Content,
}

/// What a webhook is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A customer wrote, spoke, tapped or sent something.
    Message(Box<Inbound>),
    /// A customer changed the words of a message that came before.
    Edit(Box<Edit>),
    /// How far a message of ours has got. Which message, only `provider_id` tells: the chat that
    /// the gateway names beside it can be wrong.
    Status { provider_id: String, status: DeliveryStatus },
    /// The instance's connection changed. May come a thousand times a minute.
    Connection { state: InstanceState },
    /// A message from the business's own number: its owner's hand on the phone, or an echo of a
    /// send through the gateway. Compare `provider_id` with what was sent.
    Own(Outgoing),
    /// The gateway's own report of a send through its API.
    SendEcho(Outgoing),
    /// Carries no customer's words; says why.
    Ignored(&'static str),
    /// May carry a customer's words, and could not be read. `body` may be stored.
    Unparsed { body: Value },
}

/// A message from a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound {
    /// Equal ids (of one instance) are one message, however often it comes. 1 to 256 bytes.
    pub provider_id: String,
    /// Whom it is from: a phone or a LID at least.
    pub remote: Addresses,
    /// What the customer calls themselves; without control characters, at most 100 characters.
    pub push_name: Option<String>,
    /// When it was sent, in whole seconds. May be days ago; `None` where that is not told.
    pub sent_at: Option<DateTime<Utc>>,
    pub kind: MessageKind,
    /// The text, caption, transcript, or words of a choice, at most 4,096 characters.
    pub text: Option<String>,
    /// The id of the list row or button tapped, or the name of the poll option.
    pub choice: Option<String>,
    /// The provider id of the message that this one answers, or of the menu that was tapped.
    pub quoted: Option<String>,
    /// What may be stored of it, at most 64 KiB: no token, no media, no thumbnails.
    pub clean: Value,
}

impl Inbound {
    /// As the conversation takes it; `arrived` stands in for a time of sending that is not told.
    pub fn message(&self, arrived: DateTime<Utc>) -> Message {
        Message {
            sent_at: self.sent_at.unwrap_or(arrived),
            kind: self.kind,
            text: self.text.clone(),
            choice: self.choice.clone(),
            quoted: self.quoted.clone(),
            quoted_at: None,
            received_at: Some(arrived),
        }
    }
}

/// New words for an old message.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The id of the message whose words change; an edit has none of its own.
    pub provider_id: String,
    pub remote: Addresses,
    /// Tells two edits of one message apart.
    pub edited_at: Option<DateTime<Utc>>,
    /// At most 4,096 characters.
    pub text: String,
    /// See [`Inbound::clean`].
    pub clean: Value,
}

/// A message from the business to a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    pub provider_id: String,
    /// Whom it went to; may be empty.
    pub remote: Addresses,
    pub sent_at: Option<DateTime<Utc>>,
    pub text: Option<String>,
    /// The gateway itself sent it, on request or by a rule such as its answer to calls: only such
    /// messages are still pending when they are told of.
    pub by_gateway: bool,
}

/// Reads one webhook body.
///
/// # Errors
///
/// [`NotJson`] if the body is not UTF-8 or not JSON. There is no other.
pub fn read(body: &[u8]) -> Result<Delivery, NotJson> {
    let envelope = json::parse(body)?;
    let instance = envelope["instance"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    let event = envelope["event"].as_str().map(dotted).filter(|event| !event.is_empty());
    let content = match event.as_deref() {
        Some("messages.upsert") => upsert(&envelope),
        Some("messages.edited") => edited(&envelope),
        Some("messages.update") => update(data_of(&envelope)),
        Some("send.message") => read_outgoing(data_of(&envelope))
            .map_or(Content::Ignored("send without id"), Content::SendEcho),
        Some("connection.update") => match data_of(&envelope)["state"].as_str() {
            Some(state) => Content::Connection { state: InstanceState::read(state) },
            None => Content::Ignored("connection without state"),
        },
        Some("status.instance") if data_of(&envelope)["status"] == "closed" => {
            Content::Connection { state: InstanceState::Close }
        }
        Some("logout.instance" | "remove.instance") => {
            Content::Connection { state: InstanceState::Close }
        }
        Some(event) if carries_no_words(event) => Content::Ignored("event"),
        _ => unparsed(&envelope),
    };
    Ok(Delivery { instance, event, content })
}

/// The event's name with dots, whichever of its three spellings came.
fn dotted(event: &str) -> String {
    let event = event.trim();
    let end = event.char_indices().nth(64).map_or(event.len(), |(at, _)| at);
    event[..end].to_ascii_lowercase().replace(['_', '-'], ".")
}

/// Events of every version that are about something else than words.
fn carries_no_words(event: &str) -> bool {
    let (group, action) = event.split_once('.').unwrap_or((event, ""));
    match group {
        "contacts" | "chats" | "groups" | "group" | "labels" | "presence" | "call" | "qrcode"
        | "instance" | "status" | "typebot" | "application" | "error" | "send" => true,
        // History and deletions.
        "messages" => matches!(action, "set" | "delete" | "deleted" | "media.update"),
        _ => false,
    }
}

/// The event's data: an object, or the only one of an array.
fn data_of(envelope: &Value) -> &Value {
    match &envelope["data"] {
        Value::Array(items) if items.len() == 1 => &items[0],
        data => data,
    }
}

fn unparsed(envelope: &Value) -> Content {
    Content::Unparsed { body: clean(envelope, envelope) }
}

fn upsert(envelope: &Value) -> Content {
    let data = data_of(envelope);
    let key = &data["key"];
    let remote_jid = key["remoteJid"].as_str().unwrap_or_default();
    let ignored = match Kind::of(remote_jid) {
        Kind::Group => Some("group"),
        Kind::Broadcast => Some("broadcast"),
        Kind::Newsletter => Some("newsletter"),
        Kind::Bot => Some("bot"),
        Kind::Phone(_) | Kind::Lid(_) | Kind::Unknown => None,
    };
    if let Some(reason) = ignored {
        return Content::Ignored(reason);
    }
    if is_true(&key["fromMe"]) {
        return read_outgoing(data)
            .map_or(Content::Ignored("own message without id"), Content::Own);
    }
    let remote = Addresses::of_key(key);
    if is_self(&remote, &envelope["sender"]) {
        return Content::Ignored("self");
    }
    let (Some(provider_id), false) = (id_of(key), remote.is_empty()) else {
        return unparsed(envelope);
    };
    match message::read(data) {
        Reading::Said(said) => Content::Message(Box::new(Inbound {
            provider_id,
            remote,
            push_name: name_of(&data["pushName"]),
            sent_at: seconds(&data["messageTimestamp"]),
            kind: said.kind,
            text: said.text,
            choice: said.choice,
            quoted: said.quoted,
            clean: clean(data, envelope),
        })),
        Reading::Nothing(reason) => Content::Ignored(reason),
        Reading::Unknown => unparsed(envelope),
    }
}

fn edited(envelope: &Value) -> Content {
    let data = data_of(envelope);
    let kind = &data["type"];
    if kind.is_null() && data["editedMessage"].is_null() {
        return unparsed(envelope);
    }
    // 14 is the protocol's number for an edit; deletions and chat settings come by this event too.
    if kind != "MESSAGE_EDIT" && kind != 14 && !kind.is_null() {
        return Content::Ignored("protocol");
    }
    if is_true(&data["key"]["fromMe"]) {
        return Content::Ignored("own edit");
    }
    let remote = Addresses::of_key(&data["key"]);
    let (Some(provider_id), false) = (id_of(&data["key"]), remote.is_empty()) else {
        return unparsed(envelope);
    };
    match message::words(&data["editedMessage"]) {
        Some(text) => Content::Edit(Box::new(Edit {
            provider_id,
            remote,
            edited_at: millis(&data["timestampMs"]),
            text,
            clean: clean(data, envelope),
        })),
        None => unparsed(envelope),
    }
}

fn update(data: &Value) -> Content {
    // An edit, which comes as `messages.edited` as well.
    if !data["message"].is_null() && !is_true(&data["fromMe"]) {
        return Content::Ignored("edit");
    }
    let id = &data["keyId"];
    let id = if id.is_null() { &data["key"]["id"] } else { id };
    match (id.as_str().and_then(bounded_id), DeliveryStatus::read(&data["status"])) {
        (Some(provider_id), Some(status)) => Content::Status { provider_id, status },
        _ => Content::Ignored("no status"),
    }
}

/// Reads a message of ours as events and look-ups hold it; `None` without an id.
pub(super) fn read_outgoing(data: &Value) -> Option<Outgoing> {
    Some(Outgoing {
        provider_id: id_of(&data["key"])?,
        remote: Addresses::of_key(&data["key"]),
        sent_at: seconds(&data["messageTimestamp"]),
        text: message::words(&data["message"]),
        by_gateway: data["status"] == "PENDING",
    })
}

/// The part of a text that is kept, here and in what is looked up: 4,096 characters.
pub(super) fn kept(text: &str) -> &str {
    cut(text)
}

fn is_self(remote: &Addresses, sender: &Value) -> bool {
    let own = Addresses::of_jid(sender.as_str().unwrap_or_default());
    (own.phone.is_some() && own.phone == remote.phone)
        || (own.lid.is_some() && own.lid == remote.lid)
}

fn is_true(value: &Value) -> bool {
    value == true || value == "true"
}

fn id_of(key: &Value) -> Option<String> {
    key["id"].as_str().and_then(bounded_id)
}

fn bounded_id(id: &str) -> Option<String> {
    let id = id.trim();
    (!id.is_empty() && id.len() <= MAX_ID).then(|| id.to_owned())
}

fn name_of(name: &Value) -> Option<String> {
    let name: String = name.as_str()?.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// A whole number, however it is written: a number, digits, or the halves of a 64-bit one.
fn integer(value: &Value) -> Option<i64> {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and the range is checked")]
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|n| n as i64)),
        Value::String(digits) => digits.trim().parse().ok(),
        Value::Object(halves) => {
            let (low, high) = (halves.get("low")?.as_i64()?, halves.get("high")?.as_i64()?);
            high.checked_mul(1 << 32)?.checked_add(low & 0xffff_ffff)
        }
        _ => None,
    }
}

/// Seconds since 1970; milliseconds are told by their size.
fn seconds(value: &Value) -> Option<DateTime<Utc>> {
    let number = integer(value)?;
    let number = if number >= SECONDS.end { number / 1_000 } else { number };
    SECONDS.contains(&number).then(|| DateTime::from_timestamp(number, 0))?
}

fn millis(value: &Value) -> Option<DateTime<Utc>> {
    let number = integer(value)?;
    SECONDS.contains(&(number / 1_000)).then(|| DateTime::from_timestamp_millis(number))?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content(body: &Value) -> Content {
        read(body.to_string().as_bytes()).unwrap().content
    }

    fn upsert_of(message: &Value) -> Value {
        json!({ "event": "messages.upsert", "instance": "a", "sender": "5511990000002@s.whatsapp.net",
            "data": { "key": { "remoteJid": "5511988887777@s.whatsapp.net", "id": "3A1" },
                      "message": message, "messageTimestamp": 1_795_395_711 } })
    }

    #[test]
    fn an_event_is_known_by_each_of_its_spellings() {
        for spelling in
            ["messages.upsert", "MESSAGES_UPSERT", "messages-upsert", " Messages.Upsert"]
        {
            let mut body = upsert_of(&json!({ "conversation": "oi" }));
            body["event"] = json!(spelling);
            assert!(matches!(content(&body), Content::Message(_)), "{spelling}");
        }
    }

    #[test]
    fn bodies_of_unknown_shape_are_kept_for_a_person_to_look_at() {
        for body in [
            json!([]),
            json!("text"),
            json!(null),
            json!({}),
            json!({ "event": 5, "data": "x" }),
            json!({ "event": "messages.hologram", "data": {} }),
            json!({ "event": "messages.upsert" }),
            json!({ "event": "messages.upsert", "data": [] }),
            json!({ "event": "messages.upsert", "data": { "weird": true } }),
            json!({ "event": "messages.edited", "data": { "weird": true } }),
            upsert_of(&json!({ "hologramMessage": { "beam": "oi" } })),
            upsert_of(&json!({ "conversation": { "words": "oi" } })),
            upsert_of(&json!(null)),
        ] {
            assert!(matches!(content(&body), Content::Unparsed { .. }), "{body}");
        }
    }

    #[test]
    fn a_message_that_cannot_be_told_from_its_repetition_is_unparsed() {
        for id in [json!(""), json!(null), json!(7), json!("x".repeat(300))] {
            let mut body = upsert_of(&json!({ "conversation": "oi" }));
            body["data"]["key"]["id"] = id;
            assert!(matches!(content(&body), Content::Unparsed { .. }), "{body}");
        }
    }

    #[test]
    fn the_only_message_of_an_array_is_read() {
        let mut body = upsert_of(&json!({ "conversation": "oi" }));
        body["data"] = json!([body["data"]]);
        assert!(matches!(content(&body), Content::Message(_)));
    }

    #[test]
    fn messages_to_oneself_are_ignored_whatever_form_the_number_has() {
        for jid in ["5511990000002@s.whatsapp.net", "551190000002:4@s.whatsapp.net"] {
            let mut body = upsert_of(&json!({ "conversation": "lista de compras" }));
            body["data"]["key"]["remoteJid"] = json!(jid);
            assert_eq!(content(&body), Content::Ignored("self"), "{jid}");
        }
    }

    #[test]
    fn a_time_stamp_is_read_in_every_way_it_is_written() {
        let at = DateTime::from_timestamp(1_795_395_711, 0);
        #[rustfmt::skip]
        let cases = [
            (json!(1_795_395_711),                        at),
            (json!("1795395711"),                         at),
            (json!({ "low": 1_795_395_711, "high": 0 }),  at),
            (json!(1_795_395_711_000_i64),                at),
            (json!(1_795_395_711.9),                      at),
            (json!({ "low": -2_085_978_496, "high": 0 }), DateTime::from_timestamp(2_208_988_800, 0)),
            (json!({ "low": -1, "high": 0 }),             None), // 2106
            (json!(0),                                    None),
            (json!(-5),                                   None),
            (json!(i64::MAX),                             None),
            (json!({ "low": 0, "high": i64::MAX }),       None),
            (json!(1e18),                                 None),
            (json!("ontem"),                              None),
            (json!(null),                                 None),
        ];
        for (value, expected) in cases {
            assert_eq!(seconds(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert_eq!(name_of(&json!(" Ana\n\u{0}\u{7f} ")).as_deref(), Some("Ana"));
        assert_eq!(name_of(&json!("x".repeat(500))).map(|name| name.len()), Some(MAX_NAME));
        assert_eq!(name_of(&json!(" \n")), None);
        assert_eq!(name_of(&json!({ "name": "Ana" })), None);
    }
}
