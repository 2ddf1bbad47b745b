//! A simulated Evolution server, with customers that write when told.
//!
//! It speaks the REST calls and webhooks of the real one, as recorded, for each integration and for
//! the versions that differ ([`Version`]), including what is unpleasant about it: webhooks are
//! concurrent, tried again with back-off on some answers and lost on others; a send may fail after
//! the message went out. `dev`, the chat page, tests and load tests use it in place of the real
//! server.
//!
//! | part | is |
//! | --- | --- |
//! | [`router`] | both sides as one router: the gateway's own API, and `/control` for those who play the customer |
//! | [`Sim`] | the same from within the process, for tests |
//! | [`fault`] | what can be made to go wrong |
//!
//! Everything is in memory and bounded: of each chat the last messages, of all chats a total, of
//! sends a log. The control side takes no key: bind it to a private address.

mod connection;
mod control;
pub mod fault;
mod qr;
mod rest;
mod shape;
mod state;
mod version;
mod webhook;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use self::control::{Edit, Tap, Write};
pub use self::fault::Fault;
pub use self::state::{Author, Chat, ChatMessage, Menu, MenuKind, MenuOption, SentRecord, Webhook};
use self::state::{NewInstance, State};
pub use self::version::{Integration, LidStyle, Version};
pub use self::webhook::WebhookCounts;
use crate::clock::Clock;

/// How a simulated server behaves.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// The global key; each instance gets a token of its own besides.
    pub api_key: String,
    /// Dates messages and webhook tokens: the same one as of those who check them.
    pub clock: Clock,
    /// Factor on the delays between tries of a webhook: 1 is the real 5 s to 300 s.
    pub retry_scale: f64,
    /// How long a webhook's answer is waited for.
    pub webhook_timeout: Duration,
    /// From a send to its first status, and from each status to the next.
    pub status_delay: Duration,
    /// Whether customers read what they are sent: without, statuses end with delivery.
    pub reads: bool,
    /// Factor on the `delay` of a send, for which the real server holds its answer.
    pub typing_scale: f64,
    /// Messages kept of one chat.
    pub chat_messages: usize,
    /// Messages kept of all chats together.
    pub total_messages: usize,
    /// Sends kept in the log.
    pub sent_records: usize,
    /// The version played, unless an instance has another.
    pub version: Version,
    /// Whether a version that wants a licence has one; without, it answers no call.
    pub licensed: bool,
    /// Whether instances are connected as soon as they are asked to: there is nobody to scan a code.
    pub paired_at_once: bool,
    /// How long a code can be scanned before the next one, and how many there are.
    pub code_time: Duration,
    pub most_codes: u32,
    /// Where events of all instances go besides, `/` and the event's name appended.
    pub global_webhook: Option<String>,
    /// What webhooks call the server.
    pub server_url: String,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            api_key: "simulated-gateway-key".to_owned(),
            clock: Clock::default(),
            retry_scale: 1.0,
            webhook_timeout: Duration::from_secs(30),
            status_delay: Duration::from_millis(300),
            reads: true,
            typing_scale: 1.0,
            chat_messages: 200,
            total_messages: 100_000,
            sent_records: 100_000,
            version: Version::default(),
            licensed: false,
            paired_at_once: false,
            code_time: Duration::from_secs(20),
            most_codes: 30,
            global_webhook: None,
            server_url: "http://gateway-sim".to_owned(),
        }
    }
}

impl SimConfig {
    /// As the default one, without the waiting: for tests. A webhook is tried again after 25 ms
    /// first, statuses follow each other by 5 ms, nobody types.
    pub fn fast() -> Self {
        Self {
            retry_scale: 0.005,
            webhook_timeout: Duration::from_secs(5),
            status_delay: Duration::from_millis(5),
            typing_scale: 0.0,
            ..Self::default()
        }
    }
}

/// A simulated server. Clones are the same server.
#[derive(Clone)]
pub struct Sim {
    inner: Arc<Inner>,
}

struct Inner {
    config: SimConfig,
    http: reqwest::Client,
    state: Mutex<State>,
    /// Counts what happened in any chat, for those who wait.
    changes: watch::Sender<u64>,
}

impl Sim {
    /// A server without instances.
    ///
    /// # Panics
    ///
    /// If the system cannot give an HTTP client its resources.
    pub fn new(config: SimConfig) -> Self {
        // Does nothing where the program has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            // As the gateway does, an idle connection is not used for long: its server may be leaving.
            .pool_idle_timeout(Duration::from_secs(2))
            .timeout(config.webhook_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("an HTTP client without options that can fail");
        let state = State::new(&config);
        let changes = watch::Sender::new(0);
        Self { inner: Arc::new(Inner { config, http, state: Mutex::new(state), changes }) }
    }

    /// Makes an instance of kind WHATSAPP-BAILEYS, connected at once, that delivers all events to
    /// `webhook`, with these headers (`jwt_key` makes a signed token of its value). Replaces one of
    /// the same name.
    pub fn create_instance(&self, name: &str, webhook: &str, headers: &[(&str, &str)]) {
        self.create_instance_of(Integration::Baileys, name, webhook, headers);
    }

    /// As [`Sim::create_instance`], of another kind.
    pub fn create_instance_of(
        &self,
        integration: Integration,
        name: &str,
        webhook: &str,
        headers: &[(&str, &str)],
    ) {
        let headers: BTreeMap<_, _> =
            headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let webhook = Webhook { url: webhook.to_owned(), headers, ..Webhook::default() };
        let new = NewInstance { integration, webhook: Some(webhook), ..NewInstance::default() };
        self.state().add_instance(name, new, self.now()).open();
    }

    /// Puts another version in place: of the server, or of one instance. `false` without such
    /// instance.
    pub fn set_version(&self, version: Version, instance: Option<&str>) -> bool {
        let mut state = self.state();
        let Some(name) = instance else {
            state.version = version;
            return true;
        };
        state.instance_mut(name).map(|found| found.version = Some(version)).is_some()
    }

    /// Activates a version that wants a licence, or takes the licence away.
    pub fn set_licensed(&self, licensed: bool) {
        self.state().licensed = licensed;
    }

    /// Tells what WhatsApp knows of a number or LID: that it exists, with this very form as its
    /// own, or that nobody has it. Of others, all exist.
    pub fn set_number(&self, address: &str, exists: bool) {
        self.state().set_account(address, exists);
    }

    /// Lets a customer write a text. Returns when the webhook's first try is over.
    ///
    /// # Errors
    ///
    /// The reason in words, if there is no such instance or no such phone.
    pub async fn customer_writes(
        &self,
        instance: &str,
        phone: &str,
        name: &str,
        text: &str,
    ) -> Result<Written, &'static str> {
        let write = Write::text(phone, name, text);
        self.write(instance, write).await
    }

    /// What went out or was seen, oldest first.
    pub fn sent(&self) -> Vec<SentRecord> {
        self.state().sent().cloned().collect()
    }

    /// The messages of a chat that are kept, oldest first.
    pub fn chat(&self, instance: &str, phone: &str) -> Vec<ChatMessage> {
        self.state()
            .chat(instance, phone)
            .map(|c| c.messages().cloned().collect())
            .unwrap_or_default()
    }

    /// Waits for the business's first message in a chat after the message with id `after`, or
    /// after the beginning if that is empty.
    pub async fn wait_for_reply(
        &self,
        instance: &str,
        phone: &str,
        after: &str,
        timeout: Duration,
    ) -> Option<ChatMessage> {
        let mut changes = self.inner.changes.subscribe();
        let reply = async {
            loop {
                changes.mark_unchanged();
                let mut messages = self.chat(instance, phone).into_iter();
                if !after.is_empty() {
                    messages.by_ref().find(|message| message.id == after);
                }
                if let Some(reply) = messages
                    .find(|message| message.from == Author::Business && message.status != "failed")
                {
                    return Some(reply);
                }
                changes.changed().await.ok()?;
            }
        };
        tokio::time::timeout(timeout, reply).await.ok()?
    }

    /// What became of webhooks so far.
    pub fn webhook_counts(&self) -> WebhookCounts {
        self.state().webhooks
    }

    /// Makes something go wrong from now on; ends what went wrong before.
    pub fn set_fault(&self, fault: Fault) {
        self.set_faults(vec![fault]);
    }

    /// Makes these things go wrong together from now on; ends what went wrong before.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let begun = faults.clone();
        let before = self.state().faults.replace(faults);
        for fault in &before {
            self.end_connection_fault(fault);
        }
        for fault in &begun {
            self.begin_connection_fault(fault);
        }
    }

    /// Makes something go wrong beside what goes wrong already.
    pub fn add_fault(&self, fault: Fault) {
        self.begin_connection_fault(&fault);
        self.state().faults.add(fault);
    }

    /// Makes everything go right again.
    pub fn clear_fault(&self) {
        self.set_faults(Vec::new());
    }

    /// Ends this fault, if it has not ended.
    fn end_fault(&self, fault: &Fault) {
        if self.state().faults.remove(fault) {
            self.end_connection_fault(fault);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> DateTime<Utc> {
        self.inner.config.clock.now()
    }

    fn config(&self) -> &SimConfig {
        &self.inner.config
    }

    fn changed(&self) {
        self.inner.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// What came of a customer's message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    /// Its id, as the webhook names it.
    pub id: String,
    /// The webhook's answer to the first try; none if there was none, or no try.
    pub status: Option<u16>,
}

/// Both sides of the server as one router.
pub fn router(sim: Sim) -> Router {
    let rest = rest::router(&sim);
    rest.merge(control::router()).fallback(rest::no_such_route).with_state(sim)
}

/// Serves both sides until the task is dropped.
///
/// # Errors
///
/// None in practice; the signature is that of the server beneath.
pub async fn serve(listener: TcpListener, sim: Sim) -> std::io::Result<()> {
    axum::serve(listener, router(sim)).await
}
