//! What is switched on for the tenant.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::in_path::InPath;
use super::input::{Fields, JsonObject, Query, Read};
use super::key::Caller;
use super::problem::{BodyProblems, KeyedProblems, Problem, described};
use crate::db::TenantTx;
use crate::db::flags::{self, FlagLine};
use crate::domain::flag::Flag;
use crate::http::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list_flags)).routes(routes!(set_flag, reset_flag))
}

/// A feature that is on or off.
#[derive(Debug, Serialize, ToSchema)]
struct FeatureFlag {
    #[schema(example = "reminders")]
    flag: &'static str,
    /// What it does.
    #[schema(example = "customers are reminded of bookings; off: what is planned is called off")]
    description: &'static str,
    /// Whether it is on for the tenant.
    enabled: bool,
    /// Whether the tenant has a value of its own; without one the default of this server holds.
    own: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct FlagList {
    flags: Vec<FeatureFlag>,
}

/// How a feature is to be switched.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `set_flag` reads")]
struct Switched {
    #[schema(example = false)]
    enabled: bool,
}

/// What naming a flag may meet beside what every request may.
struct NoSuchFlag;

impl IntoResponses for NoSuchFlag {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&[("404", "There is no such flag")])
    }
}

impl From<FlagLine> for FeatureFlag {
    fn from(line: FlagLine) -> Self {
        Self {
            flag: line.flag.name(),
            description: line.flag.description(),
            enabled: line.is_on(),
            own: line.own.is_some(),
        }
    }
}

/// List flags
///
/// Every feature that can be switched, and whether it is on for the tenant.
#[utoipa::path(
    get, path = "/flags", tag = "flags",
    responses((status = 200, description = "The flags", body = FlagList), KeyedProblems),
)]
async fn list_flags(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Json<FlagList>, Problem> {
    query.finish()?;
    let mut db = caller.begin(&app).await?;
    let lines = flags::of_tenant(&mut db).await?;
    db.rollback().await?;
    Ok(Json(FlagList { flags: lines.into_iter().map(FeatureFlag::from).collect() }))
}

/// Switch a feature
///
/// On or off for the tenant, whatever the default is. It holds from the next message on; nothing is
/// restarted.
#[utoipa::path(
    put, path = "/flags/{flag}", tag = "flags",
    params(("flag" = String, Path, description = "Which feature", example = "reminders")),
    request_body(content = Switched),
    responses((status = 200, description = "The flag as it is now", body = FeatureFlag), BodyProblems, KeyedProblems, NoSuchFlag),
)]
async fn set_flag(
    State(app): State<App>,
    caller: Caller,
    InPath(name): InPath,
    query: Query,
    body: JsonObject,
) -> Result<Json<FeatureFlag>, Problem> {
    query.finish()?;
    let flag = named(&name)?;
    let mut fields = Fields::of(&body);
    let enabled = fields.required("enabled", boolean);
    let enabled = fields.finish_with(enabled)?;
    let mut db = caller.begin(&app).await?;
    flags::switch(&mut db, flag, enabled).await?;
    let now = one(&mut db, flag).await?;
    db.commit().await?;
    Ok(Json(now))
}

/// Go back to the default
///
/// The tenant has no value of its own any more. One that has none stays so.
#[utoipa::path(
    delete, path = "/flags/{flag}", tag = "flags",
    params(("flag" = String, Path, description = "Which feature", example = "reminders")),
    responses((status = 204, description = "The default holds"), KeyedProblems, NoSuchFlag),
)]
async fn reset_flag(
    State(app): State<App>,
    caller: Caller,
    InPath(name): InPath,
    query: Query,
) -> Result<StatusCode, Problem> {
    query.finish()?;
    let flag = named(&name)?;
    let mut db = caller.begin(&app).await?;
    flags::unset(&mut db, flag).await?;
    db.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn named(name: &str) -> Result<Flag, Problem> {
    Flag::named(name).ok_or_else(|| Problem::not_found("flag"))
}

fn boolean(value: &Value) -> Read<bool> {
    value.as_bool().ok_or_else(|| "is neither true nor false".to_owned())
}

async fn one(db: &mut TenantTx, flag: Flag) -> Result<FeatureFlag, Problem> {
    let lines = flags::of_tenant(db).await?;
    let line = lines.into_iter().find(|line| line.flag == flag);
    line.map(FeatureFlag::from).ok_or_else(Problem::internal)
}
