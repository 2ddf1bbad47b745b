//! Answers recorded from the gateway are taken for what they mean, and our requests are those
//! that it was recorded to take.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails may panic")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use pontual::channel::whatsapp::address::Addresses;
use pontual::channel::whatsapp::client::{
    CallError, Gateway, Misconfiguration, Refusal, Retry, SendError, classify,
};
use pontual::channel::whatsapp::status::DeliveryStatus;
use serde_json::{Value, json};

/// What an answer comes to, in a table's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Sent,
    Soon,
    WhenConnected,
    Slowly,
    Maybe,
    NoNumber,
    NoSuchKind,
    Key,
    Instance,
    MetaToken,
    Bug,
}

impl Class {
    fn of(status: u16, body: &Value) -> Self {
        match classify(status, body) {
            Ok(sent) => {
                assert_eq!(body["key"]["id"], json!(sent.provider_id));
                Self::Sent
            }
            Err(SendError::NotSent { retry: Retry::Soon }) => Self::Soon,
            Err(SendError::NotSent { retry: Retry::WhenConnected }) => Self::WhenConnected,
            Err(SendError::NotSent { retry: Retry::Slowly }) => Self::Slowly,
            Err(SendError::MaybeSent { .. }) => Self::Maybe,
            Err(SendError::Refused { what: Refusal::Number }) => Self::NoNumber,
            Err(SendError::Refused { what: Refusal::Kind }) => Self::NoSuchKind,
            Err(SendError::Misconfigured { what: Misconfiguration::Key }) => Self::Key,
            Err(SendError::Misconfigured { what: Misconfiguration::Instance }) => Self::Instance,
            Err(SendError::Misconfigured { what: Misconfiguration::MetaToken }) => Self::MetaToken,
            Err(SendError::OurBug { .. }) => Self::Bug,
            Err(other) => panic!("no recorded answer is {other:?}"),
        }
    }
}

#[rustfmt::skip]
const SENDS: &[(&str, Class)] = &[
    ("bail-quoted",                Class::Sent),
    ("bail-sendButtons-4",         Class::Bug),
    ("bail-sendButtons-mixed",     Class::Bug),
    ("bail-sendButtons-none",      Class::Bug),
    ("bail-sendButtons",           Class::Sent),
    ("bail-sendContact",           Class::Sent),
    ("bail-sendList",              Class::NoSuchKind),
    ("bail-sendLocation",          Class::Sent),
    ("bail-sendPoll",              Class::Sent),
    ("bail-sendReaction",          Class::Sent),
    ("bail-sendText-blank",        Class::Bug),
    ("bail-sendText-lid",          Class::Sent),
    ("bail-sendText-link",         Class::Sent),
    ("bail-sendText-notexists",    Class::NoNumber),
    ("bail-sendText",              Class::Sent),
    ("bail-template",              Class::NoSuchKind),
    ("buttons-closed",             Class::WhenConnected),
    ("cloud-buttons-dup",          Class::Bug),
    ("cloud-buttons",              Class::Sent),
    ("cloud-list-nodesc",          Class::Bug),
    ("cloud-list",                 Class::Sent),
    ("cloud-location",             Class::Sent),
    ("cloud-poll",                 Class::NoSuchKind),
    ("cloud-reaction",             Class::Sent),
    ("cloud-template-nolang",      Class::Bug),
    ("cloud-template",             Class::Sent),
    ("cloud-text-empty",           Class::Maybe),
    ("cloud-text-graph-dropped",   Class::Maybe),
    ("cloud-text-graph400",        Class::NoNumber),
    ("cloud-text-graph401",        Class::MetaToken),
    ("cloud-text-graph429",        Class::Slowly),
    ("cloud-text-graph503html",    Class::Maybe),
    ("cloud-text",                 Class::Sent),
    ("disc-sendList",              Class::WhenConnected),
    ("disc-sendText-lid",          Class::Maybe),
    ("disc-sendText",              Class::WhenConnected),
    ("disc-template",              Class::NoSuchKind),
    ("idle-sendText",              Class::WhenConnected),
    ("list-closed",                Class::WhenConnected),
    ("number-ar-13",               Class::Sent),
    ("number-br-12-digits",        Class::Sent),
    ("number-br-ddd21-12",         Class::Sent),
    ("number-br-ddd21-13",         Class::Sent),
    ("number-br-device-suffix",    Class::Sent),
    ("number-br-formatted",        Class::Sent),
    ("number-c-us-suffix",         Class::Sent),
    ("number-group-id",            Class::Sent),
    ("number-mx-12",               Class::Sent),
    ("number-mx-13",               Class::Sent),
    ("number-no-country-code",     Class::Sent),
    ("onwa-closed",                Class::WhenConnected),
    ("onwa-rate",                  Class::Slowly),
    ("onwa-timeout",               Class::Soon),
    ("send-closed",                Class::WhenConnected),
    ("send-notacc",                Class::Maybe),
    ("send-rate",                  Class::Slowly),
    ("send-sentthenfail",          Class::Maybe),
    ("send-sess",                  Class::Maybe),
    ("send-timeout",               Class::Maybe),
    ("sendButtons-badtype",        Class::Bug),
    ("sendButtons-nobuttons",      Class::Sent),
    ("sendButtons",                Class::Sent),
    ("sendList-duprow",            Class::Bug),
    ("sendList-emptyrowid",        Class::Bug),
    ("sendList-nofooter",          Class::Bug),
    ("sendList-nosections",        Class::Bug),
    ("sendList",                   Class::NoSuchKind),
    ("sendLocation-noname",        Class::Bug),
    ("sendLocation",               Class::NoSuchKind),
    ("sendMedia-bad",              Class::Bug),
    ("sendMedia-docnoname",        Class::Bug),
    ("sendMedia",                  Class::Sent),
    ("sendPoll-1value",            Class::Bug),
    ("sendPoll",                   Class::NoSuchKind),
    ("sendReaction-bad",           Class::Bug),
    ("sendReaction",               Class::NoSuchKind),
    ("sendTemplate",               Class::NoSuchKind),
    ("sendText-badjson",           Class::Bug),
    ("sendText-badkey",            Class::Key),
    ("sendText-delay-str",         Class::Bug),
    ("sendText-delay",             Class::Sent),
    ("sendText-empty",             Class::Sent),
    ("sendText-jid",               Class::Sent),
    ("sendText-mentioned",         Class::Bug),
    ("sendText-nobody",            Class::Bug),
    ("sendText-nonumber",          Class::Bug),
    ("sendText-notext",            Class::Bug),
    ("sendText-num-int",           Class::Bug),
    ("sendText-quoted",            Class::Sent),
    ("sendText-unknown-inst",      Class::Instance),
    ("sendText-v1shape",           Class::Bug),
    ("sendText",                   Class::Sent),
    ("startup-clinica-b",          Class::WhenConnected),
];

#[test]
fn every_recorded_answer_to_a_send_has_its_class() {
    let mut wrong = Vec::new();
    for (name, expected) in SENDS {
        let answer = &exchange(name)["response"];
        let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
        let got = Class::of(status, &answer["body"]);
        if got != *expected {
            wrong.push(format!("{name}: expected {expected:?}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_recorded_answer_to_a_send_stands_in_the_table() {
    let recorded: BTreeSet<String> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| exchange(name)["request"]["path"].as_str().unwrap().starts_with("/message/"))
        .filter(|name| !exchange(name)["response"].is_null())
        .collect();
    let table: BTreeSet<String> = SENDS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(table, recorded);
}

#[test]
fn no_error_shows_the_number_or_the_words_of_the_answer() {
    for (name, _) in SENDS {
        let answer = &exchange(name)["response"];
        let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
        let Err(error) = classify(status, &answer["body"]) else { continue };
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("55119") && !shown.contains("clinica"), "{name}: {shown}");
    }
}

#[tokio::test]
async fn requests_are_those_that_the_gateway_was_recorded_to_take() {
    let recorded = exchange("bail-sendText-link");
    let server = Recorder::start(201, json!({ "key": { "id": "3EB0" } })).await;
    let sent = server
        .gateway()
        .send_text(
            "clinica-b",
            "TOKEN-B-2222",
            "5511988887777",
            "veja https://exemplo.com.br",
            Duration::ZERO,
        )
        .await;
    assert_eq!(sent.unwrap().provider_id, "3EB0");
    server.saw(&recorded);

    let recorded = exchange("sendText-delay");
    server
        .gateway()
        .send_text("clinica-a", "TOKEN-A-11111111", "5511988887777", "com delay", ms(1_200))
        .await
        .unwrap();
    let mut with_preview = recorded.clone();
    with_preview["request"]["body"]["linkPreview"] = json!(false);
    server.saw(&with_preview);

    let recorded = exchange("connectionState-token");
    let server = Recorder::start(200, recorded["response"]["body"].clone()).await;
    let state = server.gateway().connection_state("clinica-a", "TOKEN-A-11111111").await;
    assert_eq!(state.unwrap().as_str(), "open");
    server.saw(&recorded);
}

/// Answers look-ups from these records, as the gateway does: by address, newest first, in pages.
fn look_ups(records: Vec<Value>) -> impl Fn(&Value) -> Value + Send + Sync + 'static {
    move |asked| {
        let jid = &asked["where"]["key"]["remoteJid"];
        let fitting: Vec<_> = records
            .iter()
            .filter(|record| jid.is_null() || record["key"]["remoteJid"] == *jid)
            .collect();
        let (page, size) = (asked["page"].as_u64().unwrap(), asked["offset"].as_u64().unwrap());
        let first = usize::try_from((page - 1) * size).unwrap();
        let rows: Vec<_> =
            fitting.iter().skip(first).take(usize::try_from(size).unwrap()).collect();
        let pages = (fitting.len() as u64).div_ceil(size);
        json!({ "messages": { "total": fitting.len(), "pages": pages, "currentPage": page, "records": rows } })
    }
}

#[tokio::test]
async fn what_the_instance_sent_is_found_by_person_and_words() {
    let recorded = &exchange("findMessages")["response"]["body"]["messages"]["records"][0];
    let record = |id: &str, jid: &str| {
        let mut record = recorded.clone();
        record["key"]["id"] = json!(id);
        record["key"]["remoteJid"] = json!(jid);
        record
    };
    let mut earlier = record("earlier", "551188887777@s.whatsapp.net");
    earlier["messageTimestamp"] = json!(1_795_395_000);
    earlier["MessageUpdate"] = json!([{ "status": "SERVER_ACK" }, { "status": "READ" }]);
    let mut theirs = record("theirs", "551188887777@s.whatsapp.net");
    theirs["key"]["fromMe"] = json!(false);
    let mut other_words = record("other-words", "551188887777@s.whatsapp.net");
    other_words["message"]["conversation"] = json!("via jid!");
    let mut hidden = record("hidden", "123456789012345@lid");
    hidden["key"]["remoteJidAlt"] = json!("5491123456789@s.whatsapp.net");
    let other_person = record("other-person", "5511900000000@s.whatsapp.net");
    let later = record("later", "551188887777@s.whatsapp.net");
    let mut all = vec![later, other_person, hidden, theirs, other_words, earlier];
    // Busy enough that the window alone takes several pages.
    all.extend((0..250).map(|n| record(&format!("busy-{n}"), "5511911111111@s.whatsapp.net")));
    all.push(record("last-page", "123@lid"));
    let server = Recorder::answering(200, look_ups(all)).await;
    let gateway = server.gateway();
    let from = chrono::DateTime::from_timestamp(1_795_394_000, 0).unwrap();
    let until = chrono::DateTime::from_timestamp(1_795_396_000, 0).unwrap();
    let find = async |to: &str, text: &str| {
        let to = Addresses::of_jid(to);
        gateway.find_sent("clinica-a", "k", &to, text, from, until).await.unwrap()
    };
    let ids = async |to: &str, text: &str| -> Vec<String> {
        find(to, text).await.into_iter().map(|found| found.provider_id).collect()
    };

    // On record in the form without the 9.
    assert_eq!(ids("5511988887777", "via jid ").await, ["earlier", "later"]);
    assert_eq!(find("5511988887777", "via jid").await[0].status, Some(DeliveryStatus::Read));
    assert_eq!(ids("5491123456789", "via jid").await, ["hidden"]);
    assert_eq!(ids("123@lid", "via jid").await, ["last-page"]);
    assert_eq!(ids("5511988887777", "other words").await, [""; 0]);
    let asked = server.last();
    assert_eq!(asked.path, "/chat/findMessages/clinica-a");
    assert_eq!(asked.body["page"], 2, "all pages were looked at");
    assert_eq!(
        asked.body["where"],
        json!({
            "key": { "fromMe": true },
            "messageTimestamp": { "gte": "2026-11-23T00:33:20.000Z", "lte": "2026-11-23T01:06:40.000Z" },
        })
    );
}

#[tokio::test]
async fn a_look_up_that_cannot_be_read_does_not_say_that_nothing_is_there() {
    for answer in [json!({ "messages": { "pages": 1 } }), json!({ "messages": {} }), json!(null)] {
        let server = Recorder::start(200, answer).await;
        let now = chrono::DateTime::UNIX_EPOCH;
        let found =
            server.gateway().find_sent("a", "k", &Addresses::default(), "x", now, now).await;
        assert_eq!(found, Err(CallError::Unreadable));
    }
}

#[tokio::test]
async fn without_an_answer_it_is_known_whether_the_message_may_have_gone() {
    async fn send(base: &str, patience: Duration) -> SendError {
        let gateway = Gateway::with_patience(base, patience).unwrap();
        gateway.send_text("a", "k", "5511988887777", "oi", Duration::ZERO).await.unwrap_err()
    }
    // Nobody listens: it cannot have gone.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(send(&base, ms(500)).await, SendError::NotSent { retry: Retry::Soon });

    // Somebody takes the request and says nothing, or hangs up: it may have.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let error = send(&base, ms(200)).await;
    assert_eq!(error, SendError::MaybeSent { why: "no answer in time" });
    let hanging_up = tokio::spawn(async move {
        use tokio::io::AsyncReadExt;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 64]).await;
        }
    });
    let error = send(&base, Duration::from_secs(5)).await;
    hanging_up.abort();
    assert_eq!(error, SendError::MaybeSent { why: "connection lost" });
}

#[tokio::test]
async fn calls_that_fail_say_whose_matter_it_is() {
    let wrong = |what| CallError::Misconfigured { what };
    for (name, expected) in [
        ("connectionState-badkey", wrong(Misconfiguration::Key)),
        ("connectionState-unknown", wrong(Misconfiguration::Instance)),
        ("404", wrong(Misconfiguration::Address)),
        ("onwa-closed", CallError::Failed { status: 500 }),
    ] {
        let answer = exchange(name)["response"].clone();
        let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
        let server = Recorder::start(status, answer["body"].clone()).await;
        let state = server.gateway().connection_state("a", "k").await;
        assert_eq!(state, Err(expected), "{name}");
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evolution/rest")
}

fn exchange(name: &str) -> Value {
    let text = std::fs::read_to_string(fixtures().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A request as it came.
#[derive(Debug, Clone)]
struct Seen {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Value,
}

/// A server that answers as told and keeps what it was asked.
struct Recorder {
    base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Recorder {
    async fn start(status: u16, answer: Value) -> Self {
        Self::answering(status, move |_: &Value| answer.clone()).await
    }

    async fn answering(
        status: u16,
        answer: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        let answer = Arc::new(answer);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let status = StatusCode::from_u16(status).unwrap();
        let router = Router::new().fallback(
            move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let path = uri.path_and_query().unwrap().to_string();
                let answer = answer(&body);
                kept.lock().unwrap().push(Seen { method, path, headers, body });
                std::future::ready((status, axum::Json(answer)))
            },
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, seen, server }
    }

    fn gateway(&self) -> Gateway {
        Gateway::new(&self.base).unwrap()
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().expect("a request").clone()
    }

    /// Asserts that the last request is the recorded one.
    fn saw(&self, recorded: &Value) {
        let (seen, request) = (self.last(), &recorded["request"]);
        assert_eq!(seen.method.as_str(), request["method"]);
        assert_eq!(seen.path, request["path"]);
        assert_eq!(seen.body, request["body"]);
        for (name, value) in request["headers"].as_object().unwrap() {
            assert_eq!(seen.headers[name.to_lowercase().as_str()], value.as_str().unwrap());
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}
