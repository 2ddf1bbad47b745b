//! The tenant's WhatsApp numbers, as they are connected.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::Query;
use super::key::Caller;
use super::problem::{KeyedProblems, Problem};
use crate::db::instances::{self, InstanceLine};
use crate::http::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list_instances))
}

/// By name.
#[derive(Debug, Serialize, ToSchema)]
struct InstanceList {
    instances: Vec<InstanceItem>,
}

/// A WhatsApp number of the tenant.
#[derive(Debug, Serialize, ToSchema)]
struct InstanceItem {
    /// The gateway's name of it.
    #[schema(example = "studio-lua")]
    name: String,
    /// `open`: connected; `connecting`; `close`: a person has to pair it again; `unknown`: nobody
    /// has told yet.
    #[schema(example = "open")]
    state: String,
    /// Since when it is in that state; null: never told.
    since: Option<DateTime<FixedOffset>>,
    /// Until when messages to customers wait; null: they do not.
    paused_until: Option<DateTime<FixedOffset>>,
    /// Why they wait.
    #[schema(example = "rate limit")]
    paused_reason: Option<String>,
    /// When the gateway last brought something, to the minute; null: never.
    last_event_at: Option<DateTime<FixedOffset>>,
    /// What has been wrong for too long: `down`, `unreachable`, `silent`, `unacknowledged`, `paused`.
    #[schema(example = json!(["down"]))]
    alarms: Vec<String>,
}

impl From<InstanceLine> for InstanceItem {
    fn from(line: InstanceLine) -> Self {
        // Applied files name zones that exist; plain SQL may have written another.
        let zone: Tz = line.timezone.parse().unwrap_or(Tz::UTC);
        let local = |moment: DateTime<Utc>| moment.with_timezone(&zone).fixed_offset();
        Self {
            name: line.name,
            state: line.state,
            since: line.state_at.map(local),
            paused_until: line.paused_until.map(local),
            paused_reason: line.paused_reason,
            last_event_at: line.last_event_at.map(local),
            alarms: line.alarms,
        }
    }
}

/// List the WhatsApp numbers of the tenant
///
/// How each is connected, whether messages wait, and what has been wrong for too long.
#[utoipa::path(
    get, path = "/instances", tag = "instances",
    responses((status = 200, description = "Every instance, by name", body = InstanceList), KeyedProblems),
)]
async fn list_instances(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Json<InstanceList>, Problem> {
    query.finish()?;
    let mut db = caller.begin(&app).await?;
    let lines = instances::lines(&mut db).await?;
    db.rollback().await?;
    Ok(Json(InstanceList { instances: lines.into_iter().map(InstanceItem::from).collect() }))
}
