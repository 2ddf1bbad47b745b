use serde_json::json;

use super::*;

fn content(body: &Value) -> Content {
    read(body.to_string().as_bytes()).unwrap().content
}

fn upsert_of(message: &Value) -> Value {
    json!({ "event": "messages.upsert", "instance": "a", "sender": "5511990000002@s.whatsapp.net",
        "data": { "key": { "remoteJid": "5511988887777@s.whatsapp.net", "id": "3A1" },
                  "message": message, "messageTimestamp": 1_795_395_711 } })
}

#[test]
fn an_event_is_known_by_each_of_its_spellings() {
    for spelling in ["messages.upsert", "MESSAGES_UPSERT", "messages-upsert", " Messages.Upsert"] {
        let mut body = upsert_of(&json!({ "conversation": "oi" }));
        body["event"] = json!(spelling);
        assert!(matches!(content(&body), Content::Message(_)), "{spelling}");
    }
}

#[test]
fn bodies_of_unknown_shape_are_kept_for_a_person_to_look_at() {
    for body in [
        json!([]),
        json!("text"),
        json!(null),
        json!({}),
        json!({ "event": 5, "data": "x" }),
        json!({ "event": "messages.hologram", "data": {} }),
        json!({ "event": "messages.upsert" }),
        json!({ "event": "messages.upsert", "data": [] }),
        json!({ "event": "messages.upsert", "data": { "weird": true } }),
        json!({ "event": "messages.edited", "data": { "weird": true } }),
        upsert_of(&json!({ "hologramMessage": { "beam": "oi" } })),
        upsert_of(&json!({ "conversation": { "words": "oi" } })),
        upsert_of(&json!(null)),
    ] {
        assert!(matches!(content(&body), Content::Unparsed { .. }), "{body}");
    }
}

#[test]
fn a_message_that_cannot_be_told_from_its_repetition_is_unparsed() {
    for id in [json!(""), json!(null), json!(7), json!("x".repeat(300))] {
        let mut body = upsert_of(&json!({ "conversation": "oi" }));
        body["data"]["key"]["id"] = id;
        assert!(matches!(content(&body), Content::Unparsed { .. }), "{body}");
    }
}

#[test]
fn the_only_message_of_an_array_is_read() {
    let mut body = upsert_of(&json!({ "conversation": "oi" }));
    body["data"] = json!([body["data"]]);
    assert!(matches!(content(&body), Content::Message(_)));
}

#[test]
fn messages_to_oneself_are_ignored_whatever_form_the_number_has() {
    for jid in ["5511990000002@s.whatsapp.net", "551190000002:4@s.whatsapp.net"] {
        let mut body = upsert_of(&json!({ "conversation": "lista de compras" }));
        body["data"]["key"]["remoteJid"] = json!(jid);
        assert_eq!(content(&body), Content::Ignored("self"), "{jid}");
    }
}
