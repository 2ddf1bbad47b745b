//! The bodies of the real server, field by field as recorded.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::state::{Instance, Webhook};

/// All subscriptions there are, in the server's order.
pub(super) const EVENTS: [&str; 31] = [
    "APPLICATION_STARTUP",
    "QRCODE_UPDATED",
    "MESSAGES_SET",
    "MESSAGES_UPSERT",
    "MESSAGES_EDITED",
    "MESSAGES_UPDATE",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "SEND_MESSAGE_UPDATE",
    "CONTACTS_SET",
    "CONTACTS_UPSERT",
    "CONTACTS_UPDATE",
    "PRESENCE_UPDATE",
    "CHATS_SET",
    "CHATS_UPSERT",
    "CHATS_UPDATE",
    "CHATS_DELETE",
    "GROUPS_UPSERT",
    "GROUP_UPDATE",
    "GROUP_PARTICIPANTS_UPDATE",
    "CONNECTION_UPDATE",
    "LABELS_EDIT",
    "LABELS_ASSOCIATION",
    "CALL",
    "TYPEBOT_START",
    "TYPEBOT_CHANGE_STATUS",
    "REMOVE_INSTANCE",
    "LOGOUT_INSTANCE",
    "INSTANCE_CREATE",
    "INSTANCE_DELETE",
    "STATUS_INSTANCE",
];

pub(super) fn welcome() -> Value {
    json!({
        "status": 200,
        "message": "Welcome to the Evolution API, it is working!",
        "version": "2.3.7",
        "clientName": "evolution_exchange",
        "documentation": "https://doc.evolution-api.com",
        "whatsappWebVersion": "2.3000.1027934701",
    })
}

/// The answer to `instance/create`.
pub(super) fn created(name: &str, instance: &Instance) -> Value {
    let mut body = json!({
        "instance": {
            "instanceName": name,
            "instanceId": instance.id,
            "integration": instance.integration,
            "webhookWaBusiness": null,
            "accessTokenWaBusiness": "",
            "status": instance.connection,
        },
        "hash": instance.token,
        "websocket": {}, "rabbitmq": {}, "nats": {}, "sqs": {},
        "settings": settings(),
    });
    if let Some(webhook) = &instance.webhook {
        body["webhook"] = json!({
            "webhookUrl": webhook.url,
            "webhookHeaders": webhook.headers,
            "webhookByEvents": webhook.by_events,
            "webhookBase64": false,
        });
    }
    body
}

/// One row of `instance/fetchInstances`.
pub(super) fn instance(name: &str, instance: &Instance) -> Value {
    let created = iso(instance.created_at);
    let mut setting = settings();
    setting["id"] = json!(row_id());
    setting["createdAt"] = json!(created);
    setting["updatedAt"] = json!(created);
    setting["instanceId"] = json!(instance.id);
    let messages: usize = instance.chats().map(|(_, chat)| chat.messages().count()).sum();
    let chats = instance.chats().count();
    json!({
        "id": instance.id,
        "name": name,
        "connectionStatus": instance.connection,
        "ownerJid": instance.owner,
        "profileName": name,
        "profilePicUrl": null,
        "integration": instance.integration,
        "number": null,
        "businessId": null,
        "token": instance.token,
        "clientName": "evolution_exchange",
        "disconnectionReasonCode": null,
        "disconnectionObject": null,
        "disconnectionAt": null,
        "createdAt": created,
        "updatedAt": created,
        "Chatwoot": null, "Proxy": null, "Rabbitmq": null, "Nats": null, "Sqs": null,
        "Websocket": null,
        "Setting": setting,
        "_count": { "Message": messages, "Contact": chats, "Chat": chats },
    })
}

fn settings() -> Value {
    json!({
        "rejectCall": false, "msgCall": "", "groupsIgnore": false, "alwaysOnline": false,
        "readMessages": false, "readStatus": false, "syncFullHistory": false, "wavoipToken": "",
    })
}

/// The row that `webhook/set` and `webhook/find` answer with.
pub(super) fn webhook(webhook: &Webhook, instance: Uuid) -> Value {
    let events: Vec<&str> = if webhook.events.is_empty() {
        EVENTS.to_vec()
    } else {
        webhook.events.iter().map(String::as_str).collect()
    };
    json!({
        "id": webhook.id,
        "url": webhook.url,
        "headers": webhook.headers,
        "enabled": webhook.enabled,
        "events": events,
        "webhookByEvents": webhook.by_events,
        "webhookBase64": false,
        "createdAt": iso(webhook.created_at),
        "updatedAt": iso(webhook.updated_at),
        "instanceId": instance,
    })
}

pub(super) fn connection_update(name: &str, state: &str) -> Value {
    let reason = if state == "close" { 401 } else { 200 };
    json!({ "instance": name, "state": state, "statusReason": reason })
}

/// The data of `messages.upsert`. `content` is a message and its type.
pub(super) fn upsert(
    key: Value,
    push_name: Option<&str>,
    content: (Value, &str),
    quoted: Option<&str>,
    at: i64,
    instance: Uuid,
) -> Value {
    let (message, kind) = content;
    let mut data = json!({
        "pushName": push_name,
        "status": "DELIVERY_ACK",
        "messageType": kind,
        "messageTimestamp": at,
        "instanceId": instance,
        "source": "ios",
    });
    data["key"] = key;
    data["message"] = message;
    if let Some(id) = quoted {
        data["contextInfo"] = json!({
            "mentionedJid": [], "groupMentions": [], "statusAttributions": [], "stanzaId": id,
        });
    }
    data
}

/// The answer to a send that was accepted; `send.message` carries the same.
pub(super) fn sent(jid: &str, id: &str, text: &str, at: i64, instance: Uuid) -> Value {
    json!({
        "key": { "remoteJid": jid, "fromMe": true, "id": id },
        "pushName": "Você",
        "status": "PENDING",
        "message": { "conversation": text },
        "contextInfo": {
            "mentionedJid": [],
            "groupMentions": [],
            "ephemeralSettingTimestamp": { "low": at, "high": 0, "unsigned": false },
            "disappearingMode": { "initiator": 0 },
        },
        "messageType": "conversation",
        "messageTimestamp": at,
        "instanceId": instance,
        "source": "web",
    })
}

/// The data of `messages.update`.
pub(super) fn status(jid: &str, id: &str, status: &str, instance: Uuid) -> Value {
    json!({
        "keyId": id,
        "remoteJid": jid,
        "fromMe": true,
        "status": status,
        "instanceId": instance,
        "messageId": row_id(),
    })
}

/// A row's id as the server's database makes them: 25 small letters and digits.
pub(super) fn row_id() -> String {
    format!("c{}", &Uuid::new_v4().simple().to_string()[..24])
}

/// A message's id: a prefix that tells the kind of device, then capitals and digits.
pub(super) fn message_id(prefix: &str) -> String {
    let random = Uuid::new_v4().simple().to_string().to_uppercase();
    format!("{prefix}{}", &random[..18])
}

pub(super) fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A number as the server normalises it before it sends: to a JID.
///
/// Brazilian mobiles outside of the first area codes lose their 9, Mexican and Argentine numbers
/// of 13 digits their third digit. There is no default country.
pub(super) fn jid_of(number: &str) -> String {
    let (user, server) = number.split_once('@').unwrap_or((number, ""));
    if matches!(server, "s.whatsapp.net" | "lid" | "g.us" | "broadcast") {
        let user = user.split(':').next().unwrap_or(user);
        return format!("{user}@{server}");
    }
    let user = user.split(':').next().unwrap_or(user);
    let digits: String = user.chars().filter(char::is_ascii_digit).collect();
    if digits.len() >= 18 {
        return format!("{digits}@g.us");
    }
    let bytes = digits.as_bytes();
    let thirteen = digits.len() == 13;
    let dropped = match digits.get(..2) {
        Some("55") if thirteen && bytes[4] == b'9' => {
            let area = digits[2..4].parse().unwrap_or(0);
            (area >= 31 && matches!(bytes[5], b'7'..=b'9')).then_some(4)
        }
        Some("52" | "54") if thirteen => Some(2),
        _ => None,
    };
    match dropped {
        Some(at) => format!("{}{}@s.whatsapp.net", &digits[..at], &digits[at + 1..]),
        None => format!("{digits}@s.whatsapp.net"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_jids_as_the_real_server_makes_them() {
        #[rustfmt::skip]
        let cases = [
            ("5511988887777",              "5511988887777@s.whatsapp.net"),
            ("+55 (11) 98888-7777",        "5511988887777@s.whatsapp.net"),
            ("5511988887777:3@c.us",       "5511988887777@s.whatsapp.net"),
            ("5531988887777",              "553188887777@s.whatsapp.net"),
            ("5521988887777",              "5521988887777@s.whatsapp.net"),
            ("5215512345678",              "525512345678@s.whatsapp.net"),
            ("5491123456789",              "541123456789@s.whatsapp.net"),
            ("11988887777",                "11988887777@s.whatsapp.net"),
            ("123456789012345@lid",        "123456789012345@lid"),
            ("120363025246125888",         "120363025246125888@g.us"),
        ];
        for (number, expected) in cases {
            assert_eq!(jid_of(number), expected, "{number}");
        }
    }
}
