//! Whether this process lives, and whether it can do its work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;

/// An orchestrator asks every few seconds; a database slower than this is as good as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// One entry a dependency; 503 if one of them is away.
pub(super) async fn ready(State(pool): State<PgPool>) -> (StatusCode, Json<Value>) {
    let asked = sqlx::query_scalar::<_, bool>("select to_regclass('app.tenants') is not null")
        .fetch_one(crate::db::alone(&pool));
    let database = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(true)) => "ok",
        Ok(Ok(false)) => "not migrated; run `pontual migrate`",
        Ok(Err(_)) | Err(_) => "does not answer",
    };
    let ok = database == "ok";
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let overall = if ok { "ok" } else { "unavailable" };
    (status, Json(json!({ "status": overall, "checks": { "database": database } })))
}
