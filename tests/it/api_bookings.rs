//! Bookings and visits over HTTP. It is Tuesday 10 March 2026, 10:00 in São Paulo.

mod changes;
mod lists;
mod repeated;
mod visits;

use std::collections::HashSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::{Api, a_cut, a_cut_with_ana};
use crate::support::stack::Stack;

const MARINA: &str = "+5511988887777";
const OTHER: &str = "+5511977776666";

async fn booked(api: &Api, body: Value) -> Value {
    let answer = api.post("/bookings", body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body
}

fn id(booking: &Value) -> &str {
    booking["id"].as_str().unwrap()
}

fn of(booking: &Value) -> String {
    format!("/bookings/{}", id(booking))
}

#[tokio::test]
async fn a_booking_is_made_told_and_read_back() {
    let mut stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let answer = api.post("/bookings", a_cut_with_ana("2026-03-12T18:00:00Z", MARINA)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let booking = &answer.body;
    assert_eq!(answer.header("location"), Some(format!("/api/v1{}", of(booking)).as_str()));
    let mut told = booking.clone();
    for made in ["id", "visit_id", "code", "created_at"] {
        assert!(told.as_object_mut().unwrap().remove(made).unwrap().is_string(), "{made}");
    }
    let customer = told["customer"].as_object_mut().unwrap();
    assert!(customer.remove("id").is_some());
    assert_eq!(
        told,
        json!({
            "status": "confirmed",
            "service": {"key": "corte", "name": "Corte"}, "staff": {"key": "ana", "name": "Ana"},
            "starts_at": "2026-03-12T15:00:00-03:00", "ends_at": "2026-03-12T15:45:00-03:00",
            "customer": {"phone": MARINA, "name": "Marina"},
            "price": "80.00", "currency": "BRL", "revision": 1,
        })
    );
    let code = booking["code"].as_str().unwrap();
    for path in
        [of(booking), format!("/bookings/{code}"), format!("/bookings/{}", code.to_lowercase())]
    {
        let read = api.get(&path).await;
        assert_eq!((read.status, &read.body), (200, booking), "{path}");
        assert!(read.header("etag").unwrap().starts_with("\"1-"));
    }
    stack.work();
    stack.settle().await;
    let told: Vec<_> = stack.sim.sent();
    assert_eq!(told.len(), 1, "the customer is told once");
    let actor: String = stack
        .value(
            "select actor from app.audit_log where table_name = 'bookings' and action = 'insert'",
        )
        .await;
    assert_eq!(actor, "key:tests");
    stack.stop_working().await;
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let wrong = api
        .post(
            "/bookings",
            json!({"service": "barba", "staff": "carla", "starts_at": "2026-03-12T15:00:00",
                   "customer": {"phone": "11988887777", "name": "", "email": "m@example"}, "notes": "x"}),
        )
        .await;
    let mut fields = wrong.wrong_fields();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "customer.email",
            "customer.name",
            "customer.phone",
            "notes",
            "service",
            "staff",
            "starts_at"
        ]
    );
    let mut fields = api.post("/bookings", json!({})).await;
    assert_eq!(fields.wrong_fields(), ["service", "starts_at", "customer"]);
    // Bruno cuts only.
    let mut colour = a_cut("2026-03-12T15:00:00-03:00", MARINA);
    colour["service"] = json!("cor");
    colour["staff"] = json!("bruno");
    fields = api.post("/bookings", colour).await;
    assert_eq!(fields.wrong_fields(), ["staff"]);
    let kept: i64 = stack.value("select count(*) from app.customers").await;
    assert_eq!(kept, 0, "a request that failed leaves nothing");
}

#[tokio::test]
async fn a_parameter_that_nobody_knows_keeps_a_change_from_being_made() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let start = "2026-03-12T15:00:00-03:00";
    let booking = booked(&api, a_cut_with_ana(start, MARINA)).await;
    let visit = json!({"services": [{"service": "corte"}], "starts_at": "2026-03-13T15:00:00-03:00",
                       "customer": {"phone": MARINA}});
    let cancel = json!({"status": "cancelled"});
    for (method, path, body) in [
        (Method::POST, "/bookings".to_owned(), a_cut("2026-03-13T15:00:00-03:00", MARINA)),
        (Method::POST, "/visits".to_owned(), visit),
        (Method::PATCH, of(&booking), cancel.clone()),
        (Method::PATCH, format!("/visits/{}", booking["visit_id"].as_str().unwrap()), cancel),
    ] {
        let answer = api.send(method, &format!("{path}?dry_run=true"), Some(body), &[]).await;
        assert_eq!(answer.wrong_fields(), ["dry_run"], "{path}");
    }
    assert_eq!(api.get("/bookings").await.body["bookings"], json!([booking]));
}

#[tokio::test]
async fn a_time_that_breaks_a_rule_is_refused_with_the_reason_and_free_times() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    #[rustfmt::skip]
    let cases = [
        ("2026-03-10T09:00:00-03:00", "past"),
        ("2026-03-10T10:30:00-03:00", "notice"),
        ("2026-06-10T10:00:00-03:00", "horizon"),
        ("2026-03-15T10:00:00-03:00", "no_hours"),
        ("2026-03-12T20:00:00-03:00", "outside_hours"),
        ("2026-03-12T12:15:00-03:00", "break"),
        ("2026-03-12T17:30:00-03:00", "closing"),
    ];
    for (start, reason) in cases {
        let answer = api.post("/bookings", a_cut_with_ana(start, MARINA)).await;
        assert_eq!(answer.problem(), (422, "not-bookable"), "{start} {answer:?}");
        assert_eq!(answer.body["reasons"][0]["reason"], reason, "{start} {answer:?}");
        let alternatives = answer.alternatives();
        assert_eq!(alternatives.len(), 3, "{start}");
        assert!(alternatives.iter().all(|(_, staff)| staff == "ana"), "{start} {alternatives:?}");
    }
}

#[tokio::test]
async fn a_taken_time_is_409_with_the_three_nearest_of_the_wished_member_of_staff() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    booked(&api, a_cut_with_ana("2026-03-12T15:00:00-03:00", MARINA)).await;
    let answer = api.post("/bookings", a_cut_with_ana("2026-03-12T15:00:00-03:00", OTHER)).await;
    assert_eq!(answer.problem(), (409, "slot-taken"));
    assert_eq!(answer.body["reasons"][0]["reason"], "booked");
    let expected =
        ["2026-03-12T14:15:00-03:00", "2026-03-12T15:45:00-03:00", "2026-03-12T14:00:00-03:00"]
            .map(|start| (start.to_owned(), "ana".to_owned()));
    assert_eq!(answer.alternatives(), expected);
    // Each of them can be had.
    for (start, _) in answer.alternatives().into_iter().take(2) {
        booked(&api, a_cut_with_ana(&start, OTHER)).await;
    }
    // Overlapping by a part is taken, too; the minute after the end is free, off the grid or not.
    let part = api.post("/bookings", a_cut_with_ana("2026-03-12T16:10:00-03:00", OTHER)).await;
    assert_eq!(part.problem(), (409, "slot-taken"));
    booked(&api, a_cut_with_ana("2026-03-12T16:37:00-03:00", OTHER)).await;
}

#[tokio::test]
async fn alternatives_are_found_however_far_they_are() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    sqlx::query(
        "insert into app.time_off (tenant_id, staff_id, during)
         select tenant_id, id, '[2026-03-01, 2026-04-02 03:00:00Z)' from app.staff",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let answer = api.post("/bookings", a_cut("2026-03-12T15:00:00-03:00", MARINA)).await;
    assert_eq!(answer.problem(), (422, "not-bookable"));
    assert_eq!(answer.body["reasons"][0]["reason"], "time_off");
    let starts: Vec<_> = answer.alternatives().into_iter().map(|(start, _)| start).collect();
    let first = ["09:00", "09:15", "09:30"].map(|time| format!("2026-04-02T{time}:00-03:00"));
    assert_eq!(starts, first);
}

#[tokio::test]
async fn without_a_wish_whoever_has_the_most_free_time_takes_it_and_then_the_other_one() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    booked(&api, a_cut_with_ana("2026-03-12T09:00:00-03:00", MARINA)).await;
    let second = booked(&api, a_cut("2026-03-12T15:00:00-03:00", OTHER)).await;
    assert_eq!(second["staff"]["key"], "bruno", "Ana has less free time that day");
    let third = booked(&api, a_cut("2026-03-12T15:00:00-03:00", "+5511966665555")).await;
    assert_eq!(third["staff"]["key"], "ana");
    let fourth = api.post("/bookings", a_cut("2026-03-12T15:00:00-03:00", MARINA)).await;
    assert_eq!(fourth.problem(), (409, "slot-taken"));
    let starts: HashSet<_> = fourth.alternatives().into_iter().map(|(start, _)| start).collect();
    assert_eq!(starts.len(), 3, "three different times");
}

#[tokio::test]
async fn a_customer_is_known_by_the_phone_and_keeps_the_name() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let mut body = a_cut_with_ana("2026-03-12T09:00:00-03:00", "+55 11 98888-7777");
    body["customer"].as_object_mut().unwrap().remove("name");
    let first = booked(&api, body).await;
    assert_eq!(
        (&first["customer"]["phone"], &first["customer"]["name"]),
        (&json!(MARINA), &Value::Null)
    );
    let second = booked(&api, a_cut_with_ana("2026-03-12T10:00:00-03:00", MARINA)).await;
    let mut body = a_cut_with_ana("2026-03-12T11:00:00-03:00", "+551188887777");
    body["customer"]["name"] = json!("Somebody else");
    let third = booked(&api, body).await;
    for later in [&second, &third] {
        assert_eq!(later["customer"]["id"], first["customer"]["id"]);
        assert_eq!(later["customer"]["name"], "Marina", "an empty name is filled, a name stays");
    }
}

#[tokio::test]
async fn nobody_reads_or_changes_a_booking_of_another_tenant() {
    let stack = Stack::new().await;
    let (ours, theirs) = (Api::of(&stack, "studio-lua").await, Api::of(&stack, "luna-salon").await);
    let booking = booked(&ours, a_cut_with_ana("2026-03-12T15:00:00-03:00", MARINA)).await;
    let code = booking["code"].as_str().unwrap();
    let nothing = ["no-such-thing", "00000000-0000-0000-0000-000000000000", "%FF", "%00"];
    for named in [id(&booking), code].into_iter().chain(nothing) {
        for path in [format!("/bookings/{named}"), format!("/visits/{named}")] {
            assert_eq!(theirs.get(&path).await.problem(), (404, "not-found"), "{path}");
            let change = theirs.patch(&path, json!({"status": "cancelled"})).await;
            assert_eq!(change.problem(), (404, "not-found"), "{path}");
        }
    }
    assert_eq!(theirs.get("/bookings").await.body["bookings"], json!([]));
    assert_eq!(ours.get(&of(&booking)).await.body, booking);
}

#[tokio::test]
async fn every_code_the_database_makes_is_read_and_none_with_a_slip() {
    let stack = Stack::new().await;
    let tenant = stack.tenant("studio-lua").await;
    let codes: Vec<String> =
        sqlx::query_scalar("select app.booking_code($1) from generate_series(1, 500)")
            .bind(tenant)
            .fetch_all(&stack.db.owner)
            .await
            .unwrap();
    for code in codes {
        let read: Result<pontual::domain::code::Code, _> = code.to_lowercase().parse();
        assert_eq!(read.map(|read| read.to_string()), Ok(code.clone()));
        let slip = if code.starts_with('A') { "B" } else { "A" };
        let mistyped = format!("{slip}{}", &code[1..]).parse::<pontual::domain::code::Code>();
        assert_eq!(mistyped, Err(pontual::domain::code::Slip::Mistyped), "{code}");
    }
}

#[tokio::test]
async fn a_lock_that_somebody_forgot_is_waited_for_and_then_told() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let mut forgotten = stack.db.owner.begin().await.unwrap();
    sqlx::query("select from app.staff for update").execute(&mut *forgotten).await.unwrap();
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { api.post("/bookings", a_cut("2026-03-12T15:00:00-03:00", MARINA)).await }
    });
    // Locks are waited for two seconds at a time: this is the second wait.
    let mut first_wait = None;
    while !waiting.is_finished() {
        let waits: Option<chrono::DateTime<chrono::Utc>> = sqlx::query_scalar(
            "select min(query_start) from pg_stat_activity
              where wait_event_type = 'Lock' and datname = current_database()",
        )
        .fetch_one(&stack.db.owner)
        .await
        .unwrap();
        if waits.is_some() && *first_wait.get_or_insert(waits) != waits {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!waiting.is_finished(), "the outcome is not known yet");
    forgotten.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap().status, 201);
}
