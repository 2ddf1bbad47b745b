//! One number of a business.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Mutex, broadcast};
use uuid::Uuid;

use super::chat::{Chat, ChatEvent};
use crate::channel::whatsapp::address::Addresses;
use crate::channel::whatsapp::phone;
use crate::gateway_sim::shape;
use crate::gateway_sim::version::{Integration, Version};

pub(in crate::gateway_sim) struct Instance {
    pub(in crate::gateway_sim) id: Uuid,
    pub(in crate::gateway_sim) token: String,
    pub(in crate::gateway_sim) integration: Integration,
    /// Another version than the server's, for tests of several in one.
    pub(in crate::gateway_sim) version: Option<Version>,
    /// As given when it was made; of Cloud instances Meta's id of the number.
    pub(in crate::gateway_sim) number: Option<String>,
    pub(in crate::gateway_sim) business: Option<String>,
    /// The business's own JID, from when it was first connected; Baileys only.
    pub(in crate::gateway_sim) owner: Option<String>,
    /// The JID that it will have.
    account: String,
    pub(in crate::gateway_sim) connection: Connection,
    /// Whether it was ever asked to connect: until then there is no socket that could be closed.
    pub(in crate::gateway_sim) has_socket: bool,
    /// The code on the screen, while one waits to be scanned.
    pub(in crate::gateway_sim) pairing: Option<Pairing>,
    /// When and why it was put out.
    pub(in crate::gateway_sim) disconnected: Option<(DateTime<Utc>, Value)>,
    pub(in crate::gateway_sim) webhook: Option<Webhook>,
    pub(in crate::gateway_sim) settings: Settings,
    pub(in crate::gateway_sim) created_at: DateTime<Utc>,
    /// Sends at work.
    pub(in crate::gateway_sim) sends_open: u32,
    /// Events of customers that wait at WhatsApp until it is connected again.
    pub(in crate::gateway_sim) held: Vec<(&'static str, Value)>,
    /// Held while an edit is delivered: what comes after it waits, from 2.3.7 on.
    pub(in crate::gateway_sim) gate: Arc<Mutex<()>>,
    chats: HashMap<String, Chat>,
    /// LID → chat, where a customer is known by both.
    lids: HashMap<String, String>,
}

/// What a new instance is made of.
#[derive(Debug, Default)]
pub(in crate::gateway_sim) struct NewInstance {
    pub(in crate::gateway_sim) token: Option<String>,
    pub(in crate::gateway_sim) integration: Integration,
    pub(in crate::gateway_sim) number: Option<String>,
    pub(in crate::gateway_sim) business: Option<String>,
    pub(in crate::gateway_sim) webhook: Option<Webhook>,
    pub(in crate::gateway_sim) settings: Settings,
}

/// How an instance stands with WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::gateway_sim) enum Connection {
    Open,
    Connecting,
    #[default]
    Close,
}

/// A code that waits to be scanned.
#[derive(Debug, Clone)]
pub(in crate::gateway_sim) struct Pairing {
    pub(in crate::gateway_sim) code: String,
    /// For who would rather type than scan, if a number was given.
    pub(in crate::gateway_sim) typed: Option<String>,
    /// How many codes there have been.
    pub(in crate::gateway_sim) count: u32,
    /// Which attempt to connect it belongs to: a later one ends this one.
    pub(in crate::gateway_sim) attempt: Uuid,
}

/// What `settings/set` takes, with the server's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the server's own settings")]
pub(in crate::gateway_sim) struct Settings {
    pub(in crate::gateway_sim) reject_call: bool,
    pub(in crate::gateway_sim) msg_call: String,
    pub(in crate::gateway_sim) groups_ignore: bool,
    pub(in crate::gateway_sim) always_online: bool,
    pub(in crate::gateway_sim) read_messages: bool,
    pub(in crate::gateway_sim) read_status: bool,
    pub(in crate::gateway_sim) sync_full_history: bool,
    pub(in crate::gateway_sim) wavoip_token: String,
}

/// Where an instance delivers what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: String,
    pub url: String,
    /// Sent with every delivery; `jwt_key` is not sent, but signs a token.
    pub headers: BTreeMap<String, String>,
    pub enabled: bool,
    /// Subscriptions in their upper-case names; none: all.
    pub events: Vec<String>,
    /// Whether the event's name is appended to the URL.
    pub by_events: bool,
    /// Whether media come along; here they never can be downloaded.
    pub base64: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            id: shape::row_id(),
            url: String::new(),
            headers: BTreeMap::new(),
            enabled: true,
            events: Vec::new(),
            by_events: false,
            base64: false,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }
}

impl Instance {
    pub(super) fn new(new: NewInstance, count: usize, now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::new_v4(),
            token: new.token.unwrap_or_else(|| Uuid::new_v4().to_string().to_uppercase()),
            integration: new.integration,
            version: None,
            number: new.number,
            business: new.business,
            owner: None,
            account: format!("55119900{count:05}@s.whatsapp.net"),
            // The others have nobody to wait for.
            connection: if new.integration == Integration::Baileys {
                Connection::Close
            } else {
                Connection::Open
            },
            has_socket: new.integration != Integration::Baileys,
            pairing: None,
            disconnected: None,
            webhook: new.webhook.map(|w| Webhook { created_at: now, updated_at: now, ..w }),
            settings: new.settings,
            created_at: now,
            sends_open: 0,
            held: Vec::new(),
            gate: Arc::default(),
            chats: HashMap::new(),
            lids: HashMap::new(),
        }
    }

    pub(in crate::gateway_sim) fn is_open(&self) -> bool {
        self.connection == Connection::Open
    }

    /// Connects it: from now on it has an account.
    pub(in crate::gateway_sim) fn open(&mut self) {
        self.connection = Connection::Open;
        self.has_socket = true;
        self.pairing = None;
        self.disconnected = None;
        if self.integration == Integration::Baileys {
            self.owner = Some(self.account.clone());
        }
    }

    pub(in crate::gateway_sim) fn chats(&self) -> impl Iterator<Item = (&String, &Chat)> {
        self.chats.iter()
    }

    pub(in crate::gateway_sim) fn chat(&self, address: &str) -> Option<&Chat> {
        self.chats.get(&self.key_of(address)?)
    }

    /// The chat; made if there is none.
    pub(in crate::gateway_sim) fn chat_mut(&mut self, address: &str) -> Option<&mut Chat> {
        let key = self.key_of(address)?;
        Some(self.chats.entry(key).or_default())
    }

    /// The chat, if there is one.
    pub(super) fn chat_mut_known(&mut self, address: &str) -> Option<&mut Chat> {
        let key = self.key_of(address)?;
        self.chats.get_mut(&key)
    }

    /// What a customer is known by: the canonical phone's digits, else the LID.
    pub(in crate::gateway_sim) fn key_of(&self, address: &str) -> Option<String> {
        let bare = phone::canonical(address);
        let found = Addresses::of_jid(address);
        if let Some(phone) = bare.or(found.phone) {
            return Some(phone.trim_start_matches('+').to_owned());
        }
        let lid = found.lid?;
        Some(self.lids.get(&lid).cloned().unwrap_or(lid))
    }

    /// Remembers that a LID and a phone are the same customer's.
    pub(in crate::gateway_sim) fn link(&mut self, lid: &str, address: &str) {
        if let Some(key) = self.key_of(address) {
            self.lids.insert(lid.to_owned(), key);
        }
    }

    /// What happens in a chat from now on.
    pub(in crate::gateway_sim) fn watch(
        &mut self,
        address: &str,
    ) -> Option<broadcast::Receiver<ChatEvent>> {
        // Looking at a chat makes it; those that nobody wrote in and nobody looks at any more go.
        self.chats.retain(|_, chat| !chat.is_idle());
        Some(self.chat_mut(address)?.watch())
    }

    /// Drops a chat's oldest message if it is this one, and the chat if nothing is left of it.
    pub(super) fn forget(&mut self, key: &str, seq: u64) {
        if self.chats.get_mut(key).is_some_and(|chat| chat.forget(seq)) {
            self.chats.remove(key);
            self.lids.retain(|_, chat| chat != key);
        }
    }
}
