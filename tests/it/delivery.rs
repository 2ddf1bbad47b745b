//! The outbox under bad weather: what is sent, what waits, what is given up, and who is not hurt.

use pontual::gateway_sim::Author;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::stack::Stack;

const MARINA: &str = "+5511988887777";

/// A conversation with `texts` queued; its tenant and id.
async fn queued(stack: &Stack, texts: &[&str]) -> (Uuid, Uuid) {
    stack.sim.customer_writes("studio-lua", MARINA, "Marina", "Oi").await.unwrap();
    let (tenant, conversation): (Uuid, Uuid) =
        sqlx::query_as("select tenant_id, id from app.conversations")
            .fetch_one(&stack.db.owner)
            .await
            .unwrap();
    for text in texts {
        sqlx::query(
            "insert into app.outbound_messages (tenant_id, conversation_id, body) values ($1, $2, $3)",
        )
        .bind(tenant)
        .bind(conversation)
        .bind(text)
        .execute(&stack.db.owner)
        .await
        .unwrap();
    }
    (tenant, conversation)
}

async fn claim(stack: &Stack, (tenant, conversation): (Uuid, Uuid), job: &str) -> Value {
    let mut db =
        pontual::db::TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
    let claim = sqlx::query_scalar("select app.claim_message($1, $2, '90 seconds')")
        .bind(conversation)
        .bind(job)
        .fetch_one(db.conn())
        .await
        .unwrap();
    db.commit().await.unwrap();
    claim
}

/// What a function says of each message, in order, joined.
async fn call(stack: &Stack, tenant: Uuid, function: &str) -> String {
    let mut db =
        pontual::db::TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
    let sql =
        format!("select coalesce(({function})::text, '') from app.outbound_messages order by seq");
    let said: Vec<String> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(db.conn()).await.unwrap();
    db.commit().await.unwrap();
    said.join(" ")
}

async fn conversation_of(stack: &Stack) -> Uuid {
    stack.value("select id from app.conversations").await
}

#[tokio::test]
async fn a_message_that_cannot_be_looked_up_is_given_up_in_the_end_and_the_next_one_goes() {
    let stack = Stack::new().await;
    let conversation = queued(&stack, &["one", "two"]).await;
    sqlx::query(
        "update app.outbound_messages set status = 'unknown', doubts = 1, expires_at = app.now() - interval '2 hours'
          where body = 'one'",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let next = claim(&stack, conversation, "job").await;
    assert_eq!((&next["outcome"], &next["body"]), (&json!("send"), &json!("two")));
    let failed: String = stack.value("select error from ops.failed_messages").await;
    assert!(failed.contains("could not be looked up"), "{failed}");
}

#[tokio::test]
async fn a_doubtful_message_stays_doubtful_whatever_a_later_attempt_says() {
    let stack = Stack::new().await;
    let conversation = queued(&stack, &["one"]).await;
    assert_eq!(claim(&stack, conversation, "job").await["unsure"], false);
    // The same job came back: its first attempt died, and what it sent may still show up.
    let again = claim(&stack, conversation, "job").await;
    assert_eq!((&again["unsure"], &again["doubts"]), (&json!(true), &json!(1)));
    assert!(again["quiet_ms"].as_f64().unwrap() > 80_000.0, "{again}");
    call(&stack, conversation.0, "app.record_retry(id, 'not_sent', 'closed', 'one', '0')").await;
    assert_eq!(claim(&stack, conversation, "job").await["unsure"], true);
}

#[tokio::test]
async fn a_resend_that_dies_is_another_doubt() {
    let stack = Stack::new().await;
    let conversation = queued(&stack, &["one"]).await;
    let mut doubts = Vec::new();
    for _ in 0..3 {
        let claimed = claim(&stack, conversation, "job").await;
        doubts.push(claimed["doubts"].as_i64().unwrap());
        call(&stack, conversation.0, "app.begin_send(id, 'job', body, '90 seconds')").await;
    }
    assert_eq!(doubts, [0, 1, 2]);
}

#[tokio::test]
async fn who_died_before_there_was_a_text_has_sent_nothing() {
    let stack = Stack::new().await;
    let conversation = queued(&stack, &["one"]).await;
    sqlx::raw_sql(BOOKED).execute(&stack.db.owner).await.unwrap();
    assert_eq!(claim(&stack, conversation, "job").await["template"], "booking_confirmed");
    assert_eq!(claim(&stack, conversation, "job").await["unsure"], false);
    // From here on the text is known, and may have gone out.
    call(&stack, conversation.0, "app.begin_send(id, 'job', 'Confirmado!', '90 seconds')").await;
    let again = claim(&stack, conversation, "job").await;
    assert_eq!((&again["unsure"], &again["body"]), (&json!(true), &json!("Confirmado!")));
}

/// In place of what is queued, the notice of a booking.
const BOOKED: &str = "
    update app.outbound_messages set status = 'failed';
    select set_config('app.tenant_id', tenant_id::text, false) from app.conversations;
    insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
    select c.tenant_id, c.customer_id, s.id, f.id, '2026-03-12T12:00:00Z', 'confirmed'
      from app.conversations c
      join app.services s on s.tenant_id = c.tenant_id and s.key = 'corte'
      join app.staff f on f.tenant_id = c.tenant_id and f.key = 'ana'";

#[tokio::test]
async fn whose_send_is_no_longer_theirs_does_not_begin_it() {
    let stack = Stack::new().await;
    let (tenant, _) = queued(&stack, &["one"]).await;
    let begin = "app.begin_send(id, 'job', body, '90 seconds')";
    assert_eq!(call(&stack, tenant, begin).await, "false", "never claimed");
    claim(&stack, (tenant, conversation_of(&stack).await), "job").await;
    assert_eq!(call(&stack, tenant, begin).await, "true");
    let echo =
        "app.record_echo(tenant_id, instance_id, 'E1', '+5511988887777', null, 'one', app.now())";
    assert_eq!(call(&stack, tenant, echo).await, "true");
    assert_eq!(call(&stack, tenant, begin).await, "false", "an echo has proved it sent");
}

#[tokio::test]
async fn a_gateway_that_gives_two_messages_one_name_is_not_believed_about_the_second() {
    let stack = Stack::new().await;
    let conversation = queued(&stack, &["one", "two"]).await;
    for body in ["one", "two"] {
        assert_eq!(claim(&stack, conversation, "job").await["body"], body);
        let sent = "case when status = 'sending' then app.record_sent(id, 'SAME', body) end";
        call(&stack, conversation.0, sent).await;
    }
    let rows: Vec<(String, Option<String>)> =
        sqlx::query_as("select status, provider_id from app.outbound_messages order by seq")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(rows, [("sent".to_owned(), Some("SAME".to_owned())), ("sent".to_owned(), None)]);
}

#[tokio::test]
async fn a_reminder_that_waits_in_the_outbox_is_not_sent_to_who_opts_out_meanwhile() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say("studio-lua", MARINA, "corte quinta às 15h").await;
    stack.say("studio-lua", MARINA, "1").await;
    stack.settle().await;
    stack.stop_working().await;
    let (tenant, conversation): (Uuid, Uuid) =
        sqlx::query_as("select tenant_id, id from app.conversations")
            .fetch_one(&stack.db.owner)
            .await
            .unwrap();
    // Due now, so that it may be fired.
    sqlx::query(
        "update app.scheduled_notifications set due_at = app.now() where kind = 'reminder_24h'",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let mut db =
        pontual::db::TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
    let fired: String = sqlx::query_scalar(
        "select app.fire_reminder(id) from app.scheduled_notifications where kind = 'reminder_24h'",
    )
    .fetch_one(db.conn())
    .await
    .unwrap();
    db.commit().await.unwrap();
    assert_eq!(fired, "sent");
    sqlx::query("update app.customers set opted_out_at = app.now()")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(claim(&stack, (tenant, conversation), "job").await["outcome"], "empty");
    let (error, planned): (String, String) = sqlx::query_as(
        "select o.error, s.status from app.outbound_messages o join app.scheduled_notifications s on s.outbound_message_id = o.id",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!((error.as_str(), planned.as_str()), ("opted out", "failed"));
}

#[tokio::test]
async fn a_row_that_somebody_forgot_to_unlock_does_not_silence_everybody() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say("studio-lua", MARINA, "Oi").await;
    let mut forgotten = stack.db.owner.begin().await.unwrap();
    sqlx::query("update app.staff set position = position where key = 'ana'")
        .execute(&mut *forgotten)
        .await
        .unwrap();
    // Each wants a time of hers.
    for n in 0..12 {
        let phone = format!("+55119777700{n:02}");
        stack
            .sim
            .customer_writes("studio-lua", &phone, "Rita", "manicure quinta às 15h")
            .await
            .unwrap();
    }
    let answer = stack.say("luna-salon", "+12125550123", "Hi").await;
    assert!(answer.contains("1 Haircut"), "{answer}");
    forgotten.rollback().await.unwrap();
    stack.settle().await;
    let held: i64 = stack.value("select count(*) from app.bookings where status = 'held'").await;
    assert_eq!(held, 1);
    assert!(
        stack.sim.chat("studio-lua", "+5511977770000").iter().any(|m| m.from == Author::Business)
    );
    stack.stop_working().await;
}

/// Claims of one instance: who sends, who waits, who is done.
#[tokio::test]
async fn one_job_sends_for_an_instance_and_one_waits_for_it() {
    let stack = Stack::new().await;
    let talk = queued(&stack, &["one", "two"]).await;
    let outcome = async |job: &str| claim(&stack, talk, job).await["outcome"].clone();
    assert_eq!(outcome("first").await, "send");
    assert_eq!(outcome("second").await, "busy", "the first one sees to it");
    let retry = "case when status = 'sending' then app.record_retry(id, 'not_sent', 'x', body, '30 seconds')::text end";
    call(&stack, talk.0, retry).await;
    // What follows it in the conversation waits with it.
    let wait = claim(&stack, talk, "first").await;
    assert!(wait["outcome"] == "wait" && wait["ms"].as_i64().unwrap() > 25_000, "{wait}");
    assert_eq!(outcome("second").await, "busy", "the first one comes back in time");
    // Somebody else may write meanwhile, and does not wait for the one that sleeps.
    let other = another_conversation(&stack).await;
    assert_eq!(claim(&stack, (talk.0, other), "second").await["body"], "three");
    assert_eq!(outcome("first").await, "busy", "it wakes while the second one sends");
    call(&stack, talk.0, "case when status = 'sending' then app.record_sent(id, 'P3', body) end")
        .await;
    assert_eq!(outcome("second").await, "wait", "now it is the one that waits");
    assert_eq!(outcome("first").await, "busy");
    let sender: String = stack.value("select job from app.senders").await;
    assert_eq!(sender, "second");
    sqlx::query("update app.outbound_messages set status = 'failed' where status = 'queued'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(outcome("first").await, "empty");
    let free: bool = stack.value("select job is null and wake_at is null from app.senders").await;
    assert!(free);
}

async fn another_conversation(stack: &Stack) -> Uuid {
    stack.sim.customer_writes("studio-lua", "+5511977776666", "Rita", "Oi").await.unwrap();
    sqlx::query_scalar(
        "with talk as (select c.tenant_id, c.id from app.conversations c order by c.created_at desc limit 1),
              said as (insert into app.outbound_messages (tenant_id, conversation_id, body)
                       select tenant_id, id, 'three' from talk)
         select id from talk",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_pause_grows_to_its_bound_and_alerts_once() {
    let stack = Stack::new().await;
    let talk = queued(&stack, &["one"]).await;
    let mut pauses = Vec::new();
    for _ in 0..7 {
        assert_eq!(claim(&stack, talk, "job").await["outcome"], "send");
        let pause = "app.pause_instance(id, 'misconfigured: x', '1 second', '20 seconds', true)";
        let tell = call(&stack, talk.0, pause).await;
        let seconds: f64 = stack
            .value("select extract(epoch from paused_until - queue.now())::float8 from app.senders")
            .await;
        pauses.push((tell, seconds));
        sqlx::query("update app.senders set paused_until = queue.now() - interval '1 millisecond'")
            .execute(&stack.db.owner)
            .await
            .unwrap();
    }
    for (n, (tell, seconds)) in (0i32..).zip(&pauses) {
        let whole = f64::from(1 << n);
        let bounds = (whole * 0.8).min(20.0) - 0.5..=(whole * 1.2).min(20.0);
        assert!(bounds.contains(seconds), "{pauses:?}");
        assert_eq!(tell == "true", n == 0, "told once: {pauses:?}");
    }
    let burnt: i32 = stack.value("select attempts from app.outbound_messages").await;
    assert_eq!(burnt, 0);
    assert_eq!(claim(&stack, talk, "job").await["outcome"], "send");
    assert_eq!(call(&stack, talk.0, "app.record_sent(id, 'P1', body)").await, "true", "it is over");
    let calm: bool = stack
        .value(
            "select failures = 0 and paused_until is null and alerted_at is null from app.senders",
        )
        .await;
    assert!(calm);
}

#[tokio::test]
async fn failures_in_a_row_of_whatever_kind_pause_the_instance() {
    let stack = Stack::new().await;
    let talk = queued(&stack, &["one"]).await;
    let mut paused = Vec::new();
    for _ in 0..4 {
        assert_eq!(claim(&stack, talk, "job").await["outcome"], "send");
        call(&stack, talk.0, "app.record_retry(id, 'not_sent', 'x', body, '0')::text").await;
        paused.push(
            stack.value::<bool>("select paused_reason = 'failing' is true from app.senders").await,
        );
        sqlx::query("update app.senders set paused_until = null where failures < 4")
            .execute(&stack.db.owner)
            .await
            .unwrap();
    }
    assert_eq!(paused, [false, false, true, true]);
    let held = claim(&stack, talk, "job").await;
    assert!(held["ms"].as_i64().unwrap() <= 20_000, "{held}");
}

#[tokio::test]
async fn a_status_never_steps_back_and_delivery_outweighs_failure() {
    let stack = Stack::new().await;
    let (tenant, conversation) = queued(&stack, &["one"]).await;
    claim(&stack, (tenant, conversation), "job").await;
    call(&stack, tenant, "app.record_sent(id, 'P1', body)").await;
    #[rustfmt::skip]
    let told = [
        // told        then it is
        ("sent",      "sent"),
        ("failed",    "failed"),
        ("sent",      "failed"),
        ("delivered", "delivered"),
        ("failed",    "delivered"),
        ("read",      "read"),
        ("delivered", "read"),
        ("failed",    "read"),
    ];
    for (status, expected) in told {
        let record =
            format!("app.record_status(tenant_id, instance_id, 'P1', '{status}', app.now())");
        assert_eq!(call(&stack, tenant, &record).await, "true");
        let now: String = stack.value("select status from app.outbound_messages").await;
        assert_eq!(now, expected, "after {status}");
    }
    let error: Option<String> = stack.value("select error from app.outbound_messages").await;
    assert_eq!(error, None);
}

#[tokio::test]
async fn the_first_status_of_any_kind_acknowledges_a_send() {
    let stack = Stack::new().await;
    let (tenant, conversation) = queued(&stack, &["one"]).await;
    claim(&stack, (tenant, conversation), "job").await;
    call(&stack, tenant, "app.record_sent(id, 'P1', body)").await;
    let silent = "select acknowledged_at is null from app.outbound_messages";
    assert!(stack.value::<bool>(silent).await);
    call(&stack, tenant, "app.record_status(tenant_id, instance_id, 'P1', 'sent', app.now())")
        .await;
    assert!(!stack.value::<bool>(silent).await);
}

#[tokio::test]
async fn messages_whose_job_is_lost_are_found_and_useless_ones_are_failed() {
    let stack = Stack::new().await;
    queued(&stack, &["one", "two"]).await;
    sqlx::raw_sql(
        "delete from apalis.jobs;
         update app.outbound_messages set expires_at = app.now() - interval '1 minute' where body = 'two'",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let tend = async || {
        sqlx::query_scalar::<_, i32>("select queue.tend_outbox()")
            .fetch_one(&stack.pool)
            .await
            .unwrap()
    };
    assert_eq!(tend().await, 1, "the useless one; the other may yet be seen to");
    sqlx::query("update app.outbound_messages set due_at = due_at - interval '10 seconds'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(tend().await, 1);
    assert_eq!(tend().await, 0, "once");
    let jobs: i64 =
        stack.value("select count(*) from ops.jobs where kind = 'deliver_messages'").await;
    assert_eq!(jobs, 1);
    let failed: String = stack.value("select error from ops.failed_messages").await;
    assert_eq!(failed, "expired");
}
