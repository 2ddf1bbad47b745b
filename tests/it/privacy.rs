//! What is held about a person, how it is shown, and that it goes without a trace.

mod logs;
mod marks;
mod retention;

use std::collections::BTreeMap;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::api::Api;
use crate::support::stack::Stack;
use marks::{NAME, PHONE, Words};

const SALON: &str = "studio-lua";

/// Everything that a person can leave behind: talk, media, edits, what cannot be read, bookings made
/// for them, reasons, and what people wrote to them.
async fn lives(stack: &mut Stack, words: &Words) -> Api {
    stack.work();
    let digits = &PHONE[1..];
    let api = Api::of(stack, SALON).await;
    let cut = json!({"service": "corte", "staff": "ana", "starts_at": "2026-03-13T10:00:00-03:00",
                     "customer": {"phone": PHONE, "name": NAME}});
    let key = [("idempotency-key", "till-1")];
    let booked = api.send(Method::POST, "/bookings", Some(cut), &key).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    stack.settle().await;
    let moved = api
        .post(
            "/bookings",
            json!({"service": "corte", "staff": "ana",
        "starts_at": "2026-03-10T11:15:00-03:00", "customer": {"phone": PHONE}}),
        )
        .await;
    assert_eq!(moved.status, 201, "{moved:?}");
    let path = format!("/bookings/{}", moved.body["id"].as_str().unwrap());
    let cancelled = api
        .patch(
            &path,
            json!({"status": "cancelled", "reason": words.next(),
        "override_reason": words.next()}),
        )
        .await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    stack.settle().await;

    for text in [words.next(), words.next(), "corte quinta às 15h", "1"] {
        stack.say(SALON, PHONE, text).await;
    }
    stack.settle().await;
    let conversation: uuid::Uuid = stack.value("select id from app.conversations").await;
    let path = format!("/conversations/{conversation}/messages");
    let written = api.post(&path, json!({"text": words.next()})).await;
    assert!(written.status < 300, "{written:?}");
    stack.settle().await;

    let jid = format!("{digits}@s.whatsapp.net");
    let wamid = format!("wamid.{}", marks::base64(digits));
    let message = |id: &str, from_me: bool, message: Value| {
        json!({
        "event": "messages.upsert", "instance": SALON,
        "data": {"key": {"remoteJid": jid, "fromMe": from_me, "id": id}, "pushName": NAME,
                 "message": message, "messageType": "conversation", "messageTimestamp": 1_773_147_700}})
    };
    let bodies = [
        message(&wamid, false, json!({"conversation": words.next()})),
        message("OWN1", true, json!({"conversation": words.next()})),
        json!({"event": "messages.upsert", "instance": SALON, "data": {"who": jid, "x": [words.next()]}}),
        json!({"event": "messages.upsert", "data": {"who": jid, "message": words.next()}}),
    ];
    for body in bodies {
        assert_eq!(stack.deliver(body.to_string()).await.0, 200, "{body}");
    }
    // What a turn is in the middle of, and what the phone's forms are.
    let old_form = format!("{}{}", &digits[..4], &digits[5..]);
    let unread = json!({"event": "messages.upsert", "instance": SALON,
                        "data": {"who": format!("{old_form}@s.whatsapp.net"), "x": [words.next()]}});
    assert_eq!(stack.deliver(unread.to_string()).await.0, 200);
    stack.settle().await;
    api
}

/// The agenda of a member of staff, who is written to as customers are, and what became of a message
/// told before its id was known.
fn besides(word: &str) -> String {
    let wamid = format!("wamid.{}", marks::base64(&PHONE[1..]));
    format!(
        "with colleague as (
           insert into app.customers (tenant_id, phone) select id, '+5511966665555' from app.tenants where slug = '{SALON}'
           returning tenant_id, id
         ), talk as (
           insert into app.conversations (tenant_id, customer_id, instance_id)
           select c.tenant_id, c.id, i.id from colleague c join app.instances i using (tenant_id)
           returning tenant_id, id
         )
         insert into app.outbound_messages (tenant_id, conversation_id, staff_id, template, body, status, sent_at)
         select t.tenant_id, t.id, s.id, 'agenda', '15:00 {NAME} {word}', 'sent', app.now()
           from talk t join app.staff s on s.tenant_id = t.tenant_id and s.key = 'ana';
         update app.outbound_messages o set provider_id = '{wamid}'
          where o.id = (select x.id from app.outbound_messages x join app.conversations c on c.id = x.conversation_id
                          join app.customers u on u.id = c.customer_id and u.phone = '{PHONE}' limit 1);
         insert into app.early_statuses (tenant_id, instance_id, provider_id, status, at)
         select tenant_id, id, '{wamid}', 'read', app.now() from app.instances where tenant_id = (
           select id from app.tenants where slug = '{SALON}')"
    )
}

/// Runs `pontual customer …` as an operator does; what it printed.
fn customer(stack: &Stack, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pontual"))
        .current_dir("/")
        .env("DATABASE_URL", stack.db.url_owner())
        .env_remove("MIGRATION_DATABASE_URL")
        .env("PONTUAL_CLOCK_OFFSET", stack.clock.offset().num_seconds().to_string())
        .arg("customer")
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// The whole database as `pg_dump` writes it.
async fn dump(stack: &Stack) -> String {
    let bindir: String =
        stack.value("select setting from pg_catalog.pg_config where name = 'BINDIR'").await;
    let output = Command::new(format!("{bindir}/pg_dump"))
        .arg("--dbname")
        .arg(stack.db.libpq_url_owner())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// How many rows each table has, and how many bookings of each status.
async fn shape(stack: &Stack) -> BTreeMap<String, i64> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'app' and c.relkind in ('r', 'p')",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    let mut shape = BTreeMap::new();
    for table in tables {
        let count = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from app.{table}")));
        shape.insert(table, count.fetch_one(&stack.db.owner).await.unwrap());
    }
    shape
}

#[tokio::test]
async fn an_erased_customer_leaves_no_trace_in_a_dump_and_bookings_still_count() {
    let mut stack = Stack::new().await;
    let words = Words::new();
    lives(&mut stack, &words).await;
    stack.say(SALON, "+5511977776666", "corte sexta às 15h").await;
    stack.settle().await;
    sqlx::raw_sql(AssertSqlSafe(besides(words.next()))).execute(&stack.db.owner).await.unwrap();
    // So much is there to be found at all.
    let full = dump(&stack).await;
    let found = marks::found_in(&full, &words);
    for mark in words.all().iter().copied().chain([NAME, &PHONE[1..]]) {
        assert!(
            found.iter().any(|found| found.contains(mark)),
            "{mark} was never stored: {found:?}"
        );
    }
    let before = shape(&stack).await;
    let dry = customer(&stack, &["erase", "--tenant", SALON, "--phone", PHONE, "--dry-run"]);
    assert!(dry.0 && dry.1.contains("Nothing was changed"), "{dry:?}");
    assert_eq!(marks::found_in(&dump(&stack).await, &words), found, "a dry run changes nothing");

    let sent = stack.sim.sent().len();
    let erased = customer(&stack, &["erase", "--tenant", SALON, "--phone", PHONE]);
    assert!(erased.0 && erased.1.contains("is erased"), "{erased:?}");
    let left = dump(&stack).await;
    assert_eq!(marks::found_in(&left, &words), Vec::<String>::new());
    assert!(left.contains("5511977776666"), "only of this person");

    let mut after = shape(&stack).await;
    for table in
        ["idempotent_requests", "conversation_timers", "customer_addresses", "early_statuses"]
    {
        assert!(after.remove(table) <= before.get(table).copied());
    }
    for (table, count) in &after {
        let (was, only_grows) =
            (before[table], ["audit_log", "booking_notifications", "conversation_events"]);
        let holds = *count == was || only_grows.contains(&table.as_str()) && *count > was;
        assert!(holds, "{table}: {was} rows, then {count}");
    }
    let statuses: Vec<(String, i64)> = sqlx::query_as(
        "select b.status || coalesce(' ' || b.cancel_reason, ''), count(*) from app.bookings b
           join app.customers c on c.id = b.customer_id where c.erased_at is not null group by 1 order by 1",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    let statuses: Vec<(&str, i64)> = statuses.iter().map(|(what, n)| (what.as_str(), *n)).collect();
    assert_eq!(statuses, [("cancelled", 1), ("cancelled customer erased", 2)]);
    // Nobody is told, nothing fires, and nothing that holds is broken.
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), sent);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    let by: Vec<String> = sqlx::query_scalar(
        "select distinct actor from app.audit_log where table_name = 'customers' and after ? 'erased_at' and action = 'update'",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(by, ["command:customer erase"]);

    // Who writes again is somebody new.
    let greeting = stack.say(SALON, PHONE, "oi").await;
    assert!(!greeting.contains(NAME), "{greeting}");
    let again = customer(&stack, &["export", "--tenant", SALON, "--phone", PHONE, "--json"]);
    assert!(again.0 && !words.all().iter().any(|word| again.1.contains(word)), "{again:?}");
    stack.stop_working().await;
}

#[tokio::test]
async fn an_export_holds_all_that_is_held() {
    let mut stack = Stack::new().await;
    let words = Words::new();
    lives(&mut stack, &words).await;
    stack.say(SALON, "+5511977776666", "corte sexta às 15h").await;
    let (done, text) = customer(&stack, &["export", "--tenant", SALON, "--phone", PHONE, "--json"]);
    assert!(done, "{text}");
    let held: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(held["customers"][0]["phone"], PHONE);
    assert_eq!(held["bookings"].as_array().unwrap().len(), 3, "{}", held["bookings"]);
    assert!(!text.contains("5511977776666"), "of nobody else");
    // Bodies of no tenant are in no tenant's export.
    let of_nobody: String = stack.value("select body::text from app.unrouted_messages").await;
    for word in words.all() {
        assert!(text.contains(word) || of_nobody.contains(word), "{word} is held and not exported");
    }
    let (done, shown) =
        customer(&stack, &["export", "--tenant", SALON, "--phone", "55 11 98765-1234"]);
    assert!(done && shown.contains(NAME) && shown.contains("INBOUND MESSAGES"), "{shown}");
    stack.stop_working().await;
}

#[tokio::test]
async fn who_is_not_there_is_told_so_without_their_number() {
    let stack = Stack::new().await;
    for (arguments, reason) in [
        (["erase", "--tenant", SALON, "--phone", PHONE], "no such customer"),
        (["export", "--tenant", "nobody", "--phone", PHONE], "no tenant \"nobody\""),
        (["erase", "--tenant", SALON, "--phone", "0119"], "country code"),
    ] {
        let (done, text) = customer(&stack, &arguments);
        assert!(!done && text.contains(reason), "{text}");
        assert!(!text.contains(&PHONE[1..]), "{text}");
    }
}

#[tokio::test]
async fn operators_erase_with_sql_and_only_for_the_tenant_whose_customer_it_is() {
    let mut stack = Stack::new().await;
    let words = Words::new();
    lives(&mut stack, &words).await;
    stack.stop_working().await;
    let id: uuid::Uuid = stack.value("select id from app.customers").await;
    let run = async |role: &str, statement: &str| {
        let mut tx = stack.db.owner.begin().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("set local role {role}")))
            .execute(&mut *tx)
            .await
            .unwrap();
        let done: sqlx::Result<Option<Value>> =
            sqlx::query_scalar(AssertSqlSafe(statement.to_owned())).fetch_one(&mut *tx).await;
        if done.is_ok() {
            tx.commit().await.unwrap();
        }
        done
    };
    let own = stack.tenant(SALON).await;
    let other = stack.tenant("luna-salon").await;
    let forged = format!(
        "select app.erase_customer('{own}', '{id}') from (select set_config('app.tenant_id', '{other}', true)) x"
    );
    assert!(run("pontual_app", &forged).await.unwrap_err().to_string().contains("of that tenant"));
    let token = format!(
        "select app.erase_customer('{own}', '{id}') from (select set_config('request.jwt.claims', '{{\"tenant_id\": \"{own}\"}}', true)) x"
    );
    assert!(run("pontual_app", &token).await.unwrap_err().to_string().contains("program alone"));
    assert!(!marks::found_in(&dump(&stack).await, &words).is_empty());

    let counted = run("pontual_ops", &format!("select ops.erase_customer('{id}')")).await.unwrap();
    assert_eq!(counted.unwrap()["bookings"], 3);
    assert!(!marks::found_in(&dump(&stack).await, &words).is_empty());
    run("pontual_ops", &format!("select ops.erase_customer('{id}', dry_run => false)"))
        .await
        .unwrap();
    assert_eq!(marks::found_in(&dump(&stack).await, &words), Vec::<String>::new());
    // The log itself stays closed to everybody.
    let rewritten =
        run("pontual_ops", "update app.audit_log set after = null returning null::jsonb").await;
    assert!(rewritten.is_err());
}
