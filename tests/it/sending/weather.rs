//! The simulated gateway behind a door that watches every send, and lets some of them meet trouble.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use pontual::gateway_sim::{self, Sim};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What a send meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    None,
    /// Goes out; the answer is 400 `Timed Out`.
    SentThenFailed,
    /// Does not go out and is never answered.
    Hang,
    /// Goes out and is never answered.
    SentThenHang,
    /// Goes out; the answer takes so many milliseconds.
    LateAnswer(u64),
    /// Does not go out: the connection is closed.
    Closed,
    /// Does not go out: WhatsApp limits the number.
    Rate,
    /// Does not go out: nobody has this number.
    NoSuchNumber,
}

/// A send, from the first byte of the request to the answer or to its sender's end.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    pub(super) instance: String,
    pub(super) number: String,
    pub(super) text: String,
    /// The `delay` asked for, in milliseconds.
    pub(super) typing: u64,
    pub(super) trouble: Trouble,
    pub(super) began: Instant,
    pub(super) ended: Option<Instant>,
}

/// What the next send meets, by its number from 0, its instance, and its recipient.
type Forecast = Box<dyn FnMut(usize, &str, &str) -> Trouble + Send>;

#[derive(Clone)]
pub(super) struct Weather {
    inner: Arc<Mutex<Inner>>,
    /// Where it answers.
    pub(super) base: String,
}

struct Inner {
    flights: Vec<Flight>,
    look_ups: usize,
    /// Whether look-ups find nothing.
    blind: bool,
    forecast: Forecast,
}

impl Weather {
    /// In front of the simulated server, fair at first.
    pub(super) async fn before(sim: &Sim) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let inner = Inner {
            flights: Vec::new(),
            look_ups: 0,
            blind: false,
            forecast: Box::new(|_, _, _| Trouble::None),
        };
        let weather = Self { inner: Arc::new(Mutex::new(inner)), base };
        let router = gateway_sim::router(sim.clone())
            .layer(from_fn_with_state(weather.clone(), meet))
            .into_make_service();
        tokio::spawn(async move { axum::serve(listener, router).await });
        weather
    }

    pub(super) fn turns(
        &self,
        forecast: impl FnMut(usize, &str, &str) -> Trouble + Send + 'static,
    ) {
        self.inner.lock().unwrap().forecast = Box::new(forecast);
    }

    /// From now on look-ups find nothing.
    pub(super) fn blind(&self) {
        self.inner.lock().unwrap().blind = true;
    }

    pub(super) fn look_ups(&self) -> usize {
        self.inner.lock().unwrap().look_ups
    }

    pub(super) fn flights(&self) -> Vec<Flight> {
        self.inner.lock().unwrap().flights.clone()
    }

    /// Those of each instance, in order of their beginning.
    pub(super) fn by_instance(&self) -> BTreeMap<String, Vec<Flight>> {
        let mut all = BTreeMap::<String, Vec<Flight>>::new();
        for flight in self.flights() {
            all.entry(flight.instance.clone()).or_default().push(flight);
        }
        all
    }
}

/// Ends a flight when its handler is done or dropped, as it is when the sender hangs up.
struct InFlight(Weather, usize);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.inner.lock().unwrap().flights[self.1].ended = Some(Instant::now());
    }
}

async fn meet(State(weather): State<Weather>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if path.starts_with("/chat/findMessages/") {
        let mut inner = weather.inner.lock().unwrap();
        inner.look_ups += 1;
        if inner.blind {
            let none =
                json!({ "messages": { "total": 0, "pages": 0, "currentPage": 1, "records": [] } });
            return axum::Json(none).into_response();
        }
    }
    let Some(instance) = path.strip_prefix("/message/sendText/") else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let (trouble, in_flight) = take_off(&weather, instance, &body);
    let onward = next.run(Request::from_parts(parts, Body::from(body)));
    let answer = fly(trouble, onward).await;
    drop(in_flight);
    answer
}

fn take_off(weather: &Weather, instance: &str, body: &Bytes) -> (Trouble, InFlight) {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = |field: &str| asked[field].as_str().unwrap_or_default().to_owned();
    let mut inner = weather.inner.lock().unwrap();
    let at = inner.flights.len();
    let trouble = (inner.forecast)(at, instance, &words("number"));
    inner.flights.push(Flight {
        instance: instance.to_owned(),
        number: words("number"),
        text: words("text"),
        typing: asked["delay"].as_u64().unwrap_or_default(),
        trouble,
        began: Instant::now(),
        ended: None,
    });
    drop(inner);
    (trouble, InFlight(weather.clone(), at))
}

async fn fly(trouble: Trouble, onward: impl Future<Output = Response>) -> Response {
    let refused = |message: Value| {
        let body =
            json!({ "status": 400, "error": "Bad Request", "response": { "message": message } });
        (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
    };
    match trouble {
        Trouble::None => onward.await,
        Trouble::SentThenFailed => {
            onward.await;
            refused(json!(["Error: Timed Out"]))
        }
        Trouble::Hang => std::future::pending().await,
        Trouble::SentThenHang => {
            onward.await;
            std::future::pending().await
        }
        Trouble::LateAnswer(ms) => {
            let answer = onward.await;
            tokio::time::sleep(Duration::from_millis(ms)).await;
            answer
        }
        Trouble::Closed => refused(json!(["Error: Connection Closed"])),
        Trouble::Rate => refused(json!(["Error: rate-overlimit"])),
        Trouble::NoSuchNumber => refused(json!([{ "exists": false }])),
    }
}
