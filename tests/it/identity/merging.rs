//! Two customers turn out to be one person.

use std::time::{Duration, Instant};

use pontual::db::TenantTx;
use serde_json::json;
use uuid::Uuid;

use super::{LID, deliver, in_tenant, text};
use crate::support::stack::Stack;

const PHONE: &str = "5511988887777@s.whatsapp.net";

async fn count(stack: &Stack, sql: &'static str) -> i64 {
    stack.value(sql).await
}

/// What was last said to the customer.
async fn last_reply(stack: &Stack) -> String {
    stack.settle().await;
    stack.value("select body from app.outbound_messages order by seq desc limit 1").await
}

/// Speaks from the LID alone, and returns what is answered.
async fn say(stack: &Stack, id: &str, words: &str) -> String {
    deliver(stack, &text(id, words, json!({ "remoteJid": LID }))).await;
    last_reply(stack).await
}

#[tokio::test]
async fn a_customer_known_by_lid_alone_books_and_later_is_one_with_the_customer_of_the_phone() {
    let mut stack = Stack::new().await;
    stack.work();
    for (id, words) in [("3A1", "Oi"), ("3A2", "1"), ("3A3", "quinta às 15h")] {
        say(&stack, id, words).await;
    }
    let booked = say(&stack, "3A4", "1").await;
    assert!(booked.starts_with("Agendado"), "{booked}");
    assert_eq!(count(&stack, "select count(*) from app.customers where phone is null").await, 1);
    // Meanwhile staff booked somebody by phone.
    let by_phone: Uuid = in_tenant(
        &stack,
        "with c as (select app.upsert_customer(app.tenant_id(), '+5511988887777', null, 'Marina Souza') as id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select app.tenant_id(), c.id, s.id, t.id, '2026-03-13T13:00Z', 'confirmed'
           from c, app.services s, app.staff t where s.key = 'corte' and t.key = 'ana' returning customer_id",
    )
    .await;
    stack.settle().await;

    let key = json!({ "remoteJid": LID, "remoteJidAlt": PHONE });
    deliver(&stack, &text("3A5", "meus horários", key)).await;
    let mine = last_reply(&stack).await;
    assert!(mine.contains("12 de março") || mine.contains("12/03"), "{mine}");
    assert!(mine.contains("13 de março") || mine.contains("13/03"), "{mine}");

    let kept: (Uuid, String, String) = sqlx::query_as("select id, phone, lid from app.customers")
        .fetch_one(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(kept, (by_phone, "+5511988887777".to_owned(), LID.to_owned()));
    assert_eq!(count(&stack, "select count(*) from app.customers").await, 1);
    assert_eq!(count(&stack, "select count(*) from app.conversations").await, 1);
    assert_eq!(
        count(
            &stack,
            "select count(*) from app.bookings b join app.customers c on c.id = b.customer_id"
        )
        .await,
        2
    );
    assert_eq!(
        count(&stack, "select count(*) from app.inbound_messages where processed_at is not null")
            .await,
        5
    );
    let told: (String, serde_json::Value) = sqlx::query_as(
        "select row_id, after from app.audit_log where table_name = 'customers' and after ? 'merged_customer'",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(told.0, by_phone.to_string());
    assert!(told.1["merged_customer"].as_str().is_some_and(|id| id.parse::<Uuid>().is_ok()));
    let personal = count(
        &stack,
        "select count(*) from app.audit_log where coalesce(before::text, '') || coalesce(after::text, '') ~ 'Marina|5511988887777|123456789012345'",
    )
    .await;
    assert_eq!(personal, 0);
    assert_eq!(stack.violations().await, Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn the_talk_goes_on_where_it_was_livelier_whichever_row_stays() {
    let mut stack = Stack::new().await;
    stack.work();
    // By phone, some time ago; then by LID alone, in the middle of choosing a time.
    deliver(&stack, &text("3A1", "Oi", json!({ "remoteJid": PHONE }))).await;
    stack.settle().await;
    for (id, words) in [("3A2", "Oi"), ("3A3", "1"), ("3A4", "quinta às 15h")] {
        say(&stack, id, words).await;
    }
    assert_eq!(count(&stack, "select count(*) from app.conversations").await, 2);
    // Only the one of the LID asked for a confirmation; told with the phone, it is meant.
    let key = json!({ "remoteJid": PHONE, "remoteJidAlt": LID });
    deliver(&stack, &text("3A5", "1", key)).await;
    let booked = last_reply(&stack).await;
    assert!(booked.starts_with("Agendado"), "{booked}");
    let lines = count(
        &stack,
        "select count(*) from app.conversation_events where event = 'customers_merged'",
    )
    .await;
    assert_eq!((lines, count(&stack, "select count(*) from app.conversations").await), (1, 1));
    assert_eq!(
        count(
            &stack,
            "select count(*) from app.inbound_messages where conversation_id is not null"
        )
        .await,
        5
    );
}

#[tokio::test]
async fn a_person_who_answers_in_either_conversation_goes_on_answering() {
    for taken_over in [json!({ "remoteJid": PHONE }), json!({ "remoteJid": LID })] {
        let stack = Stack::new().await;
        deliver(&stack, &text("3A1", "Oi", taken_over.clone())).await;
        sqlx::query("update app.conversations set mode = 'human'")
            .execute(&stack.db.owner)
            .await
            .unwrap();
        deliver(&stack, &text("3A2", "Oi", json!({ "remoteJid": PHONE }))).await;
        deliver(&stack, &text("3A3", "Oi", json!({ "remoteJid": LID }))).await;
        deliver(&stack, &text("3A4", "Oi", json!({ "remoteJid": PHONE, "remoteJidAlt": LID })))
            .await;
        let mode: String = stack.value("select mode from app.conversations").await;
        let pauses = "select count(*) from app.conversation_timers where timer = 'pause_over'";
        assert_eq!((mode.as_str(), count(&stack, pauses).await), ("human", 1), "{taken_over}");
    }
}

#[tokio::test]
async fn whoever_wants_no_news_under_one_address_wants_none_under_the_other() {
    let stack = Stack::new().await;
    deliver(&stack, &text("3A1", "Oi", json!({ "remoteJid": LID }))).await;
    sqlx::query("update app.customers set opted_out_at = now()")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    deliver(&stack, &text("3A2", "Oi", json!({ "remoteJid": PHONE }))).await;
    // One wish each, and one that both have.
    sqlx::raw_sql(
        "insert into app.channel_opt_outs (tenant_id, customer_id, channel)
         select tenant_id, id, unnest(case when phone is null then '{sms,email}' else '{whatsapp,email}' end::text[])
           from app.customers",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    deliver(&stack, &text("3A3", "Oi", json!({ "remoteJid": PHONE, "remoteJidAlt": LID }))).await;
    assert_eq!(count(&stack, "select count(*) from app.customers").await, 1);
    assert_eq!(
        count(&stack, "select count(*) from app.customers where opted_out_at is not null").await,
        1
    );
    assert_eq!(count(&stack, "select count(*) from app.channel_opt_outs").await, 3);
}

#[tokio::test]
async fn while_a_turn_is_at_one_of_the_two_the_webhook_does_not_wait_and_a_job_makes_them_one() {
    let mut stack = Stack::new().await;
    deliver(&stack, &text("3A1", "Oi", json!({ "remoteJid": PHONE }))).await;
    deliver(&stack, &text("3A2", "Oi", json!({ "remoteJid": LID }))).await;
    let mut turn = stack.db.owner.begin().await.unwrap();
    sqlx::query("select from app.conversations for no key update")
        .execute(&mut *turn)
        .await
        .unwrap();
    let began = Instant::now();
    deliver(&stack, &text("3A3", "Oi", json!({ "remoteJid": PHONE, "remoteJidAlt": LID }))).await;
    let took = began.elapsed();
    println!("answered in {took:?}");
    // Locks are waited for three seconds elsewhere.
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    assert_eq!(count(&stack, "select count(*) from app.customers").await, 2);
    turn.rollback().await.unwrap();

    stack.work();
    stack.settle().await;
    assert_eq!(count(&stack, "select count(*) from app.customers").await, 1);
    assert_eq!(count(&stack, "select count(*) from app.conversations").await, 1);
    assert_eq!(
        count(&stack, "select count(*) from app.inbound_messages where processed_at is not null and conversation_id is not null").await,
        3
    );
}

#[tokio::test]
async fn a_tenant_cannot_merge_the_customers_of_another() {
    let stack = Stack::new().await;
    for (id, key) in [("3A1", json!({ "remoteJid": PHONE })), ("3A2", json!({ "remoteJid": LID }))]
    {
        let mut body = text(id, "Oi", key);
        body["instance"] = json!("luna-salon");
        deliver(&stack, &body).await;
    }
    let [keep, gone]: [Uuid; 2] =
        sqlx::query_scalar("select id from app.customers order by phone nulls last")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap()
            .try_into()
            .unwrap();
    let mut tried = Vec::new();
    for slug in ["studio-lua", "luna-salon"] {
        let tenant = stack.tenant(slug).await;
        let mut db = TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
        let merged: bool = sqlx::query_scalar("select app.merge_customers($1, $2)")
            .bind(keep)
            .bind(gone)
            .fetch_one(db.conn())
            .await
            .unwrap();
        db.commit().await.unwrap();
        tried.push(merged);
    }
    assert_eq!(tried, [false, true]);
}

#[tokio::test]
async fn merges_in_the_middle_of_webhooks_and_turns_lose_nothing_and_leave_one_person() {
    const PEOPLE: usize = 6;
    const ROUNDS: usize = 5;
    let mut stack = Stack::new().await;
    stack.work().work();
    let mut accepted = 0;
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    for round in 0..ROUNDS {
        let bodies = (0..PEOPLE).flat_map(|person| {
            let phone = format!("55119888877{person:02}@s.whatsapp.net");
            let lid = format!("7777000000{person:05}@lid");
            let keys = [
                json!({ "remoteJid": lid }),
                json!({ "remoteJid": phone }),
                // Not in the first round, so that there are two to be made one.
                if round == 0 {
                    json!({ "remoteJid": lid })
                } else {
                    json!({ "remoteJid": lid, "remoteJidAlt": phone })
                },
                if round == 1 {
                    json!({ "remoteJid": phone, "remoteJidAlt": lid })
                } else {
                    json!({ "remoteJid": phone })
                },
            ];
            keys.into_iter()
                .enumerate()
                .map(move |(n, key)| text(&format!("3A-{person}-{round}-{n}"), "1", key))
        });
        let sent = bodies.map(|body| {
            let stack = &stack;
            async move {
                let began = Instant::now();
                let (status, answer) = stack.deliver(body.to_string()).await;
                assert_eq!((status, &answer["status"]), (200, &json!("accepted")), "{body}");
                began.elapsed()
            }
        });
        let took = futures::future::join_all(sent).await;
        accepted += i64::try_from(took.len()).unwrap();
        slowest = took.into_iter().fold(slowest, Duration::max);
    }
    stack.settle().await;
    println!("{accepted} messages in {:?}, slowest answer {slowest:?}", began.elapsed());
    assert_eq!(
        count(&stack, "select count(*) from app.customers").await,
        i64::try_from(PEOPLE).unwrap()
    );
    assert_eq!(
        count(
            &stack,
            "select count(*) from app.customers where phone is not null and lid is not null"
        )
        .await,
        i64::try_from(PEOPLE).unwrap()
    );
    assert_eq!(
        count(&stack, "select count(*) from app.conversations").await,
        i64::try_from(PEOPLE).unwrap()
    );
    assert_eq!(
        count(&stack, "select count(*) from app.inbound_messages where processed_at is not null and conversation_id is not null").await,
        accepted
    );
    assert_eq!(count(&stack, "select count(*) from ops.dead_jobs").await, 0);
    assert_eq!(stack.violations().await, Vec::<serde_json::Value>::new());
}
