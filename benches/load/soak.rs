//! An hour at a steady rate, and whether anything grows.
//!
//! `cargo bench --bench load -- --soak`; `SOAK_MINUTES` (60) and `SOAK_RATE` (75 messages a second,
//! half of what docs/benchmarks.md has) change it. Every ten seconds the memory of web and worker is
//! read, every minute the server's connections, the queue and its tables. It fails if the median of the
//! last quarter is above that of the first by more than [`GROWTH`], if a webhook was refused, or a
//! message had no reply.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::customers::World;
use super::gateway::Gateway;
use super::read;
use super::report::AtRate;
use super::stack::{Deployment, Server};

/// Between two readings.
const SLICE: Duration = Duration::from_secs(10);
const SLICES_A_MINUTE: usize = 6;
/// What the last quarter may have more than the first, in MiB: allocators take their time to level off.
const GROWTH: f64 = 8.0;
/// Not counted: connections are opened, statements prepared, memory is taken for the first time.
const WARM: Duration = Duration::from_secs(20);

/// The state of the server at a moment.
#[derive(sqlx::FromRow)]
struct Tables {
    connections: i64,
    waiting: i64,
    jobs: i64,
    dead_tuples: i64,
    size_mib: i64,
}

/// Runs for as long as the environment says.
pub(crate) async fn run() -> anyhow::Result<()> {
    let minutes: usize = from_environment("SOAK_MINUTES", 60)?;
    let rate: u32 = from_environment("SOAK_RATE", 75)?;
    let server = Server::start().await?;
    let (gateway, gateway_port) = Gateway::start().await?;
    let deployment = Deployment::start(&server, gateway_port).await?;
    let world = World::new(gateway, deployment.web_port, 0);
    println!("{rate} messages a second for {minutes} minutes");
    world.at_rate(rate, WARM).await;

    let (mut web, mut worker, mut unanswered) = (Vec::new(), Vec::new(), 0);
    for minute in 1..=minutes {
        let before = read(&server, &deployment).await?;
        let mut latencies = super::customers::Latencies::default();
        for _ in 0..SLICES_A_MINUTE {
            let slice = read(&server, &deployment).await?;
            latencies.append(world.at_rate(rate, SLICE).await);
            let usage = slice.until(&read(&server, &deployment).await?);
            web.push(usage.web.resident_mib);
            worker.push(usage.worker.resident_mib);
        }
        unanswered += latencies.refused + latencies.unanswered;
        let usage = before.until(&read(&server, &deployment).await?);
        let now = tables(&server).await?;
        println!(
            "minute {minute}: {} connections, {} jobs wait of {} that are kept, {} dead tuples, {} MiB",
            now.connections, now.waiting, now.jobs, now.dead_tuples, now.size_mib
        );
        AtRate { messages_per_second: rate, latencies: latencies.into(), usage }.print();
    }
    server.settle().await?;
    drop(deployment);
    server.owner.close().await;
    let grown = [("web", web), ("worker", worker)].map(|(name, samples)| {
        let quarter = samples.len().div_ceil(4);
        let first = median(&samples[..quarter]);
        let last = median(&samples[samples.len() - quarter..]);
        println!(
            "{name}: {first:.1} MiB in the first quarter, {last:.1} MiB in the last; {:+.2} MiB an hour",
            slope(&samples)
        );
        last - first
    });
    ensure!(unanswered == 0, "{unanswered} messages were refused or had no reply");
    ensure!(grown.iter().all(|grown| *grown <= GROWTH), "memory grows: {grown:.1?} MiB");
    Ok(())
}

fn from_environment<T: std::str::FromStr>(name: &'static str, default: T) -> anyhow::Result<T> {
    let Ok(written) = std::env::var(name) else { return Ok(default) };
    written.parse().ok().context(name)
}

async fn tables(server: &Server) -> anyhow::Result<Tables> {
    let tables = sqlx::query_as(
        "select (select count(*) from pg_stat_activity where datname = current_database()) as connections,
                (select count(*) from apalis.jobs where status = 'Pending' and run_at <= now()) as waiting,
                (select count(*) from apalis.jobs) as jobs,
                (select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables) as dead_tuples,
                pg_database_size(current_database()) / 1048576 as size_mib",
    );
    Ok(tables.fetch_one(&server.owner).await?)
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Of the line with the least squares through the samples, in an hour.
#[expect(clippy::cast_precision_loss, reason = "some hundred samples")]
fn slope(samples: &[f64]) -> f64 {
    let n = samples.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = samples.iter().sum::<f64>() / n;
    let places =
        samples.iter().enumerate().map(|(nth, sample)| (nth as f64 - middle, sample - mean));
    let (over, under) = places.fold((0.0, 0.0), |(over, under), (place, sample)| {
        (over + place * sample, under + place * place)
    });
    if under == 0.0 { 0.0 } else { over / under * 3_600.0 / SLICE.as_secs_f64() }
}
