//! Bookings and visits over HTTP. It is Tuesday 10 March 2026, 10:00 in São Paulo.

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
                   "customer": {"phone": "11988887777", "name": "", "email": "m@example.com"}, "notes": "x"}),
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
async fn a_list_comes_in_pages_that_new_bookings_do_not_disturb() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    for hour in 9..12 {
        for staff in ["ana", "bruno"] {
            let mut body = a_cut(&format!("2026-03-12T{hour:02}:00:00-03:00"), MARINA);
            body["staff"] = json!(staff);
            booked(&api, body).await;
        }
    }
    let first = api.get("/bookings?limit=2").await.body;
    let after = |page: &Value| {
        format!("/bookings?limit=2&cursor={}", page["next_cursor"].as_str().unwrap())
    };
    // One that comes before what was read, one that comes after it.
    booked(&api, a_cut_with_ana("2026-03-11T09:00:00-03:00", OTHER)).await;
    booked(&api, a_cut_with_ana("2026-03-13T09:00:00-03:00", OTHER)).await;
    let mut pages = vec![first];
    while !pages.last().unwrap()["next_cursor"].is_null() {
        let next = api.get(&after(pages.last().unwrap())).await;
        assert_eq!(next.status, 200, "{next:?}");
        pages.push(next.body);
    }
    let sizes: Vec<_> =
        pages.iter().map(|page| page["bookings"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [2, 2, 2, 1]);
    let seen: Vec<_> = pages
        .iter()
        .flat_map(|page| page["bookings"].as_array().unwrap())
        .map(|booking| (booking["starts_at"].as_str().unwrap(), id(booking)))
        .collect();
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "by start, then id: {seen:?}");
}

#[tokio::test]
async fn a_list_is_filtered_by_everything_it_says_it_is() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let cut = booked(&api, a_cut_with_ana("2026-03-12T09:00:00-03:00", MARINA)).await;
    let mut colour = a_cut("2026-03-12T10:00:00-03:00", OTHER);
    colour["service"] = json!("cor");
    let colour = booked(&api, colour).await;
    let mut bruno = a_cut("2026-03-13T09:00:00-03:00", MARINA);
    bruno["staff"] = json!("bruno");
    let bruno = booked(&api, bruno).await;
    api.patch(&of(&bruno), json!({"status": "cancelled"})).await;
    let code = cut["code"].as_str().unwrap().to_lowercase();
    #[rustfmt::skip]
    let cases = [
        (String::new(),                                            vec![&cut, &colour, &bruno]),
        ("?from=2026-03-12T10:00:00-03:00".into(),                 vec![&colour, &bruno]),
        ("?to=2026-03-12T10:00:00-03:00".into(),                   vec![&cut]),
        ("?from=2026-03-12T13:00:00Z&to=2026-03-13T00:00:00Z".into(), vec![&colour]),
        ("?status=cancelled".into(),                               vec![&bruno]),
        ("?status=confirmed,cancelled".into(),                     vec![&cut, &colour, &bruno]),
        ("?status=confirmed&status=cancelled".into(),              vec![&cut, &colour, &bruno]),
        ("?staff=ana".into(),                                      vec![&cut, &colour]),
        ("?staff=nobody".into(),                                   vec![]),
        ("?service=cor".into(),                                    vec![&colour]),
        ("?phone=%2B5511988887777".into(),                         vec![&cut, &bruno]),
        ("?phone=551188887777".into(),                             vec![&cut, &bruno]),
        (format!("?code={code}"),                                  vec![&cut]),
        ("?staff=ana&service=corte&status=confirmed".into(),       vec![&cut]),
    ];
    for (query, expected) in cases {
        let answer = api.get(&format!("/bookings{query}")).await;
        assert_eq!(answer.status, 200, "{query} {answer:?}");
        let got: Vec<_> = answer.body["bookings"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(got, expected.iter().map(|booking| id(booking)).collect::<Vec<_>>(), "{query}");
    }
    let wrong = api.get("/bookings?limit=201&cursor=x&status=held,gone&code=K7F2C&page=2").await;
    assert_eq!(wrong.wrong_fields(), ["status", "code", "limit", "cursor", "page"]);
}

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
