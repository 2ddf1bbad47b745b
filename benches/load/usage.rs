//! What processes and the server used between two moments.

use std::fs;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;

/// Of one process, or the server's processes together.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Used {
    /// Seconds of a core, in user and in kernel mode.
    pub(crate) cpu_seconds: f64,
    /// Resident now, in MiB; of the server, each shared page counted once.
    pub(crate) resident_mib: f64,
    /// The most that was ever resident, in MiB; not known of the server.
    pub(crate) most_resident_mib: f64,
}

/// A moment.
pub(crate) struct Reading {
    at: Instant,
    web: Used,
    worker: Used,
    postgres: Used,
    commits: i64,
    wal: i64,
}

/// What lies between two readings.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) seconds: f64,
    pub(crate) web: Used,
    pub(crate) worker: Used,
    pub(crate) postgres: Used,
    pub(crate) commits: i64,
    pub(crate) wal_bytes: i64,
}

impl Reading {
    pub(crate) async fn take(
        pool: &PgPool,
        web: u32,
        worker: u32,
        server: i32,
    ) -> anyhow::Result<Self> {
        let (commits, wal) = sqlx::query_as(
            "select d.xact_commit, (pg_current_wal_lsn() - '0/0')::bigint
               from pg_stat_database d where d.datname = current_database()",
        )
        .fetch_one(pool)
        .await?;
        Ok(Self {
            at: Instant::now(),
            web: used(web),
            worker: used(worker),
            postgres: used_by_server(server),
            commits,
            wal,
        })
    }

    pub(crate) fn until(&self, later: &Self) -> Usage {
        let between = |before: Used, after: Used| Used {
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            ..after
        };
        Usage {
            seconds: (later.at - self.at).as_secs_f64(),
            web: between(self.web, later.web),
            worker: between(self.worker, later.worker),
            postgres: between(self.postgres, later.postgres),
            commits: later.commits - self.commits,
            wal_bytes: later.wal - self.wal,
        }
    }
}

fn used(pid: u32) -> Used {
    Used {
        cpu_seconds: cpu_seconds(pid).unwrap_or_default(),
        resident_mib: field(pid, "status", "VmRSS:"),
        most_resident_mib: field(pid, "status", "VmHWM:"),
    }
}

fn used_by_server(postmaster: i32) -> Used {
    let mut all = Used::default();
    let Ok(entries) = fs::read_dir("/proc") else { return all };
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
    {
        if i64::from(pid) == i64::from(postmaster) || parent(pid) == Some(i64::from(postmaster)) {
            all.cpu_seconds += cpu_seconds(pid).unwrap_or_default();
            all.resident_mib += field(pid, "smaps_rollup", "Pss:");
        }
    }
    all
}

/// The fields of `/proc/<pid>/stat` after the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<i64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').skip(1).map(|field| field.trim().parse().unwrap_or_default()).collect())
}

fn parent(pid: u32) -> Option<i64> {
    stat(pid)?.first().copied()
}

fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = stat(pid)?;
    let ticks = stat.get(10)? + stat.get(11)?;
    #[expect(clippy::cast_precision_loss, reason = "ticks of a benchmark are far below 2^52")]
    let ticks = ticks as f64;
    // USER_HZ is 100 wherever Linux runs.
    Some(ticks / 100.0)
}

/// A size of a file of `/proc/<pid>`, which counts in KiB, in MiB.
fn field(pid: u32, file: &str, name: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = found.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}

/// What the numbers were measured on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    pub(crate) postgres: String,
    /// `name = value` of the server.
    pub(crate) settings: Vec<String>,
    /// Load average of the last minute before the run, and so what else ran.
    pub(crate) load_before: String,
}

impl Machine {
    pub(crate) async fn read(pool: &PgPool) -> anyhow::Result<Self> {
        let of = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|rest| rest.trim_start_matches([' ', '\t', ':']).trim().to_owned())
                .unwrap_or_default()
        };
        let memory = value(&of("/proc/meminfo"), "MemTotal");
        let memory = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or_default();
        let settings = sqlx::query_scalar(
            "select name || ' = ' || current_setting(name) from pg_settings
              where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size',
                             'wal_level', 'wal_compression', 'autovacuum', 'max_connections', 'jit', 'checkpoint_timeout')
              order by name",
        )
        .fetch_all(pool)
        .await?;
        Ok(Self {
            cpu: value(&of("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: (memory / 1_024.0 / 1_024.0 * 10.0).round() / 10.0,
            kernel: of("/proc/sys/kernel/osrelease").trim().to_owned(),
            postgres: sqlx::query_scalar("select current_setting('server_version')")
                .fetch_one(pool)
                .await?,
            settings,
            load_before: of("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        })
    }
}
