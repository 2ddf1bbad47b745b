//! Which server is played: its version, and by which channel an instance is connected.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shape;

/// A release of the gateway. What differs between them is asked of it by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Version {
    #[serde(rename = "2.3.0")]
    V2_3_0,
    #[serde(rename = "2.3.4")]
    V2_3_4,
    #[serde(rename = "2.3.6")]
    V2_3_6,
    #[default]
    #[serde(rename = "2.3.7")]
    V2_3_7,
    #[serde(rename = "2.4.0")]
    V2_4_0,
}

impl Version {
    pub(super) fn number(self) -> &'static str {
        match self {
            Self::V2_3_0 => "2.3.0",
            Self::V2_3_4 => "2.3.4",
            Self::V2_3_6 => "2.3.6",
            Self::V2_3_7 => "2.3.7",
            Self::V2_4_0 => "2.4.0",
        }
    }

    /// What it calls itself when it delivers webhooks.
    pub(super) fn user_agent(self) -> &'static str {
        if self < Self::V2_3_7 { "axios/1.12.2" } else { "axios/1.13.2" }
    }

    /// Whether bytes, large numbers and enums are written as objects and numbers; else as texts.
    fn encodes_as_objects(self) -> bool {
        self >= Self::V2_3_6
    }

    /// Whether keys tell the mode of addressing and the other address.
    pub(super) fn tells_addressing(self) -> bool {
        self >= Self::V2_3_6
    }

    /// Whether votes in polls are reported.
    pub(super) fn reports_votes(self) -> bool {
        self >= Self::V2_3_7
    }

    /// Whether an edit comes as an update of the message too, and holds up all that follows.
    pub(super) fn reports_edits_twice(self) -> bool {
        self >= Self::V2_3_7
    }

    /// Whether lists are accepted on WHATSAPP-BAILEYS. Accepted is not delivered: phones show none.
    pub(super) fn takes_lists(self) -> bool {
        self < Self::V2_3_6
    }

    pub(super) fn wants_licence(self) -> bool {
        self >= Self::V2_4_0
    }

    /// Bytes as this version writes them.
    pub(super) fn bytes(self, bytes: &[u8]) -> Value {
        if self.encodes_as_objects() { shape::byte_map(bytes) } else { shape::base64(bytes) }
    }

    /// A 64-bit number as this version writes it.
    pub(super) fn long(self, number: i64, unsigned: bool) -> Value {
        if self.encodes_as_objects() {
            json!({ "low": low(number), "high": number >> 32, "unsigned": unsigned })
        } else {
            json!(number.to_string())
        }
    }

    /// A value of an enum: its number, or its name in older versions.
    pub(super) fn enumerated(self, number: u8, name: &str) -> Value {
        if self.encodes_as_objects() { json!(number) } else { json!(name) }
    }
}

/// The lower half, which the server writes as a signed number.
fn low(number: i64) -> i32 {
    let bytes = number.to_le_bytes();
    i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// How an instance reaches WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Integration {
    /// As one more device of a phone, paired by a code that the phone scans.
    #[default]
    #[serde(rename = "WHATSAPP-BAILEYS")]
    Baileys,
    /// Through Meta's own API.
    #[serde(rename = "WHATSAPP-BUSINESS")]
    Cloud,
    /// Not at all: what is to arrive is posted to the server.
    #[serde(rename = "EVOLUTION")]
    Evolution,
}

impl Integration {
    /// The words for a call that this integration does not have.
    pub(super) fn lacks(self) -> &'static str {
        match self {
            Self::Baileys => "Method not available in the Baileys service",
            Self::Cloud => "Method not available on WhatsApp Business API",
            Self::Evolution => "Method not available on Evolution Channel",
        }
    }
}

/// In which form the address of a customer with a LID is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LidStyle {
    /// The LID, the phone in `senderPn`.
    #[serde(rename = "2.3.0")]
    SenderPn,
    /// The phone, the LID in `previousRemoteJid`.
    #[serde(rename = "2.3.4")]
    PreviousJid,
    /// The LID, the phone in `remoteJidAlt`.
    #[serde(rename = "2.3.6")]
    Alternative,
    /// The phone twice; the LID is lost.
    #[serde(rename = "2.3.7")]
    PhoneTwice,
    /// The LID and nothing else.
    #[serde(rename = "alone")]
    Alone,
}

impl LidStyle {
    /// That of a version.
    pub(super) fn of(version: Version) -> Self {
        match version {
            Version::V2_3_0 => Self::SenderPn,
            Version::V2_3_4 => Self::PreviousJid,
            Version::V2_3_6 => Self::Alternative,
            Version::V2_3_7 | Version::V2_4_0 => Self::PhoneTwice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_are_written_as_each_version_was_recorded_to() {
        // `senderTimestampMs` of a recorded vote.
        let recorded = json!({ "low": 99_468_038, "high": 418, "unsigned": false });
        let number = (418_i64 << 32) + 99_468_038;
        assert_eq!(Version::V2_3_7.long(number, false), recorded);
        assert_eq!(Version::V2_3_4.long(1_753_614_857, true), json!("1753614857"));
        assert_eq!(Version::V2_3_6.bytes(&[255, 216]), json!({ "0": 255, "1": 216 }));
        assert_eq!(Version::V2_3_0.bytes(b"G\xb0"), json!("R7A="));
    }

    #[test]
    fn versions_are_named_as_the_server_names_them() {
        for version in
            [Version::V2_3_0, Version::V2_3_4, Version::V2_3_6, Version::V2_3_7, Version::V2_4_0]
        {
            assert_eq!(json!(version), json!(version.number()));
        }
    }
}
