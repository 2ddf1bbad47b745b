//! Requests that come twice: `Idempotency-Key`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MARINA, OTHER, booked, of};
use crate::support::api::{Api, a_cut, a_cut_with_ana};
use crate::support::stack::Stack;

#[tokio::test]
async fn a_request_sent_again_with_its_key_is_answered_as_before_and_books_nothing() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let post = |key: &'static str, body: Value| {
        let api = api.clone();
        async move { api.send(Method::POST, "/bookings", Some(body), &[("idempotency-key", key)]).await }
    };
    let body = a_cut_with_ana("2026-03-12T15:00:00-03:00", MARINA);
    let first = post("k1", body.clone()).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{first:?}");
    // What became of the booking meanwhile does not matter.
    api.patch(&of(&first.body), json!({"status": "cancelled"})).await;
    let again = post("k1", body.clone()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!((&again.text, again.header("location")), (&first.text, first.header("location")));
    let other = post("k1", a_cut_with_ana("2026-03-12T16:00:00-03:00", MARINA)).await;
    assert_eq!(other.problem(), (422, "idempotency-key-reused"));
    let visit = json!({"services": [{"service": "corte"}], "starts_at": "2026-03-12T15:00:00-03:00",
                       "customer": {"phone": MARINA}});
    let elsewhere =
        api.send(Method::POST, "/visits", Some(visit), &[("idempotency-key", "k1")]).await;
    assert_eq!(elsewhere.problem(), (422, "idempotency-key-reused"));
    // A tenant's keys are its own.
    let luna = Api::of(&stack, "luna-salon").await;
    let body = json!({"service": "haircut", "starts_at": "2026-03-12T15:00:00-04:00", "customer": {"phone": MARINA}});
    let theirs =
        luna.send(Method::POST, "/bookings", Some(body), &[("idempotency-key", "k1")]).await;
    assert_eq!((theirs.status, theirs.header("idempotency-replayed")), (201, None));
    let bookings: i64 = stack.value("select count(*) from app.bookings").await;
    assert_eq!(bookings, 2);
}

#[tokio::test]
async fn a_request_that_failed_keeps_nothing_under_its_key() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let key = [("idempotency-key", "k1")];
    let post = async |body: Value| api.send(Method::POST, "/bookings", Some(body), &key).await;
    assert_eq!(post(json!({})).await.status, 422);
    let taken = booked(&api, a_cut_with_ana("2026-03-12T15:00:00-03:00", OTHER)).await;
    let body = a_cut_with_ana("2026-03-12T15:00:00-03:00", MARINA);
    assert_eq!(post(body.clone()).await.problem(), (409, "slot-taken"));
    api.patch(&of(&taken), json!({"status": "cancelled"})).await;
    let free = post(body).await;
    assert_eq!((free.status, free.header("idempotency-replayed")), (201, None));
}

#[tokio::test]
async fn a_key_is_one_visible_text() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let long = "x".repeat(256);
    let two = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let bad: [&[(&str, &str)]; 4] = [
        &[("idempotency-key", "")],
        &[("idempotency-key", "a b")],
        &[("idempotency-key", &long)],
        &two,
    ];
    for headers in bad {
        let body = Some(a_cut("2026-03-12T15:00:00-03:00", MARINA));
        let answer = api.send(Method::POST, "/bookings", body, headers).await;
        assert_eq!(answer.problem(), (400, "invalid-idempotency-key"), "{headers:?}");
    }
    let body = Some(a_cut("2026-03-12T15:00:00-03:00", MARINA));
    let answer =
        api.send(Method::POST, "/bookings", body, &[("idempotency-key", &long[..255])]).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn fifty_equal_requests_with_one_key_make_one_booking_and_fifty_equal_answers() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let answers = futures::future::join_all((0..50).map(|_| {
        let body = a_cut("2026-03-12T15:00:00-03:00", MARINA);
        api.send(Method::POST, "/bookings", Some(body), &[("idempotency-key", "storm")])
    }))
    .await;
    let first = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none());
    assert_eq!(first.count(), 1, "one did it, the others were told");
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
        assert_eq!(answer.header("location"), answers[0].header("location"));
    }
    let bookings: i64 = stack.value("select count(*) from app.bookings").await;
    assert_eq!(bookings, 1);
}

#[tokio::test]
async fn a_request_whose_first_one_does_not_end_is_told_to_ask_again() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let tenant = stack.tenant("studio-lua").await;
    let mut unfinished = stack.db.owner.begin().await.unwrap();
    sqlx::query(
        "insert into app.idempotent_requests (tenant_id, key, request_hash)
         values ($1, 'slow', decode(repeat('00', 32), 'hex'))",
    )
    .bind(tenant)
    .execute(&mut *unfinished)
    .await
    .unwrap();
    let body = a_cut("2026-03-12T15:00:00-03:00", MARINA);
    let key = [("idempotency-key", "slow")];
    let waiting = api.send(Method::POST, "/bookings", Some(body.clone()), &key).await;
    assert_eq!(waiting.problem(), (409, "in-progress"));
    assert!(waiting.header("retry-after").is_some());
    unfinished.rollback().await.unwrap();
    assert_eq!(api.send(Method::POST, "/bookings", Some(body), &key).await.status, 201);
}
