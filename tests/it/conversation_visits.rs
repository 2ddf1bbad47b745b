//! A visit of several services, talked about on the whole stack: held, confirmed, moved, cancelled
//! and lost as one, with one code, one answer and one plan of reminders.

use chrono::{DateTime, TimeDelta, Utc};
use pontual::clock::Clock;
use serde_json::Value;

use crate::support::stack::Stack;

const MARINA: &str = "+5511988887777";
const SALON: &str = "studio-lua";

/// Saturday 14 March 2026, 9:00 in São Paulo: the first time that is offered below.
fn saturday_at_nine() -> DateTime<Utc> {
    "2026-03-14T12:00:00Z".parse().unwrap()
}

async fn say(stack: &Stack, text: &str) -> String {
    stack.say(SALON, MARINA, text).await
}

/// A cut and a manicure on Saturday at nine, asked about and held.
async fn held() -> Stack {
    let mut stack = Stack::new().await;
    stack.work();
    say(&stack, "corte e manicure no sábado").await;
    let question = say(&stack, "1").await;
    assert!(question.contains("1 Confirmar"), "{question}");
    stack
}

async fn booked() -> Stack {
    let stack = held().await;
    let answer = say(&stack, "1").await;
    assert!(answer.starts_with("Agendado"), "{answer}");
    stack.settle().await;
    stack
}

/// Minutes after Saturday at nine, status and revision of Marina's bookings, by start.
async fn lines(stack: &Stack) -> Vec<(i64, String, i32)> {
    let rows: Vec<(DateTime<Utc>, String, i32)> = sqlx::query_as(
        "select b.starts_at, b.status, b.revision from app.bookings b
           join app.customers c on c.id = b.customer_id
          where c.phone = $1 order by b.starts_at, b.id",
    )
    .bind(MARINA)
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    let since = |at: DateTime<Utc>| (at - saturday_at_nine()).num_minutes();
    rows.into_iter().map(|(at, status, revision)| (since(at), status, revision)).collect()
}

fn line(minutes: i64, status: &str, revision: i32) -> (i64, String, i32) {
    (minutes, status.to_owned(), revision)
}

/// Starts of the bookings with planned reminders, and how many each has.
async fn planned(stack: &Stack) -> Vec<(DateTime<Utc>, i64)> {
    sqlx::query_as(
        "select b.starts_at, count(*) from app.scheduled_notifications s
           join app.bookings b on b.id = s.booking_id where s.status = 'planned' group by b.id order by 1",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap()
}

/// Events of bookings that no message tells of, and messages outside of the talk.
async fn untold_and_beside(stack: &Stack) -> (i64, i64) {
    sqlx::query_as(
        "select (select count(*) from app.booking_notifications where outbound_message_id is null),
                (select count(*) from app.outbound_messages where template is not null)",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap()
}

async fn assert_sound(mut stack: Stack) {
    stack.settle().await;
    assert_eq!(stack.violations().await, Vec::<Value>::new());
    stack.stop_working().await;
}

/// Somebody else takes Ana's time at 9:45 on Saturday.
async fn take_the_second_line(stack: &Stack) {
    sqlx::query(
        "with c as (insert into app.customers (tenant_id, phone)
                    select id, '+5511977776666' from app.tenants where slug = 'studio-lua' returning tenant_id, id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select c.tenant_id, c.id, s.id, f.id, $1, 'confirmed' from c
           join app.services s on s.tenant_id = c.tenant_id and s.key = 'manicure'
           join app.staff f on f.tenant_id = c.tenant_id and f.key = 'ana'",
    )
    .bind(saturday_at_nine() + TimeDelta::minutes(45))
    .execute(&stack.db.owner)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_visit_is_held_and_confirmed_as_one_and_knows_its_conversation() {
    let stack = held().await;
    assert_eq!(lines(&stack).await, [line(0, "held", 1), line(45, "held", 1)]);
    say(&stack, "1").await;
    stack.settle().await;
    assert_eq!(lines(&stack).await, [line(0, "confirmed", 1), line(45, "confirmed", 1)]);
    let linked: (i64, i64, i64, bool) = sqlx::query_as(
        "select count(distinct b.visit_id), count(distinct b.code), count(distinct b.hold_expires_at),
                bool_and(b.conversation_id = c.id)
                and min(c.booking_id::text) = (array_agg(b.id::text order by b.starts_at))[1]
           from app.bookings b, app.conversations c",
    )
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(linked, (1, 1, 1, true));
    assert_eq!(planned(&stack).await, [(saturday_at_nine(), 3)]);
    assert_eq!(untold_and_beside(&stack).await, (0, 0));
    assert_sound(stack).await;
}

#[tokio::test]
async fn a_visit_that_loses_one_line_books_nothing() {
    // When it is chosen.
    let mut stack = Stack::new().await;
    stack.work();
    let offer = say(&stack, "corte e manicure no sábado").await;
    assert!(offer.contains("1 9h00 corte (Ana), 9h45 manicure (Ana)"), "{offer}");
    take_the_second_line(&stack).await;
    let answer = say(&stack, "1").await;
    assert!(answer.contains("1 ") && !answer.contains("Confirmar"), "{answer}");
    assert_eq!(lines(&stack).await, []);
    assert_sound(stack).await;

    // When it is confirmed: the hold ran out, and half of the time went to somebody else.
    let stack = held().await;
    sqlx::query("update app.bookings set hold_expires_at = app.now() - interval '1 s'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    take_the_second_line(&stack).await;
    let answer = say(&stack, "1").await;
    assert!(!answer.contains("Agendado"), "{answer}");
    assert!(lines(&stack).await.iter().all(|line| line.1 != "confirmed"));
    assert_sound(stack).await;
}

#[tokio::test]
async fn a_hold_of_two_lines_that_runs_out_is_given_back_whole() {
    let mut stack = held().await;
    let later = stack.clock.now() + TimeDelta::minutes(12);
    stack.restart_at(Clock::starting_at(later)).await;
    stack.maintain().await;
    assert_eq!(lines(&stack).await, [line(0, "cancelled", 1), line(45, "cancelled", 1)]);
    assert_eq!(untold_and_beside(&stack).await, (0, 0));
    assert_sound(stack).await;
}

#[tokio::test]
async fn a_visit_moves_and_is_cancelled_as_one() {
    let stack = booked().await;
    let offer = say(&stack, "remarcar").await;
    assert!(offer.contains("Corte + manicure"), "{offer}");
    let question = say(&stack, "sábado às 11h").await;
    assert!(question.contains("11h00") && question.contains("1 "), "{question}");
    let moved = say(&stack, "1").await;
    stack.settle().await;
    assert_eq!(
        lines(&stack).await,
        [line(120, "confirmed", 2), line(165, "confirmed", 2)],
        "{offer}\n{question}\n{moved}"
    );
    assert_eq!(planned(&stack).await, [(saturday_at_nine() + TimeDelta::hours(2), 3)]);

    let question = say(&stack, "cancelar").await;
    assert!(question.contains("Corte + manicure"), "{question}");
    let cancelled = say(&stack, "1").await;
    stack.settle().await;
    assert_eq!(
        lines(&stack).await,
        [line(120, "cancelled", 2), line(165, "cancelled", 2)],
        "{cancelled}"
    );
    assert_eq!(planned(&stack).await, []);
    assert_eq!(untold_and_beside(&stack).await, (0, 0));
    assert_sound(stack).await;
}

#[tokio::test]
async fn a_reminder_of_a_visit_that_is_answered_by_cancel_cancels_all_of_it() {
    let mut stack = booked().await;
    let friday = saturday_at_nine() - TimeDelta::hours(24) + TimeDelta::seconds(30);
    stack.restart_at(Clock::starting_at(friday)).await;
    stack.maintain().await;
    let reminder = stack.sim.chat(SALON, MARINA).pop().unwrap().text;
    assert!(reminder.contains("3 Cancelar"), "{reminder}");
    let question = say(&stack, "3").await;
    assert!(question.contains("Corte + manicure"), "{question}");
    let answer = say(&stack, "1").await;
    stack.settle().await;
    assert_eq!(
        lines(&stack).await,
        [line(0, "cancelled", 1), line(45, "cancelled", 1)],
        "{question}\n{answer}"
    );
    assert_eq!(planned(&stack).await, []);
    assert_sound(stack).await;
}

#[tokio::test]
async fn who_wants_no_reminders_gets_none_of_a_visit_and_one_plan_when_they_want_them_again() {
    let stack = booked().await;
    say(&stack, "SAIR").await;
    stack.settle().await;
    assert_eq!(planned(&stack).await, []);
    let before: Vec<String> = ids(&stack).await;
    sqlx::query("update app.customers set opted_out_at = null")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(planned(&stack).await, [(saturday_at_nine(), 3)]);
    let after = ids(&stack).await;
    assert!(after.iter().all(|id| !before.contains(id)), "{before:?} {after:?}");
    assert_eq!(after.len(), before.len());
    assert_sound(stack).await;
}

async fn ids(stack: &Stack) -> Vec<String> {
    sqlx::query_scalar("select id::text from app.scheduled_notifications order by id")
        .fetch_all(&stack.db.owner)
        .await
        .unwrap()
}
