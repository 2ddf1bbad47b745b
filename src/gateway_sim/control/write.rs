//! What a customer writes, and how the real server would report it.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::shape::inbound::{Person, Upsert, key};
use super::super::state::{Author, ChatMessage, Kept};
use super::super::version::{Integration, LidStyle, Version};
use super::super::{Sim, Written, shape};
use super::content::{Content, Words};

/// A message from a customer; with `from_me`, from the business's own phone to the customer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// With country code, in the form that WhatsApp would use; may be left out if there is a LID.
    #[serde(default)]
    pub phone: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub text: String,
    /// `text` if left out; else `audio`, `image`, `video`, `document`, `sticker`, `location`,
    /// `contact`, `reaction` (to `quoted`; an empty text takes it back), `choice` (an old button),
    /// `button`, `row` or `vote` (in the poll `quoted`).
    #[serde(default)]
    pub kind: Option<String>,
    /// The id of the button or row tapped.
    #[serde(default)]
    pub choice: Option<String>,
    /// For `vote`: the options voted for; none takes a vote back.
    #[serde(default)]
    pub options: Vec<String>,
    /// For `vote`: whether the server cannot read it.
    #[serde(default)]
    pub undecryptable: bool,
    /// Made up if left out; give one twice for a message that comes twice.
    #[serde(default)]
    pub id: Option<String>,
    /// Seconds since 1970; now, if left out.
    #[serde(default)]
    pub timestamp: Option<i64>,
    /// The id of the message answered.
    #[serde(default)]
    pub quoted: Option<String>,
    /// Digits, with or without `@lid`.
    #[serde(default)]
    pub lid: Option<String>,
    /// Whether WhatsApp addresses the chat by the LID, made up if left out. How that is told
    /// depends on the version, or on a fault.
    #[serde(default)]
    pub by_lid: bool,
    #[serde(default, rename = "fromMe")]
    pub from_me: bool,
    /// The JID of a group, if it is written there.
    #[serde(default)]
    pub group: Option<String>,
}

impl Write {
    /// A plain text.
    pub fn text(phone: &str, name: &str, text: &str) -> Self {
        Self {
            phone: phone.to_owned(),
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            text: text.to_owned(),
            ..Self::default()
        }
    }

    /// The same, of another kind.
    #[must_use]
    pub fn of_kind(self, kind: &str) -> Self {
        Self { kind: Some(kind.to_owned()), ..self }
    }

    /// The customer's addresses; one of them at least.
    pub(super) fn person(&self) -> Result<Person, &'static str> {
        let digits: String = self.phone.chars().filter(char::is_ascii_digit).collect();
        let phone = (!digits.is_empty()).then(|| format!("{digits}@s.whatsapp.net"));
        let mut lid = self.lid.as_ref().map(|lid| format!("{}@lid", lid.trim_end_matches("@lid")));
        if phone.is_none() && lid.is_none() {
            return Err("a customer needs a phone or a lid");
        }
        if self.by_lid {
            lid.get_or_insert_with(|| made_up_lid(&digits));
        }
        Ok(Person { phone, lid, by_lid: self.by_lid })
    }
}

/// A LID that is always the same for a phone and looks like no phone.
fn made_up_lid(digits: &str) -> String {
    let turned: String = digits.chars().rev().collect();
    format!("{:0<15.15}@lid", format!("2{turned}"))
}

/// What is known of an instance when a customer writes to it.
struct Place {
    id: Uuid,
    integration: Integration,
    version: Version,
    owner: String,
    is_open: bool,
    ignores_groups: bool,
}

impl Sim {
    /// Lets a customer write, speak or tap. Returns when the webhook's first try is over.
    ///
    /// While the instance is not open it waits at WhatsApp, and there is no try.
    ///
    /// # Errors
    ///
    /// The reason in words: no such instance, no address, no such kind.
    pub async fn write(&self, instance: &str, write: Write) -> Result<Written, &'static str> {
        let (written, data) = self.note(instance, &write)?;
        let Some(data) = data else { return Ok(written) };
        let status = self.emit_message(instance, "messages.upsert", data).await;
        Ok(Written { status, ..written })
    }

    /// Lets the business's owner write to a customer on the phone, past the server.
    ///
    /// # Errors
    ///
    /// As [`Sim::write`].
    pub async fn owner_writes(
        &self,
        instance: &str,
        phone: &str,
        text: &str,
    ) -> Result<Written, &'static str> {
        self.write(instance, Write { from_me: true, ..Write::text(phone, "", text) }).await
    }

    /// Delivers messages all at once, as after a time offline; give them `timestamp`s of then.
    ///
    /// # Errors
    ///
    /// As [`Sim::write`]; those before the one that is wrong are delivered.
    pub async fn backlog(
        &self,
        instance: &str,
        writes: Vec<Write>,
    ) -> Result<Vec<Written>, &'static str> {
        let tries = writes.into_iter().map(|write| self.write(instance, write));
        futures::future::join_all(tries).await.into_iter().collect()
    }

    /// Puts a customer's message into the chat; the data of its event, if there is one to deliver
    /// now.
    fn note(&self, name: &str, write: &Write) -> Result<(Written, Option<Value>), &'static str> {
        let (mut person, place) = (write.person()?, self.place(name)?);
        let style = self.state().faults.meet_address(name);
        if style.is_some()
            && let Some(phone) = &person.phone
        {
            let digits = phone.trim_end_matches("@s.whatsapp.net").to_owned();
            person.lid.get_or_insert_with(|| made_up_lid(&digits));
            person.by_lid = true;
        }
        let style = style.unwrap_or_else(|| LidStyle::of(place.version));
        let id = write.id.clone().unwrap_or_else(|| match place.integration {
            Integration::Cloud => shape::message_id("wamid.HBgN"),
            Integration::Baileys | Integration::Evolution => shape::message_id("3A"),
        });
        let written = Written { id: id.clone(), status: None };
        if let Some(group) = &write.group {
            let data = group_message(write, &person, &place, group, &id, self.now().timestamp())?;
            return Ok((written, (!place.ignores_groups).then_some(data)));
        }

        let jid = person.phone.as_ref().or(person.lid.as_ref()).cloned().unwrap_or_default();
        let quoted = self.quoted(name, &jid, write.quoted.as_deref());
        let Content { message, kind, context } =
            Words { write, quoted: quoted.as_ref(), jid: &jid }.content(
                place.integration,
                place.version,
                &place.owner,
            )?;
        let key = match place.integration {
            Integration::Baileys => key(&person, style, place.version, write.from_me, &id),
            _ => json!({ "id": id, "remoteJid": jid, "fromMe": write.from_me }),
        };
        let kept = Kept { key: key.clone(), message: message.clone(), kind: kind.to_owned() };
        let at = self.enter(name, write, &person, &id, kept, place.is_open)?;
        let is_vote = write.kind.as_deref() == Some("vote");
        if is_vote && !place.version.reports_votes() {
            return Ok((written, None));
        }
        let mut data = Upsert {
            integration: place.integration,
            instance: place.id,
            key,
            push_name: if write.from_me && write.name.is_none() {
                Some(name)
            } else {
                write.name.as_deref()
            },
            message,
            kind,
            context,
            at,
            source: "ios",
        }
        .data();
        if is_vote && !write.undecryptable {
            data["pollUpdates"] = poll_updates(quoted.as_ref(), &write.options, &person);
        }
        if place.is_open {
            return Ok((written, Some(data)));
        }
        if let Some(instance) = self.state().instance_mut(name) {
            instance.held.push(("messages.upsert", data));
        }
        Ok((written, None))
    }

    fn place(&self, name: &str) -> Result<Place, &'static str> {
        let state = self.state();
        let instance = state.instance(name).ok_or("no such instance")?;
        Ok(Place {
            id: instance.id,
            integration: instance.integration,
            version: state.version_of(name),
            owner: instance.owner.clone().unwrap_or_default(),
            is_open: instance.is_open(),
            ignores_groups: instance.settings.groups_ignore,
        })
    }

    /// The message answered, as far as it is known.
    fn quoted(&self, instance: &str, jid: &str, id: Option<&str>) -> Option<ChatMessage> {
        let state = self.state();
        state.chat(instance, jid)?.messages().find(|message| Some(&*message.id) == id).cloned()
    }

    /// Notes a message in its chat, and what it does to the one it answers. Its time in Unix
    /// seconds.
    fn enter(
        &self,
        name: &str,
        write: &Write,
        person: &Person,
        id: &str,
        kept: Kept,
        is_open: bool,
    ) -> Result<i64, &'static str> {
        let now = self.now();
        let at = match write.timestamp {
            Some(seconds) => DateTime::from_timestamp(seconds, 0).ok_or("no such time")?,
            None => now,
        };
        let jid = person.phone.as_ref().or(person.lid.as_ref()).cloned().unwrap_or_default();
        let (from, status) = match (write.from_me, is_open) {
            (true, _) => (Author::Business, "sent"),
            (false, true) => (Author::Customer, "received"),
            (false, false) => (Author::Customer, "waiting"),
        };
        let message = ChatMessage {
            id: id.to_owned(),
            from,
            text: write.shown(),
            at,
            status,
            quoted: write.quoted.clone(),
            is_reaction: write.kind.as_deref() == Some("reaction"),
            record: Some(Box::new(kept)),
            ..ChatMessage::default()
        };
        let mut state = self.state();
        let instance = state.instance_mut(name).ok_or("no such instance")?;
        if let (Some(lid), Some(phone)) = (&person.lid, &person.phone) {
            instance.link(lid, phone);
        }
        let chat = instance.chat_mut(&jid).ok_or("no such phone")?;
        chat.jid.clone_from(&jid);
        if let Some(phone) = &person.phone {
            chat.phone_jid.clone_from(phone);
        }
        if write.name.is_some() {
            chat.name.clone_from(&write.name);
        }
        // A message that comes twice is one on the customer's screen.
        if !chat.messages().any(|known| known.id == id) {
            state.add_message(name, &jid, message).ok_or("no such phone")?;
        }
        if let Some(quoted) = &write.quoted {
            state.change_message(name, &jid, quoted, |answered| write.answer(answered));
        }
        drop(state);
        self.changed();
        Ok(at.timestamp())
    }

    /// Notes a message that another server has posted for a customer.
    pub(in super::super) fn keep_arrival(
        &self,
        name: &str,
        write: &Write,
        key: &Value,
        content: (&Value, &str),
    ) {
        let (message, kind) = (content.0.clone(), content.1.to_owned());
        let kept = Kept { key: key.clone(), message, kind };
        let id = key["id"].as_str().unwrap_or_default();
        if let Ok(person) = write.person() {
            // What has no chat is passed on all the same.
            let _ = self.enter(name, write, &person, id, kept, true);
        }
    }
}

impl Write {
    /// What can be read of it in the chat.
    fn shown(&self) -> String {
        match self.kind.as_deref() {
            Some("vote") => self.options.join(", "),
            Some(kind) if self.text.is_empty() => format!("[{kind}]"),
            _ => self.text.clone(),
        }
    }

    /// What it does to the message that it answers.
    fn answer(&self, answered: &mut ChatMessage) {
        match self.kind.as_deref() {
            Some("reaction") => {
                answered.reaction = Some(self.text.clone()).filter(|emoji| !emoji.is_empty());
            }
            Some("vote") => {
                if let Some(menu) = &mut answered.menu {
                    menu.chosen.clone_from(&self.options);
                }
            }
            Some("row" | "button" | "choice") => {
                if let Some(menu) = &mut answered.menu {
                    menu.chosen = vec![self.text.clone()];
                }
            }
            _ => {}
        }
    }
}

/// A message in a group, which names its author beside the group.
fn group_message(
    write: &Write,
    person: &Person,
    place: &Place,
    group: &str,
    id: &str,
    now: i64,
) -> Result<Value, &'static str> {
    let jid = person.phone.as_ref().or(person.lid.as_ref()).cloned().unwrap_or_default();
    let Content { message, kind, context } = Words { write, quoted: None, jid: &jid }.content(
        place.integration,
        place.version,
        &place.owner,
    )?;
    let mut key = json!({ "remoteJid": group, "fromMe": write.from_me, "id": id });
    key["participant"] = json!(person.lid.as_ref().or(person.phone.as_ref()));
    if place.version.tells_addressing() {
        key["addressingMode"] = json!(if person.lid.is_some() { "lid" } else { "pn" });
        if person.lid.is_some() {
            key["participantAlt"] = json!(person.phone);
        }
    }
    let data = Upsert {
        integration: place.integration,
        instance: place.id,
        key,
        push_name: write.name.as_deref(),
        message,
        kind,
        context,
        at: write.timestamp.unwrap_or(now),
        source: "ios",
    };
    Ok(data.data())
}

/// Who has voted for what, after this vote: here one customer alone.
fn poll_updates(poll: Option<&ChatMessage>, chosen: &[String], person: &Person) -> Value {
    let voter = match person {
        Person { lid: Some(lid), by_lid: true, .. } => Some(lid),
        Person { phone, lid, .. } => phone.as_ref().or(lid.as_ref()),
    };
    let options = poll.and_then(|poll| poll.menu.as_ref()).map(|menu| &menu.options);
    let updates = options.into_iter().flatten().map(|option| {
        let voters: Vec<_> = voter.filter(|_| chosen.contains(&option.label)).into_iter().collect();
        json!({ "name": option.label, "voters": voters })
    });
    updates.collect()
}
