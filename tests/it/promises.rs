//! The promises that a first path must keep, each against a real database.

use std::time::Duration;

use chrono::TimeDelta;
use pontual::db::{self, TenantTx};
use pontual::gateway_sim::Fault;
use pontual::gateway_sim::fault::SendFault;
use serde_json::{Value, json};

use crate::support::stack::{PATIENCE, Stack, tuesday_at_ten};

const MARINA: &str = "+5511988887777";

/// A new customer's cut with Ana, confirmed, as plain SQL: tenant, phone, start.
const BOOK_A_CUT: &str = "
    with c as (insert into app.customers (tenant_id, phone) values ($1, $2) returning id)
    insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
    select $1, c.id, (select id from app.services where tenant_id = $1 and key = 'corte'),
           (select id from app.staff where tenant_id = $1 and key = 'ana'), $3, 'confirmed' from c";

fn upsert(id: &str, phone: &str, text: &str, at: i64) -> String {
    json!({
        "event": "messages.upsert", "instance": "studio-lua",
        "data": {"key": {"remoteJid": format!("{}@s.whatsapp.net", phone.trim_start_matches('+')), "fromMe": false, "id": id},
                 "pushName": "Marina", "message": {"conversation": text}, "messageType": "conversation", "messageTimestamp": at},
    }).to_string()
}

fn once(fault: SendFault, count: u32) -> Fault {
    Fault { send: Some(fault), count: Some(count), ..Fault::default() }
}

#[tokio::test]
async fn p1_a_webhook_that_cannot_be_stored_is_not_answered_2xx() {
    let stack = Stack::new().await;
    sqlx::raw_sql("alter table app.inbound_messages rename to away")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let body = upsert("A1", MARINA, "Oi", tuesday_at_ten().timestamp());
    assert_eq!(stack.deliver(body.clone()).await.0, 503);
    sqlx::raw_sql("alter table app.away rename to inbound_messages")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let (status, answer) = stack.deliver(body).await;
    assert_eq!((status, &answer["status"]), (200, &json!("accepted")));
    let jobs: i64 = stack.value("select count(*) from ops.jobs").await;
    assert_eq!(jobs, 1, "nothing of the failed one stayed");
}

#[tokio::test]
async fn p1_the_answer_comes_after_the_commit_and_not_after_the_statement() {
    let stack = Stack::new().await;
    // What is deferred runs when the transaction commits.
    sqlx::raw_sql(
        "create function app.linger() returns trigger language plpgsql as $$ begin perform pg_sleep(0.3); return null; end $$;
         create constraint trigger linger after insert on app.inbound_messages deferrable initially deferred
           for each row execute function app.linger()",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let body = upsert("A1", MARINA, "Oi", tuesday_at_ten().timestamp());
    assert_eq!(stack.deliver(body.clone()).await.1["status"], "accepted");
    let stored: i64 = stack.value("select count(*) from app.inbound_messages").await;
    assert_eq!(stored, 1);

    sqlx::raw_sql(
        "create or replace function app.linger() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let body = upsert("A2", MARINA, "Oi", tuesday_at_ten().timestamp());
    assert_eq!(stack.deliver(body).await.0, 503);
    let stored: i64 = stack.value("select count(*) from app.inbound_messages").await;
    assert_eq!(stored, 1);
}

#[tokio::test]
async fn p1_what_follows_a_begin_that_was_dropped_on_the_way_is_committed() {
    let stack = Stack::new().await;
    let tenant = stack.tenant("studio-lua").await;
    let pool = db::connect(&stack.db.url_app(), 1, stack.clock).await.unwrap();
    let now = stack.clock.now();
    let mut dropped = 0;
    for n in 0..200_u64 {
        // Somewhere between asking for a connection and the answer of its server.
        let moment = Duration::from_micros(n * 10);
        let begin = TenantTx::begin(&pool, tenant, now);
        dropped += usize::from(tokio::time::timeout(moment, begin).await.is_err());
        let state = if n % 2 == 0 { "open" } else { "close" };
        db::inbox::receive_state(&pool, now, "studio-lua", state).await.unwrap();
        let kept: String =
            stack.value("select state from app.instances where name = 'studio-lua'").await;
        assert_eq!(kept, state, "after {n}");
    }
    assert!(dropped > 0);
}

#[tokio::test]
async fn p2_a_message_delivered_many_times_at_once_changes_state_once() {
    let mut stack = Stack::new().await;
    let body = upsert("A1", MARINA, "Oi", tuesday_at_ten().timestamp());
    let answers = futures::future::join_all((0..20).map(|_| stack.deliver(body.clone()))).await;
    let mut told = answers
        .iter()
        .map(|(status, answer)| (*status, answer["status"].as_str().unwrap()))
        .collect::<Vec<_>>();
    told.sort_unstable();
    assert_eq!(told[0], (200, "accepted"));
    assert!(told[1..].iter().all(|answer| *answer == (200, "duplicate")), "{told:?}");
    stack.work().work();
    stack.settle().await;
    assert_eq!(stack.deliver(body).await.1["status"], "duplicate");
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), 1);
    let turns: i64 = stack.value("select count(*) from app.conversation_turns").await;
    assert_eq!(turns, 1);
    stack.stop_working().await;
}

#[tokio::test]
async fn p3_messages_of_one_conversation_are_read_in_the_order_of_sending_by_two_workers() {
    let mut stack = Stack::new().await;
    let at = tuesday_at_ten().timestamp();
    // Delivered in reverse; all are there before anybody looks.
    for n in (0..12).rev() {
        stack.deliver(upsert(&format!("A{n}"), MARINA, &format!("texto {n}"), at - 100 + n)).await;
    }
    // Slow enough that both workers meet in the conversation.
    sqlx::raw_sql(
        "create function app.linger() returns trigger language plpgsql as $$ begin perform pg_sleep(0.1); return new; end $$;
         create trigger linger before insert on app.conversation_turns for each row execute function app.linger()",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    stack.work().work();
    stack.settle().await;
    let heard: Vec<String> = sqlx::query_scalar(
        "select m ->> 'text' from app.conversation_turns t, jsonb_array_elements(t.event -> 'messages') with ordinality as x (m, n)
          order by t.seq, n",
    ).fetch_all(&stack.db.owner).await.unwrap();
    assert_eq!(heard, (0..12).map(|n| format!("texto {n}")).collect::<Vec<_>>());
    stack.stop_working().await;
}

#[tokio::test]
async fn p4_a_turn_that_fails_at_its_end_leaves_nothing_and_runs_again() {
    let mut stack = Stack::new().await;
    sqlx::raw_sql(
        "create function app.fail() returns trigger language plpgsql as $$ begin raise exception 'not yet'; end $$;
         create trigger fail before insert on app.outbound_messages for each row execute function app.fail()",
    ).execute(&stack.db.owner).await.unwrap();
    stack.work();
    stack.sim.customer_writes("studio-lua", MARINA, "Marina", "Oi").await.unwrap();
    let tried = async {
        loop {
            let attempts: i64 = stack
                .value(
                    "select coalesce(max(attempts), 0)::int8 from ops.jobs where error is not null",
                )
                .await;
            if attempts >= 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.expect("two attempts");
    let kept: (String, Value, i64, i64) = sqlx::query_as(
        "select state, context, (select count(*) from app.conversation_turns),
                (select count(*) from app.inbound_messages where processed_at is not null) from app.conversations",
    ).fetch_one(&stack.db.owner).await.unwrap();
    assert_eq!(kept, ("greeting".to_owned(), json!({}), 0, 0));
    sqlx::raw_sql("drop trigger fail on app.outbound_messages; drop function app.fail")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), 1);
    stack.stop_working().await;
}

#[tokio::test]
async fn p5_of_many_who_take_one_time_exactly_one_gets_it_whoever_writes() {
    let stack = Stack::new().await;
    let tenant = stack.tenant("studio-lua").await;
    let starts_at = tuesday_at_ten() + TimeDelta::days(1);
    let customers: Vec<uuid::Uuid> = sqlx::query_scalar(
        "insert into app.customers (tenant_id, phone) select $1, '+55119' || (10000000 + n) from generate_series(1, 40) n returning id",
    ).bind(tenant).fetch_all(&stack.db.owner).await.unwrap();
    let insert = |customer, minutes: i64, status: &'static str| {
        let pool = stack.pool.clone();
        let now = stack.clock.now();
        async move {
            let mut db = TenantTx::begin(&pool, tenant, now).await.unwrap();
            let made = sqlx::query(
                "insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
                 values ($1, $2, (select id from app.services where key = 'corte'), (select id from app.staff where key = 'ana'), $3, $4)",
            ).bind(tenant).bind(customer).bind(starts_at + TimeDelta::minutes(minutes)).bind(status).execute(db.conn()).await;
            match made {
                Ok(_) => {
                    db.commit().await.unwrap();
                    Ok(())
                }
                Err(error) => Err(error
                    .as_database_error()
                    .and_then(|e| e.code().map(std::borrow::Cow::into_owned))
                    .unwrap_or_default()),
            }
        }
    };
    // Holds and bookings, at starts that all overlap each other.
    let outcomes = futures::future::join_all(customers.iter().enumerate().map(|(n, customer)| {
        insert(
            *customer,
            i64::try_from(n % 5).unwrap() * 5,
            if n % 2 == 0 { "held" } else { "confirmed" },
        )
    }))
    .await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let refused =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(code) if code == "23P01")).count();
    assert_eq!((won, refused), (1, 39), "{outcomes:?}");

    // Three places: exactly three.
    sqlx::query("update app.services set capacity = 3 where key = 'corte'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    sqlx::query("update app.bookings set status = 'cancelled'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let outcomes = futures::future::join_all(
        customers.iter().map(|customer| insert(*customer, 0, "confirmed")),
    )
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3, "{outcomes:?}");
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}

#[tokio::test]
async fn p5_two_who_come_at_once_both_get_a_place_where_there_are_two() {
    let stack = Stack::new().await;
    let tenant = stack.tenant("studio-lua").await;
    sqlx::query("update app.services set capacity = 2").execute(&stack.db.owner).await.unwrap();
    let starts_at = tuesday_at_ten() + TimeDelta::days(1);
    let insert =
        |phone: &'static str| sqlx::query(BOOK_A_CUT).bind(tenant).bind(phone).bind(starts_at);
    let mut first = stack.db.owner.begin().await.unwrap();
    insert("+5511911111111").execute(&mut *first).await.unwrap();
    // The second comes while the first has not committed: it waits, and then sees the other lane.
    let second = insert("+5511922222222").execute(&stack.db.owner);
    let commit = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        first.commit().await
    };
    let (second, committed) = tokio::join!(second, commit);
    committed.unwrap();
    second.unwrap();
    let lanes: Vec<i16> = sqlx::query_scalar("select lane from app.bookings order by 1")
        .fetch_all(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(lanes, [1, 2]);
}

#[tokio::test]
async fn p5_an_expired_hold_gives_way_inside_the_inserting_transaction() {
    let stack = Stack::new().await;
    let sql = "with c as (insert into app.customers (tenant_id, phone) values (app.tenant_named('studio-lua'), $1) returning id, tenant_id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status, hold_expires_at)
         select c.tenant_id, c.id, (select id from app.services s where s.tenant_id = c.tenant_id and key = 'corte'),
                (select id from app.staff s where s.tenant_id = c.tenant_id and key = 'ana'), $2, 'held', $3 from c";
    let starts_at = chrono::DateTime::parse_from_rfc3339("2030-01-08T13:00:00Z").unwrap();
    let hold = |phone: &'static str, until| {
        sqlx::query(sql).bind(phone).bind(starts_at).bind(until).execute(&stack.db.owner)
    };
    let now = stack.clock.now();
    hold("+5511911111111", now + TimeDelta::minutes(10)).await.unwrap();
    assert!(hold("+5511922222222", now + TimeDelta::minutes(10)).await.is_err());
    sqlx::query("update app.bookings set hold_expires_at = $1")
        .bind(now - TimeDelta::seconds(1))
        .execute(&stack.db.owner)
        .await
        .unwrap();
    hold("+5511933333333", now + TimeDelta::minutes(10)).await.unwrap();
    let outcome: Vec<(String, Option<String>)> =
        sqlx::query_as("select status, cancel_reason from app.bookings order by created_at, id")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(
        outcome,
        [("cancelled".to_owned(), Some("hold expired".to_owned())), ("held".to_owned(), None)]
    );
}

#[tokio::test]
async fn p5_a_time_lost_to_somebody_else_comes_back_into_the_same_turn_as_an_event() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say("studio-lua", MARINA, "Oi").await;
    let offered = stack.say("studio-lua", MARINA, "1").await;
    // Somebody is quicker by a hair: the time is free when the turn looks, and taken when it writes.
    sqlx::raw_sql(
        "create sequence app.tries;
         grant usage on sequence app.tries to pontual_app;
         create function app.somebody_is_quicker() returns trigger language plpgsql as $$
         begin
           if nextval('app.tries') = 1 then
             raise exception 'taken' using errcode = 'exclusion_violation', constraint = 'bookings_one_customer_a_lane';
           end if;
           return new;
         end $$;
         create trigger zz_somebody_is_quicker before insert on app.bookings
           for each row execute function app.somebody_is_quicker()",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    // Nobody was wished for, so the same time is held with a colleague.
    let answer = stack.say("studio-lua", MARINA, "1").await;
    assert!(answer.contains("1 Confirmar"), "{offered}\n{answer}");
    let events: Vec<String> =
        sqlx::query_scalar("select event ->> 'event' from app.conversation_turns order by seq")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(events, ["said", "said", "said", "lost"]);
    let held: Vec<String> = sqlx::query_scalar("select status from app.bookings")
        .fetch_all(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(held, ["held"], "nothing of the lost step was kept");
    assert!(stack.say("studio-lua", MARINA, "1").await.starts_with("Agendado"));
    stack.settle().await;
    stack.stop_working().await;
}

#[tokio::test]
async fn p6_a_reply_whose_fate_is_unknown_is_looked_up_and_not_sent_twice() {
    let mut stack = Stack::new().await;
    stack.sim.set_fault(once(SendFault::SentThenFailed, 1));
    stack.work();
    stack.sim.customer_writes("studio-lua", MARINA, "Marina", "Oi").await.unwrap();
    stack.settle().await;
    assert_eq!(
        stack
            .sim
            .chat("studio-lua", MARINA)
            .iter()
            .filter(|m| m.from == pontual::gateway_sim::Author::Business)
            .count(),
        1
    );
    let (status, doubts): (String, i32) =
        sqlx::query_as("select status, doubts from app.outbound_messages")
            .fetch_one(&stack.db.owner)
            .await
            .unwrap();
    assert!(["sent", "delivered", "read"].contains(&status.as_str()), "{status}");
    // None where the gateway's echo came before its answer.
    assert!(doubts <= 1, "{doubts}");
    stack.stop_working().await;
}

#[tokio::test]
async fn p6_replies_wait_for_a_gateway_that_is_down_and_leave_in_order() {
    let mut stack = Stack::new().await;
    stack.sim.set_fault(once(SendFault::Failed, 3));
    stack.work();
    for text in ["Oi", "1", "9"] {
        stack.sim.customer_writes("studio-lua", MARINA, "Marina", text).await.unwrap();
    }
    stack.settle().await;
    let (by_seq, by_sending): (Vec<String>, Vec<String>) = sqlx::query_as(
        "select array_agg(provider_id order by seq), array_agg(provider_id order by sent_at, seq) from app.outbound_messages",
    ).fetch_one(&stack.db.owner).await.unwrap();
    assert_eq!(by_seq, by_sending);
    let arrived = stack
        .sim
        .chat("studio-lua", MARINA)
        .into_iter()
        .filter(|m| m.from == pontual::gateway_sim::Author::Business)
        .map(|m| m.id)
        .collect::<Vec<_>>();
    assert_eq!(arrived, by_seq);
    stack.stop_working().await;
}

#[tokio::test]
async fn p10_moving_by_plain_sql_tells_the_customer_and_plans_the_reminders_anew() {
    let mut stack = Stack::new().await;
    stack.work();
    for text in ["Oi", "1", "1", "1"] {
        stack.say("studio-lua", MARINA, text).await;
    }
    stack.settle().await;
    let last = stack.sim.chat("studio-lua", MARINA).pop().unwrap();
    sqlx::query("update app.bookings set starts_at = starts_at + interval '7 days' where status = 'confirmed'").execute(&stack.db.owner).await.unwrap();
    let told = stack.sim.wait_for_reply("studio-lua", MARINA, &last.id, PATIENCE).await.unwrap();
    assert!(told.text.contains("Precisamos mudar"), "{}", told.text);
    let plan: Vec<(i32, String, i64)> = sqlx::query_as(
        "select s.revision, s.status, count(*) from app.scheduled_notifications s group by 1, 2 order by 1, 2",
    ).fetch_all(&stack.db.owner).await.unwrap();
    assert_eq!(plan.last(), Some(&(2, "planned".to_owned(), 3)), "{plan:?}");
    assert!(
        !plan.iter().any(|(revision, status, _)| *revision == 1 && status == "planned"),
        "{plan:?}"
    );
    stack.settle().await;
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;
}

#[tokio::test]
async fn p10_an_illegal_change_of_status_is_refused_by_name() {
    let mut stack = Stack::new().await;
    stack.work();
    for text in ["Oi", "1", "1", "1"] {
        stack.say("studio-lua", MARINA, text).await;
    }
    sqlx::query("update app.bookings set status = 'cancelled' where status = 'confirmed'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let refused = sqlx::query("update app.bookings set status = 'confirmed'")
        .execute(&stack.db.owner)
        .await
        .unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("bookings_status_moves_on"));
    stack.settle().await;
    stack.stop_working().await;
}

#[tokio::test]
async fn p10_a_buffer_that_changes_later_does_not_stand_in_the_way_of_bookings_that_stand() {
    let stack = Stack::new().await;
    let tenant = stack.tenant("studio-lua").await;
    let starts_at = tuesday_at_ten() + TimeDelta::days(1);
    for minutes in [0, 45] {
        sqlx::query(
            "with c as (insert into app.customers (tenant_id, phone) values ($1, '+55119000000' || $3) returning id)
             insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
             select $1, c.id, (select id from app.services where tenant_id = $1 and key = 'corte'),
                    (select id from app.staff where tenant_id = $1 and key = 'ana'), $2, 'confirmed' from c",
        ).bind(tenant).bind(starts_at + TimeDelta::minutes(minutes)).bind(format!("{minutes:02}")).execute(&stack.db.owner).await.unwrap();
    }
    sqlx::query("update app.services set buffer_after = '10 minutes' where tenant_id = $1")
        .bind(tenant)
        .execute(&stack.db.owner)
        .await
        .unwrap();
    sqlx::query("update app.bookings set status = 'arrived' where starts_at = $1")
        .bind(starts_at)
        .execute(&stack.db.owner)
        .await
        .unwrap();
}

#[tokio::test]
async fn p5_lanes_are_not_for_writers_to_choose_and_old_places_still_count() {
    let stack = Stack::new().await;
    let tenant = stack.tenant("studio-lua").await;
    let starts_at = tuesday_at_ten() + TimeDelta::days(1);
    let insert = |phone: &'static str| {
        sqlx::query(BOOK_A_CUT).bind(tenant).bind(phone).bind(starts_at).execute(&stack.db.owner)
    };
    insert("+5511911111111").await.unwrap();
    sqlx::query("update app.bookings set lane = 2").execute(&stack.db.owner).await.unwrap();
    assert!(insert("+5511922222222").await.is_err(), "one place, taken");

    sqlx::query("update app.services set capacity = 2").execute(&stack.db.owner).await.unwrap();
    insert("+5511933333333").await.unwrap();
    sqlx::query("update app.services set capacity = 1").execute(&stack.db.owner).await.unwrap();
    sqlx::query("update app.bookings set status = 'cancelled' where lane = 1")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    assert!(insert("+5511944444444").await.is_err(), "the second place is still taken");
}
