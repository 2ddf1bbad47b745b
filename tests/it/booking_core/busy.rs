//! Which time is taken, as turns and the API ask for it.

use chrono::{DateTime, TimeDelta, Utc};
use pontual::db;
use pontual::domain::catalogue::Span;
use uuid::Uuid;

use super::{Salon, saturday_at_nine};

#[tokio::test]
async fn time_is_taken_by_what_stands_but_for_ones_own_holds_and_what_moves() {
    let salon = Salon::open().await;
    salon.book(&[("corte", "ana", 0), ("cor", "bruno", 0)], None, "confirmed").await;
    salon.book(&[("corte", "ana", 60)], None, "held").await;
    let moving = salon.book(&[("corte", "ana", 120)], None, "confirmed").await;
    for (at, change) in [
        (180, "status = 'cancelled'"),
        (240, "hold_expires_at = app.now() - interval '1 second'"),
        // Marina was told of what was booked first, so she has a conversation.
        (300, "conversation_id = (select id from app.conversations)"),
    ] {
        let [id] = salon.book(&[("corte", "ana", at)], None, "held").await[..] else { panic!() };
        let sql = format!("update app.bookings set {change} where id = $1");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .execute(&salon.stack.db.owner)
            .await
            .unwrap();
    }
    // Ends when the span begins, and begins when it ends.
    salon.book(&[("corte", "ana", -45), ("corte", "ana", 600)], None, "confirmed").await;

    let mut tx = salon.tx().await;
    let talk: Uuid =
        sqlx::query_scalar("select id from app.conversations").fetch_one(tx.conn()).await.unwrap();
    let at = |minutes| saturday_at_nine() + TimeDelta::minutes(minutes);
    let span = Span { start: at(0), end: at(600) };
    let taken = db::busy(&mut tx, span, Some(talk), &moving).await.unwrap();
    let mut taken: Vec<_> =
        taken.into_iter().map(|b| (b.staff_id, b.service_id, b.start, b.end)).collect();
    taken.sort();
    let mut times: Vec<_> = taken.iter().map(|t| (minutes(t.2), minutes(t.3))).collect();
    times.sort_unstable();
    assert_eq!(times, [(0, 45), (0, 120), (60, 105)]);

    // As programs of the release before ask.
    let mut rows: Vec<(Uuid, Uuid, DateTime<Utc>, DateTime<Utc>)> =
        sqlx::query_as("select * from app.busy($1, $2, $3, $4)")
            .bind(span.start)
            .bind(span.end)
            .bind(talk)
            .bind(&moving)
            .fetch_all(tx.conn())
            .await
            .unwrap();
    rows.sort();
    assert_eq!(rows, taken);
}

fn minutes(at: DateTime<Utc>) -> i64 {
    (at - saturday_at_nine()).num_minutes()
}
