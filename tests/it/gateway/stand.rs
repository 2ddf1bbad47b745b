//! What the tests of the simulated gateway stand on: recorded bodies, servers, a receiving end.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails may panic")]

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use pontual::clock::Clock;
use pontual::gateway_sim::{Sim, SimConfig, serve};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// The global key of the recorded server.
const GLOBAL_KEY: &str = "GLOBAL-KEY-429683C4C977";
/// Longer than anything here may take.
pub(super) const WAIT: Duration = Duration::from_secs(30);

pub(super) fn exchange(name: &str) -> Value {
    fixture(&format!("rest/{name}"))
}

pub(super) fn webhook(name: &str) -> Value {
    fixture(name)
}

fn fixture(name: &str) -> Value {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evolution");
    let text = std::fs::read_to_string(root.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The kinds of values in place of the values; of arrays, the kind of the first item. Where one
/// version has null and the other a text is no difference.
pub(super) fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, v)| (name.clone(), shape(v))).collect(),
        Value::Array(items) => items.first().map_or(json!([]), |first| json!([shape(first)])),
        Value::Null | Value::String(_) => json!("text"),
        Value::Bool(_) => json!("truth"),
        Value::Number(_) => json!("number"),
    }
}

pub(super) fn window() -> (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>) {
    let now = Clock::default().now();
    (now - chrono::TimeDelta::minutes(1), now + chrono::TimeDelta::minutes(1))
}

/// Repeats a recorded request.
pub(super) async fn ask(http: &reqwest::Client, base: &str, recorded: &Value) -> (u16, Value) {
    let request = &recorded["request"];
    let method = request["method"].as_str().unwrap().parse().unwrap();
    let mut ask = http.request(method, format!("{base}{}", request["path"].as_str().unwrap()));
    for (name, value) in request["headers"].as_object().unwrap() {
        ask = ask.header(name, value.as_str().unwrap());
    }
    ask = match &request["body"] {
        Value::Null => ask,
        Value::String(raw) => ask.body(raw.clone()),
        body => ask.body(body.to_string()),
    };
    let answer = ask.send().await.unwrap();
    let status = answer.status().as_u16();
    // No body at all is a text without letters.
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A server on a port of its own, stopped when dropped.
pub(super) struct Server(JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) async fn start(config: SimConfig) -> (Sim, String, Server) {
    let sim = Sim::new(SimConfig { api_key: GLOBAL_KEY.to_owned(), ..config });
    let (base, server) = serving(&sim).await;
    (sim, base, server)
}

pub(super) async fn serving(sim: &Sim) -> (String, Server) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let sim = sim.clone();
    (base, Server(tokio::spawn(async move { serve(listener, sim).await.unwrap() })))
}

pub(super) async fn with_hook(headers: &[(&str, &str)]) -> (Sim, Hook) {
    with_hook_and(SimConfig::fast(), headers).await
}

/// A simulated gateway with one instance, `clinica-b`, that delivers to a hook of ours.
pub(super) async fn with_hook_and(config: SimConfig, headers: &[(&str, &str)]) -> (Sim, Hook) {
    let hook = Hook::start().await;
    let sim = Sim::new(config);
    sim.create_instance("clinica-b", &hook.url, headers);
    (sim, hook)
}

#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Seen {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A webhook's receiving end, which answers as told.
pub(super) struct Hook {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    _server: Server,
}

impl Hook {
    pub(super) async fn start() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(VecDeque::<u16>::new()));
        let (kept, next) = (seen.clone(), answers.clone());
        let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            kept.lock().unwrap().push(Seen { uri, headers, body });
            let status = next.lock().unwrap().pop_front().unwrap_or(200);
            std::future::ready(StatusCode::from_u16(status).unwrap())
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/evolution", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen, answers, _server: Server(server) }
    }

    pub(super) fn answer_next(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    pub(super) fn of(&self, event: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.json()["event"] == event).cloned().collect()
    }

    /// All deliveries, in the order in which they came.
    pub(super) fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for so many deliveries of an event.
    pub(super) async fn wait_for(&self, event: &str, count: usize) -> Vec<Seen> {
        let deadline = tokio::time::Instant::now() + WAIT;
        loop {
            let seen = self.of(event);
            if seen.len() >= count {
                return seen;
            }
            assert!(tokio::time::Instant::now() < deadline, "{} of {count} {event}", seen.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
