//! Tapping, and changing what was said.

use serde::Deserialize;

use super::super::shape::inbound;
use super::super::state::{Menu, MenuKind};
use super::super::{Sim, Written};
use super::Write;

/// A customer taps what a message offers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// The phone; may be left out if there is a LID.
    #[serde(default)]
    pub phone: String,
    #[serde(default)]
    pub lid: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    /// The id of the message with the menu.
    pub menu: String,
    /// Labels; of a poll all that are voted for from now on.
    pub options: Vec<String>,
    #[serde(default)]
    pub timestamp: Option<i64>,
}

impl Tap {
    /// A tap on one option.
    pub fn on(phone: &str, menu: &str, option: &str) -> Self {
        Self {
            phone: phone.to_owned(),
            menu: menu.to_owned(),
            options: vec![option.to_owned()],
            ..Self::default()
        }
    }
}

/// A customer changes a message of theirs, or takes it back.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The phone; may be left out if there is a LID.
    #[serde(default)]
    pub phone: String,
    #[serde(default)]
    pub lid: Option<String>,
    /// The message.
    pub id: String,
    /// What it says from now on; without: it is taken back.
    #[serde(default)]
    pub text: Option<String>,
}

impl Sim {
    /// Lets a customer tap what a message offers: a vote, a row or a button. Returns when the
    /// webhook's first try is over.
    ///
    /// # Errors
    ///
    /// The reason in words: no such instance, message or option.
    pub async fn tap(&self, instance: &str, tap: Tap) -> Result<Written, &'static str> {
        let address = if tap.phone.is_empty() {
            tap.lid.clone().unwrap_or_default()
        } else {
            tap.phone.clone()
        };
        let menu = self.menu(instance, &address, &tap.menu).ok_or("no such menu in this chat")?;
        let found = |label: &String| menu.options.iter().find(|option| option.label == *label);
        if tap.options.iter().any(|label| found(label).is_none()) {
            return Err("the menu has no such option");
        }
        let kind = match menu.kind {
            MenuKind::Poll => "vote",
            MenuKind::List => "row",
            MenuKind::Buttons => "button",
        };
        let first = tap.options.first();
        let write = Write {
            phone: tap.phone,
            lid: tap.lid,
            name: tap.name,
            text: first.cloned().unwrap_or_default(),
            kind: Some(kind.to_owned()),
            choice: first.and_then(found).and_then(|option| option.id.clone()),
            options: tap.options,
            quoted: Some(tap.menu),
            timestamp: tap.timestamp,
            ..Write::default()
        };
        self.write(instance, write).await
    }

    fn menu(&self, instance: &str, address: &str, id: &str) -> Option<Menu> {
        let state = self.state();
        let mut messages = state.chat(instance, address)?.messages();
        messages.find(|message| message.id == id)?.menu.clone()
    }

    /// Lets a customer change a message or take it back. Returns when the first try of its first
    /// webhook is over.
    ///
    /// # Errors
    ///
    /// The reason in words: no such instance or message.
    pub async fn edit(&self, instance: &str, edit: Edit) -> Result<Written, &'static str> {
        let write = Write { phone: edit.phone, lid: edit.lid, ..Write::default() };
        let person = write.person()?;
        let jid = person.phone.or(person.lid).unwrap_or_default();
        let now = self.now();
        let (jid, version, instance_id) = {
            let mut state = self.state();
            let version = state.version_of(instance);
            let instance_id = state.instance(instance).ok_or("no such instance")?.id;
            let reported = state
                .change_message(instance, &jid, &edit.id, |message| {
                    match &edit.text {
                        Some(text) => {
                            message.text.clone_from(text);
                            message.edited = true;
                        }
                        None => message.deleted = true,
                    }
                    let key = message.record.as_ref().map(|kept| kept.key["remoteJid"].clone());
                    key.and_then(|jid| jid.as_str().map(str::to_owned))
                })
                .ok_or("no such message")?;
            (reported.unwrap_or(jid), version, instance_id)
        };
        self.changed();
        let text = edit.text.as_deref();
        let edited = inbound::edited(&jid, &edit.id, text, now.timestamp_millis());
        let status = self.emit_edit(instance, edited).await;
        let after = match text {
            Some(text) if version.reports_edits_twice() => {
                let repeated = inbound::edit_repeated(&jid, &edit.id, text, instance_id);
                Some(("messages.update", repeated))
            }
            Some(_) => None,
            None => Some(("messages.delete", inbound::deleted(version, &jid, &edit.id))),
        };
        if let Some((event, data)) = after {
            let (sim, name) = (self.clone(), instance.to_owned());
            tokio::spawn(async move { sim.emit_message(&name, event, data).await });
        }
        Ok(Written { id: edit.id, status })
    }
}
