//! Bursts, late messages, timers, and people who take a conversation over.

mod waiting;

use chrono::{DateTime, TimeDelta, Utc};
use pontual::clock::Clock;
use pontual::gateway_sim::Write;
use serde_json::{Value, json};

use crate::support::stack::{PATIENCE, Stack, tuesday_at_ten};

const MARINA: &str = "+5511988887777";
const SALON: &str = "studio-lua";

/// The body of a customer's text, sent at this time.
fn said(id: &str, text: &str, sent_at: DateTime<Utc>) -> String {
    json!({
        "event": "messages.upsert", "instance": SALON,
        "data": {"key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": false, "id": id},
                 "pushName": "Marina", "message": {"conversation": text}, "messageType": "conversation",
                 "messageTimestamp": sent_at.timestamp()},
    })
    .to_string()
}

/// The body of a text that left the salon's own number.
fn own(id: &str, text: &str, sent_at: DateTime<Utc>) -> String {
    json!({
        "event": "messages.upsert", "instance": SALON,
        "data": {"key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": true, "id": id},
                 "status": "SERVER_ACK", "message": {"conversation": text}, "messageType": "conversation",
                 "messageTimestamp": sent_at.timestamp(), "source": "ios"},
    })
    .to_string()
}

async fn accepted(stack: &Stack, body: String) {
    assert_eq!(stack.deliver(body).await.1["status"], "accepted");
}

async fn burst_window(stack: &Stack, window: &str) {
    sqlx::query("update app.tenants set burst_window = $1::text::interval")
        .bind(window)
        .execute(&stack.db.owner)
        .await
        .unwrap();
}

/// What every turn heard: the texts of each, in order.
async fn heard(stack: &Stack) -> Vec<Vec<String>> {
    let events: Vec<Value> = sqlx::query_scalar(
        "select event from app.conversation_turns where event ->> 'event' = 'said' order by seq",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    let text = |message: &Value| message["text"].as_str().unwrap_or_default().to_owned();
    events
        .iter()
        .map(|event| event["messages"].as_array().unwrap().iter().map(text).collect())
        .collect()
}

async fn replies(stack: &Stack) -> i64 {
    stack.value("select count(*) from app.outbound_messages where author = 'assistant'").await
}

/// Lets so much time pass: everything stops and starts again at the later time.
async fn later(stack: &mut Stack, by: TimeDelta) {
    let then = stack.clock.now() + by;
    stack.restart_at(Clock::starting_at(then)).await;
}

#[tokio::test]
async fn texts_within_the_window_are_answered_once_and_together_whatever_worker_reads_them() {
    let mut stack = Stack::new().await;
    burst_window(&stack, "700 ms").await;
    stack.work().work();
    let now = tuesday_at_ten();
    // Twice the same delivery, and the later message first.
    accepted(&stack, said("A2", "quinta às 15h", now + TimeDelta::seconds(1))).await;
    accepted(&stack, said("A1", "quero um corte", now)).await;
    assert_eq!(stack.deliver(said("A1", "quero um corte", now)).await.1["status"], "duplicate");
    let reply = stack.sim.wait_for_reply(SALON, MARINA, "", PATIENCE).await.unwrap();
    assert!(reply.text.contains("15h") && reply.text.contains("1 Confirmar"), "{}", reply.text);
    stack.settle().await;
    assert_eq!(heard(&stack).await, [["quero um corte", "quinta às 15h"]]);
    assert_eq!(replies(&stack).await, 1);
    let waited: f64 = stack
        .value(
            "select extract(epoch from min(processed_at) - max(received_at))::float8 from app.inbound_messages",
        )
        .await;
    assert!((0.69..5.0).contains(&waited), "answered after {waited} s");
    stack.stop_working().await;
}

#[tokio::test]
async fn a_text_in_time_moves_the_answer_and_one_who_writes_on_is_answered_after_five_seconds() {
    let mut stack = Stack::new().await;
    burst_window(&stack, "2 s").await;
    let ends = "select extract(epoch from app.burst_ends(c) - (select min(received_at) from app.inbound_messages))::float8
                  from app.conversations c";
    let received = async |id: &str, after: f64| {
        accepted(&stack, said(id, "e", tuesday_at_ten())).await;
        sqlx::query(
            "update app.inbound_messages set received_at = '2026-03-10T13:00:00Z'::timestamptz + make_interval(secs => $1)
              where provider_id = $2",
        )
        .bind(after)
        .bind(id)
        .execute(&stack.db.owner)
        .await
        .unwrap();
        stack.value::<f64>(ends).await
    };
    assert!((received("A1", 0.0).await - 2.0).abs() < 1e-6);
    assert!((received("A2", 1.5).await - 3.5).abs() < 1e-6);
    assert!((received("A3", 3.4).await - 5.0).abs() < 1e-6);
    assert!((received("A4", 4.9).await - 5.0).abs() < 1e-6);
    stack.stop_working().await;
}

#[tokio::test]
async fn a_digit_or_a_tap_is_answered_at_once_and_a_picture_waits_longest() {
    let stack = Stack::new().await;
    let cases = [
        ("text", "1", 0.0),
        ("text", " 12 ", 0.0),
        ("text", "2.", 0.0),
        ("text", "3\u{fe0f}\u{20e3}", 0.0),
        ("text", "\u{1f51f}", 0.0),
        ("choice", "Corte", 0.0),
        ("text", "123", 1.2),
        ("text", "1 corte", 1.2),
        ("text", "Oi", 1.2),
        ("image", "", 3.0),
        ("audio", "", 3.0),
    ];
    for (kind, text, seconds) in cases {
        let wait: f64 = sqlx::query_scalar(
            "select extract(epoch from app.burst_wait($1, $2, '1.2 s'))::float8",
        )
        .bind(kind)
        .bind(text)
        .fetch_one(&stack.db.owner)
        .await
        .unwrap();
        assert!((wait - seconds).abs() < 1e-6, "{kind} {text:?}: {wait}");
    }
}

#[tokio::test]
async fn a_digit_takes_what_was_written_before_it_along() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "Oi").await;
    burst_window(&stack, "20 s").await;
    accepted(&stack, said("A1", "bom dia", stack.clock.now())).await;
    let before = stack.clock.now();
    stack.say(SALON, MARINA, "1").await;
    assert!(stack.clock.now() - before < TimeDelta::seconds(4));
    assert_eq!(heard(&stack).await.last().unwrap(), &["bom dia", "1"]);
    stack.stop_working().await;
}

#[tokio::test]
async fn messages_that_a_gateway_kept_back_come_to_one_answer() {
    let mut stack = Stack::new().await;
    burst_window(&stack, "500 ms").await;
    stack.work();
    let sent = tuesday_at_ten() - TimeDelta::minutes(20);
    for (n, text) in
        ["oi", "alguém aí?", "queria marcar", "um corte", "quinta às 15h"].iter().enumerate()
    {
        let at = sent + TimeDelta::minutes(i64::try_from(n).unwrap());
        accepted(&stack, said(&format!("L{n}"), text, at)).await;
    }
    stack.sim.wait_for_reply(SALON, MARINA, "", PATIENCE).await.unwrap();
    stack.settle().await;
    assert_eq!(replies(&stack).await, 1);
    let event: Value = stack.value("select event from app.conversation_turns").await;
    let message = &event["messages"][4];
    let time = |field: &str| message[field].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!(time("sent_at"), sent + TimeDelta::minutes(4));
    assert!(time("received_at") - time("sent_at") >= TimeDelta::minutes(16));
    stack.stop_working().await;
}

#[tokio::test]
async fn a_message_edited_before_it_is_read_is_read_as_edited_and_later_it_is_noted() {
    let mut stack = Stack::new().await;
    let edited = |text: &str| {
        json!({"event": "messages.edited", "instance": SALON, "data": {
            "key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": false, "id": "A1"},
            "type": "MESSAGE_EDIT", "timestampMs": "1795395711000", "editedMessage": {"conversation": text}}})
        .to_string()
    };
    accepted(&stack, said("A1", "manicure", tuesday_at_ten())).await;
    accepted(&stack, edited("corte")).await;
    stack.work();
    let reply = stack.sim.wait_for_reply(SALON, MARINA, "", PATIENCE).await.unwrap();
    assert!(reply.text.contains("Corte"), "{}", reply.text);
    stack.settle().await;
    assert_eq!(heard(&stack).await, [["corte"]]);

    for _ in 0..2 {
        assert_eq!(stack.deliver(edited("coloração")).await.1["status"], "ignored");
    }
    stack.settle().await;
    assert_eq!(replies(&stack).await, 1);
    let noted: Vec<String> = sqlx::query_scalar(
        "select text from ops.conversation_timeline where who = 'event' and kind = 'message_edited'",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(noted, ["coloração"]);
    stack.stop_working().await;
}

#[tokio::test]
async fn a_customer_who_stops_half_way_is_nudged_once() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "corte quinta às 15h").await;
    stack.settle().await;
    later(&mut stack, TimeDelta::minutes(16)).await;
    stack.maintain().await;
    let nudges = "select count(*) from app.conversation_turns where event ->> 'event' = 'nudge'";
    assert_eq!(stack.value::<i64>(nudges).await, 1);
    assert_eq!(replies(&stack).await, 2);
    stack.maintain().await;
    later(&mut stack, TimeDelta::minutes(30)).await;
    stack.maintain().await;
    assert_eq!(stack.value::<i64>(nudges).await, 1);
    assert_eq!(replies(&stack).await, 2);
    assert_eq!(stack.value::<i64>("select count(*) from app.conversation_timers").await, 0);
    stack.stop_working().await;
}

#[tokio::test]
async fn a_customer_who_wrote_in_time_is_not_nudged_for_what_was_before() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "corte quinta às 15h").await;
    stack.settle().await;
    // Due, and its job on the way, when the customer writes.
    sqlx::query("update app.conversation_timers set due_at = app.now() + interval '30 s'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    stack.stop_working().await;
    sqlx::query("select queue.promote_timers()").execute(&stack.pool).await.unwrap();
    let ahead = Clock::with_offset(stack.clock.offset() + TimeDelta::seconds(40));
    accepted(&stack, said("A9", "menu", stack.clock.now())).await;
    stack.restart_at(ahead).await;
    stack.work();
    stack.maintain().await;
    let events: Vec<String> =
        sqlx::query_scalar("select event ->> 'event' from app.conversation_turns order by seq")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(events, ["said", "said"]);
    stack.stop_working().await;
}

#[tokio::test]
async fn many_workers_fire_a_timer_once() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "corte quinta às 15h").await;
    stack.settle().await;
    stack.stop_working().await;
    sqlx::raw_sql(
        "update app.conversation_timers set due_at = app.now() - interval '1 s', promoted_at = null;
         select queue.promote_timers();
         select queue.enqueue('process_message', jsonb_build_object('tenant_id', tenant_id, 'conversation_id', conversation_id))
           from app.conversation_timers, generate_series(1, 20)",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    stack.work().work().work();
    stack.settle().await;
    let nudges: i64 = stack
        .value("select count(*) from app.conversation_turns where event ->> 'event' = 'nudge'")
        .await;
    assert_eq!(nudges, 1);
    stack.stop_working().await;
}

#[tokio::test]
async fn a_person_who_writes_from_the_phone_silences_the_bot_until_four_hours_after() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "corte quinta às 15h").await;
    stack.settle().await;
    let held: i64 = stack.value("select count(*) from app.bookings where status = 'held'").await;
    let mut wrote = Write::text(MARINA, "Studio Lua", "Oi, aqui é o Bruno!");
    wrote.from_me = true;
    stack.sim.write(SALON, wrote.clone()).await.unwrap();
    let paused: Value = stack.value("select to_jsonb(c) from app.conversations c").await;
    assert_eq!(paused["mode"], "human");
    let until: DateTime<Utc> = paused["human_until"].as_str().unwrap().parse().unwrap();
    assert!((until - stack.clock.now() - TimeDelta::hours(4)).abs() < TimeDelta::minutes(1));
    let before = replies(&stack).await;
    accepted(&stack, said("A5", "pode ser às 16h?", stack.clock.now())).await;
    stack.settle().await;
    assert_eq!(replies(&stack).await, before, "the bot is silent");
    let still: i64 = stack.value("select count(*) from app.bookings where status = 'held'").await;
    assert_eq!((held, still), (1, 1), "what is held runs out by itself");

    // Another message of his moves the end.
    later(&mut stack, TimeDelta::hours(3)).await;
    stack.sim.write(SALON, Write { id: None, ..wrote }).await.unwrap();
    later(&mut stack, TimeDelta::hours(2)).await;
    stack.maintain().await;
    assert_eq!(stack.value::<String>("select mode from app.conversations").await, "human");
    later(&mut stack, TimeDelta::minutes(125)).await;
    stack.maintain().await;
    let (mode, resumed): (String, i64) = sqlx::query_as(
        "select mode, (select count(*) from app.conversation_turns where event ->> 'event' = 'resumed') from app.conversations",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!((mode.as_str(), resumed), ("bot", 1));
    let seen: Vec<(String, String)> = sqlx::query_as(
        "select who, kind from ops.conversation_timeline where who in ('person', 'event') order by at, id",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    let seen = seen.iter().map(|(who, kind)| format!("{who} {kind}")).collect::<Vec<_>>();
    assert_eq!(
        seen,
        ["person message", "event mode_changed", "person message", "event mode_changed"],
    );
    stack.stop_working().await;
}

#[tokio::test]
async fn a_customer_who_writes_once_the_pause_is_over_is_answered_whether_its_timer_came_or_not() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "Oi").await;
    stack.deliver(own("3ACF01", "Oi, Marina!", stack.clock.now())).await;
    stack.settle().await;
    sqlx::query("delete from app.conversation_timers").execute(&stack.db.owner).await.unwrap();
    later(&mut stack, TimeDelta::minutes(245)).await;
    let answer = stack.say(SALON, MARINA, "corte").await;
    assert!(answer.contains("Corte"), "{answer}");
    assert_eq!(stack.value::<String>("select mode from app.conversations").await, "bot");
    stack.settle().await;
    stack.stop_working().await;
}

#[tokio::test]
async fn our_own_messages_that_come_back_are_no_person() {
    let mut stack = Stack::new().await;
    stack.work();
    let reply = stack.say(SALON, MARINA, "Oi").await;
    stack.settle().await;
    let now = stack.clock.now();
    let id: String = stack.value("select provider_id from app.outbound_messages").await;
    stack.deliver(own(&id, &reply, now)).await;
    // The echo before the answer to the send: its id is not known yet.
    let not_known_yet = "update app.outbound_messages set provider_id = null, status = 'sending'";
    sqlx::query(not_known_yet).execute(&stack.db.owner).await.unwrap();
    stack.deliver(own("3EB0ECHO", &format!("{reply}\n"), now)).await;
    // A text that the gateway sent by a rule of its own is pending when it is told of.
    let rule = own("3EB0CALL", "Não atendemos ligações.", now).replace("SERVER_ACK", "PENDING");
    stack.deliver(rule).await;
    let (mode, messages): (String, i64) = sqlx::query_as(
        "select mode, (select count(*) from app.outbound_messages) from app.conversations",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!((mode.as_str(), messages), ("bot", 1));
    // Other words at the same moment are a person's.
    stack.deliver(own("3ACF01", "já te respondo", now)).await;
    assert_eq!(stack.value::<String>("select mode from app.conversations").await, "human");
    // And those of long ago pause nobody.
    sqlx::raw_sql("update app.conversations set mode = 'bot'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    stack.deliver(own("3ACF02", "ontem", now - TimeDelta::days(1))).await;
    assert_eq!(stack.value::<String>("select mode from app.conversations").await, "bot");
    stack.stop_working().await;
}

#[tokio::test]
async fn who_waits_for_a_person_is_told_once_after_a_quarter_of_an_hour() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "Oi").await;
    stack.say(SALON, MARINA, "quero falar com alguém").await;
    stack.settle().await;
    let waiting = "select waiting_since is not null from app.conversations";
    assert!(stack.value::<bool>(waiting).await);
    // What is said meanwhile does not start the wait anew.
    later(&mut stack, TimeDelta::minutes(10)).await;
    accepted(&stack, said("A7", "alguém?", stack.clock.now())).await;
    stack.settle().await;
    later(&mut stack, TimeDelta::minutes(6)).await;
    stack.maintain().await;
    let told =
        "select count(*) from app.conversation_turns where event ->> 'event' = 'nobody_answered'";
    assert_eq!(stack.value::<i64>(told).await, 1);
    later(&mut stack, TimeDelta::minutes(20)).await;
    stack.maintain().await;
    assert_eq!(stack.value::<i64>(told).await, 1);
    // A person answers: nobody waits any more, and nothing comes due.
    let mut wrote = Write::text(MARINA, "Studio Lua", "Cheguei!");
    wrote.from_me = true;
    stack.sim.write(SALON, wrote).await.unwrap();
    assert!(!stack.value::<bool>(waiting).await);
    let timers: Vec<String> = sqlx::query_scalar("select timer from app.conversation_timers")
        .fetch_all(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(timers, ["pause_over"]);
    stack.stop_working().await;
}

#[tokio::test]
async fn a_person_who_answers_in_time_leaves_nothing_to_be_told() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "Oi").await;
    stack.say(SALON, MARINA, "quero falar com alguém").await;
    stack.settle().await;
    later(&mut stack, TimeDelta::minutes(5)).await;
    stack.deliver(own("3ACF01", "Oi, Marina!", stack.clock.now())).await;
    later(&mut stack, TimeDelta::minutes(30)).await;
    stack.maintain().await;
    let told =
        "select count(*) from app.conversation_turns where event ->> 'event' = 'nobody_answered'";
    assert_eq!(stack.value::<i64>(told).await, 0);
    stack.stop_working().await;
}

#[tokio::test]
async fn the_bot_switched_on_in_psql_goes_on_at_once() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "corte quinta às 15h").await;
    stack.deliver(own("3ACF01", "Oi, Marina!", stack.clock.now())).await;
    stack.settle().await;
    sqlx::query("update app.conversations set mode = 'bot'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    stack.settle().await;
    let resumed: i64 = stack
        .value("select count(*) from app.conversation_turns where event ->> 'event' = 'resumed'")
        .await;
    assert_eq!(resumed, 1);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;
}

#[tokio::test]
async fn a_booking_and_its_conversation_name_each_other() {
    let mut stack = Stack::new().await;
    stack.work();
    stack.say(SALON, MARINA, "corte quinta às 15h").await;
    stack.say(SALON, MARINA, "1").await;
    stack.settle().await;
    let linked: bool = stack
        .value(
            "select bool_and(b.conversation_id = c.id and c.booking_id = b.id)
               from app.bookings b, app.conversations c where b.status = 'confirmed'",
        )
        .await;
    assert!(linked);
    stack.stop_working().await;
}
