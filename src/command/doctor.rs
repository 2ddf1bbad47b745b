//! `pontual doctor`: looks at everything a deployment needs, a line each, and says what to do.

mod configuration;
mod database;
mod gateway;
mod model;
mod queue;
mod report;

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use sqlx::PgConnection;

use self::report::Report;
use crate::config::Environment;
use crate::db::{self, facts};

/// Instances asked for at the gateway.
const MOST_INSTANCES: i64 = 100;
/// A server slower than this is as good as away.
const PATIENCE: Duration = Duration::from_secs(10);

/// `pontual doctor`
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print JSON, for machines
    #[arg(long)]
    json: bool,
}

/// Checks, and prints what was found.
///
/// # Errors
///
/// A check failed. Warnings are none.
pub(super) async fn run(doctor: &Doctor, environment: &Environment) -> anyhow::Result<()> {
    let mut report = Report::default();
    configuration::check(environment, &mut report);
    let instances = look_at_database(environment, &mut report).await;
    gateway::check(environment, instances.as_deref(), &mut report).await;
    model::check(environment, &mut report).await;
    if doctor.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.text());
    }
    match report.failures() {
        0 => Ok(()),
        1 => bail!("one check failed; its line says what to do"),
        n => bail!("{n} checks failed; their lines say what to do"),
    }
}

/// The instances of all tenants; none: they could not be read.
async fn look_at_database(
    environment: &Environment,
    report: &mut Report,
) -> Option<Vec<facts::Instance>> {
    let (Ok(owner), Ok(clock)) = (environment.owner_database_url(), environment.clock()) else {
        return None; // told as configuration
    };
    let runtime = environment.database_url().unwrap_or(owner);
    let pool = match tokio::time::timeout(PATIENCE, db::connect(owner, 2, clock)).await {
        Ok(Ok(pool)) => pool,
        Ok(Err(error)) => {
            report.fail("database", format!("{error:#}"), "");
            return None;
        }
        Err(_) => {
            report.fail("database", "does not answer", "check the address and that it runs");
            return None;
        }
    };
    let looked = async {
        let mut db = pool.acquire().await?;
        if !database::check(&mut db, clock, report).await? {
            return Ok(None);
        }
        // The one that works all day, which need not be the one that looks.
        match db::connect(runtime, 1, clock).await {
            Ok(login) => database::runtime(&login, report).await,
            Err(error) => report.fail("runtime login", format!("{error:#}"), "mend DATABASE_URL"),
        }
        look_at_rows(&mut db, &pool, report).await
    }
    .await;
    pool.close().await;
    looked.unwrap_or_else(|error: sqlx::Error| {
        report.fail("database", format!("a question was not answered: {error}"), "look at its log");
        None
    })
}

/// What only somebody who may read every tenant can say.
async fn look_at_rows(
    db: &mut PgConnection,
    pool: &sqlx::PgPool,
    report: &mut Report,
) -> sqlx::Result<Option<Vec<facts::Instance>>> {
    if !facts::may_operate(db).await? {
        report.warn(
            "queue",
            "not looked at: this login may not read ops",
            "set MIGRATION_DATABASE_URL to the owner's or to a login in pontual_ops",
        );
        return Ok(None);
    }
    queue::check(db, pool, report).await?;
    facts::instances(db, MOST_INSTANCES).await.map(Some)
}
