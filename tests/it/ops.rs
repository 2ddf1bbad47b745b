//! What people may do with `ops`: one job or many, tried first, each act audited; and what those
//! who come with a tenant's token may not see.

use serde_json::{Value, json};
use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

use crate::support::database::TestDb;
use crate::support::stack::Stack;

const JOBS: &str = "
    insert into app.tenants (slug, name, locale, timezone, currency)
    select slug, slug, 'en-US', 'America/New_York', 'USD' from unnest(array['ours', 'theirs']) slug;
    insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, last_result)
    select j.id, j.kind, convert_to(jsonb_build_object('tenant_id', t.id)::text, 'UTF8'), j.status, 25, 25, app.now(), 0,
           jsonb_build_object('Err', j.error)
      from app.tenants t
      join (values ('ours', 'A', 'process_message', 'Killed', 'the database refused: 23514'),
                   ('ours', 'B', 'deliver_messages', 'Killed', 'the gateway could not'),
                   ('theirs', 'C', 'process_message', 'Killed', 'the DATABASE refused: 40001'),
                   ('ours', 'D', 'process_message', 'Pending', 'the database refused: 23514'),
                   ('ours', 'E', 'process_message', 'Running', null),
                   ('ours', 'F', 'process_message', 'Done', null)) j (tenant, id, kind, status, error) on j.tenant = t.slug";

async fn database() -> TestDb {
    let db = TestDb::new().await;
    sqlx::raw_sql(JOBS).execute(&db.owner).await.unwrap();
    db
}

/// The ids that an act returns, as a DBA who is a member of `pontual_ops` alone, and what it left
/// in the audit log; kept.
async fn act(pool: &PgPool, call: &str) -> Result<(Vec<String>, Vec<String>), String> {
    let mut tx = pool.begin().await.unwrap();
    sqlx::raw_sql("set local role pontual_ops; select set_config('app.actor', 'staff:rui', true)")
        .execute(&mut *tx)
        .await
        .unwrap();
    let before: i64 = sqlx::query_scalar("select coalesce(max(id), 0) from app.audit_log")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let ids = sqlx::query_scalar(AssertSqlSafe(format!("select id from {call} order by 1")))
        .fetch_all(&mut *tx)
        .await
        .map_err(|error| error.to_string())?;
    let noted = sqlx::query_scalar(
        "select actor || ' ' || action || ' ' || row_id from app.audit_log where id > $1 order by row_id",
    )
    .bind(before)
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    Ok((ids, noted))
}

async fn states(db: &TestDb) -> Value {
    sqlx::query_scalar("select jsonb_object_agg(id, state) from ops.jobs")
        .fetch_one(&db.owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn many_jobs_are_acted_on_by_kind_tenant_and_error_and_tried_first() {
    let db = database().await;
    let before = states(&db).await;
    let nothing = Vec::<String>::new();
    for (filter, ids) in [
        ("kind => 'process_message'", vec!["A", "C"]),
        ("tenant => 'ours'", vec!["A", "B"]),
        ("error => 'database refused'", vec!["A", "C"]),
        ("tenant => 'ours', error => '235\\d\\d$'", vec!["A"]),
        ("kind => 'send_reminder'", vec![]),
        ("kind => 'process_message', most => 1", vec!["A"]),
    ] {
        let (tried, noted) =
            act(&db.owner, &format!("ops.retry_jobs({filter}, dry_run => true)")).await.unwrap();
        assert_eq!(
            (tried, &noted),
            (ids.iter().map(|&id| id.to_owned()).collect(), &nothing),
            "{filter}"
        );
    }
    assert_eq!(states(&db).await, before, "only tried");

    let (done, noted) =
        act(&db.owner, "ops.retry_jobs(error => 'database refused')").await.unwrap();
    assert_eq!(done, ["A", "C"]);
    assert_eq!(noted, ["staff:rui retry_job A", "staff:rui retry_job C"]);
    let (done, noted) = act(&db.owner, "ops.cancel_jobs(tenant => 'ours')").await.unwrap();
    assert_eq!((done, noted), (vec!["B".to_owned()], vec!["staff:rui cancel_job B".to_owned()]));
    // Waiting ones only where that is said, running ones never.
    let (done, _) =
        act(&db.owner, "ops.cancel_jobs(tenant => 'theirs', only_dead => false)").await.unwrap();
    assert_eq!(done, ["C"]);
    let (done, _) =
        act(&db.owner, "ops.snooze_jobs('1 hour', kind => 'process_message')").await.unwrap();
    assert_eq!(done, ["A", "D"]);
    assert_eq!(
        states(&db).await,
        json!({"A": "scheduled", "B": "done", "C": "done", "D": "scheduled", "E": "running", "F": "done"})
    );
}

#[tokio::test]
async fn a_filter_that_means_everything_or_names_nothing_is_refused() {
    let db = database().await;
    for (call, told) in [
        ("ops.cancel_jobs()", "say which jobs"),
        ("ops.retry_jobs(dry_run => true)", "say which jobs"),
        ("ops.retry_jobs(tenant => 'nobody')", "there is no tenant nobody"),
        ("ops.snooze_jobs('1 hour', kind => 'bake_bread')", "there is no job kind bake_bread"),
    ] {
        let refused = act(&db.owner, call).await.unwrap_err();
        assert!(refused.contains(told), "{call}: {refused}");
    }
}

#[tokio::test]
async fn a_snoozed_dead_job_has_its_attempts_again_and_a_waiting_one_keeps_what_it_had() {
    let db = database().await;
    sqlx::query("select ops.snooze_job('A', '2 hours'), ops.snooze_job('D', '2 hours')")
        .execute(&db.owner)
        .await
        .unwrap();
    let jobs: Vec<(String, i32, bool)> = sqlx::query_as(
        "select id, attempts, run_at between app.now() + interval '119 minutes' and app.now() + interval '2 hours'
           from ops.jobs where id in ('A', 'D') order by id",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    assert_eq!(jobs, [("A".to_owned(), 0, true), ("D".to_owned(), 25, true)]);
    let asked: Value = sqlx::query_scalar(
        "select asked from ops.acts where action = 'snooze_job' order by id limit 1",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    assert_eq!(asked, json!({"delay": "02:00:00"}));
    for id in ["E", "F", "nothing"] {
        let done: bool = sqlx::query_scalar("select ops.snooze_job($1, '1 hour')")
            .bind(id)
            .fetch_one(&db.owner)
            .await
            .unwrap();
        assert!(!done, "{id}");
    }
}

#[tokio::test]
async fn kinds_are_paused_and_resumed_together() {
    let db = database().await;
    let of = async |call: &str| -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(format!("select kind from {call}")))
            .fetch_all(&db.owner)
            .await
            .unwrap()
    };
    assert_eq!(
        of("ops.pause_kinds('^(deliver|send)', dry_run => true)").await,
        ["deliver_messages", "send_reminder"]
    );
    assert_eq!(of("queue.kinds where paused_at is not null").await, Vec::<String>::new());
    assert_eq!(
        of("ops.pause_kinds('^(deliver|send)')").await,
        ["deliver_messages", "send_reminder"]
    );
    assert_eq!(of("ops.pause_kinds('.')").await.len(), of("queue.kinds").await.len() - 2);
    assert_eq!(of("ops.resume_kinds('.')").await.len(), of("queue.kinds").await.len());
    assert_eq!(of("queue.kinds where paused_at is not null").await, Vec::<String>::new());
}

#[tokio::test]
async fn why_each_attempt_failed_is_kept_and_forgotten_after_a_while() {
    let db = TestDb::new().await;
    let take = "insert into apalis.workers (id, worker_type, storage_name) values ('w', 'process_message', 'test') on conflict do nothing;
                update apalis.jobs set run_at = app.now();
                select count(*) from apalis.get_jobs('w', 'process_message', 1)";
    let id: String = sqlx::query_scalar("select queue.enqueue('process_message', '{}')")
        .fetch_one(&db.app)
        .await
        .unwrap();
    for outcome in ["queue.retry($1, 'w', 'no connection')", "queue.give_up($1, 'w', 'never')"] {
        sqlx::raw_sql(take).execute(&db.owner).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("select {outcome}")))
            .bind(&id)
            .execute(&db.app)
            .await
            .unwrap();
    }
    // Not by who does not hold it.
    sqlx::query("select queue.retry($1, 'other', 'x')").bind(&id).execute(&db.app).await.unwrap();
    let kept = "select attempt || ' ' || error from ops.job_attempts order by attempt";
    let kept =
        async || -> Vec<String> { sqlx::query_scalar(kept).fetch_all(&db.owner).await.unwrap() };
    assert_eq!(kept().await, ["1 no connection", "2 never"]);
    sqlx::query(
        "update queue.failed_attempts set at = now() - interval '91 days' where attempt = 1",
    )
    .execute(&db.owner)
    .await
    .unwrap();
    let forgotten: i32 = sqlx::query_scalar("select queue.forget_failed_attempts()")
        .fetch_one(&db.app)
        .await
        .unwrap();
    assert_eq!((forgotten, kept().await), (1, vec!["2 never".to_owned()]));
}

#[tokio::test]
async fn a_worker_that_dies_leaves_its_attempt_behind() {
    let db = TestDb::new().await;
    let id: String = sqlx::query_scalar("select queue.enqueue('process_message', '{}')")
        .fetch_one(&db.app)
        .await
        .unwrap();
    for why in
        ["Re-enqueued due to worker heartbeat timeout.", "Re-enqueued due to worker shutdown"]
    {
        sqlx::raw_sql(
            "insert into apalis.workers (id, worker_type, storage_name) values ('w', 'process_message', 'test') on conflict do nothing;
             select count(*) from apalis.get_jobs('w', 'process_message', 1)",
        )
        .execute(&db.owner)
        .await
        .unwrap();
        // As apalis takes back what a worker held.
        sqlx::query(
            "update apalis.jobs set status = 'Pending', attempts = attempts + 1, lock_by = null, lock_at = null,
                    last_result = jsonb_build_object('Err', $1::text)",
        )
        .bind(why)
        .execute(&db.app)
        .await
        .unwrap();
    }
    let attempts: Vec<(String, String)> =
        sqlx::query_as("select job_id, error from ops.job_attempts")
            .fetch_all(&db.owner)
            .await
            .unwrap();
    assert_eq!(attempts, [(id, "its worker died".to_owned())], "one that stops never began");
}

/// A transaction of a `PostgREST` client of the tenant.
async fn with_token(db: &mut PgConnection, tenant: uuid::Uuid) {
    sqlx::query("select set_config('role', 'pontual_app', true), set_config('request.jwt.claims', $1, true)")
        .bind(json!({"tenant_id": tenant, "role": "pontual_app"}).to_string())
        .execute(db)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_of_a_tenant_sees_no_job_of_anybody_and_enqueues_for_its_tenant_alone() {
    let stack = Stack::new().await;
    let [ours, theirs] = [stack.tenant("studio-lua").await, stack.tenant("luna-salon").await];
    let enqueue =
        "select queue.enqueue('process_message', jsonb_build_object('tenant_id', $1::uuid))";
    for tenant in [ours, theirs] {
        sqlx::query(enqueue).bind(tenant).execute(&stack.pool).await.unwrap();
    }
    let mut tx = stack.pool.begin().await.unwrap();
    with_token(&mut tx, ours).await;
    for (query, count) in [
        ("select count(*) from apalis.jobs", 0),
        ("select count(*) from apalis.workers", 0),
        ("with gone as (delete from apalis.jobs returning 1) select count(*) from gone", 0),
        (
            "with done as (update apalis.jobs set status = 'Done' returning 1) select count(*) from done",
            0,
        ),
        ("select count(*) from apalis.get_jobs('w', 'process_message', 9)", 0),
        ("select count(*) from app.tenants", 1),
    ] {
        let found: i64 = sqlx::query(query).fetch_one(&mut *tx).await.unwrap().get(0);
        assert_eq!(found, count, "{query}");
    }
    sqlx::query(enqueue).bind(ours).execute(&mut *tx).await.unwrap();
    let refused = sqlx::query(enqueue).bind(theirs).execute(&mut *tx).await.unwrap_err();
    assert!(refused.to_string().contains("a job of another tenant"), "{refused}");
    tx.rollback().await.unwrap();

    for call in [
        "insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority) values ('x', 'process_message', '{}', 'Pending', 0, 1, now(), 0)",
        "select queue.maintain()",
        "select queue.promote_reminders()",
        "select queue.release_expired_holds()",
        "select queue.keep_audit()",
        "select app.add_audit_month('2040-01-01')",
        "select queue.forget_failed_attempts()",
        "select queue.check_invariants('0')",
        "select * from ops.jobs",
        "select * from queue.failed_attempts",
    ] {
        let mut tx = stack.pool.begin().await.unwrap();
        with_token(&mut tx, ours).await;
        let error = sqlx::raw_sql(call).execute(&mut *tx).await.unwrap_err();
        let code = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default();
        assert_eq!(code, "42501", "{call}: {error}");
    }
}

#[tokio::test]
async fn a_booking_made_with_a_token_has_the_jobs_of_any_other() {
    let mut stack = Stack::new().await;
    let ours = stack.tenant("studio-lua").await;
    let mut tx = stack.pool.begin().await.unwrap();
    with_token(&mut tx, ours).await;
    sqlx::raw_sql(
        "insert into app.customers (tenant_id, phone) values (app.tenant_id(), '+5511988887777');
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select c.tenant_id, c.id, s.id, f.id, '2026-03-11 14:00-03', 'confirmed'
           from app.customers c join app.services s on s.key = 'corte' join app.staff f on f.key = 'ana'",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    stack.work();
    stack.settle().await;
    let told: i64 =
        stack.value("select count(*) from app.outbound_messages where status in ('sent', 'delivered', 'read')").await;
    assert_eq!(told, 1);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;
}

#[tokio::test]
async fn views_of_ops_show_nobody_what_the_reader_may_not_see() {
    let db = TestDb::new().await;
    let unsafe_views: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'ops' and c.relkind = 'v'
            and not coalesce(c.reloptions::text like '%security_invoker=true%', false)",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    assert_eq!(unsafe_views, Vec::<String>::new());
    let views: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'ops' and c.relkind = 'v'",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    assert!(views.len() >= 20, "{views:?}");
    // A member of pontual_ops and of nothing else may read every one of them.
    for view in views {
        let mut tx = db.owner.begin().await.unwrap();
        sqlx::raw_sql("set local role pontual_ops").execute(&mut *tx).await.unwrap();
        let read =
            sqlx::raw_sql(AssertSqlSafe(format!("select * from {view}"))).execute(&mut *tx).await;
        assert!(read.is_ok(), "{view}: {read:?}");
    }
}
