//! `pontual migrate`

use crate::clock::Clock;
use crate::db;

/// Brings the database to the current schema.
pub(super) async fn run(database_url: &str, clock: Clock) -> anyhow::Result<()> {
    let pool = db::connect(database_url, 2, clock).await?;
    let result = db::migrate(&pool).await;
    pool.close().await;
    result?;
    tracing::info!("the database has the current schema");
    Ok(())
}
