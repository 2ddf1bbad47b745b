//! One person, whatever address a version of the gateway names them by.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails may panic")]

mod merging;

use pontual::db::TenantTx;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::stack::{Stack, tuesday_at_ten};

const LID: &str = "123456789012345@lid";

/// A text of a customer whose key has these fields.
#[expect(clippy::needless_pass_by_value, reason = "callers write it in place with json!")]
pub(crate) fn text(id: &str, words: &str, key: Value) -> Value {
    let mut body = json!({
        "event": "messages.upsert", "instance": "studio-lua",
        "data": { "key": key, "pushName": "Marina", "message": { "conversation": words },
                  "messageTimestamp": tuesday_at_ten().timestamp() },
    });
    body["data"]["key"]["id"] = json!(id);
    body["data"]["key"]["fromMe"] = json!(false);
    body
}

/// Delivers it and expects that it is taken.
pub(crate) async fn deliver(stack: &Stack, body: &Value) {
    let (status, answer) = stack.deliver(body.to_string()).await;
    assert_eq!((status, &answer["status"]), (200, &json!("accepted")), "{body}");
}

/// A statement of one value within the tenant, as the program makes it.
pub(crate) async fn in_tenant<T>(stack: &Stack, sql: &'static str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let tenant = stack.tenant("studio-lua").await;
    let mut db = TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
    let value = sqlx::query_scalar(sql).fetch_one(db.conn()).await.unwrap();
    db.commit().await.unwrap();
    value
}

async fn addresses(stack: &Stack) -> Value {
    in_tenant(
        stack,
        "select app.addresses_of(c.tenant_id, c.customer_id, c.instance_id) from app.conversations c",
    )
    .await
}

#[tokio::test]
async fn every_version_s_way_of_naming_a_person_comes_to_one_customer_and_one_conversation() {
    let stack = Stack::new().await;
    let phone = "553188887777@s.whatsapp.net";
    let ways = [
        json!({ "remoteJid": LID }),
        json!({ "remoteJid": LID, "senderPn": phone }),
        json!({ "remoteJid": phone, "previousRemoteJid": LID, "senderPn": phone }),
        json!({ "remoteJid": LID, "remoteJidAlt": phone, "addressingMode": "lid" }),
        json!({ "remoteJid": phone, "remoteJidAlt": phone, "addressingMode": "lid" }),
        json!({ "remoteJid": "5531988887777:7@s.whatsapp.net", "remoteJidAlt": LID }),
        json!({ "remoteJid": "5531988887777@c.us" }),
        json!({ "remoteJid": LID }),
    ];
    for (number, key) in ways.into_iter().enumerate() {
        deliver(&stack, &text(&format!("3A{number}"), "Oi", key)).await;
    }
    let customers: (i64, Option<String>, Option<String>) =
        sqlx::query_as("select count(*), min(phone), min(lid) from app.customers")
            .fetch_one(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(customers, (1, Some("+5531988887777".to_owned()), Some(LID.to_owned())));
    let conversations: i64 = stack.value("select count(*) from app.conversations").await;
    let messages: i64 = stack
        .value("select count(*) from app.inbound_messages where conversation_id is not null")
        .await;
    assert_eq!((conversations, messages), (1, 8));
}

#[tokio::test]
async fn a_customer_made_by_phone_meets_themselves_and_is_written_to_as_whatsapp_writes_them() {
    let stack = Stack::new().await;
    let made: Uuid = in_tenant(
        &stack,
        "select app.upsert_customer(app.tenant_id(), '+5531988887777', null, 'Marina')",
    )
    .await;
    deliver(&stack, &text("3A1", "Oi", json!({ "remoteJid": "553188887777@s.whatsapp.net" })))
        .await;
    let found: Uuid = stack.value("select customer_id from app.conversations").await;
    assert_eq!(found, made);
    let tried = addresses(&stack).await["try"].clone();
    assert_eq!(tried, json!(["553188887777@s.whatsapp.net", "5531988887777"]));
}

#[tokio::test]
async fn what_worked_last_is_tried_first_and_what_never_worked_stays_in_reserve() {
    let stack = Stack::new().await;
    let key = json!({ "remoteJid": "5511988887777@s.whatsapp.net", "remoteJidAlt": LID });
    deliver(&stack, &text("3A1", "Oi", key)).await;
    let jid = "5511988887777@s.whatsapp.net";
    assert_eq!(addresses(&stack).await["try"], json!([jid, LID]));
    let worked = "select app.address_worked(c.tenant_id, c.customer_id, c.instance_id, '123456789012345:3@lid')::text from app.conversations c";
    in_tenant::<Option<String>>(&stack, worked).await;
    assert_eq!(addresses(&stack).await["try"], json!([LID, jid]));
    // Another form of the number is learnt, another number is not.
    for answered in [
        "select app.address_worked(c.tenant_id, c.customer_id, c.instance_id, '551188887777@s.whatsapp.net')::text from app.conversations c",
        "select app.address_worked(c.tenant_id, c.customer_id, c.instance_id, '5511900000000@s.whatsapp.net')::text from app.conversations c",
        "select app.address_worked(c.tenant_id, c.customer_id, c.instance_id, 'nonsense')::text from app.conversations c",
    ] {
        in_tenant::<Option<String>>(&stack, answered).await;
    }
    let known: Vec<String> = sqlx::query_scalar(
        "select value from app.customer_addresses where kind = 'jid' order by value",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(known, ["551188887777@s.whatsapp.net", jid]);
}

#[tokio::test]
async fn a_lid_told_with_another_phone_is_that_phone_s_from_then_on() {
    let stack = Stack::new().await;
    let with = |phone: &str| json!({ "remoteJid": format!("{phone}@s.whatsapp.net"), "remoteJidAlt": LID });
    deliver(&stack, &text("3A1", "Oi", with("5511988887777"))).await;
    deliver(&stack, &text("3A2", "Oi", with("5511977776666"))).await;
    deliver(&stack, &text("3A3", "Oi", json!({ "remoteJid": LID }))).await;
    let whose: Vec<(String, i64)> = sqlx::query_as(
        "select u.phone, count(*) from app.inbound_messages m
           join app.conversations c on c.id = m.conversation_id
           join app.customers u on u.id = c.customer_id group by 1 order by 1",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(whose, [("+5511977776666".to_owned(), 2), ("+5511988887777".to_owned(), 1)]);
}

#[tokio::test]
async fn a_number_that_staff_change_is_no_longer_the_customer_s() {
    let stack = Stack::new().await;
    deliver(&stack, &text("3A1", "Oi", json!({ "remoteJid": "5511988887777@s.whatsapp.net" })))
        .await;
    sqlx::query("update app.customers set phone = '+5511977776666'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let known: Vec<String> =
        sqlx::query_scalar("select kind || ' ' || value from app.customer_addresses")
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    assert_eq!(known, ["phone +5511977776666"]);
    deliver(&stack, &text("3A2", "Oi", json!({ "remoteJid": "5511988887777@s.whatsapp.net" })))
        .await;
    let customers: i64 = stack.value("select count(*) from app.customers").await;
    assert_eq!(customers, 2, "whoever has the old number now is somebody else");
}

#[tokio::test]
async fn the_same_person_at_two_tenants_is_two_customers() {
    let stack = Stack::new().await;
    let key = json!({ "remoteJid": "5511988887777@s.whatsapp.net", "remoteJidAlt": LID });
    let here = text("3A1", "Oi", json!({ "remoteJid": LID }));
    let mut there = text("3A1", "Oi", key);
    there["instance"] = json!("luna-salon");
    deliver(&stack, &here).await;
    deliver(&stack, &there).await;
    let tenants: i64 = stack.value("select count(distinct tenant_id) from app.customers").await;
    let customers: i64 = stack.value("select count(*) from app.customers").await;
    let nameless: i64 = stack
        .value("select count(*) from app.customers where phone is null and lid is not null")
        .await;
    assert_eq!((tenants, customers, nameless), (2, 2, 1));
}

#[tokio::test]
async fn what_is_known_is_not_written_again() {
    let stack = Stack::new().await;
    let key = || json!({ "remoteJid": "5511988887777@s.whatsapp.net", "remoteJidAlt": LID });
    deliver(&stack, &text("3A0", "Oi", key())).await;
    let versions = "select string_agg(xmin::text, ' ' order by xmin::text) from
        (select xmin from app.customers union all select xmin from app.customer_addresses) x";
    let before: String = stack.value(versions).await;
    for number in 1..20 {
        deliver(&stack, &text(&format!("3A{number}"), "Oi", key())).await;
    }
    assert_eq!(stack.value::<String>(versions).await, before);
}
