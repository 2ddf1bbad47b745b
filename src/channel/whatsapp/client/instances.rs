//! Calls about an instance itself: making it, pairing it, its webhook, and what it has on record.

use chrono::{DateTime, Utc};
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{CALL_PATIENCE, Gateway, MAX_PAGES, PAGE, answer, body_of, call, iso};
use crate::channel::error::{CallError, Misconfiguration};
use crate::channel::whatsapp::status::InstanceState;

/// What we want to be told of; everything else is one more request a message.
pub const EVENTS: [&str; 10] = [
    "MESSAGES_UPSERT",
    "MESSAGES_UPDATE",
    "MESSAGES_EDITED",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "CONNECTION_UPDATE",
    "QRCODE_UPDATED",
    "LOGOUT_INSTANCE",
    "REMOVE_INSTANCE",
    "STATUS_INSTANCE",
];

/// An instance as the gateway has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    /// The gateway's own id: another one after it was deleted and made again.
    pub id: Option<String>,
    pub state: InstanceState,
    /// `WHATSAPP-BAILEYS`, `WHATSAPP-BUSINESS`, `EVOLUTION`.
    pub integration: Option<String>,
}

/// Where the gateway is to deliver, and how it proves that it is the gateway.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    pub url: String,
    /// Signs a token for each delivery; never sent itself.
    pub jwt_key: String,
}

/// A webhook as the gateway has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    pub url: String,
    pub enabled: bool,
    /// None: all.
    pub events: Vec<String>,
    /// The gateway signs with a key, whichever.
    pub signs: bool,
    /// Whether that key is the one asked about.
    pub signs_with_ours: bool,
}

/// How far pairing has got.
#[derive(Clone, PartialEq, Eq)]
pub enum Pairing {
    Open,
    /// To be scanned with the phone; it changes every 20 s or so.
    Code(String),
    /// No code yet: ask again in a moment.
    Waiting,
    /// The gateway could not, and says so in no way that we know.
    Failed,
}

impl Gateway {
    /// The instance of this name; `None`: the gateway has none such.
    pub async fn instance(&self, name: &str, key: &str) -> Result<Option<InstanceInfo>, CallError> {
        let query = [("instanceName", name)];
        let request =
            self.without_instance(Method::GET, ["instance", "fetchInstances"], &query, key);
        let (status, answer) = answered(request).await?;
        let unknown = answer["response"]["message"][0]
            .as_str()
            .is_some_and(|text| text.starts_with("Instance ") && text.ends_with(" not found"));
        if status == 404 && unknown {
            return Ok(None);
        }
        let answer = succeeded(status, answer)?;
        let rows = answer.as_array().ok_or(CallError::Unreadable)?;
        Ok(rows.iter().find(|row| row["name"] == name).map(|row| InstanceInfo {
            id: row["id"].as_str().map(str::to_owned),
            state: row["connectionStatus"]
                .as_str()
                .map_or(InstanceState::Unknown, InstanceState::read),
            integration: row["integration"].as_str().map(str::to_owned),
        }))
    }

    /// Makes a Baileys instance with its webhook, without a code to scan yet; `false`: there is one
    /// of this name already. Takes the global key; with `token` it gets that for a key of its own.
    pub async fn create_instance(
        &self,
        name: &str,
        global_key: &str,
        token: Option<&str>,
        webhook: &WebhookSettings,
    ) -> Result<bool, CallError> {
        // Without `events` the gateway throws, and deletes the instance again.
        let mut body = json!({
            "instanceName": name, "integration": "WHATSAPP-BAILEYS", "qrcode": false,
            "groupsIgnore": true, "webhook": of_webhook(webhook),
        });
        if let Some(token) = token {
            body["token"] = Value::from(token);
        }
        let request = self.without_instance(Method::POST, ["instance", "create"], &[], global_key);
        let (status, answer) = answered(request.map(|request| request.json(&body))).await?;
        let is_there = answer["response"]["message"][0]
            .as_str()
            .is_some_and(|text| text.contains("already in use"));
        if status == 403 && is_there {
            return Ok(false);
        }
        succeeded(status, answer).map(|_| true)
    }

    /// A request whose path names no instance; `None` if the key cannot stand in a header.
    fn without_instance(
        &self,
        method: Method,
        action: [&str; 2],
        query: &[(&str, &str)],
        key: &str,
    ) -> Option<RequestBuilder> {
        let mut key = HeaderValue::from_str(key).ok()?;
        key.set_sensitive(true);
        let mut url = self.base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(action);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Some(self.http.request(method, url).header("apikey", key))
    }

    /// Replaces the webhook of an instance.
    pub async fn set_webhook(
        &self,
        name: &str,
        key: &str,
        webhook: &WebhookSettings,
    ) -> Result<(), CallError> {
        let mut settings = of_webhook(webhook);
        settings["enabled"] = Value::from(true);
        let body = json!({ "webhook": settings });
        let request = self.request(Method::POST, ["webhook", "set"], name, key);
        call(request.map(|request| request.json(&body))).await.map(drop)
    }

    /// The webhook of an instance; `None`: it has none. Its key is compared with `jwt_keys`.
    pub async fn webhook(
        &self,
        name: &str,
        key: &str,
        jwt_keys: &[String],
    ) -> Result<Option<WebhookRow>, CallError> {
        let row = call(self.request(Method::GET, ["webhook", "find"], name, key)).await?;
        let Some(url) = row["url"].as_str() else { return Ok(None) };
        let events = row["events"].as_array().into_iter().flatten();
        let signs_with = row["headers"]["jwt_key"].as_str();
        Ok(Some(WebhookRow {
            url: url.to_owned(),
            enabled: row["enabled"] == true,
            events: events.filter_map(Value::as_str).map(str::to_owned).collect(),
            signs: signs_with.is_some(),
            signs_with_ours: signs_with.is_some_and(|key| jwt_keys.iter().any(|ours| ours == key)),
        }))
    }

    /// Groups and history stay out; calls, reading and presence are left to the phone's owner.
    pub async fn set_settings(&self, name: &str, key: &str) -> Result<(), CallError> {
        let body = json!({
            "rejectCall": false, "groupsIgnore": true, "alwaysOnline": false,
            "readMessages": false, "readStatus": false, "syncFullHistory": false,
        });
        let request = self.request(Method::POST, ["settings", "set"], name, key);
        call(request.map(|request| request.json(&body))).await.map(drop)
    }

    /// Asks for pairing, or how far it has got.
    pub async fn connect(&self, name: &str, key: &str) -> Result<Pairing, CallError> {
        let answer = call(self.request(Method::GET, ["instance", "connect"], name, key)).await?;
        let code = answer["code"].as_str().filter(|code| !code.is_empty());
        Ok(match (answer["instance"]["state"].as_str().map(InstanceState::read), code) {
            (Some(InstanceState::Open), _) => Pairing::Open,
            (_, Some(code)) => Pairing::Code(code.to_owned()),
            _ if answer["error"] == true => Pairing::Failed,
            _ => Pairing::Waiting,
        })
    }

    /// What the instance has on record between two moments (both included, whole seconds), in any
    /// order; `None`: more than a few thousand, ask for a shorter stretch.
    pub async fn recorded(
        &self,
        name: &str,
        key: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Vec<Value>>, CallError> {
        let filter = json!({ "messageTimestamp": { "gte": iso(from), "lte": iso(until) } });
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let (pages, records) = self.page_of_records(name, key, &filter, page).await?;
            if pages > MAX_PAGES {
                return Ok(None);
            }
            all.extend(records);
            if page >= pages {
                break;
            }
        }
        Ok(Some(all))
    }

    async fn page_of_records(
        &self,
        name: &str,
        key: &str,
        filter: &Value,
        page: u64,
    ) -> Result<(u64, Vec<Value>), CallError> {
        let body = json!({ "where": filter, "page": page, "offset": PAGE });
        let request = self.request(Method::POST, ["chat", "findMessages"], name, key);
        let mut answer = call(request.map(|request| request.json(&body))).await?;
        let messages = &mut answer["messages"];
        let pages = messages["pages"].as_u64().ok_or(CallError::Unreadable)?;
        match messages["records"].take() {
            Value::Array(records) => Ok((pages, records)),
            _ => Err(CallError::Unreadable),
        }
    }
}

/// Status and JSON of an answer, whatever they say.
async fn answered(request: Option<RequestBuilder>) -> Result<(u16, Value), CallError> {
    let request = request.ok_or(CallError::Misconfigured { what: Misconfiguration::Key })?;
    let answer = request.timeout(CALL_PATIENCE).send().await;
    let answer = answer.map_err(|_| CallError::Unreachable)?;
    let status = answer.status().as_u16();
    Ok((status, body_of(answer).await.ok_or(CallError::Unreachable)?))
}

fn succeeded(status: u16, body: Value) -> Result<Value, CallError> {
    if status == StatusCode::OK || status == StatusCode::CREATED {
        return Ok(body);
    }
    Err(match answer::misconfiguration(status, &body) {
        Some(what) => CallError::Misconfigured { what },
        None => CallError::Failed { status },
    })
}

fn of_webhook(webhook: &WebhookSettings) -> Value {
    json!({
        "url": webhook.url, "byEvents": false, "base64": false,
        "headers": { "jwt_key": webhook.jwt_key }, "events": EVENTS,
    })
}
