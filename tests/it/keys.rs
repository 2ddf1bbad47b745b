//! Keys of the API: what they may do, until when, and what happens to those who try others.
//! The program is waited for in the test's own thread, so the server needs another one.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output, Stdio};

use chrono::TimeDelta;
use pontual::db::keys::{self, Limits, Scope};
use pontual::http::{self, App};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::stack::Stack;

/// A server that knows who connects, as `pontual web` is; where its API answers.
async fn serve(stack: &Stack, proxies: &str) -> String {
    let app = App { pool: stack.pool.clone(), clock: stack.clock, webhook_secrets: vec![].into() };
    let router = http::router_behind(app, proxies.parse().unwrap());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}/api/v1", listener.local_addr().unwrap());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    base
}

async fn key_with(stack: &Stack, name: &str, scopes: &[Scope]) -> String {
    let limits = Limits { scopes: scopes.to_vec(), expires_at: None };
    let now = stack.clock.now();
    keys::create_limited(&stack.pool, now, "studio-lua", name, &limits).await.unwrap().reveal()
}

/// Status and body of a GET.
async fn get(stack: &Stack, url: &str, key: &str) -> (u16, Value) {
    let answer = stack.http.get(url).bearer_auth(key).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

fn pontual_key(stack: &Stack, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pontual"))
        .current_dir("/")
        .env_remove("MIGRATION_DATABASE_URL")
        .env("DATABASE_URL", stack.db.url_app())
        .env("PONTUAL_CLOCK_OFFSET", stack.clock.offset().num_seconds().to_string())
        .arg("key")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_does_what_its_scopes_say_on_every_route_of_the_description() {
    let stack = Stack::new().await;
    let api = format!("{}/api/v1", stack.base);
    let mut keys = BTreeMap::new();
    for scope in Scope::ALL {
        keys.insert(scope.as_str(), key_with(&stack, scope.as_str(), &[scope]).await);
    }
    let described: Value =
        stack.http.get(format!("{api}/openapi.json")).send().await.unwrap().json().await.unwrap();
    let mut needed = BTreeMap::<String, usize>::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scope = operation["security"][0]["key"][0].as_str().unwrap();
            *needed.entry(scope.to_owned()).or_default() += 1;
            assert!(operation["responses"]["403"].is_object(), "{method} {path}");
            assert!(operation["responses"]["429"].is_object(), "{method} {path}");
            let method: Method = method.to_uppercase().parse().unwrap();
            // Nothing of it is there, and the body is no JSON: what a key may is asked first.
            let url = format!("{}{}", stack.base, path.replace(['{', '}'], ""));
            for (held, key) in &keys {
                let request = stack.http.request(method.clone(), &url).bearer_auth(key);
                let answer = request.body("x").send().await.unwrap();
                let is_refused = answer.status() == StatusCode::FORBIDDEN;
                assert_eq!(is_refused, *held != scope, "{method} {path} with {held}: {answer:?}");
                if is_refused {
                    assert_eq!(answer.headers()["content-type"], "application/problem+json");
                    let problem: Value = answer.json().await.unwrap();
                    assert_eq!(
                        (&problem["type"], &problem["scope"]),
                        (&json!("/problems/scope-missing"), &json!(scope)),
                        "{method} {path}"
                    );
                }
            }
        }
    }
    assert_eq!(needed.len(), 3, "each scope is needed somewhere: {needed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_ends_when_its_time_is_over() {
    let mut stack = Stack::new().await;
    let now = stack.clock.now();
    let limits = Limits { scopes: vec![Scope::Read], expires_at: Some(now + TimeDelta::hours(1)) };
    let key = keys::create_limited(&stack.pool, now, "studio-lua", "till", &limits).await.unwrap();
    let key = key.reveal();
    assert_eq!(get(&stack, &format!("{}/api/v1/staff", stack.base), &key).await.0, 200);
    stack.restart_at(pontual::clock::Clock::starting_at(now + TimeDelta::hours(2))).await;
    let (status, problem) = get(&stack, &format!("{}/api/v1/staff", stack.base), &key).await;
    assert_eq!((status, &problem["detail"]), (401, &json!("The key has expired.")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_makes_keys_with_scopes_and_an_end_and_lists_both() {
    let stack = Stack::new().await;
    let of = ["--tenant", "studio-lua"];
    let made = pontual_key(
        &stack,
        &[&["create", "--name", "Painel", "--scope", "read,operate", "--expires", "90d"], &of[..]]
            .concat(),
    );
    assert!(made.status.success(), "{made:?}");
    pontual_key(&stack, &[&["create", "--name", "Site"], &of[..]].concat());
    let listed = pontual_key(&stack, &[&["list"], &of[..]].concat());
    let listed = String::from_utf8(listed.stdout).unwrap();
    let lines: Vec<Vec<&str>> = listed.lines().map(|l| l.split_whitespace().collect()).collect();
    let painel = &lines[1];
    assert!(painel[2].starts_with("2026-06-08T13:"), "90 days from now: {painel:?}");
    assert_eq!((painel[1], &painel[3..]), ("read,operate", &["-", "-", "Painel"][..]));
    assert_eq!(lines[2][1..], ["read,write,operate", "-", "-", "-", "Site"]);

    for (arguments, told, status) in [
        (["--scope", "admin"], "a scope is read, write or operate", 2),
        (["--expires", "soon"], "neither a length such as 90d", 2),
        (["--expires", "2026-01-01"], "over before it is made", 1),
    ] {
        let refused =
            pontual_key(&stack, &[&["create", "--name", "x"], &of[..], &arguments[..]].concat());
        let error = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(status), "{error}");
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_tries_keys_is_refused_for_a_while_and_keys_that_worked_go_on() {
    let stack = Stack::new().await;
    let url = format!("{}/staff", serve(&stack, "").await);
    let known = key_with(&stack, "known", &[Scope::Read]).await;
    let fresh = key_with(&stack, "fresh", &[Scope::Read]).await;
    assert_eq!(get(&stack, &url, &known).await.0, 200);
    let mut tried = 0;
    let refused = loop {
        // Another one each time, as who tries does; half of them are no keys at all.
        let key = match tried % 2 {
            0 => format!("pontual_{tried:043}"),
            _ => "letmein".to_owned(),
        };
        let answer = stack.http.get(&url).bearer_auth(key).send().await.unwrap();
        tried += 1;
        match answer.status().as_u16() {
            401 => assert!(tried <= 60, "not refused after {tried}"),
            429 => break answer,
            other => panic!("{other}"),
        }
    };
    assert_eq!(tried, 61);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/too-many-wrong-keys");
    // Even a right one, which nobody has seen yet; one that worked goes on.
    assert_eq!(get(&stack, &url, &fresh).await.0, 429);
    assert_eq!(get(&stack, &url, &known).await.0, 200);
    // Without a key nothing was tried.
    assert_eq!(stack.http.get(&url).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_behind_a_known_proxy_is_counted_alone_and_others_cannot_say_who_they_are() {
    let stack = Stack::new().await;
    let behind = format!("{}/staff", serve(&stack, "127.0.0.0/8").await);
    let direct = format!("{}/staff", serve(&stack, "10.0.0.0/8").await);
    let ask = async |url: &str, client: &str| {
        let request = stack.http.get(url).bearer_auth("wrong").header("x-forwarded-for", client);
        request.send().await.unwrap().status().as_u16()
    };
    for _ in 0..60 {
        assert_eq!(ask(&behind, "198.51.100.1").await, 401);
    }
    assert_eq!(ask(&behind, "198.51.100.1").await, 429);
    assert_eq!(ask(&behind, "203.0.113.5, 198.51.100.1").await, 429, "its own word before");
    assert_eq!(ask(&behind, "198.51.100.2").await, 401);
    for n in 0..60 {
        assert_eq!(ask(&direct, &format!("198.51.100.{n}")).await, 401);
    }
    assert_eq!(ask(&direct, "198.51.100.77").await, 429, "the header is nobody's word here");
}

#[tokio::test]
async fn a_program_of_the_version_before_still_finds_keys_that_may_do_everything() {
    let stack = Stack::new().await;
    let now = stack.clock.now();
    let all = keys::create(&stack.pool, now, "studio-lua", "all").await.unwrap();
    let limits = Limits { scopes: vec![Scope::Read], expires_at: None };
    let less = keys::create_limited(&stack.pool, now, "studio-lua", "less", &limits).await.unwrap();
    let holder = async |key: &keys::Secret| -> Option<String> {
        sqlx::query_scalar("select key_name from app.key_holder($1)")
            .bind(key.hash())
            .fetch_optional(&stack.pool)
            .await
            .unwrap()
    };
    assert_eq!((holder(&all).await.as_deref(), holder(&less).await), (Some("all"), None));
}

#[tokio::test]
async fn a_token_of_a_tenant_cannot_look_keys_up() {
    let stack = Stack::new().await;
    let mut tx = stack.pool.begin().await.unwrap();
    sqlx::query("select set_config('request.jwt.claims', '{}', true)")
        .execute(&mut *tx)
        .await
        .unwrap();
    let error =
        sqlx::query("select app.keys_like('\\x00000000')").execute(&mut *tx).await.unwrap_err();
    assert!(error.to_string().contains("for the program alone"), "{error}");
    tx.rollback().await.unwrap();
    let short =
        sqlx::query("select app.keys_like('\\x00')").execute(&stack.pool).await.unwrap_err();
    assert!(short.to_string().contains("four bytes"), "{short}");
}
