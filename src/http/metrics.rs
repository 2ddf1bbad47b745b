//! `GET /metrics`: what Prometheus scrapes.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sqlx::PgPool;

use crate::db::instances::{self, Figures};
use crate::metrics::{self, InstanceFigures};

/// A scraper waits ten seconds by default; without the database the counters are told all the same.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn tell(State(pool): State<PgPool>) -> Response {
    let figures = figures(&pool).await;
    let figures: Option<Vec<_>> =
        figures.map(|all| all.into_iter().map(InstanceFigures::from).collect());
    let text = metrics::render(figures.as_deref());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// `None`: the database did not answer in time.
async fn figures(pool: &PgPool) -> Option<Vec<Figures>> {
    tokio::time::timeout(PATIENCE, instances::figures(pool)).await.ok()?.ok()
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
