//! What a customer said: the many shapes of `data.message`, brought to one.
//!
//! The field that is there decides, not `messageType`, which versions name differently; only for
//! WhatsApp Business (Cloud) instances does the type tell a tap from a text.

mod changes;
mod taps;

use chrono::{DateTime, Utc};
use serde_json::Value;

pub(super) use self::changes::is_revoke;
use super::cut;
use crate::domain::conversation::MessageKind;

/// Wrappers are unwrapped this often: disappearing, view-once and captioned messages nest.
const MAX_WRAPPERS: usize = 8;

/// Messages without words, by field.
const MEDIA: [(&str, MessageKind); 12] = [
    ("imageMessage", MessageKind::Image),
    ("videoMessage", MessageKind::Video),
    ("ptvMessage", MessageKind::Video),
    ("audioMessage", MessageKind::Audio),
    ("documentMessage", MessageKind::Document),
    ("stickerMessage", MessageKind::Sticker),
    ("stickerPackMessage", MessageKind::Sticker),
    ("locationMessage", MessageKind::Location),
    ("liveLocationMessage", MessageKind::Location),
    ("contactMessage", MessageKind::Contact),
    ("contactsArrayMessage", MessageKind::Contact),
    ("musicMessage", MessageKind::Audio),
];

/// What else a person can send: we cannot take it, but we can say so, and read what is written on it.
const OTHERS: [&str; 35] = [
    "orderMessage",
    "productMessage",
    "pollCreationMessage",
    "pollCreationMessageV2",
    "pollCreationMessageV3",
    "pollCreationMessageV4",
    "pollCreationMessageV5",
    "pollCreationMessageV6",
    "pollResultSnapshotMessage",
    "pollResultSnapshotMessageV3",
    "eventMessage",
    "eventInviteMessage",
    "scheduledCallCreationMessage",
    "groupInviteMessage",
    "newsletterAdminInviteMessage",
    "newsletterFollowerInviteMessage",
    "newsletterFollowerInviteMessageV2",
    "requestPaymentMessage",
    "sendPaymentMessage",
    "paymentInviteMessage",
    "declinePaymentRequestMessage",
    "cancelPaymentRequestMessage",
    "invoiceMessage",
    "requestPhoneNumberMessage",
    // Passed on from a business.
    "templateMessage",
    "highlyStructuredMessage",
    "buttonsMessage",
    "listMessage",
    "interactiveMessage",
    "richResponseMessage",
    "statusMentionMessage",
    "statusNotificationMessage",
    "statusQuotedMessage",
    "paymentLinkMetadata",
    "questionResponseMessage",
];

/// Where something is written on one of [`OTHERS`].
const INSCRIPTIONS: [&str; 16] = [
    "/message",
    "/caption",
    "/text",
    "/name",
    "/contentText",
    "/body/text",
    "/hydratedTemplate/hydratedContentText",
    "/hydratedFourRowTemplate/hydratedContentText",
    "/interactiveMessageTemplate/body/text",
    "/noteMessage/extendedTextMessage/text",
    "/noteMessage/conversation",
    "/note",
    "/description",
    "/title",
    "/product/title",
    "/groupName",
];

/// What phones tell one another, beneath the conversation.
const PROTOCOL: [&str; 20] = [
    "protocolMessage",
    "senderKeyDistributionMessage",
    "fastRatchetKeySenderKeyDistributionMessage",
    "keepInChatMessage",
    "pinInChatMessage",
    "encReactionMessage",
    "encCommentMessage",
    "encEventResponseMessage",
    "chat",
    "call",
    "bcallMessage",
    "callLogMesssage",
    "callLogMessage",
    "scheduledCallEditMessage",
    "placeholderMessage",
    "secretEncryptedMessage",
    "stickerSyncRmrMessage",
    "messageHistoryBundle",
    "messageHistoryNotice",
    // The pictures of an album come one by one after it.
    "albumMessage",
];

/// What there is in a message.
#[derive(Debug)]
pub(super) enum Reading {
    Said(Said),
    /// A reaction that answers nothing; without an emoji it, or a vote, was taken back.
    Reaction {
        quoted: String,
        emoji: Option<String>,
    },
    /// An earlier message was taken back.
    Revoked {
        provider_id: String,
    },
    /// An earlier message has other words now.
    Edited(Edited),
    /// There are no words in it, and there never were; says why.
    Nothing(&'static str),
    /// There may be words in it, in a shape that we do not know.
    Unknown,
}

/// The parts of [`super::Inbound`] that come from the message itself.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) kind: MessageKind,
    pub(super) text: Option<String>,
    pub(super) choice: Option<String>,
    pub(super) quoted: Option<String>,
    /// A vote in a poll, …
    pub(super) vote: bool,
    /// … cast then, where that is told.
    pub(super) cast_at: Option<DateTime<Utc>>,
}

/// New words.
#[derive(Debug)]
pub(super) struct Edited {
    /// `None`: the message's own id is the one of the words before.
    pub(super) provider_id: Option<String>,
    pub(super) text: Option<String>,
    pub(super) at: Option<DateTime<Utc>>,
}

/// Reads what was said in an event's data.
pub(super) fn read(data: &Value) -> Reading {
    if let Some(edited) = changes::edit_in(&data["message"]) {
        return Reading::Edited(edited);
    }
    let Some(message) = unwrapped(&data["message"]) else {
        let stub = &data["messageStubType"];
        // A call that was missed, a message that is still to be decrypted and comes again then.
        return if stub.is_null() || stub == 0 {
            Reading::Unknown
        } else {
            Reading::Nothing("stub")
        };
    };
    let said = |kind, text, choice, inner: &Value| {
        let quoted = [&data["contextInfo"], &inner["contextInfo"], &message["contextInfo"]]
            .iter()
            .find_map(|context| text_of(&context["stanzaId"]));
        Reading::Said(Said { kind, text, choice, quoted, vote: false, cast_at: None })
    };

    if let Some(reading) = taps::tapped(message, data, &said) {
        return reading;
    }
    if message["reactionMessage"].is_object() {
        return taps::reacted(&message["reactionMessage"]);
    }
    for (field, kind) in MEDIA {
        let inner = &message[field];
        if !inner.is_null() {
            let words = text_of(&inner["caption"]).or_else(|| text_of(&message["speechToText"]));
            return said(kind, words, None, inner);
        }
    }
    if let Some(reading) = typed(message, data, &said) {
        return reading;
    }
    if let Some(field) = OTHERS.iter().find(|&&field| !message[field].is_null()) {
        return said(MessageKind::Other, inscription(&message[field]), None, &message[field]);
    }
    if let Some(change) = changes::of_protocol(&message["protocolMessage"]) {
        return change;
    }
    if PROTOCOL.iter().any(|&field| !message[field].is_null()) {
        return Reading::Nothing("protocol");
    }
    // A form filled in on a Cloud instance: something was answered, nothing of it arrives.
    if data["messageType"] == "interactiveMessage" && message["conversation"].is_null() {
        return said(MessageKind::Other, None, None, &Value::Null);
    }
    Reading::Unknown
}

/// A text, if it is one.
fn typed(
    message: &Value,
    data: &Value,
    said: &impl Fn(MessageKind, Option<String>, Option<String>, &Value) -> Reading,
) -> Option<Reading> {
    for field in ["conversation", "extendedTextMessage"] {
        let inner = &message[field];
        let text = if inner.is_object() { &inner["text"] } else { inner };
        // A digit may have been made a number on its way.
        let text = match text {
            Value::String(text) => Value::from(text.as_str()),
            Value::Number(number) => Value::from(number.to_string()),
            _ => continue,
        };
        // Cloud instances give the title of what was tapped as if it had been typed.
        let tap =
            matches!(data["messageType"].as_str(), Some("interactiveMessage" | "buttonMessage"));
        let kind = if tap { MessageKind::Choice } else { MessageKind::Text };
        return Some(match text_of(&text) {
            Some(text) => said(kind, Some(text), None, inner),
            None => Reading::Nothing("empty text"),
        });
    }
    None
}

/// The words of a message of either side: text, caption, or what a menu shows.
pub(super) fn words(message: &Value) -> Option<String> {
    let message = unwrapped(message)?;
    let texts = [
        &message["conversation"],
        &message["extendedTextMessage"]["text"],
        &message["interactiveMessage"]["body"]["text"],
        &message["imageMessage"]["caption"],
        &message["videoMessage"]["caption"],
        &message["documentMessage"]["caption"],
        // Of a poll, the question.
        &message["pollCreationMessage"]["name"],
        &message["pollCreationMessageV2"]["name"],
        &message["pollCreationMessageV3"]["name"],
        // The EVOLUTION channel's own form of buttons.
        &message["title"],
    ];
    texts.into_iter().find_map(text_of)
}

fn inscription(inner: &Value) -> Option<String> {
    INSCRIPTIONS.iter().find_map(|path| text_of(inner.pointer(path)?))
}

/// The message inside of all wrappers; `None` where there is none, or too many around it.
fn unwrapped(message: &Value) -> Option<&Value> {
    let mut message = message;
    for _ in 0..=MAX_WRAPPERS {
        match wrapper_in(message) {
            Some(wrapper) => message = &wrapper["message"],
            None => return message.is_object().then_some(message),
        }
    }
    None
}

/// The field of a message that holds the real one. Wrappers come with every year; what they have in
/// common is a `message` inside.
fn wrapper_in(message: &Value) -> Option<&Value> {
    let mut fields = message.as_object()?.values();
    fields.find(|field| field.get("message").is_some_and(Value::is_object))
}

/// A string with something in it, cut to what is kept.
fn text_of(value: &Value) -> Option<String> {
    let text = value.as_str().map(cut)?;
    (!text.trim().is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
