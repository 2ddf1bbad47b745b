//! The whole program under load: what it takes, how late it answers, and what that costs, beside what
//! the same server does of the same statements without it.
//!
//! `cargo bench --bench load` starts a server with a durable cluster of its own, one web and one
//! worker process, and a gateway that costs next to nothing; customers book and cancel through the
//! webhook as the gateway posts it. Printed, and written to `docs/benchmarks/` as JSON and SVG:
//! messages per second end to end at saturation, the same statements by pgbench as the limit,
//! latencies of webhook and reply at 50 and 200 messages a second, what processes use; then all of it
//! again with a million finished and a million planned rows. About seven minutes.
//!
//! `-- --quick` takes a minute, without the big tables and without writing files: it tries the
//! benchmark, or compares two builds; `-- --quick --history` takes three, with them. `-- --no-history`
//! leaves the big tables out, `-- --chart` draws the chart of the JSON that is there. `BENCH_CUSTOMERS` sets
//! how many write at once, `BENCH_PONTUAL` names another build of the program, `BENCH_SQL` a file that
//! is applied after migrating, `BENCH_LOG` is the processes' `RUST_LOG`.

mod chart;
mod customers;
mod gateway;
mod limit;
mod report;
mod soak;
mod stack;
mod usage;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use pontual::clock::Clock;

use self::customers::World;
use self::gateway::Gateway;
use self::report::{AtRate, Phase, Report, Saturated};
use self::stack::{Deployment, Server};
use self::usage::{Machine, Reading};

/// How many tenants share the million rows.
const TENANTS: usize = 200;
const RATES: [u32; 2] = [50, 200];

/// How long each part takes.
#[derive(Clone, Copy)]
struct Plan {
    warm: Duration,
    saturated: Duration,
    rate: Duration,
    limit: Duration,
    customers: usize,
}

fn main() -> anyhow::Result<()> {
    let given = |name: &str| std::env::args().any(|argument| argument == name);
    let quick = given("--quick");
    let seconds = Duration::from_secs;
    let customers = match std::env::var("BENCH_CUSTOMERS") {
        Ok(number) => number.parse().context("BENCH_CUSTOMERS")?,
        Err(_) => 64,
    };
    let plan = if quick {
        Plan {
            warm: seconds(10),
            saturated: seconds(10),
            rate: seconds(5),
            limit: seconds(10),
            customers,
        }
    } else {
        Plan {
            warm: seconds(8),
            saturated: seconds(30),
            rate: seconds(30),
            limit: seconds(25),
            customers,
        }
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks");
    if given("--chart") {
        let report = std::fs::read_to_string(folder.join("load.json"))?;
        return chart::write(&serde_json::from_str(&report)?, &folder.join("load.svg"));
    }
    let runtime = tokio::runtime::Runtime::new()?;
    if given("--soak") {
        return runtime.block_on(soak::run());
    }
    let report = runtime.block_on(run(
        plan,
        quick,
        given("--history") || !quick && !given("--no-history"),
    ))?;
    if !quick {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("load.json"), serde_json::to_string_pretty(&report)? + "\n")?;
        chart::write(&report, &folder.join("load.svg"))?;
        println!("written: docs/benchmarks/load.json, docs/benchmarks/load.svg");
    }
    Ok(())
}

async fn run(plan: Plan, quick: bool, history: bool) -> anyhow::Result<Report> {
    let begun = Clock::default().now();
    let server = Server::start().await?;
    let machine = Machine::read(&server.owner).await?;
    println!(
        "{}, {} cores, {} GiB, Linux {}, PostgreSQL {}; load before {}",
        machine.cpu,
        machine.cores,
        machine.memory_gib,
        machine.kernel,
        machine.postgres,
        machine.load_before
    );
    let mut phases = vec![phase(&server, plan, 0, "empty tables").await?];
    if history {
        let filling = Instant::now();
        server.tenants(stack::INSTANCES..TENANTS).await?;
        sqlx::raw_sql(include_str!("history.sql")).execute(&server.owner).await?;
        // Alone: no vacuum runs in a transaction.
        sqlx::raw_sql("vacuum (analyze)").execute(&server.owner).await?;
        sqlx::raw_sql("checkpoint").execute(&server.owner).await?;
        println!("big tables made in {:.0?}", filling.elapsed());
        let name = "big tables: 1,000,000 finished and 1,000,000 planned rows";
        phases.push(phase(&server, plan, 1, name).await?);
    }
    let rates: Vec<f64> = phases.iter().map(|phase| phase.saturated.messages_per_second).collect();
    let big_to_empty = (rates.len() > 1).then(|| rates[1] / rates[0]);
    if let Some(ratio) = big_to_empty {
        println!("big tables to empty ones: {ratio:.2}");
    }
    server.owner.close().await;
    Ok(Report { begun: begun.to_rfc3339(), quick, machine, phases, big_to_empty })
}

/// Everything at one size of the tables.
async fn phase(server: &Server, plan: Plan, nth: u64, tables: &str) -> anyhow::Result<Phase> {
    println!("{tables}");
    let since = Clock::default().now();
    let (gateway, gateway_port) = Gateway::start().await?;
    let deployment = Deployment::start(server, gateway_port).await?;
    let world = World::new(gateway.clone(), deployment.web_port, nth);
    world.saturate(plan.customers, plan.warm).await;

    let before = read(server, &deployment).await?;
    let latencies = world.saturate(plan.customers, plan.saturated).await;
    let usage = before.until(&read(server, &deployment).await?);
    let saturated = Saturated::of(plan.customers, latencies, usage);
    saturated.print();
    server.settle().await?;

    let mut rates = Vec::new();
    for rate in RATES {
        let told = at_rate(server, &deployment, &world, rate, plan.rate).await?;
        told.print();
        rates.push(told);
        server.settle().await?;
    }
    check(server, &gateway, &world, since).await?;
    drop(deployment);

    let limit = limit::measure(server, plan.limit).await?;
    let ratio =
        limit.as_ref().map(|limit| saturated.messages_per_second / limit.messages_per_second);
    if let (Some(limit), Some(ratio)) = (&limit, ratio) {
        println!(
            "  pgbench, the same statements: {:.0} messages/s ({:.0} % answered, {:.0} % sent); end to end is {ratio:.2} of it",
            limit.messages_per_second,
            limit.answered * 100.0,
            limit.sent * 100.0
        );
    }
    Ok(Phase { tables: tables.to_owned(), saturated, limit, ratio, rates })
}

async fn at_rate(
    server: &Server,
    deployment: &Deployment,
    world: &Arc<World>,
    rate: u32,
    time: Duration,
) -> anyhow::Result<AtRate> {
    let before = read(server, deployment).await?;
    let latencies = world.at_rate(rate, time).await.into();
    let usage = before.until(&read(server, deployment).await?);
    Ok(AtRate { messages_per_second: rate, latencies, usage })
}

async fn read(server: &Server, deployment: &Deployment) -> anyhow::Result<Reading> {
    let postmaster = server.cluster().server_pid().context("the server is gone")?;
    let [web, worker] = [&deployment.web, &deployment.worker].map(stack::Process::id);
    Reading::take(&server.owner, web, worker, postmaster).await
}

/// That what was measured is what was meant: talks since then end in bookings, each message has one
/// reply. Who still has a booking may move it where a newcomer makes one.
async fn check(
    server: &Server,
    gateway: &Gateway,
    world: &World,
    since: DateTime<Utc>,
) -> anyhow::Result<()> {
    let (agreed, cancelled, dead): (i64, i64, i64) = sqlx::query_as(
        r#"select count(*) filter (where effects @@ 'exists($[*] ? (@.effect == "confirm" || @.effect == "move"))'),
                  count(*) filter (where effects @@ 'exists($[*] ? (@.effect == "cancel"))'),
                  (select count(*) from apalis.jobs where status = 'Killed')
             from app.conversation_turns where at > $1"#,
    )
    .bind(since)
    .fetch_one(&server.owner)
    .await?;
    let talks = world.talks();
    println!(
        "  {talks} talks ended, {agreed} visits were booked or moved, {cancelled} cancelled, {} sends",
        gateway.sends()
    );
    ensure!(dead == 0, "{dead} jobs are dead");
    ensure!(gateway.unknown() == 0, "{} sends to nobody", gateway.unknown());
    ensure!(u64::try_from(agreed)? * 10 > talks * 8, "talks do not end in bookings");
    Ok(())
}
