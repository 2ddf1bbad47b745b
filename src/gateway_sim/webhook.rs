//! Delivers events as the real server does: each by itself, nobody waiting for it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, USER_AGENT,
};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::fault::WebhookFault;
use super::shape::iso;
use super::state::Webhook;
use super::version::Version;
use super::{Sim, SimConfig};

/// After these answers the real server gives an event up; after any other failure it tries again.
const NOT_RETRIED: [u16; 5] = [400, 401, 403, 404, 422];
/// Tries of one event, the first included.
const ATTEMPTS: u32 = 10;
/// Delay before the second try; doubled from try to try, up to the longest.
const FIRST_DELAY: Duration = Duration::from_secs(5);
const LONGEST_DELAY: Duration = Duration::from_mins(5);
/// For how long an event is held back to arrive out of order.
const HELD_BACK: Duration = Duration::from_millis(250);
/// How far the server's zone is behind UTC.
const LOCAL_TIME: TimeDelta = TimeDelta::hours(3);

/// One event on its way to one address, fixed when it happened: later changes do not touch it.
#[derive(Clone)]
struct Delivery {
    url: Url,
    headers: HeaderMap,
    body: String,
}

/// What became of webhooks so far. An event is one, however often it is tried; a global webhook
/// and a duplicate are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct WebhookCounts {
    /// Events on their way or waiting for their next try.
    pub pending: u64,
    /// Requests made.
    pub tries: u64,
    /// Answered with 2xx.
    pub delivered: u64,
    /// Lost: answered in a way that is not tried again.
    pub refused: u64,
    /// Lost: tried for as long as the server tries.
    pub given_up: u64,
}

impl Sim {
    /// Sends an event on its way, if somebody subscribed to it.
    pub(super) fn emit(&self, instance: &str, event: &str, data: Value) {
        drop(self.start(instance, event, data));
    }

    /// As [`Sim::emit`] for what a customer did, which waits for an edit before it; returns the
    /// answer to the first try, or none at once where there is no try or it is held back.
    pub(super) async fn emit_message(
        &self,
        instance: &str,
        event: &str,
        data: Value,
    ) -> Option<u16> {
        let gate = self.state().instance(instance)?.gate.clone();
        drop(gate.lock().await);
        self.start(instance, event, data)?.await.ok()?
    }

    /// As [`Sim::emit`] for an edit: what a customer does after it waits until it was taken.
    pub(super) async fn emit_edit(&self, instance: &str, data: Value) -> Option<u16> {
        let event = "messages.edited";
        let (gate, holds_up) = {
            let state = self.state();
            let gate = state.instance(instance)?.gate.clone();
            (gate, state.version_of(instance).reports_edits_twice())
        };
        let passing = gate.lock_owned().await;
        let delivery = self.delivery(instance, event, data)?;
        let (first, answered) = oneshot::channel();
        let sim = self.clone();
        tokio::spawn(async move {
            let _passing = holds_up.then_some(passing);
            deliver(sim, delivery, Some(first)).await;
        });
        answered.await.ok()?
    }

    /// Sends an event on its way unless a fault holds it; the answer to the first try, if there is
    /// one to wait for.
    fn start(
        &self,
        instance: &str,
        event: &str,
        data: Value,
    ) -> Option<oneshot::Receiver<Option<u16>>> {
        self.start_global(instance, event, &data);
        let delivery = self.delivery(instance, event, data)?;
        match self.state().faults.meet_webhook(instance, event) {
            Some((WebhookFault::Drop, _)) => return None,
            Some((WebhookFault::Reorder, before)) if before % 2 == 0 => {
                let sim = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(HELD_BACK).await;
                    deliver(sim, delivery, None).await;
                });
                return None;
            }
            Some((WebhookFault::Duplicate, _)) => {
                tokio::spawn(deliver(self.clone(), delivery.clone(), None));
            }
            Some((WebhookFault::Reorder, _)) | None => {}
        }
        let (first, answered) = oneshot::channel();
        tokio::spawn(deliver(self.clone(), delivery, Some(first)));
        Some(answered)
    }

    /// The webhook of all instances, which has neither headers nor token.
    fn start_global(&self, instance: &str, event: &str, data: &Value) {
        let Some(global) = &self.config().global_webhook else { return };
        let webhook = Webhook { url: global.clone(), by_events: true, ..Webhook::default() };
        let Ok(url) = Url::parse(&webhook.address_of(event)) else { return };
        let Some(mut body) = self.envelope(instance, event, data.clone()) else { return };
        body["apikey"] = Value::Null;
        let headers = headers(&webhook, self.state().version, self.now());
        tokio::spawn(deliver(
            self.clone(),
            Delivery { url, headers, body: body.to_string() },
            None,
        ));
    }

    fn delivery(&self, instance: &str, event: &str, data: Value) -> Option<Delivery> {
        let body = self.envelope(instance, event, data)?;
        let state = self.state();
        let webhook = state.instance(instance)?.webhook.as_ref().filter(|w| w.wants(event))?;
        // What is no web address is taken by `webhook/set` and never called.
        let url = Url::parse(&webhook.address_of(event)).ok()?;
        let headers = headers(webhook, state.version_of(instance), self.now());
        Some(Delivery { url, headers, body: body.to_string() })
    }

    /// The body, which names the instance's own webhook even where it goes to another.
    fn envelope(&self, instance: &str, event: &str, data: Value) -> Option<Value> {
        let state = self.state();
        let found = state.instance(instance)?;
        let mut body = json!({
            "event": event,
            "instance": instance,
            "destination": found.webhook.as_ref().map(|webhook| &webhook.url),
            // The time of the server's own zone, which the letter at its end denies.
            "date_time": iso(self.now() - LOCAL_TIME),
            "server_url": self.config().server_url,
            "apikey": found.token,
        });
        if let Some(owner) = &found.owner {
            body["sender"] = json!(owner);
        }
        body["data"] = data;
        Some(body)
    }
}

impl Webhook {
    fn wants(&self, event: &str) -> bool {
        let name = event.replace(['.', '-'], "_").to_uppercase();
        self.enabled && (self.events.is_empty() || self.events.contains(&name))
    }

    /// The real server appends the event's name by plain concatenation.
    fn address_of(&self, event: &str) -> String {
        if self.by_events {
            format!("{}/{}", self.url, event.replace('.', "-"))
        } else {
            self.url.clone()
        }
    }
}

/// Tries until somebody takes it, or it is refused, or the tries are used up. Tells the answer to
/// the first one.
async fn deliver(sim: Sim, delivery: Delivery, mut first: Option<oneshot::Sender<Option<u16>>>) {
    sim.state().webhooks.pending += 1;
    let count = |count: fn(&mut WebhookCounts)| count(&mut sim.state().webhooks);
    for attempt in 1..=ATTEMPTS {
        count(|counts| counts.tries += 1);
        let answer = sim
            .inner
            .http
            .post(delivery.url.clone())
            .headers(delivery.headers.clone())
            .body(delivery.body.clone())
            .send()
            .await;
        let status = answer.ok().map(|answer| answer.status().as_u16());
        let is_taken = matches!(status, Some(200..=299));
        let is_refused = status.is_some_and(|status| NOT_RETRIED.contains(&status));
        if is_taken {
            count(|counts| counts.delivered += 1);
        } else if is_refused {
            tracing::debug!(status, "webhook refused, event lost");
            count(|counts| counts.refused += 1);
        }
        if let Some(first) = first.take() {
            // Who asked may have gone.
            let _ = first.send(status);
        }
        if is_taken || is_refused {
            count(|counts| counts.pending -= 1);
            return;
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(pause(attempt, sim.config())).await;
        }
    }
    tracing::debug!("webhook given up, event lost");
    count(|counts| counts.given_up += 1);
    count(|counts| counts.pending -= 1);
}

/// How long to wait after the given try: doubling, scaled, up to 20 % longer.
fn pause(attempt: u32, config: &SimConfig) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_DELAY);
    let jitter = f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0 * 0.2;
    doubled.mul_f64((config.retry_scale * (1.0 + jitter)).max(0.0))
}

fn headers(webhook: &Webhook, version: Version, now: DateTime<Utc>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/plain, */*"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &webhook.headers {
        if name == "jwt_key" {
            let token = HeaderValue::from_str(&format!("Bearer {}", token(value, now.timestamp())));
            headers.extend(token.ok().map(|token| (AUTHORIZATION, token)));
        } else if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name), HeaderValue::from_str(value))
        {
            headers.insert(name, value);
        }
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(version.user_agent()));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, compress, deflate, br"));
    headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    headers
}

/// The token that the real server makes of a `jwt_key`, to the letter.
fn token(key: &str, iat: i64) -> String {
    let claims =
        format!(r#"{{"iat":{iat},"exp":{},"app":"evolution","action":"webhook"}}"#, iat + 600);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key is right for HMAC");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_real_server() {
        let recorded = include_str!("../../tests/fixtures/evolution/webhook-http/jwt-header.json");
        let token = token("super-secret-jwt-key", 1_795_395_711);
        assert!(recorded.contains(&format!("Bearer {token}")), "{token}");
    }

    #[test]
    fn delays_double_from_5_to_300_seconds() {
        let config = SimConfig::default();
        let expected = [5, 10, 20, 40, 80, 160, 300, 300, 300];
        for (attempt, seconds) in (1..).zip(expected) {
            let pause = pause(attempt, &config).as_secs_f64();
            let bounds = f64::from(seconds)..=f64::from(seconds) * 1.2;
            assert!(bounds.contains(&pause), "try {attempt}: {pause}");
        }
    }

    #[test]
    fn a_subscription_decides_what_is_delivered_and_where() {
        let url = "http://here/hook/".to_owned();
        let mut webhook = Webhook { url, by_events: true, ..Webhook::default() };
        assert!(webhook.wants("messages.upsert"));
        assert_eq!(webhook.address_of("messages.upsert"), "http://here/hook//messages-upsert");
        webhook.events = vec!["SEND_MESSAGE".to_owned(), "GROUP_PARTICIPANTS_UPDATE".to_owned()];
        assert!(webhook.wants("send.message") && webhook.wants("group-participants.update"));
        assert!(!webhook.wants("messages.upsert"));
        webhook.enabled = false;
        assert!(!webhook.wants("send.message"));
    }
}
