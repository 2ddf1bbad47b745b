//! Several bookings with one visit and one code: taken whole, told and reminded of once.

use std::time::Duration;

use chrono::TimeDelta;
use sqlx::Connection;
use uuid::Uuid;

use super::{
    CUT_AND_MANICURE, MARINA, Salon, customer, insert, refusal, refused, saturday_at_nine,
};
use crate::support::stack::PATIENCE;

/// Template and number of bookings told of, of every message in order.
async fn messages(salon: &Salon) -> Vec<(String, i64)> {
    sqlx::query_as(
        "select o.template, count(n.id) from app.outbound_messages o
           left join app.booking_notifications n on n.outbound_message_id = o.id
          group by o.id order by o.seq",
    )
    .fetch_all(&salon.stack.db.owner)
    .await
    .unwrap()
}

/// Of each booking with planned reminders: minutes after Saturday at nine, and how many.
async fn planned(salon: &Salon) -> Vec<(i64, i64)> {
    let rows: Vec<(chrono::DateTime<chrono::Utc>, i64)> = sqlx::query_as(
        "select b.starts_at, count(*) from app.scheduled_notifications s
           join app.bookings b on b.id = s.booking_id
          where s.status = 'planned' group by b.id order by 1",
    )
    .fetch_all(&salon.stack.db.owner)
    .await
    .unwrap();
    rows.into_iter().map(|(at, n)| ((at - saturday_at_nine()).num_minutes(), n)).collect()
}

/// The text of the newest message that the customer got.
async fn told(salon: &mut Salon) -> String {
    salon.stack.work();
    salon.stack.settle().await;
    salon.stack.stop_working().await;
    salon.stack.sim.chat("studio-lua", MARINA).pop().unwrap().text
}

fn of(template: &str, bookings: i64) -> (String, i64) {
    (template.to_owned(), bookings)
}

#[tokio::test]
async fn a_visit_is_taken_whole_or_not_at_all() {
    let salon = Salon::open().await;
    let rita = customer(&salon.stack, salon.tenant, "+5511977776666").await;
    let taken = [("corte", "ana", 60)];
    insert(&salon.stack.db.owner, (salon.tenant, rita), &taken, None, "held").await.unwrap();
    let visit = Some(Uuid::now_v7());
    let error = salon.try_book(&CUT_AND_MANICURE, visit, "confirmed").await.unwrap_err();
    assert_eq!(refusal(&error), refused("23P01", "bookings_one_customer_a_lane"));
    assert_eq!(salon.calendar().await.len(), 1);
    assert_eq!((messages(&salon).await, planned(&salon).await), (vec![], vec![]));
}

#[tokio::test]
async fn lines_of_one_visit_that_overlap_are_refused() {
    let salon = Salon::open().await;
    let lines = [("corte", "ana", 0), ("manicure", "ana", 30)];
    let error = salon.try_book(&lines, Some(Uuid::now_v7()), "confirmed").await.unwrap_err();
    assert_eq!(refusal(&error).0, "23P01");
    assert_eq!(salon.calendar().await.len(), 0);
}

#[tokio::test]
async fn a_visit_has_one_code_one_message_and_one_plan_however_it_is_written() {
    for statements in [1, 2] {
        let mut salon = Salon::open().await;
        let visit = Some(Uuid::now_v7());
        let mut tx = salon.stack.db.owner.begin().await.unwrap();
        // The later line first: what comes first is known by its time.
        let lines = [CUT_AND_MANICURE[1], CUT_AND_MANICURE[0]];
        for part in lines.chunks(2 / statements) {
            insert(&mut *tx, (salon.tenant, salon.marina), part, visit, "confirmed").await.unwrap();
        }
        tx.commit().await.unwrap();
        let (codes, visits): (i64, i64) = sqlx::query_as(
            "select count(distinct code), count(distinct visit_id) from app.bookings",
        )
        .fetch_one(&salon.stack.db.owner)
        .await
        .unwrap();
        assert_eq!((codes, visits), (1, 1));
        assert_eq!(messages(&salon).await, [of("booking_confirmed", 2)], "{statements} statements");
        assert_eq!(planned(&salon).await, [(0, 3)], "{statements} statements");
        salon.assert_sound().await;
        let text = told(&mut salon).await;
        assert!(
            text.contains("sábado, 14 de março, 9h00 corte (Bruno), 9h45 manicure (Ana)"),
            "{text}"
        );
        let events: Vec<String> =
            sqlx::query_scalar("select status from app.booking_notifications")
                .fetch_all(&salon.stack.db.owner)
                .await
                .unwrap();
        assert!(events.iter().all(|status| status != "queued") && events.len() == 2, "{events:?}");
    }
}

#[tokio::test]
async fn held_lines_are_told_of_when_they_are_confirmed_in_one_message() {
    let salon = Salon::open().await;
    salon.book(&CUT_AND_MANICURE, Some(Uuid::now_v7()), "held").await;
    assert_eq!((messages(&salon).await, planned(&salon).await), (vec![], vec![]));
    // One by one, as a turn's effects are.
    let mut tx = salon.stack.db.owner.begin().await.unwrap();
    for staff in ["ana", "bruno"] {
        sqlx::query(
            "update app.bookings set status = 'confirmed' where staff_id in (select id from app.staff where key = $1)",
        )
        .bind(staff)
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(messages(&salon).await, [of("booking_confirmed", 2)]);
    assert_eq!(planned(&salon).await, [(0, 3)]);
    salon.assert_sound().await;
}

#[tokio::test]
async fn a_moved_visit_is_told_once_as_it_is_now() {
    let mut salon = Salon::open().await;
    let (visit, _) = salon.visit().await;
    told(&mut salon).await;
    let mut db = salon.tx().await;
    sqlx::query("select app.move_visit($1, $2)")
        .bind(visit)
        .bind(saturday_at_nine() + TimeDelta::minutes(15))
        .execute(db.conn())
        .await
        .unwrap();
    db.commit().await.unwrap();
    assert_eq!(messages(&salon).await[1..], [of("booking_moved", 2)]);
    assert_eq!(planned(&salon).await, [(15, 3)]);
    let text = told(&mut salon).await;
    assert!(text.contains("às 9h15: corte (Bruno), 10h00 manicure (Ana). 1 OK"), "{text}");

    // One line of it: the whole visit is told all the same.
    salon
        .run(
            "update app.bookings set starts_at = starts_at + interval '1 hour'
               where staff_id in (select id from app.staff where key = 'ana')",
        )
        .await;
    let text = told(&mut salon).await;
    assert!(text.contains("às 9h15: corte (Bruno), 11h00 manicure (Ana). 1 OK"), "{text}");
    assert_eq!(planned(&salon).await, [(15, 3)], "its first line did not move");
    salon.assert_sound().await;
}

#[tokio::test]
async fn a_cancelled_line_is_told_as_such_and_reminders_follow_what_is_left() {
    let mut salon = Salon::open().await;
    let (visit, _) = salon.visit().await;
    told(&mut salon).await;
    salon.run("update app.bookings set status = 'cancelled' where starts_at = (select min(starts_at) from app.bookings)").await;
    let text = told(&mut salon).await;
    assert!(text.contains("precisamos cancelar sábado, 14 de março, 9h00: corte (Bruno). O seu horário de sábado, 14 de março, 9h45 continua marcado."), "{text}");
    assert_eq!(planned(&salon).await, [(45, 3)]);

    // A line before it takes the reminders over, and gives them back when it goes.
    let ids = "select array_agg(id::text order by id) from app.scheduled_notifications where status = 'planned'";
    let first: Vec<String> = salon.stack.value(ids).await;
    salon.book(&[("corte", "bruno", 0)], Some(visit), "confirmed").await;
    assert_eq!(planned(&salon).await, [(0, 3)]);
    salon.run("update app.bookings set status = 'cancelled' where status = 'confirmed' and starts_at = (select min(starts_at) from app.bookings)").await;
    assert_eq!(planned(&salon).await, [(45, 3)]);
    let again: Vec<String> = salon.stack.value(ids).await;
    assert!(again.iter().all(|id| !first.contains(id)), "a job's key is taken once");

    salon.run("update app.bookings set status = 'cancelled' where status = 'confirmed'").await;
    assert_eq!(planned(&salon).await, []);
    salon.assert_sound().await;
}

#[tokio::test]
async fn a_visit_cancelled_whole_is_told_once() {
    let mut salon = Salon::open().await;
    salon.visit().await;
    told(&mut salon).await;
    let mut tx = salon.stack.db.owner.begin().await.unwrap();
    for _ in 0..2 {
        sqlx::query("update app.bookings set status = 'cancelled' where id = (select id from app.bookings where status = 'confirmed' limit 1)")
            .execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(messages(&salon).await[1..], [of("booking_cancelled", 2)]);
    let text = told(&mut salon).await;
    assert!(text.contains("9h00: corte (Bruno), 9h45 manicure (Ana). 1 Novo"), "{text}");
    salon.assert_sound().await;
}

#[tokio::test]
async fn a_message_leaves_out_what_is_no_longer_true_when_it_is_sent() {
    let mut salon = Salon::open().await;
    salon.visit().await;
    salon.run("update app.bookings set status = 'cancelled' where starts_at = (select min(starts_at) from app.bookings)").await;
    told(&mut salon).await;
    let texts: Vec<String> =
        salon.stack.sim.chat("studio-lua", MARINA).into_iter().map(|m| m.text).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("confirmado: Manicure com Ana"), "{texts:?}");
    assert!(!texts[0].contains("orte"), "{texts:?}");
}

#[tokio::test]
async fn a_reminder_names_all_of_the_visit() {
    let mut salon = Salon::open().await;
    salon.visit().await;
    told(&mut salon).await;
    salon
        .run(
            "update app.scheduled_notifications set due_at = app.now() where kind = 'reminder_24h'",
        )
        .await;
    let mut db = salon.tx().await;
    let fired: String = sqlx::query_scalar(
        "select app.fire_reminder(id) from app.scheduled_notifications where kind = 'reminder_24h'",
    )
    .fetch_one(db.conn())
    .await
    .unwrap();
    db.commit().await.unwrap();
    assert_eq!(fired, "sent");
    let text = told(&mut salon).await;
    assert!(text.contains("às 9h: corte (Bruno), 9h45 manicure (Ana), Rua das Flores"), "{text}");
}

#[tokio::test]
async fn nobody_is_reminded_of_the_rest_of_a_visit_that_has_begun() {
    let salon = Salon::open().await;
    salon.visit().await;
    salon.run("update app.bookings set status = 'arrived' where starts_at = (select min(starts_at) from app.bookings)").await;
    assert_eq!(planned(&salon).await, []);
    // The rest put off to another day is reminded of.
    salon.run("update app.bookings set starts_at = starts_at + interval '2 days' where status = 'confirmed'").await;
    assert_eq!(planned(&salon).await, [(45 + 2 * 24 * 60, 3)]);
    salon.assert_sound().await;
}

#[tokio::test]
async fn many_bookings_changed_by_one_statement_are_told_visit_by_visit() {
    let salon = Salon::open().await;
    salon.visit().await;
    let rita = customer(&salon.stack, salon.tenant, "+5511977776666").await;
    for lines in [[("corte", "bruno", 120)], [("corte", "ana", 240)]] {
        insert(&salon.stack.db.owner, (salon.tenant, rita), &lines, None, "confirmed")
            .await
            .unwrap();
    }
    salon.run("update app.bookings set starts_at = starts_at + interval '7 days'").await;
    let mut told = messages(&salon).await.split_off(3);
    told.sort();
    assert_eq!(told, [of("booking_moved", 1), of("booking_moved", 1), of("booking_moved", 2)]);
    salon.assert_sound().await;
}

#[tokio::test]
async fn what_a_conversation_tells_itself_is_noted_for_every_line_and_sent_for_none() {
    let salon = Salon::open().await;
    let mut tx = salon.stack.db.owner.begin().await.unwrap();
    sqlx::query("select set_config('app.teller', 'conversation', true)")
        .execute(&mut *tx)
        .await
        .unwrap();
    let visit = Some(Uuid::now_v7());
    let who = (salon.tenant, salon.marina);
    insert(&mut *tx, who, &CUT_AND_MANICURE, visit, "confirmed").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(messages(&salon).await, []);
    let noted: Vec<(String, String)> =
        sqlx::query_as("select event, reason from app.booking_notifications")
            .fetch_all(&salon.stack.db.owner)
            .await
            .unwrap();
    let entry = ("confirmed".to_owned(), "told in the conversation".to_owned());
    assert_eq!(noted, [entry.clone(), entry]);
}

#[tokio::test]
async fn a_visit_is_of_one_customer_and_keeps_its_code() {
    let salon = Salon::open().await;
    let (visit, _) = salon.visit().await;
    let rita = customer(&salon.stack, salon.tenant, "+5511977776666").await;
    let line = [("cor", "ana", 200)];
    let owner = &salon.stack.db.owner;
    let error = insert(owner, (salon.tenant, rita), &line, Some(visit), "held").await.unwrap_err();
    assert_eq!(refusal(&error), refused("23514", "bookings_visit_is_of_one_customer"));
    for (change, constraint) in [
        ("update app.bookings set code = 'AAAAA'", "bookings_identity_stays"),
        ("update app.bookings set visit_id = id", "bookings_identity_stays"),
        (
            "insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status, visit_id, code)
             select tenant_id, customer_id, service_id, staff_id, starts_at + interval '9 hours', 'held', visit_id, 'AAAAA'
               from app.bookings limit 1",
            "bookings_visit_has_one_code",
        ),
    ] {
        let error = sqlx::query(change).execute(owner).await.unwrap_err();
        assert_eq!(refusal(&error), refused("23514", constraint));
    }
}

/// The second change of a row begins before the first is committed, and has to wait for it.
async fn one_waits_for_the_other(salon: &Salon, changes: [(&'static str, Uuid); 2]) {
    let [(first_change, first_id), (second_change, second_id)] = changes;
    let mut first = salon.stack.db.owner.begin().await.unwrap();
    sqlx::query(first_change).bind(first_id).execute(&mut *first).await.unwrap();
    let mut second = salon.stack.db.owner.acquire().await.unwrap();
    let pid: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *second).await.unwrap();
    let other = async {
        let mut tx = second.begin().await.unwrap();
        sqlx::query(second_change).bind(second_id).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    let commit = async {
        let waits =
            "select count(*) from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'";
        loop {
            let waiting: i64 =
                sqlx::query_scalar(waits).bind(pid).fetch_one(&salon.stack.db.owner).await.unwrap();
            if waiting == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        first.commit().await.unwrap();
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(other, commit) })
        .await
        .expect("the second did not wait for the first");
}

const CANCEL: &str = "update app.bookings set status = 'cancelled' where id = $1";
const OPT_IN: &str = "update app.customers set opted_out_at = null where id = $1";

#[tokio::test]
async fn two_who_cancel_two_lines_at_once_leave_no_reminder_behind() {
    let salon = Salon::open().await;
    let (_, [cut, manicure]) = salon.visit().await;
    one_waits_for_the_other(&salon, [(CANCEL, cut), (CANCEL, manicure)]).await;
    assert_eq!(planned(&salon).await, []);
    salon.assert_sound().await;
}

#[tokio::test]
async fn who_opts_in_while_a_booking_is_cancelled_is_not_reminded_of_it() {
    for cancelled_first in [true, false] {
        let salon = Salon::open().await;
        let [cut] = salon.book(&[("corte", "ana", 0)], None, "confirmed").await[..] else {
            panic!()
        };
        salon.run("update app.customers set opted_out_at = app.now()").await;
        let mut changes = [(CANCEL, cut), (OPT_IN, salon.marina)];
        if !cancelled_first {
            changes.reverse();
        }
        one_waits_for_the_other(&salon, changes).await;
        assert_eq!(planned(&salon).await, []);
        salon.assert_sound().await;
    }
}

#[tokio::test]
async fn who_opts_in_again_is_reminded_though_the_job_called_off_has_run() {
    let salon = Salon::open().await;
    // On Tuesday at 11:40: the reminder of 10:40 is a job at once.
    salon.book(&[("corte", "ana", 100 - 95 * 60)], None, "confirmed").await;
    salon.run("update app.customers set opted_out_at = app.now()").await;
    salon.run("update apalis.jobs set status = 'Done', done_at = now() where job_type = 'send_reminder'").await;
    salon.run("update app.customers set opted_out_at = null").await;
    let jobs: Vec<String> = sqlx::query_scalar(
        "select s.kind from app.scheduled_notifications s
           join ops.jobs j on j.kind = 'send_reminder' and j.args ->> 'notification_id' = s.id::text
          where s.status = 'planned' and j.state = 'scheduled'",
    )
    .fetch_all(&salon.stack.db.owner)
    .await
    .unwrap();
    assert_eq!(jobs, ["reminder_1h"]);
}

#[tokio::test]
async fn who_opts_in_again_is_reminded_of_what_comes_first_by_then() {
    let salon = Salon::open().await;
    let (visit, _) = salon.visit().await;
    salon.run("update app.customers set opted_out_at = app.now()").await;
    salon.book(&[("manicure", "ana", -60)], Some(visit), "confirmed").await;
    assert_eq!(planned(&salon).await, []);
    salon.run("update app.customers set opted_out_at = null").await;
    assert_eq!(planned(&salon).await, [(-60, 3)]);
    salon.assert_sound().await;
}
