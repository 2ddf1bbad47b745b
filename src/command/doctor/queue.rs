//! The queue and what depends on it: workers, jobs that wait or are dead, messages, invariants.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use super::report::Report;
use crate::db::facts::{self, Kind};
use crate::db::invariants;

const NAME: &str = "queue";
/// Seconds after which a job that is due should long have run.
const LATE: f64 = 60.0;
const TOO_LATE: f64 = 600.0;
/// For a look at every invariant.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn check(
    db: &mut PgConnection,
    pool: &PgPool,
    report: &mut Report,
) -> sqlx::Result<()> {
    let before = report.checks.len();
    let kinds = facts::kinds(db).await?;
    for kind in &kinds {
        told(kind, report);
    }
    if report.checks.len() == before {
        let workers: i64 = kinds.iter().map(|kind| kind.alive).sum();
        report.ok(NAME, format!("{workers} workers live, nothing waits longer than it should"));
    }
    messages(&facts::unsent(db).await?, report);
    impossible(db, pool, report).await
}

fn told(kind: &Kind, report: &mut Report) {
    let name = &kind.kind;
    if kind.is_paused {
        let advice = format!("select ops.resume('{name}');");
        report.warn(NAME, format!("{name} is paused, {} jobs wait", kind.due), advice);
    } else if kind.alive == 0 {
        let found = format!("no worker of {name} lives, {} jobs wait", kind.due);
        let advice = "start `pontual worker`";
        if kind.oldest_due > LATE {
            report.fail(NAME, found, advice);
        } else {
            report.warn(NAME, found, advice);
        }
    } else if kind.oldest_due > LATE {
        let found = format!("{name}: a job waits for {:.0} s", kind.oldest_due);
        let advice = "select * from ops.stuck; start more workers";
        if kind.oldest_due > TOO_LATE {
            report.fail(NAME, found, advice);
        } else {
            report.warn(NAME, found, advice);
        }
    }
    if kind.dead > 0 {
        let advice = format!("select * from ops.dead_jobs; then ops.retry_jobs(kind => '{name}')");
        report.warn("dead jobs", format!("{} of {name}", kind.dead), advice);
    }
}

fn messages(unsent: &facts::Unsent, report: &mut Report) {
    let why = unsent.why.as_deref().unwrap_or_default();
    let advice = "select * from ops.unsent_messages order by created_at;";
    if unsent.oldest > TOO_LATE {
        let minutes = unsent.oldest / 60.0;
        let found = format!("{} wait, the oldest for {minutes:.0} min: {why}", unsent.messages);
        report.warn("messages", found, advice);
    } else {
        report.ok("messages", format!("{} wait to be sent", unsent.messages));
    }
}

/// Looks now; where that takes too long, at what workers found.
async fn impossible(db: &mut PgConnection, pool: &PgPool, report: &mut Report) -> sqlx::Result<()> {
    const NAME: &str = "invariants";
    let advice = "select * from ops.invariant_violations;";
    match invariants::look(db, PATIENCE).await {
        Ok(violations) if violations.is_empty() => report.ok(NAME, "nothing impossible is true"),
        Ok(violations) => report.fail(NAME, invariants::told(&violations), advice),
        // 57014: cancelled by the limit.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57014") => {
            match invariants::last_look(pool).await? {
                Some(look) if look.violations.is_empty() && look.age <= invariants::STALE => {
                    report.ok(
                        NAME,
                        format!("none {} s ago; a look now takes too long", look.age.num_seconds()),
                    );
                }
                Some(look) if look.violations.is_empty() => {
                    report.warn(
                        NAME,
                        "not looked at lately, and a look takes too long",
                        "start `pontual worker`",
                    );
                }
                Some(look) => report.fail(NAME, invariants::told(&look.violations), advice),
                None => report.warn(
                    NAME,
                    "never looked at, and a look takes too long",
                    "start `pontual worker`",
                ),
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::report::Status;

    fn kind() -> Kind {
        Kind {
            kind: "send_reminder".to_owned(),
            is_paused: false,
            alive: 2,
            due: 0,
            oldest_due: 0.0,
            dead: 0,
        }
    }

    fn status(kind: &Kind) -> Option<Status> {
        let mut report = Report::default();
        told(kind, &mut report);
        report.checks.iter().map(|check| check.status).max()
    }

    #[test]
    fn a_queue_without_workers_fails_once_something_waits_for_them() {
        assert_eq!(status(&kind()), None);
        assert_eq!(status(&Kind { alive: 0, ..kind() }), Some(Status::Warn));
        assert_eq!(
            status(&Kind { alive: 0, due: 1, oldest_due: 61.0, ..kind() }),
            Some(Status::Fail)
        );
    }

    #[test]
    fn what_waits_long_is_dead_or_paused_is_told() {
        assert_eq!(status(&Kind { due: 1, oldest_due: 59.0, ..kind() }), None);
        assert_eq!(status(&Kind { due: 1, oldest_due: 61.0, ..kind() }), Some(Status::Warn));
        assert_eq!(status(&Kind { due: 1, oldest_due: 601.0, ..kind() }), Some(Status::Fail));
        assert_eq!(status(&Kind { dead: 1, ..kind() }), Some(Status::Warn));
        assert_eq!(status(&Kind { is_paused: true, ..kind() }), Some(Status::Warn));
    }
}
