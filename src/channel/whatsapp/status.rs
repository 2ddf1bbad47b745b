//! How far a message has got, and how an instance is connected.

use serde_json::Value;

/// How far a message of ours has got.
///
/// Reports repeat and come out of order, so the variants are ordered: keep the greatest. A failure
/// outweighs what the gateway believed, and is outweighed by what the customer's phone reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryStatus {
    /// Written to the gateway's socket, no more.
    Pending,
    /// WhatsApp's servers have it.
    Sent,
    /// WhatsApp refused it; why is not told.
    Failed,
    /// It is on the customer's phone.
    Delivered,
    Read,
    /// A voice message was listened to.
    Played,
}

impl DeliveryStatus {
    /// Reads the names of both kinds of instance, and the numbers of the protocol. `None` for what
    /// says nothing about delivery, such as `DELETED`.
    pub fn read(status: &Value) -> Option<Self> {
        if let Some(number) = status.as_u64() {
            return match number {
                0 => Some(Self::Failed),
                1 => Some(Self::Pending),
                2 => Some(Self::Sent),
                3 => Some(Self::Delivered),
                4 => Some(Self::Read),
                5 => Some(Self::Played),
                _ => None,
            };
        }
        match status.as_str()?.to_ascii_uppercase().as_str() {
            "ERROR" | "FAILED" => Some(Self::Failed),
            "PENDING" => Some(Self::Pending),
            "SERVER_ACK" | "SENT" => Some(Self::Sent),
            "DELIVERY_ACK" | "DELIVERED" => Some(Self::Delivered),
            "READ" => Some(Self::Read),
            "PLAYED" => Some(Self::Played),
            _ => None,
        }
    }
}

/// How an instance is connected to WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// Connected, says the gateway; sends may fail all the same.
    Open,
    /// Connecting for the first time, or again after a drop.
    Connecting,
    /// Logged out, banned, never paired, or gone: a person has to act.
    Close,
    /// The gateway said something that we do not know.
    Unknown,
}

impl InstanceState {
    /// Reads what the gateway calls it. `refused`, the end of pairing attempts, is a closed one.
    pub fn read(state: &str) -> Self {
        match state.to_ascii_lowercase().as_str() {
            "open" => Self::Open,
            "connecting" => Self::Connecting,
            "close" | "closed" | "refused" => Self::Close,
            _ => Self::Unknown,
        }
    }

    /// As in `instances.state`: `open`, `connecting`, `close` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Connecting => "connecting",
            Self::Close => "close",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_later_stage_is_greater_whatever_the_kind_of_instance() {
        let baileys = ["PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED"];
        let cloud = ["pending", "SENT", "DELIVERED", "READ"];
        for names in [&baileys[..], &cloud[..]] {
            let stages: Vec<_> =
                names.iter().map(|name| DeliveryStatus::read(&json!(name)).unwrap()).collect();
            assert!(stages.is_sorted_by(|a, b| a < b), "{names:?}");
        }
        let numbers: Vec<_> = (1..=5).map(|n| DeliveryStatus::read(&json!(n)).unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_failure_outweighs_sent_and_is_outweighed_by_delivered() {
        use DeliveryStatus::{Delivered, Failed, Pending, Sent};
        assert!(Failed > Pending && Failed > Sent && Failed < Delivered);
    }

    #[test]
    fn what_says_nothing_about_delivery_is_no_status() {
        for status in [json!("DELETED"), json!(null), json!(6), json!(-1), json!({})] {
            assert_eq!(DeliveryStatus::read(&status), None, "{status}");
        }
    }

    #[test]
    fn an_instance_state_reads_back_as_it_is_stored() {
        for state in ["open", "connecting", "close"] {
            assert_eq!(InstanceState::read(state).as_str(), state);
        }
        assert_eq!(InstanceState::read("refused"), InstanceState::Close);
        assert_eq!(InstanceState::read("dreaming").as_str(), "unknown");
    }
}
