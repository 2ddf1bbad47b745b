//! Changes of earlier messages that come as messages: edits and deletions.

use serde_json::Value;

use super::super::values::{id_of, millis};
use super::{Edited, MAX_WRAPPERS, Reading, words, wrapper_in};

/// New words for an earlier message, beneath whatever wraps them. The words may be the new message
/// itself, or stand in the protocol's own with the key of the old one.
pub(super) fn edit_in(message: &Value) -> Option<Edited> {
    let mut message = message;
    for _ in 0..=MAX_WRAPPERS {
        let protocol = &message["protocolMessage"];
        if is_edit(protocol) {
            return Some(edit_of(protocol));
        }
        let edited = &message["editedMessage"]["message"];
        if edited.is_object() && !edited["protocolMessage"].is_object() {
            return Some(Edited { provider_id: None, text: words(edited), at: None });
        }
        message = &wrapper_in(message)?["message"];
    }
    None
}

/// What the protocol says of an earlier message; `None`: nothing.
pub(super) fn of_protocol(protocol: &Value) -> Option<Reading> {
    // The number 0 is left out by some writers.
    let revokes = is_revoke(&protocol["type"])
        || protocol["type"].is_null() && protocol.as_object().is_some_and(|p| p.len() == 1);
    let provider_id = id_of(&protocol["key"]).filter(|_| revokes)?;
    Some(Reading::Revoked { provider_id })
}

/// Whether a protocol type is the deletion for everyone.
pub(in super::super) fn is_revoke(kind: &Value) -> bool {
    kind == "REVOKE" || kind == 0 || kind == "0"
}

fn is_edit(protocol: &Value) -> bool {
    protocol["editedMessage"].is_object()
        && (protocol["type"].is_null()
            || protocol["type"] == 14
            || protocol["type"] == "14"
            || protocol["type"] == "MESSAGE_EDIT")
}

fn edit_of(protocol: &Value) -> Edited {
    Edited {
        provider_id: id_of(&protocol["key"]),
        text: words(&protocol["editedMessage"]),
        at: millis(&protocol["timestampMs"]),
    }
}
