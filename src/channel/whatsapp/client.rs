//! Calls to the gateway: send a text, ask for a connection's state, look up what was sent.
//!
//! The client tries once. Whether, when and how often to try again is in [`SendError`], and is
//! done by the database's jobs. Two things are the caller's duty, since the gateway does neither:
//! one send at a time for an instance, and a look-up ([`Gateway::find_sent`]) before a second try
//! of a send that [may have gone out](SendError::MaybeSent).

mod answer;
mod channel;
pub mod instances;
pub mod menu;

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde_json::{Value, json};

pub use self::answer::classify;
pub use self::channel::Outgoing;
use super::address::Addresses;
use super::status::{DeliveryStatus, InstanceState};
use super::{inbound, phone};
pub use crate::channel::error::{CallError, Misconfiguration, Refusal, Retry, SendError};
pub use crate::channel::{Found, Sent};

/// The gateway's own queries give up after 60 s; a send is waited for somewhat longer than that.
const SEND_PATIENCE: Duration = Duration::from_secs(75);
/// For calls that change nothing.
const CALL_PATIENCE: Duration = Duration::from_secs(15);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// The gateway closes an idle connection after 5 s; ours goes first, so that no send meets its end.
const IDLE: Duration = Duration::from_secs(4);
/// More than the gateway takes for typing is not asked for.
const MAX_TYPING: Duration = Duration::from_secs(30);
/// Of an answer no more than this is read, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Messages asked for at once, and pages looked at, when something sent is looked for.
const PAGE: u32 = 200;
const MAX_PAGES: u64 = 10;

/// An Evolution server. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Gateway {
    http: reqwest::Client,
    base: Url,
    send_patience: Duration,
}

impl Gateway {
    /// A client for the server at `base_url`, such as `http://evolution:8080`.
    ///
    /// Proxies of the environment are not used: whoever reaches the gateway can read and write
    /// every chat, so it stands in the same private network.
    ///
    /// # Errors
    ///
    /// [`CallError::Misconfigured`] if `base_url` is no `http` or `https` URL.
    pub fn new(base_url: &str) -> Result<Self, CallError> {
        Self::with_patience(base_url, SEND_PATIENCE)
    }

    /// As [`Gateway::new`], waiting for the answer to a send for `send_patience` plus its typing.
    /// Below 75 s, sends that succeed late are taken for such that may have gone out.
    pub fn with_patience(base_url: &str, send_patience: Duration) -> Result<Self, CallError> {
        const WRONG: CallError = CallError::Misconfigured { what: Misconfiguration::Address };
        let mut base = Url::parse(base_url.trim()).map_err(|_| WRONG)?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(WRONG);
        }
        base.set_query(None);
        base.set_fragment(None);
        // Does nothing where the program has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_PATIENCE)
            .pool_idle_timeout(IDLE)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("pontual/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| WRONG)?;
        Ok(Self { http, base, send_patience })
    }

    /// How long the answer to a send is waited for, its typing apart.
    pub fn send_patience(&self) -> Duration {
        self.send_patience
    }

    /// Sends a text. The gateway shows "typing" for `typing` (at most 30 s) and holds the answer
    /// for as long.
    ///
    /// `number` is a phone in any form the gateway takes, or better the JID that WhatsApp gave:
    /// [`Addresses::recipient`]. `text` is at most 4,096 characters and not blank.
    ///
    /// # Errors
    ///
    /// [`SendError`] says what to do next. None of it holds the number or the text.
    pub async fn send_text(
        &self,
        instance: &str,
        key: &str,
        number: &str,
        text: &str,
        typing: Duration,
    ) -> Result<Sent, SendError> {
        // Else the gateway fetches the first link of the text before it sends.
        let body = json!({ "number": number, "text": text, "linkPreview": false });
        self.send("sendText", instance, key, body, typing).await
    }

    async fn send(
        &self,
        action: &str,
        instance: &str,
        key: &str,
        mut body: Value,
        typing: Duration,
    ) -> Result<Sent, SendError> {
        let typing = typing.min(MAX_TYPING);
        if !typing.is_zero() {
            body["delay"] = Value::from(u64::try_from(typing.as_millis()).unwrap_or_default());
        }
        let answer = self
            .request(Method::POST, ["message", action], instance, key)
            .ok_or(SendError::Misconfigured { what: Misconfiguration::Key })?
            .timeout(self.send_patience + typing)
            .json(&body)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => {
                return Err(SendError::NotSent { retry: Retry::Soon });
            }
            Err(error) if error.is_builder() => return Err(SendError::OurBug { why: "request" }),
            Err(error) => {
                let why = if error.is_timeout() { "no answer in time" } else { "connection lost" };
                return Err(SendError::MaybeSent { why });
            }
        };
        let status = answer.status();
        match body_of(answer).await {
            Some(body) => classify(status.as_u16(), &body),
            None => Err(SendError::MaybeSent { why: "answer cut off" }),
        }
    }

    /// How the instance is connected, as far as the gateway knows.
    pub async fn connection_state(
        &self,
        instance: &str,
        key: &str,
    ) -> Result<InstanceState, CallError> {
        let request = self.request(Method::GET, ["instance", "connectionState"], instance, key);
        let answer = call(request).await?;
        answer["instance"]["state"].as_str().map(InstanceState::read).ok_or(CallError::Unreadable)
    }

    /// Looks for messages with exactly this text that the instance sent to this customer between
    /// `from` and `until` (both included, whole seconds), oldest first.
    ///
    /// Ask for a window that begins a little before the send, since the clocks may differ, and
    /// leave out what is known to belong to another row: the same words may be said twice. Give
    /// all addresses known; a message to a phone may be on record under its LID alone.
    pub async fn find_sent(
        &self,
        instance: &str,
        key: &str,
        to: &Addresses,
        text: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Found>, CallError> {
        let window = json!({ "gte": iso(from), "lte": iso(until) });
        // First by address, in each form that the record may have it: few rows, whatever else the
        // instance sends. Then through the newest of the window, where a number that became a LID
        // is found by what stands beside it.
        let phones = to.phone.iter().flat_map(|phone| phone::forms(phone));
        let jids = phones.map(|form| format!("{form}@s.whatsapp.net")).chain(to.lid.clone());
        let keys = jids.map(|jid| json!({ "fromMe": true, "remoteJid": jid }));
        for key_filter in keys.chain([json!({ "fromMe": true })]) {
            let filter = json!({ "key": key_filter, "messageTimestamp": window });
            let records = self.records(instance, key, &filter).await?;
            let mut found: Vec<_> =
                records.iter().filter_map(|record| matching(record, to, text)).collect();
            if !found.is_empty() {
                found.sort_by_key(|found| found.sent_at);
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// The newest messages on record that fit, up to [`PAGE`] times [`MAX_PAGES`].
    async fn records(
        &self,
        instance: &str,
        key: &str,
        filter: &Value,
    ) -> Result<Vec<Value>, CallError> {
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let body = json!({ "where": filter, "page": page, "offset": PAGE });
            let request = self
                .request(Method::POST, ["chat", "findMessages"], instance, key)
                .map(|request| request.json(&body));
            let mut answer = call(request).await?;
            let messages = &mut answer["messages"];
            let pages = messages["pages"].as_u64().ok_or(CallError::Unreadable)?;
            let Value::Array(records) = messages["records"].take() else {
                return Err(CallError::Unreadable);
            };
            all.extend(records);
            if page >= pages {
                break;
            }
        }
        Ok(all)
    }

    /// The server's version, such as `2.3.7`; needs no key.
    pub async fn version(&self) -> Result<String, CallError> {
        let answer = call(Some(self.http.get(self.base.clone()))).await?;
        answer["version"].as_str().map(str::to_owned).ok_or(CallError::Unreadable)
    }

    /// `None` if the key cannot stand in a header.
    fn request(
        &self,
        method: Method,
        action: [&str; 2],
        instance: &str,
        key: &str,
    ) -> Option<RequestBuilder> {
        let mut key = HeaderValue::from_str(key).ok()?;
        key.set_sensitive(true);
        let mut url = self.base.clone();
        // Encodes what is not plain. An instance's token opens other instances to whoever can
        // write a query or a second path, so a name must stay one segment.
        url.path_segments_mut().ok()?.pop_if_empty().extend(action).push(instance);
        Some(self.http.request(method, url).header("apikey", key))
    }
}

/// Makes a call that changes nothing and reads its answer.
async fn call(request: Option<RequestBuilder>) -> Result<Value, CallError> {
    let request = request.ok_or(CallError::Misconfigured { what: Misconfiguration::Key })?;
    let answer = request.timeout(CALL_PATIENCE).send().await;
    let answer = answer.map_err(|_| CallError::Unreachable)?;
    let status = answer.status();
    let body = body_of(answer).await.ok_or(CallError::Unreachable)?;
    if status == StatusCode::OK || status == StatusCode::CREATED {
        return Ok(body);
    }
    Err(match answer::misconfiguration(status.as_u16(), &body) {
        Some(what) => CallError::Misconfigured { what },
        None => CallError::Failed { status: status.as_u16() },
    })
}

/// The answer's JSON, or null if it is none; `None` if it did not come whole.
async fn body_of(mut answer: Response) -> Option<Value> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(serde_json::from_slice(&body).unwrap_or_default())
}

fn matching(record: &Value, to: &Addresses, text: &str) -> Option<Found> {
    let sent = inbound::read_outgoing(record)?;
    let same_person = (to.phone.is_some() && to.phone == sent.remote.phone)
        || (to.lid.is_some() && to.lid == sent.remote.lid);
    let same_text = sent.text.as_deref().map(str::trim) == Some(inbound::kept(text.trim()));
    let from_me = record["key"]["fromMe"] == true;
    let status = || {
        let updates = record["MessageUpdate"].as_array()?;
        updates.iter().filter_map(|update| DeliveryStatus::read(&update["status"])).max()
    };
    (from_me && same_person && same_text).then(|| Found {
        provider_id: sent.provider_id,
        sent_at: sent.sent_at,
        status: status(),
    })
}

fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, instance: &str) -> String {
        let gateway = Gateway::new(base).unwrap();
        let request = gateway.request(Method::POST, ["message", "sendText"], instance, "k");
        request.unwrap().build().unwrap().url().to_string()
    }

    #[test]
    fn an_instance_name_stays_one_segment_of_the_path() {
        #[rustfmt::skip]
        let cases = [
            ("http://gw:8080",        "studio-lua",       "http://gw:8080/message/sendText/studio-lua"),
            ("http://gw:8080/",       "salão da lua",     "http://gw:8080/message/sendText/sal%C3%A3o%20da%20lua"),
            ("http://gw/evolution/",  "a/b",              "http://gw/evolution/message/sendText/a%2Fb"),
            ("http://gw?x=1#y",       "a?instance=b#c",   "http://gw/message/sendText/a%3Finstance=b%23c"),
            ("http://gw",             "%2e%2e",           "http://gw/message/sendText/%252e%252e"),
            // Names no instance, so the gateway answers 404.
            ("http://gw",             "..",               "http://gw/message/sendText"),
        ];
        for (base, instance, expected) in cases {
            assert_eq!(url(base, instance), expected, "{base} {instance}");
        }
    }

    #[test]
    fn an_address_that_is_no_web_address_is_refused() {
        for base in ["", "gw:8080", "ftp://gw", "postgres://gw/db", "http://"] {
            let error = Gateway::new(base).unwrap_err();
            assert_eq!(
                error,
                CallError::Misconfigured { what: Misconfiguration::Address },
                "{base}"
            );
        }
    }

    #[test]
    fn a_key_is_not_shown_by_debug() {
        let gateway = Gateway::new("http://gw").unwrap();
        let request =
            gateway.request(Method::GET, ["instance", "connectionState"], "a", "s3cret-key");
        assert!(!format!("{request:?} {gateway:?}").contains("s3cret-key"));
        assert!(gateway.request(Method::GET, ["a", "b"], "a", "no\nheader").is_none());
    }
}
