//! Who waits for a person: the customer who wrote last, unless it was mere thanks.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{MARINA, SALON, accepted, own, said};
use crate::support::stack::Stack;

/// Whether the customer waits for a person, and whether that is told in a quarter of an hour.
async fn waits(stack: &Stack) -> (bool, bool) {
    sqlx::query_as(
        "select waiting_since is not null, exists (select from app.conversation_timers where timer = 'nobody_answered')
           from app.conversations",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap()
}

#[tokio::test]
async fn who_wrote_last_waits_and_within_one_second_that_is_the_customer() {
    let mut stack = Stack::new().await;
    stack.work();
    let now = stack.clock.now();
    let ago = |seconds: i64| now - TimeDelta::seconds(seconds);
    accepted(&stack, said("B0", "Oi", ago(300))).await;
    stack.settle().await;
    stack.deliver(own("3ACF01", "Oi, Marina!", ago(120))).await;
    // Written before, read after: answered already.
    accepted(&stack, said("B1", "vocês abrem sábado?", ago(121))).await;
    stack.settle().await;
    assert_eq!(waits(&stack).await, (false, false));
    accepted(&stack, said("B2", "e domingo?", ago(120))).await;
    stack.settle().await;
    assert_eq!(waits(&stack).await, (true, true));
    // What a person wrote before that and is told of late is no answer to it.
    stack.deliver(own("3ACF02", "Um momento.", ago(121))).await;
    assert_eq!(waits(&stack).await, (true, true));
    stack.deliver(own("3ACF03", "Domingo não.", ago(60))).await;
    assert_eq!(waits(&stack).await, (false, false));
    stack.stop_working().await;
}

#[tokio::test]
async fn what_expects_no_answer_waits_for_nobody_and_ends_no_wait() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "Oi").await;
    stack.settle().await;
    stack.deliver(own("3ACF01", "Oi, Marina!", stack.clock.now() - TimeDelta::minutes(1))).await;
    stack.stop_working().await;
    let turn = async |id: &str, effects: Value| {
        accepted(&stack, said(id, "obrigada", stack.clock.now())).await;
        sqlx::query(
            "select app.commit_turn(jsonb_build_object(
                      'conversation_id', c.id, 'effects', $1, 'state', c.state, 'context', c.context, 'journal', '[]'::jsonb,
                      'version', '0', 'job_id', 'none', 'worker', 'none',
                      'message_ids', (select jsonb_agg(m.id) from app.inbound_messages m where m.processed_at is null)))
               from app.conversations c, set_config('app.tenant_id', c.tenant_id::text, true)",
        )
        .bind(effects)
        .execute(&stack.db.owner)
        .await
        .unwrap();
        waits(&stack).await
    };
    let thanks = json!([{"effect": "expect_no_answer"}]);
    assert_eq!(turn("B1", thanks.clone()).await, (false, false));
    assert_eq!(turn("B2", json!([])).await, (true, true));
    assert_eq!(turn("B3", thanks).await, (true, true));
}
