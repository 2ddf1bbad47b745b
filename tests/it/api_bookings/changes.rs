//! Changes of a booking: its status, its time, and when they are refused.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MARINA, OTHER, booked, of};
use crate::support::api::{Api, a_cut_with_ana};
use crate::support::stack::Stack;

#[tokio::test]
async fn cancelling_tells_the_customer_once_and_twice_is_no_error() {
    let mut stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let booking = booked(&api, a_cut_with_ana("2026-03-12T15:00:00-03:00", MARINA)).await;
    stack.work();
    stack.settle().await;
    let cancel = json!({"status": "cancelled", "reason": "ill"});
    let first = api.patch(&of(&booking), cancel.clone()).await;
    assert_eq!((first.status, &first.body["status"]), (200, &json!("cancelled")), "{first:?}");
    assert_eq!(first.body["cancel_reason"], "ill");
    let again = api.patch(&of(&booking), cancel).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("etag"), first.header("etag"), "nothing changed");
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), 2, "booked, and cancelled once");
    stack.stop_working().await;
    booked(&api, a_cut_with_ana("2026-03-12T15:00:00-03:00", OTHER)).await;
}

#[tokio::test]
async fn a_status_moves_on_and_not_back() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let booking = booked(&api, a_cut_with_ana("2026-03-12T15:00:00-03:00", MARINA)).await;
    for status in ["confirmed", "arrived", "completed", "completed"] {
        let answer = api.patch(&of(&booking), json!({"status": status})).await;
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!(status)), "{answer:?}");
    }
    for change in [
        json!({"status": "cancelled"}),
        json!({"status": "arrived"}),
        json!({"starts_at": "2026-03-12T16:00:00-03:00"}),
    ] {
        let answer = api.patch(&of(&booking), change.clone()).await;
        assert_eq!(answer.problem(), (409, "illegal-status"), "{change}");
        assert_eq!(answer.body["may_become"], json!([]), "{change}");
    }
    let other = booked(&api, a_cut_with_ana("2026-03-12T16:00:00-03:00", MARINA)).await;
    api.patch(&of(&other), json!({"status": "arrived"})).await;
    let back = api.patch(&of(&other), json!({"status": "confirmed"})).await;
    assert_eq!(back.problem(), (409, "illegal-status"));
    assert_eq!(back.body["may_become"], json!(["completed", "no_show", "cancelled"]));
}

#[tokio::test]
async fn a_change_that_contradicts_itself_is_refused() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let booking = booked(&api, a_cut_with_ana("2026-03-12T15:00:00-03:00", MARINA)).await;
    #[rustfmt::skip]
    let cases = [
        (json!({}),                                                                      vec!["status"]),
        (json!({"status": "cancelled", "starts_at": "2026-03-12T16:00:00-03:00"}),       vec!["starts_at"]),
        (json!({"status": "held"}),                                                      vec!["status"]),
        (json!({"status": "arrived", "reason": "x"}),                                    vec!["reason"]),
        (json!({"status": "arrived", "override_reason": "x"}),                           vec!["override_reason"]),
        (json!({"status": "arrived", "staff": "ana"}),                                   vec!["staff"]),
        (json!({"starts_at": "2026-03-12T16:00", "staff": "carla", "colour": "red"}),    vec!["starts_at", "staff", "colour"]),
        (json!({"starts_at": "2026-03-12T16:00:00-03:00", "reason": "x"}),               vec!["reason"]),
    ];
    for (change, fields) in cases {
        let answer = api.patch(&of(&booking), change.clone()).await;
        assert_eq!(answer.wrong_fields(), fields, "{change}");
    }
    let there = api.get(&of(&booking)).await;
    assert_eq!(there.body, booking, "nothing changed");
}

#[tokio::test]
async fn a_move_is_a_new_revision_and_a_taken_time_leaves_the_old_one() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let booking = booked(&api, a_cut_with_ana("2026-03-12T15:00:00-03:00", MARINA)).await;
    booked(&api, a_cut_with_ana("2026-03-12T16:00:00-03:00", OTHER)).await;
    let taken = api.patch(&of(&booking), json!({"starts_at": "2026-03-12T16:00:00-03:00"})).await;
    assert_eq!(taken.problem(), (409, "slot-taken"));
    assert_eq!(taken.body["alternatives"].as_array().unwrap().len(), 3);
    assert_eq!(api.get(&of(&booking)).await.body, booking);
    let closed = api.patch(&of(&booking), json!({"starts_at": "2026-03-15T16:00:00-03:00"})).await;
    assert_eq!(closed.problem(), (422, "not-bookable"));
    // Its own time is in nobody's way.
    let moved = api.patch(&of(&booking), json!({"starts_at": "2026-03-12T14:45:00-03:00"})).await;
    assert_eq!((moved.status, &moved.body["revision"]), (200, &json!(2)), "{moved:?}");
    assert_eq!(moved.body["starts_at"], "2026-03-12T14:45:00-03:00");
    assert_eq!(moved.body["ends_at"], "2026-03-12T15:30:00-03:00");
    let to_bruno = json!({"starts_at": "2026-03-12T16:00:00-03:00", "staff": "bruno"});
    let moved = api.patch(&of(&booking), to_bruno.clone()).await;
    assert_eq!(
        (&moved.body["revision"], &moved.body["staff"]["key"]),
        (&json!(3), &json!("bruno"))
    );
    let same = api.patch(&of(&booking), to_bruno).await;
    assert_eq!((same.status, &same.body), (200, &moved.body), "no move, no revision");
}

#[tokio::test]
async fn inside_the_cancellation_notice_a_reason_is_needed_and_kept() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    // In an hour and a quarter; the notice is two hours.
    let booking = booked(&api, a_cut_with_ana("2026-03-10T11:15:00-03:00", MARINA)).await;
    let later = "2026-03-10T15:00:00-03:00";
    for change in [json!({"status": "cancelled"}), json!({"starts_at": later})] {
        let answer = api.patch(&of(&booking), change.clone()).await;
        assert_eq!(answer.problem(), (409, "inside-notice"), "{change}");
        assert!(answer.body["detail"].as_str().unwrap().contains("override_reason"));
    }
    assert_eq!(api.get(&of(&booking)).await.body, booking);
    let change = json!({"starts_at": later, "override_reason": "the salon is flooded"});
    let moved = api.patch(&of(&booking), change).await;
    assert_eq!((moved.status, &moved.body["starts_at"]), (200, &json!(later)), "{moved:?}");
    assert_eq!(moved.body["override_reason"], "the salon is flooded");
    let other = booked(&api, a_cut_with_ana("2026-03-10T11:15:00-03:00", MARINA)).await;
    let change = json!({"status": "cancelled", "override_reason": "called in"});
    let cancelled = api.patch(&of(&other), change).await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("cancelled")));
    assert_eq!(cancelled.body["override_reason"], "called in");
}

#[tokio::test]
async fn if_match_keeps_an_old_view_from_changing_a_booking() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let booking = booked(&api, a_cut_with_ana("2026-03-12T15:00:00-03:00", MARINA)).await;
    let patch = |tag: String, change: Value| {
        let (api, path) = (api.clone(), of(&booking));
        async move { api.send(Method::PATCH, &path, Some(change), &[("if-match", &tag)]).await }
    };
    let old = api.get(&of(&booking)).await.header("etag").unwrap().to_owned();
    let arrived = patch(old.clone(), json!({"status": "arrived"})).await;
    assert_eq!(arrived.status, 200);
    let refused = patch(old.clone(), json!({"status": "cancelled"})).await;
    assert_eq!(refused.problem(), (412, "precondition-failed"));
    let fresh = arrived.header("etag").unwrap();
    assert_ne!(fresh, old);
    let list = format!("{old}, {fresh}");
    assert_eq!(patch(list, json!({"status": "completed"})).await.status, 200);
    assert_eq!(patch("*".to_owned(), json!({"status": "completed"})).await.status, 200);
}
