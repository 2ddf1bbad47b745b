//! What a customer said: the many shapes of `data.message`, brought to one.
//!
//! The field that is there decides, not `messageType`, which versions name differently; only for
//! WhatsApp Business (Cloud) instances does the type tell a tap from a text.

use serde_json::Value;

use super::cut;
use crate::domain::conversation::MessageKind;

/// Wrappers are unwrapped this often: disappearing, view-once and captioned messages nest.
const MAX_WRAPPERS: usize = 8;

/// Fields whose `message` is the real one.
const WRAPPERS: [&str; 11] = [
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "deviceSentMessage",
    "groupMentionedMessage",
    "lottieStickerMessage",
    "associatedChildMessage",
    "botInvokeMessage",
    "editedMessage",
];

/// Messages without words, by field.
const MEDIA: [(&str, MessageKind); 11] = [
    ("imageMessage", MessageKind::Image),
    ("videoMessage", MessageKind::Video),
    ("ptvMessage", MessageKind::Video),
    ("audioMessage", MessageKind::Audio),
    ("documentMessage", MessageKind::Document),
    ("stickerMessage", MessageKind::Sticker),
    ("locationMessage", MessageKind::Location),
    ("liveLocationMessage", MessageKind::Location),
    ("contactMessage", MessageKind::Contact),
    ("contactsArrayMessage", MessageKind::Contact),
    ("albumMessage", MessageKind::Image),
];

/// What else a person can send and we can only say that we cannot take.
const OTHERS: [&str; 12] = [
    "orderMessage",
    "productMessage",
    "pollCreationMessage",
    "pollCreationMessageV2",
    "pollCreationMessageV3",
    "eventMessage",
    "groupInviteMessage",
    "requestPaymentMessage",
    "sendPaymentMessage",
    "invoiceMessage",
    "requestPhoneNumberMessage",
    "callLogMesssage",
];

/// What phones tell one another, beneath the conversation.
const PROTOCOL: [&str; 9] = [
    "protocolMessage",
    "senderKeyDistributionMessage",
    "keepInChatMessage",
    "pinInChatMessage",
    "encReactionMessage",
    "encCommentMessage",
    "chat",
    "placeholderMessage",
    "secretEncryptedMessage",
];

/// What there is in a message.
#[derive(Debug)]
pub(super) enum Reading {
    Said(Said),
    /// There are no words in it, and there never were; says why.
    Nothing(&'static str),
    /// There may be words in it, in a shape that we do not know.
    Unknown,
}

/// The parts of [`super::Inbound`] that come from the message itself.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) kind: MessageKind,
    pub(super) text: Option<String>,
    pub(super) choice: Option<String>,
    pub(super) quoted: Option<String>,
}

/// Reads what was said in an event's data.
pub(super) fn read(data: &Value) -> Reading {
    let Some(message) = unwrapped(&data["message"]) else { return Reading::Unknown };
    let quoted = |inner: &Value| {
        [&data["contextInfo"], &inner["contextInfo"], &message["contextInfo"]]
            .iter()
            .find_map(|context| text_of(&context["stanzaId"]))
    };
    let said = |kind, text, choice, inner: &Value| {
        Reading::Said(Said { kind, text, choice, quoted: quoted(inner) })
    };

    if let Some(reading) = tapped(message, data, &said) {
        return reading;
    }
    if !message["reactionMessage"].is_null() {
        return Reading::Nothing("reaction");
    }
    for (field, kind) in MEDIA {
        let inner = &message[field];
        if !inner.is_null() {
            let words = text_of(&inner["caption"]).or_else(|| text_of(&message["speechToText"]));
            return said(kind, words, None, inner);
        }
    }
    for field in ["conversation", "extendedTextMessage"] {
        let inner = &message[field];
        let text = if inner.is_object() { &inner["text"] } else { inner };
        if let Some(text) = text.as_str() {
            // Cloud instances give the title of what was tapped as if it had been typed.
            let tap = matches!(
                data["messageType"].as_str(),
                Some("interactiveMessage" | "buttonMessage")
            );
            let kind = if tap { MessageKind::Choice } else { MessageKind::Text };
            return match text_of(&Value::from(text)) {
                Some(text) => said(kind, Some(text), None, inner),
                None => Reading::Nothing("empty text"),
            };
        }
    }
    if let Some(field) = OTHERS.iter().find(|&&field| !message[field].is_null()) {
        return said(
            MessageKind::Other,
            text_of(&message[field]["message"]),
            None,
            &message[field],
        );
    }
    if PROTOCOL.iter().any(|&field| !message[field].is_null()) {
        return Reading::Nothing("protocol");
    }
    // A form filled in on a Cloud instance: something was answered, nothing of it arrives.
    if data["messageType"] == "interactiveMessage" && message["conversation"].is_null() {
        return said(MessageKind::Other, None, None, &Value::Null);
    }
    Reading::Unknown
}

/// The words of a message of either side: text, caption, or what a menu shows.
pub(super) fn words(message: &Value) -> Option<String> {
    let message = unwrapped(message)?;
    let texts = [
        &message["conversation"],
        &message["extendedTextMessage"]["text"],
        &message["interactiveMessage"]["body"]["text"],
        &message["imageMessage"]["caption"],
        &message["videoMessage"]["caption"],
        &message["documentMessage"]["caption"],
        // The EVOLUTION channel's own form of buttons.
        &message["title"],
    ];
    texts.into_iter().find_map(text_of)
}

/// A tap on a list row, a button or a poll, if it is one.
fn tapped(
    message: &Value,
    data: &Value,
    said: &impl Fn(MessageKind, Option<String>, Option<String>, &Value) -> Reading,
) -> Option<Reading> {
    let choice = |inner: &Value, id: &Value, title: &Value| {
        Some(said(MessageKind::Choice, text_of(title), text_of(id), inner))
    };
    let inner = &message["listResponseMessage"];
    if inner.is_object() {
        let title = [&inner["title"], &inner["description"]];
        let title =
            title.into_iter().find(|title| text_of(title).is_some()).unwrap_or(&Value::Null);
        return choice(inner, &inner["singleSelectReply"]["selectedRowId"], title);
    }
    let inner = &message["buttonsResponseMessage"];
    if inner.is_object() {
        return choice(inner, &inner["selectedButtonId"], &inner["selectedDisplayText"]);
    }
    let inner = &message["templateButtonReplyMessage"];
    if inner.is_object() {
        return choice(inner, &inner["selectedId"], &inner["selectedDisplayText"]);
    }
    let inner = &message["interactiveResponseMessage"];
    if inner.is_object() {
        let params = inner["nativeFlowResponseMessage"]["paramsJson"].as_str().unwrap_or_default();
        let params: Value = super::json::parse(params.as_bytes()).unwrap_or_default();
        return choice(inner, &params["id"], &inner["body"]["text"]);
    }
    let inner = &message["pollUpdateMessage"];
    inner.is_object().then(|| voted(inner, data, said))
}

/// A vote. Options are known by name; where the gateway could not decrypt them there are none,
/// and the tap is reported without words, so that the customer can be asked to write.
fn voted(
    inner: &Value,
    data: &Value,
    said: &impl Fn(MessageKind, Option<String>, Option<String>, &Value) -> Reading,
) -> Reading {
    let selected: Option<Vec<String>> = inner["vote"]["selectedOptions"]
        .as_array()
        .map(|options| options.iter().filter_map(text_of).collect())
        .or_else(|| {
            let with_voters = |update: &&Value| {
                update["voters"].as_array().is_some_and(|voters| !voters.is_empty())
            };
            let updates = data["pollUpdates"].as_array()?;
            Some(updates.iter().filter(with_voters).filter_map(|u| text_of(&u["name"])).collect())
        });
    let reading = match selected.as_deref() {
        Some([]) => return Reading::Nothing("vote withdrawn"),
        Some([first, ..]) => {
            said(MessageKind::Choice, Some(first.clone()), Some(first.clone()), inner)
        }
        None => said(MessageKind::Choice, None, None, inner),
    };
    match (reading, text_of(&inner["pollCreationMessageKey"]["id"])) {
        (Reading::Said(said), poll @ Some(_)) => Reading::Said(Said { quoted: poll, ..said }),
        (reading, _) => reading,
    }
}

/// The message inside of all wrappers; `None` where there is none, or too many around it.
fn unwrapped(message: &Value) -> Option<&Value> {
    let mut message = message;
    for _ in 0..=MAX_WRAPPERS {
        let inner = WRAPPERS
            .iter()
            .map(|&wrapper| &message[wrapper])
            .find(|wrapper| wrapper["message"].is_object());
        match inner {
            Some(wrapper) => message = &wrapper["message"],
            None => return message.is_object().then_some(message),
        }
    }
    None
}

/// A string with something in it, cut to what is kept.
fn text_of(value: &Value) -> Option<String> {
    let text = value.as_str().map(cut)?;
    (!text.trim().is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrapped(times: usize) -> Value {
        (0..times).fold(
            json!({ "conversation": "oi" }),
            |inner, i| json!({ WRAPPERS[i % WRAPPERS.len()]: { "message": inner } }),
        )
    }

    #[test]
    fn wrappers_are_opened_up_to_a_bound() {
        for times in [0, 1, MAX_WRAPPERS] {
            let reading = read(&json!({ "message": wrapped(times) }));
            let Reading::Said(said) = reading else { panic!("{times}: {reading:?}") };
            assert_eq!((said.kind, said.text.as_deref()), (MessageKind::Text, Some("oi")));
        }
        let reading = read(&json!({ "message": wrapped(MAX_WRAPPERS + 1) }));
        assert!(matches!(reading, Reading::Unknown), "{reading:?}");
    }

    #[test]
    fn a_long_text_is_cut_to_4096_characters() {
        let reading = read(&json!({ "message": { "conversation": "ã".repeat(65_536) } }));
        let Reading::Said(said) = reading else { panic!("{reading:?}") };
        assert_eq!(said.text.map(|text| text.chars().count()), Some(4_096));
    }

    #[test]
    fn what_phones_tell_one_another_is_nothing_said() {
        for field in PROTOCOL {
            let reading = read(&json!({ "message": { field: { "type": 0 } } }));
            assert!(matches!(reading, Reading::Nothing("protocol")), "{field}");
        }
    }

    #[test]
    fn key_material_beside_a_text_does_not_hide_the_text() {
        let message = json!({ "senderKeyDistributionMessage": {}, "conversation": "oi" });
        assert!(matches!(read(&json!({ "message": message })), Reading::Said(_)));
    }

    #[test]
    fn a_transcript_is_the_text_of_a_voice_message() {
        let message = json!({ "audioMessage": { "ptt": true }, "speechToText": "amanhã às três" });
        let Reading::Said(said) = read(&json!({ "message": message })) else { panic!() };
        assert_eq!((said.kind, said.text.as_deref()), (MessageKind::Audio, Some("amanhã às três")));
    }

    #[test]
    fn a_vote_is_read_from_the_voters_where_the_vote_does_not_say() {
        let data = json!({
            "message": { "pollUpdateMessage": { "pollCreationMessageKey": { "id": "3EB0P" }, "vote": {} } },
            "pollUpdates": [{ "name": "14:00", "voters": [] }, { "name": "15:00", "voters": ["x"] }],
        });
        let Reading::Said(said) = read(&data) else { panic!() };
        assert_eq!(said.choice.as_deref(), Some("15:00"));
        assert_eq!(said.quoted.as_deref(), Some("3EB0P"));
    }

    #[test]
    fn a_button_with_unreadable_parameters_is_still_a_tap() {
        for params in ["", "{", "[]", r#"{"id":7}"#, r#"{"id":"\ud800"}"#] {
            let message = json!({ "interactiveResponseMessage": {
                "body": { "text": "Sim" }, "nativeFlowResponseMessage": { "paramsJson": params } } });
            let Reading::Said(said) = read(&json!({ "message": message })) else {
                panic!("{params}")
            };
            assert_eq!((said.kind, said.text.as_deref()), (MessageKind::Choice, Some("Sim")));
        }
    }
}
