//! The webhook as the gateway, and whoever else, may call it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::stack::{SECRET, Stack, tuesday_at_ten};

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evolution");
    let mut found = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect::<Vec<_>>();
    found.sort();
    found
}

fn message(id: &str) -> String {
    json!({
        "event": "messages.upsert", "instance": "studio-lua",
        "data": {"key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": false, "id": id},
                 "message": {"conversation": "Oi"}, "messageTimestamp": tuesday_at_ten().timestamp()},
    })
    .to_string()
}

async fn post(
    stack: &Stack,
    path: &str,
    headers: &[(&str, String)],
    body: impl Into<reqwest::Body>,
) -> (u16, Option<String>, Value) {
    let mut request = stack.http.post(format!("{}{path}", stack.base)).body(body);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let retry = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (status, retry, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

#[tokio::test]
async fn three_ways_of_authenticating_are_taken_and_anything_else_is_401() {
    let stack = Stack::new().await;
    let body = message("A1");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let good: [(&str, String); 2] =
        [("x-webhook-secret", SECRET.to_owned()), ("x-signature", format!("sha256={signature}"))];
    let mut told = Vec::new();
    for header in good {
        told.push(post(&stack, "/webhooks/evolution/messages-upsert", &[header], body.clone()).await.2["status"].clone());
    }
    assert_eq!(told, ["accepted", "duplicate"]);
    // The third way is what the simulated gateway signs with: see every conversation test.
    let written =
        stack.sim.customer_writes("studio-lua", "+5511988887777", "Marina", "Oi").await.unwrap();
    assert_eq!(written.status, Some(200));

    let bad: [&[(&str, String)]; 5] = [
        &[],
        &[("x-webhook-secret", "another".to_owned())],
        &[("x-webhook-secret", String::new())],
        &[("x-signature", format!("sha256={}", "0".repeat(64)))],
        &[("authorization", "Bearer e30.e30.e30".to_owned())],
    ];
    for headers in bad {
        let (status, _, problem) =
            post(&stack, "/webhooks/evolution", headers, message("A2")).await;
        assert_eq!((status, &problem["title"]), (401, &json!("Not authenticated")), "{headers:?}");
    }
    let stored: i64 = stack.value("select count(*) from app.inbound_messages").await;
    assert_eq!(stored, 2);
}

#[tokio::test]
async fn statuses_are_those_of_the_contract() {
    let stack = Stack::new().await;
    let secret = [("x-webhook-secret", SECRET.to_owned())];
    let elsewhere = message("A1").replace("studio-lua", "nobodys-instance");
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("an instance no tenant has", elsewhere.clone().into_bytes(), 404),
        (
            "a status for an instance no tenant has",
            br#"{"event":"connection.update","instance":"nobodys","data":{"state":"open"}}"#
                .to_vec(),
            404,
        ),
        ("no JSON", b"hello".to_vec(), 400),
        ("nothing", Vec::new(), 400),
        ("cut off", b"{\"event\": ".to_vec(), 400),
        ("over a mebibyte", vec![b' '; 1024 * 1024 + 1], 413),
        ("JSON of no shape", b"[1, 2]".to_vec(), 200),
        (
            "an event we do not know",
            br#"{"event":"moon.phase","instance":"studio-lua","data":{}}"#.to_vec(),
            200,
        ),
        (
            "presence",
            br#"{"event":"presence.update","instance":"studio-lua","data":{}}"#.to_vec(),
            200,
        ),
    ];
    for (what, body, expected) in cases {
        let (status, ..) = post(&stack, "/webhooks/evolution", &secret, body).await;
        assert_eq!(status, expected, "{what}");
    }
    // A body without a length is counted as it comes.
    let endless =
        futures::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024])));
    let (status, ..) =
        post(&stack, "/webhooks/evolution", &secret, reqwest::Body::wrap_stream(endless)).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_database_that_cannot_take_it_is_503_with_a_time_to_come_back() {
    let stack = Stack::new().await;
    sqlx::raw_sql("alter table app.customers rename to away")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let (status, retry, _) = post(
        &stack,
        "/webhooks/evolution",
        &[("x-webhook-secret", SECRET.to_owned())],
        message("A1"),
    )
    .await;
    assert_eq!((status, retry.as_deref()), (503, Some("5")));
}

#[tokio::test]
async fn connection_states_and_delivery_statuses_update_their_rows_and_never_step_back() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say("studio-lua", "+5511988887777", "Oi").await;
    stack.settle().await;
    stack.stop_working().await;
    // The simulated phone tells its own statuses, and says last that the message was read.
    while stack.value::<String>("select status from app.outbound_messages").await != "read" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let id: String = stack.value("select provider_id from app.outbound_messages").await;
    sqlx::query(
        "update app.outbound_messages set status = 'sent', delivered_at = null, read_at = null",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let mut seen = Vec::new();
    for status in ["DELIVERY_ACK", "SERVER_ACK", "READ", "DELIVERY_ACK", "ERROR"] {
        let body = json!({"event": "messages.update", "instance": "studio-lua", "data": {"keyId": id, "fromMe": true, "status": status}});
        assert_eq!(stack.deliver(body.to_string()).await.1["status"], "ignored");
        seen.push(stack.value::<String>("select status from app.outbound_messages").await);
    }
    assert_eq!(seen, ["delivered", "delivered", "read", "read", "read"]);
    for (told, kept) in [("open", "open"), ("connecting", "connecting"), ("close", "close")] {
        let body = json!({"event": "connection.update", "instance": "studio-lua", "data": {"state": told}});
        assert_eq!(stack.deliver(body.to_string()).await.1["status"], "ignored");
        assert_eq!(
            stack
                .value::<String>("select state from app.instances where name = 'studio-lua'")
                .await,
            kept
        );
    }
}

#[tokio::test]
async fn every_recorded_body_gets_a_status_of_the_contract_and_no_words_are_lost() {
    let stack = Stack::new().await;
    let fixtures = fixtures();
    assert!(fixtures.len() > 80, "{}", fixtures.len());
    let mut statuses = BTreeMap::<u16, usize>::new();
    for (name, body) in &fixtures {
        // Recorded of several instances; here all are one tenant's.
        let mut body: Value = serde_json::from_slice(body).unwrap();
        if body.get("instance").is_some() {
            body["instance"] = json!("studio-lua");
        }
        let (status, answer) = stack.deliver(body.to_string()).await;
        assert_eq!(status, 200, "{name}: {answer}");
        *statuses.entry(status).or_default() += 1;
        // What a customer wrote is there afterwards.
        let words = &body["data"]["message"]["conversation"];
        let from_customer = body["event"] == "messages.upsert"
            && body["data"]["key"]["fromMe"] == json!(false)
            && body["data"]["key"]["remoteJid"]
                .as_str()
                .is_some_and(|jid| jid.ends_with("@s.whatsapp.net") || jid.ends_with("@lid"));
        if from_customer
            && words.as_str().is_some_and(|text| !text.is_empty())
            && answer["status"] != "duplicate"
        {
            let kept: i64 = sqlx::query_scalar(
                "select count(*) from app.inbound_messages where body ->> 'text' = $1",
            )
            .bind(words.as_str())
            .fetch_one(&stack.db.owner)
            .await
            .unwrap();
            assert!(kept >= 1, "{name}");
        }
    }
    println!("{statuses:?}");
    let unparsed: i64 = stack.value("select count(*) from app.inbound_messages where kind = 'unparsed' and processed_at is null").await;
    assert_eq!(unparsed, 0, "what cannot be read waits for people, not for a worker");
}

/// A small generator, seeded: a failing run can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Puts a strange value somewhere into a JSON document.
fn disturb(value: &mut Value, dice: &mut Dice) {
    let strange = match dice.roll(9) {
        0 => Value::Null,
        1 => json!(-1.5e300),
        2 => json!([]),
        3 => json!({"a": {"b": [null]}}),
        4 => json!("\u{0}nul"),
        5 => json!("x".repeat(300_000)),
        6 => json!(true),
        7 => json!("LONE-SURROGATE"),
        _ => json!("DEEP-NEST"),
    };
    let depth = 1 + dice.roll(4);
    put(value, strange, depth, dice);
}

fn put(into: &mut Value, strange: Value, depth: usize, dice: &mut Dice) {
    match into {
        Value::Object(map) if depth > 0 && !map.is_empty() => {
            let at = dice.roll(map.len());
            put(map.values_mut().nth(at).unwrap(), strange, depth - 1, dice);
        }
        Value::Array(list) if depth > 0 && !list.is_empty() => {
            let at = dice.roll(list.len());
            put(&mut list[at], strange, depth - 1, dice);
        }
        place => *place = strange,
    }
}

#[tokio::test]
async fn a_thousand_damaged_bodies_get_statuses_of_the_contract_and_what_is_taken_is_stored() {
    let stack = Stack::new().await;
    let fixtures = fixtures();
    let mut dice = Dice(20_261_123);
    let mut statuses = BTreeMap::<u16, usize>::new();
    let mut accepted = 0;
    for round in 0..1_000 {
        let (name, original) = &fixtures[dice.roll(fixtures.len())];
        let text = String::from_utf8(original.clone()).unwrap();
        let body: Vec<u8> = if round % 4 == 0 {
            // Cut off somewhere.
            text.as_bytes()[..dice.roll(text.len())].to_vec()
        } else {
            let mut value: Value = serde_json::from_str(&text).unwrap();
            disturb(&mut value, &mut dice);
            value
                .to_string()
                .replace("clinica-b", "studio-lua")
                .replace("\"LONE-SURROGATE\"", r#""a\ud800b""#)
                .replace("\"DEEP-NEST\"", &format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)))
                .into_bytes()
        };
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
        let (status, answer) = stack.deliver(body).await;
        *statuses.entry(status).or_default() += 1;
        assert!(
            matches!(status, 200 | 400 | 404 | 413),
            "round {round}, {name}: {status} {answer}"
        );
        assert!(!(is_json && status == 400), "round {round}, {name}: JSON was refused");
        accepted += i64::from(answer["status"] == "accepted");
    }
    println!("{statuses:?}, {accepted} accepted");
    let stored: i64 = stack.value("select (select count(*) from app.inbound_messages where kind <> 'deleted') + (select count(*) from app.unrouted_messages)").await;
    let edited: i64 =
        stack.value("select count(*) from app.inbound_messages where body ? 'before_edit'").await;
    assert_eq!(stored + edited, accepted, "a row of its own, or new words in one that waits");
    let open: i64 = stack.value("select (select count(*) from app.inbound_messages where processed_at is null) - (select count(*) from ops.jobs where kind = 'process_message')").await;
    assert_eq!(open, 0, "each message that waits has its job");
}

#[tokio::test]
async fn health_says_what_is_away() {
    let stack = Stack::new().await;
    let ready = |stack: &Stack| stack.http.get(format!("{}/health/ready", stack.base)).send();
    let answer = ready(&stack).await.unwrap();
    assert_eq!(answer.status(), 200);
    let live = stack.http.get(format!("{}/health/live", stack.base)).send().await.unwrap();
    assert_eq!(live.status(), 200);
    sqlx::raw_sql("alter table app.tenants rename to away").execute(&stack.db.owner).await.unwrap();
    let answer = ready(&stack).await.unwrap();
    assert_eq!(answer.status(), 503);
    let body: Value = answer.json().await.unwrap();
    assert!(body["checks"]["database"].as_str().unwrap().contains("pontual migrate"), "{body}");
}
