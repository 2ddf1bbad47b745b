//! What waits and what is wrong in the whole system, for a scrape.

use sqlx::PgPool;
use sqlx::types::Json;

use crate::metrics::SystemFigures;

/// Numbers of all tenants together, from indexes of what is open: cheap however much is done.
pub async fn system(pool: &PgPool) -> sqlx::Result<SystemFigures> {
    let Json(figures) = sqlx::query_scalar::<_, Json<SystemFigures>>("select app.system_figures()")
        .fetch_one(super::alone(pool))
        .await?;
    Ok(figures)
}
