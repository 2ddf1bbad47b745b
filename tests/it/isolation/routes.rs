//! Every route of the API, with a key of A and B's ids.

use reqwest::Method;
use serde_json::{Value, json};

use super::crossing::{A, B, Ids, changed, ids, leaked, stage, sums};
use crate::support::api::Api;
use crate::support::stack::Stack;

/// The routes of the description: (method, path, names of query parameters).
async fn routes(api: &Api) -> Vec<(Method, String, Vec<String>)> {
    let description = api.get("/openapi.json").await.body;
    let mut routes = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let query = operation["parameters"].as_array().into_iter().flatten();
            let query = query.filter(|parameter| parameter["in"] == "query");
            let names = query.map(|parameter| parameter["name"].as_str().unwrap().to_owned());
            let path = path.strip_prefix("/api/v1").unwrap_or(path).to_owned();
            routes.push((method, path, names.collect()));
        }
    }
    routes
}

/// Every way to name something of B's in a path.
fn paths(path: &str, ids: &Ids) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (_, after) = rest.split_once('}').unwrap();
    // What an address may be the address of; other ids open nothing anywhere.
    let tables = ["bookings", "conversations", "customers", "staff", "outbound_messages"];
    let names = tables.iter().filter_map(|table| ids.get(*table)).map(ToString::to_string).chain([
        "MARK1".to_owned(),
        "manicure".to_owned(),
        "bruno".to_owned(),
    ]);
    names.flat_map(|name| paths(&format!("{before}{name}{after}"), ids)).collect()
}

fn query(names: &[String], ids: &Ids) -> String {
    let pairs = names.iter().map(|name| {
        let value = match name.as_str() {
            "from" => "2026-03-10T00:00:00-03:00".to_owned(),
            "to" => "2026-03-20T00:00:00-03:00".to_owned(),
            "limit" | "lines" => "50".to_owned(),
            "service" => "manicure".to_owned(),
            "staff" => "bruno".to_owned(),
            "phone" | "customer" => "5511988887777".to_owned(),
            "code" => "MARK1".to_owned(),
            "cursor" => String::new(),
            _ => ids["conversations"].to_string(),
        };
        format!("{name}={value}")
    });
    pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("&")
}

/// What a body may ask to be done to something of B's.
fn bodies(ids: &Ids) -> Vec<Value> {
    let customer = json!({"id": ids["customers"], "phone": "+14155550123", "name": "Somebody"});
    vec![
        json!({"status": "cancelled", "reason": "x", "override_reason": "x"}),
        json!({"starts_at": "2026-03-13T10:00:00-03:00", "override_reason": "x"}),
        json!({"mode": "human"}),
        json!({"text": "x"}),
        json!({"service": ids["services"], "staff": ids["staff"], "starts_at": "2026-03-13T10:00:00-03:00", "customer": customer}),
        json!({"services": ["manicure"], "starts_at": "2026-03-13T10:00:00-03:00", "customer": customer}),
        json!({}),
    ]
}

/// Asks everything with a key of `tenant`; complaints, and how many answers there were below 400.
async fn cross(stack: &Stack, tenant: &str) -> (Vec<String>, usize) {
    let api = Api::of(stack, tenant).await;
    let ids = ids(stack).await;
    let whose = ids["tenants"];
    let (mut complaints, mut answered) = (Vec::new(), 0);
    let mut conn = stack.db.owner.acquire().await.unwrap();
    for (method, path, names) in routes(&api).await {
        let before = sums(&mut conn, whose).await;
        for path in paths(&path, &ids) {
            let asked = query(&names, &ids);
            let tries = if asked.is_empty() || method != Method::GET {
                vec![path.clone()]
            } else {
                vec![path.clone(), format!("{path}?{asked}")]
            };
            for url in tries {
                let bodies = if method == Method::GET {
                    vec![None]
                } else {
                    bodies(&ids).into_iter().map(Some).collect()
                };
                for body in bodies {
                    let went_in = format!("{url} {}", body.clone().unwrap_or_default());
                    let answer = api.send(method.clone(), &url, body, &[]).await;
                    assert!(answer.status < 500, "{method} {url}: {answer:?}");
                    answered += usize::from(answer.status < 400);
                    let marks = leaked(&answer.text, &went_in);
                    if !marks.is_empty() {
                        complaints.push(format!("{method} {url} tells {marks:?}"));
                    }
                }
            }
        }
        let touched = changed(&before, &sums(&mut conn, whose).await);
        if !touched.is_empty() {
            complaints.push(format!("{method} {path} changes {touched:?}"));
        }
    }
    (complaints, answered)
}

#[tokio::test]
async fn p8_no_route_lets_a_key_reach_another_tenants_rows() {
    let stack = stage().await;
    let (complaints, _) = cross(&stack, A).await;
    assert_eq!(complaints, Vec::<String>::new());

    // With B's own key the same requests do reach them.
    let (own, answered) = cross(&stack, B).await;
    let told = own.iter().filter(|it| it.contains(" tells ")).count();
    let changes = own.iter().filter(|it| it.contains(" changes ")).count();
    assert!(told >= 8 && changes >= 4, "{answered} answered; {own:#?}");
}
