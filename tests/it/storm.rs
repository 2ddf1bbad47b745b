//! Crowds that want one time, through the API and by plain SQL at once. Whoever comes too late is
//! told so, and nobody is told anything else.

use futures::future::join_all;
use pontual::db;
use serde_json::{Value, json};
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use crate::support::api::{Answer, Api};
use crate::support::stack::Stack;

/// Connections of the plain SQL clients; those of one server are few.
const SQL_CONNECTIONS: u32 = 40;

fn wish(service: &str, start: &str, customer: usize) -> Value {
    json!({"service": service, "staff": "ana", "starts_at": start,
           "customer": {"phone": format!("+55119{customer:08}")}})
}

/// One client at psql: its SQLSTATE, or none if the booking is made.
async fn book_by_sql(
    pool: PgPool,
    tenant: Uuid,
    service: &str,
    start: &str,
    customer: usize,
) -> Option<String> {
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("select set_config('app.tenant_id', $1::text, true)")
        .bind(tenant)
        .execute(&mut *tx)
        .await
        .unwrap();
    let made = sqlx::query(
        "with c as (insert into app.customers (tenant_id, phone) values ($1, $2) returning id)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select $1, c.id, (select id from app.services where key = $3),
                (select id from app.staff where key = 'ana'), $4::timestamptz, 'confirmed' from c",
    )
    .bind(tenant)
    .bind(format!("+55218{customer:08}"))
    .bind(service)
    .bind(start)
    .execute(&mut *tx)
    .await;
    match made {
        Ok(_) => {
            tx.commit().await.unwrap();
            None
        }
        Err(error) => Some(error.as_database_error().unwrap().code().unwrap().into_owned()),
    }
}

/// Everybody at once; how many got the time, once every loser was told what a loser is told.
async fn storm(stack: &Stack, service: &str, start: &str, by_http: usize, by_sql: usize) -> usize {
    let api = Api::of(stack, "studio-lua").await;
    let tenant = stack.tenant("studio-lua").await;
    let pool = db::connect(&stack.db.url_app(), SQL_CONNECTIONS, stack.clock).await.unwrap();
    let over_http = join_all((0..by_http).map(|customer| {
        let (api, body) = (api.clone(), wish(service, start, customer));
        tokio::spawn(async move { api.post("/bookings", body).await })
    }));
    let by_hand = join_all((0..by_sql).map(|customer| {
        let (pool, service, start) = (pool.clone(), service.to_owned(), start.to_owned());
        tokio::spawn(async move { book_by_sql(pool, tenant, &service, &start, customer).await })
    }));
    let (answers, states) = tokio::join!(over_http, by_hand);
    let mut won = 0;
    for answer in answers.into_iter().map(Result::unwrap) {
        won += usize::from(answer.status == 201);
        if answer.status != 201 {
            expect_alternatives(&answer);
        }
    }
    for state in states.into_iter().map(Result::unwrap) {
        won += usize::from(state.is_none());
        assert!(state.is_none_or(|state| state == "23P01"));
    }
    pool.close().await;
    won
}

fn expect_alternatives(loser: &Answer) {
    assert_eq!(loser.problem(), (409, "slot-taken"), "{loser:?}");
    let alternatives = loser.alternatives();
    assert_eq!(alternatives.len(), 3, "{loser:?}");
    assert!(alternatives.iter().all(|(_, staff)| staff == "ana"), "{loser:?}");
}

async fn booked(stack: &Stack) -> Vec<(String, i64)> {
    sqlx::query("select status, count(*) from app.bookings group by status")
        .fetch_all(&stack.db.owner)
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_clients_want_one_time_and_one_gets_it() {
    let stack = Stack::new().await;
    let won = storm(&stack, "corte", "2026-03-12T15:00:00-03:00", 300, 100).await;
    assert_eq!(won, 1);
    assert_eq!(booked(&stack).await, [("confirmed".to_owned(), 1)]);
    let customers: i64 = stack.value("select count(*) from app.customers").await;
    assert_eq!(customers, 1, "losers leave nothing");
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_for_three_at_once_takes_three_of_a_crowd() {
    let stack = Stack::new().await;
    sqlx::query("update app.services set capacity = 3 where key = 'manicure'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    let won = storm(&stack, "manicure", "2026-03-12T15:00:00-03:00", 120, 60).await;
    assert_eq!(won, 3);
    assert_eq!(booked(&stack).await, [("confirmed".to_owned(), 3)]);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visits_that_cross_each_other_block_nobody() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    // Ana, then Bruno; and the other way round at the same time: one of each fits.
    let answers = join_all((0..80).map(|customer| {
        let (first, then) = if customer % 2 == 0 { ("ana", "bruno") } else { ("bruno", "ana") };
        let body = json!({
            "services": [{"service": "corte", "staff": first}, {"service": "corte", "staff": then}],
            "starts_at": "2026-03-12T15:00:00-03:00",
            "customer": {"phone": format!("+55119{customer:08}")},
        });
        let api = api.clone();
        tokio::spawn(async move { (customer % 2, api.post("/visits", body).await) })
    }))
    .await;
    let mut won = [0, 0];
    for (kind, answer) in answers.into_iter().map(Result::unwrap) {
        if answer.status == 201 {
            won[kind] += 1;
        } else {
            assert_eq!(answer.problem(), (409, "slot-taken"), "{answer:?}");
            assert_eq!(answer.body["alternatives"].as_array().unwrap().len(), 3, "{answer:?}");
        }
    }
    assert_eq!(won, [1, 1]);
    assert_eq!(booked(&stack).await, [("confirmed".to_owned(), 4)]);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moves_to_one_time_leave_all_but_one_where_they_were() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let mut paths = Vec::new();
    for day in 16..=20 {
        for start in ["09:00", "10:00", "11:00", "15:00"] {
            let start = format!("2026-03-{day}T{start}:00-03:00");
            let made = api.post("/bookings", wish("corte", &start, paths.len())).await;
            assert_eq!(made.status, 201, "{made:?}");
            paths.push(format!("/bookings/{}", made.body["id"].as_str().unwrap()));
        }
    }
    let answers = join_all(paths.iter().map(|path| {
        let (api, path) = (api.clone(), path.clone());
        let change = json!({"starts_at": "2026-03-12T15:00:00-03:00"});
        tokio::spawn(async move { api.patch(&path, change).await })
    }))
    .await;
    let mut moved = 0;
    for answer in answers.into_iter().map(Result::unwrap) {
        moved += usize::from(answer.status == 200);
        if answer.status != 200 {
            expect_alternatives(&answer);
        }
    }
    assert_eq!(moved, 1);
    let revisions: i64 = stack
        .value("select sum(revision)::bigint from app.bookings where status = 'confirmed'")
        .await;
    assert_eq!(revisions, 21);
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}
