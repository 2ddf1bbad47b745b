//! A database that is slow or hangs: requests are refused in time, and memory does not grow.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::json;

use crate::support::api::Api;
use crate::support::process::{Folder, Program, free_port, until};
use crate::support::proxy::Proxy;
use crate::support::stack::{PATIENCE, SECRET, Stack, tuesday_at_ten};

const FLOOD: usize = 3_000;
/// At the same moment: more than find a place.
const AT_ONCE: usize = 900;
/// The webhook's limits together: to arrive, to wait, to be stored; and a slow machine.
const BOUND: Duration = Duration::from_secs(25);

fn message(number: usize) -> String {
    json!({
        "event": "messages.upsert", "instance": "studio-lua",
        "data": {"key": {"remoteJid": format!("5511988{:06}@s.whatsapp.net", number % 50), "fromMe": false, "id": format!("M{number}")},
                 "message": {"conversation": "x".repeat(2_000)}, "messageTimestamp": tuesday_at_ten().timestamp()},
    })
    .to_string()
}

fn resident_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Status, whether it says when to come back, and how long it took.
async fn deliver(http: reqwest::Client, url: Arc<str>, number: usize) -> (u16, bool, Duration) {
    let since = Instant::now();
    let request = http.post(&*url).header("x-webhook-secret", SECRET).body(message(number));
    let answer = request.send().await.unwrap();
    let told = answer.headers().contains_key("retry-after");
    (answer.status().as_u16(), told, since.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_hangs_thousands_of_webhooks_are_refused_in_time_and_none_is_lost() {
    let stack = Stack::new().await;
    let folder = Folder::new();
    let (line, database) = Proxy::before(&stack.db.url_app()).await;
    let listen = format!("127.0.0.1:{}", free_port());
    let offset = stack.clock.offset().num_seconds().to_string();
    let settings = [
        ("DATABASE_URL", database.as_str()),
        ("EVOLUTION_WEBHOOK_SECRETS", SECRET),
        ("PONTUAL_LISTEN", listen.as_str()),
        ("PONTUAL_CLOCK_OFFSET", offset.as_str()),
        ("RUST_LOG", "off"),
    ];
    let web = Program::pontual(&folder.0, &["web"], &settings);
    let ready = format!("http://{listen}/health/ready");
    until("web is ready", async || {
        stack.http.get(&ready).send().await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    let url: Arc<str> = format!("http://{listen}/webhooks/evolution").into();
    let http = reqwest::Client::new();
    assert_eq!(deliver(http.clone(), Arc::clone(&url), 0).await.0, 200);
    let before = resident_mib(web.id());

    line.hold();
    let mut most = before;
    let mut refused = BTreeSet::new();
    let mut slowest = Duration::ZERO;
    let mut answers = futures::stream::iter(1..=FLOOD)
        .map(|number| {
            let answer = deliver(http.clone(), Arc::clone(&url), number);
            async move { (number, answer.await) }
        })
        .buffer_unordered(AT_ONCE);
    while let Some((number, (status, told, took))) = answers.next().await {
        assert_eq!((status, told), (503, true), "{number}");
        refused.insert(number);
        slowest = slowest.max(took);
        if refused.len() % 100 == 0 {
            most = most.max(resident_mib(web.id()));
        }
    }
    drop(answers);
    line.release();

    // The gateway brings them again, some of them more than once.
    let mut tries = 0;
    let deadline = Instant::now() + 2 * PATIENCE;
    while !refused.is_empty() {
        assert!(Instant::now() < deadline, "{} are not taken", refused.len());
        let again: Vec<_> = futures::stream::iter(refused.clone())
            .map(|number| {
                let answer = deliver(http.clone(), Arc::clone(&url), number);
                async move { (number, answer.await.0) }
            })
            .buffer_unordered(32)
            .collect()
            .await;
        for (number, status) in again {
            tries += 1;
            if status == 200 {
                refused.remove(&number);
            }
        }
    }
    let (stored, distinct): (i64, i64) =
        sqlx::query_as("select count(*), count(distinct provider_id) from app.inbound_messages")
            .fetch_one(&stack.db.owner)
            .await
            .unwrap();
    println!(
        "{FLOOD} webhooks while the database hung: each answered within {slowest:?}; \
         memory {before} MiB before, {most} MiB at most; then all stored in {tries} tries"
    );
    let all = i64::try_from(FLOOD + 1).unwrap();
    assert_eq!((stored, distinct), (all, all));
    assert!(slowest < BOUND, "{slowest:?}");
    assert!(most < before + 100, "{before} MiB grew to {most} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_clients_that_all_wait_for_the_database_leave_the_webhook_its_share() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    // Somebody in psql holds what each of these requests reads and no webhook does.
    let mut somebody = stack.db.owner.begin().await.unwrap();
    sqlx::query("lock table app.services in access exclusive mode")
        .execute(&mut *somebody)
        .await
        .unwrap();
    let crowd: Vec<_> = (0..150)
        .map(|_| {
            let api = api.clone();
            tokio::spawn(async move { api.get("/services").await.status })
        })
        .collect();
    // All connections that they may have are waiting.
    until("they wait", async || {
        stack.value::<i64>("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").await >= 8
    })
    .await;
    let since = Instant::now();
    for number in 0..20 {
        let (status, answer) = stack.deliver(message(number)).await;
        assert_eq!((status, &answer["status"]), (200, &json!("accepted")), "{answer}");
    }
    let took = since.elapsed();
    somebody.rollback().await.unwrap();
    let mut told = BTreeSet::new();
    for one in crowd {
        told.insert(one.await.unwrap());
    }
    println!(
        "20 webhooks in {took:?} beside 150 API requests that waited; those were told {told:?}"
    );
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(told.iter().all(|status| [200, 503].contains(status)), "{told:?}");
}
