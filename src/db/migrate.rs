//! Brings a database to the current schema.
//!
//! Tables come from append-only migrations (`sql/migrations`), apalis's own from its crate; what
//! is derived (functions, the queue's, policies, views) is remade whenever its text changes. One
//! advisory lock: two machines may migrate at once.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

static MIGRATIONS: Migrator = sqlx::migrate!("sql/migrations");

/// What is remade, in this order: (name for errors, text).
macro_rules! derived {
    ($($file:literal),+ $(,)?) => { &[$(($file, include_str!(concat!("../../sql/", $file)))),+] };
}
const DERIVED: &[(&str, &str)] = derived![
    "functions/10_catalogue.sql",
    "functions/20_receive.sql",
    "functions/21_own.sql",
    "functions/22_identity.sql",
    "functions/24_reports.sql",
    "functions/25_merge.sql",
    "functions/30_bookings.sql",
    "functions/32_lanes.sql",
    "functions/35_visits.sql",
    "functions/37_changes.sql",
    "functions/40_reminders.sql",
    "functions/41_notices.sql",
    "functions/42_recurring.sql",
    "functions/50_turn.sql",
    "functions/55_timers.sql",
    "functions/57_timeline.sql",
    "functions/60_outbox.sql",
    "functions/61_sender.sql",
    "functions/62_fallback.sql",
    "functions/63_statuses.sql",
    "functions/64_flags.sql",
    "functions/65_instances.sql",
    "functions/66_figures.sql",
    "functions/67_alarms.sql",
    "functions/67_report.sql",
    "functions/70_audit.sql",
    "functions/80_tenants.sql",
    "functions/85_calendar.sql",
    "queue/10_store.sql",
    "queue/20_enqueue.sql",
    "queue/30_maintain.sql",
    "policies/10_tenants.sql",
    "policies/15_flags.sql",
    "policies/20_grants.sql",
    "views/10_ops.sql",
    "views/20_acts.sql",
    "views/30_gateway.sql",
    "views/31_notifications.sql",
    "views/90_grants.sql",
];

/// Any fixed number: whoever migrates Pontual waits on it.
const LOCK: i64 = 0x706f_6e74_7561_6c01;

/// Migrates the database of `pool`, whose login must own it (or be a superuser). Safe to run
/// twice, and from two machines at once.
///
/// # Errors
///
/// A migration that fails leaves the database as it was before that migration.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    let mut lock = pool.acquire().await?.detach();
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut lock).await?;
    let done = bring_up_to_date(&mut lock).await;
    // Closing the connection gives the lock back, whatever happened.
    lock.close().await.ok();
    done
}

async fn bring_up_to_date(conn: &mut PgConnection) -> anyhow::Result<()> {
    // A table that is busy must not make everybody queue behind the migration.
    sqlx::query("set lock_timeout = '10s'").execute(&mut *conn).await?;
    let current = has_fingerprint(conn).await?;
    if !current {
        // Views and triggers over the queue's tables would block its own migrations.
        sqlx::raw_sql(
            "set client_min_messages = warning;
             drop schema if exists ops cascade;
             do $$ begin
               if to_regclass('apalis.jobs') is not null then
                 drop trigger if exists take_back on apalis.jobs;
               end if;
             end $$",
        )
        .execute(&mut *conn)
        .await?;
    }
    apalis_postgres::PostgresStorage::<()>::migrations()
        .run(&mut *conn)
        .await
        .context("the queue's own migrations failed")?;
    MIGRATIONS.run(&mut *conn).await.context("a migration failed")?;
    if !current {
        remake_derived(conn).await?;
    }
    Ok(())
}

/// Whether the last migrate made exactly what this program brings.
async fn has_fingerprint(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let there: bool =
        sqlx::query_scalar("select to_regclass('queue.schema_fingerprint') is not null")
            .fetch_one(&mut *conn)
            .await?;
    if !there {
        return Ok(false);
    }
    sqlx::query_scalar(
        "select exists (select from queue.schema_fingerprint where fingerprint = $1)",
    )
    .bind(schema_fingerprint())
    .fetch_one(conn)
    .await
}

/// A name for the schema this program brings: equal only if every migration and every derived
/// file is equal.
pub fn schema_fingerprint() -> String {
    let mut hash = Sha256::new();
    for migration in
        apalis_postgres::PostgresStorage::<()>::migrations().iter().chain(MIGRATIONS.iter())
    {
        hash.update(&migration.checksum);
    }
    for (_, text) in DERIVED {
        hash.update(text.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

async fn remake_derived(conn: &mut PgConnection) -> anyhow::Result<()> {
    let mut tx = conn.begin().await?;
    // Functions may name what a later file makes; ops holds nothing but views and functions.
    sqlx::raw_sql(
        "set local check_function_bodies = off;
         drop schema if exists ops cascade;
         create schema ops;
         comment on schema ops is
           'Views and functions for people: what happens, what is stuck, and how to act on it.';
         create table if not exists queue.schema_fingerprint (
           fingerprint text primary key, made_at timestamptz not null default now());
         comment on table queue.schema_fingerprint is
           'Which version of functions, policies and views the last migrate made.'",
    )
    .execute(&mut *tx)
    .await?;
    for (name, text) in DERIVED {
        sqlx::raw_sql(AssertSqlSafe(*text))
            .execute(&mut *tx)
            .await
            .with_context(|| format!("sql/{name} failed"))?;
    }
    sqlx::raw_sql("delete from queue.schema_fingerprint").execute(&mut *tx).await?;
    sqlx::query("insert into queue.schema_fingerprint (fingerprint) values ($1)")
        .bind(schema_fingerprint())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}
