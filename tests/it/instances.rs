//! Instances seen from outside: connection, what webhooks lost, alarms, health and metrics.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use pontual::channel::whatsapp::client::Gateway;
use pontual::clock::Clock;
use pontual::gateway_sim::fault::{SendFault, WebhookFault};
use pontual::gateway_sim::{Fault, Write};
use pontual::jobs::{Context, watch_instances};
use serde_json::{Value, json};

use crate::channels::smtp::Smtp;
use crate::support::api::Api;
use crate::support::stack::{PATIENCE, Stack};

const LUA: &str = "studio-lua";
const PHONE: &str = "5511988887777";

/// What jobs work with, so much later.
fn later(stack: &Stack, by: TimeDelta) -> Context {
    let cx = stack.context();
    Context { clock: Clock::with_offset(cx.clock.offset() + by), ..cx }
}

/// A look at everything, so much later than now.
async fn look(stack: &Stack, by: TimeDelta) {
    watch_instances(&later(stack, by)).await.unwrap();
}

/// Instances that were looked at five minutes ago, and workers at work.
async fn looked_at() -> Stack {
    let mut stack = Stack::new().await;
    look(&stack, TimeDelta::minutes(-5)).await;
    stack.work();
    stack
}

/// A message of a while ago of which no webhook tells; its id.
async fn write_unseen(stack: &Stack, text: &str, seconds_ago: i64) -> String {
    stack.sim.set_fault(Fault::of_webhooks(WebhookFault::Drop));
    let timestamp = Some(stack.clock.now().timestamp() - seconds_ago);
    let write = Write { timestamp, ..Write::text(PHONE, "Marina", text) };
    let written = stack.sim.write(LUA, write).await.unwrap();
    stack.sim.clear_fault();
    written.id
}

async fn alarms(stack: &Stack) -> Vec<(String, bool)> {
    sqlx::query_as(
        "select alarm, over_at is not null from app.alarms a
           join app.instances i on i.id = a.instance_id where i.name = 'studio-lua' order by raised_at",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap()
}

fn raised(alarm: &str) -> (String, bool) {
    (alarm.to_owned(), false)
}

fn over(alarm: &str) -> (String, bool) {
    (alarm.to_owned(), true)
}

#[tokio::test]
async fn a_message_whose_webhook_was_lost_is_found_and_answered_once() {
    let stack = looked_at().await;
    let id = write_unseen(&stack, "oi", 60).await;
    assert_eq!(stack.value::<i64>("select count(*) from app.inbound_messages").await, 0);

    look(&stack, TimeDelta::zero()).await;
    let reply = stack.sim.wait_for_reply(LUA, PHONE, &id, PATIENCE).await;
    assert!(reply.is_some_and(|reply| reply.text.contains("Studio Lua")));
    // A second look finds nothing new, and neither does the webhook that comes after all.
    look(&stack, TimeDelta::minutes(8)).await;
    stack.settle().await;
    let counts: (i64, i64) = sqlx::query_as(
        "select (select count(*) from app.inbound_messages), (select count(*) from app.outbound_messages)",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(counts, (1, 1));
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_was_lost_is_read_in_the_order_it_was_written() {
    let stack = looked_at().await;
    // The gateway has them in another order.
    for (text, seconds_ago) in [("às 15h", 40), ("quero um corte", 60), ("amanhã", 50)] {
        write_unseen(&stack, text, seconds_ago).await;
    }
    look(&stack, TimeDelta::zero()).await;
    stack.settle().await;
    let read: Vec<String> = sqlx::query_scalar(
        "select body ->> 'text' from app.inbound_messages order by received_at, id",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(read, ["quero um corte", "amanhã", "às 15h"]);
}

#[tokio::test]
async fn while_webhooks_reach_nobody_customers_are_answered_all_the_same() {
    let stack = looked_at().await;
    // As if the web process were gone: nothing listens there.
    stack.sim.create_instance(LUA, "http://127.0.0.1:9/webhooks/evolution", &[]);
    let id = write_unseen(&stack, "oi", 60).await;
    look(&stack, TimeDelta::zero()).await;
    let reply = stack.sim.wait_for_reply(LUA, PHONE, &id, PATIENCE).await;
    assert!(reply.is_some());
}

#[tokio::test]
async fn a_persons_own_hand_and_reports_of_delivery_are_found_as_well() {
    let stack = looked_at().await;
    stack.say(LUA, PHONE, "oi").await;
    stack.settle().await;
    stack.sim.set_fault(Fault::of_webhooks(WebhookFault::Drop).of_events(&[
        "messages.upsert",
        "messages.update",
        "send.message",
    ]));
    assert!(stack.sim.owner_writes(LUA, PHONE, "deixa comigo").await.is_ok());
    stack.sim.clear_fault();
    look(&stack, TimeDelta::minutes(4)).await;
    let mode: String = stack.value("select mode from app.conversations").await;
    assert_eq!(mode, "human", "a person took over");
    let authors: i64 =
        stack.value("select count(*) from app.outbound_messages where author = 'phone'").await;
    assert_eq!(authors, 1);
}

#[tokio::test]
async fn what_the_gateway_is_is_learnt_and_a_state_that_nobody_told_is_seen() {
    let stack = looked_at().await;
    let learnt: (Option<String>, Option<String>, bool) = sqlx::query_as(
        "select integration, server_version, provider_instance_id is not null
           from app.instance_health h join app.instances i on i.id = h.instance_id where i.name = 'studio-lua'",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(learnt, (Some("WHATSAPP-BAILEYS".to_owned()), Some("2.3.7".to_owned()), true));

    stack.sim.set_fault(Fault::of_webhooks(WebhookFault::Drop).of_events(&["connection.update"]));
    for state in ["connecting", "close", "open"] {
        stack.sim.set_instance_state(LUA, state);
        look(&stack, TimeDelta::minutes(1)).await;
        let seen: String =
            stack.value("select state from app.instances where name = 'studio-lua'").await;
        assert_eq!(seen, state);
        sqlx::query("update app.instance_health set look_at = app.now()")
            .execute(&stack.db.owner)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_instance_that_is_down_too_long_alarms_once_and_says_when_it_is_over() {
    let stack = looked_at().await;
    stack.sim.set_instance_state(LUA, "close");
    look(&stack, TimeDelta::minutes(1)).await;
    assert_eq!(alarms(&stack).await, []);
    for minutes in [7, 8, 20] {
        look(&stack, TimeDelta::minutes(minutes)).await;
        assert_eq!(alarms(&stack).await, [raised("down")]);
    }
    stack.sim.set_instance_state(LUA, "open");
    look(&stack, TimeDelta::minutes(21)).await;
    assert_eq!(alarms(&stack).await, [over("down")]);
    // The next incident is another one.
    stack.sim.set_instance_state(LUA, "close");
    look(&stack, TimeDelta::minutes(22)).await;
    look(&stack, TimeDelta::minutes(30)).await;
    assert_eq!(alarms(&stack).await, [over("down"), raised("down")]);
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_alarms_and_is_no_judgement_on_its_instances() {
    let stack = looked_at().await;
    let away =
        |by| Context { gateway: Gateway::new("http://127.0.0.1:9").unwrap(), ..later(&stack, by) };
    watch_instances(&away(TimeDelta::minutes(1))).await.unwrap();
    assert_eq!(alarms(&stack).await, []);
    watch_instances(&away(TimeDelta::minutes(5))).await.unwrap();
    assert_eq!(alarms(&stack).await, [raised("unreachable")]);
    let state: String =
        stack.value("select state from app.instances where name = 'studio-lua'").await;
    assert_eq!(state, "open", "what was last known");
    look(&stack, TimeDelta::minutes(6)).await;
    assert_eq!(alarms(&stack).await, [over("unreachable")]);
}

#[tokio::test]
async fn webhooks_that_no_longer_come_are_noticed_by_what_they_did_not_bring() {
    let stack = looked_at().await;
    write_unseen(&stack, "oi", 60).await;
    look(&stack, TimeDelta::zero()).await;
    assert_eq!(alarms(&stack).await, [], "it may have been one");
    look(&stack, TimeDelta::minutes(4)).await;
    assert_eq!(alarms(&stack).await, [raised("silent")]);
    // One that comes ends it.
    stack.say(LUA, PHONE, "oi").await;
    look(&stack, TimeDelta::minutes(5)).await;
    assert_eq!(alarms(&stack).await, [over("silent")]);
}

#[tokio::test]
async fn a_send_that_nobody_confirms_alarms_and_is_listed() {
    let stack = looked_at().await;
    stack.sim.set_fault(Fault::of_sends(SendFault::NoAck));
    stack.say(LUA, PHONE, "oi").await;
    stack.settle().await;
    stack.sim.clear_fault();
    look(&stack, TimeDelta::minutes(4)).await;
    assert_eq!(alarms(&stack).await, []);
    look(&stack, TimeDelta::minutes(6)).await;
    assert_eq!(alarms(&stack).await, [raised("unacknowledged")]);
    sqlx::query("update app.outbound_messages set sent_at = sent_at - interval '6 minutes'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let listed: i64 =
        stack.value("select count(*) from ops.unacknowledged where instance = 'studio-lua'").await;
    assert_eq!(listed, 1);
    // Confirmed at last.
    sqlx::query("update app.outbound_messages set acknowledged_at = app.now()")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    look(&stack, TimeDelta::minutes(7)).await;
    assert_eq!(alarms(&stack).await, [over("unacknowledged")]);
}

#[tokio::test]
async fn an_alarm_is_mailed_once_and_once_more_when_it_is_over() {
    let mut stack = Stack::new().await;
    let smtp = Smtp::start();
    stack.channels.email = Some(smtp.channel());
    stack.channels.alarms_to = Some("ops@pontual.example".to_owned());
    look(&stack, TimeDelta::zero()).await;
    stack.sim.set_instance_state(LUA, "close");
    look(&stack, TimeDelta::minutes(1)).await;
    // Not before the mail server takes it, and then once.
    smtp.set_mode("defer");
    look(&stack, TimeDelta::minutes(8)).await;
    assert_eq!(smtp.mails().len(), 0);
    smtp.set_mode("");
    for minutes in [12, 13, 20] {
        look(&stack, TimeDelta::minutes(minutes)).await;
        assert_eq!(smtp.mails().len(), 1, "{minutes}");
    }
    stack.sim.set_instance_state(LUA, "open");
    look(&stack, TimeDelta::minutes(21)).await;
    look(&stack, TimeDelta::minutes(30)).await;
    let mails = smtp.mails();
    let subjects: Vec<_> = mails.iter().map(|mail| mail["headers"]["subject"].as_str()).collect();
    assert_eq!(subjects, [Some("alarm: studio-lua is down"), Some("over: studio-lua is down")]);
    assert_eq!(mails[0]["to"], json!(["ops@pontual.example"]));
    assert!(mails[0]["plain"].as_str().unwrap().contains("pontual instance connect"));
    assert_ne!(mails[0]["headers"]["message-id"], mails[1]["headers"]["message-id"]);
}

#[tokio::test]
async fn one_process_looks_at_an_instance_at_a_time() {
    let stack = Stack::new().await;
    let now = stack.clock.now();
    let due = |now: DateTime<Utc>| {
        pontual::db::instances::due(&stack.pool, now, Duration::from_mins(1), 64)
    };
    let (one, two) = tokio::join!(due(now), due(now));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.len() + two.len(), 3, "{one:?} {two:?}");
    assert!(one.iter().all(|taken| !two.contains(taken)));
    assert_eq!(due(now).await.unwrap(), []);
    // Whoever took them died.
    assert_eq!(due(now + TimeDelta::minutes(2)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn health_metrics_and_the_api_tell_how_instances_are_and_nothing_of_customers() {
    let stack = looked_at().await;
    stack.say(LUA, PHONE, "oi").await;
    stack.sim.set_instance_state(LUA, "close");
    look(&stack, TimeDelta::minutes(1)).await;
    look(&stack, TimeDelta::minutes(8)).await;

    let get = |path: &'static str| {
        let url = format!("{}{path}", stack.base);
        let http = stack.http.clone();
        async move {
            let answer = http.get(url).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    let (status, ready) = get("/health/ready").await;
    let told: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(status, 200, "an instance that is down makes no process unready");
    // A worker may have looked by now.
    assert!(told["checks"]["invariants"].is_string(), "{ready}");
    let instances = &told["checks"]["instances"];
    assert_eq!((&instances["open"], &instances["close"]), (&json!(2), &json!(1)), "{ready}");
    assert_eq!(instances["unwell"][0]["name"], LUA);
    assert_eq!(instances["unwell"][0]["alarms"], json!(["down"]));

    let (status, metrics) = get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "pontual_instance_connected{instance=\"studio-lua\"} 0",
        "pontual_instance_connected{instance=\"luna-salon\"} 1",
        "pontual_instance_alarm{instance=\"studio-lua\",alarm=\"down\"} 1",
        "pontual_database_up 1",
    ] {
        assert!(metrics.lines().any(|told| told == line), "{line}\n{metrics}");
    }
    for text in [&ready, &metrics] {
        assert!(!text.contains("98888") && !text.contains("Marina"), "{text}");
    }

    let api = Api::of(&stack, LUA).await;
    let answer = api.get("/instances").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = &answer.body["instances"];
    assert_eq!(told.as_array().unwrap().len(), 1, "the tenant's own");
    assert_eq!((&told[0]["name"], &told[0]["state"]), (&json!(LUA), &json!("close")));
    assert_eq!(told[0]["alarms"], json!(["down"]));
    assert!(told[0]["since"].as_str().unwrap().ends_with("-03:00"), "{told}");
    assert!(told[0]["last_event_at"].is_string(), "{told}");
}
