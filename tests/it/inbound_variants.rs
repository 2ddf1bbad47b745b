//! Bodies as other versions, other phones and other channels write them: each comes to what a
//! careful person would take it for, and the webhook takes every one of them at once.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails may panic")]

use std::time::{Duration, Instant};

use pontual::channel::whatsapp::inbound;
use serde_json::{Value, json};

use crate::gateway_inbound::summary;
use crate::support::stack::{SECRET, Stack};

const PHONE: &str = "5511988887777@s.whatsapp.net";
const LID: &str = "123456789012345@lid";

/// A message of a customer; `fields` replace or add to those of the data.
fn said(message: Value, fields: Value) -> Value {
    let mut body = json!({
        "event": "messages.upsert", "instance": "studio-lua", "sender": "5511990000002@s.whatsapp.net",
        "apikey": "TOKEN-B-2222", "date_time": "2026-11-22T21:56:33.713Z",
        "data": { "key": { "remoteJid": PHONE, "fromMe": false, "id": "3A0000000000000001" }, "pushName": "João",
                  "messageTimestamp": 1_773_147_600, "source": "ios" },
    });
    if !message.is_null() {
        body["data"]["message"] = message;
    }
    merge(&mut body["data"], fields);
    body
}

fn text(words: &str, fields: Value) -> Value {
    said(json!({ "conversation": words }), fields)
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place with json!")]
fn event(name: &str, data: Value) -> Value {
    json!({ "event": name, "instance": "studio-lua", "data": data })
}

fn merge(into: &mut Value, fields: Value) {
    match (into, fields) {
        (Value::Object(into), Value::Object(fields)) => {
            for (name, value) in fields {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, fields) => *into = fields,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place with json!")]
fn key(fields: Value) -> Value {
    json!({ "key": fields })
}

/// What is said, from whom, in which shape: text and media.
fn words() -> Vec<(&'static str, Value, &'static str)> {
    let deep = json!({ "ephemeralMessage": { "message": { "viewOnceMessageV2": { "message": {
        "documentWithCaptionMessage": { "message": { "documentMessage": { "caption": "guia", "fileName": "a.pdf" } } } } } } } });
    #[rustfmt::skip]
    let cases = vec![
        ("emoji alone",             text("🙏🏽", json!({})),                                            "Text +5511988887777 \"🙏🏽\" @1773147600"),
        ("a thumb typed",           text("👍", json!({})),                                             "Text +5511988887777 \"👍\" @1773147600"),
        ("right to left",           text("أريد موعدا غدا", json!({ "pushName": "أحمد" })),              "Text +5511988887777 \"أريد موعدا غدا\" @1773147600"),
        ("a name of emoji",         text("Oi", json!({ "pushName": "💅✨" })),                           "Text +5511988887777 \"Oi\" @1773147600"),
        ("a name that is a number", text("Oi", json!({ "pushName": 5 })),                               "Text +5511988887777 \"Oi\" nameless @1773147600"),
        ("a digit made a number",   said(json!({ "conversation": 2 }), json!({})),                      "Text +5511988887777 \"2\" @1773147600"),
        ("blank",                   text(" \u{a0}\n", json!({})),                                       "ignored: empty text"),
        ("extended, not flattened", said(json!({ "extendedTextMessage": { "text": "Oi", "contextInfo": { "stanzaId": "3EB0Q" } } }), json!({})),
                                                                                                        "Text +5511988887777 \"Oi\" quoted=3EB0Q @1773147600"),
        ("text as milliseconds",    text("Oi", json!({ "messageTimestamp": "1773147600000" })),         "Text +5511988887777 \"Oi\" @1773147600"),
        ("time of two halves",      text("Oi", json!({ "messageTimestamp": { "low": 1_773_147_600, "high": 0, "unsigned": true } })),
                                                                                                        "Text +5511988887777 \"Oi\" @1773147600"),
        ("no time",                 text("Oi", json!({ "messageTimestamp": null })),                    "Text +5511988887777 \"Oi\" @0"),
        ("three wrappers",          said(deep, json!({})),                                              "Document +5511988887777 \"guia\" @1773147600"),
        ("a wrapper to come",       said(json!({ "spoilerMessage": { "message": { "conversation": "Oi" } } }), json!({})),
                                                                                                        "Text +5511988887777 \"Oi\" @1773147600"),
        ("asked an assistant",      said(json!({ "botInvokeMessage": { "message": { "extendedTextMessage": { "text": "@Meta AI oi" } } } }), json!({})),
                                                                                                        "Text +5511988887777 \"@Meta AI oi\" @1773147600"),
        ("a comment",               said(json!({ "commentMessage": { "message": { "conversation": "Oi" }, "targetMessageKey": { "id": "X" } } }), json!({})),
                                                                                                        "Text +5511988887777 \"Oi\" @1773147600"),
        ("round video",             said(json!({ "ptvMessage": { "seconds": 5 } }), json!({})),         "Video +5511988887777 - @1773147600"),
        ("album",                   said(json!({ "albumMessage": { "expectedImageCount": 3 } }), json!({})), "ignored: protocol"),
        ("picture of an album",     said(json!({ "associatedChildMessage": { "message": { "imageMessage": { "caption": "assim" } } } }), json!({})),
                                                                                                        "Image +5511988887777 \"assim\" @1773147600"),
        ("lottie sticker",          said(json!({ "lottieStickerMessage": { "message": { "stickerMessage": {} } } }), json!({})), "Sticker +5511988887777 - @1773147600"),
        ("pack of stickers",        said(json!({ "stickerPackMessage": { "name": "x" } }), json!({})),  "Sticker +5511988887777 - @1773147600"),
        ("contacts",                said(json!({ "contactsArrayMessage": { "contacts": [{}, {}] } }), json!({})), "Contact +5511988887777 - @1773147600"),
        ("a transcript",            said(json!({ "audioMessage": { "ptt": true }, "speechToText": "amanhã às dez" }), json!({})),
                                                                                                        "Audio +5511988887777 \"amanhã às dez\" @1773147600"),
        ("a poll of the customer",  said(json!({ "pollCreationMessageV3": { "name": "Que dia?", "options": [{ "optionName": "seg" }] } }), json!({})),
                                                                                                        "Other +5511988887777 \"Que dia?\" @1773147600"),
        ("an event",                said(json!({ "eventMessage": { "name": "Festa", "startTime": 1 } }), json!({})), "Other +5511988887777 \"Festa\" @1773147600"),
        ("invitation to a channel", said(json!({ "newsletterAdminInviteMessage": { "caption": "venha" } }), json!({})), "Other +5511988887777 \"venha\" @1773147600"),
        ("invitation to a group",   said(json!({ "groupInviteMessage": { "groupName": "Amigas", "caption": "entra aí" } }), json!({})), "Other +5511988887777 \"entra aí\" @1773147600"),
        ("a payment",               said(json!({ "sendPaymentMessage": { "noteMessage": { "extendedTextMessage": { "text": "sinal" } } } }), json!({})),
                                                                                                        "Other +5511988887777 \"sinal\" @1773147600"),
        ("a payment asked for",     said(json!({ "requestPaymentMessage": { "amount1000": "80000" } }), json!({})), "Other +5511988887777 - @1773147600"),
        ("an order",                said(json!({ "orderMessage": { "message": "quero este", "itemCount": 1 } }), json!({})), "Other +5511988887777 \"quero este\" @1773147600"),
        ("passed on from a business", said(json!({ "templateMessage": { "hydratedTemplate": { "hydratedContentText": "Promoção" } } }), json!({})),
                                                                                                        "Other +5511988887777 \"Promoção\" @1773147600"),
        ("a list passed on",        said(json!({ "listMessage": { "title": "Menu", "description": "Escolha", "sections": [{ "rows": [{ "rows": [] }] }] } }), json!({})),
                                                                                                        "Other +5511988887777 \"Escolha\" @1773147600"),
        ("key material beside",     said(json!({ "senderKeyDistributionMessage": {}, "messageContextInfo": {}, "conversation": "Oi" }), json!({})),
                                                                                                        "Text +5511988887777 \"Oi\" @1773147600"),
    ];
    cases
}

/// Answers to menus, votes, reactions.
fn taps() -> Vec<(&'static str, Value, &'static str)> {
    let vote = |options: Value| {
        json!({ "pollUpdateMessage": {
        "pollCreationMessageKey": { "id": "3EB0POLL", "fromMe": true }, "vote": { "selectedOptions": options } } })
    };
    let react = |emoji: &str| json!({ "reactionMessage": { "key": { "id": "3EB0OURS", "fromMe": true }, "text": emoji } });
    #[rustfmt::skip]
    let cases = vec![
        ("a row in a wrapper",      said(json!({ "viewOnceMessage": { "message": { "listResponseMessage": { "title": "14:00",
                                        "singleSelectReply": { "selectedRowId": "3.1" }, "contextInfo": { "stanzaId": "3EB0M" } } } } }), json!({})),
                                                                                                        "Choice +5511988887777 \"14:00\" choice=3.1 quoted=3EB0M @1773147600"),
        ("a row without id",        said(json!({ "listResponseMessage": { "title": "14:00" } }), json!({})), "Choice +5511988887777 \"14:00\" @1773147600"),
        ("native flow",             said(json!({ "interactiveResponseMessage": { "body": { "text": "Sim" },
                                        "nativeFlowResponseMessage": { "name": "quick_reply", "paramsJson": "{\"id\":\"3.2\"}" } } }), json!({})),
                                                                                                        "Choice +5511988887777 \"Sim\" choice=3.2 @1773147600"),
        ("Cloud list reply",        text("14:00", json!({ "messageType": "interactiveMessage", "contextInfo": { "stanzaId": "wamid.M" } })),
                                                                                                        "Choice +5511988887777 \"14:00\" quoted=wamid.M @1773147600"),
        ("Cloud form",              said(json!({}), json!({ "messageType": "interactiveMessage" })),    "Other +5511988887777 - @1773147600"),
        ("a vote",                  said(vote(json!(["15:00"])), json!({})),                            "Choice +5511988887777 \"15:00\" choice=15:00 quoted=3EB0POLL @1773147600"),
        ("several options",         said(vote(json!(["15:00", "16:00"])), json!({})),                   "Choice +5511988887777 \"15:00\" choice=15:00 quoted=3EB0POLL @1773147600"),
        ("a vote taken back",       said(vote(json!([])), json!({})),                                   "reaction taken back to 3EB0POLL"),
        ("a vote not decrypted",    said(vote(json!(null)), json!({})),                                 "Choice +5511988887777 - quoted=3EB0POLL @1773147600"),
        ("a thumb of any colour",   said(react("👍🏿"), json!({})),                                      "Reaction +5511988887777 \"👍\" quoted=3EB0OURS @1773147600"),
        ("a heart",                 said(react("❤️"), json!({})),                                        "reaction ❤️ to 3EB0OURS"),
        ("a reaction taken back",   said(react(""), json!({})),                                         "reaction taken back to 3EB0OURS"),
        ("a reaction to nothing",   said(json!({ "reactionMessage": { "text": "👍" } }), json!({})),     "ignored: reaction"),
        ("a secret reaction",       said(json!({ "encReactionMessage": { "targetMessageKey": { "id": "X" } } }), json!({})), "ignored: protocol"),
        ("an answer to an event",   said(json!({ "encEventResponseMessage": {} }), json!({})),          "ignored: protocol"),
    ];
    cases
}

/// Who: every form of an address.
fn addresses() -> Vec<(&'static str, Value, &'static str)> {
    let from = |fields: Value| {
        let mut key = json!({ "fromMe": false, "id": "3A0000000000000001" });
        merge(&mut key, fields);
        let mut body = text("Oi", json!({}));
        body["data"]["key"] = key;
        body
    };
    let beside = |fields: Value| {
        let mut body = from(json!({ "remoteJid": LID }));
        merge(&mut body["data"], fields);
        body
    };
    #[rustfmt::skip]
    let cases = vec![
        ("2.3.0",                   from(json!({ "remoteJid": LID, "senderPn": PHONE })),               "Text +5511988887777 123456789012345@lid \"Oi\" @1773147600"),
        ("2.3.1 to 2.3.4",          from(json!({ "remoteJid": PHONE, "previousRemoteJid": LID, "senderPn": PHONE })), "Text +5511988887777 123456789012345@lid \"Oi\" @1773147600"),
        ("2.3.5 and 2.3.6",         from(json!({ "remoteJid": LID, "remoteJidAlt": PHONE, "addressingMode": "lid" })), "Text +5511988887777 123456789012345@lid \"Oi\" @1773147600"),
        ("2.3.7",                   from(json!({ "remoteJid": PHONE, "remoteJidAlt": PHONE, "addressingMode": "lid" })), "Text +5511988887777 \"Oi\" @1773147600"),
        ("a LID alone",             from(json!({ "remoteJid": LID })),                                  "Text 123456789012345@lid \"Oi\" @1773147600"),
        ("the phone beside",        beside(json!({ "senderPn": PHONE })),                               "Text +5511988887777 123456789012345@lid \"Oi\" @1773147600"),
        ("a device of a LID",       from(json!({ "remoteJid": "123456789012345:12@lid" })),             "Text 123456789012345@lid \"Oi\" @1773147600"),
        ("a device",                from(json!({ "remoteJid": "5511988887777:12@s.whatsapp.net" })),    "Text +5511988887777 \"Oi\" @1773147600"),
        ("an agent and device",     from(json!({ "remoteJid": "5511988887777_1:12@s.whatsapp.net" })),  "Text +5511988887777 \"Oi\" @1773147600"),
        ("the old server",          from(json!({ "remoteJid": "5511988887777@c.us" })),                 "Text +5511988887777 \"Oi\" @1773147600"),
        ("hosted",                  from(json!({ "remoteJid": "5511988887777:99@hosted" })),            "Text +5511988887777 \"Oi\" @1773147600"),
        ("a hosted LID",            from(json!({ "remoteJid": "123456789012345@hosted.lid" })),         "Text 123456789012345@lid \"Oi\" @1773147600"),
        ("without the ninth digit", from(json!({ "remoteJid": "551188887777@s.whatsapp.net" })),        "Text +5511988887777 \"Oi\" @1773147600"),
        ("Mexico's old 1",          from(json!({ "remoteJid": "5215512345678@s.whatsapp.net" })),       "Text +525512345678 \"Oi\" @1773147600"),
        ("Argentina without 9",     from(json!({ "remoteJid": "541123456789@s.whatsapp.net" })),        "Text +5491123456789 \"Oi\" @1773147600"),
        ("bare digits",             from(json!({ "remoteJid": "5511988887777" })),                      "Text +5511988887777 \"Oi\" @1773147600"),
        ("a group",                 from(json!({ "remoteJid": "120363025246125888@g.us", "participant": PHONE })), "ignored: group"),
        ("a group of LIDs",         from(json!({ "remoteJid": "120363025246125888@g.us", "participant": LID, "participantAlt": PHONE, "addressingMode": "lid" })), "ignored: group"),
        ("an old group",            from(json!({ "remoteJid": "5511988887777-1400000000@g.us" })),      "ignored: group"),
        ("a story",                 from(json!({ "remoteJid": "status@broadcast", "participant": PHONE })), "ignored: broadcast"),
        ("a list of recipients",    from(json!({ "remoteJid": "1400000000@broadcast", "participant": PHONE })), "ignored: broadcast"),
        ("a channel",               from(json!({ "remoteJid": "120363111111111111@newsletter" })),      "ignored: newsletter"),
        ("an assistant",            from(json!({ "remoteJid": "867051314767696@bot" })),                "ignored: bot"),
        ("an assistant's number",   from(json!({ "remoteJid": "13135550002@s.whatsapp.net" })),         "ignored: bot"),
        ("WhatsApp itself",         from(json!({ "remoteJid": "0@s.whatsapp.net" })),                   "ignored: system"),
        ("oneself",                 from(json!({ "remoteJid": "551190000002@s.whatsapp.net" })),        "ignored: self"),
        ("another network",         from(json!({ "remoteJid": "12345@interop" })),                       "unparsed"),
        ("nobody",                  from(json!({})),                                                    "unparsed"),
        ("no id",                   from(json!({ "remoteJid": PHONE, "id": null })),                    "unparsed"),
    ];
    cases
}

/// Changes of messages, own messages, stubs, shapes that are none of a message.
fn others() -> Vec<(&'static str, Value, &'static str)> {
    let protocol = |fields: Value| said(json!({ "protocolMessage": fields }), json!({}));
    let target = || json!({ "id": "3A00000000000000FF", "remoteJid": PHONE, "fromMe": false });
    let own = |message: Value| said(message, key(json!({ "fromMe": true })));
    #[rustfmt::skip]
    let cases = vec![
        ("taken back, as a message", protocol(json!({ "type": 0, "key": target() })),                   "delete of 3A00000000000000FF"),
        ("taken back, by name",     protocol(json!({ "type": "REVOKE", "key": target() })),             "delete of 3A00000000000000FF"),
        ("edited, as a message",    protocol(json!({ "type": 14, "key": target(), "editedMessage": { "conversation": "novo" }, "timestampMs": "1773147601000" })),
                                                                                                        "edit of 3A00000000000000FF +5511988887777 \"novo\" @1773147601"),
        ("edited, in a wrapper",    said(json!({ "editedMessage": { "message": { "protocolMessage": { "type": "MESSAGE_EDIT", "key": target(), "editedMessage": { "extendedTextMessage": { "text": "novo" } } } } } }), json!({})),
                                                                                                        "edit of 3A00000000000000FF +5511988887777 \"novo\" @1773147600"),
        ("a caption edited",        event("messages.edited", json!({ "key": target(), "type": "MESSAGE_EDIT", "timestampMs": "1773147601000", "editedMessage": { "imageMessage": { "caption": "novo" } } })),
                                                                                                        "edit of 3A00000000000000FF +5511988887777 \"novo\" @1773147601"),
        ("a secret edit",           said(json!({ "secretEncryptedMessage": {} }), json!({})),           "ignored: protocol"),
        ("messages that vanish",    protocol(json!({ "type": "EPHEMERAL_SETTING", "ephemeralExpiration": 86400 })), "ignored: protocol"),
        ("keys of an app",          protocol(json!({ "type": 6, "appStateSyncKeyShare": {} })),         "ignored: protocol"),
        ("history",                 protocol(json!({ "type": "HISTORY_SYNC_NOTIFICATION" })),           "ignored: protocol"),
        ("pinned",                  said(json!({ "pinInChatMessage": { "key": target(), "type": 1 } }), json!({})), "ignored: protocol"),
        ("kept",                    said(json!({ "keepInChatMessage": { "key": target() } }), json!({})), "ignored: protocol"),
        ("a call in the chat",      said(json!({ "callLogMesssage": { "callOutcome": "MISSED" } }), json!({})), "ignored: protocol"),
        ("not decrypted yet",       said(json!(null), json!({ "message": null, "messageStubType": 2 })), "ignored: stub"),
        ("a missed call",           said(json!(null), json!({ "messageStubType": "CALL_MISSED_VOICE" })), "ignored: stub"),
        ("no message",              said(json!(null), json!({ "message": null })),                      "unparsed"),
        ("a hologram",              said(json!({ "hologramMessage": { "beam": 1 } }), json!({})),       "unparsed"),
        ("owner's hand",            own(json!({ "conversation": "já te respondo" })),                   "own 3A0000000000000001 +5511988887777 \"já te respondo\""),
        ("owner's picture",         own(json!({ "imageMessage": {} })),                                 "own 3A0000000000000001 +5511988887777 -"),
        ("owner's reaction",        own(json!({ "reactionMessage": { "key": target(), "text": "❤️" } })), "ignored: own reaction"),
        ("owner takes back",        own(json!({ "protocolMessage": { "type": 0, "key": target() } })),  "ignored: own change"),
        ("owner edits",             own(json!({ "editedMessage": { "message": { "conversation": "x" } } })), "ignored: own change"),
        ("fromMe as a text",        said(json!({ "conversation": "x" }), key(json!({ "fromMe": "true" }))), "own 3A0000000000000001 +5511988887777 \"x\""),
        ("own, in a group",         own_in_group(),                                                     "ignored: group"),
        ("deletion, bare key",      event("messages.delete", target()),                                 "delete of 3A00000000000000FF"),
        ("deletion of ours",        event("messages.delete", json!({ "id": "3EB0", "remoteJid": PHONE, "fromMe": true })), "ignored: own deletion"),
        ("deletion in a group",     event("messages.delete", json!({ "id": "3A", "remoteJid": "1@g.us", "fromMe": false })), "ignored: group"),
        ("several deletions",       event("messages.delete", json!({ "keys": [target(), target()] })),  "several: 2"),
        ("status of ours",          event("messages.update", json!({ "keyId": "3EB0", "remoteJid": LID, "fromMe": true, "status": "READ" })), "Read 3EB0"),
        ("status by number",        event("messages.update", json!({ "key": { "id": "3EB0", "remoteJid": PHONE, "fromMe": true }, "update": { "status": 3 } })), "Delivered 3EB0"),
        ("statuses at once",        event("messages.update", json!([{ "keyId": "A", "fromMe": true, "status": "READ" }, { "keyId": "B", "fromMe": true, "status": "READ" }])), "several: 2"),
        ("we read theirs",          event("messages.update", json!({ "keyId": "3A", "remoteJid": PHONE, "fromMe": false, "status": "READ" })), "ignored: status of theirs"),
        ("theirs was deleted",      event("messages.update", json!({ "keyId": "3A", "remoteJid": PHONE, "fromMe": false, "status": "DELETED" })), "delete of 3A"),
        ("read in a group",         event("messages.update", json!({ "keyId": "3A", "remoteJid": "1@g.us", "fromMe": true, "status": "READ" })), "ignored: group"),
        ("Cloud's status",          event("messages.update", json!({ "keyId": "wamid.A", "remoteJid": PHONE, "fromMe": false, "status": "DELIVERED" })), "Delivered wamid.A"),
        ("connected, upper case",   json!({ "event": "CONNECTION_UPDATE", "instance": "studio-lua", "data": { "state": "OPEN" } }), "connection open"),
        ("a state to come",         event("connection.update", json!({ "state": "hibernating" })),      "connection unknown"),
        ("several at once",         several(),                                                          "several: 3"),
        ("the library's batch",     batch(),                                                            "Text +5511988887777 \"Oi\" @1773147600"),
        ("no messages",             event("messages.upsert", json!([])),                                "unparsed"),
        ("history as such",         event("messages.set", json!([{}, {}])),                             "ignored: event"),
        ("an event to come",        event("moon.phase", json!({ "phase": 3 })),                         "unparsed"),
        ("no event, a message",     without(text("Oi", json!({})), "event"),                            "Text +5511988887777 \"Oi\" @1773147600"),
        ("no event, nothing",       json!({ "instance": "studio-lua" }),                                "unparsed"),
    ];
    cases
}

fn own_in_group() -> Value {
    text("x", key(json!({ "fromMe": true, "remoteJid": "120363025246125888@g.us" })))
}

fn several() -> Value {
    let one = |id: &str| text("Oi", key(json!({ "id": id })))["data"].clone();
    let mut body = text("Oi", json!({}));
    body["data"] = json!([one("3A1"), one("3A2"), one("3A3")]);
    body
}

fn batch() -> Value {
    let mut body = text("Oi", json!({}));
    body["data"] = json!({ "messages": [body["data"]], "type": "notify" });
    body
}

fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field);
    body
}

fn all() -> Vec<(&'static str, Value, &'static str)> {
    [words(), taps(), addresses(), others()].concat()
}

#[test]
fn every_variant_comes_to_what_a_careful_person_would_take_it_for() {
    let mut wrong = Vec::new();
    for (label, body, expected) in all() {
        let got = summary(&inbound::read(body.to_string().as_bytes()).unwrap());
        if got != expected {
            wrong.push(format!("{label}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_address_says_the_event_where_the_body_does_not() {
    let body = without(event("x", json!({ "state": "open" })), "event").to_string();
    for path in
        ["connection-update", "CONNECTION_UPDATE", "connection.update", "/connection-update/"]
    {
        let delivery = inbound::read_of(body.as_bytes(), Some(path)).unwrap();
        assert_eq!(summary(&delivery), "connection open", "{path}");
    }
    // What the body says counts more.
    let body = event("presence.update", json!({ "state": "open" })).to_string();
    let delivery = inbound::read_of(body.as_bytes(), Some("connection-update")).unwrap();
    assert_eq!(summary(&delivery), "ignored: event");
}

#[tokio::test]
async fn every_variant_is_taken_at_once_and_again() {
    let stack = Stack::new().await;
    let mut slowest = Duration::ZERO;
    for round in 0..2 {
        for (label, mut body, expected) in all() {
            // Each a message of its own, in both rounds the same.
            if expected.ends_with("@1773147600") {
                body["data"]["key"]["id"] = json!(format!("3A{}", label.replace(' ', "-")));
            }
            let began = Instant::now();
            let (status, answer) = stack.deliver(body.to_string()).await;
            slowest = slowest.max(began.elapsed());
            assert_eq!(status, 200, "{label}: {answer}");
            let said = expected.contains("@1773147600") && !expected.starts_with("edit");
            if said && label != "the library's batch" {
                let told = if round == 0 { "accepted" } else { "duplicate" };
                assert_eq!(answer["status"], told, "{label}");
            }
            if expected.starts_with("ignored") {
                assert_eq!(answer["status"], "ignored", "{label}");
            }
        }
    }
    println!("slowest answer: {slowest:?}");
    // A fraction of a second, but where the machine has other things to do.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let open: i64 = stack.value("select count(*) from app.inbound_messages where processed_at is null and kind in ('unparsed', 'deleted')").await;
    assert_eq!(open, 0);
    let several: i64 = stack
        .value(
            "select count(*) from app.inbound_messages where provider_id in ('3A1', '3A2', '3A3')",
        )
        .await;
    assert_eq!(several, 3);
}

#[tokio::test]
async fn the_webhook_answers_at_every_address_the_gateway_makes_of_ours() {
    let stack = Stack::new().await;
    for (number, path) in [
        "/webhooks/evolution/messages-delete",
        "/webhooks/evolution//messages-delete",
        "/webhooks/evolution/messages-delete/",
        "/webhooks/evolution/MESSAGES_DELETE",
        "/webhooks/evolution?token=abc/messages-delete",
    ]
    .into_iter()
    .enumerate()
    {
        // Nothing but the address says what this is.
        let id = format!("3A{number}");
        let data = json!({ "id": id, "remoteJid": PHONE, "fromMe": false });
        let answer = stack
            .http
            .post(format!("{}{path}", stack.base))
            .header("x-webhook-secret", SECRET)
            .body(without(event("x", data), "event").to_string())
            .send()
            .await
            .unwrap();
        let (status, answer) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!((status.as_u16(), &answer["status"]), (200, &json!("ignored")), "{path}");
        let kept: i64 = sqlx::query_scalar(
            "select count(*) from app.inbound_messages where provider_id = $1 and kind = 'deleted'",
        )
        .bind(id)
        .fetch_one(&stack.db.owner)
        .await
        .unwrap();
        assert_eq!(kept, 1, "{path}");
    }
    for path in ["/webhooks/evolution", "/webhooks/evolution/"] {
        let answer =
            stack.http.post(format!("{}{path}", stack.base)).header("x-webhook-secret", SECRET);
        let answer =
            answer.body(text("Oi", key(json!({ "id": path }))).to_string()).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap()["status"], "accepted", "{path}");
    }
}
