//! What can be made to go wrong.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One thing for sends, one for webhooks, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default)]
    pub send: Option<SendFault>,
    #[serde(default)]
    pub webhook: Option<WebhookFault>,
    /// How many sends, and how many customers' messages, it meets; without: all, until it is ended.
    #[serde(default)]
    pub count: Option<u32>,
    /// The only instance that it meets; without: all.
    #[serde(default)]
    pub instance: Option<String>,
    /// For `slow`: milliseconds.
    #[serde(default)]
    pub slow_ms: Option<u64>,
}

/// What goes wrong with a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendFault {
    /// 400 `not-acceptable`; it did not go out, which the answer does not tell.
    Refused,
    /// 500 `Timed Out`: the number could not be looked up, it did not go out.
    #[serde(rename = "500")]
    Failed,
    /// Goes out after 3 s, or `slow_ms`.
    Slow,
    /// Never answered; does not go out.
    Hang,
    /// Goes out; never answered.
    SentThenHang,
    /// Goes out; answered with 400 `Timed Out`.
    SentThenFailed,
    /// 400 `Connection Closed`.
    Closed,
    /// 400 `rate-overlimit`.
    Rate,
    /// 400: nobody has this number.
    UnknownNumber,
    /// 503 `LICENSE_REQUIRED`.
    Licence,
}

impl SendFault {
    /// The answer's status and body; `None` where the answer is not a failure, or none at all.
    pub(super) fn answer(self, jid: &str, number: &str) -> Option<(u16, Value)> {
        let thrown = |text: &str| Some((400, failure(400, "Bad Request", json!([text]))));
        match self {
            Self::Refused => thrown("Error: not-acceptable"),
            Self::SentThenFailed => thrown("Error: Timed Out"),
            Self::Closed => thrown("Error: Connection Closed"),
            Self::Rate => thrown("Error: rate-overlimit"),
            Self::Failed => Some((500, failure(500, "Internal Server Error", json!("Timed Out")))),
            Self::UnknownNumber => {
                let unknown = json!([{ "jid": jid, "exists": false, "number": number }]);
                Some((400, failure(400, "Bad Request", unknown)))
            }
            Self::Licence => {
                Some((503, json!({ "error": "Service not activated", "code": "LICENSE_REQUIRED" })))
            }
            Self::Slow | Self::Hang | Self::SentThenHang => None,
        }
    }

    /// Whether the message goes out all the same.
    pub(super) fn goes_out(self) -> bool {
        matches!(self, Self::Slow | Self::SentThenHang | Self::SentThenFailed)
    }
}

/// What goes wrong with the webhook of a customer's message.
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

impl Fault {
    /// One for sends, of all instances, until it is ended.
    pub fn of_sends(send: SendFault) -> Self {
        Self { send: Some(send), ..Self::default() }
    }

    /// One for webhooks, of all instances, until it is ended.
    pub fn of_webhooks(webhook: WebhookFault) -> Self {
        Self { webhook: Some(webhook), ..Self::default() }
    }

    /// The same, ending after `count`.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self { count: Some(count), ..self }
    }

    fn is_for(&self, instance: &str) -> bool {
        self.instance.as_deref().is_none_or(|only| only == instance)
    }
}

/// A fault and what it has met so far, sends and customers' messages apart.
#[derive(Debug, Default)]
pub(super) struct Active {
    pub(super) fault: Fault,
    sends_met: u32,
    webhooks_met: u32,
}

impl Active {
    pub(super) fn new(fault: Fault) -> Self {
        Self { fault, ..Self::default() }
    }

    /// What the next send of the instance meets; counts it.
    pub(super) fn meet_send(&mut self, instance: &str) -> Option<SendFault> {
        let send = self.fault.send.filter(|_| self.fault.is_for(instance))?;
        count_down(self.fault.count, &mut self.sends_met).then_some(send)
    }

    /// What the next customer's message of the instance meets and how many met it before; counts
    /// it.
    pub(super) fn meet_webhook(&mut self, instance: &str) -> Option<(WebhookFault, u32)> {
        let webhook = self.fault.webhook.filter(|_| self.fault.is_for(instance))?;
        let before = self.webhooks_met;
        count_down(self.fault.count, &mut self.webhooks_met).then_some((webhook, before))
    }
}

fn count_down(count: Option<u32>, met: &mut u32) -> bool {
    let meets = count.is_none_or(|count| *met < count);
    if meets {
        *met = met.wrapping_add(1);
    }
    meets
}

/// The shape in which the gateway reports a failure.
pub(super) fn failure(status: u16, error: &str, message: Value) -> Value {
    let mut body = json!({ "status": status, "error": error, "response": {} });
    body["response"]["message"] = message;
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_ends_by_itself_for_sends_and_webhooks_apart() {
        let sends_and_webhooks = Fault {
            webhook: Some(WebhookFault::Drop),
            ..Fault::of_sends(SendFault::Closed).times(2)
        };
        let mut fault = Active::new(sends_and_webhooks);
        let sends: Vec<_> = (0..3).map(|_| fault.meet_send("a").is_some()).collect();
        let webhooks: Vec<_> = (0..3).map(|_| fault.meet_webhook("a").is_some()).collect();
        assert_eq!((sends, webhooks), (vec![true, true, false], vec![true, true, false]));
    }

    #[test]
    fn a_fault_of_one_instance_leaves_others_alone_and_is_not_used_up_by_them() {
        let of_one = Fault::of_sends(SendFault::Rate).times(1);
        let mut fault = Active::new(Fault { instance: Some("a".to_owned()), ..of_one });
        assert_eq!(fault.meet_send("b"), None);
        assert_eq!(fault.meet_send("a"), Some(SendFault::Rate));
    }

    #[test]
    fn faults_have_the_names_that_the_control_side_takes() {
        for name in [
            "refused",
            "500",
            "slow",
            "hang",
            "sent-then-hang",
            "sent-then-failed",
            "closed",
            "rate",
            "unknown-number",
            "licence",
        ] {
            let fault: Fault = serde_json::from_value(json!({ "send": name })).unwrap();
            assert_eq!(serde_json::to_value(fault).unwrap()["send"], name);
        }
        assert!(serde_json::from_value::<Fault>(json!({ "send": "tired" })).is_err());
        assert!(serde_json::from_value::<Fault>(json!({ "sends": "rate" })).is_err());
    }
}
