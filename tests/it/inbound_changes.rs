//! What customers do to messages after they sent them, and what the gateway does to us.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails may panic")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::identity::{deliver, text};
use crate::support::stack::{SECRET, Stack, tuesday_at_ten};

const PHONE: &str = "5511988887777@s.whatsapp.net";

fn said(id: &str, words: &str) -> Value {
    text(id, words, json!({ "remoteJid": PHONE }))
}

fn message(id: &str, message: Value) -> Value {
    let mut body = said(id, "");
    body["data"]["message"] = message;
    body
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place with json!")]
fn event(name: &str, data: Value) -> String {
    json!({ "event": name, "instance": "studio-lua", "data": data }).to_string()
}

fn deletion(id: &str) -> String {
    event("messages.delete", json!({ "id": id, "remoteJid": PHONE, "fromMe": false }))
}

fn edit(id: &str, words: &str, seconds: i64) -> String {
    let at = (tuesday_at_ten().timestamp() + seconds) * 1_000;
    event(
        "messages.edited",
        json!({ "key": { "id": id, "remoteJid": PHONE, "fromMe": false }, "type": "MESSAGE_EDIT",
                "editedMessage": { "conversation": words }, "timestampMs": at.to_string() }),
    )
}

fn reaction(id: &str, on: &str, emoji: &str) -> Value {
    message(
        id,
        json!({ "reactionMessage": { "key": { "id": on, "fromMe": true }, "text": emoji } }),
    )
}

fn vote(id: &str, poll: &str, option: Option<&str>, at: i64) -> Value {
    let options: Vec<_> = option.into_iter().collect();
    message(
        id,
        json!({ "pollUpdateMessage": {
            "pollCreationMessageKey": { "id": poll, "fromMe": true }, "vote": { "selectedOptions": options },
            "senderTimestampMs": tuesday_at_ten().timestamp_millis() + at } }),
    )
}

async fn ignored(stack: &Stack, body: impl Into<reqwest::Body>) {
    let (status, answer) = stack.deliver(body).await;
    assert_eq!((status, &answer["status"]), (200, &json!("ignored")));
}

async fn sent(stack: &Stack) -> Vec<String> {
    stack.settle().await;
    sqlx::query_scalar("select body from app.outbound_messages order by seq")
        .fetch_all(&stack.db.owner)
        .await
        .unwrap()
}

/// Says it, and returns the provider's id and the text of the answer.
async fn answered(stack: &Stack, id: &str, words: &str) -> (String, String) {
    deliver(stack, &said(id, words)).await;
    stack.settle().await;
    sqlx::query_as("select provider_id, body from app.outbound_messages order by seq desc limit 1")
        .fetch_one(&stack.db.owner)
        .await
        .unwrap()
}

async fn events(stack: &Stack) -> Vec<String> {
    sqlx::query_scalar("select event from app.conversation_events order by at, id")
        .fetch_all(&stack.db.owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_message_taken_back_before_it_was_read_is_not_answered_whichever_came_first() {
    let mut stack = Stack::new().await;
    deliver(&stack, &said("3A1", "quero cancelar tudo")).await;
    ignored(&stack, deletion("3A1")).await;
    // The deletion overtook its message.
    ignored(&stack, deletion("3A2")).await;
    let (status, answer) = stack.deliver(said("3A2", "segredo").to_string()).await;
    assert_eq!((status, &answer["status"]), (200, &json!("duplicate")));
    stack.work();
    assert_eq!(sent(&stack).await, Vec::<String>::new());
    let kept: String = stack
        .value("select string_agg(kind || body::text, ' ' order by provider_id) from app.inbound_messages where processed_at is not null")
        .await;
    assert_eq!(kept, "deleted{} deleted{}");
}

#[tokio::test]
async fn what_was_taken_back_or_edited_after_it_was_answered_is_noted_once() {
    let mut stack = Stack::new().await;
    stack.work();
    answered(&stack, "3A1", "Oi").await;
    for _ in 0..2 {
        ignored(&stack, edit("3A1", "Olá", 5)).await;
        ignored(&stack, deletion("3A1")).await;
    }
    assert_eq!(events(&stack).await, ["message_edited", "message_deleted"]);
    assert_eq!(sent(&stack).await.len(), 1);
}

#[tokio::test]
async fn of_two_edits_the_later_counts_and_one_that_overtakes_its_message_stands_for_it() {
    let stack = Stack::new().await;
    deliver(&stack, &said("3A1", "amanha")).await;
    assert_eq!(stack.deliver(edit("3A1", "quinta", 9)).await.1["status"], "accepted");
    ignored(&stack, edit("3A1", "quarta", 5)).await;
    assert_eq!(stack.deliver(edit("3A2", "às 15h", 9)).await.1["status"], "accepted");
    assert_eq!(stack.deliver(said("3A2", "às 14h").to_string()).await.1["status"], "duplicate");
    let words: String = stack
        .value("select string_agg(body ->> 'text', ', ' order by provider_id) from app.inbound_messages where processed_at is null")
        .await;
    assert_eq!(words, "quinta, às 15h");
}

#[tokio::test]
async fn a_thumb_on_the_question_is_a_yes_and_any_other_reaction_is_noted_in_silence() {
    let mut stack = Stack::new().await;
    stack.work();
    let (list, _) = answered(&stack, "3A1", "Oi").await;
    answered(&stack, "3A2", "1").await;
    let (question, asked) = answered(&stack, "3A3", "quinta às 15h").await;
    assert!(asked.contains("Confirmar"), "{asked}");
    let before = sent(&stack).await.len();
    ignored(&stack, reaction("3A4", &question, "❤️").to_string()).await;
    ignored(&stack, reaction("3A5", &question, "").to_string()).await;
    // On a message of long ago, and on one of their own.
    sqlx::query("update app.outbound_messages set sent_at = sent_at - interval '1 minute' where provider_id = $1")
        .bind(&list)
        .execute(&stack.db.owner)
        .await
        .unwrap();
    deliver(&stack, &reaction("3A6", &list, "👍")).await;
    deliver(&stack, &reaction("3A7", "3A3", "👍")).await;
    assert_eq!(sent(&stack).await.len(), before);
    assert_eq!(events(&stack).await, ["reacted"]);
    deliver(&stack, &reaction("3A8", &question, "👍🏽")).await;
    let reply = sent(&stack).await.pop().unwrap();
    assert!(reply.starts_with("Agendado"), "{reply}");
}

#[tokio::test]
async fn a_thumb_taken_back_before_it_was_read_is_no_yes() {
    let mut stack = Stack::new().await;
    stack.work();
    answered(&stack, "3A1", "Oi").await;
    answered(&stack, "3A2", "1").await;
    let (question, _) = answered(&stack, "3A3", "quinta às 15h").await;
    stack.stop_working().await;
    deliver(&stack, &reaction("3A4", &question, "👍")).await;
    ignored(&stack, reaction("3A5", &question, "").to_string()).await;
    stack.work();
    stack.settle().await;
    let booked: i64 =
        stack.value("select count(*) from app.bookings where status = 'confirmed'").await;
    assert_eq!(booked, 0);
}

#[tokio::test]
async fn a_changed_vote_takes_the_place_of_the_one_nobody_has_read() {
    let mut stack = Stack::new().await;
    stack.work();
    let (list, services) = answered(&stack, "3A1", "Oi").await;
    assert!(services.contains("Coloração"), "{services}");
    stack.stop_working().await;
    let label = |digit: &str| {
        let line = services.lines().find(|line| line.starts_with(digit)).unwrap();
        line[2..].to_owned()
    };
    deliver(&stack, &vote("3A2", &list, Some(&label("1")), 100)).await;
    deliver(&stack, &vote("3A3", &list, Some(&label("2")), 900)).await;
    // The oldest of the three arrives last.
    deliver(&stack, &vote("3A4", &list, Some(&label("3")), 50)).await;
    stack.work();
    let reply = sent(&stack).await.pop().unwrap();
    assert!(reply.starts_with("Coloração"), "{reply}");
    // Taken back before it is read: as if it had never been cast.
    stack.stop_working().await;
    let answers = sent_so_far(&stack).await;
    deliver(&stack, &vote("3A5", &list, Some(&label("1")), 2_000)).await;
    ignored(&stack, vote("3A6", &list, None, 3_000).to_string()).await;
    stack.work();
    stack.settle().await;
    assert_eq!(sent_so_far(&stack).await, answers);
}

async fn sent_so_far(stack: &Stack) -> i64 {
    stack.value("select count(*) from app.outbound_messages").await
}

#[tokio::test]
async fn titles_that_come_without_an_id_mean_the_menu_they_answer() {
    let mut stack = Stack::new().await;
    stack.work();
    let (list, services) = answered(&stack, "3A1", "Oi").await;
    let (times, _) = answered(&stack, "3A2", "1").await;
    let (first, asked) = answered(&stack, "3A3", "quinta às 15h").await;
    assert!(asked.contains("Confirmar"), "{asked}");
    let tapped = |id: &str, title: &str, menu: &str| {
        let mut body = said(id, title);
        body["data"]["messageType"] = json!("interactiveMessage");
        body["data"]["contextInfo"] = json!({ "stanzaId": menu });
        body
    };
    // A time of the menu before: meant, and asked about anew.
    let before: String = stack.value("select choices -> 1 ->> 'label' from app.outbound_messages order by seq offset 1 limit 1").await;
    deliver(&stack, &tapped("3A4", &before, &times)).await;
    let asked_anew = sent(&stack).await.pop().unwrap();
    assert!(asked_anew.contains("Confirmar") && asked_anew != asked, "{before}: {asked_anew}");
    // The confirmation of the time before is none of this one.
    deliver(&stack, &tapped("3A5", "Confirmar", &first)).await;
    stack.settle().await;
    let booked: i64 =
        stack.value("select count(*) from app.bookings where status = 'confirmed'").await;
    assert_eq!(booked, 0);
    // Another service of the first list: begun with, the time is let go.
    let colour = services.lines().find(|line| line.starts_with('2')).unwrap();
    deliver(&stack, &tapped("3A6", &colour[2..], &list)).await;
    let reply = sent(&stack).await.pop().unwrap();
    assert!(reply.contains("Coloração"), "{reply}");
    let held: i64 = stack.value("select count(*) from app.bookings where status = 'held'").await;
    assert_eq!(held, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connection_states_is_a_few_writes_and_no_job() {
    let stack = Stack::new().await;
    let writes = "select count(*) from app.audit_log where table_name = 'instances'";
    let before: i64 = stack.value(writes).await;
    let began = Instant::now();
    let told = (0..1_000).map(|number| {
        let stack = &stack;
        async move {
            tokio::time::sleep(Duration::from_millis(number)).await;
            let state = if number % 3 == 0 { "close" } else { "connecting" };
            let began = Instant::now();
            let (status, _) =
                stack.deliver(event("connection.update", json!({ "state": state }))).await;
            assert_eq!(status, 200);
            began.elapsed()
        }
    });
    let mut took = futures::future::join_all(told).await;
    let all = began.elapsed();
    took.sort();
    ignored(&stack, event("connection.update", json!({ "state": "open" }))).await;
    let state: String =
        stack.value("select state from app.instances where name = 'studio-lua'").await;
    assert_eq!(state, "open");
    let written = stack.value::<i64>(writes).await - before;
    println!(
        "1,000 states in {all:?}: {written} writes, median {:?}, slowest {:?}",
        took[500], took[999]
    );
    assert!(written < 30, "{written}");
    let jobs: i64 = stack.value("select count(*) from ops.jobs").await;
    assert_eq!(jobs, 0);
}

/// Each number of a document as a string, at any depth.
fn numbers_as_strings(value: &mut Value) {
    match value {
        Value::Number(number) => *value = json!(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(numbers_as_strings),
        Value::Object(fields) => fields.values_mut().for_each(numbers_as_strings),
        _ => {}
    }
}

#[tokio::test]
async fn whatever_is_done_to_a_body_is_answered_as_the_contract_says_and_at_once() {
    let stack = Stack::new().await;
    let whole = said("3A1", "Oi").to_string();
    let deep = |open: &str, close: &str| {
        whole.replace("\"Oi\"", &format!("{}1{}", open.repeat(10_000), close.repeat(10_000)))
    };
    let mut strings = said("3A2", "Oi");
    numbers_as_strings(&mut strings);
    let padding = 1024 * 1024 - whole.len();
    let latin1: Vec<u8> =
        whole.replace("Oi", "amanh\u{1}").bytes().map(|b| if b == 1 { 0xe3 } else { b }).collect();
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    #[rustfmt::skip]
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("arrays without end",       deep("[", "]").into_bytes(), 200),
        ("wrappers without end",     deep(r#"{"ephemeralMessage":{"message":"#, "}}").into_bytes(), 200),
        ("exactly a mebibyte",       whole.replace("Oi", &"a".repeat(padding + 2)).into_bytes(), 200),
        ("a byte more",              whole.replace("Oi", &"a".repeat(padding + 3)).into_bytes(), 413),
        ("escapes of a mebibyte",    whole.replace("Oi", &"\\u00e9".repeat(padding / 6)).into_bytes(), 200),
        ("a mebibyte of fields",     whole.replace("\"Oi\"", &format!("{{{}\"z\":1}}", "\"a\":1,".repeat(padding / 6 - 4))).into_bytes(), 200),
        ("numbers as strings",       strings.to_string().into_bytes(), 200),
        ("keys twice",               whole.replacen('{', r#"{"event":"presence.update","instance":"nobodys","#, 1).into_bytes(), 200),
        ("Latin-1",                  latin1, 400),
        ("UTF-16",                   utf16, 400),
        ("a mark before",            [b"\xef\xbb\xbf".as_slice(), whole.as_bytes()].concat(), 200),
        ("half a surrogate",         whole.replace("Oi", "\\ud83d").into_bytes(), 200),
        ("a NUL",                    whole.replace("Oi", "O\\u0000i").into_bytes(), 200),
    ];
    let mut slowest = Duration::ZERO;
    for (label, body, expected) in cases {
        let body = match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
            Err(error) if expected == 200 && !body.starts_with(b"\xef") => {
                panic!("{label} is no JSON: {error}")
            }
            _ => body,
        };
        let began = Instant::now();
        let answer = stack
            .http
            .post(format!("{}/webhooks/evolution", stack.base))
            .header("x-webhook-secret", SECRET)
            .body(body)
            .send()
            .await
            .unwrap();
        slowest = slowest.max(began.elapsed());
        assert_eq!(answer.status().as_u16(), expected, "{label}");
    }
    println!("slowest answer: {slowest:?}");
    // A fraction of a second, but where the machine has other things to do.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}
