//! A simulated SMS provider with Twilio's shapes.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Form, Json, Router};
use pontual::channel::sms::Sms;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(super) const TOKEN: &str = "a-token-of-the-tests";

/// What goes wrong with a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// An error code with status 400.
    Refused(u32),
    /// Accepted; answered with 502.
    SentThenLost,
    /// Not accepted; answered with 502.
    Lost,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Accepted {
    pub(super) sid: String,
    pub(super) to: String,
    pub(super) body: String,
    pub(super) callback: Option<String>,
}

#[derive(Clone)]
pub(super) struct Provider {
    base: String,
    state: Arc<Mutex<Inner>>,
}

struct Inner {
    fault: Fault,
    accepted: Vec<Accepted>,
    asked: usize,
    looked_up: usize,
}

impl Provider {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = Inner { fault: Fault::None, accepted: Vec::new(), asked: 0, looked_up: 0 };
        let provider = Self { base, state: Arc::new(Mutex::new(state)) };
        let router = Router::new()
            .route("/2010-04-01/Accounts/AC1/Messages.json", post(send).get(list))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub(super) fn channel(&self, reports: Option<&str>) -> Sms {
        let reports = reports.map(|url| url.parse().unwrap());
        Sms::new(&self.base, &format!("AC1:{TOKEN}"), "+15005550006", reports).unwrap()
    }

    pub(super) fn set_fault(&self, fault: Fault) {
        self.state.lock().unwrap().fault = fault;
    }

    pub(super) fn accepted(&self) -> Vec<Accepted> {
        self.state.lock().unwrap().accepted.clone()
    }

    /// Sends and look-ups that were asked for.
    pub(super) fn asked(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.asked, state.looked_up)
    }
}

fn is_ours(headers: &HeaderMap) -> bool {
    use base64::Engine as _;
    let expected = base64::engine::general_purpose::STANDARD.encode(format!("AC1:{TOKEN}"));
    headers.get("authorization").is_some_and(|given| given == format!("Basic {expected}").as_str())
}

async fn send(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    if !is_ours(&headers) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "code": 20003, "status": 401 })));
    }
    let mut state = provider.state.lock().unwrap();
    state.asked += 1;
    let fault = state.fault;
    if let Fault::Refused(code) = fault {
        return (StatusCode::BAD_REQUEST, Json(json!({ "code": code, "status": 400 })));
    }
    if fault == Fault::Lost {
        return (StatusCode::BAD_GATEWAY, Json(Value::Null));
    }
    let sid = format!("SM{:032}", state.accepted.len() + 1);
    state.accepted.push(Accepted {
        sid: sid.clone(),
        to: form["To"].clone(),
        body: form["Body"].clone(),
        callback: form.get("StatusCallback").cloned(),
    });
    if fault == Fault::SentThenLost {
        return (StatusCode::BAD_GATEWAY, Json(Value::Null));
    }
    (StatusCode::CREATED, Json(json!({ "sid": sid, "status": "queued" })))
}

async fn list(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    if !is_ours(&headers) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "code": 20003, "status": 401 })));
    }
    let mut state = provider.state.lock().unwrap();
    state.looked_up += 1;
    let found = state.accepted.iter().filter(|message| message.to == query["To"]).map(|message| {
        json!({ "sid": message.sid, "to": message.to, "body": message.body, "status": "sent", "date_sent": null })
    });
    (StatusCode::OK, Json(json!({ "messages": found.collect::<Vec<_>>() })))
}
