//! What customers write, and what becomes of messages.

use serde_json::{Value, json};
use uuid::Uuid;

use super::row_id;
use crate::gateway_sim::version::{Integration, LidStyle, Version};

/// The other side of a chat, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(in crate::gateway_sim) struct Person {
    pub(in crate::gateway_sim) phone: Option<String>,
    pub(in crate::gateway_sim) lid: Option<String>,
    /// Whether WhatsApp addresses the chat by the LID.
    pub(in crate::gateway_sim) by_lid: bool,
}

/// The key of a customer's message, with the addresses where this version puts them.
pub(in crate::gateway_sim) fn key(
    person: &Person,
    style: LidStyle,
    version: Version,
    from_me: bool,
    id: &str,
) -> Value {
    let Person { phone, lid, by_lid } = person;
    let mut key = json!({ "fromMe": from_me, "id": id });
    if version.tells_addressing() {
        key["participant"] = json!("");
        key["addressingMode"] = json!(if *by_lid || phone.is_none() { "lid" } else { "pn" });
    }
    match (phone, lid) {
        (Some(phone), Some(lid)) if *by_lid => match style {
            LidStyle::SenderPn => {
                key["remoteJid"] = json!(lid);
                key["senderPn"] = json!(phone);
            }
            LidStyle::PreviousJid => {
                key["remoteJid"] = json!(phone);
                key["senderPn"] = json!(phone);
                key["senderLid"] = json!(lid);
                key["previousRemoteJid"] = json!(lid);
            }
            LidStyle::Alternative => {
                key["remoteJid"] = json!(lid);
                key["remoteJidAlt"] = json!(phone);
            }
            LidStyle::PhoneTwice => {
                key["remoteJid"] = json!(phone);
                key["remoteJidAlt"] = json!(phone);
            }
            LidStyle::Alone => key["remoteJid"] = json!(lid),
        },
        (Some(phone), lid) => {
            key["remoteJid"] = json!(phone);
            if let Some(lid) = lid
                && version.tells_addressing()
            {
                key["remoteJidAlt"] = json!(lid);
            }
        }
        (None, lid) => key["remoteJid"] = json!(lid),
    }
    key
}

/// What a message says of the one that it answers.
pub(in crate::gateway_sim) fn context(id: &str, quoted: Option<(&str, Value)>) -> Value {
    let mut context = json!({
        "mentionedJid": [], "groupMentions": [], "statusAttributions": [], "stanzaId": id,
    });
    if let Some((participant, message)) = quoted {
        context["participant"] = json!(participant);
        context["quotedMessage"] = message;
    }
    context
}

/// A message on its way to a webhook.
pub(in crate::gateway_sim) struct Upsert<'a> {
    pub(in crate::gateway_sim) integration: Integration,
    pub(in crate::gateway_sim) instance: Uuid,
    pub(in crate::gateway_sim) key: Value,
    pub(in crate::gateway_sim) push_name: Option<&'a str>,
    pub(in crate::gateway_sim) message: Value,
    pub(in crate::gateway_sim) kind: &'a str,
    pub(in crate::gateway_sim) context: Option<Value>,
    /// Unix seconds.
    pub(in crate::gateway_sim) at: i64,
    pub(in crate::gateway_sim) source: &'a str,
}

impl Upsert<'_> {
    /// The data of `messages.upsert`.
    pub(in crate::gateway_sim) fn data(self) -> Value {
        let baileys = self.integration == Integration::Baileys;
        let from_me = self.key["fromMe"] == true;
        let mut data = json!({
            "pushName": self.push_name,
            "messageType": self.kind,
            "messageTimestamp": self.at,
            "instanceId": self.instance,
            "source": if baileys { self.source } else { "unknown" },
        });
        if baileys {
            data["status"] = json!(if from_me { "SERVER_ACK" } else { "DELIVERY_ACK" });
        }
        data["key"] = self.key;
        data["message"] = self.message;
        if let Some(context) = self.context {
            data["contextInfo"] = context;
        }
        data
    }
}

/// The data of `messages.update` for a message of ours; Cloud has names of its own.
pub(in crate::gateway_sim) fn status(
    integration: Integration,
    jid: &str,
    id: &str,
    status: &str,
    instance: Uuid,
) -> Value {
    let mut data = json!({
        "keyId": id,
        "remoteJid": jid,
        "fromMe": integration != Integration::Cloud,
        "status": status,
        "instanceId": instance,
        "messageId": row_id(),
    });
    if integration == Integration::Cloud {
        data["participant"] = json!(jid);
    }
    data
}

/// The data of `messages.edited`: a new text, or that the message was taken back.
pub(in crate::gateway_sim) fn edited(jid: &str, id: &str, text: Option<&str>, ms: i64) -> Value {
    let key = json!({ "remoteJid": jid, "fromMe": false, "id": id });
    match text {
        Some(text) => json!({
            "key": key,
            "type": "MESSAGE_EDIT",
            "editedMessage": { "conversation": text },
            "timestampMs": ms.to_string(),
        }),
        None => json!({ "key": key, "type": "REVOKE" }),
    }
}

/// The data of the `messages.update` that repeats an edit.
pub(in crate::gateway_sim) fn edit_repeated(
    jid: &str,
    id: &str,
    text: &str,
    instance: Uuid,
) -> Value {
    json!({
        "keyId": id,
        "remoteJid": jid,
        "fromMe": false,
        "status": "SERVER_ACK",
        "instanceId": instance,
        "message": { "editedMessage": { "message": { "conversation": text } } },
        "messageId": row_id(),
    })
}

/// The data of `messages.delete`.
pub(in crate::gateway_sim) fn deleted(version: Version, jid: &str, id: &str) -> Value {
    let mut data = json!({ "remoteJid": jid, "fromMe": false, "id": id, "participant": "" });
    if version >= Version::V2_3_7 {
        data["status"] = json!("DELETED");
    }
    data
}
