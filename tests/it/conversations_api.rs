//! Conversations through the API: read, taken over, given back, written to.

use pontual::db::keys;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::stack::{PATIENCE, Stack};

const MARINA: &str = "+5511988887777";
const SALON: &str = "studio-lua";

/// Asks as a program with this key; status and answer.
async fn ask(
    stack: &Stack,
    method: Method,
    path: &str,
    key: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let mut request =
        stack.http.request(method, format!("{}/api/v1{path}", stack.base)).bearer_auth(key);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

async fn get(stack: &Stack, path: &str, key: &str) -> (u16, Value) {
    ask(stack, Method::GET, path, key, None).await
}

async fn key_of(stack: &Stack, tenant: &str) -> String {
    keys::create(&stack.pool, stack.clock.now(), tenant, "Balcão").await.unwrap().reveal()
}

/// The address of the only conversation.
async fn only(stack: &Stack) -> String {
    let id: uuid::Uuid = stack.value("select id from app.conversations").await;
    format!("/conversations/{id}")
}

#[tokio::test]
async fn a_conversation_is_listed_and_read_with_what_was_said_and_by_its_tenant_alone() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "corte quinta às 15h").await;
    stack.settle().await;
    let (ours, theirs) = (key_of(&stack, SALON).await, key_of(&stack, "luna-salon").await);

    let (status, list) = get(&stack, "/conversations?mode=bot&state=confirmation", &ours).await;
    assert_eq!(status, 200, "{list}");
    let found = &list["conversations"][0];
    assert_eq!(found["customer"]["phone"], MARINA);
    assert_eq!((&found["mode"], &found["human_until"]), (&json!("bot"), &Value::Null));
    assert!(found["updated_at"].as_str().unwrap().ends_with("-03:00"), "{found}");
    assert_eq!(list["next_cursor"], Value::Null);
    for other in ["mode=human", "state=greeting", "waiting=true"] {
        let (_, none) = get(&stack, &format!("/conversations?{other}"), &ours).await;
        assert_eq!(none["conversations"], json!([]), "{other}");
    }

    let address = only(&stack).await;
    let (status, read) = get(&stack, &address, &ours).await;
    assert_eq!(status, 200, "{read}");
    assert_eq!(read["id"], found["id"]);
    let lines = read["timeline"].as_array().unwrap();
    let who: Vec<_> = lines.iter().map(|line| line["who"].as_str().unwrap()).collect();
    assert_eq!(who.len(), 3, "{lines:#?}");
    assert!(["customer", "assistant", "turn"].iter().all(|each| who.contains(each)), "{who:?}");
    assert!(lines.iter().any(|line| line["text"] == "corte quinta às 15h"));
    let (_, cut) = get(&stack, &format!("{address}?lines=1"), &ours).await;
    assert_eq!(cut["timeline"], json!([lines[2]]));

    assert_eq!(get(&stack, "/conversations", &theirs).await.1["conversations"], json!([]));
    assert_eq!(get(&stack, &address, &theirs).await.0, 404);
    let change = Some(json!({ "mode": "human" }));
    assert_eq!(ask(&stack, Method::PATCH, &address, &theirs, change).await.0, 404);
    let (path, text) = (format!("{address}/messages"), Some(json!({ "text": "Oi" })));
    assert_eq!(ask(&stack, Method::POST, &path, &theirs, text).await.0, 404);
    assert_eq!(stack.value::<String>("select mode from app.conversations").await, "bot");
    stack.stop_working().await;
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap_the_latest_first() {
    let stack = Stack::new().await;
    let key = key_of(&stack, SALON).await;
    sqlx::query(
        "with u as (insert into app.customers (tenant_id, phone)
                    select app.tenant_named('studio-lua'), '+55119888800' || n from generate_series(10, 16) n returning id, tenant_id)
         insert into app.conversations (tenant_id, customer_id, instance_id)
         select u.tenant_id, u.id, i.id from u join app.instances i on i.tenant_id = u.tenant_id",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let (mut seen, mut path) = (Vec::new(), "/conversations?limit=3".to_owned());
    loop {
        let (status, page) = get(&stack, &path, &key).await;
        assert_eq!(status, 200, "{page}");
        let rows = page["conversations"].as_array().unwrap().clone();
        assert!(rows.len() <= 3);
        seen.extend(rows.iter().map(|row| {
            (row["updated_at"].as_str().unwrap().to_owned(), row["id"].as_str().unwrap().to_owned())
        }));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/conversations?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.reverse();
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (7, &sorted));
    let (status, wrong) = get(&stack, "/conversations?cursor=x&mode=both&page=2", &key).await;
    assert_eq!((status, wrong["errors"].as_array().unwrap().len()), (422, 3), "{wrong}");
}

#[tokio::test]
async fn a_person_who_writes_takes_over_and_the_bot_goes_on_when_told() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "corte quinta às 15h").await;
    stack.settle().await;
    let key = key_of(&stack, SALON).await;
    let address = only(&stack).await;
    let last = stack.sim.chat(SALON, MARINA).pop().unwrap();
    let text = Some(json!({ "text": " Oi, Marina!\nAqui é o Bruno. " }));
    let path = format!("{address}/messages");
    let (status, queued) = ask(&stack, Method::POST, &path, &key, text).await;
    assert_eq!((status, &queued["status"]), (201, &json!("queued")));
    let sent = stack.sim.wait_for_reply(SALON, MARINA, &last.id, PATIENCE).await.unwrap();
    assert_eq!(sent.text, "Oi, Marina!\nAqui é o Bruno.");
    stack.settle().await;

    let (_, read) = get(&stack, &address, &key).await;
    assert_eq!(read["mode"], "human");
    assert!(read["human_until"].is_string());
    let line = read["timeline"].as_array().unwrap().iter().find(|line| line["id"] == queued["id"]);
    let line = line.unwrap();
    assert_eq!((&line["who"], &line["kind"]), (&json!("person"), &json!("message")));
    let author: String =
        stack.value("select author from app.outbound_messages order by seq desc limit 1").await;
    assert_eq!(author, "key:Balcão");
    let actor: String = stack
        .value("select actor from app.audit_log where table_name = 'conversations' order by id desc limit 1")
        .await;
    assert_eq!(actor, "key:Balcão");

    let before = stack.sim.sent().len();
    stack.sim.customer_writes(SALON, MARINA, "Marina", "oi Bruno").await.unwrap();
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), before, "the bot is silent");
    let (_, waiting) = get(&stack, "/conversations?waiting=true", &key).await;
    assert_eq!(waiting["conversations"].as_array().unwrap().len(), 1);

    let (status, back) =
        ask(&stack, Method::PATCH, &address, &key, Some(json!({ "mode": "bot" }))).await;
    assert_eq!((status, &back["mode"]), (200, &json!("bot")));
    assert_eq!((&back["human_until"], &back["waiting_since"]), (&Value::Null, &Value::Null));
    stack.settle().await;
    let resumed: i64 = stack
        .value("select count(*) from app.conversation_turns where event ->> 'event' = 'resumed'")
        .await;
    assert_eq!(resumed, 1);
    let answer = stack.say(SALON, MARINA, "menu").await;
    assert!(answer.contains("1 Corte"), "{answer}");
    stack.settle().await;
    stack.stop_working().await;
}

#[tokio::test]
async fn a_message_sent_again_with_its_key_is_written_once() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "corte quinta às 15h").await;
    stack.settle().await;
    let before = stack.sim.sent().len();
    let api = Api::of(&stack, SALON).await;
    let path = format!("{}/messages", only(&stack).await);
    let write = async |text: &str| {
        let body = Some(json!({ "text": text }));
        api.send(Method::POST, &path, body, &[("idempotency-key", "m1")]).await
    };
    let answers = futures::future::join_all((0..10).map(|_| write("Aqui é o Bruno."))).await;
    let replayed = answers.iter().filter(|it| it.header("idempotency-replayed") == Some("true"));
    assert_eq!(replayed.count(), 9, "{answers:?}");
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
        assert_eq!(answer.header("location"), None, "a message has no address of its own");
    }
    assert_eq!(write("Outra coisa").await.problem(), (422, "idempotency-key-reused"));
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), before + 1);
    stack.stop_working().await;
}

#[tokio::test]
async fn what_is_no_conversation_or_no_parameter_is_a_problem() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, SALON).await;
    for named in ["nobody", "00000000-0000-0000-0000-000000000000", "%FF", "%00"] {
        let path = format!("/conversations/{named}");
        assert_eq!(api.get(&path).await.problem(), (404, "not-found"), "{path}");
        let change = api.patch(&path, json!({ "mode": "bot" })).await;
        assert_eq!(change.problem(), (404, "not-found"), "{path}");
        let message = api.post(&format!("{path}/messages"), json!({ "text": "Oi" })).await;
        assert_eq!(message.problem(), (404, "not-found"), "{path}");
    }
    let change = api.patch("/conversations/x?for=1h", json!({ "mode": "human" })).await;
    assert_eq!(change.wrong_fields(), ["for"]);
    let message = api.post("/conversations/x/messages?dry_run=1", json!({ "text": "Oi" })).await;
    assert_eq!(message.wrong_fields(), ["dry_run"]);
}

#[tokio::test]
async fn a_takeover_by_key_lasts_four_hours_and_is_prolonged_by_another() {
    let stack = Stack::new().await;
    let key = key_of(&stack, SALON).await;
    let said = json!({
        "event": "messages.upsert", "instance": SALON,
        "data": {"key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": false, "id": "A1"},
                 "message": {"conversation": "Oi"}, "messageType": "conversation", "messageTimestamp": 1_773_147_600},
    });
    assert_eq!(stack.deliver(said.to_string()).await.0, 200);
    let address = only(&stack).await;
    let human = || Some(json!({ "mode": "human" }));
    let (_, first) = ask(&stack, Method::PATCH, &address, &key, human()).await;
    let (status, second) = ask(&stack, Method::PATCH, &address, &key, human()).await;
    assert_eq!((status, &second["mode"]), (200, &json!("human")));
    assert!(second["human_until"].as_str().unwrap() > first["human_until"].as_str().unwrap());
    let ends: bool = stack
        .value(
            "select t.timer = 'pause_over' and t.due_at = c.human_until and c.human_until - c.updated_at = interval '4 hours'
               from app.conversation_timers t join app.conversations c on c.id = t.conversation_id",
        )
        .await;
    assert!(ends);
    for (path, body) in [
        (address.clone(), json!({ "mode": "off" })),
        (address.clone(), json!({})),
        (address.clone(), json!({ "mode": "bot", "until": "never" })),
    ] {
        let (status, wrong) = ask(&stack, Method::PATCH, &path, &key, Some(body)).await;
        assert_eq!((status, &wrong["type"]), (422, &json!("/problems/invalid-input")), "{wrong}");
    }
    let path = format!("{address}/messages");
    for body in [json!({ "text": "" }), json!({ "text": 5 }), json!({ "text": "a\u{0}b" })] {
        let (status, wrong) = ask(&stack, Method::POST, &path, &key, Some(body)).await;
        assert_eq!(status, 422, "{wrong}");
    }
}

#[tokio::test]
async fn every_address_of_conversations_is_described() {
    let stack = Stack::new().await;
    let (status, description) = get(&stack, "/openapi.json", "").await;
    assert_eq!(status, 200);
    for (path, methods) in [
        ("/api/v1/conversations", &["get"][..]),
        ("/api/v1/conversations/{id}", &["get", "patch"]),
        ("/api/v1/conversations/{id}/messages", &["post"]),
    ] {
        for method in methods {
            let responses = &description["paths"][path][method]["responses"];
            assert!(responses["401"].is_object(), "{method} {path}: {responses}");
        }
    }
    let change = &description["components"]["schemas"]["ConversationChange"];
    assert_eq!(change["additionalProperties"], json!(false), "{change}");
}
