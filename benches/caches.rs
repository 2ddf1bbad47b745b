//! What remembering saves: the load of a turn with and without the catalogue in the process, and with
//! the dialogue's copy in each store.
//!
//! `cargo bench --bench caches` makes a database of its own on an embedded server and prints, for a
//! small and a large tenant, the median time of a load, what the database sends, and the processor
//! time that a thousand loads take on both sides; then how much memory a catalogue takes. Redis is
//! Debian's `redis-server`, where there is one.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use pontual::clock::Clock;
use pontual::db::catalogues::Catalogues;
use pontual::db::dialogue::{DialogueKey, Dialogues, Kept, MemoryStore, RedisStore};
use pontual::db::turns::{self, Begun};
use pontual::db::{self, Copies, TenantTx};
use pontual::domain::tenant_file;
use pontual::embedded::{Cluster, Options, Profile};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

const ROUNDS: usize = 1_000;
const HOUR: Duration = Duration::from_hours(1);
/// (name, services, staff)
const SIZES: [(&str, usize, usize); 2] = [("small", 4, 2), ("large", 40, 12)];
const TENANTS: usize = 200;

fn main() -> anyhow::Result<()> {
    let state_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/.data");
    let cluster = Cluster::start(&Options::from_environment(state_dir, Profile::Ephemeral)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(run(&cluster.url("postgres")));
    cluster.stop_if_last()?;
    done
}

async fn run(url: &str) -> anyhow::Result<()> {
    let now: DateTime<Utc> = "2026-03-09T13:00:00Z".parse()?;
    let pool = db::connect(url, 1, Clock::starting_at(now)).await?;
    db::migrate(&pool).await?;
    let redis = Redis::start();
    let (backend,): (i32,) = sqlx::query_as("select pg_backend_pid()").fetch_one(&pool).await?;
    println!("tenant  remembered              median     sent       ours   database  (per load)");
    for (name, services, staff) in SIZES {
        let key = tenant(&pool, now, name, services, staff).await?;
        let mut ways = vec![
            ("nothing", Catalogues::with_room(0), Dialogues::default()),
            ("catalogue", Catalogues::default(), Dialogues::default()),
            ("catalogue, memory", Catalogues::default(), Dialogues::new(MemoryStore::new(HOUR))),
        ];
        if let Some(redis) = &redis {
            let store = RedisStore::new(&redis.url(), HOUR)?;
            ways.push(("catalogue, redis", Catalogues::default(), Dialogues::new(store)));
        }
        for (way, catalogues, dialogues) in ways {
            let copies = Copies { catalogues, dialogues };
            let row: Value = {
                let mut db = TenantTx::begin(&pool, key.tenant, now).await?;
                let query = "select context from app.conversations where id = $1";
                sqlx::query_scalar(query).bind(key.conversation).fetch_one(db.conn()).await?
            };
            copies.dialogues.keep(key, Kept::of(&row)).await;
            let sent = sent(&pool, key, now, &copies, &row).await?;
            for _ in 0..50 {
                load(&pool, key, now, &copies).await?;
            }
            let (ours, theirs) = (cpu("self")?, cpu(&backend.to_string())?);
            let mut times = Vec::with_capacity(ROUNDS);
            for _ in 0..ROUNDS {
                let start = Instant::now();
                load(&pool, key, now, &copies).await?;
                times.push(start.elapsed());
            }
            let rounds = u32::try_from(ROUNDS)?;
            let ours = cpu("self")?.saturating_sub(ours) / rounds;
            let theirs = cpu(&backend.to_string())?.saturating_sub(theirs) / rounds;
            times.sort_unstable();
            println!(
                "{name:7} {way:18} {:>8} µs {sent:>7} B {:>7} µs {:>7} µs",
                times[ROUNDS / 2].as_micros(),
                ours.as_micros(),
                theirs.as_micros()
            );
        }
    }
    memory(&pool, now).await
}

/// What catalogues of many tenants take in this process, told and measured.
async fn memory(pool: &PgPool, now: DateTime<Utc>) -> anyhow::Result<()> {
    let copies = Copies { catalogues: Catalogues::with_room(1_024), ..Copies::default() };
    let mut keys = Vec::new();
    for n in 0..TENANTS {
        keys.push(tenant(pool, now, &format!("m{n}"), SIZES[1].1, SIZES[1].2).await?);
    }
    let before = resident()?;
    for key in keys {
        load(pool, key, now, &copies).await?;
    }
    let grown = resident()?.saturating_sub(before) / 1_024;
    let (entries, bytes) = copies.catalogues.size();
    println!(
        "{entries} large catalogues: counted as {} KiB, resident {grown} KiB more",
        bytes / 1_024
    );
    Ok(())
}

/// A tenant with a conversation that is past its greeting and has something to read.
async fn tenant(
    pool: &PgPool,
    now: DateTime<Utc>,
    name: &str,
    services: usize,
    staff: usize,
) -> anyhow::Result<DialogueKey> {
    let file = tenant_file::parse(&tenant_toml(name, services, staff))
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let tenant = db::tenants::apply(pool, Clock::starting_at(now), &file).await?;
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    let conversation: Uuid = sqlx::query_scalar(
        "with c as (insert into app.customers (tenant_id, phone, name)
                    values (app.tenant_id(), '+5511988887777', 'Marina') returning id),
              v as (insert into app.conversations (tenant_id, customer_id, instance_id, context, state)
                    select app.tenant_id(), c.id, i.id, $1, 'service_selection'
                      from c, app.instances i where i.tenant_id = app.tenant_id() returning *)
         insert into app.inbound_messages (tenant_id, instance_id, conversation_id, provider_id, kind, body, sent_at, received_at)
         select tenant_id, instance_id, id, 'x', 'text', '{\"text\": \"oi\"}', app.now() - interval '1 min', app.now() - interval '1 min'
           from v returning conversation_id",
    )
    .bind(dialogue())
    .fetch_one(db.conn())
    .await?;
    // Named in the journal once, as by any turn.
    let copies = Copies::default();
    ensure!(matches!(turns::begin(&mut db, conversation, &copies, None).await?, Begun::Turn(_)));
    db.commit().await?;
    Ok(DialogueKey { tenant, conversation })
}

/// About as large as one in the middle of choosing a time.
fn dialogue() -> Value {
    let slot = json!({ "staff_id": Uuid::nil(), "starts_at": "2026-03-12T18:00:00Z", "label": "qui 12/03 15h" });
    json!({ "state": { "state": "service_selection" }, "greeted": true, "menu": vec![slot; 10] })
}

/// As a turn does it, up to where it would be decided.
async fn load(
    pool: &PgPool,
    key: DialogueKey,
    now: DateTime<Utc>,
    copies: &Copies,
) -> anyhow::Result<()> {
    let kept = copies.dialogues.recall(key).await;
    let mut db = TenantTx::begin(pool, key.tenant, now).await?;
    let begun = turns::begin(&mut db, key.conversation, copies, kept.as_ref()).await?;
    ensure!(matches!(begun, Begun::Turn(_)), "there is nothing to read");
    db.rollback().await?;
    Ok(())
}

/// Bytes that the database sends for it.
async fn sent(
    pool: &PgPool,
    key: DialogueKey,
    now: DateTime<Utc>,
    copies: &Copies,
    row: &Value,
) -> anyhow::Result<usize> {
    load(pool, key, now, copies).await?;
    let mut known = json!({});
    if let Some(remembered) = copies.catalogues.of(key.tenant) {
        known["catalogue_version"] = json!(remembered.version);
        known["catalogue_hash"] = json!(remembered.hash);
    }
    if copies.dialogues.recall(key).await.is_some() {
        known["context_hash"] = json!(Kept::of(row).hash());
    }
    let mut db = TenantTx::begin(pool, key.tenant, now).await?;
    let text: String = sqlx::query_scalar("select app.begin_turn($1, known => $2)::text")
        .bind(key.conversation)
        .bind(known)
        .fetch_one(db.conn())
        .await?;
    Ok(text.len())
}

/// Processor time of a process so far; the kernel counts in hundredths of a second.
fn cpu(process: &str) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no stat")?;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Bytes of this process in memory.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no VmRSS")?.parse()?;
    Ok(kib * 1_024)
}

fn tenant_toml(name: &str, services: usize, staff: usize) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "slug = \"{name}\"\nname = \"Salon {name}\"\nlocale = \"pt-BR\"\n\
         timezone = \"America/Sao_Paulo\"\ncurrency = \"BRL\"\n[instance]\nname = \"{name}\"\n[hours]\n"
    );
    for day in ["mon", "tue", "wed", "thu", "fri", "sat"] {
        let _ = writeln!(text, "{day} = [\"09:00-12:00\", \"13:00-18:00\"]");
    }
    let mut keys = Vec::new();
    for n in 0..services {
        let _ = writeln!(
            text,
            "[[services]]\nkey = \"s{n}\"\nname = \"Service {n}\"\nsynonyms = [\"number {n}\"]\n\
             duration = \"45m\"\nprice = \"80.00\""
        );
        keys.push(format!("\"s{n}\""));
    }
    for n in 0..staff {
        let _ = writeln!(
            text,
            "[[staff]]\nkey = \"m{n}\"\nname = \"Member {n}\"\nservices = [{}]",
            keys.join(", ")
        );
    }
    text
}

/// A server of this run, in a folder of its own.
struct Redis {
    child: Child,
    folder: PathBuf,
}

impl Redis {
    /// `None`, with a line that says so: this machine has none.
    fn start() -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("pontual-bench-{}", std::process::id()));
        std::fs::create_dir(&folder).ok()?;
        let started = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(folder.join("redis.sock"))
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            println!("no redis-server on this machine: not measured");
            let _ = std::fs::remove_dir_all(&folder);
            return None;
        };
        let limit = Instant::now() + Duration::from_secs(10);
        while !folder.join("redis.sock").exists() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { child, folder })
    }

    fn url(&self) -> String {
        format!("redis+unix://{}/redis.sock", self.folder.display())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
