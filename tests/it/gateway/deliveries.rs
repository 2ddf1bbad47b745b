//! Recorded webhook requests, made again: address, headers, token and body are those of the real
//! server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pontual::gateway_sim::{Integration, Sim, SimConfig, Version, Write};
use serde_json::{Value, json};

use super::stand::{Hook, Seen, ask, serving, shape, webhook};

/// What is recorded of requests, by what makes the simulated server send the same.
const PLAIN: [&str; 4] =
    ["static-header", "jwt-header", "by-events-url", "by-events-url-trailing-slash"];
const WITH_QUERY: &str = "by-events-url-with-query";
const GLOBAL: &str = "global-webhook";
const RETRIED: [&str; 4] =
    ["retry-500-attempt-1", "retry-500-attempt-2", "retry-500-attempt-3", "retry-500-attempt-4"];
const REORDERED: [&str; 4] =
    ["out-of-order-1", "out-of-order-2", "out-of-order-3", "out-of-order-4"];

const SECRET: &str = "super-secret-jwt-key";

#[test]
fn every_recorded_request_is_in_a_table() {
    let listed: BTreeSet<_> = PLAIN
        .iter()
        .chain(&[WITH_QUERY, GLOBAL])
        .chain(&RETRIED)
        .chain(&REORDERED)
        .map(|name| format!("{name}.json"))
        .collect();
    let directory =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evolution/webhook-http");
    let recorded: BTreeSet<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, recorded);
}

#[tokio::test]
async fn requests_have_the_address_headers_and_body_that_were_recorded() {
    for name in PLAIN.into_iter().chain([WITH_QUERY]) {
        let recorded = request(name);
        let hook = Hook::start().await;
        let sim = sim_for(&recorded, &hook, SimConfig::fast()).await;
        write(&sim, &recorded["body"]).await;
        let seen = hook.wait_for("messages.upsert", 1).await.remove(0);
        compare(name, &seen, &recorded);
    }
}

#[tokio::test]
async fn the_global_webhook_has_neither_headers_nor_key() {
    let recorded = request(GLOBAL);
    let hook = Hook::start().await;
    let global = format!("{}/ok/global", origin(&hook));
    let config = SimConfig { global_webhook: Some(global), ..SimConfig::fast() };
    let key = config.api_key.clone();
    let sim = Sim::new(config);
    sim.set_version(Version::V2_3_6, None);
    let own = format!("{}/ok/hook-a", origin(&hook));
    sim.create_instance_of(Integration::Evolution, "clinica-a", &own, &[("jwt_key", SECRET)]);
    let (base, _server) = serving(&sim).await;
    let send = json!({ "request": {
        "method": "POST", "path": "/message/sendText/clinica-a", "headers": { "apikey": key },
        "body": { "number": "5511988887777", "text": "start" },
    } });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(ask(&http, &base, &send).await.0, 201);
    let seen = hook.wait_for("send.message", 2).await;
    let seen = seen.iter().find(|seen| seen.uri.path().starts_with("/ok/global")).unwrap();
    compare(GLOBAL, seen, &recorded);
    assert_eq!(seen.json()["apikey"], Value::Null);
    let recorded = webhook("envelope-global-webhook-apikey-null");
    assert_eq!(shape(&seen.json()["data"]), shape(&recorded["data"]));
}

#[tokio::test]
async fn tries_are_the_same_request_again() {
    let hook = Hook::start().await;
    let first = request(RETRIED[0]);
    let sim = sim_for(&first, &hook, SimConfig::fast()).await;
    hook.answer_next(&[500; 3]);
    write(&sim, &first["body"]).await;
    let seen = hook.wait_for("messages.upsert", 4).await;
    for (name, seen_again) in RETRIED.into_iter().zip(&seen) {
        let recorded = request(name);
        compare(name, seen_again, &recorded);
        assert_eq!(recorded["body"], first["body"]);
        assert_eq!(seen_again.body, seen[0].body);
        assert_eq!(seen_again.headers["authorization"], seen[0].headers["authorization"]);
    }
}

#[tokio::test]
async fn a_first_message_that_failed_arrives_after_the_later_ones() {
    let hook = Hook::start().await;
    let recorded: Vec<_> = REORDERED.into_iter().map(request).collect();
    let config = SimConfig { retry_scale: 0.05, ..SimConfig::fast() };
    let sim = sim_for(&recorded[0], &hook, config).await;
    hook.answer_next(&[500]);
    // Recorded are the failure, the two later ones, and the first again.
    for body in recorded[..3].iter().map(|recorded| &recorded["body"]) {
        write(&sim, body).await;
    }
    let seen = hook.wait_for("messages.upsert", 4).await;
    let words = |body: &Value| body["data"]["message"]["conversation"].clone();
    let expected: Vec<_> = recorded.iter().map(|recorded| words(&recorded["body"])).collect();
    assert_eq!(seen.iter().map(|seen| words(&seen.json())).collect::<Vec<_>>(), expected);
    for ((name, seen), recorded) in REORDERED.into_iter().zip(&seen).zip(&recorded) {
        compare(name, seen, recorded);
    }
}

fn request(name: &str) -> Value {
    webhook(&format!("webhook-http/{name}"))["request"].clone()
}

fn origin(hook: &Hook) -> &str {
    hook.url.trim_end_matches("/webhooks/evolution")
}

fn headers(recorded: &Value) -> BTreeMap<String, String> {
    let raw: Vec<_> =
        recorded["rawHeaders"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    raw.chunks(2).map(|pair| (pair[0].to_lowercase(), pair[1].to_owned())).collect()
}

/// A server with the instance of a recorded request, its webhook set up as that one's was.
async fn sim_for(recorded: &Value, hook: &Hook, config: SimConfig) -> Sim {
    let body = &recorded["body"];
    let destination = body["destination"].as_str().unwrap();
    let path = &destination[destination.find("/ok/").or(destination.find("/fail")).unwrap()..];
    let by_events = recorded["url"] != *path;
    let sent = headers(recorded);
    let given: BTreeMap<&str, &str> = match sent.get("authorization").map(String::as_str) {
        Some(token) if token.starts_with("Bearer ey") => [("jwt_key", SECRET)].into(),
        Some(token) => [("authorization", token), ("x-tenant", &*sent["x-tenant"])].into(),
        None => BTreeMap::new(),
    };
    let integration =
        if body.get("sender").is_some() { Integration::Baileys } else { Integration::Evolution };
    let key = config.api_key.clone();
    let sim = Sim::new(config);
    if sent["user-agent"] == "axios/1.12.2" {
        sim.set_version(Version::V2_3_6, None);
    }
    let name = body["instance"].as_str().unwrap();
    sim.create_instance_of(integration, name, "", &[]);
    let (base, _server) = serving(&sim).await;
    let url = format!("{}{path}", origin(hook));
    let settings = json!({ "webhook": {
        "enabled": true, "url": url, "byEvents": by_events, "headers": given, "events": [],
    } });
    let ask_for = json!({ "request": {
        "method": "POST", "path": format!("/webhook/set/{name}"),
        "headers": { "apikey": key }, "body": settings,
    } });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(ask(&http, &base, &ask_for).await.0, 201);
    sim
}

/// Lets the customer of a recorded request write the same again.
async fn write(sim: &Sim, body: &Value) {
    let (data, name) = (&body["data"], body["instance"].as_str().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let phone = text(&data["key"]["remoteJid"]);
    let mut write = Write::text(
        phone.trim_end_matches("@s.whatsapp.net"),
        &text(&data["pushName"]),
        &text(&data["message"]["conversation"]),
    );
    write.id = Some(text(&data["key"]["id"]));
    write.lid = data["key"]["remoteJidAlt"].as_str().map(str::to_owned);
    write.timestamp = data["messageTimestamp"].as_i64();
    sim.write(name, write).await.unwrap();
}

fn compare(name: &str, seen: &Seen, recorded: &Value) {
    assert_eq!(seen.uri.to_string(), recorded["url"].as_str().unwrap(), "{name}");
    let sent: BTreeMap<String, String> = seen
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let expected = headers(recorded);
    let names = |headers: &BTreeMap<String, String>| headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&sent), names(&expected), "{name}");
    for (header, value) in &expected {
        // Where it goes, how long it is and when its token was made is its own.
        let is_token = value.starts_with("Bearer ey");
        if header != "host" && header != "content-length" && !is_token {
            assert_eq!(&sent[header], value, "{name}: {header}");
        }
        if is_token {
            assert_eq!(sent[header].len(), value.len(), "{name}");
        }
    }
    let (mut told, mut body) = (seen.json(), recorded["body"].clone());
    // What phones add about their own devices.
    body["data"]["message"].as_object_mut().unwrap().remove("messageContextInfo");
    assert_eq!(shape(&told), shape(&body), "{name}");
    if body["event"] == "messages.upsert" {
        // Beside times, the instance and where it runs nothing differs.
        for value in [&mut told, &mut body] {
            for field in ["destination", "date_time", "server_url", "apikey", "sender"] {
                value.as_object_mut().unwrap().remove(field);
            }
            for field in ["instanceId", "source"] {
                value["data"].as_object_mut().unwrap().remove(field);
            }
        }
        assert_eq!(told, body, "{name}");
    }
}
