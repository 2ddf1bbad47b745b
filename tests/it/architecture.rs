//! Arrows between modules point one way.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom, beside what stands below it. From the outside in.
const LAYERS: [(&str, &[&str]); 16] = [
    ("main", &["command"]),
    (
        "command",
        &[
            "http",
            "jobs",
            "db",
            "channel",
            "llm",
            "domain",
            "clock",
            "config",
            "telemetry",
            "embedded",
            "gateway_sim",
            "metrics",
            "trace",
        ],
    ),
    ("http", &["intake", "db", "channel", "domain", "clock", "metrics", "trace"]),
    ("jobs", &["intake", "db", "channel", "llm", "domain", "clock", "metrics", "trace"]),
    ("intake", &["db", "channel"]),
    ("gateway_sim", &["channel", "domain", "clock"]),
    ("telemetry", &["config", "trace"]),
    // Settings know the types of what they set.
    ("config", &["clock", "channel", "db", "jobs", "llm"]),
    ("db", &["domain", "clock", "metrics", "trace"]),
    ("channel", &["domain"]),
    ("llm", &["domain"]),
    ("embedded", &[]),
    ("clock", &[]),
    ("metrics", &[]),
    ("trace", &[]),
    ("domain", &[]),
];

/// Crates that tell the time, wait, or speak to others: not for decisions.
const IMPURE: [&str; 8] =
    ["tokio", "sqlx", "axum", "reqwest", "apalis", "futures", "std::time::SystemTime", "Utc::now"];

#[test]
fn arrows_point_from_the_outside_in() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&source) {
        let layer = layer_of(&source, &file);
        let Some((_, may_use)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            assert_eq!(layer, "lib", "{} stands in no layer", file.display());
            continue;
        };
        for (number, line) in code(&file).iter().enumerate() {
            for used in uses_of("crate::", line).into_iter().chain(uses_of("pontual::", line)) {
                if used != layer && !may_use.contains(&used.as_str()) {
                    wrong.push(format!("{}:{}: {layer} uses {used}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_knows_no_clock_and_no_neighbour() {
    let domain = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    let mut wrong = Vec::new();
    for file in rust_files(&domain) {
        for (number, line) in code(&file).iter().enumerate() {
            if line.contains("async fn")
                || IMPURE.iter().any(|name| {
                    line.contains(&format!("{name}::"))
                        || line.contains(name) && name.contains("::")
                })
            {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where else transactions may begin: on connections that no pool gets back.
const OWN_CONNECTIONS: [&str; 2] = ["db/migrate.rs", "jobs/fetcher.rs"];

#[test]
fn transactions_on_a_pool_begin_in_one_place_that_survives_being_dropped() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut places = Vec::new();
    for file in rust_files(&source) {
        let begins = |line: &&String| line.contains(".begin()") || line.contains(".begin_with(");
        let here = file.strip_prefix(&source).unwrap().display().to_string();
        if !OWN_CONNECTIONS.contains(&here.as_str()) && code(&file).iter().any(|l| begins(&l)) {
            places.push(here);
        }
    }
    assert_eq!(places, ["db.rs"], "others ask db::begin, or hold a TenantTx");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The first part of the path below `src`, without its ending.
fn layer_of(source: &Path, file: &Path) -> String {
    let first = file.strip_prefix(source).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The lines of a file without comments.
fn code(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap_or("").to_owned()).collect()
}

/// What follows `prefix` in a line: one name, or each of a braced list.
fn uses_of(prefix: &str, line: &str) -> Vec<String> {
    let name = |text: &str| {
        text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    line.match_indices(prefix)
        .filter(|(at, _)| {
            !line[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
        })
        .flat_map(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(list) => {
                    // Names at the top of the list only: `{db, channel::{a, b}}`.
                    let mut depth = 0;
                    let mut tops = vec![String::new()];
                    for c in list.chars() {
                        match c {
                            '{' => depth += 1,
                            '}' => depth -= 1,
                            ',' if depth == 0 => tops.push(String::new()),
                            c if depth == 0 => tops.last_mut().unwrap().push(c),
                            _ => {}
                        }
                    }
                    tops.iter().map(|top| name(top)).collect::<Vec<_>>()
                }
                None => vec![name(rest)],
            }
        })
        .filter(|name| !name.is_empty() && name != "self")
        .collect()
}
