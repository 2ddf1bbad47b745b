//! Messages that are sent through the API.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::gateway_sim::version::Integration;

/// The age that disappearing messages of every chat here have, in seconds.
const EPHEMERAL_SINCE: i64 = 172_800;

/// A message that was written to the socket.
pub(in crate::gateway_sim) struct Sent<'a> {
    pub(in crate::gateway_sim) integration: Integration,
    pub(in crate::gateway_sim) instance: Uuid,
    pub(in crate::gateway_sim) jid: &'a str,
    pub(in crate::gateway_sim) id: &'a str,
    pub(in crate::gateway_sim) message: Value,
    pub(in crate::gateway_sim) kind: &'a str,
    /// Whether the message is of a kind that tells its context beside itself.
    pub(in crate::gateway_sim) with_context: bool,
    /// Unix seconds.
    pub(in crate::gateway_sim) at: i64,
}

impl Sent<'_> {
    /// The answer to a send that was accepted; `send.message` carries the same.
    pub(in crate::gateway_sim) fn data(self) -> Value {
        let mut data = json!({
            "key": { "remoteJid": self.jid, "fromMe": true, "id": self.id },
            "messageType": self.kind,
            "messageTimestamp": self.at,
            "instanceId": self.instance,
        });
        data["message"] = self.message;
        match self.integration {
            Integration::Evolution => data["source"] = json!("unknown"),
            Integration::Cloud => {
                data["source"] = json!("unknown");
                data["status"] = json!("PENDING");
            }
            Integration::Baileys => {
                data["source"] = json!("web");
                data["status"] = json!("PENDING");
                data["pushName"] = json!("Você");
                if self.kind == "viewOnceMessage" {
                    data["key"]["participant"] = json!(self.jid);
                }
                // Groups have none of it.
                if self.with_context && !self.jid.ends_with("@g.us") {
                    data["contextInfo"] = context(self.at);
                }
            }
        }
        data
    }
}

/// What Baileys adds to a message in a chat of two.
pub(in crate::gateway_sim) fn context(at: i64) -> Value {
    json!({
        "mentionedJid": [],
        "groupMentions": [],
        "ephemeralSettingTimestamp":
            { "low": at - EPHEMERAL_SINCE, "high": 0, "unsigned": false },
        "disappearingMode": { "initiator": 0 },
    })
}
