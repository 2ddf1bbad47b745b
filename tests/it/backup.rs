//! A backup is restored into a fresh server, and the service runs on.

use std::collections::BTreeMap;
use std::process::Command;

use pontual::embedded::{Cluster, Options, Profile};
use pontual::gateway_sim::Author;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::database::TestDb;
use crate::support::process::{Deployment, Folder, apply_tenants, until};

const SALON: &str = "studio-lua";
const MARINA: &str = "+5511988887777";
const RITA: &str = "+5511977776666";

/// Runs one of Postgres's programs; panics with what it said.
fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

/// How often each customer got each text.
fn sent(deployment: &Deployment) -> BTreeMap<(String, String), usize> {
    let mut sent = BTreeMap::new();
    for phone in [MARINA, RITA] {
        for message in deployment.sim.chat(SALON, phone) {
            if message.from == Author::Business {
                *sent.entry((phone.to_owned(), message.text)).or_default() += 1;
            }
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_is_restored_into_a_fresh_server_and_the_service_runs_on() {
    let db = TestDb::new().await;
    let bindir: String =
        sqlx::query_scalar("select setting from pg_catalog.pg_config where name = 'BINDIR'")
            .fetch_one(&db.owner)
            .await
            .unwrap();
    let tool = |name: &str| format!("{bindir}/{name}");
    apply_tenants(&db.owner, &[SALON]).await;
    let mut deployment = Deployment::of(&[SALON]).await;
    let url = db.url_app();
    deployment.start_web(&[("DATABASE_URL", &url)]).await;
    deployment.start_worker(&[("DATABASE_URL", &url)]);

    // A booking with its plan, and a question that waits for an answer.
    for text in ["oi", "1", "1", "1"] {
        deployment.say(SALON, MARINA, text).await;
    }
    until("everything is sent", async || {
        count(
            &db.owner,
            "select count(*) from app.outbound_messages where status in ('queued', 'sending')",
        )
        .await
            == 0
    })
    .await;
    drop(deployment.programs.pop());
    let asked = deployment.sim.customer_writes(SALON, RITA, "Rita", "oi").await.unwrap();
    assert_eq!(asked.status, Some(200));
    // And a message that the backup has as waiting, and that leaves before the server is lost.
    sqlx::query(
        "with m as (insert into app.outbound_messages (tenant_id, conversation_id, body)
                    select c.tenant_id, c.id, 'até já, Marina' from app.conversations c
                      join app.customers u on u.id = c.customer_id where u.phone = $1 returning tenant_id, conversation_id)
         select queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant_id, 'conversation_id', conversation_id)) from m",
    )
    .bind(MARINA)
    .execute(&db.owner)
    .await
    .unwrap();

    // The runbook: roles, then the database.
    let folder = Folder::new();
    let (roles, dump) = (folder.0.join("roles.sql"), folder.0.join("pontual.dump"));
    let source = db.libpq_url_owner();
    let globals =
        run(&tool("pg_dumpall"), &["--globals-only", "--no-role-passwords", "--dbname", &source]);
    std::fs::write(&roles, globals).unwrap();
    run(
        &tool("pg_dump"),
        &["--format=custom", "--file", dump.to_str().unwrap(), "--dbname", &source],
    );
    let taken: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select now()").fetch_one(&db.owner).await.unwrap();
    let before = shape(&db.owner).await;

    deployment.start_worker(&[("DATABASE_URL", &url)]);
    until("it leaves after the backup", async || {
        sent(&deployment).keys().any(|(_, text)| text == "até já, Marina")
    })
    .await;
    until("Rita is answered after the backup", async || {
        sent(&deployment).keys().any(|(phone, _)| phone == RITA)
    })
    .await;
    deployment.programs.clear();

    let home = Folder::new();
    let options = Options::from_environment(&home.0, Profile::Ephemeral).unwrap();
    let fresh =
        tokio::task::spawn_blocking(move || Cluster::start(&options)).await.unwrap().unwrap();
    let server = fresh.url("postgres");
    run(&tool("psql"), &["--quiet", "--file", roles.to_str().unwrap(), &server]);
    run(&tool("psql"), &["--quiet", "--command", "create database pontual", &server]);
    let owner_url = fresh.url("pontual");
    run(&tool("pg_restore"), &["--exit-on-error", "--dbname", &owner_url, dump.to_str().unwrap()]);
    let restored = PgPoolOptions::new().max_connections(3).connect(&owner_url).await.unwrap();
    assert_eq!(shape(&restored).await, before, "every row is there");
    pontual::db::migrate(&restored).await.unwrap();
    let told: serde_json::Value = sqlx::query_scalar("select ops.after_restore($1)")
        .bind(taken)
        .fetch_one(&restored)
        .await
        .unwrap();
    assert_eq!(told["to_look_up"], 1, "{told}");

    let login: String =
        sqlx::query_scalar("select current_user::text").fetch_one(&db.app).await.unwrap();
    let url = fresh.url_as(&login, "pontual");
    let sent_before = sent(&deployment);
    deployment.start_web(&[("DATABASE_URL", &url)]).await;
    deployment.start_worker(&[("DATABASE_URL", &url)]);
    // The job of the message that waited runs; the message that left after the backup is found.
    until("the jobs of the backup are done", async || {
        count(&restored, "select count(*) from app.inbound_messages where processed_at is null").await == 0
            && count(&restored, "select count(*) from app.outbound_messages where status in ('queued', 'sending', 'unknown')").await == 0
    })
    .await;
    for ((phone, text), times) in &sent_before {
        // Rita's question was answered in the hours that are lost: she is answered again.
        let again = sent(&deployment)[&(phone.clone(), text.clone())];
        assert!(
            again == *times || phone == RITA,
            "{phone} got {text:?} {times} times, then {again}"
        );
    }

    // Talks and reminders go on.
    let planned = count(
        &restored,
        "select count(*) from app.scheduled_notifications where status = 'planned'",
    )
    .await;
    assert!(planned > 0);
    // The last one comes due now, whether it is a job already or still in the plan alone.
    sqlx::raw_sql(
        "update app.scheduled_notifications set due_at = app.now()
          where id = (select id from app.scheduled_notifications where status = 'planned' order by due_at desc limit 1);
         update apalis.jobs set run_at = now() where job_type = 'send_reminder' and status = 'Pending'",
    )
    .execute(&restored)
    .await
    .unwrap();
    until("a reminder of the restored plan", async || {
        count(&restored, "select count(*) from app.scheduled_notifications where status = 'sent'").await == 1
            && count(&restored, "select count(*) from app.outbound_messages where template = 'reminder' and status <> 'queued'").await == 1
    })
    .await;
    let answer = deployment.say(SALON, MARINA, "meus horários").await;
    assert!(!answer.is_empty());
    assert_eq!(
        count(&restored, "select count(*) from ops.dead_jobs").await,
        0,
        "{}",
        deployment.logs()
    );
    drop(deployment);
    restored.close().await;
    tokio::task::spawn_blocking(move || drop(fresh)).await.unwrap();
}

/// How many rows each table of ours and of the queue has.
async fn shape(pool: &PgPool) -> BTreeMap<String, i64> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname in ('app', 'queue', 'audit') and c.relkind in ('r', 'p') or c.oid = 'apalis.jobs'::regclass",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut shape = BTreeMap::new();
    for table in tables {
        let rows = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}")));
        shape.insert(table, rows.fetch_one(pool).await.unwrap());
    }
    shape
}
