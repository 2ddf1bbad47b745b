//! Who changed what: every change is in the log, with its actor and without secrets, for as long as
//! the log is kept, and nobody who logs in can change what it says.

use serde_json::{Value, json};
use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::api::{Api, a_cut};
use crate::support::database::TestDb;
use crate::support::stack::Stack;

async fn run(pool: &PgPool, statements: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(pool).await.map(drop)
}

async fn value<T>(pool: &PgPool, query: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(pool).await.unwrap()
}

/// A statement of somebody who has these roles and these only; the server's own error code.
async fn refused_as(db: &TestDb, role: &str, statement: &str) -> Option<String> {
    let mut tx = db.owner.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!(
        "set local role {role};
         select set_config('app.tenant_id', (select id::text from app.tenants limit 1), true)"
    )))
    .execute(&mut *tx)
    .await
    .unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *tx).await;
    tx.rollback().await.unwrap();
    done.err().map(|error| {
        error.as_database_error().and_then(DatabaseError::code).unwrap_or_default().into()
    })
}

const TENANT: &str = "insert into app.tenants (slug, name, locale, timezone, currency)
    values ('salon', 'Salon', 'en-US', 'America/New_York', 'USD')";

#[tokio::test]
async fn one_query_tells_who_changed_a_booking_whoever_it_was() {
    let mut stack = Stack::new().await;
    stack.work();
    let api = Api::of(&stack, "studio-lua").await;
    let made = api.post("/bookings", a_cut("2026-03-12T14:00:00-03:00", "+5511988887777")).await;
    assert_eq!(made.status, 201, "{made:?}");
    let code = made.body["code"].as_str().unwrap().to_owned();
    for sql in [
        "select set_config('app.actor', 'staff:ana', false); update app.bookings set starts_at = starts_at + interval '1 hour'",
        "reset app.actor; update app.bookings set status = 'cancelled', cancel_reason = 'closed'",
    ] {
        run(&stack.db.owner, sql).await.unwrap();
    }
    let changes: Vec<(String, String, Value)> = sqlx::query_as(
        "select actor, action, coalesce(after - '{ends_at,blocked,blocked_until,revision,cancelled_at}'::text[], '{}')
           from ops.booking_changes where tenant = 'studio-lua' and code = $1 order by id",
    )
    .bind(&code)
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(changes.len(), 3, "{changes:#?}");
    assert_eq!((changes[0].0.as_str(), changes[0].1.as_str()), ("key:tests", "insert"));
    assert_eq!(changes[0].2["code"], code);
    assert_eq!((changes[1].0.as_str(), changes[1].1.as_str()), ("staff:ana", "update"));
    assert_eq!(changes[1].2, json!({"starts_at": "2026-03-12T18:00:00+00:00"}));
    assert!(changes[2].0.starts_with("role:"), "{changes:#?}");
    assert_eq!(changes[2].2, json!({"status": "cancelled", "cancel_reason": "closed"}));
    stack.stop_working().await;
}

#[tokio::test]
async fn what_a_customer_or_a_job_does_is_told_by_who_they_are() {
    let mut stack = Stack::new().await;
    stack.work();
    for text in ["Oi", "1", "1", "1", "1"] {
        stack.say("studio-lua", "+5511988887777", text).await;
    }
    stack.settle().await;
    stack.stop_working().await;
    let actors: Vec<String> = sqlx::query_scalar(
        "select distinct regexp_replace(actor, ':.*', '') from app.audit_log where table_name = 'bookings'",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(actors, ["customer"]);
    let who_wrote: String = value(
        &stack.db.owner,
        "select actor from app.audit_log where table_name = 'customers' and action = 'insert'",
    )
    .await;
    assert_eq!(who_wrote, "webhook");
    // A hold that nobody confirmed is let go by the upkeep of the workers.
    run(
        &stack.db.owner,
        "update app.bookings set status = 'cancelled';
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status, hold_expires_at)
         select tenant_id, customer_id, service_id, staff_id, starts_at, 'held', app.now() - interval '5 minutes'
           from app.bookings limit 1;
         select queue.maintain()",
    )
    .await
    .unwrap();
    let actor: String = value(
        &stack.db.owner,
        "select actor from app.audit_log where after ->> 'cancel_reason' = 'hold expired'",
    )
    .await;
    assert_eq!(actor, "job:maintenance");
}

#[tokio::test]
async fn neither_secrets_nor_who_a_customer_is_are_in_the_log_but_that_they_changed_is() {
    let db = TestDb::new().await;
    run(&db.owner, TENANT).await.unwrap();
    run(
        &db.owner,
        "insert into app.customers (tenant_id, phone, name) select id, '+15550001111', 'Marina' from app.tenants;
         update app.customers set phone = '+15550002222', locale = 'en-US';
         insert into app.api_keys (tenant_id, name, secret_hash) select id, 'till', sha256('k') from app.tenants;
         update app.api_keys set last_used_at = app.now();
         insert into app.staff (tenant_id, key, name, calendar_hash) select id, 'ana', 'Ana', sha256('c') from app.tenants;
         update app.staff set calendar_hash = sha256('d')",
    )
    .await
    .unwrap();
    let log: Vec<Value> = sqlx::query_scalar(
        "select jsonb_build_array(table_name, action, before, after - '{id,tenant_id,created_at}'::text[])
           from app.audit_log where table_name <> 'tenants' order by id",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    assert_eq!(log.len(), 5, "the use of a key is no change: {log:#?}");
    let (personal, secret) = ("(personal)", "(secret)");
    assert_eq!((&log[0][3]["phone"], &log[0][3]["name"]), (&json!(personal), &json!(personal)));
    assert_eq!(log[1][2], json!({"phone": personal, "locale": null}));
    assert_eq!(log[1][3], json!({"phone": personal, "locale": "en-US"}));
    assert!(log[2][3].get("secret_hash").is_none() && log[2][3]["name"] == "till", "{log:#?}");
    assert!(log[3][3].get("calendar_hash").is_none(), "{log:#?}");
    assert_eq!(
        (&log[4][2], &log[4][3]),
        (&json!({"calendar_hash": secret}), &json!({"calendar_hash": secret}))
    );
}

#[tokio::test]
async fn a_row_without_an_id_is_named_by_its_key() {
    let db = TestDb::new().await;
    run(&db.owner, TENANT).await.unwrap();
    run(
        &db.owner,
        "insert into app.closures (tenant_id, day) select id, '2026-12-25' from app.tenants;
         insert into app.message_templates (tenant_id, key, language, body) select id, 'greeting', 'pt', 'Oi!' from app.tenants",
    )
    .await
    .unwrap();
    let named: Vec<(String, String)> = sqlx::query_as(
        "select table_name, row_id from app.audit_log where table_name <> 'tenants' order by id",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    let own = |pair: (&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
    assert_eq!(
        named,
        [("closures", "2026-12-25"), ("message_templates", "whatsapp/pt/greeting")].map(own)
    );
}

#[tokio::test]
async fn nobody_who_logs_in_may_do_more_than_add_to_the_log() {
    let db = TestDb::new().await;
    run(&db.owner, TENANT).await.unwrap();
    for statement in [
        "update app.audit_log set actor = 'nobody'",
        "update app.audit_log set after = '{}'",
        "delete from app.audit_log",
        "truncate app.audit_log",
        "select * from audit.log_default",
        "insert into audit.log_default (actor, action, table_name) values ('x', 'insert', 'x')",
        "drop table app.audit_log",
    ] {
        for role in ["pontual_app", "pontual_ops"] {
            let code = refused_as(&db, role, statement).await;
            assert_eq!(code.as_deref(), Some("42501"), "{role}: {statement}");
        }
    }
    // Not even a superuser, short of switching the trigger off.
    for statement in [
        "update app.audit_log set actor = 'nobody'",
        "update app.audit_log set after = '{}'",
        "delete from app.audit_log",
        "truncate app.audit_log",
    ] {
        let refused = run(&db.owner, statement).await.unwrap_err().to_string();
        assert!(refused.contains("only ever added to"), "{statement}: {refused}");
    }
    // The functions of its owner may take a person out of it, and nothing else.
    let owner = "pontual_definer";
    assert_eq!(refused_as(&db, owner, "update app.audit_log set after = '{}'").await, None);
    for statement in ["update app.audit_log set actor = 'x'", "delete from app.audit_log"] {
        assert_eq!(
            refused_as(&db, owner, statement).await.as_deref(),
            Some("42501"),
            "{statement}"
        );
    }
}

#[tokio::test]
async fn months_are_made_ahead_take_what_came_before_them_and_go_when_they_are_over() {
    let db = TestDb::new().await;
    run(
        &db.owner,
        "insert into app.audit_log (at, actor, action, table_name)
         select at, 'x', 'insert', 'y' from unnest(array['2019-12-31T23:59:59Z', '2020-01-01T00:00:00Z', '2020-01-31T23:59:59Z',
                 '2020-02-01T00:00:00Z', now() - interval '23 months', '2150-01-01']::timestamptz[]) at",
    )
    .await
    .unwrap();
    assert_eq!(value::<i64>(&db.owner, "select app.audit_strays()").await, 6);
    // As a worker does: what is old enough goes at once.
    let made: i32 = value(&db.app, "select queue.keep_audit()").await;
    assert!(made >= 5, "{made}");
    let left: Vec<String> = sqlx::query_scalar(
        "select to_char(at, 'YYYY') || ' in ' || tableoid::regclass from app.audit_log where actor = 'x' and at > now()
          union all select 'kept' from app.audit_log where actor = 'x' and at < now()",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    assert_eq!(left, ["2150 in audit.log_2150_01", "kept"]);
    assert_eq!(value::<i64>(&db.owner, "select app.audit_strays()").await, 0);
    assert_eq!(
        value::<i32>(&db.app, "select queue.keep_audit()").await,
        0,
        "nothing is left to do"
    );
    let ahead: i64 = value(
        &db.owner,
        "select count(*) from app.audit_months() where ends_at > now() and ends_at < now() + interval '4 months'",
    )
    .await;
    assert_eq!(ahead, 3);

    // Operators say how long; less than a month is refused.
    run(&db.owner, "set role pontual_ops; update queue.retention set keep = '22 months' where what = 'audit'; reset role")
        .await
        .unwrap();
    assert_eq!(value::<i32>(&db.app, "select queue.keep_audit()").await, 1);
    let short = run(&db.owner, "update queue.retention set keep = '1 day'").await.unwrap_err();
    assert!(short.to_string().contains("retention_keeps_a_month"), "{short}");
}

#[tokio::test]
async fn a_moved_clock_drops_no_history() {
    let db = TestDb::new().await;
    run(&db.owner, TENANT).await.unwrap();
    let mut tx = db.app.begin().await.unwrap();
    sqlx::query("select set_config('app.now', '2100-01-01T00:00:00Z', true)")
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("select queue.keep_audit()").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert!(value::<i64>(&db.owner, "select count(*) from app.audit_log").await > 0);
}

#[tokio::test]
async fn who_writes_does_not_wait_for_months_that_are_made() {
    let db = TestDb::new().await;
    run(&db.owner, TENANT).await.unwrap();
    let mut writer = db.owner.begin().await.unwrap();
    sqlx::query(
        "insert into app.audit_log (at, actor, action, table_name) values ('2031-05-05', 'x', 'insert', 'y')",
    )
    .execute(&mut *writer)
    .await
    .unwrap();
    // The writer holds the part that rows would have to leave: the next turn is early enough.
    let mut tx = db.app.begin().await.unwrap();
    sqlx::query("select set_config('app.now', '2031-05-05', true)")
        .execute(&mut *tx)
        .await
        .unwrap();
    let made: i32 =
        sqlx::query_scalar("select queue.keep_audit()").fetch_one(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(made, 0);
    writer.commit().await.unwrap();
    assert!(value::<i32>(&db.app, "select queue.keep_audit()").await >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_fails_while_months_are_made_under_those_who_write() {
    let db = TestDb::new().await;
    run(&db.owner, TENANT).await.unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writers = (0..4).map(|_| {
        let (pool, stop) = (db.owner.clone(), std::sync::Arc::clone(&stop));
        tokio::spawn(async move {
            let mut written = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                // A month of the future each, so that every one of them is in the making for some.
                sqlx::query(
                    "insert into app.audit_log (at, actor, action, table_name)
                     select '2031-01-15'::timestamptz + n * interval '1 month', 'x', 'insert', 'y' from generate_series(0, 11) n",
                )
                .execute(&pool)
                .await
                .unwrap();
                written += 12;
            }
            written
        })
    });
    let writers: Vec<_> = writers.collect();
    for month in 1..=12 {
        let made = "select app.add_audit_month(make_timestamptz(2031, $1, 1, 0, 0, 0, 'UTC'))";
        // With the patience of the upkeep it would be a matter of several turns.
        sqlx::query(made).bind(month).execute(&db.app).await.unwrap();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut written: i64 = 0;
    for writer in writers {
        written += writer.await.unwrap();
    }
    let kept = "select count(*) from app.audit_log where actor = 'x'";
    assert_eq!(value::<i64>(&db.owner, kept).await, written);
    assert_eq!(value::<i64>(&db.owner, "select app.audit_strays()").await, 0);
}

/// A database as version 0.1 left it: the log one table with a key of its own.
const SO_FAR: &str = "
    set client_min_messages = warning;
    create schema app; create schema queue;
    create function app.now() returns timestamptz language sql as 'select now()';
    create table app.api_keys (created_at timestamptz);
    create table app.audit_log (
      id bigint generated always as identity primary key, tenant_id uuid, at timestamptz not null default app.now(),
      actor text not null, action text not null, table_name text not null, row_id text, before jsonb, after jsonb,
      constraint audit_log_action_is_known check (action in ('insert', 'update')));
    create index audit_log_row on app.audit_log (tenant_id, table_name, row_id, at);
    alter table app.audit_log enable row level security, force row level security;
    create policy ops_writes_audit on app.audit_log using (true);";
const MIGRATION: &str = include_str!("../../sql/migrations/0013_operations.sql");

#[tokio::test]
async fn the_log_so_far_becomes_a_part_of_the_new_one_as_it_stands() {
    let db = TestDb::new().await;
    let empty = async || {
        run(&db.owner, "drop schema if exists app, queue, audit, ops cascade").await.unwrap();
    };
    empty().await;
    run(&db.owner, SO_FAR).await.unwrap();
    run(
        &db.owner,
        "insert into app.audit_log (at, actor, action, table_name, after)
         select now() - n * interval '40 days', 'x', 'insert', 'y', jsonb_build_object('n', n) from generate_series(1, 30) n",
    )
    .await
    .unwrap();
    let place = "select pg_relation_filenode(tableoid::regclass)::text || count(*) || sum(id) || sum((after ->> 'n')::int)
                   from app.audit_log group by tableoid";
    let before: String = value(&db.owner, place).await;
    run(&db.owner, MIGRATION).await.unwrap();
    assert_eq!(value::<String>(&db.owner, place).await, before, "no row was copied");
    // What comes now has the next id, may be any act, and lies beside the rest until its month is over.
    run(
        &db.owner,
        "insert into app.audit_log (actor, action, table_name) values ('x', 'snooze_job', 'jobs')",
    )
    .await
    .unwrap();
    let newest: (i64, String) = sqlx::query_as(
        "select id, tableoid::regclass::text from app.audit_log order by id desc limit 1",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    assert_eq!(newest, (31, "audit.log_so_far".to_owned()));

    empty().await;
    run(&db.owner, SO_FAR).await.unwrap();
    run(&db.owner, MIGRATION).await.unwrap();
    let parts: Vec<String> = sqlx::query_scalar("select inhrelid::regclass::text from pg_inherits where inhparent = 'app.audit_log'::regclass")
        .fetch_all(&db.owner)
        .await
        .unwrap();
    assert_eq!(parts, ["audit.log_default"], "an empty one leaves nothing behind");
}

#[tokio::test]
async fn a_table_that_nobody_thought_of_is_found() {
    let db = TestDb::new().await;
    run(
        &db.owner,
        "create table app.waiting_list (id uuid, tenant_id uuid not null);
         drop trigger audit on app.staff",
    )
    .await
    .unwrap();
    let check = include_str!("../../sql/checks/tables_are_audited.sql");
    let mut found: Vec<(String, String)> =
        sqlx::query_as(check).fetch_all(&db.owner).await.unwrap();
    found.sort();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].0.as_str(), found[0].1.as_str()), ("staff", "has no audit trigger"));
    assert_eq!(found[1].0, "waiting_list");
}
