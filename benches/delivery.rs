//! How fast the outbox of one WhatsApp number empties when nothing is asked to be slow: a hundred
//! messages of a hundred conversations, through workers and a simulated gateway in this process,
//! with 5,000 messages waiting for later and a million finished ones behind them.
//!
//! `cargo bench --bench delivery` makes a database of its own on an embedded server, prints the
//! times, and fails where the median passes a second. `PONTUAL_BENCH_MESSAGES` sets another number
//! of finished messages.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use pontual::channel::Channels;
use pontual::channel::whatsapp::client::Gateway;
use pontual::clock::Clock;
use pontual::db;
use pontual::domain::tenant_file;
use pontual::embedded::{Cluster, Options, Profile};
use pontual::gateway_sim::{self, Sim, SimConfig};
use pontual::jobs::{self, GatewayKeys, Settings, Workers};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::net::TcpListener;

const BOUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 7;

fn main() -> anyhow::Result<()> {
    let finished: i64 = match std::env::var("PONTUAL_BENCH_MESSAGES") {
        Ok(number) => number.parse().context("PONTUAL_BENCH_MESSAGES")?,
        Err(_) => 1_000_000,
    };
    let state_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/.data");
    let cluster = Cluster::start(&Options::from_environment(state_dir, Profile::Ephemeral)?)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(run(&cluster.url("postgres"), finished));
    cluster.stop_if_last()?;
    done
}

async fn run(url: &str, finished: i64) -> anyhow::Result<()> {
    let clock = Clock::default();
    let pool = db::connect(url, 12, clock).await?;
    db::migrate(&pool).await?;
    let text = include_str!("../sql/seeds/studio-lua.toml");
    let file = tenant_file::parse(text).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    db::tenants::apply(&pool, clock, &file).await?;
    sqlx::query("update app.instances set send_gap = '0', typing = false").execute(&pool).await?;
    fill(&pool, finished).await?;

    let sim = Sim::new(SimConfig { clock, ..SimConfig::fast() });
    // What is no web address is never called.
    sim.create_instance("studio-lua", "nowhere", &[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(gateway_sim::serve(listener, sim.clone()));
    let cx = jobs::Context {
        pool: pool.clone(),
        clock,
        gateway: Gateway::new(&base)?,
        keys: GatewayKeys::new(SimConfig::default().api_key, HashMap::new()),
        channels: Channels::default(),
        copies: db::Copies::default(),
        model: None,
    };
    let workers = Workers::start(cx, Settings { concurrency: 8 });

    let mut times = Vec::new();
    for round in 0..ROUNDS {
        times.push(one_round(&pool, round).await?);
    }
    workers.stop(Duration::from_secs(5)).await;
    times.sort_unstable();
    let (median, worst) = (times[ROUNDS / 2], times[ROUNDS - 1]);
    println!(
        "100 messages of one instance, {finished} finished ones: median {median:?}, worst {worst:?}"
    );
    ensure!(sim.sent().len() == 100 * ROUNDS, "each once");
    ensure!(median <= BOUND, "slower than {BOUND:?}");
    Ok(())
}

/// A hundred new conversations write at once; how long until the last message is accepted.
async fn one_round(pool: &PgPool, round: usize) -> anyhow::Result<Duration> {
    let from = 100 * round;
    let mut tx = pool.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "create temp table talk on commit drop as
           select c.tenant_id, c.id, row_number() over (order by c.id) as n from app.conversations c
            order by c.id offset {from} limit 100;
         insert into app.outbound_messages (tenant_id, conversation_id, body)
           select tenant_id, id, 'Olá ' || n from talk;
         select queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant_id, 'conversation_id', id)) from talk"
    )))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let began = Instant::now();
    loop {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from app.outbound_messages
              where status in ('queued', 'sending', 'unknown') and due_at <= queue.now()",
        )
        .fetch_one(pool)
        .await?;
        if open == 0 {
            return Ok(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn fill(pool: &PgPool, finished: i64) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(format!(
        "insert into app.customers (tenant_id, phone)
           select t.id, '+5511' || (900000000 + n) from app.tenants t, generate_series(1, 6000) n;
         insert into app.conversations (tenant_id, customer_id, instance_id)
           select c.tenant_id, c.id, i.id from app.customers c join app.instances i on i.tenant_id = c.tenant_id;
         set session_replication_role = replica;
         insert into app.outbound_messages (tenant_id, conversation_id, instance_id, body, status, provider_id, attempts)
           select c.tenant_id, c.ids[1 + n % 6000], c.instance_id, 'x', 'read', 'F' || n, 1
             from (select tenant_id, instance_id, array_agg(id order by id) as ids from app.conversations group by 1, 2) c,
                  generate_series(1, {finished}) n;
         insert into app.outbound_messages (tenant_id, conversation_id, instance_id, body, due_at)
           select tenant_id, id, instance_id, 'later', app.now() + interval '1 day'
             from (select * from app.conversations order by id desc limit 5000) c;
         reset session_replication_role;
         analyze"
    )))
    .execute(pool)
    .await?;
    Ok(())
}
