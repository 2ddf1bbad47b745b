//! Texts are kept as long as the tenant says, their rows longer.

use chrono::TimeDelta;
use pontual::clock::Clock;

use super::marks::{self, Words};
use super::{SALON, dump, lives, shape};
use crate::support::stack::Stack;

/// Runs the upkeep until it has nothing to do.
async fn keep_up(stack: &Stack) {
    for _ in 0..20 {
        let emptied: i32 = stack.value("select queue.forget_old_messages()").await;
        if emptied == 0 {
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn texts_and_journal_are_emptied_when_the_tenant_keeps_them_no_longer_and_rows_stay() {
    let mut stack = Stack::new().await;
    let words = Words::new();
    lives(&mut stack, &words).await;
    stack.stop_working().await;
    sqlx::query("update app.tenants set keep_messages = '90 days' where slug = $1")
        .bind(SALON)
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let before = shape(&stack).await;
    let full = marks::found_in(&dump(&stack).await, &words);

    stack.restart_at(Clock::starting_at(stack.clock.now() + TimeDelta::days(89))).await;
    keep_up(&stack).await;
    assert_eq!(marks::found_in(&dump(&stack).await, &words), full, "nothing before its time");

    stack.restart_at(Clock::starting_at(stack.clock.now() + TimeDelta::days(3))).await;
    keep_up(&stack).await;
    let after = shape(&stack).await;
    for table in [
        "inbound_messages",
        "outbound_messages",
        "conversation_turns",
        "conversation_events",
        "bookings",
        "customers",
    ] {
        assert_eq!(after[table], before[table], "{table}");
    }
    // What is left is the customer and what staff wrote at their bookings.
    sqlx::raw_sql(
        "update app.customers set name = null, phone = '+5511900000000';
                   update app.bookings set cancel_reason = null, override_reason = null;
                   delete from app.idempotent_requests",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let kept: Vec<String> = marks::found_in(&dump(&stack).await, &words)
        .into_iter()
        .filter(|found| !found.contains("cancel_reason") && !found.contains("override_reason"))
        .collect();
    assert_eq!(kept, Vec::<String>::new());
    let texts: i64 = stack
        .value("select count(*) from app.timeline where who in ('customer', 'assistant', 'person') and text not in ('', '(erased)')")
        .await;
    assert_eq!(texts, 0);
    let again: i32 = stack.value("select queue.forget_old_messages()").await;
    assert_eq!(again, 0, "looked at once a day");
}

#[tokio::test]
async fn a_message_that_was_being_stored_while_its_writer_was_erased_is_emptied_soon() {
    let mut stack = Stack::new().await;
    let words = Words::new();
    lives(&mut stack, &words).await;
    stack.stop_working().await;
    let late = sqlx::raw_sql(
        "create temp table t as select set_config('app.tenant_id', c.tenant_id::text, false), app.erase_customer(c.tenant_id, c.id) from app.customers c;
         insert into app.inbound_messages (tenant_id, instance_id, conversation_id, provider_id, kind, body, sent_at)
         select c.tenant_id, c.instance_id, c.id, 'LATE', 'text', '{\"text\": \"xibolete\"}', app.now() from app.conversations c",
    );
    late.execute(&stack.db.owner).await.unwrap();
    assert!(!marks::found_in(&dump(&stack).await, &words).is_empty());
    keep_up(&stack).await;
    assert_eq!(marks::found_in(&dump(&stack).await, &words), Vec::<String>::new());
}
