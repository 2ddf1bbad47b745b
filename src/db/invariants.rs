//! Whether anything impossible is true: what workers last found, and a look right now.
//!
//! The look itself ([`look`]) reads what is open in every tenant and may take seconds where much is;
//! workers do it every few minutes (`queue.check_invariants`) and keep the counts, which are what a
//! health check asks for ([`last_look`]).

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};

/// A look older than this says nothing any more: no worker has been at it.
pub const STALE: TimeDelta = TimeDelta::minutes(15);

/// How many rows break each rule, by the rule's name; empty: none.
pub type Violations = BTreeMap<String, i64>;

/// What workers found when they last looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLook {
    pub checked_at: DateTime<Utc>,
    /// By the database's clock, which also wrote `checked_at`.
    pub age: TimeDelta,
    pub violations: Violations,
}

impl LastLook {
    /// For one line of a health check: `ok`, or what is wrong.
    pub fn told(&self) -> String {
        if self.violations.is_empty() {
            return if self.age > STALE { "not looked at lately" } else { "ok" }.to_owned();
        }
        told(&self.violations)
    }
}

/// `3 rows: overlap (2), orphan hold (1)`.
pub fn told(violations: &Violations) -> String {
    let rows: i64 = violations.values().sum();
    let rules: Vec<String> = violations.iter().map(|(rule, n)| format!("{rule} ({n})")).collect();
    format!("{rows} rows: {}", rules.join(", "))
}

/// One row by its key, as the runtime role may read it. None: nobody has looked yet.
pub async fn last_look(pool: &PgPool) -> sqlx::Result<Option<LastLook>> {
    let row: Option<(DateTime<Utc>, f64, Json<Violations>)> = sqlx::query_as(
        "select checked_at, extract(epoch from clock_timestamp() - checked_at)::float8, violations
           from queue.invariant_state",
    )
    .fetch_optional(crate::db::alone(pool))
    .await?;
    Ok(row.map(|(checked_at, age, Json(violations))| LastLook {
        checked_at,
        #[expect(clippy::cast_possible_truncation, reason = "an age in whole seconds")]
        age: TimeDelta::seconds(age as i64),
        violations,
    }))
}

/// What a health check says of it in one line: `ok`, what was found, or that nobody has looked.
pub async fn for_health(pool: &PgPool) -> String {
    match last_look(pool).await {
        Ok(Some(look)) => look.told(),
        Ok(None) => "not looked at yet".to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}

/// Looks now, as somebody who may read `ops` (`pontual_ops` or the owner).
///
/// # Errors
///
/// Also that it took longer than `patience`.
pub async fn look(db: &mut PgConnection, patience: Duration) -> sqlx::Result<Violations> {
    let limit = format!("{}ms", patience.as_millis());
    sqlx::query("select set_config('statement_timeout', $1, false)")
        .bind(limit)
        .execute(&mut *db)
        .await?;
    let rows: sqlx::Result<Vec<(String, i64)>> =
        sqlx::query_as("select rule, count(*) from ops.invariant_violations group by rule")
            .fetch_all(&mut *db)
            .await;
    sqlx::query("reset statement_timeout").execute(db).await?;
    Ok(rows?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_told_by_what_it_found_and_by_its_age() {
        let look = |minutes, violations: &[(&str, i64)]| {
            LastLook {
                checked_at: DateTime::UNIX_EPOCH,
                age: TimeDelta::minutes(minutes),
                violations: violations.iter().map(|(r, n)| ((*r).to_owned(), *n)).collect(),
            }
            .told()
        };
        assert_eq!(look(1, &[]), "ok");
        assert_eq!(look(16, &[]), "not looked at lately");
        let two = [("overlap", 2), ("orphan hold", 1)];
        assert_eq!(look(1, &two), "3 rows: orphan hold (1), overlap (2)");
    }
}
