//! Conversations as the customer's phone has them, and the log of sends.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;

/// Events that one who watches a chat may be behind by.
const WATCH_BACKLOG: usize = 64;

/// A conversation with one customer.
#[derive(Debug, Default)]
pub struct Chat {
    /// What the customer calls themselves.
    pub name: Option<String>,
    /// The address that the customer writes from.
    pub jid: String,
    /// The JID of their phone, if it was ever told.
    pub(in crate::gateway_sim) phone_jid: String,
    messages: VecDeque<ChatMessage>,
    watchers: Option<broadcast::Sender<ChatEvent>>,
}

impl Chat {
    /// The messages kept, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &ChatMessage> {
        self.messages.iter()
    }

    pub(super) fn push(&mut self, message: ChatMessage, most: usize) {
        self.messages.push_back(message.clone());
        while self.messages.len() > most {
            self.messages.pop_front();
        }
        self.tell(&ChatEvent::Message(message));
    }

    pub(super) fn change<T>(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut ChatMessage) -> T,
    ) -> Option<T> {
        let message = self.messages.iter_mut().rev().find(|message| message.id == id)?;
        let changed = change(message);
        let event = ChatEvent::Status(message.clone());
        self.tell(&event);
        Some(changed)
    }

    /// Drops the oldest message if it is this one; whether the chat is of no use any more.
    pub(super) fn forget(&mut self, seq: u64) -> bool {
        if self.messages.front().is_some_and(|message| message.seq == seq) {
            self.messages.pop_front();
        }
        self.is_idle()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.messages.is_empty() && !self.is_watched()
    }

    fn is_watched(&self) -> bool {
        self.watchers.as_ref().is_some_and(|watchers| watchers.receiver_count() > 0)
    }

    pub(super) fn watch(&mut self) -> broadcast::Receiver<ChatEvent> {
        self.watchers.get_or_insert_with(|| broadcast::Sender::new(WATCH_BACKLOG)).subscribe()
    }

    fn tell(&mut self, event: &ChatEvent) {
        // Nobody watches any more: the channel would only take room.
        if self.watchers.as_ref().is_some_and(|watchers| watchers.send(event.clone()).is_err()) {
            self.watchers = None;
        }
    }
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct ChatMessage {
    pub id: String,
    pub from: Author,
    /// What can be read of it; of a menu its heading.
    pub text: String,
    pub at: DateTime<Utc>,
    /// Of the business's: `pending`, `sent`, `delivered`, `read` or `failed`; of the customer's:
    /// `received`, or `waiting` while the instance is away.
    pub status: &'static str,
    /// What can be tapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub menu: Option<Menu>,
    /// The id of the message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quoted: Option<String>,
    /// The customer's, on a message of the business.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaction: Option<String>,
    /// Whether it is only that: phones show it on the message, not as one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_reaction: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The key, message and type as the server keeps them, where they are not those of a plain
    /// text to the chat's address.
    #[serde(skip)]
    pub(in crate::gateway_sim) record: Option<Box<Kept>>,
    #[serde(skip)]
    pub(in crate::gateway_sim) seq: u64,
}

/// A message as it stands in the server's own table.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::gateway_sim) struct Kept {
    pub(in crate::gateway_sim) key: Value,
    pub(in crate::gateway_sim) message: Value,
    pub(in crate::gateway_sim) kind: String,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    #[default]
    Customer,
    Business,
}

/// A message that is answered by tapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Menu {
    pub kind: MenuKind,
    pub options: Vec<MenuOption>,
    /// Labels that the customer has chosen; of a poll the vote of the moment.
    pub chosen: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MenuKind {
    Poll,
    List,
    Buttons,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MenuOption {
    pub label: String,
    /// Of a row or a button; options of polls have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What those who watch a chat are told.
#[derive(Debug, Clone)]
pub(in crate::gateway_sim) enum ChatEvent {
    Message(ChatMessage),
    /// The same message, changed.
    Status(ChatMessage),
}

/// A send that reached the server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SentRecord {
    /// The message's id, if it went out.
    pub id: Option<String>,
    pub instance: String,
    /// As it was given.
    pub number: String,
    /// Whose chat it is: digits of the phone, or a LID.
    pub phone: String,
    /// The text; of a menu its heading.
    pub text: String,
    /// `text`, `poll`, `list`, `buttons`, `media`, `location`, `contact`, `reaction` or `template`.
    pub kind: &'static str,
    /// When it came in.
    pub at: DateTime<Utc>,
    /// When it was answered or given up by who asked; `None` while neither.
    pub ended_at: Option<DateTime<Utc>>,
    /// Sends at work at the same instance when it came in, itself included. Those that hang for
    /// ever are not at work.
    pub at_once: u32,
    /// Whether the customer has it, whatever was answered.
    pub went_out: bool,
    /// Whether the answer was 201 with an id.
    pub accepted: bool,
    #[serde(skip)]
    pub(in crate::gateway_sim) number_in_log: u64,
}
