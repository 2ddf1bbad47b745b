//! What a run found, told as text and kept as JSON.

use serde::{Deserialize, Serialize};

use super::customers::Latencies;
use super::limit::Limit;
use super::usage::{Machine, Usage};

/// A whole run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// When it began, RFC 3339.
    pub(crate) begun: String,
    /// Short runs try the benchmark itself; their numbers mean little.
    pub(crate) quick: bool,
    pub(crate) machine: Machine,
    pub(crate) phases: Vec<Phase>,
    /// Messages per second with the big tables, of those with the empty ones.
    pub(crate) big_to_empty: Option<f64>,
}

/// One size of the tables.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Phase {
    /// `empty tables`, or what is in them.
    pub(crate) tables: String,
    pub(crate) saturated: Saturated,
    pub(crate) limit: Option<Limit>,
    /// End to end, of the limit.
    pub(crate) ratio: Option<f64>,
    pub(crate) rates: Vec<AtRate>,
}

/// As many messages as are answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saturated {
    pub(crate) customers: usize,
    pub(crate) messages_per_second: f64,
    pub(crate) latencies: Told,
    pub(crate) usage: Usage,
    pub(crate) commits_per_message: f64,
    pub(crate) wal_bytes_per_message: f64,
    pub(crate) cpu_ms_per_message: CpuShares,
}

/// Milliseconds of a core.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CpuShares {
    pub(crate) web: f64,
    pub(crate) worker: f64,
    pub(crate) postgres: f64,
}

/// A number of messages a second, whatever the answers take.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AtRate {
    pub(crate) messages_per_second: u32,
    pub(crate) latencies: Told,
    pub(crate) usage: Usage,
}

/// Latencies in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) webhook: Percentiles,
    pub(crate) end_to_end: Percentiles,
    pub(crate) refused: u64,
    pub(crate) unanswered: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let count = micros.len();
        let at = |per_mille: usize| {
            let nth = (count * per_mille / 1_000).min(count.saturating_sub(1));
            micros.get(nth).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
        };
        Self { count, p50: at(500), p90: at(900), p99: at(990), p999: at(999), max: at(1_000) }
    }
}

impl From<Latencies> for Told {
    fn from(latencies: Latencies) -> Self {
        Self {
            webhook: Percentiles::of(latencies.webhook),
            end_to_end: Percentiles::of(latencies.end_to_end),
            refused: latencies.refused,
            unanswered: latencies.unanswered,
        }
    }
}

impl Saturated {
    pub(crate) fn of(customers: usize, latencies: Latencies, usage: Usage) -> Self {
        let count = u32::try_from(latencies.end_to_end.len()).unwrap_or(u32::MAX).max(1);
        let each = |whole: f64| whole / f64::from(count);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let [commits, wal] = [usage.commits as f64, usage.wal_bytes as f64];
        Self {
            customers,
            messages_per_second: f64::from(count) / usage.seconds,
            latencies: latencies.into(),
            usage,
            commits_per_message: each(commits),
            wal_bytes_per_message: each(wal),
            cpu_ms_per_message: CpuShares {
                web: each(usage.web.cpu_seconds * 1_000.0),
                worker: each(usage.worker.cpu_seconds * 1_000.0),
                postgres: each(usage.postgres.cpu_seconds * 1_000.0),
            },
        }
    }

    pub(crate) fn print(&self) {
        let Self { latencies, usage, cpu_ms_per_message: cpu, .. } = self;
        println!(
            "  saturated: {:.0} messages/s end to end with {} customers at once",
            self.messages_per_second, self.customers
        );
        latencies.print();
        println!(
            "    a message costs {:.2} ms of web, {:.2} ms of worker, {:.2} ms of postgres; {:.1} commits; {:.0} bytes of WAL",
            cpu.web, cpu.worker, cpu.postgres, self.commits_per_message, self.wal_bytes_per_message
        );
        println!(
            "    resident: web {:.0} MiB (most {:.0}), worker {:.0} MiB (most {:.0}), postgres {:.0} MiB",
            usage.web.resident_mib,
            usage.web.most_resident_mib,
            usage.worker.resident_mib,
            usage.worker.most_resident_mib,
            usage.postgres.resident_mib
        );
    }
}

impl AtRate {
    pub(crate) fn print(&self) {
        let share = |cpu: f64| cpu / self.usage.seconds * 100.0;
        println!(
            "  {} messages/s: web {:.0} %, worker {:.0} %, postgres {:.0} % of a core",
            self.messages_per_second,
            share(self.usage.web.cpu_seconds),
            share(self.usage.worker.cpu_seconds),
            share(self.usage.postgres.cpu_seconds)
        );
        self.latencies.print();
    }
}

impl Told {
    fn print(&self) {
        for (name, of) in [("webhook", self.webhook), ("end to end", self.end_to_end)] {
            println!(
                "    {name:10} p50 {:6.1}  p90 {:6.1}  p99 {:6.1}  p99.9 {:6.1}  max {:6.1} ms  ({})",
                of.p50, of.p90, of.p99, of.p999, of.max, of.count
            );
        }
        if self.refused + self.unanswered > 0 {
            println!("    {} refused, {} unanswered", self.refused, self.unanswered);
        }
    }
}
