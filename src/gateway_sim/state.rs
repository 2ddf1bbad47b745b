//! What the simulated server remembers, and how much of it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::fault::Active;
use super::{SimConfig, shape};
use crate::channel::whatsapp::address::Addresses;
use crate::channel::whatsapp::phone;

/// Events that one who watches a chat may be behind by.
const WATCH_BACKLOG: usize = 64;

pub(super) struct State {
    instances: BTreeMap<String, Instance>,
    /// Every message kept, oldest first, to find the one that has to go when there are too many.
    order: VecDeque<(u64, String, String)>,
    sent: VecDeque<SentRecord>,
    pub(super) fault: Option<Active>,
    next_seq: u64,
    chat_messages: usize,
    total_messages: usize,
    sent_records: usize,
}

/// One number of a business.
pub(super) struct Instance {
    pub(super) id: Uuid,
    pub(super) token: String,
    pub(super) integration: String,
    /// The business's own JID.
    pub(super) owner: String,
    /// `open`, `connecting` or `close`.
    pub(super) connection: String,
    pub(super) webhook: Option<Webhook>,
    pub(super) created_at: DateTime<Utc>,
    chats: HashMap<String, Chat>,
    /// LID → chat, where a customer is known by both.
    lids: HashMap<String, String>,
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
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }
}

/// A conversation with one customer.
#[derive(Debug, Default)]
pub struct Chat {
    /// What the customer calls themselves.
    pub name: Option<String>,
    /// The address that the customer writes from.
    pub jid: String,
    messages: VecDeque<ChatMessage>,
    watchers: Option<broadcast::Sender<ChatEvent>>,
}

impl Chat {
    /// The messages kept, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &ChatMessage> {
        self.messages.iter()
    }

    fn is_watched(&self) -> bool {
        self.watchers.as_ref().is_some_and(|watchers| watchers.receiver_count() > 0)
    }

    fn tell(&mut self, event: &ChatEvent) {
        // Nobody watches any more: the channel would only take room.
        if self.watchers.as_ref().is_some_and(|watchers| watchers.send(event.clone()).is_err()) {
            self.watchers = None;
        }
    }
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatMessage {
    pub id: String,
    pub from: Author,
    pub text: String,
    pub at: DateTime<Utc>,
    /// Of the business's: `pending`, `sent`, `delivered` or `read`; of the customer's: `received`.
    pub status: &'static str,
    #[serde(skip)]
    pub(super) seq: u64,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    Customer,
    Business,
}

/// What those who watch a chat are told.
#[derive(Debug, Clone)]
pub(super) enum ChatEvent {
    Message(ChatMessage),
    /// The same message with another status.
    Status(ChatMessage),
}

/// A send that reached the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentRecord {
    /// The message's id, if it went out.
    pub id: Option<String>,
    pub instance: String,
    /// As it was given.
    pub number: String,
    /// Whose chat it is: digits of the phone, or a LID.
    pub phone: String,
    pub text: String,
    pub at: DateTime<Utc>,
    /// Whether the customer has it, whatever was answered.
    pub went_out: bool,
    /// Whether the answer was 201.
    pub accepted: bool,
}

impl State {
    pub(super) fn new(config: &SimConfig) -> Self {
        Self {
            instances: BTreeMap::new(),
            order: VecDeque::new(),
            sent: VecDeque::new(),
            fault: None,
            next_seq: 0,
            chat_messages: config.chat_messages.max(1),
            total_messages: config.total_messages.max(1),
            sent_records: config.sent_records,
        }
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = (&String, &Instance)> {
        self.instances.iter()
    }

    pub(super) fn instance(&self, name: &str) -> Option<&Instance> {
        self.instances.get(name)
    }

    pub(super) fn instance_mut(&mut self, name: &str) -> Option<&mut Instance> {
        self.instances.get_mut(name)
    }

    pub(super) fn add_instance(
        &mut self,
        name: &str,
        token: Option<String>,
        integration: Option<String>,
        webhook: Option<Webhook>,
        now: DateTime<Utc>,
    ) -> &Instance {
        let number = self.instances.len() + 1;
        let instance = Instance {
            id: Uuid::new_v4(),
            token: token.unwrap_or_else(|| Uuid::new_v4().to_string().to_uppercase()),
            integration: integration.unwrap_or_else(|| "WHATSAPP-BAILEYS".to_owned()),
            owner: format!("55119900{number:05}@s.whatsapp.net"),
            connection: "open".to_owned(),
            webhook: webhook.map(|w| Webhook { created_at: now, updated_at: now, ..w }),
            created_at: now,
            chats: HashMap::new(),
            lids: HashMap::new(),
        };
        self.instances.insert(name.to_owned(), instance);
        &self.instances[name]
    }

    pub(super) fn sent(&self) -> impl Iterator<Item = &SentRecord> {
        self.sent.iter()
    }

    pub(super) fn log_send(&mut self, record: SentRecord) {
        self.sent.push_back(record);
        while self.sent.len() > self.sent_records {
            self.sent.pop_front();
        }
    }

    /// The chat of a phone in any form, or of a LID.
    pub(super) fn chat(&self, instance: &str, phone: &str) -> Option<&Chat> {
        let instance = self.instances.get(instance)?;
        instance.chats.get(&instance.key_of(phone)?)
    }

    /// Notes a message; makes the chat, and drops the oldest messages where there are too many.
    /// `None` without such instance or address.
    pub(super) fn add_message(
        &mut self,
        instance_name: &str,
        address: &str,
        mut message: ChatMessage,
    ) -> Option<()> {
        message.seq = self.next_seq;
        let chat_messages = self.chat_messages;
        let instance = self.instances.get_mut(instance_name)?;
        let key = instance.key_of(address)?;
        let chat = instance.chats.entry(key.clone()).or_default();
        if chat.jid.is_empty() {
            address.clone_into(&mut chat.jid);
        }
        chat.messages.push_back(message.clone());
        while chat.messages.len() > chat_messages {
            chat.messages.pop_front();
        }
        chat.tell(&ChatEvent::Message(message));
        self.order.push_back((self.next_seq, instance_name.to_owned(), key));
        self.next_seq += 1;
        while self.order.len() > self.total_messages {
            self.forget_oldest();
        }
        Some(())
    }

    /// Notes how far a message of the business has got.
    pub(super) fn set_status(
        &mut self,
        instance: &str,
        address: &str,
        id: &str,
        status: &'static str,
    ) {
        let Some(instance) = self.instances.get_mut(instance) else { return };
        let Some(chat) = instance.key_of(address).and_then(|key| instance.chats.get_mut(&key))
        else {
            return;
        };
        if let Some(message) = chat.messages.iter_mut().rev().find(|message| message.id == id) {
            message.status = status;
            let event = ChatEvent::Status(message.clone());
            chat.tell(&event);
        }
    }

    fn forget_oldest(&mut self) {
        let Some((seq, instance, key)) = self.order.pop_front() else { return };
        let Some(instance) = self.instances.get_mut(&instance) else { return };
        let Some(chat) = instance.chats.get_mut(&key) else { return };
        if chat.messages.front().is_some_and(|message| message.seq == seq) {
            chat.messages.pop_front();
        }
        if chat.messages.is_empty() && !chat.is_watched() {
            instance.chats.remove(&key);
            instance.lids.retain(|_, chat| *chat != key);
        }
    }
}

impl Instance {
    pub(super) fn chats(&self) -> impl Iterator<Item = (&String, &Chat)> {
        self.chats.iter()
    }

    pub(super) fn chat_mut(&mut self, address: &str) -> Option<&mut Chat> {
        let key = self.key_of(address)?;
        Some(self.chats.entry(key).or_default())
    }

    /// What a customer is known by: the canonical phone's digits, else the LID.
    pub(super) fn key_of(&self, address: &str) -> Option<String> {
        let bare = phone::canonical(address);
        let found = Addresses::of_jid(address);
        if let Some(phone) = bare.or(found.phone) {
            return Some(phone.trim_start_matches('+').to_owned());
        }
        let lid = found.lid?;
        Some(self.lids.get(&lid).cloned().unwrap_or(lid))
    }

    /// Remembers that a LID and a phone are the same customer's.
    pub(super) fn link(&mut self, lid: &str, address: &str) {
        if let Some(key) = self.key_of(address) {
            self.lids.insert(lid.to_owned(), key);
        }
    }

    /// `false` for what is no state of a connection.
    pub(super) fn set_state(&mut self, state: &str) -> bool {
        let known = matches!(state, "open" | "connecting" | "close");
        if known {
            state.clone_into(&mut self.connection);
        }
        known
    }

    /// What happens in a chat from now on.
    pub(super) fn watch(&mut self, address: &str) -> Option<broadcast::Receiver<ChatEvent>> {
        // Looking at a chat makes it; those that nobody wrote in and nobody looks at any more go.
        self.chats.retain(|_, chat| !chat.messages.is_empty() || chat.is_watched());
        let chat = self.chat_mut(address)?;
        let watchers = chat.watchers.get_or_insert_with(|| broadcast::Sender::new(WATCH_BACKLOG));
        Some(watchers.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> ChatMessage {
        let at = DateTime::UNIX_EPOCH;
        let (id, text) = (text.to_owned(), text.to_owned());
        ChatMessage { id, from: Author::Customer, text, at, status: "received", seq: 0 }
    }

    fn texts(state: &State, phone: &str) -> Vec<String> {
        let chat = state.chat("a", phone);
        chat.map(|c| c.messages().map(|m| m.text.clone()).collect()).unwrap_or_default()
    }

    #[test]
    fn memory_is_bounded_by_chat_and_in_total() {
        let config = SimConfig { chat_messages: 3, total_messages: 5, ..SimConfig::default() };
        let mut state = State::new(&config);
        state.add_instance("a", None, None, None, DateTime::UNIX_EPOCH);
        for text in ["1", "2", "3", "4"] {
            state.add_message("a", "5511988887771", message(text)).unwrap();
        }
        assert_eq!(texts(&state, "5511988887771"), ["2", "3", "4"]);
        for (text, phone) in
            [("5", "5511988887772"), ("6", "5511988887773"), ("7", "5511988887773")]
        {
            state.add_message("a", phone, message(text)).unwrap();
        }
        assert_eq!(texts(&state, "5511988887771"), ["3", "4"]);
        for text in ["8", "9"] {
            state.add_message("a", "5511988887773", message(text)).unwrap();
        }
        assert_eq!(state.instance("a").unwrap().chats().count(), 2, "the empty chat is gone");
        assert_eq!(texts(&state, "5511988887772"), ["5"]);
    }

    #[test]
    fn looking_at_chats_where_nothing_was_said_leaves_nothing_behind() {
        let mut state = State::new(&SimConfig::default());
        state.add_instance("a", None, None, None, DateTime::UNIX_EPOCH);
        state.add_message("a", "5511988887771", message("1")).unwrap();
        let instance = state.instance_mut("a").unwrap();
        let watched = instance.watch("5511988887772").unwrap();
        for _ in 0..3 {
            drop(instance.watch("5511988887773").unwrap());
        }
        drop(instance.watch("5511988887774").unwrap());
        assert_eq!(instance.chats().count(), 3, "one with a message, one watched, the last one");
        drop(watched);
        assert!(instance.watch("nobody").is_none());
        assert_eq!(instance.chats().count(), 1);
    }

    #[test]
    fn a_customer_has_one_chat_whatever_form_their_address_has() {
        let mut state = State::new(&SimConfig::default());
        state.add_instance("a", None, None, None, DateTime::UNIX_EPOCH);
        state.instance_mut("a").unwrap().link("123@lid", "5531988887777");
        for address in ["553188887777@s.whatsapp.net", "+55 31 98888-7777", "123@lid"] {
            state.add_message("a", address, message(address)).unwrap();
        }
        assert_eq!(texts(&state, "5531988887777").len(), 3);
        assert_eq!(state.add_message("a", "nobody", message("x")), None);
    }
}
