//! Whether this process lives, and whether it can do its work.
//!
//! Ready means: the database answers and has our schema. An instance that is not connected does
//! not make a process unready: no other process would serve it better, webhooks must still be
//! taken, and restarting ours would not pair a phone. It is told here all the same, and in
//! `/metrics`, in `ops.instances` and by alarms. So is what workers found that must never be: it is
//! for people to mend, and no process mends it by going away.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::db::instances::{self, Figures};
use crate::db::invariants;

/// An orchestrator asks every few seconds; a database slower than this is as good as away.
const PATIENCE: Duration = Duration::from_secs(2);
/// Instances told by name, of those that something is wrong with.
const MOST_NAMED: usize = 50;

/// The process answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// One entry a dependency; 503 if one that the process cannot do without is away.
pub(super) async fn ready(State(pool): State<PgPool>) -> (StatusCode, Json<Value>) {
    let asked = sqlx::query_scalar::<_, bool>("select to_regclass('app.tenants') is not null")
        .fetch_one(crate::db::alone(&pool));
    let database = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(true)) => "ok",
        Ok(Ok(false)) => "not migrated; run `pontual migrate`",
        Ok(Err(_)) | Err(_) => "does not answer",
    };
    if database != "ok" {
        let body = json!({ "status": "unavailable", "checks": { "database": database } });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body));
    }
    let figures = tokio::time::timeout(PATIENCE, instances::figures(&pool)).await;
    let instances = figures.ok().and_then(Result::ok).map(|all| summary(&all));
    let invariants = tokio::time::timeout(PATIENCE, invariants::for_health(&pool)).await;
    let invariants = invariants.unwrap_or_else(|_| "unknown".to_owned());
    let checks = json!({ "database": database, "instances": instances, "invariants": invariants });
    (StatusCode::OK, Json(json!({ "status": "ok", "checks": checks })))
}

/// How many instances there are in each state, and what is wrong with those that are not well.
fn summary(all: &[Figures]) -> Value {
    let of_state = |state: &str| all.iter().filter(|figures| figures.state == state).count();
    let unwell: Vec<_> = all.iter().filter(|figures| !is_well(figures)).collect();
    let named: Vec<_> = unwell
        .iter()
        .take(MOST_NAMED)
        .map(|figures| {
            json!({
                "name": figures.instance, "state": figures.state, "since": figures.state_at,
                "problem": figures.problem, "paused": figures.paused, "alarms": figures.alarms,
            })
        })
        .collect();
    json!({
        "status": if unwell.is_empty() { "ok" } else { "degraded" },
        "open": of_state("open"), "connecting": of_state("connecting"),
        "close": of_state("close"), "unknown": of_state("unknown"),
        "unwell": named, "unwell_total": unwell.len(),
    })
}

fn is_well(figures: &Figures) -> bool {
    figures.state == "open"
        && figures.problem.is_none()
        && !figures.paused
        && figures.alarms.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(instance: &str, state: &str) -> Figures {
        Figures {
            instance: instance.to_owned(),
            state: state.to_owned(),
            state_at: None,
            problem: None,
            paused: false,
            unsent: 0,
            oldest_unsent: None,
            unacknowledged: 0,
            alarms: Vec::new(),
        }
    }

    #[test]
    fn what_is_well_is_counted_and_what_is_not_is_named() {
        let wrong_key = Figures { problem: Some("wrong_key".to_owned()), ..figures("b", "open") };
        let told = summary(&[figures("a", "open"), wrong_key, figures("c", "close")]);
        assert_eq!(
            (&told["open"], &told["close"], &told["status"]),
            (&json!(2), &json!(1), &json!("degraded"))
        );
        let named: Vec<_> =
            told["unwell"].as_array().unwrap().iter().map(|one| one["name"].as_str()).collect();
        assert_eq!(named, [Some("b"), Some("c")]);
        assert_eq!(summary(&[figures("a", "open")])["status"], "ok");
    }

    #[test]
    fn a_thousand_instances_that_are_down_are_not_all_named() {
        let all: Vec<_> = (0..1_000).map(|n| figures(&n.to_string(), "close")).collect();
        let told = summary(&all);
        assert_eq!(told["unwell"].as_array().unwrap().len(), MOST_NAMED);
        assert_eq!(told["unwell_total"], 1_000);
    }
}
