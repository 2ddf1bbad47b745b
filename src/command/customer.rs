//! `pontual customer`: what is held about a person, and its end.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;
use uuid::Uuid;

use crate::channel::whatsapp::phone;
use crate::clock::Clock;
use crate::db;
use crate::db::customers::{self, Who};

#[derive(Debug, Subcommand)]
pub(super) enum CustomerCommand {
    /// Print all that is held about a customer
    Export {
        #[command(flatten)]
        whose: Whose,
        /// As one JSON document, a list of rows for each table
        #[arg(long)]
        json: bool,
    },
    /// Take a customer out of the database, for good: bookings and counts stay, the person goes
    ///
    /// What they have ahead is cancelled without a word to them. Backups made before still hold the
    /// person: erase again after restoring one.
    Erase {
        #[command(flatten)]
        whose: Whose,
        /// Only count what would be touched
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Whose {
    /// The tenant; `pontual tenant list` shows them
    #[arg(long, value_name = "SLUG")]
    tenant: String,
    /// The customer's number with country code, such as +5511988887777
    #[arg(long, required_unless_present = "id", conflicts_with = "id")]
    phone: Option<String>,
    /// The customer's id, for one without a number
    #[arg(long)]
    id: Option<Uuid>,
}

impl Whose {
    fn who(&self) -> anyhow::Result<Who> {
        match (self.id, &self.phone) {
            (Some(id), _) => Ok(Who::Id(id)),
            (None, Some(written)) => phone::canonical(written).map(Who::Phone).context(
                "--phone is no number with country code; write it as +5511988887777, 7 to 15 digits",
            ),
            (None, None) => anyhow::bail!("name the customer by --phone or --id"),
        }
    }
}

/// Runs the command; results go to stdout.
///
/// # Errors
///
/// What is wrong, and what to do.
pub(super) async fn run(
    command: CustomerCommand,
    database_url: &str,
    clock: Clock,
) -> anyhow::Result<()> {
    let (CustomerCommand::Export { whose, .. } | CustomerCommand::Erase { whose, .. }) = &command;
    let who = whose.who()?;
    let pool = db::connect(database_url, 1, clock).await?;
    match &command {
        CustomerCommand::Export { whose, json } => {
            let held = customers::export(&pool, clock.now(), &whose.tenant, &who).await?;
            if *json {
                println!("{}", serde_json::to_string_pretty(&held)?);
            } else {
                print!("{}", told(&held));
            }
        }
        CustomerCommand::Erase { whose, dry_run } => {
            let counts =
                customers::erase(&pool, clock.now(), &whose.tenant, &who, *dry_run).await?;
            print!("{}", told_counts(&counts, *dry_run));
        }
    }
    pool.close().await;
    Ok(())
}

/// For reading: a heading for each table, a paragraph for each row, a line for each column.
fn told(held: &Value) -> String {
    let mut text = String::new();
    for (table, rows) in held.as_object().into_iter().flatten() {
        let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{} ({})\n", table.replace('_', " ").to_uppercase(), rows.len());
        for row in rows {
            for (column, value) in row.as_object().into_iter().flatten() {
                match value {
                    Value::String(line) => {
                        let line = line.replace('\n', &format!("\n{:22}", ""));
                        let _ = writeln!(text, "  {column:18}  {line}");
                    }
                    other => {
                        let _ = writeln!(text, "  {column:18}  {other}");
                    }
                }
            }
            text.push('\n');
        }
    }
    text
}

fn told_counts(counts: &Value, dry_run: bool) -> String {
    let mut text = if dry_run {
        "Nothing was changed. Erasing would touch:\n".to_owned()
    } else {
        "The customer is erased. Rows touched:\n".to_owned()
    };
    for (table, count) in counts.as_object().into_iter().flatten() {
        let what = match table.as_str() {
            "cancelled" => "bookings ahead, cancelled",
            table => table,
        };
        let _ = writeln!(text, "{:>7}  {what}", count.as_i64().unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_export_for_people_has_every_row_and_keeps_lines_of_a_text_together() {
        let held = json!({
            "customers": [{"name": "Marina", "phone": "+5511988887777"}],
            "bookings": [],
            "outbound_messages": [{"body": "Oi!\n1 Corte"}],
        });
        let text = told(&held);
        assert!(text.contains("CUSTOMERS (1)") && text.contains("OUTBOUND MESSAGES (1)"), "{text}");
        assert!(text.contains("Marina") && text.contains("+5511988887777"), "{text}");
        assert!(text.contains("Oi!\n                      1 Corte"), "{text}");
        assert!(!text.contains("BOOKINGS"), "{text}");
    }

    #[test]
    fn a_number_without_its_country_is_refused_and_not_repeated() {
        let whose = Whose { tenant: "t".to_owned(), phone: Some("0119 8888".to_owned()), id: None };
        let refused = whose.who().unwrap_err().to_string();
        assert!(refused.contains("country code") && !refused.contains("8888,"), "{refused}");
    }
}
