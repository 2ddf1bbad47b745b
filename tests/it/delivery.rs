//! The outbox under bad weather: what is sent, what waits, what is given up, and who is not hurt.

use std::time::Duration;

use pontual::gateway_sim::fault::SendFault;
use pontual::gateway_sim::{Author, Fault};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::stack::{PATIENCE, Stack};

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

#[tokio::test]
async fn an_instance_whose_sends_hang_takes_two_slots_and_other_tenants_are_answered() {
    let mut stack = Stack::new().await;
    stack.sim.set_fault(Fault {
        send: Some(SendFault::Hang),
        instance: Some("luna-salon".to_owned()),
        ..Fault::default()
    });
    for n in 0..12 {
        let phone = format!("+121255501{n:02}");
        stack.sim.customer_writes("luna-salon", &phone, "Grace", "Hi").await.unwrap();
    }
    stack.work();
    let hanging = async {
        while stack
            .value::<i64>("select count(*) from app.outbound_messages where status = 'sending'")
            .await
            < 2
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, hanging).await.unwrap();
    let answer = stack.say("studio-lua", MARINA, "Oi").await;
    assert!(answer.contains("1 Corte"), "{answer}");
    let sending: i64 = stack
        .value(
            "select count(*) from app.outbound_messages o
               join app.conversations c on c.id = o.conversation_id join app.instances i on i.id = c.instance_id
              where i.name = 'luna-salon' and o.lease_until > app.now()",
        )
        .await;
    assert!(sending <= 2, "{sending}");
    stack.sim.clear_fault();
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
    assert_ne!(again["resend_from"], Value::Null);
    let mut db =
        pontual::db::TenantTx::begin(&stack.pool, conversation.0, stack.clock.now()).await.unwrap();
    sqlx::query(
        "select app.record_retry(id, 'not_sent', 'closed', 'one', '0') from app.outbound_messages",
    )
    .execute(db.conn())
    .await
    .unwrap();
    db.commit().await.unwrap();
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
        let mut db = pontual::db::TenantTx::begin(&stack.pool, conversation.0, stack.clock.now())
            .await
            .unwrap();
        sqlx::query("select app.begin_resend(id) from app.outbound_messages")
            .execute(db.conn())
            .await
            .unwrap();
        db.commit().await.unwrap();
    }
    assert_eq!(doubts, [0, 1, 2]);
}

#[tokio::test]
async fn a_gateway_that_gives_two_messages_one_name_is_not_believed_about_the_second() {
    let stack = Stack::new().await;
    let conversation = queued(&stack, &["one", "two"]).await;
    for body in ["one", "two"] {
        assert_eq!(claim(&stack, conversation, "job").await["body"], body);
        let mut db = pontual::db::TenantTx::begin(&stack.pool, conversation.0, stack.clock.now())
            .await
            .unwrap();
        sqlx::query(
            "select app.record_sent(id, 'SAME', body) from app.outbound_messages where body = $1",
        )
        .bind(body)
        .execute(db.conn())
        .await
        .unwrap();
        db.commit().await.unwrap();
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
