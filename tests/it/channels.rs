//! SMS and e-mail, and when one channel takes the place of another.

mod providers;
mod sms;
pub(crate) mod smtp;

use std::time::Duration;

use chrono::{DateTime, Utc};
use pontual::channel::{Channel as _, Envelope};
use pontual::gateway_sim::fault::{Fault as GatewayFault, SendFault};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use self::sms::{Fault, Provider};
use self::smtp::{FROM, Smtp};
use crate::support::api::Api;
use crate::support::stack::{PATIENCE, Stack};

const SALON: &str = "studio-lua";
const MARINA: &str = "+5511988887777";
const PUBLIC: &str = "https://pontual.example";

/// The whole program with its neighbours, and a tenant that uses all channels.
struct World {
    stack: Stack,
    smtp: Smtp,
    sms: Provider,
}

impl World {
    async fn new() -> Self {
        let (mut stack, smtp, sms) = (Stack::new().await, Smtp::start(), Provider::start().await);
        stack.channels.email = Some(smtp.channel());
        stack.channels.sms = Some(sms.channel(Some(&format!("{PUBLIC}/webhooks/sms"))));
        stack.channels.public_url = Some(PUBLIC.parse().unwrap());
        run(&stack, "update app.tenants set channels = '{whatsapp,sms,email}', reply_to = 'contato@lua.example'").await;
        Self { stack, smtp, sms }
    }

    /// Lets what waits for its time happen now, as `queue.maintain` would.
    async fn tend(&self) {
        run(&self.stack, "select queue.tend_channels()").await;
    }

    /// How many of this customer's messages went by WhatsApp, SMS and e-mail.
    fn got(&self, phone: &str, mail: &str) -> (usize, usize, usize) {
        let whatsapp = self.stack.sim.chat(SALON, phone).len();
        let sms = self.sms.accepted().iter().filter(|sent| sent.to == phone).count();
        let mails = self.smtp.mails().iter().filter(|sent| sent["to"] == json!([mail])).count();
        (whatsapp, sms, mails)
    }
}

async fn run(stack: &Stack, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&stack.db.owner).await.unwrap();
}

fn thursday_at_three() -> DateTime<Utc> {
    "2026-03-12T18:00:00Z".parse().unwrap()
}

/// A cut with Ana, as staff would write it into the database.
async fn book(stack: &Stack, phone: &str, mail: Option<&str>, hours_later: i32) -> Uuid {
    let tenant = stack.tenant(SALON).await;
    sqlx::query_scalar(
        "with c as (insert into app.customers (tenant_id, phone, name, email) values ($1, $2, 'Marina', $3) returning id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select $1, c.id, (select id from app.services where tenant_id = $1 and key = 'corte'),
                (select id from app.staff where tenant_id = $1 and key = 'ana'),
                $4 + make_interval(hours => $5), 'confirmed' from c returning id",
    )
    .bind(tenant)
    .bind(phone)
    .bind(mail)
    .bind(thursday_at_three())
    .bind(hours_later)
    .fetch_one(&stack.db.owner)
    .await
    .unwrap()
}

/// `channel: status, reason` of everything told, in the order in which it was tried.
async fn told(stack: &Stack) -> Vec<String> {
    sqlx::query_scalar(
        "select channel || ': ' || status || coalesce(', ' || reason, '')
           from app.booking_notifications order by id",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap()
}

/// Waits for a condition that is read from the database.
async fn until(stack: &Stack, sql: &'static str) {
    let looked = async {
        while !stack.value::<bool>(sql).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let looked = tokio::time::timeout(PATIENCE, looked).await;
    assert!(looked.is_ok(), "{sql}: {:#?} {:#?}", told(stack).await, stack.jobs().await);
}

#[tokio::test]
async fn whoever_is_not_on_whatsapp_gets_the_sms_and_whoever_has_neither_the_mail_each_once() {
    let mut world = World::new().await;
    let (none, landline) = ("+5511977776666", "+5511933332222");
    for number in [none, landline] {
        world.stack.sim.set_number(number, false);
    }
    book(&world.stack, MARINA, Some("marina@example.com"), 0).await;
    book(&world.stack, none, Some("none@example.com"), 1).await;
    world.stack.work();
    world.stack.settle().await;
    world.sms.set_fault(Fault::Refused(21_614));
    book(&world.stack, landline, Some("landline@example.com"), 2).await;
    world.stack.settle().await;

    assert_eq!(world.got(MARINA, "marina@example.com"), (1, 0, 0));
    assert_eq!(world.got(none, "none@example.com"), (0, 1, 0));
    assert_eq!(world.got(landline, "landline@example.com"), (0, 0, 1));
    let text = world.sms.accepted()[0].body.clone();
    assert!(
        text.starts_with("Studio Lua: o seu horário está confirmado: quinta-feira, 12 de março"),
        "{text}"
    );
    assert!(!text.contains("1 "), "nobody answers an SMS with a digit: {text}");

    let mail = &world.smtp.mails()[0];
    let headers = &mail["headers"];
    assert_eq!(headers["subject"], "Confirmado: quinta-feira, 12 de março, 17h00");
    assert_eq!(headers["from"], format!("Studio Lua <{FROM}>"));
    assert_eq!(headers["reply-to"], "Studio Lua <contato@lua.example>");
    assert!(
        mail["plain"].as_str().unwrap().contains("Olá, Marina!\n\nO seu horário está confirmado."),
        "{mail}"
    );
    assert!(
        mail["html"].as_str().unwrap().contains("<p>O seu horário está confirmado.</p>"),
        "{mail}"
    );
    let file = &mail["files"][0];
    assert_eq!((&file["type"], &file["method"]), (&json!("text/calendar"), &json!("PUBLISH")));
    let calendar: icalendar::Calendar = file["text"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        icalendar::Component::property_value(calendar.events().next().unwrap(), "DTSTART"),
        Some("20260312T200000Z")
    );

    assert_eq!(world.stack.violations().await, [json!(null); 0]);
    let failed: i64 = world
        .stack
        .value("select count(*) from app.scheduled_notifications where status = 'failed'")
        .await;
    assert_eq!(failed, 0);
    let report: Vec<String> = sqlx::query_scalar(
        "select channel || ' ' || status from ops.notification_delivery
          where event = 'confirmed' order by created_at, at, outbound_message_id",
    )
    .fetch_all(&world.stack.db.owner)
    .await
    .unwrap();
    assert_eq!(report.iter().filter(|line| *line == "whatsapp failed").count(), 2, "{report:?}");
    assert_eq!(report.iter().filter(|line| *line == "sms sent").count(), 1, "{report:?}");
    assert_eq!(report.iter().filter(|line| *line == "email sent").count(), 1, "{report:?}");
}

#[tokio::test]
async fn a_send_whose_answer_was_lost_is_looked_up_or_repeated_as_the_same_mail() {
    let mut world = World::new().await;
    world.stack.sim.set_number(MARINA, false);
    world.sms.set_fault(Fault::SentThenLost);
    book(&world.stack, MARINA, None, 0).await;
    world.stack.work();
    until(&world.stack, "select exists (select from app.outbound_messages where channel = 'sms' and status = 'sent')").await;
    assert_eq!(world.sms.asked(), (1, 1), "found, and not sent again");
    let provider: String = world
        .stack
        .value("select provider_id from app.outbound_messages where channel = 'sms'")
        .await;
    assert_eq!(provider, world.sms.accepted()[0].sid);

    run(&world.stack, "update app.tenants set channels = '{email}'").await;
    world.smtp.set_mode("lose");
    book(&world.stack, "+5511977776666", Some("marina@example.com"), 1).await;
    until(
        &world.stack,
        "select exists (select from app.outbound_messages where channel = 'email' and doubts > 0)",
    )
    .await;
    world.smtp.set_mode("");
    until(&world.stack, "select exists (select from app.outbound_messages where channel = 'email' and status = 'sent')").await;
    let mails = world.smtp.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0]["headers"]["message-id"], mails[1]["headers"]["message-id"]);
    assert_eq!(mails[0]["plain"], mails[1]["plain"]);
}

#[tokio::test]
async fn a_worker_that_dies_while_it_sends_leaves_one_sms_behind() {
    let mut world = World::new().await;
    run(&world.stack, "update app.tenants set channels = '{sms}'").await;
    book(&world.stack, MARINA, None, 0).await;
    // Another process took it, sent it, and died before it could say so.
    let tenant = world.stack.tenant(SALON).await;
    let (message, text) = dead_worker(&world, tenant).await;
    let provider = world.sms.channel(None);
    let envelope = Envelope {
        id: message,
        tenant_id: tenant,
        to: MARINA.to_owned(),
        from_name: String::new(),
        reply_to: None,
        subject: String::new(),
        text,
        calendar: None,
        unsubscribe: None,
        created_at: world.stack.clock.now(),
    };
    provider.send(&envelope).await.unwrap();
    run(&world.stack, "delete from apalis.jobs where job_type = 'deliver_messages';
                       update app.outbound_messages set lease_until = now() - interval '10 years', due_at = now() - interval '10 years'").await;
    world.stack.work();
    world.tend().await;
    world.stack.settle().await;
    assert_eq!(world.sms.accepted().len(), 1, "{:?}", told(&world.stack).await);
    assert_eq!(told(&world.stack).await, ["sms: sent"]);
}

async fn dead_worker(world: &World, tenant: Uuid) -> (Uuid, String) {
    let text = "Studio Lua: o seu horário está confirmado".to_owned();
    let now = world.stack.clock.now();
    let mut db = pontual::db::TenantTx::begin(&world.stack.pool, tenant, now).await.unwrap();
    let message: Uuid = sqlx::query_scalar("select id from app.outbound_messages")
        .fetch_one(db.conn())
        .await
        .unwrap();
    let taken: Value =
        sqlx::query_scalar("select app.take_direct($1, 'a job that died', '90 seconds')")
            .bind(message)
            .fetch_one(db.conn())
            .await
            .unwrap();
    assert_eq!(taken["outcome"], "send", "{taken}");
    let begun: bool =
        sqlx::query_scalar("select app.begin_send($1, 'a job that died', $2, '90 seconds')")
            .bind(message)
            .bind(&text)
            .fetch_one(db.conn())
            .await
            .unwrap();
    assert!(begun);
    db.commit().await.unwrap();
    (message, text)
}

#[tokio::test]
async fn an_instance_that_is_down_too_long_is_not_waited_for_and_does_not_say_it_again() {
    let mut world = World::new().await;
    world.stack.sim.set_fault(GatewayFault::of_sends(SendFault::Closed));
    book(&world.stack, MARINA, None, 0).await;
    world.stack.work();
    until(&world.stack, "select attempts = 0 and error is not null from app.outbound_messages")
        .await;
    assert_eq!(world.sms.accepted().len(), 0, "not at once");
    let wait: f64 = world.stack.value("select extract(epoch from fallback_at - created_at)::float8 from app.outbound_messages").await;
    assert!((599.0..601.0).contains(&wait), "{wait}");
    run(&world.stack, "update app.outbound_messages set fallback_at = '2000-01-01'").await;
    world.tend().await;
    until(&world.stack, "select exists (select from app.outbound_messages where channel = 'sms' and status = 'sent')").await;
    world.stack.sim.clear_fault();
    world.stack.settle().await;
    assert_eq!(world.got(MARINA, ""), (0, 1, 0));
    assert_eq!(
        told(&world.stack).await,
        ["whatsapp: failed, not sent in time; then by sms", "sms: sent"]
    );
}

#[tokio::test]
async fn what_whatsapp_never_confirms_goes_by_sms_and_a_late_word_of_it_changes_nothing_more() {
    let mut world = World::new().await;
    world.stack.sim.set_fault(GatewayFault::of_sends(SendFault::NoAck));
    book(&world.stack, MARINA, None, 0).await;
    world.stack.work();
    until(&world.stack, "select exists (select from app.outbound_messages where status = 'sent')")
        .await;
    run(
        &world.stack,
        "update app.outbound_messages set fallback_at = '2000-01-01' where fallback_at is not null",
    )
    .await;
    world.tend().await;
    until(&world.stack, "select exists (select from app.outbound_messages where channel = 'sms' and status = 'sent')").await;
    let provider: String = world
        .stack
        .value("select provider_id from app.outbound_messages where channel = 'whatsapp'")
        .await;
    let late = json!({ "event": "messages.update", "instance": SALON,
        "data": { "keyId": provider, "remoteJid": "5511988887777@s.whatsapp.net", "fromMe": true, "status": "READ" } });
    let (status, _) = world.stack.deliver(late.to_string()).await;
    assert_eq!(status, 200);
    until(
        &world.stack,
        "select status = 'read' from app.outbound_messages where channel = 'whatsapp'",
    )
    .await;
    world.tend().await;
    world.stack.settle().await;
    assert_eq!(world.sms.accepted().len(), 1);
    let told = told(&world.stack).await;
    assert!(told[0].starts_with("whatsapp: read"), "{told:?}");
    assert_eq!((told.len(), told[1].as_str()), (2, "sms: sent"));
}

#[tokio::test]
async fn an_sms_that_waits_is_not_sent_once_whatsapp_has_confirmed_the_message() {
    let mut world = World::new().await;
    world.stack.sim.set_fault(GatewayFault::of_sends(SendFault::NoAck));
    book(&world.stack, MARINA, None, 0).await;
    world.stack.work();
    until(&world.stack, "select exists (select from app.outbound_messages where status = 'sent')")
        .await;
    world.stack.stop_working().await;
    run(
        &world.stack,
        "update app.outbound_messages set fallback_at = '2000-01-01' where fallback_at is not null",
    )
    .await;
    world.tend().await;
    let tenant = world.stack.tenant(SALON).await;
    let now = world.stack.clock.now();
    let mut db = pontual::db::TenantTx::begin(&world.stack.pool, tenant, now).await.unwrap();
    sqlx::query("select app.apply_status(id, 'delivered', app.now()) from app.outbound_messages where channel = 'whatsapp'")
        .execute(db.conn()).await.unwrap();
    db.commit().await.unwrap();
    world.stack.work();
    world.stack.settle().await;
    assert_eq!(world.sms.accepted().len(), 0);
    assert!(
        told(&world.stack).await.contains(&"sms: skipped, confirmed meanwhile".to_owned()),
        "{:?}",
        told(&world.stack).await
    );
}

#[tokio::test]
async fn what_whatsapp_takes_back_goes_by_sms() {
    let mut world = World::new().await;
    world.stack.sim.set_fault(GatewayFault::of_sends(SendFault::AckError));
    book(&world.stack, MARINA, None, 0).await;
    world.stack.work();
    until(&world.stack, "select exists (select from app.outbound_messages where channel = 'sms' and status = 'sent')").await;
    world.stack.settle().await;
    assert_eq!(world.sms.accepted().len(), 1);
}

#[tokio::test]
async fn what_is_said_in_a_conversation_stays_there() {
    let mut world = World::new().await;
    world.stack.work();
    world.stack.say(SALON, MARINA, "Oi").await;
    world.stack.sim.set_fault(GatewayFault::of_sends(SendFault::UnknownNumber));
    world.stack.sim.customer_writes(SALON, MARINA, "Marina", "corte").await.unwrap();
    until(&world.stack, "select exists (select from ops.failed_messages)").await;
    world.tend().await;
    world.stack.settle().await;
    let others: i64 = world
        .stack
        .value("select count(*) from app.outbound_messages where channel <> 'whatsapp'")
        .await;
    assert_eq!(others, 0);
}

#[tokio::test]
async fn a_message_that_no_channel_takes_is_a_dead_letter_with_every_reason() {
    let mut world = World::new().await;
    world.stack.sim.set_number(MARINA, false);
    world.sms.set_fault(Fault::Refused(30_003));
    world.smtp.set_mode("refuse");
    book(&world.stack, MARINA, Some("marina@example.com"), 0).await;
    world.stack.work();
    world.stack.settle().await;
    assert_eq!(
        told(&world.stack).await,
        [
            "whatsapp: failed, refused: the number is not on WhatsApp; then by sms",
            "sms: failed, refused: nobody can be reached at this address; then by email",
            "email: failed, refused: nobody can be reached at this address",
        ]
    );
    let dead: String =
        world.stack.value("select string_agg(error, '; ') from ops.failed_messages").await;
    assert_eq!(dead, "refused: nobody can be reached at this address", "the last of them");
}

#[tokio::test]
async fn a_tenants_own_texts_are_said_and_a_private_one_keeps_the_service_to_itself() {
    let mut world = World::new().await;
    let api = Api::of(&world.stack, SALON).await;
    let path = "/templates/sms/pt/booking_confirmed";
    let put = |text: &'static str| api.send(Method::PUT, path, Some(json!({ "text": text })), &[]);
    let refused = put("Até breve, {nickname}!").await;
    assert_eq!(refused.problem().0, 422, "{refused:?}");
    assert!(refused.text.contains("{nickname}") && refused.text.contains("{when}"), "{refused:?}");
    let own = put("Marcado: {when} {at}. {code}").await;
    assert_eq!((own.status, &own.body["own"]), (200, &json!(true)));
    let trial = json!({ "channel": "sms", "language": "pt", "key": "booking_confirmed" });
    let seen = api.post("/templates/preview", trial).await;
    assert_eq!(seen.body["text"], "Marcado: Amanhã, quinta-feira, 12 de março às 15h. K7F2A");

    run(&world.stack, "update app.tenants set channels = '{sms}'").await;
    book(&world.stack, MARINA, None, 0).await;
    world.stack.work();
    world.stack.settle().await;
    let text = world.sms.accepted()[0].body.clone();
    assert!(text.starts_with("Marcado: Quinta-feira, 12 de março às 15h."), "{text}");
    assert_eq!(api.send(Method::DELETE, path, None, &[]).await.status, 204);

    run(&world.stack, "update app.tenants set channels = '{email}', privacy = true").await;
    book(&world.stack, "+5511977776666", Some("marina@example.com"), 1).await;
    world.stack.settle().await;
    let mail = world.smtp.mails().remove(0).to_string();
    assert!(!mail.contains("Corte") && !mail.contains("corte") && !mail.contains("Ana"), "{mail}");
    assert!(mail.contains("BEGIN:VEVENT"), "{mail}");
}

#[tokio::test]
async fn a_booking_by_api_brings_the_address_and_the_report_tells_what_became_of_it() {
    let mut world = World::new().await;
    run(&world.stack, "update app.tenants set channels = '{email}'").await;
    let api = Api::of(&world.stack, SALON).await;
    let body = |mail: &str| {
        json!({ "service": "corte", "starts_at": "2026-03-12T15:00:00-03:00",
                "customer": { "phone": MARINA, "name": "Marina", "email": mail, "marketing_consent": true } })
    };
    let refused = api.post("/bookings", body("marina")).await;
    assert_eq!(refused.problem().0, 422);
    assert!(refused.text.contains("customer.email"), "{refused:?}");
    let made = api.post("/bookings", body("marina@example.com")).await;
    assert_eq!(made.status, 201, "{made:?}");
    let consent: bool =
        world.stack.value("select marketing_consent_at is not null from app.customers").await;
    assert!(consent);
    world.stack.work();
    world.stack.settle().await;
    assert_eq!(world.smtp.mails().len(), 1);

    let report = api.get("/notifications").await;
    let lines: Vec<_> = report.body["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            format!("{} {} {}", line["event"], line["channel"], line["status"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        lines,
        [
            "confirmed email sent",
            "reminder_24h null planned",
            "reminder_1h null planned",
            "reminder_15m null planned"
        ]
    );
    assert_eq!(report.body["summary"]["statuses"], json!({ "planned": 3, "sent": 1 }));
    assert_eq!(report.body["summary"]["channels"], json!({ "email": 1 }));
    let page = api.get("/notifications?status=planned&limit=2").await;
    assert_eq!(page.body["notifications"].as_array().unwrap().len(), 2);
    let next = format!(
        "/notifications?status=planned&limit=2&cursor={}",
        page.body["next_cursor"].as_str().unwrap()
    );
    let rest = api.get(&next).await;
    assert_eq!(
        (rest.body["notifications"].as_array().unwrap().len(), &rest.body["next_cursor"]),
        (1, &Value::Null)
    );
    let long = api.get("/notifications?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z").await;
    assert_eq!(long.problem().0, 422);
}
