//! The plan follows the tenant's rules, whoever changes what; and what is planned is looked at again
//! when it leaves.

mod killed;

use chrono::{DateTime, TimeDelta, Utc};
use pontual::clock::Clock;
use pontual::db::TenantTx;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use crate::support::stack::{PATIENCE, Stack, tuesday_at_ten};

const SALON: &str = "studio-lua";
const MARINA: &str = "+5511988887777";

async fn run(stack: &Stack, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&stack.db.owner).await.unwrap();
}

/// A cut with Ana for a new customer, as plain SQL.
async fn book(stack: &Stack, phone: &str, starts_at: DateTime<Utc>) -> Uuid {
    let tenant = stack.tenant(SALON).await;
    sqlx::query_scalar(
        "with c as (insert into app.customers (tenant_id, phone, name) values ($1, $2, 'Marina')
                    on conflict on constraint customers_phone_is_unique do update set name = 'Marina' returning id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select $1, c.id, (select id from app.services where tenant_id = $1 and key = 'corte'),
                (select id from app.staff where tenant_id = $1 and key = 'ana'), $3, 'confirmed' from c returning id",
    )
    .bind(tenant)
    .bind(phone)
    .bind(starts_at)
    .fetch_one(&stack.db.owner)
    .await
    .unwrap()
}

/// `kind: status, reason` of every reminder, by kind.
async fn plan(stack: &Stack) -> Vec<String> {
    sqlx::query_scalar(
        "select kind || ': ' || status || coalesce(', ' || reason, '') from app.scheduled_notifications
          where booking_id is not null order by due_at, kind",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap()
}

/// Waits until a worker has planned everything anew.
async fn replanned(stack: &Stack) {
    let done = async {
        while stack.value::<i64>("select count(*) from app.replans where done_at is null").await > 0
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.expect("planned anew");
    stack.settle().await;
}

/// The last text that a customer got.
async fn told(stack: &Stack) -> String {
    stack.settle().await;
    stack.sim.chat(SALON, MARINA).pop().unwrap().text
}

#[tokio::test]
async fn a_changed_list_changes_the_plan_of_every_booking_ahead() {
    let mut stack = Stack::new().await;
    stack.work().work();
    book(&stack, MARINA, tuesday_at_ten() + TimeDelta::days(3)).await;
    run(&stack, "update app.tenants set reminders = '{48:00:00,01:00:00}'").await;
    replanned(&stack).await;
    assert_eq!(
        plan(&stack).await,
        [
            "reminder_48h: planned",
            "reminder_24h: cancelled, no longer wanted",
            "reminder_1h: planned",
            "reminder_15m: cancelled, no longer wanted",
        ]
    );
    run(&stack, "update app.tenants set reminders = '{24:00:00,00:15:00}'").await;
    replanned(&stack).await;
    assert_eq!(
        plan(&stack).await,
        [
            "reminder_48h: cancelled, no longer wanted",
            "reminder_24h: planned",
            "reminder_1h: cancelled, no longer wanted",
            "reminder_15m: planned",
        ]
    );
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;
}

#[tokio::test]
async fn quiet_hours_and_zone_move_what_is_planned() {
    let mut stack = Stack::new().await;
    stack.work();
    // Friday at 21:30 in São Paulo.
    let starts_at = tuesday_at_ten() + TimeDelta::hours(83) + TimeDelta::minutes(30);
    book(&stack, MARINA, starts_at).await;
    let due = "select due_at from app.scheduled_notifications where kind = 'reminder_24h'";
    let evening: DateTime<Utc> = stack.value(due).await;
    assert_eq!(evening, starts_at - TimeDelta::hours(24) - TimeDelta::minutes(31), "20:59");
    run(&stack, "update app.tenants set quiet_from = null, quiet_until = null").await;
    replanned(&stack).await;
    assert_eq!(stack.value::<DateTime<Utc>>(due).await, starts_at - TimeDelta::hours(24));
    run(&stack, "update app.tenants set quiet_from = '21:00', quiet_until = '08:00', timezone = 'America/Manaus' where slug = 'studio-lua'").await;
    replanned(&stack).await;
    let there: DateTime<Utc> = stack.value(due).await;
    assert_eq!(there, starts_at - TimeDelta::hours(24), "20:30 in Manaus");
    stack.stop_working().await;
}

#[tokio::test]
async fn reminders_that_are_switched_off_are_not_sent_and_come_back_when_switched_on() {
    let mut stack = Stack::new().await;
    stack.work();
    book(&stack, MARINA, tuesday_at_ten() + TimeDelta::days(3)).await;
    stack.settle().await;
    let before = stack.sim.sent().len();
    run(&stack, "update app.feature_flags set enabled = false where flag = 'reminders'").await;
    replanned(&stack).await;
    assert!(plan(&stack).await.iter().all(|row| row.ends_with("skipped, reminders are off")));
    // One booked meanwhile is not reminded of either, and neither is one that slipped through.
    book(&stack, MARINA, tuesday_at_ten() + TimeDelta::days(4)).await;
    run(&stack, "update app.scheduled_notifications set status = 'planned', reason = null, due_at = app.now() where kind = 'reminder_1h'").await;
    let outcomes = fire_all(&stack).await;
    assert_eq!(outcomes, ["skipped", "skipped"]);
    run(&stack, "update app.feature_flags set enabled = true where flag = 'reminders'").await;
    replanned(&stack).await;
    let planned = plan(&stack).await.iter().filter(|row| row.ends_with("planned")).count();
    assert_eq!(planned, 6, "{:?}", plan(&stack).await);
    assert_eq!(stack.sim.sent().len(), before + 1, "the second confirmation alone");
    stack.stop_working().await;
}

/// Fires whatever is due, as its jobs do.
async fn fire_all(stack: &Stack) -> Vec<String> {
    let tenant = stack.tenant(SALON).await;
    let mut db = TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
    let outcomes = sqlx::query_scalar(
        "select app.fire_reminder(id) from app.scheduled_notifications where status = 'planned' and due_at <= app.now() order by due_at",
    )
    .fetch_all(db.conn())
    .await
    .unwrap();
    db.commit().await.unwrap();
    outcomes
}

#[tokio::test]
async fn a_reminder_that_is_late_waits_for_the_end_of_the_quiet_hours() {
    let mut stack = Stack::new().await;
    // Thursday at 14:00; its reminder of 14:00 on Wednesday.
    let starts_at = tuesday_at_ten() + TimeDelta::hours(52);
    book(&stack, MARINA, starts_at).await;
    run(&stack, "update app.tenants set quiet_from = '21:00', quiet_until = '08:00'").await;
    // No worker until Wednesday at 23:00.
    let night = tuesday_at_ten() + TimeDelta::hours(37);
    stack.restart_at(Clock::starting_at(night)).await;
    assert_eq!(fire_all(&stack).await, ["early"]);
    let due: DateTime<Utc> = stack
        .value("select due_at from app.scheduled_notifications where kind = 'reminder_24h'")
        .await;
    assert_eq!(due, night + TimeDelta::hours(9), "Thursday at 08:00");
    // One that waited in the outbox until then waits on in the plan.
    run(
        &stack,
        "update app.scheduled_notifications set due_at = app.now() where kind = 'reminder_24h'",
    )
    .await;
    run(&stack, "update app.tenants set quiet_from = null, quiet_until = null").await;
    assert_eq!(fire_all(&stack).await, ["sent"]);
    run(&stack, "update app.tenants set quiet_from = '21:00', quiet_until = '08:00'").await;
    stack.work();
    replanned(&stack).await;
    let row: (String, DateTime<Utc>, Option<Uuid>) = sqlx::query_as(
        "select status, due_at, outbound_message_id from app.scheduled_notifications where kind = 'reminder_24h'",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(row, ("planned".to_owned(), night + TimeDelta::hours(9), None));
    stack.restart_at(Clock::starting_at(night + TimeDelta::hours(9) + TimeDelta::seconds(5))).await;
    let sent = async {
        while stack.sim.sent().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, sent).await.expect("the reminder, in the morning");
    stack.settle().await;
    let sent = stack.sim.sent();
    assert!(sent[0].text.contains("Hoje") && sent.len() == 1, "{sent:?}");
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;
}

#[tokio::test]
async fn each_event_is_noted_once_and_told_as_the_tenant_wants() {
    let mut stack = Stack::new().await;
    stack.work();
    run(&stack, "update app.tenants set quiet_from = null, quiet_until = null, tell_events = '{arrived,completed}'").await;
    let booking = book(&stack, MARINA, tuesday_at_ten() + TimeDelta::minutes(10)).await;
    stack.settle().await;
    run(
        &stack,
        "begin; select set_config('app.actor', 'customer:' || customer_id, true) from app.bookings;
                 update app.bookings set starts_at = starts_at + '5 minutes'; commit",
    )
    .await;
    assert!(told(&stack).await.starts_with("Horário mudado, como pedido: agora terça-feira"));
    run(&stack, "update app.bookings set status = 'arrived'").await;
    assert_eq!(told(&stack).await, "Boas-vindas! A equipe já sabe da sua chegada.");
    run(&stack, "update app.bookings set status = 'completed'").await;
    assert!(told(&stack).await.starts_with("Agradecemos a sua visita!"));
    let other = book(&stack, MARINA, tuesday_at_ten() + TimeDelta::hours(26)).await;
    stack.settle().await;
    run(&stack, "update app.bookings set status = 'cancelled', cancel_reason = 'by the customer' where status = 'confirmed'").await;
    assert!(told(&stack).await.starts_with("Cancelado, como pedido: quarta-feira"));
    let third = book(&stack, MARINA, tuesday_at_ten() + TimeDelta::hours(27)).await;
    stack.settle().await;
    run(&stack, "update app.bookings set status = 'no_show' where status = 'confirmed'").await;
    stack.settle().await;
    let events: Vec<(Uuid, String, String, Option<String>)> = sqlx::query_as(
        "select booking_id, event, case when status in ('sent', 'delivered', 'read') then 'told' else status end, reason
           from app.booking_notifications where event not like 'reminder%' order by created_at, id",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    let events: Vec<_> = events
        .iter()
        .map(|(id, event, status, why)| (*id, event.as_str(), status.as_str(), why.as_deref()))
        .collect();
    assert_eq!(
        events,
        [
            (booking, "confirmed", "told", None),
            (booking, "moved", "told", None),
            (booking, "arrived", "told", None),
            (booking, "completed", "told", None),
            (other, "confirmed", "told", None),
            (other, "cancelled", "told", None),
            (third, "confirmed", "told", None),
            (third, "no_show", "skipped", Some("not told by default")),
        ]
    );
    stack.stop_working().await;
}

#[tokio::test]
async fn thanks_wait_for_the_morning_and_nobody_is_thanked_for_last_week() {
    let mut stack = Stack::new().await;
    run(&stack, "update app.tenants set quiet_from = '21:00', quiet_until = '08:00', tell_events = '{completed}'").await;
    book(&stack, MARINA, tuesday_at_ten() + TimeDelta::hours(10)).await;
    // Tuesday at 22:00.
    let night = tuesday_at_ten() + TimeDelta::hours(12);
    stack.restart_at(Clock::starting_at(night)).await;
    stack.work();
    stack.settle().await;
    let before = stack.sim.sent().len();
    run(
        &stack,
        "update app.bookings set status = 'arrived'; update app.bookings set status = 'completed'",
    )
    .await;
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), before);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack
        .restart_at(Clock::starting_at(night + TimeDelta::hours(10) + TimeDelta::seconds(5)))
        .await;
    let thanked = stack.sim.wait_for_reply(SALON, MARINA, "", PATIENCE).await.unwrap();
    assert!(thanked.text.starts_with("Agradecemos"), "{}", thanked.text);
    stack.settle().await;
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select event, case when status = 'skipped' then status else 'told' end from app.booking_notifications where event = 'completed'",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(rows, [("completed".to_owned(), "told".to_owned())]);

    book(&stack, MARINA, night - TimeDelta::days(7)).await;
    run(&stack, "update app.bookings set status = 'completed' where status = 'confirmed'").await;
    let reason: String =
        stack.value("select reason from app.booking_notifications where event = 'completed' and status = 'skipped'").await;
    assert_eq!(reason, "it is long over");
    stack.stop_working().await;
}

#[tokio::test]
async fn opting_out_takes_consent_back_and_opting_in_does_not_give_it() {
    let stack = Stack::new().await;
    book(&stack, MARINA, tuesday_at_ten() + TimeDelta::days(1)).await;
    run(&stack, "update app.customers set marketing_consent_at = app.now()").await;
    run(&stack, "update app.customers set opted_out_at = app.now()").await;
    run(&stack, "update app.customers set opted_out_at = null").await;
    let consents: i64 = stack
        .value("select count(*) from app.customers where marketing_consent_at is not null")
        .await;
    assert_eq!(consents, 0);
}

#[tokio::test]
async fn promotion_walks_an_index_whatever_the_plan_holds() {
    let stack = Stack::new().await;
    book(&stack, MARINA, tuesday_at_ten() + TimeDelta::days(2)).await;
    run(
        &stack,
        "set session_replication_role = replica;
         insert into app.scheduled_notifications (tenant_id, booking_id, kind, before, due_at, expires_at, revision)
         select b.tenant_id, b.id, 'reminder_1h', '1 hour', app.now() + n * interval '1 minute', app.now() + n * interval '1 minute', n
           from app.bookings b, generate_series(100, 50000) n;
         reset session_replication_role;
         analyze app.scheduled_notifications",
    )
    .await;
    let text: String =
        stack.value("select prosrc from pg_proc where proname = 'promote_reminders'").await;
    let query = text.split("with due as (").nth(1).unwrap().split("), promoted").next().unwrap();
    let query = query.replace("horizon", "interval '1 hour'").replace("most", "1000");
    let mut db = stack.db.owner.begin().await.unwrap();
    sqlx::raw_sql("set local role pontual_definer").execute(&mut *db).await.unwrap();
    let plan =
        sqlx::raw_sql(AssertSqlSafe(format!("explain {query}"))).fetch_all(&mut *db).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("scheduled_notifications_due")), "{plan:#?}");
    assert!(
        !plan.iter().any(|line| line.contains("Sort") || line.contains("Seq Scan")),
        "{plan:#?}"
    );
}
