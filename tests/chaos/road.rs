//! The road between the gateway and the web processes: a balancer before two of them, over a network
//! that delays, doubles and loses. It keeps a book of what it carried and what was answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use chrono::{DateTime, Utc};
use pontual::clock::Clock;
use serde_json::Value;

use crate::dice::Dice;

/// A request that a web process was given, and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    /// The id of the message, where it is a customer's.
    pub(crate) message: Option<String>,
    /// By the system's clock, before it left for the web process.
    pub(crate) began: DateTime<Utc>,
    /// After its answer came, or the end of its connection.
    pub(crate) ended: DateTime<Utc>,
    /// `None`: the connection broke.
    pub(crate) status: Option<u16>,
}

impl Carried {
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.status, Some(200..=299))
    }
}

#[derive(Clone)]
pub(crate) struct Road {
    inner: Arc<Inner>,
}

struct Inner {
    ports: Vec<u16>,
    http: reqwest::Client,
    dice: Mutex<Dice>,
    is_rough: AtomicBool,
    book: Mutex<Vec<Carried>>,
}

/// What happens to a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// Never reaches a web process; the gateway sees an error.
    Lost,
    /// Is taken, and the gateway never learns it: an error.
    AnswerLost,
    /// Is taken, and the gateway waits for the answer until it gives up.
    AnswerSwallowed,
    /// Reaches both web processes at once.
    Doubled,
}

impl Road {
    /// To the web processes on these ports; smooth at first.
    pub(crate) fn new(ports: Vec<u16>, dice: Dice) -> Self {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let inner = Inner {
            ports,
            http,
            dice: Mutex::new(dice),
            is_rough: AtomicBool::new(false),
            book: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn router(&self) -> Router {
        Router::new().route("/webhooks/evolution", post(take)).with_state(self.clone())
    }

    pub(crate) fn set_rough(&self, rough: bool) {
        self.inner.is_rough.store(rough, Ordering::Relaxed);
    }

    /// All that was carried so far.
    pub(crate) fn book(&self) -> Vec<Carried> {
        self.inner.book.lock().unwrap().clone()
    }

    /// What happens to the next request, how long it is held back, and which process is asked first.
    fn fate(&self) -> (Fate, Duration, usize) {
        let mut dice = self.inner.dice.lock().unwrap();
        let first = dice.below(self.inner.ports.len());
        if !self.inner.is_rough.load(Ordering::Relaxed) {
            return (Fate::Arrives, Duration::ZERO, first);
        }
        let held = if dice.chance(6) { dice.millis(150, 700) } else { dice.millis(0, 25) };
        let fate = match dice.below(100) {
            0..4 => Fate::Lost,
            4..9 => Fate::AnswerLost,
            9..11 => Fate::AnswerSwallowed,
            11..18 => Fate::Doubled,
            _ => Fate::Arrives,
        };
        (fate, held, first)
    }

    /// Gives a request to the first process that listens; `None`: the connection broke, or nobody does.
    async fn carry(&self, headers: HeaderMap, body: Bytes, first: usize) -> Option<StatusCode> {
        let message = customers_message(&body);
        for step in 0..self.inner.ports.len() {
            let port = self.inner.ports[(first + step) % self.inner.ports.len()];
            let url = format!("http://127.0.0.1:{port}/webhooks/evolution");
            let request = self.inner.http.post(url).headers(headers.clone()).body(body.clone());
            let began = Clock::default().now();
            let answer = request.send().await;
            let ended = Clock::default().now();
            // As a balancer does: another one is asked only if this one never got it.
            if answer.as_ref().is_err_and(reqwest::Error::is_connect) {
                continue;
            }
            let status = answer.ok().map(|answer| answer.status());
            let number = status.map(|status| status.as_u16());
            let carried = Carried { message, began, ended, status: number };
            self.inner.book.lock().unwrap().push(carried);
            return status;
        }
        None
    }
}

async fn take(State(road): State<Road>, mut headers: HeaderMap, body: Bytes) -> StatusCode {
    for own in [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::ACCEPT_ENCODING] {
        headers.remove(own);
    }
    let (fate, held, first) = road.fate();
    tokio::time::sleep(held).await;
    if fate == Fate::Lost {
        return StatusCode::BAD_GATEWAY;
    }
    // In a task of its own: a gateway that hangs up calls nothing back.
    let other = (fate == Fate::Doubled).then(|| {
        let (road, headers, body) = (road.clone(), headers.clone(), body.clone());
        tokio::spawn(async move { road.carry(headers, body, first + 1).await })
    });
    let one = tokio::spawn({
        let road = road.clone();
        async move { road.carry(headers, body, first).await }
    });
    let answered = one.await.unwrap();
    if let Some(other) = other {
        let _ = other.await;
    }
    match fate {
        Fate::AnswerLost => StatusCode::GATEWAY_TIMEOUT,
        Fate::AnswerSwallowed => std::future::pending().await,
        _ => answered.unwrap_or(StatusCode::BAD_GATEWAY),
    }
}

/// The id of a customer's message that a body brings.
fn customers_message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let key = &body["data"]["key"];
    let is_message = body["event"] == "messages.upsert" && key["fromMe"] == false;
    key["id"].as_str().filter(|_| is_message).map(str::to_owned)
}
