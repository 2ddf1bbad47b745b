//! Bookings as calendars read them.

use icalendar::{Calendar, Component, Event};
use pontual::clock::Clock;
use reqwest::Method;
use serde_json::json;

use crate::support::api::{Answer, Api, a_cut_with_ana};
use crate::support::stack::{Stack, tuesday_at_ten};

const MARINA: &str = "+5511988887777";

fn events(text: &str) -> Vec<Event> {
    assert!(
        text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"),
        "{text}"
    );
    let calendar: Calendar = text.parse().unwrap();
    calendar.events().cloned().collect()
}

fn value<'e>(event: &'e Event, property: &str) -> &'e str {
    event.property_value(property).unwrap_or_else(|| panic!("{property} is missing"))
}

/// A feed as a calendar program reads it: without a key.
async fn subscribed(
    stack: &Stack,
    path: &str,
    version: Option<&str>,
) -> (u16, Option<String>, String) {
    let mut request = stack.http.get(format!("{}{path}", stack.base));
    if let Some(version) = version {
        request = request.header("if-none-match", version);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let header = |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
    if status == 200 {
        assert_eq!(header("content-type").as_deref(), Some("text/calendar; charset=utf-8"));
        assert!(header("cache-control").unwrap().contains("private"));
    }
    (status, header("etag"), answer.text().await.unwrap())
}

async fn feed_of(api: &Api, staff: &str) -> String {
    let made = api.send(Method::POST, &format!("/staff/{staff}/calendar"), None, &[]).await;
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")), "{made:?}");
    made.body["path"].as_str().unwrap().to_owned()
}

async fn booked(api: &Api, start: &str, phone: &str) -> String {
    let made = api.post("/bookings", a_cut_with_ana(start, phone)).await;
    assert_eq!(made.status, 201, "{made:?}");
    format!("/bookings/{}", made.body["id"].as_str().unwrap())
}

#[tokio::test]
async fn the_file_of_a_booking_follows_its_moves_and_its_end_under_one_uid() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let path = booked(&api, "2026-03-12T15:00:00-03:00", MARINA).await;
    let file = async || -> Answer {
        let file = api.get(&format!("{path}/calendar.ics")).await;
        assert_eq!(file.header("content-type"), Some("text/calendar; charset=utf-8"), "{file:?}");
        file
    };
    let first = file().await;
    assert_eq!(first.header("etag"), api.get(&path).await.header("etag"));
    let made = events(&first.text).remove(0);
    assert_eq!(value(&made, "UID"), format!("{}@pontual", path.rsplit('/').next().unwrap()));
    assert_eq!(value(&made, "SUMMARY"), "Corte · Ana");
    assert_eq!(value(&made, "LOCATION"), "Studio Lua, Rua das Flores, 120");
    assert_eq!(
        (value(&made, "DTSTART"), value(&made, "DTEND")),
        ("20260312T180000Z", "20260312T184500Z")
    );
    assert_eq!((value(&made, "SEQUENCE"), value(&made, "STATUS")), ("1", "CONFIRMED"));
    assert!(!first.text.contains("Marina"), "the customer knows their own name");

    api.patch(&path, json!({"starts_at": "2026-03-12T16:00:00-03:00"})).await;
    let moved = events(&file().await.text).remove(0);
    assert_eq!((value(&moved, "SEQUENCE"), value(&moved, "DTSTART")), ("2", "20260312T190000Z"));
    api.patch(&path, json!({"status": "cancelled"})).await;
    let text = file().await.text;
    let cancelled = events(&text).remove(0);
    assert_eq!((value(&cancelled, "SEQUENCE"), value(&cancelled, "STATUS")), ("3", "CANCELLED"));
    assert!(text.contains("METHOD:CANCEL\r\n"), "{text}");
    assert_eq!(value(&cancelled, "UID"), value(&made, "UID"));

    let luna = Api::of(&stack, "luna-salon").await;
    assert_eq!(luna.get(&format!("{path}/calendar.ics")).await.problem(), (404, "not-found"));
}

#[tokio::test]
async fn a_feed_lists_a_member_s_customers_and_tells_what_did_not_change() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let feed = feed_of(&api, "ana").await;
    let (status, empty, text) = subscribed(&stack, &feed, None).await;
    assert_eq!((status, events(&text).len()), (200, 0));
    let first = booked(&api, "2026-03-12T15:00:00-03:00", MARINA).await;
    booked(&api, "2026-03-13T15:00:00-03:00", "+5511977776666").await;
    let mut of_bruno = a_cut_with_ana("2026-03-12T15:00:00-03:00", "+5511966665555");
    of_bruno["staff"] = json!("bruno");
    assert_eq!(api.post("/bookings", of_bruno).await.status, 201);
    // A hold is nobody's appointment, confirmed or not by the time it is gone.
    sqlx::query(
        "insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status)
         select tenant_id, customer_id, service_id, staff_id, starts_at + interval '6 days', 'held'
           from app.bookings where id = $1::uuid",
    )
    .bind(first.rsplit('/').next().unwrap())
    .execute(&stack.db.owner)
    .await
    .unwrap();
    sqlx::query("update app.bookings set status = 'cancelled' where status = 'held'")
        .execute(&stack.db.owner)
        .await
        .unwrap();

    let (status, version, text) = subscribed(&stack, &feed, empty.as_deref()).await;
    let listed = events(&text);
    let summaries: Vec<_> = listed.iter().map(|event| value(event, "SUMMARY")).collect();
    assert_eq!((status, summaries), (200, vec!["Corte · Marina", "Corte · Marina"]), "{text}");
    assert_eq!(subscribed(&stack, &feed, version.as_deref()).await.0, 304);
    let weak = format!("\"x\", W/{}", version.as_deref().unwrap());
    assert_eq!(subscribed(&stack, &feed, Some(&weak)).await.0, 304);

    api.patch(&first, json!({"status": "cancelled"})).await;
    let (status, _, text) = subscribed(&stack, &feed, version.as_deref()).await;
    let told: Vec<_> =
        events(&text).iter().map(|event| value(event, "STATUS").to_owned()).collect();
    assert_eq!((status, told), (200, vec!["CANCELLED".to_owned(), "CONFIRMED".to_owned()]));
}

#[tokio::test]
async fn a_feed_goes_thirty_days_back() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let feed = feed_of(&api, "ana").await;
    booked(&api, "2026-03-12T15:00:00-03:00", MARINA).await;
    for (days, expected) in [(31, 1), (33, 0)] {
        let clock = Clock::starting_at(tuesday_at_ten() + chrono::TimeDelta::days(days));
        let pool = pontual::db::connect(&stack.db.url_app(), 2, clock).await.unwrap();
        let app = pontual::http::App { pool, clock, webhook_secrets: vec![].into() };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}{feed}", listener.local_addr().unwrap());
        let later =
            tokio::spawn(async move { axum::serve(listener, pontual::http::router(app)).await });
        let text = stack.http.get(url).send().await.unwrap().text().await.unwrap();
        assert_eq!(events(&text).len(), expected, "{days} days later");
        later.abort();
    }
}

#[tokio::test]
async fn an_address_works_until_it_is_replaced_or_removed_and_is_stored_nowhere() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let first = feed_of(&api, "ana").await;
    let of_bruno = feed_of(&api, "bruno").await;
    let second = feed_of(&api, "ana").await;
    assert_ne!(first, second);
    assert_eq!(subscribed(&stack, &first, None).await.0, 404, "the old address");
    assert_eq!(subscribed(&stack, &second, None).await.0, 200);
    let secret = second.strip_prefix("/calendar/").unwrap().strip_suffix(".ics").unwrap();
    assert_eq!(secret.len(), 43);
    let stored: i64 = sqlx::query_scalar(
        "select (select count(*) from app.staff t where t::text like '%' || $1 || '%')
              + (select count(*) from app.audit_log t where t::text like '%' || $1 || '%')",
    )
    .bind(secret)
    .fetch_one(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!(stored, 0);

    for wrong in [
        format!("/calendar/{secret}"),
        "/calendar/x.ics".to_owned(),
        format!("{second}x"),
        format!("/calendar/{}.ics", "A".repeat(43)),
    ] {
        assert_eq!(subscribed(&stack, &wrong, None).await.0, 404, "{wrong}");
    }
    for _ in 0..2 {
        let removed = api.send(Method::DELETE, "/staff/ana/calendar", None, &[]).await;
        assert_eq!((removed.status, removed.text.as_str()), (204, ""));
        assert_eq!(subscribed(&stack, &second, None).await.0, 404);
    }
    assert_eq!(subscribed(&stack, &of_bruno, None).await.0, 200);

    sqlx::query("update app.staff set retired_at = now() where key = 'bruno'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(subscribed(&stack, &of_bruno, None).await.0, 404, "Bruno left");
    for (method, staff) in
        [(Method::POST, "bruno"), (Method::POST, "carla"), (Method::DELETE, "carla")]
    {
        let answer = api.send(method, &format!("/staff/{staff}/calendar"), None, &[]).await;
        assert_eq!(answer.problem(), (404, "not-found"), "{staff}");
    }
    let luna = Api::of(&stack, "luna-salon").await;
    let theirs = feed_of(&luna, "ana").await;
    assert_eq!(subscribed(&stack, &theirs, None).await.0, 200, "another Ana");
}
