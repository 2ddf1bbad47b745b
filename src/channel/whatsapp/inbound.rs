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
mod events;
mod json;
mod message;
mod values;

use chrono::{DateTime, Utc};
use serde_json::Value;

pub use json::NotJson;

use self::clean::{clean, cut};
use super::address::Addresses;
use super::status::{DeliveryStatus, InstanceState};
use crate::domain::conversation::MessageKind;

/// Most that one delivery may hold of messages or reports; the gateway sends one.
const MOST: usize = 100;

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
    /// A customer took a message back.
    Delete { provider_id: String },
    /// A customer reacted to the message `quoted` with what is no answer to anything. Without an
    /// emoji they took a reaction, or a vote in that poll, back.
    Reaction { quoted: String, emoji: Option<String> },
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
    /// Several at once, in their order: at least two, none of them `Several`.
    Several(Vec<Self>),
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
    /// Of a vote in a poll: when it was cast, in milliseconds since 1970. The last one counts.
    pub vote: Option<i64>,
    /// What may be stored of it, at most 64 KiB: no token, no media, no thumbnails.
    pub clean: Value,
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
    read_of(body, None)
}

/// Reads one webhook body; `path_event` is what its address says of the event, which counts where
/// the body does not say it.
///
/// # Errors
///
/// As [`read`].
pub fn read_of(body: &[u8], path_event: Option<&str>) -> Result<Delivery, NotJson> {
    let envelope = json::parse(body)?;
    let instance = envelope["instance"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    let event = [envelope["event"].as_str(), path_event]
        .into_iter()
        .flatten()
        .map(dotted)
        .find(|event| !event.is_empty())
        .or_else(|| is_message(&envelope["data"]).then(|| "messages.upsert".to_owned()));
    let content = content_of(event.as_deref(), &envelope);
    Ok(Delivery { instance, event, content })
}

/// Reads a message as the gateway has it on record (`chat/findMessages`), as its webhook would have
/// been read.
pub fn read_record(record: &Value) -> Content {
    events::upsert(record, &Value::Null)
}

fn content_of(event: Option<&str>, envelope: &Value) -> Content {
    let data = &envelope["data"];
    match event {
        Some("messages.upsert") => each(data, envelope, |data| events::upsert(data, envelope)),
        Some("messages.edited") => each(data, envelope, |data| events::edited(data, envelope)),
        Some("messages.update") => each(data, envelope, events::update),
        Some("messages.delete" | "messages.deleted") => each(data, envelope, events::deleted),
        Some("send.message") => each(data, envelope, |data| {
            read_outgoing(data).map_or(Content::Ignored("send without id"), Content::SendEcho)
        }),
        Some("connection.update") => match only_of(data)["state"].as_str() {
            Some(state) => Content::Connection { state: InstanceState::read(state) },
            None => Content::Ignored("connection without state"),
        },
        Some("status.instance") if only_of(data)["status"] == "closed" => {
            Content::Connection { state: InstanceState::Close }
        }
        Some("logout.instance" | "remove.instance") => {
            Content::Connection { state: InstanceState::Close }
        }
        Some(event) if carries_no_words(event) => Content::Ignored("event"),
        _ => unparsed(envelope),
    }
}

/// The event's name with dots, whichever of its three spellings came.
fn dotted(event: &str) -> String {
    let event = event.trim();
    let end = event.char_indices().nth(64).map_or(event.len(), |(at, _)| at);
    event[..end].to_ascii_lowercase().replace(['_', '-', '/'], ".").trim_matches('.').to_owned()
}

/// Events of every version that are about something else than words.
fn carries_no_words(event: &str) -> bool {
    let (group, action) = event.split_once('.').unwrap_or((event, ""));
    match group {
        "contacts" | "chats" | "groups" | "group" | "labels" | "presence" | "call" | "qrcode"
        | "instance" | "status" | "typebot" | "application" | "error" | "send" | "blocklist"
        | "newsletter" => true,
        // History, receipts of groups, and files that were fetched later.
        "messages" => matches!(action, "set" | "media.update" | "receipt.update"),
        "message" => action == "receipt.update",
        _ => false,
    }
}

/// Whether an event that is not named can only be a message.
fn is_message(data: &Value) -> bool {
    data["key"]["id"].is_string() && data["message"].is_object()
}

/// Reads each item of the event's data: the gateway sends an object, others an array, or the
/// batch that the library beneath the gateway hands out.
fn each(data: &Value, envelope: &Value, read: impl Fn(&Value) -> Content) -> Content {
    let items = match (data, &data["messages"]) {
        (Value::Array(items), _) | (_, Value::Array(items)) => items.as_slice(),
        _ => std::slice::from_ref(data),
    };
    match items {
        [] => unparsed(envelope),
        [one] => read(one),
        several if several.len() <= MOST => Content::Several(several.iter().map(read).collect()),
        _ => unparsed(envelope),
    }
}

/// The event's data: an object, or the only one of an array.
fn only_of(data: &Value) -> &Value {
    match data {
        Value::Array(items) if items.len() == 1 => &items[0],
        data => data,
    }
}

fn unparsed(envelope: &Value) -> Content {
    Content::Unparsed { body: clean(envelope, envelope) }
}

/// Reads a message of ours as events and look-ups hold it; `None` without an id.
pub(super) fn read_outgoing(data: &Value) -> Option<Outgoing> {
    Some(Outgoing {
        provider_id: values::id_of(&data["key"])?,
        remote: Addresses::of_message(data),
        sent_at: values::seconds(&data["messageTimestamp"]),
        text: message::words(&data["message"]),
        by_gateway: data["status"] == "PENDING",
    })
}

/// The part of a text that is kept, here and in what is looked up: 4,096 characters.
pub(super) fn kept(text: &str) -> &str {
    cut(text)
}

#[cfg(test)]
mod tests;
