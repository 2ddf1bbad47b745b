//! The bodies of the real server, field by field as recorded.

pub(super) mod inbound;
pub(super) mod instances;
pub(super) mod outbound;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

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

/// Bytes as the server writes them since 2.3.6: an object of numbers by place.
pub(super) fn byte_map(bytes: &[u8]) -> Value {
    let entries = bytes.iter().enumerate().map(|(at, byte)| (at.to_string(), json!(byte)));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// Bytes as older versions write them.
pub(super) fn base64(bytes: &[u8]) -> Value {
    json!(STANDARD.encode(bytes))
}

/// Random bytes, for what is encrypted or secret: nobody here can read it.
pub(super) fn noise<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    for part in bytes.chunks_mut(16) {
        part.copy_from_slice(&Uuid::new_v4().as_bytes()[..part.len()]);
    }
    bytes
}

/// An address as it is, with the suffix of a phone if it has none.
pub(super) fn jid(address: &str) -> String {
    if address.contains('@') {
        return address.to_owned();
    }
    let digits: String = address.chars().filter(char::is_ascii_digit).collect();
    format!("{digits}@s.whatsapp.net")
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
