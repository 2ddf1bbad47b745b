//! What the simulated server remembers, and how much of it.

mod chat;
mod instance;

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, Utc};

pub use self::chat::{Author, Chat, ChatMessage, Menu, MenuKind, MenuOption, SentRecord};
pub(super) use self::chat::{ChatEvent, Kept};
pub use self::instance::Webhook;
pub(super) use self::instance::{Connection, Instance, NewInstance, Pairing, Settings};
use super::SimConfig;
use super::fault::Faults;
use super::shape;
use super::version::Version;
use super::webhook::WebhookCounts;
use crate::channel::whatsapp::phone;

pub(super) struct State {
    instances: BTreeMap<String, Instance>,
    /// Every message kept, oldest first, to find the one that has to go when there are too many.
    order: VecDeque<(u64, String, String)>,
    sent: VecDeque<SentRecord>,
    pub(super) faults: Faults,
    pub(super) version: Version,
    /// Whether the operator has activated a version that wants it.
    pub(super) licensed: bool,
    pub(super) webhooks: WebhookCounts,
    /// What WhatsApp knows of numbers, by canonical phone or by LID; of others nothing is special.
    accounts: HashMap<String, Account>,
    next_seq: u64,
    next_send: u64,
    instances_made: usize,
    chat_messages: usize,
    total_messages: usize,
    sent_records: usize,
}

/// A number, as WhatsApp has it.
#[derive(Debug, Clone)]
enum Account {
    /// Nobody has it.
    Absent,
    /// Its JID, which may have other digits than those it is dialled with.
    Jid(String),
}

impl State {
    pub(super) fn new(config: &SimConfig) -> Self {
        Self {
            instances: BTreeMap::new(),
            order: VecDeque::new(),
            sent: VecDeque::new(),
            faults: Faults::default(),
            version: config.version,
            licensed: config.licensed,
            webhooks: WebhookCounts::default(),
            accounts: HashMap::new(),
            next_seq: 0,
            next_send: 0,
            instances_made: 0,
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

    /// Adds an instance; replaces one of the same name.
    pub(super) fn add_instance(
        &mut self,
        name: &str,
        new: NewInstance,
        now: DateTime<Utc>,
    ) -> &mut Instance {
        self.instances_made += 1;
        let instance = Instance::new(new, self.instances_made, now);
        self.instances.insert(name.to_owned(), instance);
        self.instances.get_mut(name).expect("inserted just now")
    }

    /// The version that an instance runs on.
    pub(super) fn version_of(&self, instance: &str) -> Version {
        let own = self.instances.get(instance).and_then(|instance| instance.version);
        own.unwrap_or(self.version)
    }

    pub(super) fn remove_instance(&mut self, name: &str) -> Option<Instance> {
        self.instances.remove(name)
    }

    pub(super) fn sent(&self) -> impl Iterator<Item = &SentRecord> {
        self.sent.iter()
    }

    /// Notes a send that has come in; the number it goes by from now on.
    pub(super) fn begin_send(&mut self, mut record: SentRecord) -> u64 {
        let number = self.next_send;
        self.next_send += 1;
        if let Some(instance) = self.instances.get_mut(&record.instance) {
            instance.sends_open += 1;
            record.at_once = instance.sends_open;
        }
        record.number_in_log = number;
        self.sent.push_back(record);
        while self.sent.len() > self.sent_records {
            self.sent.pop_front();
        }
        number
    }

    /// The record of a send, unless it is too old to be kept.
    pub(super) fn sent_mut(&mut self, number: u64) -> Option<&mut SentRecord> {
        self.sent.iter_mut().rev().find(|record| record.number_in_log == number)
    }

    /// Notes that nothing happens to a send any more.
    pub(super) fn end_send(&mut self, instance: &str, number: u64, now: DateTime<Utc>) {
        if let Some(instance) = self.instances.get_mut(instance) {
            instance.sends_open = instance.sends_open.saturating_sub(1);
        }
        if let Some(record) = self.sent_mut(number) {
            record.ended_at = Some(now);
        }
    }

    /// Tells what WhatsApp knows of a number: its own form of it, or that nobody has it.
    pub(super) fn set_account(&mut self, address: &str, exists: bool) {
        let account = if exists { Account::Jid(shape::jid(address)) } else { Account::Absent };
        self.accounts.insert(account_key(address), account);
    }

    /// The JID that a message to this number goes to; `None` if nobody has it. The number is looked
    /// up in its normalised form.
    pub(super) fn recipient(&self, instance: &str, number: &str) -> Option<String> {
        let normal = shape::jid_of(number);
        match self.accounts.get(&account_key(&normal)) {
            Some(Account::Absent) => None,
            Some(Account::Jid(jid)) => Some(jid.clone()),
            None if normal.ends_with("@s.whatsapp.net") => {
                let known = self.chat(instance, &normal).map(|chat| &chat.phone_jid);
                Some(known.filter(|jid| !jid.is_empty()).cloned().unwrap_or(normal))
            }
            None => Some(normal),
        }
    }

    /// The chat of a phone in any form, or of a LID.
    pub(super) fn chat(&self, instance: &str, address: &str) -> Option<&Chat> {
        self.instances.get(instance)?.chat(address)
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
        let chat = instance.chat_mut(address)?;
        if chat.jid.is_empty() {
            address.clone_into(&mut chat.jid);
        }
        chat.push(message, chat_messages);
        self.order.push_back((self.next_seq, instance_name.to_owned(), key));
        self.next_seq += 1;
        while self.order.len() > self.total_messages {
            self.forget_oldest();
        }
        Some(())
    }

    /// Changes a message and tells those who watch its chat. `None` without such message.
    pub(super) fn change_message<T>(
        &mut self,
        instance: &str,
        address: &str,
        id: &str,
        change: impl FnOnce(&mut ChatMessage) -> T,
    ) -> Option<T> {
        let instance = self.instances.get_mut(instance)?;
        instance.chat_mut_known(address)?.change(id, change)
    }

    fn forget_oldest(&mut self) {
        let Some((seq, instance, key)) = self.order.pop_front() else { return };
        if let Some(instance) = self.instances.get_mut(&instance) {
            instance.forget(&key, seq);
        }
    }
}

/// What a number is kept under: the phone where it is one, else the address itself.
fn account_key(address: &str) -> String {
    let user = address.strip_suffix("@s.whatsapp.net").unwrap_or(address);
    phone::canonical(user).unwrap_or_else(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> ChatMessage {
        ChatMessage { id: text.to_owned(), text: text.to_owned(), ..ChatMessage::default() }
    }

    fn with_instance(config: &SimConfig) -> State {
        let mut state = State::new(config);
        state.add_instance("a", NewInstance::default(), DateTime::UNIX_EPOCH);
        state
    }

    fn texts(state: &State, phone: &str) -> Vec<String> {
        let chat = state.chat("a", phone);
        chat.map(|c| c.messages().map(|m| m.text.clone()).collect()).unwrap_or_default()
    }

    #[test]
    fn memory_is_bounded_by_chat_and_in_total() {
        let config = SimConfig { chat_messages: 3, total_messages: 5, ..SimConfig::default() };
        let mut state = with_instance(&config);
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
        let mut state = with_instance(&SimConfig::default());
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
        let mut state = with_instance(&SimConfig::default());
        state.instance_mut("a").unwrap().link("123@lid", "5531988887777");
        for address in ["553188887777@s.whatsapp.net", "+55 31 98888-7777", "123@lid"] {
            state.add_message("a", address, message(address)).unwrap();
        }
        assert_eq!(texts(&state, "5531988887777").len(), 3);
        assert_eq!(state.add_message("a", "nobody", message("x")), None);
    }

    #[test]
    fn a_number_is_answered_with_whatsapp_s_own_form_of_it() {
        let mut state = with_instance(&SimConfig::default());
        state.set_account("552188887777", true);
        state.set_account("5511900000000", false);
        state.set_account("99@lid", false);
        #[rustfmt::skip]
        let cases = [
            ("5521988887777",           Some("552188887777@s.whatsapp.net")),
            ("552188887777",            Some("552188887777@s.whatsapp.net")),
            ("+55 (11) 90000-0000",     None),
            ("99@lid",                  None),
            ("98@lid",                  Some("98@lid")),
            ("5511977776666",           Some("5511977776666@s.whatsapp.net")),
        ];
        for (number, expected) in cases {
            assert_eq!(state.recipient("a", number).as_deref(), expected, "{number}");
        }
    }
}
