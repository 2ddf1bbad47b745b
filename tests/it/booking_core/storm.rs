//! Crowds that want one time at once, by plain SQL as the runtime role: exactly as many get it as
//! there are places, and everybody else hears 23P01, never a deadlock or a lock that took too long.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use futures::future::join_all;
use pontual::db::{self, TenantTx};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Line, Salon, insert, refusal, saturday_at_nine};

const CLIENTS: u32 = 100;
/// The server of the tests has 200 for all of them.
const CONNECTIONS: u32 = 50;

struct Crowd {
    salon: Salon,
    pool: PgPool,
    customers: Vec<Uuid>,
}

impl Crowd {
    async fn gather() -> Self {
        let salon = Salon::open().await;
        let pool =
            db::connect(&salon.stack.db.url_app(), CONNECTIONS, salon.stack.clock).await.unwrap();
        // Everybody is connected before the first one starts.
        drop(join_all((0..CONNECTIONS).map(|_| pool.acquire())).await);
        let customers = sqlx::query_scalar(
            "insert into app.customers (tenant_id, phone)
             select $1, '+55119' || (10000000 + n) from generate_series(1, $2) n returning id",
        )
        .bind(salon.tenant)
        .bind(i32::try_from(CLIENTS).unwrap())
        .fetch_all(&salon.stack.db.owner)
        .await
        .unwrap();
        Self { salon, pool, customers }
    }

    async fn tx(&self) -> TenantTx {
        // A storm is longer than a request waits for a connection.
        loop {
            match TenantTx::begin(&self.pool, self.salon.tenant, self.salon.stack.clock.now()).await
            {
                Err(sqlx::Error::PoolTimedOut) => {}
                begun => return begun.unwrap(),
            }
        }
    }

    /// Books for one client in a transaction of its own; `ok`, or the SQLSTATE of the refusal.
    async fn book(&self, client: usize, lines: &[Line], visit: Option<Uuid>) -> String {
        let mut db = self.tx().await;
        let who = (self.salon.tenant, self.customers[client]);
        let status = if client.is_multiple_of(2) { "held" } else { "confirmed" };
        match insert(db.conn(), who, lines, visit, status).await {
            Ok(_) => {
                db.commit().await.unwrap();
                "ok".to_owned()
            }
            Err(error) => refusal(&error).0,
        }
    }

    async fn execute(&self, sql: &'static str, id: Uuid) -> String {
        let mut db = self.tx().await;
        match sqlx::query(sql).bind(id).execute(db.conn()).await {
            Ok(_) => {
                db.commit().await.unwrap();
                "ok".to_owned()
            }
            Err(error) => refusal(&error).0,
        }
    }

    async fn assert_outcome(&self, outcomes: Vec<String>, won: usize) {
        assert_eq!(counted(&outcomes), outcome(won, outcomes.len() - won));
        self.salon.assert_sound().await;
    }
}

fn counted(outcomes: &[String]) -> BTreeMap<&str, usize> {
    outcomes.iter().fold(BTreeMap::new(), |mut counted, outcome| {
        *counted.entry(outcome.as_str()).or_default() += 1;
        counted
    })
}

fn outcome(won: usize, lost: usize) -> BTreeMap<&'static str, usize> {
    [("ok", won), ("23P01", lost)].into()
}

fn clients() -> impl Iterator<Item = usize> {
    0..usize::try_from(CLIENTS).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_who_want_overlapping_times_one_gets_its() {
    let crowd = Crowd::gather().await;
    let outcomes = join_all(clients().map(|n| {
        let lines = [("corte", "ana", i64::try_from(n % 5).unwrap() * 5)];
        let crowd = &crowd;
        async move { crowd.book(n, &lines, None).await }
    }))
    .await;
    crowd.assert_outcome(outcomes, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_places_are_given_three_times() {
    let crowd = Crowd::gather().await;
    crowd.salon.run("update app.services set capacity = 3 where key = 'corte'").await;
    let wish = [("corte", "ana", 0)];
    let outcomes = join_all(clients().map(|n| crowd.book(n, &wish, None))).await;
    crowd.assert_outcome(outcomes, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_holds_cost_no_sale() {
    let crowd = Crowd::gather().await;
    let old = [("corte", "ana", -30), ("manicure", "ana", 15)];
    crowd.salon.book(&old, None, "held").await;
    crowd
        .salon
        .run("update app.bookings set hold_expires_at = app.now() - interval '5 minutes'")
        .await;
    let wish = [("corte", "ana", 0)];
    let outcomes = join_all(clients().map(|n| crowd.book(n, &wish, None))).await;
    crowd.assert_outcome(outcomes, 1).await;
}

#[tokio::test]
async fn a_hold_that_is_being_swept_costs_no_sale_either() {
    let salon = Salon::open().await;
    salon.book(&[("corte", "ana", 0)], None, "held").await;
    salon.run("update app.bookings set hold_expires_at = app.now() - interval '5 minutes'").await;
    // Sweeps, and ends by itself a little later.
    let sweep = sqlx::query("select queue.release_expired_holds(), pg_sleep(0.06)");
    let sale = async {
        let sleeps = "select exists (select from pg_stat_activity
                       where datname = current_database() and wait_event = 'PgSleep')";
        while !salon.stack.value::<bool>(sleeps).await {}
        let mut db = salon.tx().await;
        let who = (salon.tenant, salon.marina);
        let sold = insert(db.conn(), who, &[("corte", "ana", 15)], None, "held").await;
        db.commit().await.map(|()| sold)
    };
    let (swept, sold) = tokio::join!(sweep.execute(&salon.stack.db.owner), sale);
    swept.unwrap();
    assert_eq!(sold.unwrap().unwrap().len(), 1);
    salon.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visits_that_name_the_same_staff_in_opposite_order_do_not_wait_in_a_circle() {
    let crowd = Crowd::gather().await;
    let one = [("corte", "ana", 0), ("corte", "bruno", 0)];
    let other = [("corte", "bruno", 0), ("corte", "ana", 0)];
    let outcomes = join_all(clients().map(|n| {
        let lines = if n % 3 == 0 { &one } else { &other };
        crowd.book(n, lines, Some(Uuid::now_v7()))
    }))
    .await;
    crowd.assert_outcome(outcomes, 1).await;
    assert_eq!(crowd.salon.calendar().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_moved_to_one_time_one_gets_there_and_the_others_stay() {
    let crowd = Crowd::gather().await;
    let lines: Vec<Line> = (1..=40).map(|n| ("corte", "ana", n * 24 * 60)).collect();
    let ids = crowd.salon.book(&lines, None, "confirmed").await;
    let moved = "update app.bookings set starts_at = '2026-03-14T12:00:00Z' where id = $1";
    let outcomes = join_all(ids.iter().map(|id| crowd.execute(moved, *id))).await;
    crowd.assert_outcome(outcomes, 1).await;
    assert_eq!(crowd.salon.calendar().await.iter().filter(|line| line.3 == 2).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_books_moves_and_cancels_all_at_once_meets_no_deadlock() {
    let crowd = Crowd::gather().await;
    let staff = ["ana", "bruno"];
    let mut all: Vec<String> = Vec::new();
    for round in 0..4_usize {
        let ids: Vec<Uuid> =
            sqlx::query_scalar("select id from app.bookings where status <> 'cancelled'")
                .fetch_all(&crowd.salon.stack.db.owner)
                .await
                .unwrap();
        let outcomes = join_all(clients().map(|n| {
            let (crowd, ids) = (&crowd, &ids);
            // A mix that is the same in every run: few times, many wishes.
            let dice = (n * 7 + round * 13) % 6;
            let at = i64::try_from((n * 5 + round) % 9).unwrap() * 20;
            let (first, second) = (staff[n % 2], staff[(n + 1) % 2]);
            async move {
                let id = if ids.is_empty() { Uuid::nil() } else { ids[n % ids.len()] };
                match dice {
                    0 | 1 => crowd.book(n, &[("corte", first, at)], None).await,
                    2 | 3 => {
                        let lines = [("corte", first, at), ("manicure", second, at + 45)];
                        crowd.book(n, &lines, Some(Uuid::now_v7())).await
                    }
                    4 => {
                        let sql = "select app.move_visit(b.visit_id, b.starts_at + interval '20 minutes', null, 'storm')
                                     from app.bookings b where b.id = $1";
                        crowd.execute(sql, id).await
                    }
                    _ => {
                        let sql = "update app.bookings set status = 'cancelled'
                                    where id = $1 and status in ('held', 'confirmed')";
                        crowd.execute(sql, id).await
                    }
                }
            }
        }))
        .await;
        all.extend(outcomes);
    }
    let counts = counted(&all);
    assert!(counts.keys().all(|outcome| ["ok", "23P01"].contains(outcome)), "{counts:?}");
    assert!(counts["ok"] > 20 && counts["23P01"] > 20, "{counts:?}");
    crowd.salon.assert_sound().await;
}

#[tokio::test]
async fn who_comes_too_late_hears_it_without_waiting_for_others() {
    let salon = Salon::open().await;
    salon.book(&[("corte", "ana", 0)], None, "confirmed").await;
    // Somebody forgot a transaction that has Ana locked.
    let mut forgotten = salon.stack.db.owner.begin().await.unwrap();
    sqlx::query("update app.staff set position = position where key = 'ana'")
        .execute(&mut *forgotten)
        .await
        .unwrap();
    let mut db = salon.tx().await;
    let who = (salon.tenant, salon.marina);
    let late = insert(db.conn(), who, &[("corte", "ana", 30)], None, "held").await.unwrap_err();
    assert_eq!(refusal(&late).0, "23P01");
    drop(db);
    let mut db = salon.tx().await;
    let first = insert(db.conn(), who, &[("corte", "ana", 45)], None, "held").await.unwrap_err();
    assert_eq!(refusal(&first).0, "55P03", "whose time is free waits for its turn");
    forgotten.rollback().await.unwrap();
}

#[tokio::test]
async fn who_gives_a_time_back_and_takes_another_is_waited_for_by_nobody() {
    let salon = Salon::open().await;
    let [old] = salon.book(&[("corte", "ana", 0)], None, "confirmed").await[..] else { panic!() };
    let [mover] = salon.book(&[("corte", "ana", 600)], None, "confirmed").await[..] else {
        panic!()
    };
    let mut gives_back = salon.tx().await;
    sqlx::query("update app.bookings set status = 'cancelled' where id = $1")
        .bind(old)
        .execute(gives_back.conn())
        .await
        .unwrap();
    // Not committed yet, so the time is taken still, for a new booking and for one that moves.
    let mut other = salon.tx().await;
    let who = (salon.tenant, salon.marina);
    let error = insert(other.conn(), who, &[("corte", "ana", 15)], None, "held").await.unwrap_err();
    assert_eq!(refusal(&error).0, "23P01");
    drop(other);
    let mut other = salon.tx().await;
    let error = sqlx::query("update app.bookings set starts_at = $2 where id = $1")
        .bind(mover)
        .bind(saturday_at_nine() + TimeDelta::minutes(15))
        .execute(other.conn())
        .await
        .unwrap_err();
    assert_eq!(refusal(&error).0, "23P01");
    drop(other);
    let took = insert(gives_back.conn(), who, &[("corte", "ana", 120)], None, "held").await;
    assert_eq!(took.unwrap().len(), 1);
    gives_back.commit().await.unwrap();
}
