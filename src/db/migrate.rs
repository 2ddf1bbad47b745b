//! Brings a database to the current schema.
//!
//! Tables come from append-only migrations (`sql/migrations`), apalis's own from its crate; what
//! is derived (functions, the queue's, policies, views) is remade whenever its text changes. One
//! advisory lock: two machines may migrate at once. Indexes of large tables (`sql/indexes`) are built
//! last, outside of any transaction, so that nobody waits for them.
//!
//! A running service is not to be held up: whoever asks for a table that is in use gives way after a
//! moment, since everybody else queues behind such a request, and tries again later.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use sqlx::error::DatabaseError;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

static MIGRATIONS: Migrator = sqlx::migrate!("sql/migrations");

/// What is remade, in this order: (name for errors, text).
macro_rules! derived {
    ($($file:literal),+ $(,)?) => { &[$(($file, include_str!(concat!("../../sql/", $file)))),+] };
}
const DERIVED: &[(&str, &str)] = derived![
    "functions/05_context.sql",
    "functions/06_ids.sql",
    "functions/10_catalogue.sql",
    "functions/12_catalogue_version.sql",
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
    "functions/68_language_model.sql",
    "functions/70_audit.sql",
    "functions/72_audit_months.sql",
    "functions/75_privacy.sql",
    "functions/77_restore.sql",
    "functions/80_tenants.sql",
    "functions/85_calendar.sql",
    "queue/10_store.sql",
    "queue/20_enqueue.sql",
    "queue/25_fetch.sql",
    "queue/30_maintain.sql",
    "queue/40_upkeep.sql",
    "policies/10_tenants.sql",
    "policies/15_flags.sql",
    "policies/20_grants.sql",
    "policies/30_audit.sql",
    "policies/40_queue.sql",
    "policies/30_privacy.sql",
    "views/10_ops.sql",
    "views/11_delivery.sql",
    "views/12_queue.sql",
    "views/13_growth.sql",
    "views/14_audit.sql",
    "views/15_invariants.sql",
    "views/20_acts.sql",
    "views/21_acts_by_filter.sql",
    "views/25_privacy.sql",
    "views/26_restore.sql",
    "views/30_gateway.sql",
    "views/31_notifications.sql",
    "views/32_language_model.sql",
    "views/90_grants.sql",
];

/// Indexes that are built without anybody waiting: (name, one `create index concurrently`).
macro_rules! indexes {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../sql/indexes/", $name, ".sql")))),+]
    };
}
const INDEXES: &[(&str, &str)] = indexes![
    "conversation_events_age",
    "conversation_turns_age",
    "customers_erased",
    "inbound_messages_age",
    "outbound_messages_age",
    "outbound_messages_notices",
    "unrouted_messages_full",
];

/// Any fixed number: whoever migrates Pontual has it.
const LOCK: i64 = 0x706f_6e74_7561_6c01;

/// How often a busy database is asked again, and for how long each time; in between everybody who
/// waited behind us gets on with their work.
const TRIES: u32 = 8;
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Migrates the database of `pool`, whose login must own it (or be a superuser). Safe to run
/// twice, and from two machines at once. It must be a connection of its own, past any pooler of
/// transactions: it holds a lock of the session.
///
/// # Errors
///
/// A migration that fails leaves the database as it was before that migration. Where others keep
/// tables locked, who they may be.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    migrate_patiently(pool, TRIES).await
}

/// As [`migrate`], giving up a database that stays busy after so many tries.
///
/// # Errors
///
/// As [`migrate`].
pub async fn migrate_patiently(pool: &PgPool, tries: u32) -> anyhow::Result<()> {
    let mut conn = pool.acquire().await?.detach();
    let done = async {
        take_turn(&mut conn).await?;
        let mut rounds = 0;
        loop {
            rounds += 1;
            let Err(error) = bring_up_to_date(&mut conn).await else { return Ok(()) };
            if !is_busy(&error) {
                return Err(error);
            }
            if rounds >= tries {
                return Err(error.context(told_busy(&mut conn).await));
            }
            tracing::warn!(rounds, "the database is busy; trying again in a moment");
            tokio::time::sleep(LOCK_TIMEOUT / 2 * rounds.min(5)).await;
        }
    }
    .await;
    // Closing the connection gives the lock back, whatever happened.
    conn.close().await.ok();
    done
}

/// Waits until nobody else migrates. Asking again and again, since a statement that waits for a lock
/// would keep the other's `create index concurrently` waiting for its end, for ever.
async fn take_turn(conn: &mut PgConnection) -> sqlx::Result<()> {
    while !sqlx::query_scalar::<_, bool>("select pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut *conn)
        .await?
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn bring_up_to_date(conn: &mut PgConnection) -> anyhow::Result<()> {
    // A table that is busy must not make everybody queue behind the migration.
    let timeout = format!("set lock_timeout = '{}ms'", LOCK_TIMEOUT.as_millis());
    sqlx::query(AssertSqlSafe(timeout)).execute(&mut *conn).await?;
    if !has_fingerprint(conn).await? {
        // Whole or not at all: no program ever sees half of it, and giving up leaves what was.
        let mut tx = conn.begin().await?;
        // Views and triggers over the queue's tables would block its own migrations.
        sqlx::raw_sql(
            "set local client_min_messages = warning;
             drop schema if exists ops cascade;
             do $$ begin
               if to_regclass('apalis.jobs') is not null then
                 drop trigger if exists take_back on apalis.jobs;
               end if;
             end $$",
        )
        .execute(&mut *tx)
        .await?;
        apalis_postgres::PostgresStorage::<()>::migrations()
            .run(&mut *tx)
            .await
            .context("the queue's own migrations failed")?;
        MIGRATIONS.run(&mut *tx).await.context("a migration failed")?;
        remake_derived(&mut tx).await?;
        tx.commit().await?;
    }
    build_indexes(conn).await
}

/// Builds what is not there, and what an interrupted build left half done.
async fn build_indexes(conn: &mut PgConnection) -> anyhow::Result<()> {
    for (name, create) in INDEXES {
        let valid: Option<bool> = sqlx::query_scalar(
            "select i.indisvalid from pg_index i where i.indexrelid = to_regclass('app.' || $1)",
        )
        .bind(name)
        .fetch_optional(&mut *conn)
        .await?;
        if valid == Some(true) {
            continue;
        }
        if valid.is_some() {
            let drop = format!("drop index concurrently app.{name}");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *conn).await?;
        }
        sqlx::raw_sql(*create)
            .execute(&mut *conn)
            .await
            .with_context(|| format!("sql/indexes/{name}.sql failed; run it again"))?;
    }
    Ok(())
}

/// Whether a lock was not to be had: in time, or at all.
fn is_busy(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let refused = cause.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
        matches!(refused.and_then(DatabaseError::code).as_deref(), Some("55P03" | "40P01"))
    })
}

/// What to do, with those whose transactions have lasted longest: likely they hold the lock.
async fn told_busy(conn: &mut PgConnection) -> String {
    let oldest: Vec<String> = sqlx::query_scalar(
        "select format('process %s (%s, %s) has had a transaction open for %s s', a.pid,
                       a.usename, coalesce(nullif(a.application_name, ''), 'unnamed'),
                       round(extract(epoch from now() - a.xact_start)))
           from pg_stat_activity a
          where a.datname = current_database() and a.pid <> pg_backend_pid()
            and a.xact_start < now() - interval '1 second'
          order by a.xact_start limit 3",
    )
    .fetch_all(conn)
    .await
    .unwrap_or_default();
    let whose = if oldest.is_empty() { String::new() } else { format!(" ({})", oldest.join("; ")) };
    format!(
        "others keep tables locked that must change{whose}; nothing of this step was done: let them \
         end, or end them with pg_terminate_backend, and run `pontual migrate` again"
    )
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
    for (_, text) in DERIVED.iter().chain(INDEXES) {
        hash.update(text.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

async fn remake_derived(conn: &mut PgConnection) -> anyhow::Result<()> {
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
    .execute(&mut *conn)
    .await?;
    for (name, text) in DERIVED {
        sqlx::raw_sql(AssertSqlSafe(*text))
            .execute(&mut *conn)
            .await
            .with_context(|| format!("sql/{name} failed"))?;
    }
    sqlx::raw_sql("delete from queue.schema_fingerprint").execute(&mut *conn).await?;
    sqlx::query("insert into queue.schema_fingerprint (fingerprint) values ($1)")
        .bind(schema_fingerprint())
        .execute(conn)
        .await?;
    Ok(())
}
