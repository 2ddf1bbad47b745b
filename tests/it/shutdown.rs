//! How processes end: asked to, they say so first, end what they began, and give back the rest.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pontual::gateway_sim::fault::SendFault;
use pontual::gateway_sim::{self, Author, Fault, Sim, SimConfig};
use rustix::process::Signal;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::support::process::{Folder, Program, free_port, until};
use crate::support::stack::{SECRET, Stack};

const INSTANCE: &str = "studio-lua";
const CUSTOMERS: usize = 20;

/// A simulated gateway of one instance that delivers to this address; also where it answers.
async fn gateway(stack: &Stack, webhook: &str) -> (Sim, String) {
    let sim = Sim::new(SimConfig { clock: stack.clock, ..SimConfig::fast() });
    sim.create_instance(INSTANCE, webhook, &[("jwt_key", SECRET)]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let served = sim.clone();
    tokio::spawn(async move { gateway_sim::serve(listener, served).await });
    (sim, base)
}

/// The processes of a deployment on a test's database.
struct Processes<'s> {
    stack: &'s Stack,
    folder: Folder,
    gateway: String,
}

impl Processes<'_> {
    fn start(&self, arguments: &[&str], port: u16, more: &[(&str, &str)]) -> Program {
        let (database, listen) = (self.stack.db.url_app(), format!("127.0.0.1:{port}"));
        let offset = self.stack.clock.offset().num_seconds().to_string();
        let key = SimConfig::default().api_key;
        let mut settings = vec![
            ("DATABASE_URL", database.as_str()),
            ("EVOLUTION_API_URL", self.gateway.as_str()),
            ("EVOLUTION_API_KEY", key.as_str()),
            ("EVOLUTION_WEBHOOK_SECRETS", SECRET),
            ("PONTUAL_CLOCK_OFFSET", offset.as_str()),
            ("PONTUAL_LISTEN", listen.as_str()),
        ];
        settings.extend_from_slice(more);
        Program::pontual(&self.folder.0, arguments, &settings)
    }

    /// Starts one and waits until it is ready.
    async fn ready(&self, arguments: &[&str], port: u16, more: &[(&str, &str)]) -> Program {
        let program = self.start(arguments, port, more);
        until("the process is ready", async || is_ready(&self.stack.http, port).await).await;
        program
    }
}

async fn is_ready(http: &reqwest::Client, port: u16) -> bool {
    let url = format!("http://127.0.0.1:{port}/health/ready");
    let asked = http.get(url).timeout(Duration::from_secs(2)).send().await;
    asked.is_ok_and(|answer| answer.status() == 200)
}

/// Hands connections to the web processes that say they are ready, in turn; looks every few
/// milliseconds.
#[derive(Clone, Default)]
struct Balancer {
    ports: Arc<Mutex<Vec<u16>>>,
    ready: Arc<Mutex<Vec<u16>>>,
    turn: Arc<AtomicUsize>,
}

impl Balancer {
    async fn start() -> (Self, String) {
        let balancer = Self::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let looking = balancer.clone();
        tokio::spawn(async move {
            let http = reqwest::Client::new();
            loop {
                let ports = looking.ports.lock().unwrap().clone();
                let looks = ports.iter().map(|port| is_ready(&http, *port));
                let ready = futures::future::join_all(looks).await;
                let ready = ports.iter().zip(ready).filter(|(_, ready)| *ready);
                *looking.ready.lock().unwrap() = ready.map(|(port, _)| *port).collect();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let handing = balancer.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let ready = handing.ready.lock().unwrap().clone();
                let turn = handing.turn.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    // Nobody ready, or nobody there: the client's connection is closed.
                    let Some(port) = ready.get(turn % ready.len().max(1)) else { return };
                    if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).await {
                        tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
                    }
                });
            }
        });
        (balancer, address)
    }

    async fn adds(&self, port: u16) {
        self.ports.lock().unwrap().push(port);
        until("the balancer sees it", async || self.ready.lock().unwrap().contains(&port)).await;
    }

    fn removes(&self, port: u16) {
        self.ports.lock().unwrap().retain(|known| *known != port);
    }
}

/// Writes on and on without waiting for answers, until told to end.
async fn write(sim: Sim, number: usize, end: Arc<AtomicBool>) -> usize {
    let phone = format!("55119{:08}", 80_000_000 + number);
    let mut written = 0;
    while !end.load(Ordering::Relaxed) {
        let text = if written % 4 == 0 { "Oi" } else { "1" };
        let sent = sim.customer_writes(INSTANCE, &phone, "Ana", text).await.unwrap();
        assert_eq!(sent.status, Some(200), "{phone}'s message {written}");
        written += 1;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_loses_nothing_and_shows_the_gateway_no_error() {
    let stack = Stack::new().await;
    let (balancer, address) = Balancer::start().await;
    let (sim, base) = gateway(&stack, &format!("{address}/webhooks/evolution")).await;
    let processes = Processes { stack: &stack, folder: Folder::new(), gateway: base };
    // Longer than the gateway keeps an idle connection (its next request would meet the end of it),
    // and than a balancer takes that looks twenty times a second, beside other tests.
    let drain = [("PONTUAL_DRAIN", "5")];
    let worker = ["worker", "--concurrency", "4"];
    let mut webs = Vec::new();
    let mut workers = Vec::new();
    for _ in 0..2 {
        let port = free_port();
        webs.push((port, processes.ready(&["web"], port, &drain).await));
        balancer.adds(port).await;
        workers.push(processes.ready(&worker, free_port(), &[]).await);
    }
    let end = Arc::new(AtomicBool::new(false));
    let writing: Vec<_> = (0..CUSTOMERS)
        .map(|number| tokio::spawn(write(sim.clone(), number, Arc::clone(&end))))
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;

    for _ in 0..2 {
        let port = free_port();
        webs.push((port, processes.ready(&["web"], port, &drain).await));
        balancer.adds(port).await;
        let (port, old) = webs.remove(0);
        old.signal(Signal::TERM);
        let (code, log) = tokio::task::spawn_blocking(|| old.exit()).await.unwrap();
        assert_eq!(code, Some(0), "{log}");
        balancer.removes(port);

        workers.push(processes.ready(&worker, free_port(), &[]).await);
        let old = workers.remove(0);
        let since = Instant::now();
        old.signal(Signal::TERM);
        let (code, log) = tokio::task::spawn_blocking(|| old.exit()).await.unwrap();
        assert_eq!(code, Some(0), "{log}");
        println!("a worker ended in {:?}", since.elapsed());
    }
    end.store(true, Ordering::Relaxed);
    let mut written = 0;
    for customer in writing {
        written += customer.await.unwrap();
    }
    // The last answers bring webhooks of their own, of their sends and what became of them.
    stack.settle().await;
    until("all is delivered", async || sim.webhook_counts().pending == 0).await;

    let counts = sim.webhook_counts();
    assert_eq!(counts.tries, counts.delivered, "each was taken at its first try: {counts:?}");
    let stored: Vec<(String, bool)> =
        sqlx::query_as("select provider_id, processed_at is not null from app.inbound_messages")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    let known: BTreeMap<&str, bool> =
        stored.iter().map(|(id, done)| (id.as_str(), *done)).collect();
    assert_eq!((stored.len(), known.len()), (written, written));
    assert!(known.values().all(|processed| *processed));
    let failed: Vec<String> = sqlx::query_scalar("select error from queue.failed_attempts")
        .fetch_all(&stack.db.owner)
        .await
        .unwrap();
    let died =
        failed.iter().filter(|error| error.contains("died") || error.contains("not written"));
    assert_eq!(died.count(), 0, "{failed:?}");
    let mut wanted: Vec<String> = sqlx::query_scalar(
        "select provider_id from app.outbound_messages where status in ('sent', 'delivered', 'read')",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    let mut seen: Vec<String> = (0..CUSTOMERS)
        .flat_map(|number| sim.chat(INSTANCE, &format!("55119{:08}", 80_000_000 + number)))
        .filter(|message| message.from != Author::Customer)
        .map(|message| message.id)
        .collect();
    wanted.sort();
    seen.sort();
    assert_eq!(seen, wanted, "what customers see was sent once");
    assert!(stack.violations().await.is_empty());
    println!(
        "{written} messages of {CUSTOMERS} customers, {} webhooks, all taken at their first try; \
         {} answers, each once",
        counts.delivered,
        seen.len()
    );
}

#[tokio::test]
async fn a_web_process_says_that_it_leaves_before_it_refuses_and_then_ends_well() {
    let stack = Stack::new().await;
    let processes = Processes { stack: &stack, folder: Folder::new(), gateway: stack.base.clone() };
    let port = free_port();
    let web = processes.ready(&["web"], port, &[("PONTUAL_DRAIN", "3")]).await;
    let base = format!("http://127.0.0.1:{port}");
    let since = Instant::now();
    web.signal(Signal::TERM);
    until("it says so", async || {
        let ready = stack.http.get(format!("{base}/health/ready")).send().await.unwrap();
        ready.status() == 503 && ready.headers()["connection"] == "close"
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(2), "readiness goes first");
    let message = json!({
        "event": "messages.upsert", "instance": INSTANCE,
        "data": {"key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": false, "id": "A1"},
                 "message": {"conversation": "Oi"}, "messageTimestamp": stack.clock.now().timestamp()},
    });
    let request = stack.http.post(format!("{base}/webhooks/evolution"));
    let taken = request.header("x-webhook-secret", SECRET).body(message.to_string()).send().await;
    assert_eq!(taken.unwrap().status(), 200, "who does not know yet is served");
    let (code, log) = tokio::task::spawn_blocking(|| web.exit()).await.unwrap();
    assert_eq!(code, Some(0), "{log}");
    assert!(since.elapsed() >= Duration::from_secs(3), "{:?}", since.elapsed());
    assert!(stack.http.get(&base).send().await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn who_asks_twice_does_not_wait() {
    let stack = Stack::new().await;
    let processes = Processes { stack: &stack, folder: Folder::new(), gateway: stack.base.clone() };
    let port = free_port();
    let web = processes.ready(&["web"], port, &[("PONTUAL_DRAIN", "600")]).await;
    web.signal(Signal::TERM);
    until("it says so", async || !is_ready(&stack.http, port).await).await;
    // Within half a second it would be the same request.
    tokio::time::sleep(Duration::from_secs(1)).await;
    web.signal(Signal::TERM);
    let (code, log) = tokio::task::spawn_blocking(|| web.exit()).await.unwrap();
    assert_eq!(code, Some(128 + 15), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_cannot_end_in_time_goes_on_elsewhere_at_once() {
    let stack = Stack::new().await;
    let (sim, base) = gateway(&stack, &format!("{}/webhooks/evolution", stack.base)).await;
    // The first send hangs until its caller gives up, which takes longer than the worker has.
    sim.set_fault(Fault { send: Some(SendFault::Hang), count: Some(1), ..Fault::default() });
    let processes = Processes { stack: &stack, folder: Folder::new(), gateway: base };
    let limit = [("PONTUAL_STOP_TIMEOUT", "1")];
    let first = processes.ready(&["worker"], free_port(), &limit).await;
    let phone = "5511988887777";
    let written = sim.customer_writes(INSTANCE, phone, "Marina", "Oi").await.unwrap();
    let sending = "select count(*) from app.outbound_messages where status = 'sending'";
    until("the send hangs", async || stack.value::<i64>(sending).await == 1).await;
    let holder: String = stack
        .value("select lock_by from apalis.jobs where job_type = 'deliver_messages' and lock_by is not null")
        .await;
    let second = processes.ready(&["worker"], free_port(), &limit).await;

    let since = Instant::now();
    first.signal(Signal::TERM);
    let (code, log) = tokio::task::spawn_blocking(|| first.exit()).await.unwrap();
    let ended = since.elapsed();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("still running"), "{log}");
    let known: i64 = sqlx::query_scalar("select count(*) from apalis.workers where id = $1")
        .bind(&holder)
        .fetch_one(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(known, 0, "who left holds nothing and is no worker any more");
    // The other one looks whether it went out, and waits for the end of the lease before it is sent
    // again: what hangs may still do it.
    let elsewhere = "select exists (select from apalis.jobs where job_type = 'deliver_messages'
                       and (lock_by is not null or status = 'Pending' and run_at > app.now()))";
    until("it goes on elsewhere", async || stack.value::<bool>(elsewhere).await).await;
    println!("the worker ended in {ended:?}; its job went on after {:?}", since.elapsed());
    // Nobody waits for its heartbeats to be missed, which takes 15 s.
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", second.log());
    assert!(sim.chat(INSTANCE, phone).iter().all(|message| message.id == written.id));
}

/// A look may be under way when the stop comes, and find something once nobody is there to do it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_look_finds_after_the_stop_goes_back_at_once() {
    let mut stack = Stack::new().await;
    let db = stack.db.owner.clone();
    sqlx::query("select queue.enqueue('send_reminder', '{}')").execute(&db).await.unwrap();
    // Who takes jobs asks whether their kind is paused, and waits here.
    let mut gate = db.begin().await.unwrap();
    sqlx::query("lock table queue.kinds in access exclusive mode")
        .execute(&mut *gate)
        .await
        .unwrap();
    stack.work();
    let looking = "select exists (select from pg_stat_activity
                     where query like '%queue.take(%' and wait_event_type = 'Lock')";
    until("a look waits", async || stack.value::<bool>(looking).await).await;
    let stopping = tokio::spawn(async move {
        stack.stop_working().await;
        stack
    });
    // Time for the workers of the kinds to end.
    tokio::time::sleep(Duration::from_millis(500)).await;
    gate.rollback().await.unwrap();
    let stack = stopping.await.unwrap();
    let job: (String, i32, Option<String>) =
        sqlx::query_as("select status, attempts, lock_by from apalis.jobs")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(job, ("Pending".to_owned(), 0, None));
    let workers: i64 = stack.value("select count(*) from apalis.workers").await;
    assert_eq!(workers, 0, "who holds nothing has left");
}

#[tokio::test]
async fn what_was_taken_and_lost_is_put_back_and_what_is_in_good_hands_is_not() {
    let stack = Stack::new().await;
    let db = &stack.db.owner;
    let take = "select id from queue.take($1, '{send_reminder}', '{1}')";
    let beat = async |worker: &str, held: &[String]| -> i32 {
        sqlx::query_scalar("select queue.beat(array[$1], '{send_reminder}', $2, '15 seconds')")
            .bind(worker)
            .bind(held)
            .fetch_one(db)
            .await
            .unwrap()
    };
    for worker in ["ours", "dead"] {
        beat(worker, &[]).await;
    }
    let mut taken: Vec<String> = Vec::new();
    for worker in ["ours", "ours", "dead"] {
        sqlx::query("select queue.enqueue('send_reminder', '{}')").execute(db).await.unwrap();
        taken.push(sqlx::query_scalar(take).bind([worker]).fetch_one(db).await.unwrap());
    }
    // A moment ago, it may be on its way.
    assert_eq!(beat("ours", &taken[..1]).await, 0);
    sqlx::raw_sql(
        "update apalis.jobs set lock_at = now() - interval '16 seconds';
         update apalis.workers set last_seen = now() - interval '16 seconds' where id = 'dead'",
    )
    .execute(db)
    .await
    .unwrap();
    assert_eq!(beat("ours", &taken[..1]).await, 2);
    let rows: Vec<(String, i32, Option<String>)> = sqlx::query_as(
        "select j.status, j.attempts, f.error from apalis.jobs j left join queue.failed_attempts f on f.job_id = j.id
          order by j.id",
    )
    .fetch_all(db)
    .await
    .unwrap();
    let told: Vec<_> =
        rows.iter().map(|(status, n, error)| (status.as_str(), *n, error.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("Queued", 1, None),
            ("Pending", 1, Some("its outcome was not written")),
            ("Pending", 1, Some("its worker died")),
        ],
        "an attempt counts when it begins"
    );
    let given: i32 = sqlx::query_scalar("select queue.give_back($1, '{ours}')")
        .bind(&taken[..1])
        .fetch_one(db)
        .await
        .unwrap();
    let attempts: i32 = sqlx::query_scalar("select attempts from apalis.jobs where id = $1")
        .bind(&taken[0])
        .fetch_one(db)
        .await
        .unwrap();
    assert_eq!((given, attempts), (1, 0), "what had not begun was no attempt");
}
