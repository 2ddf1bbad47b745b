//! Postgres: connections, tenant transactions, and one file a part of the schema.
//!
//! Every query of a tenant's data runs inside a [`TenantTx`]; the few looks across tenants are
//! `security definer` functions in `sql/`, which return ids only.

pub mod alarms;
pub mod bookings;
mod busy;
pub mod catalogues;
pub mod conversations;
mod copies;
pub mod customers;
pub mod dialogue;
pub mod direct;
pub mod facts;
pub mod figures;
pub mod flags;
pub mod inbox;
pub mod instances;
pub mod interpretations;
pub mod invariants;
pub mod journal;
pub mod keys;
mod migrate;
pub mod notifications;
pub mod outbox;
pub mod pooler;
pub mod reminders;
mod safety;
pub mod templates;
pub mod tenants;
pub mod turns;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

use crate::clock::Clock;
use crate::{metrics, trace};

pub use busy::busy;
pub use copies::Copies;
pub use migrate::{migrate, migrate_patiently, schema_fingerprint};
pub use pooler::{Pooler, alone};
pub use safety::{UnsafeRole, refuse_unsafe_role};

/// How long a request waits for a connection: a gateway whose webhook fails comes back by itself,
/// and a job is tried again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects a pool of at most `most` connections.
///
/// A clock with an offset tells it to each connection.
///
/// # Errors
///
/// The first connection is made at once, so that a wrong address is known at start.
pub async fn connect(url: &str, most: u32, clock: Clock) -> anyhow::Result<PgPool> {
    connect_through(url, most, clock, Pooler::None).await
}

/// As [`connect`], through a pooler.
///
/// # Errors
///
/// Also that the pooler is not set up for us: says how it should be.
pub async fn connect_through(
    url: &str,
    most: u32,
    clock: Clock,
    pooler: Pooler,
) -> anyhow::Result<PgPool> {
    use anyhow::Context as _;
    let mut options: PgConnectOptions = url
        .parse()
        .context("the database address is no postgres:// URL; see DATABASE_URL in the README")?;
    options = pooler.prepare(options);
    if pooler == Pooler::Transaction && !clock.offset().is_zero() {
        anyhow::bail!("PONTUAL_CLOCK_OFFSET does not go through a pooler; unset one of the two");
    }
    if !clock.offset().is_zero() {
        options =
            options.options([("app.clock_offset", format!("{}s", clock.offset().num_seconds()))]);
    }
    let pool = PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await;
    let pool = match pool {
        Err(error) if error.to_string().contains("unsupported startup parameter") => {
            return Err(error).context(
                "DATABASE_URL is a pooler's; set DATABASE_POOLER=transaction (docs/operations.md)",
            );
        }
        pool => pool
            .context("the database does not answer; check DATABASE_URL and that the server runs")?,
    };
    if pooler == Pooler::Transaction {
        pooler::refuse_unclean_pooler(&pool).await?;
    }
    Ok(pool)
}

/// Begins a transaction by this statement, in a task of its own: a `begin` comes to its end even if
/// nobody waits for it any more, and is rolled back then.
///
/// Dropping the future of sqlx's `begin` before the server's answer leaves a transaction that sqlx
/// 0.9.0 does not know of (transact-rs/sqlx#4385, mended there after that release). The next borrower's
/// statements would be answered and never committed: a message lost with a 200. So nothing else in
/// this program begins one on a pool.
pub(crate) async fn begin(
    pool: &PgPool,
    statement: String,
) -> sqlx::Result<Transaction<'static, Postgres>> {
    let pool = pool.clone();
    let begun = async move { pool.begin_with(AssertSqlSafe(statement)).await };
    tokio::spawn(begun).await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// A transaction that sees and touches one tenant's rows, and acts as the runtime role.
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    tenant: Uuid,
}

impl TenantTx {
    /// Begins; one round trip sets role, tenant and time, until the transaction ends.
    ///
    /// A lock is waited for two seconds: one row that somebody forgot in psql must not take every
    /// connection of every worker. Who did not get it fails, and is tried again.
    ///
    /// Plans are made once for all values: with millions of rows Postgres finds that planning anew
    /// for each value is worth it, which cost more than the queries did (docs/benchmarks.md).
    pub async fn begin(pool: &PgPool, tenant: Uuid, now: DateTime<Utc>) -> sqlx::Result<Self> {
        let asked = Instant::now();
        // What is written and enqueued in here belongs to the trace.
        let traced = match trace::traceparent() {
            Some(traceparent) => format!(", set_config('app.traceparent', '{traceparent}', true)"),
            None => String::new(),
        };
        // No placeholders in a simple query; a uuid, a timestamp and hexadecimals cannot hold a quote.
        let begin = format!(
            "begin;
             select set_config('role', 'pontual_app', true),
                    set_config('app.tenant_id', '{tenant}', true),
                    set_config('app.now', '{}', true),
                    set_config('lock_timeout', '2s', true),
                    set_config('plan_cache_mode', 'force_generic_plan', true){traced}",
            now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
        );
        let tx = self::begin(pool, begin).await?;
        metrics::transaction_began(asked.elapsed());
        Ok(Self { tx, tenant })
    }

    /// Whose rows it sees.
    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// Where queries run.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// From here on the transaction sees and touches the rows of another tenant. For applying files
    /// only: several tenants change together or not at all there, and nowhere else.
    pub(in crate::db) async fn switch_tenant(&mut self, tenant: Uuid) -> sqlx::Result<()> {
        sqlx::query("select set_config('app.tenant_id', $1::text, true)")
            .bind(tenant)
            .execute(self.conn())
            .await?;
        self.tenant = tenant;
        Ok(())
    }

    pub async fn commit(self) -> sqlx::Result<()> {
        self.tx.commit().await
    }

    pub async fn rollback(self) -> sqlx::Result<()> {
        self.tx.rollback().await
    }
}
