//! What `/metrics` tells: in the form that scrapers read, of what has happened and what waits, and by
//! names that the dashboard and the alert rules know.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::TimeDelta;
use pontual::metrics::{Kind, METRICS};
use serde_json::Value;

use crate::support::database::TestDb;
use crate::support::process::{Deployment, apply_tenants, free_port, until};
use crate::support::stack::{Stack, tuesday_at_ten};

const SALON: &str = "studio-lua";
const MARINA: &str = "+5511988887777";

async fn scrape(base: &str) -> String {
    let answer = reqwest::get(format!("{base}/metrics")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.unwrap()
}

/// The value of a line, by its name and labels as they are written.
fn value(told: &str, series: &str) -> Option<f64> {
    let line = told.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

/// Asserts that the text is what the format asks for, and says no more than the catalogue does.
fn assert_well_formed(told: &str) {
    let mut families = Vec::new();
    let mut series = BTreeSet::new();
    for line in told.lines() {
        assert!(!line.is_empty(), "a blank line");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            let metric = METRICS.iter().find(|metric| metric.name == name);
            assert_eq!(metric.map(|metric| metric.help), Some(help), "{line}");
            families.push(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(families.last(), Some(&name), "a type without a help: {line}");
            let metric = METRICS.iter().find(|metric| metric.name == name).unwrap();
            let expected = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram(_) => "histogram",
            };
            assert_eq!(kind, expected, "{name}");
        } else {
            let (labelled, value) = line.rsplit_once(' ').unwrap();
            let name = labelled.split('{').next().unwrap();
            assert!(name.starts_with(families.last().unwrap()), "{line} stands elsewhere");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(series.insert(labelled), "{line} is there twice");
        }
    }
    assert!(families.is_sorted(), "{families:?}");
}

/// Runs promtool with this input; where the machine has none, says so.
fn promtool(arguments: &[&str], input: &str) {
    let tool = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        eprintln!("skipped: no promtool on this machine; apt-get install prometheus");
        return;
    };
    tool.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = tool.wait_with_output().unwrap();
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(done.status.success(), "promtool {arguments:?}: {}", said.join("\n"));
}

#[tokio::test]
async fn what_happened_is_counted_and_timed() {
    pontual::metrics::start();
    let mut stack = Stack::new().await;
    stack.work();
    for text in ["oi", "1"] {
        stack.say(SALON, MARINA, text).await;
    }
    stack.settle().await;
    let told = scrape(&stack.base).await;
    assert_well_formed(&told);
    promtool(&["check", "metrics"], &told);
    // Other tests of the same process may have counted too.
    for (series, least) in [
        ("pontual_webhooks_total{outcome=\"accepted\"}", 2.0),
        (
            "pontual_http_request_duration_seconds_count{method=\"POST\",route=\"/webhooks/evolution\",status=\"200\"}",
            2.0,
        ),
        ("pontual_job_attempts_total{kind=\"process_message\",outcome=\"done\"}", 2.0),
        ("pontual_job_start_latency_seconds_count{kind=\"process_message\"}", 2.0),
        ("pontual_job_run_duration_seconds_count{kind=\"process_message\"}", 2.0),
        ("pontual_sends_total{channel=\"whatsapp\",outcome=\"sent\"}", 2.0),
        ("pontual_send_duration_seconds_count{channel=\"whatsapp\"}", 2.0),
        ("pontual_reply_duration_seconds_count{channel=\"whatsapp\"}", 2.0),
        ("pontual_db_begin_duration_seconds_count", 2.0),
        ("pontual_workers{kind=\"process_message\"}", 1.0),
        ("pontual_db_pool_connections_max", 24.0),
        ("process_resident_memory_bytes", 1e6),
    ] {
        let found = value(&told, series);
        assert!(found.is_some_and(|found| found >= least), "{series}: {found:?}\n{told}");
    }
    stack.stop_working().await;
}

#[tokio::test]
async fn what_waits_and_what_is_wrong_is_told() {
    let stack = Stack::new().await;
    let tenant = stack.tenant(SALON).await;
    sqlx::raw_sql(
        "select queue.enqueue('process_message', '{}', app.now() - interval '90 seconds');
         select queue.enqueue('process_message', '{}', app.now() + interval '1 hour');
         select queue.enqueue('merge_customers', '{}');
         update apalis.jobs set status = 'Killed' where job_type = 'merge_customers';
         insert into app.scheduled_notifications (tenant_id, kind, due_at, expires_at, recurrence, recurs_from)
         select id, 'recall', app.now() - interval '30 seconds', app.now() + interval '1 hour', 'FREQ=DAILY', localtimestamp
           from app.tenants where slug = 'studio-lua';
         insert into queue.invariant_state (checked_at, took_ms, violations)
         values (now() - interval '1 minute', 5, '{\"overlap\": 2}')
         on conflict (only_row) do update set checked_at = excluded.checked_at, violations = excluded.violations",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let written = stack.sim.customer_writes(SALON, MARINA, "Marina", "oi").await.unwrap();
    assert_eq!(written.status, Some(200));
    let told = scrape(&stack.base).await;
    assert_well_formed(&told);
    for (series, least, most) in [
        ("pontual_jobs{kind=\"process_message\",state=\"waiting\"}", 2.0, 2.0),
        ("pontual_jobs{kind=\"process_message\",state=\"scheduled\"}", 1.0, 1.0),
        ("pontual_jobs{kind=\"merge_customers\",state=\"dead\"}", 1.0, 1.0),
        ("pontual_jobs_oldest_age_seconds{kind=\"process_message\"}", 90.0, 150.0),
        ("pontual_jobs_oldest_age_seconds{kind=\"deliver_messages\"}", 0.0, 0.0),
        ("pontual_reminders_overdue", 1.0, 1.0),
        ("pontual_reminders_overdue_age_seconds", 30.0, 90.0),
        ("pontual_inbox_messages", 1.0, 1.0),
        ("pontual_invariant_violations{rule=\"overlap\"}", 2.0, 2.0),
        ("pontual_invariant_check_age_seconds", 60.0, 120.0),
        ("pontual_customers_waiting", 0.0, 0.0),
        ("pontual_database_up", 1.0, 1.0),
    ] {
        let found = value(&told, series);
        let fits = found.is_some_and(|found| (least..=most).contains(&found));
        assert!(fits, "{series}: {found:?}\n{told}");
    }
    assert!(!told.contains(&tenant.to_string()), "{told}");
}

#[tokio::test]
async fn a_reminder_tells_how_late_it_left() {
    pontual::metrics::start();
    let mut stack = Stack::new().await;
    let before = scrape(&stack.base).await;
    let tenant = stack.tenant(SALON).await;
    // An hour before the visit, and then twenty seconds later than that.
    sqlx::query(
        "with c as (insert into app.customers (tenant_id, phone, name) values ($1, $2, 'Marina') returning id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select $1, c.id, (select id from app.services where tenant_id = $1 and key = 'corte'),
                (select id from app.staff where tenant_id = $1 and key = 'ana'), $3, 'confirmed' from c",
    )
    .bind(tenant)
    .bind(MARINA)
    .bind(tuesday_at_ten() + TimeDelta::hours(2))
    .execute(&stack.db.owner)
    .await
    .unwrap();
    sqlx::raw_sql(
        "update app.scheduled_notifications set due_at = app.now() - interval '20 seconds' where kind = 'reminder_1h';
         update apalis.jobs set run_at = app.now() where job_type = 'send_reminder'",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    stack.work();
    stack.maintain().await;
    let series = "pontual_reminder_lateness_seconds_sum{channel=\"whatsapp\"}";
    let base = value(&before, series).unwrap_or_default();
    until("a reminder on its way", async || {
        let told = scrape(&stack.base).await;
        value(&told, series).is_some_and(|sum| sum >= base + 20.0)
    })
    .await;
    stack.stop_working().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_tells_its_own() {
    let db = TestDb::new().await;
    apply_tenants(&db.owner, &[SALON]).await;
    let mut deployment = Deployment::of(&[SALON]).await;
    let url = db.url_app();
    deployment.start_web(&[("DATABASE_URL", &url)]).await;
    let listen = format!("127.0.0.1:{}", free_port());
    deployment.start_worker(&[("DATABASE_URL", &url), ("PONTUAL_LISTEN", &listen)]);
    deployment.say(SALON, MARINA, "oi").await;
    let (web, worker) = (deployment.base(), format!("http://{listen}"));
    let sent = "pontual_sends_total{channel=\"whatsapp\",outcome=\"sent\"}";
    until("the worker counts its send", async || value(&scrape(&worker).await, sent) == Some(1.0))
        .await;
    let (web, worker) = (scrape(&web).await, scrape(&worker).await);
    assert_well_formed(&worker);
    promtool(&["check", "metrics"], &worker);
    assert_eq!(value(&web, sent), None, "web sends nothing");
    assert_eq!(value(&web, "pontual_webhooks_total{outcome=\"accepted\"}"), Some(1.0));
    assert!(worker.contains("process_cpu_seconds_total "), "{worker}");
}

/// What the monitoring of a deployment reads.
fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file)
}

/// Every metric of ours that a text names.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("pontual_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn dashboard_and_alerts_name_metrics_that_there_are() {
    let dashboard = std::fs::read_to_string(deploy("grafana/dashboards/pontual.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut queries = Vec::new();
    collect(&dashboard, "expr", &mut queries);
    assert!(queries.len() > 20, "the dashboard shows something");
    let alerts = std::fs::read_to_string(deploy("prometheus/alerts.yml")).unwrap();
    let mut seen = BTreeSet::new();
    for name in named(&queries.join("\n")).into_iter().chain(named(&alerts)) {
        let known = METRICS.iter().any(|metric| {
            let part = name.strip_prefix(metric.name);
            match metric.kind {
                Kind::Histogram(_) => {
                    part.is_some_and(|part| ["_bucket", "_sum", "_count"].contains(&part))
                }
                Kind::Counter | Kind::Gauge => part == Some(""),
            }
        });
        assert!(known, "{name} is no metric of ours");
        seen.insert(name);
    }
    // What nobody looks at would not need to be measured.
    for metric in METRICS {
        let looked_at = seen.iter().any(|name| name.starts_with(metric.name));
        assert!(looked_at, "neither dashboard nor alerts look at {}", metric.name);
    }
}

/// Every string below a key of this name.
fn collect(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == key => found.push(text.clone()),
                    value => collect(value, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, key, found)),
        _ => {}
    }
}

#[test]
fn alert_rules_are_valid_and_fire_when_they_should() {
    let of = |file| deploy(file).to_string_lossy().into_owned();
    promtool(&["check", "config", &of("prometheus/prometheus.yml")], "");
    promtool(&["check", "rules", &of("prometheus/alerts.yml")], "");
    promtool(&["test", "rules", &of("prometheus/alerts_test.yml")], "");
}

#[test]
fn every_alert_says_what_to_do_and_where_it_is_written() {
    let alerts = std::fs::read_to_string(deploy("prometheus/alerts.yml")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rules = 0;
    for rule in alerts.split("- alert: ").skip(1) {
        rules += 1;
        let name = rule.lines().next().unwrap();
        for part in ["summary:", "description:", "severity:", "runbook: docs/"] {
            assert!(rule.contains(part), "{name} has no {part}");
        }
        let runbook = rule.lines().find_map(|line| line.trim().strip_prefix("runbook: ")).unwrap();
        let (page, section) = runbook.split_once('#').unwrap();
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let has =
            text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == section);
        assert!(has, "{name}: {page} has no section {section}");
    }
    assert!(rules >= 15, "{rules}");
}

/// As hosts of repositories name a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
