//! Stores of dialogues: whatever they keep, lose or make up, a conversation goes on from its row.

mod server;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use pontual::db::dialogue::{
    DialogueKey, DialogueStore, Dialogues, Kept, MemoryStore, PostgresStore, RedisStore,
};
use pontual::db::{Copies, TenantTx};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use self::server::{Ill, RedisServer, ill_server};
use crate::support::process::{free_port, until};
use crate::support::stack::Stack;

const LUA: &str = "studio-lua";
const HOUR: Duration = Duration::from_hours(1);

/// Copies with this store, as a process of its own has them.
fn copies(store: impl DialogueStore + 'static) -> Copies {
    Copies { dialogues: Dialogues::new(store), ..Copies::default() }
}

/// A process that works with the store.
fn work_with(stack: &mut Stack, store: impl DialogueStore + 'static) {
    stack.copies = copies(store);
    stack.work();
}

/// More patient than the program's own: a machine that is busy with tests is slow and not ill.
fn redis(url: &str) -> RedisStore {
    RedisStore::with_patience(url, HOUR, Duration::from_secs(5)).unwrap()
}

async fn key_of(stack: &Stack, phone: &str) -> DialogueKey {
    let (tenant, conversation) = sqlx::query_as(
        "select c.tenant_id, c.id from app.conversations c
           join app.customers u on u.tenant_id = c.tenant_id and u.id = c.customer_id
          where u.phone = '+' || $1",
    )
    .bind(phone)
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    DialogueKey { tenant, conversation }
}

async fn row(stack: &Stack, key: DialogueKey) -> Value {
    sqlx::query_scalar("select context from app.conversations where id = $1")
        .bind(key.conversation)
        .fetch_one(&stack.db.owner)
        .await
        .unwrap()
}

/// What a turn is sent of its dialogue by the database when it comes with this copy.
async fn sent(stack: &Stack, key: DialogueKey, kept: &Kept) -> Value {
    let mut db = TenantTx::begin(&stack.pool, key.tenant, stack.clock.now()).await.unwrap();
    // Something to read.
    sqlx::query("update app.inbound_messages set processed_at = null where conversation_id = $1")
        .bind(key.conversation)
        .execute(db.conn())
        .await
        .unwrap();
    let Json(turn): Json<Value> = sqlx::query_scalar("select app.begin_turn($1, known => $2)")
        .bind(key.conversation)
        .bind(json!({ "context_hash": kept.hash() }))
        .fetch_one(db.conn())
        .await
        .unwrap();
    assert_eq!(turn["outcome"], "turn", "{turn}");
    db.rollback().await.unwrap();
    turn["context"].clone()
}

/// What must hold of each store, whatever it is. Two processes work with stores of their own.
async fn conforms<S: DialogueStore + 'static>(name: &str, mut store: impl FnMut() -> S) {
    let mut stack = Stack::new().await;
    work_with(&mut stack, store());
    work_with(&mut stack, store());
    let own = store();

    // A dialogue goes on where it was, whichever process takes the turn.
    let phone = "5511988880001";
    for (text, expected) in [("oi", "1 Corte"), ("corte", "dia"), ("quinta às 15h", "Confirma")] {
        let reply = stack.say(LUA, phone, text).await;
        assert!(reply.contains(expected), "{name}: {text}: {reply}");
    }
    stack.settle().await;
    let key = key_of(&stack, phone).await;

    // What plain SQL changes counts, whatever anybody remembers.
    let before = row(&stack, key).await;
    sqlx::query("update app.conversations set context = '{}', state = 'greeting' where id = $1")
        .bind(key.conversation)
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let reply = stack.say(LUA, phone, "oi").await;
    assert!(reply.contains("1 Corte"), "{name}: {reply}");
    stack.settle().await;

    // A copy is told by what is in it: the row's own is not sent again, an older one is no copy.
    let now = row(&stack, key).await;
    assert_eq!(sent(&stack, key, &Kept::of(&now)).await, Value::Null, "{name}");
    assert_eq!(sent(&stack, key, &Kept::of(&before)).await, now, "{name}");

    // What somebody keeps there who has committed nothing is believed by nobody.
    let reference = stack.say(LUA, "5511988880002", "oi").await;
    own.keep(key, Kept::of(&before)).await;
    let other = key_of(&stack, "5511988880002").await;
    own.keep(other, Kept::of(&json!({ "state": { "state": "confirmation" }, "greeted": true })))
        .await;
    let replies =
        [stack.say(LUA, phone, "menu").await, stack.say(LUA, "5511988880002", "oi").await];
    assert!(
        replies.iter().all(|reply| reply.contains("1 Corte")),
        "{name}: {replies:?}; {reference}"
    );

    // What was kept is recalled, by its own key alone.
    if own.keeps_copies() {
        let kept = Kept::of(&json!({ "ã": [1, "b\n", null] }));
        own.keep(key, kept.clone()).await;
        assert_eq!(own.recall(key).await, Some(kept), "{name}");
    }
    let nobody = DialogueKey { tenant: key.tenant, conversation: Uuid::nil() };
    assert_eq!(own.recall(nobody).await, None, "{name}");
    assert!(stack.violations().await.is_empty());
}

#[tokio::test]
async fn the_row_alone_is_a_store() {
    conforms("postgres", || PostgresStore).await;
}

#[tokio::test]
async fn memory_is_a_store() {
    conforms("memory", || MemoryStore::new(HOUR)).await;
}

#[tokio::test]
async fn redis_is_a_store() {
    let Some(server) = RedisServer::start().await else { return };
    conforms("redis", || redis(&server.url())).await;
    let asked = server.ask(&["INFO", "commandstats"]).await.unwrap();
    assert!(asked.contains("cmdstat_get") && asked.contains("cmdstat_set"), "{asked}");
}

#[tokio::test]
async fn copies_end_with_their_lifetime() {
    let key = DialogueKey { tenant: Uuid::new_v4(), conversation: Uuid::new_v4() };
    let lifetime = Duration::from_secs(1);
    let memory: Box<dyn DialogueStore> = Box::new(MemoryStore::new(lifetime));
    let mut stores = vec![memory];
    let server = RedisServer::start().await;
    if let Some(server) = &server {
        let patient = RedisStore::with_patience(&server.url(), lifetime, HOUR);
        stores.push(Box::new(patient.unwrap()));
    }
    for store in stores {
        store.keep(key, Kept::of(&json!({}))).await;
        assert!(store.recall(key).await.is_some(), "{store:?}");
        until("a copy that ends", async || store.recall(key).await.is_none()).await;
    }
}

#[tokio::test]
async fn what_lies_in_redis_is_never_believed() {
    let Some(server) = RedisServer::start().await else { return };
    let mut stack = Stack::new().await;
    work_with(&mut stack, redis(&server.url()));
    let (phone, other) = ("5511988880003", "5511988880004");
    assert!(stack.say(LUA, phone, "oi").await.contains("1 Corte"));
    assert!(stack.say(LUA, other, "corte quinta às 15h").await.contains("Confirma"));
    stack.settle().await;
    let named = |key: DialogueKey| format!("pontual:dialogue:{}:{}", key.tenant, key.conversation);
    let (mine, others) = (named(key_of(&stack, phone).await), named(key_of(&stack, other).await));
    let forged =
        row(&stack, key_of(&stack, phone).await).await.to_string().replace("false", "true");
    let deeds: [&[&str]; 6] = [
        &["SET", &mine, "not a dialogue \u{1}"],
        &["SET", &mine, "{\"state\": "],
        &["SET", &mine, &forged],
        // That of somebody who is about to confirm.
        &["COPY", &others, &mine, "REPLACE"],
        &["SET", &mine, ""],
        // The server refuses to read it as a text.
        &[
            "EVAL",
            "redis.call('DEL', KEYS[1]); return redis.call('RPUSH', KEYS[1], 'a')",
            "1",
            &mine,
        ],
    ];
    for deed in deeds {
        server.ask(deed).await.unwrap();
        let reply = stack.say(LUA, phone, "1").await;
        // Each time anew: "1" is the first service, and then "menu" leads back to where it is.
        assert!(reply.contains("dia") && !reply.contains("Agendado"), "{deed:?}: {reply}");
        let reply = stack.say(LUA, phone, "menu").await;
        assert!(reply.contains("1 Corte"), "{deed:?}: {reply}");
        stack.settle().await;
    }
    let booked: i64 =
        stack.value("select count(*) from app.bookings where status = 'confirmed'").await;
    assert_eq!(booked, 0);
}

#[tokio::test]
async fn a_hundred_conversations_keep_their_place_while_redis_is_killed_and_comes_back_empty_or_stale()
 {
    let Some(mut server) = RedisServer::start().await else { return };
    let mut stack = Stack::new().await;
    let texts = ["oi", "corte", "amanhã", "mais horários"];
    // How it goes without any copy.
    work_with(&mut stack, PostgresStore);
    let mut expected = Vec::new();
    for text in texts {
        expected.push(stack.say(LUA, "5511977770000", text).await);
    }
    stack.stop_working().await;
    for _ in 0..2 {
        work_with(&mut stack, redis(&server.url()));
    }

    let phones: Vec<_> = (1..=100).map(|n| format!("55119777{n:05}")).collect();
    for (turn, text) in texts.iter().enumerate() {
        let stack = &stack;
        // Twenty at a time: web takes no more webhooks at once than its database can.
        let everybody = stream::iter(&phones)
            .map(|phone| stack.say(LUA, phone, text))
            .buffered(20)
            .collect::<Vec<_>>();
        let server = &mut server;
        let trouble = async {
            match turn {
                0 => return,
                1 => {}
                2 => server.start_again().await,
                _ => server.start_empty().await,
            }
            if turn < 3 {
                until("some turns of this round", async || {
                    let all: i64 = stack
                        .value("select count(*) from app.inbound_messages where processed_at is not null")
                        .await;
                    // Of everybody, and of the one who went before.
                    all > 4 + 100 * i64::try_from(turn).unwrap() + 30
                })
                .await;
                server.kill();
            }
        };
        let (replies, ()) = tokio::join!(everybody, trouble);
        for (phone, reply) in phones.iter().zip(replies) {
            assert_eq!(reply, expected[turn], "{phone} after {text:?}");
        }
        if turn == 0 {
            // What it comes back with later.
            stack.settle().await;
            server.ask(&["SAVE"]).await.unwrap();
        }
    }
    stack.settle().await;
    assert!(stack.violations().await.is_empty());
}

/// A store that is told what cannot be had: how long the first and the second look take.
async fn waits(store: &RedisStore) -> (Duration, Duration) {
    let key = DialogueKey { tenant: Uuid::nil(), conversation: Uuid::nil() };
    let mut taken = Vec::new();
    for _ in 0..2 {
        let start = Instant::now();
        assert_eq!(store.recall(key).await, None);
        taken.push(start.elapsed());
    }
    (taken[0], taken[1])
}

/// A conversation of some turns with a Redis that is ill, to the booking.
async fn talks_on_with(url: &str) {
    let ill = || RedisStore::new(url, HOUR).unwrap();
    let (first, second) = waits(&ill()).await;
    // Waited for once, a tenth of a second, and then left alone.
    assert!(
        first < Duration::from_secs(2) && second < Duration::from_millis(50),
        "{first:?} {second:?}"
    );
    let mut stack = Stack::new().await;
    work_with(&mut stack, ill());
    assert!(stack.say(LUA, "5511988880005", "oi").await.contains("1 Corte"));
    assert!(stack.say(LUA, "5511988880005", "corte quinta às 15h").await.contains("Confirma"));
    assert!(stack.say(LUA, "5511988880005", "sim").await.contains("quinta"));
    let booked: i64 =
        stack.value("select count(*) from app.bookings where status = 'confirmed'").await;
    assert_eq!(booked, 1);
}

#[tokio::test]
async fn customers_notice_nothing_of_a_redis_that_is_down() {
    talks_on_with(&format!("redis://127.0.0.1:{}", free_port())).await;
}

#[tokio::test]
async fn customers_notice_nothing_of_a_redis_that_does_not_answer() {
    talks_on_with(&ill_server(Ill::Silent).await).await;
}

#[tokio::test]
async fn customers_notice_nothing_of_a_redis_that_answers_nonsense() {
    talks_on_with(&ill_server(Ill::Http).await).await;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines_with(&self, words: &str) -> usize {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(words)).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn that_redis_is_gone_is_said_once_and_once_that_it_is_back() {
    let Some(mut server) = RedisServer::start().await else { return };
    let (log, key) =
        (Log::default(), DialogueKey { tenant: Uuid::nil(), conversation: Uuid::nil() });
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let store = redis(&server.url());
    let kept = Kept::of(&json!({ "a": 1 }));
    for _ in 0..2 {
        store.keep(key, kept.clone()).await;
        assert_eq!(store.recall(key).await.as_ref(), Some(&kept));
        server.kill();
        let start = Instant::now();
        join_all((0..20).map(|_| store.recall(key))).await;
        // Past the first pause, so that some look and fail again.
        while start.elapsed() < Duration::from_millis(2_500) {
            assert_eq!(store.recall(key).await, None);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.start_empty().await;
        until("Redis is used again", async || {
            store.keep(key, kept.clone()).await;
            store.recall(key).await.is_some()
        })
        .await;
    }
    let (gone, back) =
        (log.lines_with("Redis is not to be had"), log.lines_with("Redis answers again"));
    assert_eq!((gone, back), (2, 2), "{}", String::from_utf8_lossy(&log.0.lock().unwrap()));
}

/// Documents as a dialogue may hold them, and stranger ones.
fn documents() -> impl Strategy<Value = Value> {
    let key = "[a-zé\"\\\\ ]{0,6}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[^\u{0}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[tokio::test]
async fn postgres_makes_the_same_hash_of_any_dialogue() {
    let db = crate::support::database::TestDb::new().await;
    let mut runner = proptest::test_runner::TestRunner::default();
    let mut values = Vec::new();
    for _ in 0..500 {
        values.push(documents().new_tree(&mut runner).unwrap().current());
    }
    let theirs: Vec<String> = sqlx::query_scalar(
        "select app.context_hash(d) from unnest($1::jsonb[]) with ordinality x (d, n) order by n",
    )
    .bind(&values)
    .fetch_all(&db.owner)
    .await
    .unwrap();
    for (value, theirs) in values.iter().zip(theirs) {
        assert_eq!(Kept::of(value).hash(), theirs, "{value}");
    }
}
