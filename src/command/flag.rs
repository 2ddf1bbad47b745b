//! `pontual flag`: what is switched on, for everybody and for single tenants.

use anyhow::{Context as _, bail};
use clap::{Subcommand, ValueEnum};
use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::flags::{self, FlagLine};
use crate::db::{self, templates};
use crate::domain::flag::Flag;

#[derive(Debug, Subcommand)]
pub(super) enum FlagCommand {
    /// Switch a feature on or off; it holds at once, nothing is restarted
    Set {
        /// Which one, as `pontual flag list` names it
        #[arg(value_name = "FLAG")]
        flag: String,
        /// on or off; with --tenant also default, which takes its own value away
        #[arg(value_name = "on|off|default", hide_possible_values = true)]
        value: Switch,
        /// For this tenant alone; without: for every tenant without a value of its own
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
    },
    /// Show every feature, whether it is on, and what it does
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
    Default,
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
            let Some(flag) = Flag::named(&flag) else {
                let names = Flag::ALL.map(Flag::name).join(", ");
                bail!("there is no flag {flag:?}; the flags are {names}");
            };
            let id = of_slug(&pool, tenant.as_deref()).await?;
            match (value, id) {
                (Switch::Default, None) => {
                    bail!(
                        "every tenant has the default; say on or off, or --tenant for one of them"
                    )
                }
                (Switch::Default, Some(id)) => flags::reset(&pool, now, id, flag).await?,
                (Switch::On | Switch::Off, id) => {
                    flags::set(&pool, now, id, flag, matches!(value, Switch::On)).await?;
                }
            }
            let whose = tenant.map_or_else(
                || "for every tenant without a value of its own".to_owned(),
                |slug| format!("for {slug}"),
            );
            let lines = flags::list(&pool, now, id).await?;
            for line in lines.iter().filter(|line| line.flag == flag) {
                println!("{} is {} {whose}", flag.name(), said(line.is_on()));
            }
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
    let width = lines.iter().map(|line| line.flag.name().len()).max().unwrap_or(0);
    let row = |line: &FlagLine| {
        let mark = if line.own.is_some() { "*" } else { "" };
        let (name, on) = (line.flag.name(), format!("{}{mark}", said(line.is_on())));
        format!("{name:width$}  {on:4}  {}\n", line.flag.description())
    };
    lines.iter().map(row).collect()
}
