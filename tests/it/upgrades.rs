//! Migrating while the service runs: nobody waits long, nothing is half done, rows stay.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::support::database::TestDb;
use crate::support::process::until;

/// Makes the next migrate remake everything that is derived.
async fn outdate(db: &PgPool) {
    sqlx::query("delete from queue.schema_fingerprint").execute(db).await.unwrap();
}

async fn has_views(db: &PgPool) -> bool {
    let there = "select to_regclass('ops.jobs') is not null and to_regprocedure('ops.retry_job(text)') is not null";
    sqlx::query_scalar(there).fetch_one(db).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_in_use_makes_migrate_give_way_say_who_holds_it_and_leave_everything_as_it_was() {
    let db = TestDb::new().await;
    let mut report = PgConnection::connect(&db.url_owner()).await.unwrap();
    sqlx::raw_sql(
        "set application_name = 'month-report'; begin; lock table app.customers in row exclusive mode",
    )
    .execute(&mut report)
    .await
    .unwrap();
    outdate(&db.owner).await;
    // Who writes as well waits for the migration's own wait at most.
    let writing = async {
        until("the migration waits", async || {
            let waiting = "select count(*) from pg_locks where not granted
               and database = (select oid from pg_database where datname = current_database())";
            sqlx::query_scalar::<_, i64>(waiting).fetch_one(&db.owner).await.unwrap() > 0
        })
        .await;
        let begun = Instant::now();
        sqlx::query("update app.customers set name = name").execute(&db.owner).await.unwrap();
        begun.elapsed()
    };
    let (migrated, waited) = tokio::join!(pontual::db::migrate_patiently(&db.owner, 1), writing);
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    let refused = format!("{:#}", migrated.unwrap_err());
    assert!(refused.contains("month-report") && refused.contains("pontual migrate"), "{refused}");
    assert!(has_views(&db.owner).await, "what was there is there");
    let made: i64 = sqlx::query_scalar("select count(*) from queue.schema_fingerprint")
        .fetch_one(&db.owner)
        .await
        .unwrap();
    assert_eq!(made, 0);

    // Patience is enough where the other one ends.
    let ending = async {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        sqlx::raw_sql("commit").execute(&mut report).await.unwrap();
    };
    tokio::join!(pontual::db::migrate(&db.owner), ending).0.unwrap();
    assert!(has_views(&db.owner).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_changes_no_table_lets_writers_of_messages_and_bookings_pass() {
    let db = TestDb::new().await;
    // A turn that has read and written and is not over.
    let mut turn = PgConnection::connect(&db.url_owner()).await.unwrap();
    sqlx::raw_sql(
        "begin; lock table app.conversation_turns, app.catalogue_snapshots in row exclusive mode",
    )
    .execute(&mut turn)
    .await
    .unwrap();
    outdate(&db.owner).await;
    pontual::db::migrate_patiently(&db.owner, 1).await.unwrap();
    sqlx::raw_sql("commit").execute(&mut turn).await.unwrap();
}

#[tokio::test]
async fn an_index_whose_building_was_interrupted_is_built_again() {
    let db = TestDb::new().await;
    let valid = "select bool_and(indisvalid) from pg_index where indexrelid = 'app.inbound_messages_age'::regclass";
    sqlx::raw_sql("update pg_index set indisvalid = false where indexrelid = 'app.inbound_messages_age'::regclass;
                   drop index app.outbound_messages_age")
        .execute(&db.owner)
        .await
        .unwrap();
    pontual::db::migrate(&db.owner).await.unwrap();
    assert!(sqlx::query_scalar::<_, bool>(valid).fetch_one(&db.owner).await.unwrap());
    let there = "select to_regclass('app.outbound_messages_age') is not null";
    assert!(sqlx::query_scalar::<_, bool>(there).fetch_one(&db.owner).await.unwrap());
}

/// Rows of every kind, as the schema of migration 0007 takes them.
const ROWS: &str = "
    insert into app.tenants (slug, name, locale, timezone, currency) values ('old', 'Old', 'pt-BR', 'America/Sao_Paulo', 'BRL');
    create temp table t as select id as tenant_id from app.tenants;
    insert into app.instances (tenant_id, name) select tenant_id, 'old' from t;
    insert into app.services (tenant_id, key, name, duration) select tenant_id, 'cut', 'Cut', '45m' from t;
    insert into app.staff (tenant_id, key, name) select tenant_id, 'ana', 'Ana' from t;
    insert into app.customers (tenant_id, phone, name) select tenant_id, '+5511988887777', 'Marina' from t;
    insert into app.conversations (tenant_id, customer_id, instance_id)
    select tenant_id, (select id from app.customers), (select id from app.instances) from t;
    insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane, status, visit_id, code)
    select tenant_id, (select id from app.customers), (select id from app.services), (select id from app.staff),
           '2030-01-01 10:00Z', '2030-01-01 10:45Z', '[2030-01-01 10:00Z, 2030-01-01 10:45Z)', 1, 'confirmed', gen_random_uuid(), 'AAAAA' from t;
    insert into app.inbound_messages (tenant_id, instance_id, conversation_id, provider_id, kind, body, sent_at)
    select tenant_id, (select id from app.instances), (select id from app.conversations), 'A1', 'text', '{\"text\": \"oi\"}', now() from t;
    insert into app.outbound_messages (tenant_id, conversation_id, body) select tenant_id, (select id from app.conversations), 'Oi!' from t;
    insert into app.audit_log (tenant_id, actor, action, table_name, row_id, after) select tenant_id, 'role:x', 'insert', 'tenants', tenant_id::text, '{}' from t;
    insert into app.api_keys (tenant_id, name, secret_hash) select tenant_id, 'till', sha256('k') from t";

#[tokio::test]
async fn a_database_of_the_first_release_is_brought_up_to_date_with_its_rows() {
    let db = TestDb::new().await;
    sqlx::raw_sql("drop schema app, queue, ops, apalis cascade; drop schema if exists audit cascade; drop table if exists public._sqlx_migrations")
        .execute(&db.owner)
        .await
        .unwrap();
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/migrations"));
    let all = Migrator::new(folder).await.unwrap();
    let first: Vec<_> = all.iter().filter(|migration| migration.version <= 7).cloned().collect();
    let mut old = Migrator::new(folder).await.unwrap();
    old.migrations = Cow::Owned(first);
    old.set_locking(false).run(&db.owner).await.unwrap();
    sqlx::raw_sql(ROWS).execute(&db.owner).await.unwrap();

    pontual::db::migrate(&db.owner).await.unwrap();
    for table in [
        "tenants",
        "customers",
        "bookings",
        "inbound_messages",
        "outbound_messages",
        "audit_log",
        "api_keys",
    ] {
        let sql = sqlx::AssertSqlSafe(format!(
            "select count(*) from app.{table} where to_jsonb({table}) ->> 'actor' is distinct from 'x'"
        ));
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&db.owner).await.unwrap();
        assert!(count >= 1, "{table} lost its rows");
    }
    // And what was there works with what is new: a change is audited, the customer can be erased.
    let erased: serde_json::Value =
        sqlx::query_scalar("select ops.erase_customer(id, dry_run => false) from app.customers")
            .fetch_one(&db.owner)
            .await
            .unwrap();
    assert_eq!((&erased["bookings"], &erased["cancelled"]), (&1.into(), &1.into()), "{erased}");
}
