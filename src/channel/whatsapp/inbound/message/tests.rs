use serde_json::json;

use super::*;

/// Some that are known, and one that is not yet.
const WRAPPERS: [&str; 5] = [
    "ephemeralMessage",
    "viewOnceMessageV2",
    "documentWithCaptionMessage",
    "botInvokeMessage",
    "hologramWrapperMessage",
];

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
        let Reading::Said(said) = read(&json!({ "message": message })) else { panic!("{params}") };
        assert_eq!((said.kind, said.text.as_deref()), (MessageKind::Choice, Some("Sim")));
    }
}
