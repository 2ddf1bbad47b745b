//! Delivers events as the real server does: each by itself, nobody waiting for it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::fault::WebhookFault;
use super::shape::iso;
use super::state::Webhook;
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

/// One event on its way to one address, fixed when it happened: later changes do not touch it.
#[derive(Clone)]
struct Delivery {
    url: Url,
    headers: HeaderMap,
    body: String,
}

impl Sim {
    /// Sends an event on its way, if somebody subscribed to it.
    pub(super) fn emit(&self, instance: &str, event: &str, data: Value) {
        if let Some(delivery) = self.delivery(instance, event, data) {
            tokio::spawn(deliver(self.clone(), delivery, None));
        }
    }

    /// As [`Sim::emit`] for a customer's message, which faults may meet; returns the answer to the
    /// first try, or none at once where there is no try or it is held back.
    pub(super) async fn emit_message(&self, instance: &str, data: Value) -> Option<u16> {
        let delivery = self.delivery(instance, "messages.upsert", data)?;
        let met = self.state().fault.as_mut().and_then(|fault| fault.meet_webhook(instance));
        match met {
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
        answered.await.ok()?
    }

    fn delivery(&self, instance: &str, event: &str, data: Value) -> Option<Delivery> {
        let state = self.state();
        let found = state.instance(instance)?;
        let webhook = found.webhook.as_ref().filter(|webhook| webhook.wants(event))?;
        // What is no web address is taken by `webhook/set` and never called.
        let url = Url::parse(&webhook.address_of(event)).ok()?;
        let mut body = json!({
            "event": event,
            "instance": instance,
            "destination": webhook.url,
            "date_time": iso(self.now()),
            "sender": found.owner,
            "server_url": "http://gateway-sim",
            "apikey": found.token,
        });
        body["data"] = data;
        Some(Delivery { url, headers: headers(webhook, self.now()), body: body.to_string() })
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
    for attempt in 1..=ATTEMPTS {
        let answer = sim
            .inner
            .http
            .post(delivery.url.clone())
            .headers(delivery.headers.clone())
            .body(delivery.body.clone())
            .send()
            .await;
        let status = answer.ok().map(|answer| answer.status().as_u16());
        if let Some(first) = first.take() {
            // Who asked may have gone.
            let _ = first.send(status);
        }
        match status {
            Some(200..=299) => return,
            Some(status) if NOT_RETRIED.contains(&status) => {
                tracing::debug!(status, "webhook refused, event lost");
                return;
            }
            _ => tokio::time::sleep(pause(attempt, sim.config())).await,
        }
    }
    tracing::debug!("webhook given up, event lost");
}

/// How long to wait after the given try: doubling, scaled, up to 20 % longer.
fn pause(attempt: u32, config: &SimConfig) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_DELAY);
    let jitter = f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0 * 0.2;
    doubled.mul_f64((config.retry_scale * (1.0 + jitter)).max(0.0))
}

fn headers(webhook: &Webhook, now: DateTime<Utc>) -> HeaderMap {
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
