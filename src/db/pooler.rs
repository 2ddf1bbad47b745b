//! Behind a pooler that hands a server connection out for one transaction, as PgBouncer does with
//! `pool_mode = transaction`.
//!
//! A query with values is two exchanges: prepare, then bind and execute. Between transactions the
//! second one may meet another server connection, which knows nothing of the first, or worse, knows
//! another statement by its name. So every query needs a transaction around it there, and none may
//! count on what was prepared before. [`alone`] gives a query of its own what it needs;
//! [`TenantTx`](super::TenantTx) and the queue's worker have transactions anyway.

use std::fmt;

use anyhow::bail;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use sqlx::postgres::{PgConnectOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Execute, Executor, PgPool, Postgres, SqlStr};

/// How the server is reached: `DATABASE_POOLER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooler {
    /// Directly, or through one that keeps sessions or follows prepared statements.
    #[default]
    None,
    /// Each transaction on a server connection of its own.
    Transaction,
}

/// What DBAs see of it, and how a pool remembers it.
const NAME: &str = "pontual";
const POOLED_NAME: &str = "pontual (pooled)";

impl Pooler {
    /// What a connection needs, and no more: poolers refuse start-up parameters they do not know.
    pub(super) fn prepare(self, options: PgConnectOptions) -> PgConnectOptions {
        match self {
            Self::None => options.application_name(NAME),
            Self::Transaction => options
                .application_name(POOLED_NAME)
                .extra_float_digits(None)
                .statement_cache_capacity(0),
        }
    }

    /// How the server is reached by this pool.
    pub fn of(pool: &PgPool) -> Self {
        let pooled = pool.connect_options().get_application_name() == Some(POOLED_NAME);
        if pooled { Self::Transaction } else { Self::None }
    }
}

/// Whether the pooler cleans a server connection before it gives it to the next client.
///
/// # Errors
///
/// It does not: what one client prepared is in the way of the next. Says which settings mend it.
pub(super) async fn refuse_unclean_pooler(pool: &PgPool) -> anyhow::Result<()> {
    // The same server connection is met again soon, since poolers hand out the one used last.
    for _ in 0..5 {
        let mut tx = super::begin(pool, "begin".to_owned()).await?;
        let left = "select exists (select from pg_catalog.pg_prepared_statements where name = 'pontual_probe')";
        let row = sqlx::raw_sql(left).fetch_one(&mut *tx).await?;
        if sqlx::Row::try_get::<bool, _>(&row, 0)? {
            sqlx::raw_sql("deallocate pontual_probe").execute(&mut *tx).await?;
            tx.commit().await?;
            bail!(
                "the pooler leaves prepared statements of one client to the next; with PgBouncer set \
                 server_reset_query = DEALLOCATE ALL and server_reset_query_always = 1"
            );
        }
        sqlx::raw_sql("prepare pontual_probe as select 1").execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// For a query that is a transaction of its own: one exchange on a direct connection, and behind a
/// pooler of transactions with one around it, committed before the result is told.
pub fn alone(pool: &PgPool) -> Alone<'_> {
    Alone { pool, pooler: Pooler::of(pool) }
}

/// See [`alone`].
#[derive(Clone, Copy)]
pub struct Alone<'p> {
    pool: &'p PgPool,
    pooler: Pooler,
}

impl fmt::Debug for Alone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alone").field("pooler", &self.pooler).finish_non_exhaustive()
    }
}

impl<'p> Executor<'p> for Alone<'p> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if self.pooler == Pooler::None {
            return self.pool.fetch_many(query);
        }
        let steps = async move {
            let mut tx = super::begin(self.pool, "begin".to_owned()).await?;
            let steps: Vec<_> = (&mut *tx).fetch_many(query).try_collect().await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(futures::stream::iter(steps.into_iter().map(Ok)))
        };
        futures::stream::once(steps).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if self.pooler == Pooler::None {
            return self.pool.fetch_optional(query);
        }
        Box::pin(async move {
            let mut tx = super::begin(self.pool, "begin".to_owned()).await?;
            let row = (&mut *tx).fetch_optional(query).await?;
            tx.commit().await?;
            Ok(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        self.pool.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        self.pool.describe(sql)
    }
}
