//! What can be made to go wrong.

mod active;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use self::active::{Faults, SendMet};
use super::version::LidStyle;

/// Something that goes wrong; several at once meet the same send or webhook together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<SendFault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookFault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<LookupFault>,
    /// Begins when the fault is set; ends with it, or after `for_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionFault>,
    /// The form in which customers' addresses are told, whatever the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lid: Option<LidStyle>,
    /// How many it meets, of sends, webhooks, look-ups and addresses each; without: all, until it
    /// is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How many it lets pass before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<u32>,
    /// Meets the first of so many; without, or with 1: each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u32>,
    /// The only instance that it meets; without: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// For `slow`: milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_ms: Option<u64>,
    /// For `connection`: milliseconds until it is open again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// For `webhook`: the events it meets; without: `messages.upsert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
}

/// What goes wrong with a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendFault {
    /// 400 `not-acceptable`; it did not go out, which the answer does not tell.
    Refused,
    /// 400 `No sessions`; it did not go out, which the answer does not tell.
    NoSessions,
    /// 400 `Timed Out`; it did not go out, which the answer does not tell.
    TimedOut,
    /// 500 `Timed Out`: the number could not be looked up, it did not go out.
    #[serde(rename = "500")]
    Failed,
    /// 500 `Connection Closed`, from looking the number up.
    LookupClosed,
    /// 500 `rate-overlimit`, from looking the number up.
    LookupRate,
    /// 500: the instance is not loaded yet.
    NotLoaded,
    /// Goes out after 3 s, or `slow_ms`.
    Slow,
    /// Never answered; does not go out.
    Hang,
    /// Goes out; never answered.
    SentThenHang,
    /// Goes out; answered with 400 `Timed Out`.
    SentThenFailed,
    /// Goes out; answered with 400 `Timed Out`, and the server has no trace of it: no echo, no
    /// record, no status.
    SentThenLost,
    /// 400 `Connection Closed`.
    Closed,
    /// 400 `rate-overlimit`.
    Rate,
    /// 400: nobody has this number.
    UnknownNumber,
    /// 400: polls, lists and buttons fail; meets no other message.
    KindRefused,
    /// 401: the key is none.
    Unauthorised,
    /// 503 `LICENSE_REQUIRED`.
    Licence,
    /// 201 with Meta's refusal of the recipient.
    GraphRefused,
    /// 201 with Meta's refusal of the token.
    GraphToken,
    /// 201 with Meta's limit.
    GraphRate,
    /// 400: Meta could not be reached, or answered with something else.
    GraphUnreachable,
    /// Goes out and is accepted; nothing is ever heard of it.
    NoAck,
    /// Accepted; WhatsApp then refuses it, and the customer has nothing.
    AckError,
    /// Goes out; its statuses come before the answer.
    StatusEarly,
}

impl SendFault {
    /// The answer's status and body; `None` where the answer is not a failure, or none at all.
    pub(super) fn answer(self, jid: &str, number: &str) -> Option<(u16, Value)> {
        let thrown = |text: &str| Some((400, failure(400, "Bad Request", json!([text]))));
        let broken = |text: &str| Some((500, failure(500, "Internal Server Error", json!(text))));
        match self {
            Self::Refused => thrown("Error: not-acceptable"),
            Self::NoSessions => thrown("Error: No sessions"),
            Self::SentThenFailed | Self::SentThenLost | Self::TimedOut => {
                thrown("Error: Timed Out")
            }
            Self::Closed => thrown("Error: Connection Closed"),
            Self::Rate => thrown("Error: rate-overlimit"),
            Self::KindRefused => thrown(LISTS_FAIL),
            Self::GraphUnreachable => thrown(NO_GRAPH),
            Self::Failed => broken("Timed Out"),
            Self::LookupClosed => broken("Connection Closed"),
            Self::LookupRate => broken("rate-overlimit"),
            Self::NotLoaded => {
                broken("Cannot read properties of undefined (reading 'textMessage')")
            }
            Self::Unauthorised => Some((401, failure(401, "Unauthorized", json!("Unauthorized")))),
            Self::UnknownNumber => Some(unknown_number(jid, number)),
            Self::Licence => Some(licence_required()),
            Self::GraphRefused => {
                let details = "Recipient phone number not in allowed list";
                let mut body = graph(&format!("(#131030) {details}"), 131_030);
                body["error_data"] = json!({ "messaging_product": "whatsapp", "details": details });
                Some((201, body))
            }
            Self::GraphToken => {
                Some((201, graph("Error validating access token: Session has expired", 190)))
            }
            Self::GraphRate => Some((201, graph("(#80007) Rate limit issues", 80_007))),
            Self::Slow
            | Self::Hang
            | Self::SentThenHang
            | Self::NoAck
            | Self::AckError
            | Self::StatusEarly => None,
        }
    }

    /// Whether it decides how the send ends; the others change when and what follows.
    fn is_outcome(self) -> bool {
        !matches!(self, Self::Slow | Self::NoAck | Self::AckError | Self::StatusEarly)
    }

    /// Whether the message goes out all the same, of those that decide.
    pub(super) fn goes_out(self) -> bool {
        matches!(self, Self::SentThenHang | Self::SentThenFailed | Self::SentThenLost)
    }

    pub(super) fn hangs(self) -> bool {
        matches!(self, Self::Hang | Self::SentThenHang)
    }
}

/// What goes wrong with webhooks: with those of customers' messages, if not said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookFault {
    /// Delivered twice at once.
    Duplicate,
    /// Every other one is held back until later ones have arrived.
    Reorder,
    /// Never delivered.
    Drop,
}

/// What goes wrong with `chat/findMessages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupFault {
    /// 500.
    Failing,
    /// Never answered.
    Hang,
    /// Answered as if there were no messages.
    Empty,
}

/// What goes wrong between an instance and WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionFault {
    /// The network: shows as `connecting`, nothing is told of a close.
    Dropped,
    /// The phone has put the device out: `status.instance`, `logout.instance`, `close`.
    Closed,
}

impl Fault {
    /// One for sends, of all instances, until it is ended.
    pub fn of_sends(send: SendFault) -> Self {
        Self { send: Some(send), ..Self::default() }
    }

    /// One for webhooks of customers' messages, of all instances, until it is ended.
    pub fn of_webhooks(webhook: WebhookFault) -> Self {
        Self { webhook: Some(webhook), ..Self::default() }
    }

    /// One for look-ups, of all instances, until it is ended.
    pub fn of_lookups(lookup: LookupFault) -> Self {
        Self { lookup: Some(lookup), ..Self::default() }
    }

    /// The connection of all instances, until it is ended.
    pub fn of_connections(connection: ConnectionFault) -> Self {
        Self { connection: Some(connection), ..Self::default() }
    }

    /// The same, ending after `count`.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self { count: Some(count), ..self }
    }

    /// The same, after `count` that nothing happens to.
    #[must_use]
    pub fn after(self, count: u32) -> Self {
        Self { skip: Some(count), ..self }
    }

    /// The same, for one instance only.
    #[must_use]
    pub fn at(self, instance: &str) -> Self {
        Self { instance: Some(instance.to_owned()), ..self }
    }

    /// The same, for webhooks of these events, such as `send.message`.
    #[must_use]
    pub fn of_events(self, events: &[&str]) -> Self {
        Self { events: Some(events.iter().map(|&event| event.to_owned()).collect()), ..self }
    }

    pub(super) fn is_for(&self, instance: &str) -> bool {
        self.instance.as_deref().is_none_or(|only| only == instance)
    }
}

/// What lists end with on WHATSAPP-BAILEYS.
pub(super) const LISTS_FAIL: &str = "TypeError: this.isZero is not a function";
/// What sends end with when Meta gives no answer that can be read.
pub(super) const NO_GRAPH: &str =
    "TypeError: Cannot read properties of undefined (reading 'message')";

/// The shape in which the gateway reports a failure.
pub(super) fn failure(status: u16, error: &str, message: Value) -> Value {
    let mut body = json!({ "status": status, "error": error, "response": {} });
    body["response"]["message"] = message;
    body
}

pub(super) fn unknown_number(jid: &str, number: &str) -> (u16, Value) {
    let unknown = json!([{ "jid": jid, "exists": false, "number": number }]);
    (400, failure(400, "Bad Request", unknown))
}

pub(super) fn licence_required() -> (u16, Value) {
    (503, json!({ "error": "Service not activated", "code": "LICENSE_REQUIRED" }))
}

/// What Meta says, which the server passes on as if it were a success.
fn graph(message: &str, code: u32) -> Value {
    json!({ "message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AbCdEf" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_the_names_that_the_control_side_takes() {
        let names = [
            ("send", "refused"),
            ("send", "no-sessions"),
            ("send", "timed-out"),
            ("send", "500"),
            ("send", "lookup-closed"),
            ("send", "lookup-rate"),
            ("send", "not-loaded"),
            ("send", "slow"),
            ("send", "hang"),
            ("send", "sent-then-hang"),
            ("send", "sent-then-failed"),
            ("send", "sent-then-lost"),
            ("send", "closed"),
            ("send", "rate"),
            ("send", "unknown-number"),
            ("send", "kind-refused"),
            ("send", "unauthorised"),
            ("send", "licence"),
            ("send", "graph-refused"),
            ("send", "graph-token"),
            ("send", "graph-rate"),
            ("send", "graph-unreachable"),
            ("send", "no-ack"),
            ("send", "ack-error"),
            ("send", "status-early"),
            ("webhook", "duplicate"),
            ("webhook", "reorder"),
            ("webhook", "drop"),
            ("lookup", "failing"),
            ("lookup", "hang"),
            ("lookup", "empty"),
            ("connection", "dropped"),
            ("connection", "closed"),
            ("lid", "2.3.0"),
            ("lid", "2.3.4"),
            ("lid", "2.3.6"),
            ("lid", "2.3.7"),
            ("lid", "alone"),
        ];
        for (of, name) in names {
            let fault: Fault = serde_json::from_value(json!({ of: name })).unwrap();
            assert_eq!(serde_json::to_value(fault).unwrap(), json!({ of: name }));
        }
        assert!(serde_json::from_value::<Fault>(json!({ "send": "tired" })).is_err());
        assert!(serde_json::from_value::<Fault>(json!({ "sends": "rate" })).is_err());
    }
}
