//! `pontual flag`: what is switched on, for everybody and for single tenants.

use anyhow::{Context as _, bail};
use clap::{Subcommand, ValueEnum};
use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::flags::{self, FlagLine};
use crate::db::{self, templates};

#[derive(Debug, Subcommand)]
pub(super) enum FlagCommand {
    /// Switch a feature on or off; it holds at once, nothing is restarted
    Set {
        /// Which one, as `pontual flag list` names it
        #[arg(value_name = "FLAG")]
        flag: String,
        /// on or off
        #[arg(value_name = "on|off", hide_possible_values = true)]
        value: Switch,
        /// For this tenant alone; without: for every tenant without a value of its own
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
    },
    /// Show every feature and whether it is on
    List {
        /// What holds for this tenant; its own values are marked with a star
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

/// Runs the command; results go to stdout.
///
/// # Errors
///
/// A flag or a tenant that is not there: which there are. Else what the database said.
pub(super) async fn run(
    command: FlagCommand,
    database_url: &str,
    clock: Clock,
) -> anyhow::Result<()> {
    let pool = db::connect(database_url, 1, clock).await?;
    let now = clock.now();
    match command {
        FlagCommand::Set { flag, value, tenant } => {
            let known = flags::list(&pool, now, None).await?;
            if known.iter().all(|line| line.flag != flag) {
                let names: Vec<_> = known.iter().map(|line| line.flag.as_str()).collect();
                bail!("there is no flag {flag:?}; the flags are {}", names.join(", "));
            }
            let id = of_slug(&pool, tenant.as_deref()).await?;
            let enabled = matches!(value, Switch::On);
            flags::set(&pool, now, id, &flag, enabled).await?;
            let whose = tenant.map_or_else(
                || "for every tenant without a value of its own".to_owned(),
                |slug| format!("for {slug}"),
            );
            println!("{flag} is {} {whose}", said(enabled));
        }
        FlagCommand::List { tenant } => {
            let id = of_slug(&pool, tenant.as_deref()).await?;
            print!("{}", table(&flags::list(&pool, now, id).await?));
        }
    }
    pool.close().await;
    Ok(())
}

async fn of_slug(pool: &PgPool, slug: Option<&str>) -> anyhow::Result<Option<Uuid>> {
    let Some(slug) = slug else { return Ok(None) };
    templates::tenant_named(pool, slug).await?.map(Some).with_context(|| {
        format!("there is no tenant {slug:?}; `pontual tenant list` shows all of them")
    })
}

fn said(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}

fn table(lines: &[FlagLine]) -> String {
    let width = lines.iter().map(|line| line.flag.len()).max().unwrap_or(0);
    let row = |line: &FlagLine| {
        let mark = if line.own.is_some() { " *" } else { "" };
        format!("{:width$}  {}{mark}\n", line.flag, said(line.own.unwrap_or(line.default)))
    };
    lines.iter().map(row).collect()
}
