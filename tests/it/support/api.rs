//! The API as a program of a tenant calls it.

use pontual::db::keys;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::stack::Stack;

/// A tenant's key and where its API answers.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null for what is not JSON.
    pub(crate) body: Value,
}

impl Api {
    /// With a key that is made for the test.
    pub(crate) async fn of(stack: &Stack, tenant: &str) -> Self {
        let key = keys::create(&stack.pool, stack.clock.now(), tenant, "tests").await.unwrap();
        Self { http: stack.http.clone(), base: stack.base.clone(), key: key.reveal() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body), &[]).await
    }

    /// `path` is below `/api/v1`.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        let url = format!("{}/api/v1{path}", self.base);
        let mut request = self.http.request(method, url).bearer_auth(&self.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, text, body }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and kind of a problem.
    pub(crate) fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let kind = self.body["type"].as_str().unwrap();
        (self.status, kind.strip_prefix("/problems/").unwrap())
    }

    /// The fields that are wrong, in the order in which they are told.
    pub(crate) fn wrong_fields(&self) -> Vec<&str> {
        assert_eq!(self.problem(), (422, "invalid-input"));
        self.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["field"].as_str().unwrap())
            .collect()
    }

    /// Starts and staff of the alternatives.
    pub(crate) fn alternatives(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let alternatives = self.body["alternatives"].as_array().unwrap();
        alternatives.iter().map(|it| (text(&it["starts_at"]), text(&it["staff"]["key"]))).collect()
    }
}

/// A cut for the customer with this number.
pub(crate) fn a_cut(starts_at: &str, phone: &str) -> Value {
    json!({"service": "corte", "starts_at": starts_at, "customer": {"phone": phone, "name": "Marina"}})
}

/// A cut with Ana for the customer with this number.
pub(crate) fn a_cut_with_ana(starts_at: &str, phone: &str) -> Value {
    let mut cut = a_cut(starts_at, phone);
    cut["staff"] = json!("ana");
    cut
}
