//! Every recorded webhook body is read as what it is, and no damaged one does harm.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails may panic")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use pontual::channel::whatsapp::address::Addresses;
use pontual::channel::whatsapp::inbound::{self, Content, Delivery};
use serde_json::{Value, json};

/// File without `messages-` and `.json` → what it comes to, as [`summary`] writes it.
#[rustfmt::skip]
const RECORDED: &[(&str, &str)] = &[
    ("call-offer", "ignored: event"),
    ("call-timeout", "ignored: event"),
    ("chats-set", "ignored: event"),
    ("chats-update", "ignored: event"),
    ("chats-upsert", "ignored: event"),
    ("connection-update-close", "connection close"),
    ("connection-update-connecting", "connection connecting"),
    ("connection-update-open", "connection open"),
    ("connection-update-refused", "connection close"),
    ("contacts-update-array", "ignored: event"),
    ("contacts-upsert", "ignored: event"),
    ("envelope-global-webhook-apikey-null", "echo ee37203d-f756-477a-9f4c-971f7f6b0d8e +5511988887777 \"start\""),
    ("error-webhook", "ignored: event"),
    ("group-participants-update", "ignored: event"),
    ("instance-create", "ignored: event"),
    ("instance-delete", "ignored: event"),
    ("labels-association", "ignored: event"),
    ("logout-instance", "connection close"),
    ("delete-236", "delete of 3A0B93FAD60E7EC6704A"),
    ("delete-237", "delete of 3AF7BBE61FD82F3824F4"),
    ("edited-ephemeral-setting", "ignored: protocol"),
    ("edited-revoke", "delete of 3AF7BBE61FD82F3824F4"),
    ("edited", "edit of 3AF7BBE61FD82F3824F4 +5511988887777 \"Oi, quero remarcar\" @1795395711"),
    ("set", "ignored: event"),
    ("update-cloud-delivered", "Delivered wamid.HBgNNTUxMTk4ODg4Nzc3NzoxNQ"),
    ("update-cloud-failed", "Failed wamid.HBgNNTUxMTk4ODg4Nzc3NzoxNQ"),
    ("update-cloud-read", "Read wamid.HBgNNTUxMTk4ODg4Nzc3NzoxNQ"),
    ("update-cloud-sent", "Sent wamid.HBgNNTUxMTk4ODg4Nzc3NzoxNQ"),
    ("update-delivery-lid", "Delivered 3EB05366CC70654BE70461"),
    ("update-delivery", "Delivered 3EB0CFCE435179328B89F7"),
    ("update-edit-237", "ignored: edit"),
    ("update-error", "Failed 3EB0CFCE435179328B89F7"),
    ("update-played", "Played 3EB0CFCE435179328B89F7"),
    ("update-read", "Read 3EB0CFCE435179328B89F7"),
    ("update-server-ack", "Sent 3EB0CFCE435179328B89F7"),
    ("upsert-audio-ptt", "Audio +5511988887777 123456789012345@lid - @1795395718"),
    ("upsert-buttons-response", "Choice +5511988887777 123456789012345@lid \"Sim\" choice=confirm:1 quoted=3EB0AB48AC976303B05A40 @1795395715"),
    ("upsert-cloud-button-reply", "Choice +5511988887777 \"Sim\" quoted=wamid.BTN1 @1795395966"),
    ("upsert-cloud-flow-reply", "Other +5511988887777 - quoted=wamid.FLOW @1795395967"),
    ("upsert-cloud-image-236-base64", "Image +5511988887777 \"guia\" @1795395350"),
    ("upsert-cloud-image", "Image +5511988887777 \"guia\" @1795395968"),
    ("upsert-cloud-list-reply", "Choice +5511988887777 \"14:00\" quoted=wamid.MENU1 @1795395965"),
    ("upsert-cloud-reaction", "Reaction +5511988887777 \"👍\" quoted=wamid.X @1795395968"),
    ("upsert-cloud-template-button", "Choice +5511988887777 \"Confirmar\" quoted=wamid.TPL1 @1795395967"),
    ("upsert-cloud-text", "Text +5511988887777 \"Quero marcar\" @1795395964"),
    ("upsert-contact", "Contact +5511988887777 123456789012345@lid - @1795395721"),
    ("upsert-document-caption", "Document +5511988887777 123456789012345@lid \"guia\" @1795395718"),
    ("upsert-ephemeral-wrapper", "Text +5511988887777 123456789012345@lid \"mensagem temporária\" @1795395722"),
    ("upsert-evolution-channel-list-response", "Choice +5511988887777 \"14:00\" choice=slot:2026-12-01T14:00 quoted=AAA @1795395702"),
    ("upsert-evolution-channel-text", "Text +5511988887777 \"Olá, quero marcar uma consulta\" @1795395701"),
    ("upsert-from-me-call-rejection", "own 3EB0B2F5E0A48E24B6D540 +5521977770000 \"Não atendemos ligações, envie mensagem.\""),
    ("upsert-from-me", "own 3ACFEBB44B5FF3979DFA +5511988887777 123456789012345@lid \"respondi pelo celular\""),
    ("upsert-group", "ignored: group"),
    ("upsert-image", "Image +5511988887777 123456789012345@lid \"segue a guia do convênio\" @1795395718"),
    ("upsert-interactive-response", "Choice +5511988887777 123456789012345@lid \"Sim\" choice=confirm:1 quoted=3EB0AB48AC976303B05A40 @1795395716"),
    ("upsert-lid-236", "Text +5511988887777 123456789012345@lid \"Oi pelo LID\" @1795395000"),
    ("upsert-lid-237", "Text +5511988887777 \"Oi pelo LID\" @1795395712"),
    ("upsert-lid-legacy-230", "Text +5511988887777 123456789012345@lid \"Oi pelo LID (2.3.0)\" @1795395711"),
    ("upsert-lid-legacy-231-234", "Text +5511988887777 123456789012345@lid \"Oi pelo LID (2.3.1 a 2.3.4)\" @1795395711"),
    ("upsert-lid-no-alt", "Text 222333444555666@lid \"Oi LID sem alt\" @1795395713"),
    ("upsert-list-response-legacy-string-enum", "Choice +5511988887777 123456789012345@lid \"14:00\" choice=slot:1 quoted=3EB0C91379266592BDADCE @1795395711"),
    ("upsert-list-response", "Choice +5511988887777 123456789012345@lid \"14:00\" choice=slot:1 quoted=3EB0C91379266592BDADCE @1795395715"),
    ("upsert-live-location", "Location +5511988887777 123456789012345@lid - @1795395720"),
    ("upsert-location", "Location +5511988887777 123456789012345@lid - @1795395720"),
    ("upsert-newsletter", "ignored: newsletter"),
    ("upsert-order", "Other +5511988887777 123456789012345@lid \"quero\" @1795395729"),
    ("upsert-poll-vote-cleared", "reaction taken back to 3EB066E820F8142293B608"),
    ("upsert-poll-vote-lid", "Choice +5511988887777 \"14:00\" choice=14:00 quoted=3EB066E820F8142293B608 @1795395798"),
    ("upsert-poll-vote-undecrypted", "Choice +5511988887777 123456789012345@lid - quoted=3EB01BD845C97DB4E913E6 @1795395717"),
    ("upsert-poll-vote", "Choice +5511988887777 \"15:00\" choice=15:00 quoted=3EB066E820F8142293B608 @1795395797"),
    ("upsert-reaction-removed", "reaction taken back to 3EB0A58C84A2B030BCA0F6"),
    ("upsert-reaction", "Reaction +5511988887777 123456789012345@lid \"👍\" quoted=3EB0A58C84A2B030BCA0F6 @1795395721"),
    ("upsert-status-broadcast", "ignored: broadcast"),
    ("upsert-sticker", "Sticker +5511988887777 123456789012345@lid - @1795395719"),
    ("upsert-template-button-reply", "Choice +5511988887777 123456789012345@lid \"Sim\" choice=confirm:1 quoted=3EB0AB48AC976303B05A40 @1795395716"),
    ("upsert-text-ad-lead", "Text +5511988887777 123456789012345@lid \"Olá! Vi o anúncio\" @1795395730"),
    ("upsert-text-android", "Text +5511988887777 123456789012345@lid \"Oi do Android 😀🦷\" @1795395713"),
    ("upsert-text-duplicate", "Text +5511988887777 123456789012345@lid \"Oi, quero marcar uma consulta\" @1795395712"),
    ("upsert-text-empty", "ignored: empty text"),
    ("upsert-text-ephemeral-flat", "Text +5511988887777 123456789012345@lid \"temporária plana\" @1795395723"),
    ("upsert-text-legacy-223", "Text +5511988887777 \"Oi (2.2.3)\" @1795395711"),
    ("upsert-text-legacy-v1", "Text +5511988887777 \"Oi (v1)\" @1717604327"),
    ("upsert-text-link-preview", "Text +5511988887777 123456789012345@lid \"veja https://x.com\" @1795395714"),
    ("upsert-text-no-pushname", "Text +5511988887777 123456789012345@lid \"sem pushName\" nameless @1795395726"),
    ("upsert-text-offline-stale", "Text +5511988887777 123456789012345@lid \"mensagem de ontem (offline)\" @1795309311"),
    ("upsert-text-quoted", "Text +5511988887777 123456789012345@lid \"Sim, pode ser às 15h\" quoted=3EB0A58C84A2B030BCA0F6 @1795395714"),
    ("upsert-text-web", "Text +5511988887777 123456789012345@lid \"Oi do web\" @1795395713"),
    ("upsert-text", "Text +5511988887777 123456789012345@lid \"Oi, quero marcar uma consulta\" @1795395711"),
    ("upsert-video", "Video +5511988887777 123456789012345@lid \"vídeo\" @1795395719"),
    ("upsert-view-once", "Image +5511988887777 123456789012345@lid \"segue a guia do convênio\" @1795395723"),
    ("presence-update-composing", "ignored: event"),
    ("presence-update-unavailable-lid", "ignored: event"),
    ("qrcode-updated-limit", "ignored: event"),
    ("qrcode-updated", "ignored: event"),
    ("remove-instance", "connection close"),
    ("send-message-buttons", "echo 3EB0399D03F110CC948D46 +5511988887777 \"*Confirmar?*\\n\\nConsulta 01/12 14:00\\n\""),
    ("send-message-cloud-list", "echo wamid.HBgNNTUxMTk4ODg4Nzc3NzoyMQ +5511988887777 \"Horários\\nTerça\\n14:00\\n15:00\\n\""),
    ("send-message-evolution-channel", "echo 7446228b-e5b6-492f-86cc-ae73d49edb61 +5511988887777 \"Olá! Escolha um horário ✅\""),
    ("send-message-poll", "echo 3EB0115B4711672F4EC6BD +5511988887777 \"Qual horário?\""),
    ("send-message-text", "echo 3EB005D02108A6C1B5C1E4 +5511988887777 \"Olá! Sua consulta é amanhã às 14:00.\""),
    ("status-instance-closed", "connection close"),
];

/// As [`RECORDED`], of whole requests as they came; the event is first what the address says.
#[rustfmt::skip]
const RECORDED_REQUESTS: &[(&str, &str)] = &[
    ("by-events-url-trailing-slash", "Text +5521977770000 \"byEvents-trailing-slash 0\" @1795395129"),
    ("by-events-url-with-query", "Text +5521977770000 \"query-url-byevents 0\" @1795395131"),
    ("by-events-url", "Text +5521977770000 \"byEvents 0\" @1795395128"),
    ("global-webhook", "echo ee37203d-f756-477a-9f4c-971f7f6b0d8e +5511988887777 \"start\""),
    ("jwt-header", "Text +5511988887777 123456789012345@lid \"Oi, quero marcar uma consulta\" @1795395711"),
    ("out-of-order-1", "Text +5521977770000 \"order-with-first-failing 0\" @1795395203"),
    ("out-of-order-2", "Text +5521977770000 \"order-with-first-failing 1\" @1795395203"),
    ("out-of-order-3", "Text +5521977770000 \"order-with-first-failing 2\" @1795395203"),
    ("out-of-order-4", "Text +5521977770000 \"order-with-first-failing 0\" @1795395203"),
    ("retry-500-attempt-1", "Text +5521977770000 \"always500 0\" @1795395169"),
    ("retry-500-attempt-2", "Text +5521977770000 \"always500 0\" @1795395169"),
    ("retry-500-attempt-3", "Text +5521977770000 \"always500 0\" @1795395169"),
    ("retry-500-attempt-4", "Text +5521977770000 \"always500 0\" @1795395169"),
    ("static-header", "Text +5511988887777 \"Olá, quero marcar uma consulta\" @1795395701"),
];

#[test]
fn every_recorded_body_comes_to_what_it_is() {
    let mut wrong = Vec::new();
    for (name, expected) in RECORDED {
        let delivery = inbound::read(&std::fs::read(file(name)).unwrap()).unwrap();
        let got = summary(&delivery);
        if got != *expected {
            wrong.push(format!("{name}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_recorded_body_stands_in_the_table() {
    let table: BTreeSet<_> = RECORDED.iter().map(|(name, _)| file(name)).collect();
    let files: BTreeSet<_> = bodies().into_iter().map(|(path, _)| path).collect();
    assert_eq!(table, files);
}

#[test]
fn every_recorded_request_comes_to_what_it_is() {
    let mut wrong = Vec::new();
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evolution/webhook-http");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> =
        files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let table: BTreeSet<_> = RECORDED_REQUESTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(table, files);
    for (name, expected) in RECORDED_REQUESTS {
        let text = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
        let recorded: Value = serde_json::from_slice(&text).unwrap();
        let mut body = recorded["request"]["body"].clone();
        let got = summary(&inbound::read(body.to_string().as_bytes()).unwrap());
        if got != *expected {
            wrong.push(format!("{name}\n  expected {expected}\n  got      {got}"));
        }
        // The address alone says it as well, where it names the event.
        let url = recorded["request"]["url"].as_str().unwrap();
        let last = url.rsplit('/').next().unwrap();
        if ["messages-upsert", "send-message"].contains(&last) {
            body["event"] = Value::Null;
            let delivery = inbound::read_of(body.to_string().as_bytes(), Some(last)).unwrap();
            assert_eq!(summary(&delivery), *expected, "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn instance_and_event_are_told_of_every_recorded_body() {
    for (path, body) in bodies() {
        let delivery = inbound::read(&body).unwrap();
        let envelope: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(delivery.instance.as_deref(), envelope["instance"].as_str(), "{path:?}");
        let event = envelope["event"].as_str().unwrap().replace('-', ".");
        assert_eq!(delivery.event, Some(event), "{path:?}");
    }
}

#[test]
fn what_is_kept_of_a_recorded_message_has_its_words_and_no_media() {
    let body = std::fs::read(file("upsert-image")).unwrap();
    let Content::Message(message) = inbound::read(&body).unwrap().content else { panic!() };
    let image = &message.clean["message"]["imageMessage"];
    assert_eq!(image["caption"], "segue a guia do convênio");
    assert_eq!(image["mimetype"], "image/jpeg");
    for dropped in ["jpegThumbnail", "mediaKey", "fileSha256", "fileEncSha256", "directPath"] {
        assert_eq!(image[dropped], Value::Null, "{dropped}");
    }
    assert_eq!(message.clean["key"]["id"], json!(message.provider_id));
}

/// A generator of numbers that are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % bound
    }

    /// One of the values of a JSON tree, to be replaced.
    fn pick<'a>(&mut self, value: &'a mut Value) -> &'a mut Value {
        let inner = match value {
            Value::Object(fields) => fields.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if inner == 0 || self.below(6) == 0 {
            return value;
        }
        let chosen = self.below(inner);
        match value {
            Value::Object(fields) => self.pick(fields.values_mut().nth(chosen).unwrap()),
            Value::Array(items) => self.pick(&mut items[chosen]),
            value => value,
        }
    }
}

/// What damage there is. The second of each says whether the result is JSON for certain.
fn damaged(dice: &mut Dice, body: &[u8]) -> (Vec<u8>, bool) {
    let text = str::from_utf8(body).unwrap();
    let mut value: Value = serde_json::from_str(text).unwrap();
    let apikey = [value["apikey"].take(), value["api_key"].take()];
    let kind = dice.below(9);
    match kind {
        // Cut off anywhere, even inside of a character.
        0 => return (body[..dice.below(body.len())].to_vec(), false),
        // One byte is another one.
        1 => {
            let mut bytes = body.to_vec();
            let at = dice.below(bytes.len());
            bytes[at] = u8::try_from(dice.below(256)).unwrap();
            return (bytes, false);
        }
        // Wrong types.
        2 => {
            let odd = [
                json!(null),
                json!(true),
                json!(-1),
                json!(1e308),
                json!(""),
                json!([]),
                json!({}),
                json!([[[]]]),
                json!({ "low": 1, "high": "x" }),
                json!({ "0": 1 }),
            ];
            for _ in 0..=dice.below(3) {
                *dice.pick(&mut value) = odd[dice.below(odd.len())].clone();
            }
        }
        // A text of a mebibyte.
        3 => *dice.pick(&mut value) = json!("ã".repeat(512 * 1024)),
        // Everything twice, one inside of the other.
        4 => {
            let copy = value.clone();
            *dice.pick(&mut value) = copy;
        }
        // Marks that are made something else below.
        _ => *dice.pick(&mut value) = json!("MARK"),
    }
    if let Value::Object(fields) = &mut value {
        fields.insert("apikey".to_owned(), apikey[0].clone());
        fields.insert("api_key".to_owned(), apikey[1].clone());
    }
    let depth = 100 + dice.below(30_000);
    let mark = match kind {
        5 => format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
        6 => format!("{}1{}", r#"{"message":"#.repeat(depth), "}".repeat(depth)),
        7 => r#""a\u0000b\ud800c\udfff\ud83d\ude00""#.to_owned(),
        _ => r#"1e999,"key":{"id":"x"},"key":{"\ud800":-0}"#.to_owned(),
    };
    (value.to_string().replacen(r#""MARK""#, &mark, 1).into_bytes(), kind != 8)
}

#[test]
fn damaged_bodies_are_never_refused_if_they_are_json_and_never_leak_the_key() {
    let mut dice = Dice(0x5eed_0001);
    let (mut read, mut refused, mut messages, mut unparsed) = (0, 0, 0, 0);
    for (path, body) in bodies() {
        let original: Value = serde_json::from_slice(&body).unwrap();
        let secrets: Vec<_> =
            ["apikey", "api_key"].iter().filter_map(|key| original[key].as_str()).collect();
        for round in 0..12 {
            let (bytes, is_json) = damaged(&mut dice, &body);
            let Ok(delivery) = inbound::read(&bytes) else {
                assert!(!is_json, "{path:?} round {round} was refused");
                assert!(
                    serde_json::from_slice::<Value>(&bytes).is_err(),
                    "{path:?} round {round} is JSON"
                );
                refused += 1;
                continue;
            };
            read += 1;
            let kept = match &delivery.content {
                Content::Message(message) => {
                    messages += 1;
                    assert!(!message.remote.is_empty() && !message.provider_id.is_empty());
                    format!("{} {:?}", message.clean, message.text)
                }
                Content::Edit(edit) => format!("{} {:?}", edit.clean, edit.text),
                Content::Unparsed { body } => {
                    unparsed += 1;
                    body.to_string()
                }
                other => format!("{other:?}"),
            };
            assert!(kept.len() <= 96 * 1024, "{path:?} round {round}: {}", kept.len());
            assert!(!kept.contains('\0') && !kept.contains("\\u0000"), "{path:?} round {round}");
            for secret in &secrets {
                assert!(!kept.contains(secret), "{path:?} round {round}");
            }
        }
    }
    // Else the damage is not what it was thought to be.
    assert!(read > 800 && refused > 100, "{read} read, {refused} refused");
    assert!(messages > 100 && unparsed > 100, "{messages} messages, {unparsed} unparsed");
}

#[test]
fn a_text_of_a_mebibyte_is_kept_as_its_first_4096_characters() {
    let body = std::fs::read(file("upsert-text")).unwrap();
    let mut value: Value = serde_json::from_slice(&body).unwrap();
    value["data"]["message"]["conversation"] = json!("ã".repeat(512 * 1024));
    let delivery = inbound::read(value.to_string().as_bytes()).unwrap();
    let Content::Message(message) = delivery.content else { panic!() };
    assert_eq!(message.text.map(|text| text.chars().count()), Some(4_096));
}

fn file(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evolution");
    let short = root.join(format!("messages-{name}.json"));
    if short.exists() { short } else { root.join(format!("{name}.json")) }
}

/// All recorded bodies, in the order of their names.
fn bodies() -> Vec<(PathBuf, Vec<u8>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evolution");
    let mut bodies: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    bodies.sort();
    bodies
}

/// What a body came to, in one line.
pub(crate) fn summary(delivery: &Delivery) -> String {
    let who = |remote: &Addresses| match (&remote.phone, &remote.lid) {
        (Some(phone), None) => phone.clone(),
        (Some(phone), Some(lid)) => format!("{phone} {lid}"),
        (None, Some(lid)) => lid.clone(),
        (None, None) => "nobody".to_owned(),
    };
    let text = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), |t| format!("{t:?}"));
    match &delivery.content {
        Content::Message(m) => {
            let mut line = format!("{:?} {} {}", m.kind, who(&m.remote), text(&m.text));
            for (label, value) in [("choice", &m.choice), ("quoted", &m.quoted)] {
                if let Some(value) = value {
                    write!(line, " {label}={value}").unwrap();
                }
            }
            if m.push_name.is_none() {
                line += " nameless";
            }
            line + &format!(" @{}", m.sent_at.map_or(0, |at| at.timestamp()))
        }
        Content::Edit(e) => {
            let at = e.edited_at.map_or(0, |at| at.timestamp());
            format!("edit of {} {} {:?} @{at}", e.provider_id, who(&e.remote), e.text)
        }
        Content::Delete { provider_id } => format!("delete of {provider_id}"),
        Content::Reaction { quoted, emoji } => {
            format!("reaction {} to {quoted}", emoji.as_deref().unwrap_or("taken back"))
        }
        Content::Several(items) => format!("several: {}", items.len()),
        Content::Status { provider_id, status } => format!("{status:?} {provider_id}"),
        Content::Connection { state } => format!("connection {}", state.as_str()),
        Content::Own(o) => format!("own {} {} {}", o.provider_id, who(&o.remote), text(&o.text)),
        Content::SendEcho(o) => {
            format!("echo {} {} {}", o.provider_id, who(&o.remote), text(&o.text))
        }
        Content::Ignored(why) => format!("ignored: {why}"),
        Content::Unparsed { .. } => "unparsed".to_owned(),
    }
}
