//! An endpoint that speaks like OpenRouter, and answers as a test tells it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use pontual::llm::{Limits, Model};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const KEY: &str = "sk-or-v1-of-the-tests";
pub(crate) const NAME: &str = "openai/gpt-4o-mini";

/// What was asked, as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

impl Asked {
    /// The customer's words in it.
    pub(crate) fn text(&self) -> String {
        let content = self.body["messages"][1]["content"].as_str().unwrap();
        let content: Value = serde_json::from_str(content).unwrap();
        content["message"].as_str().unwrap().to_owned()
    }
}

/// An answer of the endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) after: Duration,
    pub(crate) retry_after: Option<u64>,
}

impl Answer {
    pub(crate) fn raw(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), after: Duration::ZERO, retry_after: None }
    }

    /// A completion whose content is this text, with what it cost.
    pub(crate) fn content(content: &str) -> Self {
        let body = json!({
            "id": "gen-1773147600-abcdefghijklmnopqrst",
            "provider": "OpenAI",
            "model": NAME,
            "object": "chat.completion",
            "created": 1_773_147_600,
            "choices": [{
                "logprobs": null,
                "finish_reason": "stop",
                "native_finish_reason": "stop",
                "index": 0,
                "message": { "role": "assistant", "content": content, "refusal": null, "reasoning": null },
            }],
            "usage": {
                "prompt_tokens": 400, "completion_tokens": 30, "total_tokens": 430,
                "cost": 0.0001, "cost_details": { "upstream_inference_cost": null },
            },
        });
        Self::raw(200, body.to_string())
    }

    pub(crate) fn meaning(meaning: &Value) -> Self {
        Self::content(&meaning.to_string())
    }

    /// That the words mean nothing we could do.
    pub(crate) fn nothing() -> Self {
        Self::meaning(&meaning("none", &[], None, None))
    }

    pub(crate) fn error(status: u16, message: &str) -> Self {
        let error = json!({ "error": { "code": status, "message": message, "metadata": {} } });
        Self::raw(status, error.to_string())
    }

    pub(crate) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

/// An answer in the schema.
pub(crate) fn meaning(
    intent: &str,
    services: &[&str],
    date: Option<&str>,
    time: Option<&str>,
) -> Value {
    json!({ "intent": intent, "services": services, "staff": null, "date": date, "time": time })
}

type Says = dyn Fn(&str) -> Answer + Send + Sync;

/// The endpoint.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) base: String,
    says: Arc<Mutex<Arc<Says>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Endpoint {
    /// Answers each text as `says` has it.
    pub(crate) async fn new(says: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let says: Arc<Says> = Arc::new(says);
        let endpoint = Self {
            base,
            says: Arc::new(Mutex::new(says)),
            asked: Arc::new(Mutex::new(Vec::new())),
        };
        let router = Router::new()
            .route("/api/v1/chat/completions", post(complete))
            .route("/api/v1/models", get(models))
            .with_state(endpoint.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        endpoint
    }

    pub(crate) fn says(&self, says: impl Fn(&str) -> Answer + Send + Sync + 'static) {
        *self.says.lock().unwrap() = Arc::new(says);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A model here, which one answer is waited for as long as the test has patience.
    pub(crate) fn model(&self, patience: Duration) -> Model {
        Model::with_patience(&self.base, KEY, NAME, Limits::default(), patience).unwrap()
    }
}

async fn models(headers: HeaderMap) -> StatusCode {
    let key = headers.get("authorization").and_then(|value| value.to_str().ok());
    if key == Some(&format!("Bearer {KEY}")) { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}

async fn complete(
    State(endpoint): State<Endpoint>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let asked = Asked { authorization: authorization.to_owned(), body };
    let says = Arc::clone(&endpoint.says.lock().unwrap());
    let answer = says(&asked.text());
    endpoint.asked.lock().unwrap().push(asked);
    tokio::time::sleep(answer.after).await;
    let mut response =
        Response::builder().status(answer.status).header("content-type", "application/json");
    if let Some(seconds) = answer.retry_after {
        response = response.header("retry-after", seconds);
    }
    response.body(Body::from(answer.body)).unwrap()
}
