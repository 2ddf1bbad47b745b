//! Cancelling and moving as programs do it: the cancellation notice, and all or nothing.

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CUT_AND_MANICURE, Salon, refusal, refused, saturday_at_nine};

/// The salon, its clock an hour before a visit: the tenant's notice is two.
async fn an_hour_before() -> (Salon, Uuid, [Uuid; 2]) {
    let salon = Salon::open().await;
    let (visit, lines) = salon.visit().await;
    sqlx::query("update app.bookings set starts_at = $1 + (starts_at - $2)")
        .bind(salon.stack.clock.now() + TimeDelta::hours(1))
        .bind(saturday_at_nine())
        .execute(&salon.stack.db.owner)
        .await
        .unwrap();
    (salon, visit, lines)
}

/// Calls a function that takes a visit or booking and a reason for an exception.
async fn call(salon: &Salon, sql: &'static str, id: Uuid, why: Option<&str>) -> sqlx::Result<i32> {
    let mut db = salon.tx().await;
    sqlx::query("select set_config('app.actor', 'key:front desk', true)")
        .execute(db.conn())
        .await?;
    let done = sqlx::query_scalar(sql).bind(id).bind(why).fetch_one(db.conn()).await?;
    db.commit().await?;
    Ok(done)
}

const CANCEL_VISIT: &str = "select app.cancel_visit($1, 'ill', $2)";
const CANCEL_BOOKING: &str = "select app.cancel_booking($1, 'ill', $2)";
const MOVE_VISIT: &str = "select app.move_visit($1, '2026-03-20T13:00:00Z', null, $2)";
const MOVE_BOOKING: &str = "select app.move_booking($1, '2026-03-20T13:00:00Z', null, $2)";

#[tokio::test]
async fn inside_the_notice_a_reason_is_asked_for_and_kept_in_the_audit() {
    for (sql, whole, changed) in [
        (CANCEL_VISIT, true, 2),
        (CANCEL_BOOKING, false, 1),
        (MOVE_VISIT, true, 2),
        (MOVE_BOOKING, false, 1),
    ] {
        let (salon, visit, [cut, _]) = an_hour_before().await;
        let id = if whole { visit } else { cut };
        let before = salon.calendar().await;
        for nothing in [None, Some(""), Some("  ")] {
            let error = call(&salon, sql, id, nothing).await.unwrap_err();
            assert_eq!(refusal(&error), refused("23514", "bookings_cancel_notice"), "{sql}");
        }
        assert_eq!(salon.calendar().await, before, "{sql}");

        assert_eq!(call(&salon, sql, id, Some(" Bruno is ill ")).await.unwrap(), changed, "{sql}");
        let audit: Vec<(String, Value)> = sqlx::query_as(
            "select actor, after -> 'override_reason' from app.audit_log
              where table_name = 'bookings' and after ? 'override_reason' and action = 'update'",
        )
        .fetch_all(&salon.stack.db.owner)
        .await
        .unwrap();
        let entry = ("key:front desk".to_owned(), json!("Bruno is ill"));
        assert_eq!(audit, vec![entry; usize::try_from(changed).unwrap()], "{sql}");
        salon.assert_sound().await;
    }
}

#[tokio::test]
async fn outside_the_notice_no_reason_is_asked_for_and_none_is_kept() {
    let salon = Salon::open().await;
    let (visit, _) = salon.visit().await;
    assert_eq!(call(&salon, MOVE_VISIT, visit, Some("because")).await.unwrap(), 2);
    assert_eq!(call(&salon, CANCEL_VISIT, visit, None).await.unwrap(), 2);
    assert_eq!(call(&salon, CANCEL_VISIT, visit, None).await.unwrap(), 0, "none is active");
    assert_eq!(call(&salon, MOVE_VISIT, visit, None).await.unwrap(), 0);
    assert_eq!(call(&salon, MOVE_VISIT, Uuid::now_v7(), None).await.unwrap(), 0);
    let kept: i64 = salon.stack.value("select count(override_reason) from app.bookings").await;
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn the_notice_ends_to_the_second_and_holds_are_free_of_it() {
    let salon = Salon::open().await;
    let notice = TimeDelta::hours(2);
    let second = TimeDelta::seconds(1);
    for (status, left, inside) in [
        ("confirmed", notice, false),
        ("confirmed", notice - second, true),
        ("confirmed", -notice, true),
        ("arrived", notice - second, true),
        ("held", notice - second, false),
        ("completed", notice - second, false),
    ] {
        let [id] = salon.book(&[("corte", "ana", 0)], None, status).await[..] else { panic!() };
        let mut db = salon.tx().await;
        let got: bool = sqlx::query_scalar(
            "select app.inside_cancel_notice(b) from app.bookings b,
                    set_config('app.now', (b.starts_at - make_interval(secs => $2))::text, true)
              where b.id = $1",
        )
        .bind(id)
        .bind(f64::from(i32::try_from(left.num_seconds()).unwrap()))
        .fetch_one(db.conn())
        .await
        .unwrap();
        assert_eq!(got, inside, "{status}, {left} left");
        db.rollback().await.unwrap();
        salon.run("update app.bookings set status = 'cancelled' where status not in ('completed', 'cancelled')").await;
    }
}

#[tokio::test]
async fn plain_sql_is_free_of_the_notice() {
    let (salon, ..) = an_hour_before().await;
    salon.run("update app.bookings set status = 'cancelled'").await;
    salon.assert_sound().await;
}

#[tokio::test]
async fn a_visit_moves_as_a_whole_and_back_to_back_lines_are_not_in_each_others_way() {
    let salon = Salon::open().await;
    let visit = Uuid::now_v7();
    let lines = [("corte", "ana", 0), ("manicure", "ana", 45), ("cor", "bruno", 85)];
    salon.book(&lines, Some(visit), "confirmed").await;
    for (revision, minutes) in (2..).zip([15, 0, 45, -30, 0]) {
        let mut db = salon.tx().await;
        let moved: i32 = sqlx::query_scalar("select app.move_visit($1, $2)")
            .bind(visit)
            .bind(saturday_at_nine() + TimeDelta::minutes(minutes))
            .fetch_one(db.conn())
            .await
            .unwrap();
        db.commit().await.unwrap();
        assert_eq!(moved, 3);
        let expected = lines.map(|(_, staff, after)| {
            (staff.to_owned(), after + minutes, "confirmed".to_owned(), revision)
        });
        assert_eq!(salon.calendar().await, expected, "{minutes}");
    }
    salon.assert_sound().await;
}

#[tokio::test]
async fn a_move_to_a_time_that_is_taken_leaves_everything_as_it_was() {
    let salon = Salon::open().await;
    let (visit, _) = salon.visit().await;
    // In the way of the second line alone.
    salon.book(&[("corte", "ana", 300)], None, "confirmed").await;
    let before = salon.calendar().await;
    let mut db = salon.tx().await;
    let error = sqlx::query("select app.move_visit($1, $2)")
        .bind(visit)
        .bind(saturday_at_nine() + TimeDelta::minutes(280))
        .execute(db.conn())
        .await
        .unwrap_err();
    drop(db);
    let (sqlstate, constraint) = refusal(&error);
    assert_eq!(sqlstate, "23P01");
    assert!(constraint.starts_with("bookings_one_"), "{constraint}");
    assert_eq!(salon.calendar().await, before);
    salon.assert_sound().await;
}

#[tokio::test]
async fn lines_that_swap_their_staff_step_into_each_others_place() {
    let salon = Salon::open().await;
    let visit = Uuid::now_v7();
    let at_once = [("corte", "ana", 0), ("corte", "bruno", 0)];
    let [one, other] = salon.book(&at_once, Some(visit), "confirmed").await[..] else { panic!() };
    let mut db = salon.tx().await;
    sqlx::query(
        "select app.move_visit($1, null, jsonb_build_object(
           $2::uuid, (select id from app.staff where key = 'bruno'), $3::uuid, (select id from app.staff where key = 'ana')))",
    )
    .bind(visit)
    .bind(one)
    .bind(other)
    .execute(db.conn())
    .await
    .unwrap();
    db.commit().await.unwrap();
    let staff: String = sqlx::query_scalar(
        "select f.key from app.bookings b join app.staff f on f.id = b.staff_id where b.id = $1",
    )
    .bind(one)
    .fetch_one(&salon.stack.db.owner)
    .await
    .unwrap();
    assert_eq!(staff, "bruno");
    assert_eq!(salon.calendar().await.iter().map(|line| line.3).collect::<Vec<_>>(), [2, 2]);
    salon.assert_sound().await;
}

#[tokio::test]
async fn a_day_that_runs_late_moves_in_one_plain_statement_classes_too() {
    let salon = Salon::open().await;
    salon.run("update app.services set capacity = 3 where key = 'manicure'").await;
    salon.book(&CUT_AND_MANICURE, None, "confirmed").await;
    salon.book(&[("corte", "bruno", 45), ("corte", "bruno", 90)], None, "confirmed").await;
    // A full class right after another.
    let class = [("manicure", "ana", 45), ("manicure", "ana", 45)];
    salon.book(&class, None, "confirmed").await;
    salon.book(&[("manicure", "ana", 85); 3], None, "confirmed").await;
    for shift in [
        "update app.bookings set starts_at = starts_at + interval '15 minutes'",
        "update app.bookings set starts_at = starts_at - interval '30 minutes'",
    ] {
        salon.run(shift).await;
    }
    let moved = salon.calendar().await;
    assert_eq!(moved.len(), 9);
    assert!(moved.iter().all(|line| line.3 == 3), "{moved:?}");
    assert_eq!((moved[0].1, moved[8].1), (-15, 75));
    salon.assert_sound().await;
}
