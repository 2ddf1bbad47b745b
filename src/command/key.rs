//! `pontual key`: keys of the HTTP API.

use std::fmt::Write as _;

use clap::Subcommand;

use crate::clock::Clock;
use crate::db;
use crate::db::keys::{self, KeyLine};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key and print it, once: only its hash is kept
    Create {
        /// The tenant it acts for; `pontual tenant list` shows them
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// What to call it, such as the program that will use it
        #[arg(long)]
        name: String,
    },
    /// Show a tenant's keys: name, when made, last used and revoked
    List {
        /// The tenant; `pontual tenant list` shows them
        #[arg(long, value_name = "SLUG")]
        tenant: String,
    },
    /// End a key; requests that carry it are refused from now on
    Revoke {
        /// The tenant; `pontual tenant list` shows them
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// The name it was given
        #[arg(long)]
        name: String,
    },
}

/// Runs the command; results go to stdout, of a new key the key alone.
///
/// # Errors
///
/// What is wrong, and what to do.
pub(super) async fn run(
    command: KeyCommand,
    database_url: &str,
    clock: Clock,
) -> anyhow::Result<()> {
    let pool = db::connect(database_url, 1, clock).await?;
    let now = clock.now();
    match command {
        KeyCommand::Create { tenant, name } => {
            let secret = keys::create(&pool, now, &tenant, &name).await?;
            println!("{}", secret.reveal());
            eprintln!("This key of {tenant} is shown once; keep it like a password.");
        }
        KeyCommand::List { tenant } => {
            print!("{}", table(&keys::list(&pool, now, &tenant).await?));
        }
        KeyCommand::Revoke { tenant, name } => {
            keys::revoke(&pool, now, &tenant, &name).await?;
            println!("{name} is revoked");
        }
    }
    pool.close().await;
    Ok(())
}

/// Columns as wide as their widest cell, two spaces apart; the name last, since it may have spaces.
fn table(lines: &[KeyLine]) -> String {
    let time = |time: Option<chrono::DateTime<chrono::Utc>>| {
        time.map_or_else(|| "-".to_owned(), |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let mut text = format!("{:20}  {:20}  {:20}  NAME\n", "CREATED", "LAST USED", "REVOKED");
    for line in lines {
        let cells = [Some(line.created_at), line.last_used_at, line.revoked_at].map(time);
        for cell in cells {
            let _ = write!(text, "{cell:20}  ");
        }
        text.push_str(&line.name);
        text.push('\n');
    }
    text
}
