//! `pontual doctor` on a deployment that is well, and on ones that are not: each check is seen to
//! fail. The program is waited for in the test's own thread, so the server needs another one.

use std::process::{Command, Output, Stdio};

use pontual::gateway_sim::SimConfig;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::support::stack::{PATIENCE, Stack};

/// What its environment is in a deployment that is well.
fn environment(stack: &Stack) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_URL", stack.db.url_app()),
        ("MIGRATION_DATABASE_URL", stack.db.url_owner()),
        ("EVOLUTION_API_URL", format!("{}/gateway-sim", stack.base)),
        ("EVOLUTION_API_KEY", SimConfig::default().api_key),
        ("EVOLUTION_WEBHOOK_SECRETS", "a-secret-of-the-tests".to_owned()),
        ("PONTUAL_CLOCK_OFFSET", stack.clock.offset().num_seconds().to_string()),
    ]
}

/// Runs it with these variables in place of the usual ones; an empty one is not set.
fn doctor(stack: &Stack, arguments: &[&str], other: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pontual"));
    command.current_dir("/").arg("doctor").args(arguments).stdin(Stdio::null());
    command.env_remove("PONTUAL_LISTEN").env_remove("LOG_FORMAT").env_remove("RUST_LOG");
    command.envs(environment(stack)).envs(other.iter().copied());
    command.output().unwrap()
}

/// What a check found, of those with this name and status, and that the exit status agrees.
fn found(stack: &Stack, other: &[(&str, &str)], name: &str, status: &str) -> Vec<String> {
    let output = doctor(stack, &["--json"], other);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    let has_failed = report["status"] == "fail";
    assert_eq!(output.status.code(), Some(i32::from(has_failed)), "{report:#}");
    let is_meant = |check: &&Value| check["check"] == name && check["status"] == status;
    let all = report["checks"].as_array().unwrap().iter().filter(is_meant);
    let found: Vec<String> = all.map(|check| check["found"].as_str().unwrap().to_owned()).collect();
    assert!(!found.is_empty(), "no {status} of {name} in {report:#}");
    found
}

async fn sql(stack: &Stack, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&stack.db.owner).await.unwrap();
}

/// Until every kind has a worker, the audit log its months, and every number is known as connected.
async fn well(stack: &Stack) {
    sql(stack, "update app.instances set state = 'open'").await;
    let well = async {
        while !stack
            .value::<bool>(
                "select (select count(distinct kind) from ops.workers where alive) = (select count(*) from queue.kinds)
                    and app.audit_strays() = 0
                    and (select count(*) from app.audit_months() where ends_at > app.now()) >= 3",
            )
            .await
        {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, well).await.expect("workers start");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_that_is_well_has_a_line_for_each_check_and_none_fails() {
    let mut stack = Stack::new().await;
    stack.work();
    well(&stack).await;
    let output = doctor(&stack, &[], &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for line in [
        "warn  configuration: PONTUAL_CLOCK_OFFSET moves the clock; unset it",
        "ok    database: PostgreSQL 1",
        "ok    clock: the database's clock differs",
        "ok    connections: ",
        "ok    migrations: the schema is this version's",
        "ok    roles: ",
        "ok    schema: ",
        "ok    audit months: ",
        "ok    runtime login: ",
        "ok    queue: ",
        "ok    messages: 0 wait",
        "ok    invariants: ",
        "ok    gateway: Evolution ",
        "ok    instance: studio-lua is connected",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line:?} is not in\n{text}");
    }
    let is_line = |line: &str| ["ok    ", "warn  "].iter().any(|status| line.starts_with(status));
    // Whether the tests' own machine has room left is not ours to say.
    let bad = text.lines().find(|line| !is_line(line) && !line.contains("disk"));
    assert_eq!(bad, None);
    for secret in ["a-secret-of-the-tests", &SimConfig::default().api_key] {
        assert!(!text.contains(secret), "{text}");
    }
    stack.stop_working().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_environment_that_lacks_something_is_told_variable_by_variable() {
    let stack = Stack::new().await;
    for (name, value) in [
        ("EVOLUTION_WEBHOOK_SECRETS", ""),
        ("EVOLUTION_API_URL", ""),
        ("EVOLUTION_API_KEY", ""),
        ("PONTUAL_LISTEN", "8080"),
        ("PONTUAL_TRUSTED_PROXIES", "nginx"),
    ] {
        let told = found(&stack, &[(name, value)], "configuration", "fail");
        assert!(told.len() == 1 && told[0].contains(name), "{name}: {told:?}");
    }
    let told = found(&stack, &[("EVOLUTION_WEBHOOK_SECRETS", "short")], "configuration", "warn");
    assert!(told[0].contains("fewer than 16"), "{told:?}");
    let nothing = [("DATABASE_URL", ""), ("MIGRATION_DATABASE_URL", "")];
    let told = found(&stack, &nothing, "configuration", "fail");
    assert!(told[0].contains("DATABASE_URL is not set"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_or_has_another_schema_fails() {
    let stack = Stack::new().await;
    let away = [("MIGRATION_DATABASE_URL", "postgres://nobody:hush@127.0.0.1:1/nowhere")];
    let told = found(&stack, &away, "database", "fail");
    assert!(told[0].contains("does not answer") && !told[0].contains("hush"), "{told:?}");

    sql(&stack, "update queue.schema_fingerprint set fingerprint = 'of another version'").await;
    let told = found(&stack, &[], "migrations", "fail");
    assert_eq!(told, ["the schema is another version's"]);
    sql(&stack, "drop table queue.schema_fingerprint").await;
    assert_eq!(found(&stack, &[], "migrations", "fail"), ["the database has no schema"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_or_a_schema_that_does_not_keep_tenants_apart_fails_and_is_named() {
    let stack = Stack::new().await;
    let owner = stack.db.url_owner();
    let told = found(&stack, &[("DATABASE_URL", &owner)], "runtime login", "fail");
    assert!(told[0].contains("is a superuser"), "{told:?}");

    // One at a time, each undone.
    for (breaks, mends, check, named) in [
        (
            "alter table app.customers no force row level security",
            "alter table app.customers force row level security",
            "schema",
            "app.customers",
        ),
        (
            "alter table apalis.jobs disable row level security",
            "alter table apalis.jobs enable row level security",
            "schema",
            "apalis.jobs",
        ),
        (
            "alter table app.bookings disable trigger audit",
            "alter table app.bookings enable trigger audit",
            "schema",
            "bookings",
        ),
        (
            "grant update on app.audit_log to pontual_app",
            "revoke update on app.audit_log from pontual_app",
            "schema",
            "pontual_app may update",
        ),
        (
            "alter table app.closures owner to pontual_app",
            "alter table app.closures owner to current_user",
            "roles",
            "pontual_app owns app.closures",
        ),
    ] {
        sql(&stack, breaks).await;
        let told = found(&stack, &[], check, "fail");
        assert!(told.iter().any(|line| line.contains(named)), "{breaks}: {told:?}");
        sql(&stack, mends).await;
        found(&stack, &[], check, "ok");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_nobody_works_on_or_that_holds_dead_jobs_is_told() {
    let stack = Stack::new().await;
    let told = found(&stack, &[], "queue", "warn");
    assert!(told.iter().any(|line| line.contains("no worker of process_message")), "{told:?}");
    sql(
        &stack,
        "select queue.enqueue('process_message', '{}', app.now() - interval '2 minutes');
         select queue.enqueue('send_reminder', '{}');
         update apalis.jobs set status = 'Killed' where job_type = 'send_reminder';
         update queue.kinds set paused_at = app.now() where kind = 'deliver_messages'",
    )
    .await;
    let told = found(&stack, &[], "queue", "fail");
    assert_eq!(told, ["no worker of process_message lives, 1 jobs wait"]);
    assert_eq!(found(&stack, &[], "dead jobs", "warn"), ["1 of send_reminder"]);
    let told = found(&stack, &[], "queue", "warn");
    assert!(told.iter().any(|line| line.contains("deliver_messages is paused")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_never_be_and_what_waits_too_long_is_told() {
    let stack = Stack::new().await;
    sql(
        &stack,
        "set session_replication_role = replica;
         insert into app.customers (tenant_id, phone) select id, '+5511988887777' from app.tenants where slug = 'studio-lua';
         insert into app.conversations (tenant_id, customer_id, instance_id, state)
         select c.tenant_id, c.id, i.id, 'completed' from app.customers c join app.instances i using (tenant_id);
         insert into app.outbound_messages (tenant_id, conversation_id, body, created_at, due_at)
         select tenant_id, id, 'Oi', app.now() - interval '11 minutes', app.now() - interval '11 minutes' from app.conversations",
    )
    .await;
    let told = found(&stack, &[], "invariants", "fail");
    assert_eq!(told, ["2 rows: message nobody sends (1), state without history (1)"]);
    let told = found(&stack, &[], "messages", "warn");
    assert!(told[0].starts_with("1 wait, the oldest for 11 min"), "{told:?}");
    sql(&stack, "select queue.keep_audit(); drop table audit.log_2026_04").await;
    found(&stack, &[], "audit months", "warn");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_away_refuses_the_key_or_lacks_an_instance_fails() {
    let stack = Stack::new().await;
    let told = found(&stack, &[("EVOLUTION_API_URL", "http://127.0.0.1:1")], "gateway", "fail");
    assert!(told[0].contains("cannot be reached"), "{told:?}");
    let told = found(&stack, &[("EVOLUTION_API_URL", "ftp://gateway")], "gateway", "fail");
    assert!(told[0].contains("no gateway at its address"), "{told:?}");
    let told = found(&stack, &[("EVOLUTION_API_KEY", "another")], "instance", "fail");
    assert!(told.len() == 3 && told[0].contains("does not take the API key"), "{told:?}");

    sql(
        &stack,
        "update app.instances set name = 'elsewhere' where name = 'luna-salon';
         update app.instances set api_key_env = 'NOT_SET_ANYWHERE' where name = 'salon-luna'",
    )
    .await;
    let told = found(&stack, &[], "instance", "fail");
    assert!(told[0].starts_with("elsewhere: ") && told[0].contains("no such instance"), "{told:?}");
    assert_eq!(told[1], "salon-luna: its key is in NOT_SET_ANYWHERE, which is not set");
    let told = found(&stack, &[], "instance", "warn");
    assert_eq!(told, ["studio-lua is connected, and known to us as unknown"]);

    sql(&stack, "delete from app.opening_hours; delete from app.instances").await;
    let told = found(&stack, &[], "gateway", "warn");
    assert_eq!(told, ["no tenant has an instance, so no key was tried"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runtimes_login_alone_is_told_what_it_cannot_look_at() {
    let stack = Stack::new().await;
    let told = found(&stack, &[("MIGRATION_DATABASE_URL", "")], "queue", "warn");
    assert_eq!(told, ["not looked at: this login may not read ops"]);
}
