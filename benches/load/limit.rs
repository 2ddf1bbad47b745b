//! The limit: what the server alone does of the same statements, driven by pgbench.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;

use super::stack::Server;

/// Connections of pgbench: with fewer, the server waits for commits to reach the disk; more change
/// nothing.
const CLIENTS: u32 = 16;
const WORKER: &str = "pgbench";
/// As the webhook stores a message.
const BODY: &str = r#"{"text": "1", "choice": null, "quoted": null, "message": {"conversation": "1", "messageContextInfo": {"deviceListMetadata": {"senderTimestamp": "1795000000", "recipientTimestamp": "1795000000"}, "deviceListMetadataVersion": 2}}}"#;

/// What pgbench found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Limit {
    /// Messages through all their statements.
    pub(crate) messages_per_second: f64,
    /// Of those that were stored, how many were answered by a turn and sent.
    pub(crate) answered: f64,
    pub(crate) sent: f64,
}

/// Runs pgbench for `time`; the program's own processes must be away. `None`: this Postgres came
/// without pgbench.
pub(crate) async fn measure(server: &Server, time: Duration) -> anyhow::Result<Option<Limit>> {
    let pgbench = server.cluster().bindir().join("pgbench");
    if !pgbench.exists() {
        println!("no pgbench beside {}: the limit is not measured", pgbench.display());
        return Ok(None);
    }
    let owner = &server.owner;
    sqlx::raw_sql(AssertSqlSafe(include_str!("templates.sql"))).execute(owner).await?;
    sqlx::query(
        "insert into apalis.workers (id, worker_type, storage_name, last_seen)
         values ($1, 'process_message', 'pgbench', now()) on conflict do nothing",
    )
    .bind(WORKER)
    .execute(owner)
    .await?;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/load/message.pgbench");
    let before = counts(server).await?;
    let output = Command::new(&pgbench)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=1"])
        .arg(format!("--client={CLIENTS}"))
        .arg(format!("--time={}", time.as_secs()))
        .arg(format!("--file={}", script.display()))
        .arg(format!("--define=worker={WORKER}"))
        .arg(format!("--define=body={BODY}"))
        .arg(server.runtime_url())
        .output()
        .context("run pgbench")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pgbench failed: {errors}");
    let tps = said
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok())
        .with_context(|| format!("pgbench told no rate: {said}{errors}"))?;
    let after = counts(server).await?;
    let [stored, answered, sent] = [0, 1, 2].map(|nth| after[nth] - before[nth]);
    forget(server).await?;
    Ok(Some(Limit {
        messages_per_second: tps,
        answered: answered / stored.max(1.0),
        sent: sent / stored.max(1.0),
    }))
}

async fn counts(server: &Server) -> sqlx::Result<[f64; 3]> {
    let (stored, turns, sent): (f64, f64, f64) = sqlx::query_as(
        "select (select count(*) from app.inbound_messages)::float8,
                (select count(*) from app.inbound_messages where processed_at is not null)::float8,
                (select count(*) from app.outbound_messages where status = 'sent')::float8",
    )
    .fetch_one(&server.owner)
    .await?;
    Ok([stored, turns, sent])
}

/// Nothing of what pgbench left half done is to be taken up by the program.
async fn forget(server: &Server) -> sqlx::Result<()> {
    sqlx::raw_sql(
        "set session_replication_role = replica;
         delete from apalis.jobs where status <> 'Done';
         delete from app.conversation_timers;
         update app.inbound_messages set processed_at = received_at where processed_at is null;
         update app.outbound_messages set status = 'failed' where status in ('queued', 'sending', 'unknown');
         update app.senders set job = null, lease_until = null, wake_at = null;
         reset session_replication_role;",
    )
    .execute(&server.owner)
    .await
    .map(drop)
}
