//! The main job, whole: a WhatsApp message becomes a booking, a confirmation and reminders.

use chrono::{DateTime, TimeDelta, Utc};
use pontual::clock::Clock;
use serde_json::{Value, json};

use crate::support::stack::{PATIENCE, SECRET, Stack, tuesday_at_ten};

const MARINA: &str = "+5511988887777";

/// Talks until booked; the confirmation.
async fn book(stack: &Stack, instance: &str, phone: &str) -> String {
    stack.say(instance, phone, "Oi").await;
    stack.say(instance, phone, "1").await;
    stack.say(instance, phone, "1").await;
    stack.say(instance, phone, "1").await
}

#[tokio::test]
async fn a_recorded_webhook_is_followed_to_the_reply_at_the_gateway() {
    // The recorded message was sent at this time.
    let mut stack = Stack::at(Clock::starting_at("2026-11-23T01:02:00Z".parse().unwrap())).await;
    sqlx::query("update app.instances set name = 'clinica-b' where name = 'studio-lua'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    stack.sim.create_instance(
        "clinica-b",
        &format!("{}/webhooks/evolution", stack.base),
        &[("jwt_key", SECRET)],
    );
    let fixture = include_bytes!("../fixtures/evolution/messages-upsert-text.json");
    let recorded: Value = serde_json::from_slice(fixture).unwrap();

    let (status, answer) = stack.deliver(&fixture[..]).await;
    assert_eq!((status, &answer["status"]), (200, &json!("accepted")));
    // P1: the row and its job were there before the answer.
    let waiting: Vec<String> =
        sqlx::query_scalar("select kind from ops.jobs where state = 'waiting'")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(waiting, ["process_message"]);
    let stored: Value = stack.value("select to_jsonb(m) from app.inbound_messages m").await;
    assert_eq!(stored["provider_id"], recorded["data"]["key"]["id"]);
    assert_eq!(stored["body"]["text"], recorded["data"]["message"]["conversation"]);
    assert_eq!(stored["processed_at"], Value::Null);

    stack.work();
    let phone =
        recorded["data"]["key"]["remoteJid"].as_str().unwrap().trim_end_matches("@s.whatsapp.net");
    let reply = stack.sim.wait_for_reply("clinica-b", phone, "", PATIENCE).await.unwrap();
    assert!(reply.text.contains("1 Corte"), "{}", reply.text);
    stack.settle().await;
    let sent: Value = stack.value("select to_jsonb(o) from app.outbound_messages o").await;
    assert_eq!((&sent["body"], &sent["provider_id"]), (&json!(reply.text), &json!(reply.id)));
    let (state, turns): (String, i64) = sqlx::query_as(
        "select state, (select count(*) from app.conversation_turns) from app.conversations",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!((state.as_str(), turns), ("service_selection", 1));
    let done: Vec<String> =
        sqlx::query_scalar("select kind from ops.jobs where state = 'done' order by id")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(done, ["process_message", "deliver_messages"]);
    stack.stop_working().await;
}

#[tokio::test]
async fn the_bodys_key_is_stored_nowhere() {
    let stack = Stack::new().await;
    let body = json!({
        "event": "messages.upsert", "instance": "studio-lua", "apikey": "KEY-THAT-MUST-NOT-STAY",
        "data": {"key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": false, "id": "A1"}, "apikey": "KEY-THAT-MUST-NOT-STAY",
                 "message": {"conversation": "Oi"}, "messageType": "conversation", "messageTimestamp": 1_773_147_600},
    });
    let unreadable = json!({"event": "messages.upsert", "instance": "studio-lua", "apikey": "KEY-THAT-MUST-NOT-STAY", "data": {"apikey": "KEY-THAT-MUST-NOT-STAY", "x": [1]}});
    let homeless = json!({"event": "messages.upsert", "apikey": "KEY-THAT-MUST-NOT-STAY", "data": {"message": 3}});
    for body in [&body, &unreadable, &homeless] {
        assert_eq!(stack.deliver(body.to_string()).await.0, 200);
    }
    let rows: Vec<String> = sqlx::query_scalar(
        "select to_jsonb(m)::text from app.inbound_messages m union all select to_jsonb(u)::text from app.unrouted_messages u
         union all select convert_from(job, 'UTF8') from apalis.jobs union all select to_jsonb(a)::text from app.audit_log a",
    ).fetch_all(&stack.db.owner).await.unwrap();
    assert!(rows.len() >= 4, "{rows:?}");
    assert!(!rows.iter().any(|row| row.contains("MUST-NOT-STAY")), "{rows:?}");
    // And arguments of jobs hold ids alone.
    assert!(
        !rows.iter().any(|row| row.contains("conversation_id")
            && row.contains("5511988887777")
            && !row.contains("provider_id")),
        "{rows:?}"
    );
}

#[tokio::test]
async fn a_talk_ends_in_a_booking_a_confirmation_and_three_reminders() {
    let mut stack = Stack::new().await;
    stack.work();
    for (instance, phone, booked) in [
        ("studio-lua", MARINA, "Agendado ✅ Código "),
        ("luna-salon", "+12125550123", "Booked ✅ Code "),
        ("salon-luna", "+56912345678", "Reservado ✅ Código "),
    ] {
        let confirmation = book(&stack, instance, phone).await;
        assert!(confirmation.starts_with(booked), "{instance}: {confirmation}");
        let code = confirmation[booked.len()..].split('.').next().unwrap().to_owned();
        let booking: Value = sqlx::query_scalar(
            "select to_jsonb(b) || jsonb_build_object('made_here', c.booking_id = b.id, 'state', c.state)
               from app.bookings b join app.conversations c on c.id = b.conversation_id where b.code = $1",
        ).bind(&code).fetch_one(&stack.db.owner).await.unwrap();
        assert_eq!(
            (&booking["status"], &booking["state"], &booking["made_here"]),
            (&json!("confirmed"), &json!("completed"), &json!(true))
        );
        let starts_at: DateTime<Utc> = booking["starts_at"].as_str().unwrap().parse().unwrap();
        let plan: Vec<(String, String, DateTime<Utc>)> = sqlx::query_as(
            "select kind, status, due_at from app.scheduled_notifications where booking_id = ($1)::uuid order by due_at",
        ).bind(booking["id"].as_str().unwrap()).fetch_all(&stack.db.owner).await.unwrap();
        assert_eq!(
            plan.iter().map(|(kind, ..)| kind.as_str()).collect::<Vec<_>>(),
            ["reminder_24h", "reminder_1h", "reminder_15m"]
        );
        assert_eq!(plan[1].2, starts_at - TimeDelta::hours(1));
        assert_eq!(plan[2].2, starts_at - TimeDelta::minutes(15));
    }
    stack.settle().await;
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;
}

#[tokio::test]
async fn reminders_are_sent_when_they_come_due_once() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say("studio-lua", MARINA, "corte quinta às 15h").await;
    let confirmation = stack.say("studio-lua", MARINA, "1").await;
    stack.settle().await;
    stack.stop_working().await;
    let starts_at: DateTime<Utc> =
        stack.value("select starts_at from app.bookings where status = 'confirmed'").await;
    let sent_before = stack.sim.sent().len();

    // A day later, ten minutes before the visit: the last reminder is due, the others have become useless.
    let before = starts_at - TimeDelta::minutes(14);
    stack.clock = Clock::starting_at(before);
    stack.pool = pontual::db::connect(&stack.db.url_app(), 24, stack.clock).await.unwrap();
    stack.work().work();
    let reminder = async {
        loop {
            let sent = stack.sim.sent();
            if sent.len() > sent_before {
                return sent;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reminder).await.expect("a reminder");
    stack.settle().await;
    let texts = stack
        .sim
        .chat("studio-lua", MARINA)
        .into_iter()
        .rev()
        .take(2)
        .map(|message| message.text)
        .collect::<Vec<_>>();
    assert!(texts[0].contains("15 minutos"), "{texts:?}");
    assert_eq!(texts[1], confirmation, "one reminder alone");
    let outcome: Vec<(String, String)> =
        sqlx::query_as("select kind, status from app.scheduled_notifications order by due_at desc")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(outcome[0], ("reminder_15m".to_owned(), "sent".to_owned()));
    assert!(outcome[1..].iter().all(|(_, status)| status == "skipped"), "{outcome:?}");
    // Asked again, by hand or by a crash, it is not sent again.
    let sent = stack.sim.sent().len();
    let again: i64 = stack
        .value(
            "select count(queue.enqueue('send_reminder', jsonb_build_object('tenant_id', tenant_id, 'notification_id', id)))
               from app.scheduled_notifications",
        )
        .await;
    assert_eq!(again, 3);
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), sent);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;
}

#[tokio::test]
async fn a_hold_is_shown_to_nobody_else_and_menu_gives_it_back() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say("studio-lua", MARINA, "Oi").await;
    let offered = stack.say("studio-lua", MARINA, "1").await;
    stack.say("studio-lua", MARINA, "1").await;
    let held: (i64, String) =
        sqlx::query_as("select count(*), min(code) from app.bookings where status = 'held'")
            .fetch_one(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(held.0, 1, "{offered}");
    stack.say("studio-lua", MARINA, "menu").await;
    let held: i64 = stack.value("select count(*) from app.bookings where status = 'held'").await;
    assert_eq!(held, 0);
    stack.settle().await;
    stack.stop_working().await;
}

#[tokio::test]
async fn a_plain_update_in_psql_tells_the_customer_and_calls_reminders_off() {
    let mut stack = Stack::new().await;
    stack.work();
    let confirmation = book(&stack, "studio-lua", MARINA).await;
    stack.settle().await;
    let planned: i64 = stack
        .value("select count(*) from app.scheduled_notifications where status = 'planned'")
        .await;
    assert!(planned >= 1, "{confirmation}");
    let last = stack.sim.chat("studio-lua", MARINA).pop().unwrap();

    sqlx::query("update app.bookings set status = 'cancelled' where status = 'confirmed'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let told = stack.sim.wait_for_reply("studio-lua", MARINA, &last.id, PATIENCE).await.unwrap();
    assert!(told.text.contains("precisamos cancelar"), "{}", told.text);
    let planned: i64 = stack
        .value("select count(*) from app.scheduled_notifications where status = 'planned'")
        .await;
    assert_eq!(planned, 0);
    let actor: String = stack.value("select actor from app.audit_log where table_name = 'bookings' order by id desc limit 1").await;
    assert!(actor.starts_with("role:"), "{actor}");
    stack.settle().await;
    let event: (String, String) = sqlx::query_as("select event, status from app.booking_notifications order by created_at desc, id desc limit 1")
        .fetch_one(&stack.db.owner).await.unwrap();
    assert_eq!(event.0, "cancelled");
    assert!(["sent", "delivered", "read"].contains(&event.1.as_str()), "{event:?}");
    stack.stop_working().await;
}

#[tokio::test]
async fn a_booking_inserted_by_plain_sql_is_confirmed_to_the_customer_and_reminded_of() {
    let mut stack = Stack::new().await;
    stack.work();
    let tenant = stack.tenant("studio-lua").await;
    let starts_at = tuesday_at_ten() + TimeDelta::days(3);
    let code: String = sqlx::query_scalar(
        "with c as (insert into app.customers (tenant_id, phone, name) values ($1, '+5511977776666', 'Rita') returning id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select $1, c.id, (select id from app.services where tenant_id = $1 and key = 'corte'),
                (select id from app.staff where tenant_id = $1 and key = 'ana'), $2, 'confirmed' from c
         returning code",
    ).bind(tenant).bind(starts_at).fetch_one(&stack.db.owner).await.unwrap();
    let told =
        stack.sim.wait_for_reply("studio-lua", "+5511977776666", "", PATIENCE).await.unwrap();
    assert!(told.text.contains(&code), "{}", told.text);
    let planned: i64 = stack
        .value("select count(*) from app.scheduled_notifications where status = 'planned'")
        .await;
    assert_eq!(planned, 3);
    stack.settle().await;
    stack.stop_working().await;
}

#[tokio::test]
async fn a_digit_answers_the_notice_that_came_last_and_not_the_question_before_it() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say("studio-lua", MARINA, "corte quinta às 15h").await;
    stack.say("studio-lua", MARINA, "1").await;
    let question = stack.say("studio-lua", MARINA, "cancelar").await;
    assert!(question.contains("1 Sim, cancelar"), "{question}");
    stack.settle().await;
    let last = stack.sim.chat("studio-lua", MARINA).pop().unwrap();
    sqlx::query(
        "update app.bookings set starts_at = starts_at + interval '1 day' where status = 'confirmed'",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let notice = stack.sim.wait_for_reply("studio-lua", MARINA, &last.id, PATIENCE).await.unwrap();
    assert!(notice.text.contains("1 OK"), "{}", notice.text);
    stack.settle().await;
    let answer = stack.say("studio-lua", MARINA, "1").await;
    assert!(!answer.contains("Cancelado"), "{answer}");
    let status: String = stack.value("select status from app.bookings").await;
    assert_eq!(status, "confirmed", "{answer}");
    stack.settle().await;
    stack.stop_working().await;
}
