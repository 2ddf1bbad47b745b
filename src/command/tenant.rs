//! `pontual tenant`: tenants from their files.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Subcommand;

use crate::clock::Clock;
use crate::db;
use crate::db::tenants::{self, ApplyError};
use crate::domain::tenant_file::{self, TenantFile};

const NOTHING_APPLIED: &str = "no tenant was applied; mend these and try again:";

#[derive(Debug, Subcommand)]
pub(super) enum TenantCommand {
    /// Create or update tenants from TOML files; applying one again changes nothing
    Apply {
        /// Tenant files, as docs/tenants.md describes them; one that is bad refuses all
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show every tenant: slug, name, locale, zone, instance and its state
    List,
}

/// Runs the command; results go to stdout.
///
/// # Errors
///
/// With `apply`, every problem of every file, each on a line `file:line: field: reason`, or the
/// first that the database finds, which knows no lines; then nothing was applied. Else what the
/// database said.
pub(super) async fn run(
    command: TenantCommand,
    database_url: &str,
    clock: Clock,
) -> anyhow::Result<()> {
    match command {
        TenantCommand::Apply { files } => {
            // Read before anything connects: a bad file is told even where no database runs.
            let declared = read(&files)?;
            let pool = db::connect(database_url, 1, clock).await?;
            let applied = tenants::apply_all(&pool, clock, &declared).await;
            let ids = applied.map_err(|error| told(error, &files))?;
            for (file, id) in declared.iter().zip(ids) {
                println!("{} {id}", file.slug);
            }
        }
        TenantCommand::List => {
            let pool = db::connect(database_url, 1, clock).await?;
            print!("{}", table(&tenants::list(&pool, clock).await?));
        }
    }
    Ok(())
}

/// Names the file that the database refuses, as [`read`] names those that it refuses itself.
fn told(error: ApplyError, paths: &[PathBuf]) -> anyhow::Error {
    match error {
        ApplyError::Refused { file, .. } => {
            anyhow!("{NOTHING_APPLIED}\n{}: {error}", paths[file].display())
        }
        ApplyError::Failed(error) => error.context("no tenant was applied"),
    }
}

/// Every file, or every problem of all of them.
fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<TenantFile>> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    let mut owners: HashMap<(&str, String), &Path> = HashMap::new();
    for path in paths {
        let shown = path.display();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                problems.push(format!("{shown}: cannot be read: {error}"));
                continue;
            }
        };
        match tenant_file::parse(&text) {
            Ok(file) => {
                for (field, value) in [("slug", &file.slug), ("instance.name", &file.instance.name)]
                {
                    if let Some(earlier) = owners.insert((field, value.clone()), path) {
                        let earlier = earlier.display();
                        problems.push(format!(
                            "{shown}: {field}: {value:?} is the one of {earlier} already; give \
                             each tenant its own"
                        ));
                    }
                }
                files.push(file);
            }
            Err(found) => problems.extend(found.into_iter().map(|problem| {
                let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
                let field = Some(problem.field).filter(|field| !field.is_empty());
                let field = field.map(|field| format!(" {field}:")).unwrap_or_default();
                format!("{shown}{line}:{field} {}", problem.reason)
            })),
        }
    }
    if !problems.is_empty() {
        bail!("{NOTHING_APPLIED}\n{}", problems.join("\n"));
    }
    Ok(files)
}

/// Columns as wide as their widest cell, two spaces apart.
fn table(lines: &[tenants::TenantLine]) -> String {
    let header = ["SLUG", "NAME", "LOCALE", "ZONE", "INSTANCE", "STATE"];
    let cells = lines.iter().map(|line| {
        let or_none = |cell: &'_ Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
        [
            line.slug.clone(),
            line.name.clone(),
            line.locale.clone(),
            line.timezone.clone(),
            or_none(&line.instance),
            or_none(&line.state),
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(header.map(str::to_owned)).chain(cells).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
