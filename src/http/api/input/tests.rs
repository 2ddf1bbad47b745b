use axum::http::Uri;
use serde_json::json;

use super::*;

fn body(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => JsonObject(object),
        other => panic!("{other} is no object"),
    }
}

async fn query(text: &str) -> Query {
    let request = Request::builder().uri(Uri::try_from(format!("/x?{text}")).unwrap());
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    Query::from_request_parts(&mut parts, &()).await.unwrap()
}

fn told(problem: Problem) -> Vec<String> {
    problem.errors.into_iter().map(|error| format!("{} {}", error.field, error.problem)).collect()
}

#[test]
fn every_wrong_field_is_named_at_once_with_its_path() {
    let body = body(json!({
        "service": 7,
        "starts_at": "2026-03-12T15:00",
        "customer": {"phone": "1", "nmae": "Marina"},
        "lines": [{"service": "corte"}, 3, {}],
        "colour": "red",
    }));
    let mut fields = Fields::of(&body);
    fields.required("service", string(key));
    fields.required("starts_at", string(timestamp));
    fields.required("count", string(whole_number(1..=6)));
    fields.optional("staff", string(key));
    fields.required_object("customer", |customer| {
        customer.optional("name", string(text(1..=120)));
        customer.required("phone", string(text(3..=20)))
    });
    let lines =
        fields.required_objects("lines", 1, 6, |line| line.required("service", string(key)));
    assert_eq!(lines, None);
    assert_eq!(
        told(fields.finish().unwrap_err()),
        [
            "service is no string",
            "starts_at is no time with an offset (RFC 3339), such as 2026-03-12T15:00:00-03:00",
            "count is missing",
            "customer.phone has not 3 to 20 signs",
            "customer.nmae is unknown; known are name, phone",
            "lines[1] is no object",
            "lines[2].service is missing",
            "colour is unknown; known are service, starts_at, count, staff, customer, lines",
        ]
    );
}

#[test]
fn what_is_right_is_read_and_null_counts_as_not_given() {
    let body = body(json!({"name": "  Ana Lúcia ", "staff": null, "limit": "200"}));
    let mut fields = Fields::of(&body);
    let name = fields.required("name", string(text(1..=120)));
    let staff = fields.optional("staff", string(key));
    let limit = fields.required("limit", string(whole_number(1..=200)));
    assert!(!fields.has("staff"));
    assert_eq!((name.as_deref(), staff, limit), (Some("Ana Lúcia"), None, Some(200)));
    assert_eq!(fields.finish_with(name).unwrap(), "Ana Lúcia");
}

#[test]
fn nothing_that_a_database_cannot_store_comes_through_a_reader() {
    assert!(text(1..=20)("a\0b").is_err());
    assert!(text(1..=20)("a\u{1b}b").is_err());
    assert!(text(1..=3)("éééé").is_err());
    assert!(
        key("corte,cor").is_err()
            && key("").is_err()
            && key("a\0").is_err()
            && key(&"a".repeat(64)).is_err()
    );
    assert!(timestamp("9999-12-31T23:59:59Z").is_err());
    assert!(whole_number(1..=6)("7").is_err() && whole_number(1..=6)("1.5").is_err());
    assert!(choice(&["bot", "human"])("BOT").is_err());
    assert!(flag("1").is_err());
}

#[tokio::test]
async fn parameters_that_are_unknown_or_come_twice_are_named() {
    let mut query =
        query("from=2026-03-12T00:00:00Z&from=2026-03-13T00:00:00Z&form=x&limit=0&%00=").await;
    query.required("from", timestamp);
    query.required("to", timestamp);
    query.optional("limit", whole_number(1..=200));
    let known = "known are from, to, limit";
    assert_eq!(
        told(query.finish().unwrap_err()),
        [
            "from is given more than once".to_owned(),
            "to is missing".to_owned(),
            "limit is no whole number from 1 to 200".to_owned(),
            format!("form is unknown; {known}"),
            format!("\0 is unknown; {known}"),
        ]
    );
}

#[tokio::test]
async fn a_plus_that_nobody_escaped_and_lists_in_both_forms_are_read() {
    let mut query =
        query("from=2026-03-12T09:00:00+01:00&status=held,confirmed&status=arrived").await;
    let from = query.required("from", timestamp).unwrap();
    assert_eq!(from.to_rfc3339(), "2026-03-12T09:00:00+01:00");
    let status = query.list("status", choice(&["held", "confirmed", "arrived"]));
    assert_eq!(status, ["held", "confirmed", "arrived"]);
    assert!(query.finish().is_ok());
}

async fn posted(kind: Option<&str>, body: impl Into<Body>) -> Result<JsonObject, StatusCode> {
    let mut request = Request::builder().method("POST");
    if let Some(kind) = kind {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    let request = request.body(body.into()).unwrap();
    JsonObject::from_request(request, &()).await.map_err(|problem| problem.status)
}

#[tokio::test]
async fn a_body_is_a_json_object_of_64_kib_at_most() {
    let taken =
        [None, Some("application/json; charset=utf-8"), Some("application/merge-patch+json")];
    for kind in taken {
        assert!(posted(kind, r#"{"a": 1}"#).await.is_ok(), "{kind:?}");
    }
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(MAX_BODY));
    let refused: [(Option<&str>, Vec<u8>, u16); 8] = [
        (Some("text/plain"), b"{}".to_vec(), 415),
        (Some("multipart/form-data; boundary=json"), b"{}".to_vec(), 415),
        (None, b"{".to_vec(), 400),
        (None, Vec::new(), 400),
        (None, b"{\"a\": \"\xff\"}".to_vec(), 400),
        (None, b"[1]".to_vec(), 400),
        (None, deep.into_bytes(), 400),
        (None, large.into_bytes(), 413),
    ];
    for (kind, body, status) in refused {
        let label = format!("{kind:?}, {} bytes", body.len());
        assert_eq!(posted(kind, body).await.unwrap_err().as_u16(), status, "{label}");
    }
}
