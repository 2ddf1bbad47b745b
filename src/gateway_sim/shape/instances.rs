//! Instances, their webhooks and their connections.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{EVENTS, iso, row_id};
use crate::gateway_sim::qr;
use crate::gateway_sim::state::{Connection, Instance, Pairing, Webhook};
use crate::gateway_sim::version::{Integration, Version};

pub(in crate::gateway_sim) fn welcome(version: Version) -> Value {
    json!({
        "status": 200,
        "message": "Welcome to the Evolution API, it is working!",
        "version": version.number(),
        "clientName": "evolution_exchange",
        "documentation": "https://doc.evolution-api.com",
        "whatsappWebVersion": "2.3000.1027934701",
    })
}

/// The answer to `instance/create`; `code` is there if one was asked for.
pub(in crate::gateway_sim) fn created(
    name: &str,
    instance: &Instance,
    server: &str,
    code: Option<Value>,
) -> Value {
    let cloud = instance.integration == Integration::Cloud;
    let mut body = json!({
        "instance": {
            "instanceName": name,
            "instanceId": instance.id,
            "integration": instance.integration,
            "webhookWaBusiness": cloud.then(|| format!("{server}/webhook/meta")),
            "accessTokenWaBusiness": if cloud { "evolution" } else { "" },
            "status": instance.connection,
        },
        "hash": instance.token,
        "websocket": {}, "rabbitmq": {}, "nats": {}, "sqs": {},
        "settings": instance.settings,
    });
    if let Some(webhook) = &instance.webhook {
        body["webhook"] = json!({
            "webhookUrl": webhook.url,
            "webhookByEvents": webhook.by_events,
            "webhookBase64": webhook.base64,
        });
        if !webhook.headers.is_empty() {
            body["webhook"]["webhookHeaders"] = json!(webhook.headers);
        }
    }
    if let Some(code) = code {
        body["qrcode"] = code;
    }
    body
}

/// The code as `instance/connect` gives it; `{"count": 0}` while there is none.
pub(in crate::gateway_sim) fn code(pairing: Option<&Pairing>) -> Value {
    match pairing {
        None => json!({ "count": 0 }),
        Some(pairing) => json!({
            "pairingCode": pairing.typed,
            "code": pairing.code,
            "base64": qr::data_url(&pairing.code),
            "count": pairing.count,
        }),
    }
}

/// The data of `qrcode.updated`.
pub(in crate::gateway_sim) fn code_event(name: &str, pairing: &Pairing) -> Value {
    json!({ "qrcode": {
        "instance": name,
        "pairingCode": pairing.typed,
        "code": pairing.code,
        "base64": qr::data_url(&pairing.code),
    } })
}

/// One row of `instance/fetchInstances`.
pub(in crate::gateway_sim) fn row(name: &str, instance: &Instance) -> Value {
    let created = iso(instance.created_at);
    let mut setting = json!(instance.settings);
    setting["id"] = json!(row_id());
    setting["createdAt"] = json!(created);
    setting["updatedAt"] = json!(created);
    setting["instanceId"] = json!(instance.id);
    let messages: usize = instance.chats().map(|(_, chat)| chat.messages().count()).sum();
    let chats = instance.chats().count();
    let put_out = instance.disconnected.as_ref();
    json!({
        "id": instance.id,
        "name": name,
        "connectionStatus": instance.connection,
        "ownerJid": instance.owner,
        "profileName": instance.owner.as_ref().map(|_| name),
        "profilePicUrl": null,
        "integration": instance.integration,
        "number": instance.number,
        "businessId": instance.business,
        "token": instance.token,
        "clientName": "evolution_exchange",
        "disconnectionReasonCode": put_out.map(|_| 401),
        "disconnectionObject": put_out.map(|(_, why)| why.to_string()),
        "disconnectionAt": put_out.map(|(at, _)| iso(*at)),
        "createdAt": created,
        "updatedAt": created,
        "Chatwoot": null, "Proxy": null, "Rabbitmq": null, "Nats": null, "Sqs": null,
        "Websocket": null,
        "Setting": setting,
        "_count": { "Message": messages, "Contact": chats, "Chat": chats },
    })
}

/// The row that `webhook/set` and `webhook/find` answer with.
pub(in crate::gateway_sim) fn webhook(webhook: &Webhook, instance: Uuid) -> Value {
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
        "webhookBase64": webhook.base64,
        "createdAt": iso(webhook.created_at),
        "updatedAt": iso(webhook.updated_at),
        "instanceId": instance,
    })
}

/// The data of `connection.update`.
pub(in crate::gateway_sim) fn connection_update(name: &str, instance: &Instance) -> Value {
    let (state, reason) = (instance.connection, 200);
    match state {
        Connection::Open => json!({
            "instance": name,
            "wuid": instance.owner,
            "profileName": name,
            "profilePictureUrl": null,
            "state": state,
            "statusReason": reason,
        }),
        Connection::Connecting => {
            json!({ "instance": name, "state": state, "statusReason": reason })
        }
        Connection::Close => json!({ "instance": name, "state": state, "statusReason": 401 }),
    }
}

/// That nobody has scanned a code for too long.
pub(in crate::gateway_sim) fn codes_used_up(name: &str) -> [(&'static str, Value); 2] {
    let limit =
        json!({ "message": "QR code limit reached, please login again", "statusCode": 500 });
    let refused =
        json!({ "instance": name, "state": "refused", "statusReason": 428, "profileName": name });
    [("qrcode.updated", limit), ("connection.update", refused)]
}

/// Why an instance was put out, as the server keeps and tells it.
pub(in crate::gateway_sim) fn put_out(at: DateTime<Utc>) -> Value {
    let payload = json!({ "statusCode": 401, "error": "Unauthorized", "message": "Stream Errored (conflict)" });
    let output = json!({ "statusCode": 401, "payload": payload, "headers": {} });
    let error = json!({ "data": null, "isBoom": true, "isServer": false, "output": output });
    json!({ "error": error, "date": iso(at) })
}

/// The data of `status.instance`, which goes before a close.
pub(in crate::gateway_sim) fn closed(name: &str, at: DateTime<Utc>, why: &Value) -> Value {
    json!({
        "instance": name,
        "status": "closed",
        "disconnectionAt": iso(at),
        "disconnectionReasonCode": 401,
        "disconnectionObject": why.to_string(),
    })
}
