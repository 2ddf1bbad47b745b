//! The queue: what apalis does not do, and the facts of it that we lean on.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::database::TestDb;
use crate::support::stack::{PATIENCE, Stack};

async fn enqueue(pool: &PgPool, kind: &str, args: Value, key: Option<&str>) -> Option<String> {
    sqlx::query_scalar("select queue.enqueue($1, $2, null, $3)")
        .bind(kind)
        .bind(args)
        .bind(key)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Takes jobs as a worker of that name does.
async fn take(db: &TestDb, worker: &str, kind: &str, most: i32) -> Vec<String> {
    sqlx::query(
        "insert into apalis.workers (id, worker_type, storage_name) values ($1, $2, 'test') on conflict do nothing",
    )
    .bind(worker)
    .bind(kind)
    .execute(&db.owner)
    .await
    .unwrap();
    sqlx::query_scalar("select id from apalis.get_jobs($1, $2, $3)")
        .bind(worker)
        .bind(kind)
        .bind(most)
        .fetch_all(&db.app)
        .await
        .unwrap()
}

async fn job(db: &TestDb, id: &str) -> Value {
    sqlx::query_scalar("select to_jsonb(j) from ops.jobs j where id = $1")
        .bind(id)
        .fetch_one(&db.owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_failed_job_waits_longer_each_time_and_holds_no_worker() {
    let db = TestDb::new().await;
    let id = enqueue(&db.app, "process_message", json!({}), None).await.unwrap();
    let mut waits = Vec::new();
    for attempt in 1..=4 {
        assert_eq!(take(&db, "w", "process_message", 5).await, std::slice::from_ref(&id));
        assert_eq!(take(&db, "w", "process_message", 5).await, Vec::<String>::new());
        let status: String = sqlx::query_scalar("select queue.retry($1, 'w', 'no')")
            .bind(&id)
            .fetch_one(&db.app)
            .await
            .unwrap();
        assert_eq!(status, "Pending");
        let (wait, attempts): (f64, i32) = sqlx::query_as(
            "select extract(epoch from run_at - now())::float8, attempts from apalis.jobs where id = $1",
        )
        .bind(&id)
        .fetch_one(&db.owner)
        .await
        .unwrap();
        assert_eq!(attempts, attempt);
        waits.push(wait);
        // Not due: nobody is given it.
        assert_eq!(take(&db, "w", "process_message", 5).await, Vec::<String>::new());
        sqlx::query("update apalis.jobs set run_at = now() where id = $1")
            .bind(&id)
            .execute(&db.owner)
            .await
            .unwrap();
    }
    // 1, 2, 4, 8 s ± 20 %.
    for (wait, usual) in waits.iter().zip([1.0, 2.0, 4.0, 8.0]) {
        assert!((usual * 0.75..usual * 1.25).contains(wait), "{waits:?}");
    }
}

#[tokio::test]
async fn a_job_without_attempts_left_is_dead_and_visible_until_someone_acts() {
    let db = TestDb::new().await;
    let id = enqueue(&db.app, "send_reminder", json!({"tenant_id": null}), None).await.unwrap();
    sqlx::query("update apalis.jobs set attempts = 9").execute(&db.owner).await.unwrap();
    take(&db, "w", "send_reminder", 1).await;
    let status: String = sqlx::query_scalar("select queue.retry($1, 'w', 'still no')")
        .bind(&id)
        .fetch_one(&db.app)
        .await
        .unwrap();
    assert_eq!(status, "Killed");
    let dead: (String, String) =
        sqlx::query_as("select id, error from ops.dead_jobs").fetch_one(&db.owner).await.unwrap();
    assert_eq!(dead, (id.clone(), "still no".to_owned()));
    assert_eq!(take(&db, "w", "send_reminder", 1).await, Vec::<String>::new());

    let retried: bool = sqlx::query_scalar("select ops.retry_job($1)")
        .bind(&id)
        .fetch_one(&db.owner)
        .await
        .unwrap();
    assert!(retried);
    assert_eq!(take(&db, "w", "send_reminder", 1).await, [id]);
    let audited: i64 =
        sqlx::query_scalar("select count(*) from app.audit_log where action = 'retry_job'")
            .fetch_one(&db.owner)
            .await
            .unwrap();
    assert_eq!(audited, 1);
}

#[tokio::test]
async fn an_attempt_that_takes_its_process_down_is_counted_and_in_the_end_buried() {
    let db = TestDb::new().await;
    let id = enqueue(&db.app, "send_reminder", json!({}), None).await.unwrap();
    for _ in 0..10 {
        assert_eq!(take(&db, "doomed", "send_reminder", 1).await, std::slice::from_ref(&id));
        // What apalis's heartbeat does with jobs of a worker that is dead.
        sqlx::query(
            "update apalis.jobs set status = 'Pending', done_at = null, lock_by = null, lock_at = null,
                    attempts = attempts + 1, last_result = '{\"Err\": \"Re-enqueued due to worker heartbeat timeout.\"}'
              where status = 'Queued'",
        )
        .execute(&db.app)
        .await
        .unwrap();
    }
    assert_eq!(take(&db, "doomed", "send_reminder", 1).await, Vec::<String>::new());
    sqlx::query("select queue.maintain()").execute(&db.app).await.unwrap();
    let job = job(&db, &id).await;
    assert_eq!((&job["state"], &job["attempts"]), (&json!("dead"), &json!(10)));
}

#[tokio::test]
async fn an_outcome_is_written_by_the_holder_alone() {
    let db = TestDb::new().await;
    let id = enqueue(&db.app, "process_message", json!({}), None).await.unwrap();
    take(&db, "slow", "process_message", 1).await;
    let other: Option<bool> = sqlx::query_scalar("select queue.finish($1, 'other')")
        .bind(&id)
        .fetch_one(&db.app)
        .await
        .unwrap();
    assert_eq!((other, &job(&db, &id).await["state"]), (None, &json!("running")));
    let holder: Option<bool> = sqlx::query_scalar("select queue.finish($1, 'slow')")
        .bind(&id)
        .fetch_one(&db.app)
        .await
        .unwrap();
    assert_eq!((holder, &job(&db, &id).await["state"]), (Some(true), &json!("done")));
}

#[tokio::test]
async fn a_key_is_taken_once_without_aborting_the_callers_transaction() {
    let db = TestDb::new().await;
    let mut tx = db.app.begin().await.unwrap();
    let mut made = Vec::new();
    for _ in 0..2 {
        let id: Option<String> =
            sqlx::query_scalar("select queue.enqueue('send_reminder', '{}', null, 'once')")
                .fetch_one(&mut *tx)
                .await
                .unwrap();
        made.push(id.is_some());
    }
    tx.commit().await.unwrap();
    assert_eq!(made, [true, false]);
}

#[tokio::test]
async fn an_unknown_kind_is_refused_with_where_to_look() {
    let db = TestDb::new().await;
    let refused =
        sqlx::query("select queue.enqueue('bake_bread', '{}')").execute(&db.app).await.unwrap_err();
    assert!(refused.to_string().contains("no job kind bake_bread"), "{refused}");
}

#[tokio::test]
async fn a_paused_kind_hands_out_nothing_until_it_is_resumed() {
    let db = TestDb::new().await;
    let id = enqueue(&db.app, "process_message", json!({}), None).await.unwrap();
    let paused: bool = sqlx::query_scalar("select ops.pause('process_message')")
        .fetch_one(&db.owner)
        .await
        .unwrap();
    assert!(paused);
    assert_eq!(take(&db, "w", "process_message", 1).await, Vec::<String>::new());
    let resumed: bool = sqlx::query_scalar("select ops.resume('process_message')")
        .fetch_one(&db.owner)
        .await
        .unwrap();
    assert!(resumed);
    assert_eq!(take(&db, "w", "process_message", 1).await, [id]);
}

#[tokio::test]
async fn a_snooze_costs_no_attempt() {
    let db = TestDb::new().await;
    let id = enqueue(&db.app, "process_message", json!({}), None).await.unwrap();
    take(&db, "w", "process_message", 1).await;
    sqlx::query("select queue.snooze($1, 'w', '1 hour')").bind(&id).execute(&db.app).await.unwrap();
    let job = job(&db, &id).await;
    assert_eq!((&job["state"], &job["attempts"]), (&json!("scheduled"), &json!(0)));
}

#[tokio::test]
async fn only_a_sleeping_worker_is_notified_and_only_once() {
    let db = TestDb::new().await;
    let mut listener = sqlx::postgres::PgListener::connect_with(&db.app).await.unwrap();
    listener.listen("pontual_jobs").await.unwrap();
    enqueue(&db.app, "process_message", json!({}), None).await; // awake: no notify
    sqlx::query("select queue.fall_asleep('process_message')").execute(&db.app).await.unwrap();
    for _ in 0..3 {
        enqueue(&db.app, "process_message", json!({}), None).await;
    }
    enqueue(&db.app, "deliver_messages", json!({}), None).await; // awake
    // Notifications keep their order: this one ends the list.
    sqlx::query("select pg_notify('pontual_jobs', 'end')").execute(&db.app).await.unwrap();
    let mut told = Vec::new();
    loop {
        let notification = tokio::time::timeout(PATIENCE, listener.recv()).await.unwrap().unwrap();
        if notification.payload() == "end" {
            break;
        }
        told.push(notification.payload().to_owned());
    }
    assert_eq!(told, ["process_message"]);
}

#[tokio::test]
async fn finished_jobs_are_pruned_and_lost_ones_taken_back() {
    let db = TestDb::new().await;
    let done = enqueue(&db.app, "process_message", json!({}), None).await.unwrap();
    take(&db, "w", "process_message", 1).await;
    sqlx::query("select queue.finish($1, 'w')").bind(&done).execute(&db.app).await.unwrap();
    sqlx::query("update apalis.jobs set done_at = now() - interval '4 days'")
        .execute(&db.owner)
        .await
        .unwrap();
    let lost = enqueue(&db.app, "process_message", json!({}), None).await.unwrap();
    take(&db, "w", "process_message", 1).await;
    sqlx::query("update apalis.jobs set lock_at = now() - interval '11 minutes' where id = $1")
        .bind(&lost)
        .execute(&db.owner)
        .await
        .unwrap();
    let did: Value =
        sqlx::query_scalar("select queue.maintain()").fetch_one(&db.app).await.unwrap();
    assert_eq!(did, json!({"lost": 1, "pruned": 1}));
    assert_eq!(job(&db, &lost).await["state"], "waiting");
}

/// A kind of its own whose handler does as its arguments say stands in `jobs` itself; here the
/// real kinds are made to fail by their arguments.
#[tokio::test]
async fn arguments_of_another_shape_are_given_up_at_once_and_do_not_stop_the_worker() {
    let mut stack = Stack::new().await;
    let bad =
        enqueue(&stack.pool, "process_message", json!({"conversation_id": 7}), None).await.unwrap();
    stack.work();
    stack.settle().await;
    let dead: String = stack.value("select id from ops.dead_jobs").await;
    assert_eq!(dead, bad);
    let answer = stack.say("studio-lua", "+5511988887777", "Oi").await;
    assert!(answer.contains("1 "), "{answer}");
    stack.stop_working().await;
}

#[tokio::test]
async fn what_a_killed_worker_held_runs_again_within_thirty_seconds() {
    let mut stack = Stack::new().await;
    stack.sim.customer_writes("studio-lua", "+5511988887777", "Marina", "Oi").await.unwrap();
    // A process that took the job and is gone: its worker shows itself no more.
    let held = take(&stack.db, "process_message:dead", "process_message", 1).await;
    assert_eq!(held.len(), 1);
    sqlx::query("update apalis.workers set last_seen = now() - interval '12 seconds'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let since = std::time::Instant::now();
    stack.work();
    stack.settle().await;
    let handled: i64 = stack
        .value("select count(*) from app.inbound_messages where processed_at is not null")
        .await;
    assert_eq!(handled, 1);
    println!(
        "taken up after {:?} (of 15 s until a worker counts as dead, 12 s had passed)",
        since.elapsed()
    );
    assert!(since.elapsed() < Duration::from_secs(18), "{:?}", since.elapsed());
    stack.stop_working().await;
}

#[tokio::test]
async fn a_worker_that_is_asked_to_stop_ends_what_it_began_and_gives_the_rest_back() {
    let mut stack = Stack::new().await;
    for n in 0..40 {
        let phone = format!("+55119888877{n:02}");
        stack.sim.customer_writes("studio-lua", &phone, "Marina", "Oi").await.unwrap();
    }
    stack.work();
    stack.stop_working().await;
    let (running, attempts): (i64, i64) = sqlx::query_as(
        "select count(*) filter (where state = 'running'), coalesce(max(attempts) filter (where state = 'waiting'), 0)::int8 from ops.jobs",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!((running, attempts), (0, 0));
    stack.work();
    stack.settle().await;
    let open: i64 =
        stack.value("select count(*) from app.inbound_messages where processed_at is null").await;
    assert_eq!(open, 0);
    stack.stop_working().await;
}

#[tokio::test]
async fn the_queues_migrations_are_those_that_ours_were_written_against() {
    // When an upgrade of apalis-postgres adds one, sql/queue/10_store.sql has to be read against it.
    let versions = apalis_postgres::PostgresStorage::<()>::migrations()
        .iter()
        .map(|migration| migration.version)
        .collect::<Vec<_>>();
    assert_eq!(
        (versions.len(), versions.last().copied()),
        (23, Some(20_260_902_075_949)),
        "{versions:?}"
    );
    let db = TestDb::new().await;
    let triggers: Vec<String> = sqlx::query_scalar(
        "select tgname::text from pg_trigger where tgrelid = 'apalis.jobs'::regclass and not tgisinternal order by 1",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    assert_eq!(triggers, ["take_back"]);
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select id from apalis.jobs
          where (status = 'Pending' or (status = 'Failed' and attempts < max_attempts)) and attempts < max_attempts
            and run_at <= app.now() and job_type = 'x' order by priority desc, run_at limit 10 for update skip locked",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    assert!(plan.iter().any(|line| line.contains("idx_apalis_jobs_fetch_partial")), "{plan:#?}");
}

#[tokio::test]
async fn a_sleeping_worker_is_woken_by_an_enqueue_and_not_by_its_slow_look() {
    let mut stack = Stack::new().await;
    stack.work();
    let mut waits = Vec::new();
    for n in 0..5 {
        let asleep = async {
            while !stack
                .value::<bool>("select asleep from queue.kinds where kind = 'process_message'")
                .await
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asleep).await.expect("falls asleep without work");
        // Past the moment until which it still looks fast.
        tokio::time::sleep(Duration::from_millis(400)).await;
        let phone = format!("+551198888770{n}");
        stack.sim.customer_writes("studio-lua", &phone, "Marina", "Oi").await.unwrap();
        stack.settle().await;
        let wait: f64 = stack
            .value("select extract(epoch from max(done_at - run_at))::float8 from ops.jobs where kind = 'process_message'")
            .await;
        waits.push(wait);
        sqlx::query("delete from apalis.jobs").execute(&stack.db.owner).await.unwrap();
    }
    waits.sort_by(f64::total_cmp);
    println!("woken after {waits:?} s; the slow look comes each second");
    assert!(waits[2] < 0.4, "{waits:?}");
    stack.stop_working().await;
}

#[tokio::test]
async fn when_the_queues_own_migration_makes_its_function_anew_ours_stands_again_after_it() {
    let db = TestDb::new().await;
    // As an upgrade of the crate would: its last migration is new, and so is the fingerprint.
    sqlx::raw_sql(
        "delete from apalis._sqlx_migrations where version = 20260902075949;
         delete from queue.schema_fingerprint",
    )
    .execute(&db.owner)
    .await
    .unwrap();
    pontual::db::migrate(&db.owner).await.unwrap();
    let ours: bool = sqlx::query_scalar(
        "select (select prosrc like '%queue.kinds%' from pg_proc where oid = 'apalis.get_jobs'::regproc)
            and exists (select from pg_trigger where tgname = 'take_back')
            and to_regclass('ops.jobs') is not null
            and (select count(*) = 1 from apalis._sqlx_migrations where version = 20260902075949)",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    assert!(ours);
}

#[tokio::test]
async fn no_more_jobs_of_a_kind_run_at_once_than_were_asked_for() {
    let mut stack = Stack::new().await;
    // Slow enough that all that may run at once do.
    sqlx::raw_sql(
        "create function app.linger() returns trigger language plpgsql as $$ begin perform pg_sleep(0.3); return new; end $$;
         create trigger linger before insert on app.conversation_turns for each row execute function app.linger()",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    for n in 0..16_usize {
        let phone = format!("+55119888877{n:02}");
        stack.sim.customer_writes("studio-lua", &phone, "Marina", "Oi").await.unwrap();
    }
    stack.work(); // four at once
    let mut most = 0;
    loop {
        let (running, open): (i64, i64) = sqlx::query_as(
            "select (select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'),
                    (select count(*) from app.inbound_messages where processed_at is null)",
        )
        .fetch_one(&stack.db.owner)
        .await
        .unwrap();
        most = most.max(running);
        if open == 0 {
            break;
        }
    }
    assert_eq!(most, 4);
    stack.settle().await;
    stack.stop_working().await;
}

#[tokio::test]
async fn what_turns_of_half_a_year_ago_knew_is_forgotten_and_catalogues_with_it() {
    let stack = Stack::new().await;
    sqlx::raw_sql(
        "insert into app.customers (tenant_id, phone) select id, '+5511988887777' from app.tenants where slug = 'studio-lua';
         insert into app.conversations (tenant_id, customer_id, instance_id)
         select c.tenant_id, c.id, i.id from app.customers c join app.instances i using (tenant_id);
         insert into app.catalogue_snapshots (tenant_id, hash, body, made_at)
         select tenant_id, sha256(n::text::bytea), to_jsonb(n), app.now() - interval '181 days'
           from app.conversations, generate_series(1, 3) n;
         insert into app.catalogue_snapshots (tenant_id, hash, body)
         select tenant_id, sha256('4'), '4' from app.conversations;
         insert into app.conversation_turns (tenant_id, conversation_id, at, event, before, after, effects, version, known)
         select tenant_id, id, app.now() - make_interval(days => days), '{}', '{}', '{}', '[]', '0',
                jsonb_build_object('catalogue', encode(sha256(n::text::bytea), 'hex'))
           from app.conversations, (values (181, 1), (181, 2), (179, 2)) x (days, n)",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let done: Value =
        sqlx::query_scalar("select queue.maintain()").fetch_one(&stack.pool).await.unwrap();
    assert_eq!(done["outdated"], 2, "{done}");
    let left: Vec<String> = sqlx::query_scalar(
        "select body::text from app.catalogue_snapshots union all
         select known ->> 'catalogue' is not null || ' ' || version from app.conversation_turns where known is not null
          order by 1",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(left, ["2", "4", "true 0"], "known by a turn still, or new");
}
