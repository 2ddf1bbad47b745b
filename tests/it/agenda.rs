//! What recurs: the agenda of the day for staff, and invitations to customers whose visit is long
//! ago.

use chrono::{DateTime, TimeDelta, Utc};
use pontual::clock::Clock;
use serde_json::Value;
use uuid::Uuid;

use crate::support::stack::{PATIENCE, Stack, tuesday_at_ten};

const SALON: &str = "studio-lua";
const ANA: &str = "+5511911112222";

async fn run(stack: &Stack, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&stack.db.owner).await.unwrap();
}

/// Ana gets her agenda at half past seven.
async fn with_agenda(stack: &Stack) {
    run(stack, "update app.staff set phone = '+5511911112222', agenda = '07:30' where key = 'ana' and tenant_id = app.tenant_named('studio-lua')").await;
}

/// A cut with Ana, confirmed, for somebody of this name.
async fn book(stack: &Stack, name: Option<&str>, phone: &str, starts_at: DateTime<Utc>) -> Uuid {
    let tenant = stack.tenant(SALON).await;
    sqlx::query_scalar(
        "with c as (insert into app.customers (tenant_id, phone, name) values ($1, $2, $3) returning id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select $1, c.id, (select id from app.services where tenant_id = $1 and key = 'corte'),
                (select id from app.staff where tenant_id = $1 and key = 'ana'), $4, 'confirmed' from c returning id",
    )
    .bind(tenant)
    .bind(phone)
    .bind(name)
    .bind(starts_at)
    .fetch_one(&stack.db.owner)
    .await
    .unwrap()
}

/// Wednesday 11 March at this local time in São Paulo, some seconds later.
fn wednesday(hour: i64, minute: i64) -> DateTime<Utc> {
    tuesday_at_ten() + TimeDelta::minutes((hour + 14) * 60 + minute) + TimeDelta::seconds(5)
}

/// The status, reason and local time of every agenda, in order.
async fn agendas(stack: &Stack) -> Vec<String> {
    sqlx::query_scalar(
        "select to_char(due_at at time zone 'America/Sao_Paulo', 'DD HH24:MI ') || status || coalesce(', ' || reason, '')
           from app.scheduled_notifications where kind = 'agenda' order by due_at, created_at",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap()
}

/// Waits until no agenda is due.
async fn agenda_is_done(stack: &Stack) {
    let done = async {
        while stack
            .value::<i64>("select count(*) from app.scheduled_notifications where staff_id is not null and status = 'planned' and due_at <= app.now()")
            .await
            > 0
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.expect("the agenda");
    stack.settle().await;
}

#[tokio::test]
async fn the_agenda_of_the_day_comes_each_morning_once_whatever_number_of_workers() {
    let mut stack = Stack::new().await;
    with_agenda(&stack).await;
    book(&stack, None, "+5511977770003", wednesday(16, 0) - TimeDelta::seconds(5)).await;
    book(
        &stack,
        Some("Rita Maria de Souza"),
        "+5511977770001",
        wednesday(9, 45) - TimeDelta::seconds(5),
    )
    .await;
    let cancelled =
        book(&stack, Some("João"), "+5511977770002", wednesday(11, 0) - TimeDelta::seconds(5))
            .await;
    // Tomorrow is another day.
    book(&stack, Some("Eva"), "+5511977770004", wednesday(9, 0) + TimeDelta::hours(24)).await;
    sqlx::query("update app.bookings set status = 'cancelled' where id = $1")
        .bind(cancelled)
        .execute(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(agendas(&stack).await, ["11 07:30 planned"]);
    stack.restart_at(Clock::starting_at(wednesday(7, 30))).await;
    stack.work().work().work();
    let agenda = stack.sim.wait_for_reply(SALON, ANA, "", PATIENCE).await.unwrap().text;
    agenda_is_done(&stack).await;
    let code: String = stack.value("select b.code from app.bookings b join app.customers c on c.id = b.customer_id where c.name is null and b.customer_id = c.id and b.status = 'confirmed'").await;
    assert_eq!(
        agenda,
        format!("Hoje, quarta-feira, 11 de março:\n9h45 Corte, Rita\n16h00 Corte, {code}")
    );
    assert_eq!(stack.sim.chat(SALON, ANA).len(), 1);
    assert_eq!(agendas(&stack).await, ["11 07:30 sent", "12 07:30 planned"]);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;
}

#[tokio::test]
async fn a_tenant_that_keeps_services_to_itself_keeps_them_out_of_the_agenda() {
    let mut stack = Stack::new().await;
    with_agenda(&stack).await;
    run(&stack, "update app.tenants set privacy = true").await;
    book(&stack, Some("Rita Souza"), "+5511977770001", wednesday(9, 45) - TimeDelta::seconds(5))
        .await;
    stack.restart_at(Clock::starting_at(wednesday(7, 30))).await;
    stack.work();
    let agenda = stack.sim.wait_for_reply(SALON, ANA, "", PATIENCE).await.unwrap().text;
    assert_eq!(agenda, "Hoje, quarta-feira, 11 de março:\n9h45 Rita");
    stack.settle().await;
    stack.stop_working().await;
}

#[tokio::test]
async fn of_agendas_missed_in_an_outage_only_one_of_use_is_sent() {
    let mut stack = Stack::new().await;
    with_agenda(&stack).await;
    for day in 0..4_i32 {
        let phone = format!("+551197777000{day}");
        book(&stack, Some("Rita"), &phone, wednesday(14, 0) + TimeDelta::days(day.into())).await;
    }
    // Back on Friday, soon enough for that day; and again on Saturday after it would be of use.
    stack.restart_at(Clock::starting_at(wednesday(8, 0) + TimeDelta::days(2))).await;
    stack.work().work();
    let agenda = stack.sim.wait_for_reply(SALON, ANA, "", PATIENCE).await.unwrap().text;
    assert!(agenda.starts_with("Hoje, sexta-feira, 13 de março:"), "{agenda}");
    agenda_is_done(&stack).await;
    assert_eq!(stack.sim.chat(SALON, ANA).len(), 1);
    stack.restart_at(Clock::starting_at(wednesday(11, 40) + TimeDelta::days(3))).await;
    agenda_is_done(&stack).await;
    assert_eq!(
        agendas(&stack).await,
        ["13 07:30 sent", "14 07:30 skipped, too late to be of use", "15 07:30 planned"]
    );
    assert!(stack.sim.chat(SALON, ANA).is_empty());
    stack.stop_working().await;
}

#[tokio::test]
async fn an_agenda_follows_its_row_and_says_nothing_on_an_empty_day() {
    let mut stack = Stack::new().await;
    with_agenda(&stack).await;
    run(&stack, "update app.staff set agenda = '08:15' where agenda is not null").await;
    assert_eq!(agendas(&stack).await, ["11 07:30 cancelled, no longer wanted", "11 08:15 planned"]);
    run(&stack, "update app.tenants set timezone = 'America/Manaus' where slug = 'studio-lua'")
        .await;
    assert_eq!(agendas(&stack).await.last().unwrap(), "11 09:15 planned", "08:15 in Manaus");
    stack.restart_at(Clock::starting_at(wednesday(9, 15))).await;
    stack.work();
    agenda_is_done(&stack).await;
    assert_eq!(
        agendas(&stack).await[2..],
        ["11 09:15 skipped, nothing booked", "12 09:15 planned"]
    );
    run(&stack, "update app.staff set retired_at = app.now() where agenda is not null").await;
    assert_eq!(agendas(&stack).await.last().unwrap(), "12 09:15 cancelled, no longer wanted");
    assert!(stack.sim.sent().is_empty());
    stack.stop_working().await;
}

#[tokio::test]
async fn who_was_here_long_ago_is_invited_once_if_they_want_news_and_have_not_come_back() {
    let mut stack = Stack::new().await;
    run(&stack, "update app.tenants set recall_after = '30 days' where slug = 'studio-lua'").await;
    let wanted =
        ["+5511977770001", "+5511977770002", "+5511977770003", "+5511977770004", "+5511977770005"];
    for (n, phone) in (0..).zip(wanted) {
        book(&stack, Some("Rita"), phone, wednesday(9 + n, 0)).await;
    }
    // In order: wants news; never said so; has opted out; comes again; was never here.
    run(
        &stack,
        "update app.customers set marketing_consent_at = app.now() where phone <> '+5511977770002';
         update app.customers set opted_out_at = app.now() where phone = '+5511977770003';
         update app.bookings b set status = 'completed' from app.customers c where c.id = b.customer_id and c.phone <> '+5511977770005';
         update app.bookings b set status = 'no_show' from app.customers c where c.id = b.customer_id and c.phone = '+5511977770005';
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select b.tenant_id, b.customer_id, b.service_id, b.staff_id, b.starts_at + interval '60 days', 'confirmed'
           from app.bookings b join app.customers c on c.id = b.customer_id where c.phone = '+5511977770004'",
    )
    .await;
    stack.work();
    stack.settle().await;
    for days in [30, 31, 32] {
        stack.restart_at(Clock::starting_at(wednesday(10, 0) + TimeDelta::days(days))).await;
        let done = async {
            while stack
                .value::<i64>("select count(*) from app.scheduled_notifications where kind = 'recall' and status = 'planned' and due_at <= app.now()")
                .await
                > 0
            {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, done).await.expect("the look for customers");
        stack.settle().await;
    }
    let invited: Vec<(String, String)> = sqlx::query_as(
        "select c.phone, o.body from app.outbound_messages o join app.bookings b on b.id = o.booking_id
           join app.customers c on c.id = b.customer_id where o.template = 'recall'",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(invited.len(), 1, "{invited:?}");
    assert_eq!(invited[0].0, wanted[0]);
    assert!(
        invited[0].1.starts_with("Oi, Rita! Aqui é a assistente do Studio Lua."),
        "{invited:?}"
    );
    assert!(invited[0].1.contains("SAIR"));
    let noted: (String, i64) = sqlx::query_as(
        "select min(channel), count(*) from app.booking_notifications where event = 'recall'",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(noted, ("whatsapp".to_owned(), 1));
    stack.stop_working().await;
}
