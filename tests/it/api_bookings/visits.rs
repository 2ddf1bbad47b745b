//! Visits: several bookings that are made, moved and cancelled as one.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{MARINA, OTHER, booked, id};
use crate::support::api::{Api, a_cut_with_ana};
use crate::support::stack::Stack;

fn visit(start: &str, services: &Value) -> Value {
    json!({"services": services, "starts_at": start, "customer": {"phone": MARINA, "name": "Marina"}})
}

fn lines(visit: &Value) -> Vec<(&str, &str, &str)> {
    visit["bookings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                line["starts_at"].as_str().unwrap(),
                line["service"]["key"].as_str().unwrap(),
                line["staff"]["key"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_visit_is_several_bookings_with_one_code_and_one_message() {
    let mut stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let services = json!([{"service": "corte", "staff": "bruno"}, {"service": "manicure"}]);
    let answer = api.post("/visits", visit("2026-03-12T09:00:00-03:00", &services)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let made = &answer.body;
    assert_eq!(
        lines(made),
        [
            ("2026-03-12T09:00:00-03:00", "corte", "bruno"),
            ("2026-03-12T09:45:00-03:00", "manicure", "ana"),
        ]
    );
    assert_eq!(made["ends_at"], "2026-03-12T10:25:00-03:00");
    let codes: HashSet<_> =
        made["bookings"].as_array().unwrap().iter().map(|b| b["code"].as_str()).collect();
    assert_eq!(codes, HashSet::from([made["code"].as_str()]));
    let path = format!("/visits/{}", id(made));
    assert_eq!(answer.header("location"), Some(format!("/api/v1{path}").as_str()));
    assert_eq!(api.get(&path).await.body, *made);
    let code = made["code"].as_str().unwrap();
    assert_eq!(api.get(&format!("/visits/{code}")).await.body, *made);
    let by_code = api.get(&format!("/bookings/{code}")).await;
    assert_eq!(by_code.problem(), (404, "not-found"), "the code names two bookings");
    assert_eq!(by_code.body["visit"], format!("/api/v1{path}"));
    stack.work();
    stack.settle().await;
    assert_eq!(stack.sim.sent().len(), 1);
    stack.stop_working().await;
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_visit_is_taken_whole_or_not_at_all() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    booked(&api, a_cut_with_ana("2026-03-12T09:45:00-03:00", OTHER)).await;
    let services = json!([{"service": "corte", "staff": "bruno"}, {"service": "manicure"}]);
    let body = visit("2026-03-12T09:00:00-03:00", &services);
    let answer = api.post("/visits", body).await;
    assert_eq!(answer.problem(), (409, "slot-taken"));
    assert_eq!(answer.body["line"], 1, "the manicure does not fit");
    let alternatives = answer.body["alternatives"].as_array().unwrap();
    assert_eq!(alternatives.len(), 3);
    let bookings: i64 = stack.value("select count(*) from app.bookings").await;
    assert_eq!(bookings, 1);
    let services = json!([{"service": "corte", "staff": "bruno"}, {"service": "manicure"}]);
    let start = alternatives[0]["starts_at"].as_str().unwrap();
    let second = api.post("/visits", visit(start, &services)).await;
    assert_eq!(second.status, 201, "{second:?}");
    for (line, offered) in second.body["bookings"]
        .as_array()
        .unwrap()
        .iter()
        .zip(alternatives[0]["lines"].as_array().unwrap())
    {
        for field in ["starts_at", "ends_at", "service", "staff"] {
            assert_eq!(line[field], offered[field], "{field}");
        }
    }
    let wrong = api
        .post(
            "/visits",
            json!({"services": [{"service": "corte"}, {"service": "barba", "staff": "x"}, 7]}),
        )
        .await;
    assert_eq!(
        wrong.wrong_fields(),
        ["services[1].service", "services[1].staff", "services[2]", "starts_at", "customer"]
    );
    assert_eq!(api.post("/visits", visit(start, &json!([]))).await.wrong_fields(), ["services"]);
}

#[tokio::test]
async fn a_visit_moves_and_is_cancelled_whole() {
    let mut stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let services = json!([{"service": "corte", "staff": "ana"}, {"service": "manicure"}]);
    let made = api.post("/visits", visit("2026-03-12T09:00:00-03:00", &services)).await.body;
    let path = format!("/visits/{}", id(&made));
    // A quarter of an hour: each line takes a part of where the other one was.
    let moved = api.patch(&path, json!({"starts_at": "2026-03-12T09:15:00-03:00"})).await;
    assert_eq!(moved.status, 200, "{moved:?}");
    assert_eq!(
        lines(&moved.body),
        [
            ("2026-03-12T09:15:00-03:00", "corte", "ana"),
            ("2026-03-12T10:00:00-03:00", "manicure", "ana")
        ]
    );
    assert!(moved.body["bookings"].as_array().unwrap().iter().all(|line| line["revision"] == 2));
    booked(&api, a_cut_with_ana("2026-03-12T15:00:00-03:00", OTHER)).await;
    let taken = api.patch(&path, json!({"starts_at": "2026-03-12T14:30:00-03:00"})).await;
    assert_eq!(taken.problem(), (409, "slot-taken"));
    assert_eq!(taken.body["alternatives"].as_array().unwrap().len(), 3);
    let over_lunch = api.patch(&path, json!({"starts_at": "2026-03-12T11:15:00-03:00"})).await;
    assert_eq!(over_lunch.problem(), (422, "not-bookable"));
    assert_eq!(api.get(&path).await.body, moved.body, "what is refused changes nothing");

    let cancelled = api.patch(&path, json!({"status": "cancelled", "reason": "ill"})).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert!(
        cancelled.body["bookings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|line| line["status"] == "cancelled")
    );
    let again = api.patch(&path, json!({"status": "cancelled"})).await;
    assert_eq!((again.status, &again.body), (200, &cancelled.body));
    let late = api.patch(&path, json!({"starts_at": "2026-03-12T10:15:00-03:00"})).await;
    assert_eq!(late.problem(), (409, "illegal-status"));
    stack.work();
    stack.settle().await;
    stack.stop_working().await;
    assert_eq!(stack.violations().await, Vec::<Value>::new());
}
