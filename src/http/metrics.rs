//! `GET /metrics`: what Prometheus scrapes.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sqlx::PgPool;

use crate::db::figures;
use crate::db::instances::{self, Figures};
use crate::metrics::{self, InstanceFigures, Pool, SystemFigures};

/// A scraper waits ten seconds by default; without the database the counters are told all the same.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn tell(State(pool): State<PgPool>) -> Response {
    // Before we take a connection ourselves.
    let connections = connections(&pool);
    let read = tokio::time::timeout(PATIENCE, read(&pool)).await;
    let (system, instances) = match read {
        Ok(Ok((system, instances))) => (Some(system), Some(instances)),
        // Away, or not migrated yet.
        Ok(Err(_)) | Err(_) => (None, None),
    };
    let text = metrics::render(connections, system.as_ref(), instances.as_deref());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn read(pool: &PgPool) -> sqlx::Result<(SystemFigures, Vec<InstanceFigures>)> {
    let system = figures::system(pool).await?;
    let instances = instances::figures(pool).await?;
    Ok((system, instances.into_iter().map(InstanceFigures::from).collect()))
}

fn connections(pool: &PgPool) -> Pool {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    Pool {
        idle,
        used: pool.size().saturating_sub(idle),
        most: pool.options().get_max_connections(),
    }
}

impl From<Figures> for InstanceFigures {
    fn from(figures: Figures) -> Self {
        Self {
            instance: figures.instance,
            state: figures.state,
            paused: figures.paused,
            unsent: u64::try_from(figures.unsent).unwrap_or_default(),
            oldest_unsent_seconds: figures.oldest_unsent.unwrap_or_default().max(0.0),
            unacknowledged: u64::try_from(figures.unacknowledged).unwrap_or_default(),
            alarms: figures.alarms,
        }
    }
}
