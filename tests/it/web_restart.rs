//! The web process is killed under load and is away for ten seconds, while the gateway goes on
//! delivering as it does: tried again after 5, 10, 20 … seconds, here a tenth of them.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pontual::channel::whatsapp::client::Gateway;
use pontual::gateway_sim::{self, Sim, SimConfig, WebhookCounts};
use pontual::jobs::{Context, Settings, Workers};
use sqlx::PgPool;

use crate::support::stack::{PATIENCE, SECRET, Stack};

const INSTANCE: &str = "studio-lua";
/// Customers who write without waiting for answers, one message each second.
const WRITERS: usize = 30;
const MESSAGES: usize = 18;
/// Customers who talk until they have a booking.
const BOOKERS: usize = 6;
const AWAY: Duration = Duration::from_secs(10);
/// Of the real delays between two tries.
const RETRY_SCALE: f64 = 0.1;

#[tokio::test]
async fn nothing_is_lost_doubled_or_disordered_while_the_web_process_is_away() {
    let stack = Stack::new().await;
    let (sim, gateway) = gateway(&stack).await;
    let mut web = Web::new(&stack);
    web.start();
    web.wait_until_ready(&stack).await;
    sim.create_instance(INSTANCE, &web.webhook(), &[("jwt_key", SECRET)]);
    let cx = Context { gateway: Gateway::new(&gateway).unwrap(), ..stack.context() };
    let workers = Workers::start(cx, Settings { concurrency: 4 });

    let writing: Vec<_> =
        (0..WRITERS).map(|number| tokio::spawn(write(sim.clone(), number))).collect();
    let booking: Vec<_> =
        (0..BOOKERS).map(|number| tokio::spawn(book(sim.clone(), number))).collect();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before = sim.webhook_counts();
    web.kill();
    tokio::time::sleep(AWAY).await;
    let away = sim.webhook_counts();
    web.start();

    let mut written: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for writer in writing {
        let (phone, ids) = writer.await.unwrap();
        written.insert(phone, ids);
    }
    let mut talked = 0;
    for booker in booking {
        talked += booker.await.unwrap();
    }
    let counts = all_delivered(&sim).await;
    stack.settle().await;
    workers.stop(PATIENCE).await;

    let messages = WRITERS * MESSAGES + talked;
    assert!(away.pending > before.pending + 100, "nothing came while it was away: {away:?}");
    assert_eq!((counts.refused, counts.given_up), (0, 0), "{counts:?}");
    assert_eq!(stored(&stack.db.owner).await, written_by_all(&sim, messages));
    for (phone, ids) in &written {
        assert_eq!(&in_order(&stack.db.owner, phone).await, ids, "{phone}");
    }
    assert_eq!(overtaken(&stack.db.owner).await, 0);
    let booked = one_booking_each(&stack.db.owner).await;
    let sent = each_sent_once(&stack.db.owner, &sim).await;
    assert!(stack.violations().await.is_empty(), "{:#?}", stack.violations().await);
    println!(
        "away {AWAY:?}: {messages} messages of {} customers, {} waiting when it came back; \
         {} webhooks in {} tries, none refused, none given up; all stored once and in order; \
         {booked} bookings for {BOOKERS} customers; {sent} answers, each sent once",
        WRITERS + BOOKERS,
        away.pending,
        counts.delivered,
        counts.tries,
    );
}

/// A gateway that tries again more slowly than those of other tests, and where it answers.
async fn gateway(stack: &Stack) -> (Sim, String) {
    let config = SimConfig { clock: stack.clock, retry_scale: RETRY_SCALE, ..SimConfig::fast() };
    let sim = Sim::new(config);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let served = sim.clone();
    tokio::spawn(async move { gateway_sim::serve(listener, served).await });
    (sim, base)
}

/// One message each second; the phone, and the messages' ids in their order.
async fn write(sim: Sim, number: usize) -> (String, Vec<String>) {
    let phone = format!("55119{:08}", 80_000_000 + number);
    let mut ticks = tokio::time::interval(Duration::from_millis(1_020));
    let mut tries = Vec::new();
    for message in 0..MESSAGES {
        ticks.tick().await;
        let (sim, phone) = (sim.clone(), phone.clone());
        // The first try is not waited for: people go on writing.
        tries.push(tokio::spawn(async move {
            let text = format!("mensagem {message}");
            sim.customer_writes(INSTANCE, &phone, "", &text).await.unwrap().id
        }));
    }
    let mut ids = Vec::with_capacity(MESSAGES);
    for first_try in tries {
        ids.push(first_try.await.unwrap());
    }
    (phone, ids)
}

/// Talks until there is a booking, each answer waited for; how many messages that took.
async fn book(sim: Sim, number: usize) -> usize {
    let phone = format!("55219{:08}", 70_000_000 + number);
    // Some are in the middle of it when the web process goes away, some begin without it.
    tokio::time::sleep(Duration::from_millis(2_500) * u32::try_from(number).unwrap()).await;
    let mut text = "Oi";
    for messages in 1..=15 {
        let written = sim.customer_writes(INSTANCE, &phone, "Ana", text).await.unwrap();
        let reply = sim.wait_for_reply(INSTANCE, &phone, &written.id, 2 * PATIENCE).await;
        let reply = reply.unwrap_or_else(|| panic!("no answer to {phone}'s {text:?}"));
        if reply.text.contains("Agendado") {
            return messages;
        }
        // The first of what is offered; somebody else may have been quicker.
        text = "1";
    }
    panic!("{phone} has no booking after 15 messages");
}

async fn all_delivered(sim: &Sim) -> WebhookCounts {
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        let counts = sim.webhook_counts();
        if counts.pending == 0 {
            return counts;
        }
        assert!(Instant::now() < deadline, "{counts:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How often each message of a customer is in the inbox.
async fn stored(db: &PgPool) -> HashMap<String, i64> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select provider_id, count(*) from app.inbound_messages
          where processed_at is not null group by provider_id",
    )
    .fetch_all(db)
    .await
    .unwrap();
    rows.into_iter().collect()
}

/// Each message that customers have on their phones, once.
fn written_by_all(sim: &Sim, messages: usize) -> HashMap<String, i64> {
    let phones = (0..WRITERS)
        .map(|number| format!("55119{:08}", 80_000_000 + number))
        .chain((0..BOOKERS).map(|number| format!("55219{:08}", 70_000_000 + number)));
    let written: HashMap<_, _> = phones
        .flat_map(|phone| sim.chat(INSTANCE, &phone))
        .filter(|message| message.from == gateway_sim::Author::Customer)
        .map(|message| (message.id, 1))
        .collect();
    assert_eq!(written.len(), messages);
    written
}

/// A customer's messages as people read them.
async fn in_order(db: &PgPool, phone: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select m.provider_id
           from app.inbound_messages m
           join app.conversations c on c.id = m.conversation_id
           join app.customers k on k.id = c.customer_id
          where k.phone = '+' || $1
          order by m.sent_at, m.received_at, m.id",
    )
    .bind(phone)
    .fetch_all(db)
    .await
    .unwrap()
}

/// Messages that were answered before an earlier one of the same customer which had come before.
async fn overtaken(db: &PgPool) -> i64 {
    sqlx::query_scalar(
        "select count(*)
           from app.inbound_messages earlier
           join app.inbound_messages later using (tenant_id, conversation_id)
          where earlier.sent_at < later.sent_at
            and earlier.received_at < later.received_at
            and earlier.processed_at > later.processed_at",
    )
    .fetch_one(db)
    .await
    .unwrap()
}

async fn one_booking_each(db: &PgPool) -> i64 {
    let (bookings, customers): (i64, i64) = sqlx::query_as(
        "select count(*), count(distinct customer_id)
           from app.bookings where status = 'confirmed'",
    )
    .fetch_one(db)
    .await
    .unwrap();
    let expected = i64::try_from(BOOKERS).unwrap();
    assert_eq!((bookings, customers), (expected, expected));
    bookings
}

/// Compares what was to be sent with what the gateway has sent.
async fn each_sent_once(db: &PgPool, sim: &Sim) -> usize {
    let mut wanted: Vec<String> = sqlx::query_scalar(
        "select provider_id from app.outbound_messages where status in ('sent', 'delivered', 'read')",
    )
    .fetch_all(db)
    .await
    .unwrap();
    let unsent: i64 = sqlx::query_scalar(
        "select count(*) from app.outbound_messages
          where status not in ('sent', 'delivered', 'read', 'cancelled')",
    )
    .fetch_one(db)
    .await
    .unwrap();
    assert_eq!(unsent, 0);
    let mut sent: Vec<String> = sim.sent().into_iter().filter_map(|sent| sent.id).collect();
    wanted.sort();
    sent.sort();
    assert_eq!(sent, wanted);
    sent.len()
}

/// `pontual web` on a port that it keeps when it is started again.
struct Web {
    process: Option<Child>,
    port: u16,
    database: String,
    clock_offset: i64,
    folder: PathBuf,
}

impl Web {
    fn new(stack: &Stack) -> Self {
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("pontual-web-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            process: None,
            port,
            database: stack.db.url_app(),
            clock_offset: stack.clock.offset().num_seconds(),
            folder,
        }
    }

    fn webhook(&self) -> String {
        format!("http://127.0.0.1:{}/webhooks/evolution", self.port)
    }

    fn start(&mut self) {
        let process = Command::new(env!("CARGO_BIN_EXE_pontual"))
            .arg("web")
            // Away from anybody's settings.
            .current_dir(&self.folder)
            .env("DATABASE_URL", &self.database)
            .env("PONTUAL_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("PONTUAL_CLOCK_OFFSET", self.clock_offset.to_string())
            .env("EVOLUTION_WEBHOOK_SECRETS", SECRET)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    async fn wait_until_ready(&self, stack: &Stack) {
        let live = format!("http://127.0.0.1:{}/health/live", self.port);
        let deadline = Instant::now() + PATIENCE;
        while !stack.http.get(&live).send().await.is_ok_and(|answer| answer.status() == 200) {
            assert!(Instant::now() < deadline, "the web process does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// As the kernel does it: nothing is finished, nothing is said.
    fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
