//! What a customer writes, and how the real server would report it.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::state::{Author, ChatMessage};
use super::super::{Sim, Written, shape};

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
    /// `contact`, `reaction` or `choice`.
    #[serde(default)]
    pub kind: Option<String>,
    /// The id of the button tapped, for `choice`.
    #[serde(default)]
    pub choice: Option<String>,
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
    #[serde(default, rename = "fromMe")]
    pub from_me: bool,
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

    /// The customer's phone JID and LID; one of them at least.
    fn addresses(&self) -> Result<(Option<String>, Option<String>), &'static str> {
        let digits: String = self.phone.chars().filter(char::is_ascii_digit).collect();
        let phone = (!digits.is_empty()).then(|| format!("{digits}@s.whatsapp.net"));
        let lid = self.lid.as_ref().map(|lid| format!("{}@lid", lid.trim_end_matches("@lid")));
        if phone.is_none() && lid.is_none() {
            return Err("a customer needs a phone or a lid");
        }
        Ok((phone, lid))
    }

    /// The message and its type as the server reports them.
    fn content(&self) -> Result<(Value, &'static str), &'static str> {
        let caption = (!self.text.is_empty()).then_some(&self.text);
        let mut media = json!({
            "url": "https://mmg.whatsapp.net/v/t62",
            "mediaKey": { "0": 1, "1": 2 },
            "fileLength": { "low": 9012, "high": 0, "unsigned": true },
        });
        if let Some(caption) = caption {
            media["caption"] = json!(caption);
        }
        let message = |kind: &'static str, inner: Value| {
            let mut message = json!({});
            message[kind] = inner;
            Ok((message, kind))
        };
        match self.kind.as_deref().unwrap_or("text") {
            "text" => message("conversation", json!(self.text)),
            "audio" => {
                media["ptt"] = json!(true);
                media["seconds"] = json!(4);
                message("audioMessage", media)
            }
            "image" => message("imageMessage", media),
            "video" => message("videoMessage", media),
            "document" => message("documentMessage", media),
            "sticker" => message("stickerMessage", media),
            "location" => message(
                "locationMessage",
                json!({ "degreesLatitude": -23.5614, "degreesLongitude": -46.6559 }),
            ),
            "contact" => message(
                "contactMessage",
                json!({ "displayName": self.text, "vcard": "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD" }),
            ),
            "reaction" => message(
                "reactionMessage",
                json!({ "key": { "id": self.quoted, "fromMe": true }, "text": self.text }),
            ),
            "choice" => message(
                "buttonsResponseMessage",
                json!({
                    "selectedButtonId": self.choice, "selectedDisplayText": self.text, "type": 1,
                }),
            ),
            _ => Err("no such kind of message"),
        }
    }
}

impl Sim {
    /// Lets a customer write, speak or tap. Returns when the webhook's first try is over.
    ///
    /// # Errors
    ///
    /// The reason in words: no such instance, no address, no such kind.
    pub async fn write(&self, instance: &str, write: Write) -> Result<Written, &'static str> {
        let (phone, lid) = write.addresses()?;
        let content = write.content()?;
        let id = write.id.clone().unwrap_or_else(|| shape::message_id("3A"));
        let now = self.now();
        let seconds = write.timestamp.unwrap_or(now.timestamp());
        let jid = phone.as_ref().or(lid.as_ref()).cloned().unwrap_or_default();
        let shown = if write.text.is_empty() {
            format!("[{}]", write.kind.as_deref().unwrap_or_default())
        } else {
            write.text.clone()
        };
        let (from, status) =
            if write.from_me { (Author::Business, "sent") } else { (Author::Customer, "received") };
        let at = if write.timestamp.is_some() {
            DateTime::from_timestamp(seconds, 0).ok_or("no such time")?
        } else {
            now
        };
        let message = ChatMessage { id: id.clone(), from, text: shown, at, status, seq: 0 };
        let instance_id = {
            let mut state = self.state();
            let found = state.instance_mut(instance).ok_or("no such instance")?;
            let instance_id = found.id;
            if let (Some(lid), Some(phone)) = (&lid, &phone) {
                found.link(lid, phone);
            }
            let chat = found.chat_mut(&jid).ok_or("no such phone")?;
            chat.jid.clone_from(&jid);
            if write.name.is_some() {
                chat.name.clone_from(&write.name);
            }
            // A message that comes twice is one on the customer's screen.
            if !chat.messages().any(|known| known.id == id) {
                state.add_message(instance, &jid, message).ok_or("no such phone")?;
            }
            instance_id
        };
        self.changed();
        let mut key = json!({
            "remoteJid": jid, "fromMe": write.from_me, "id": id, "participant": "",
            "addressingMode": if phone.is_some() { "pn" } else { "lid" },
        });
        if let (Some(lid), Some(_)) = (&lid, &phone) {
            key["remoteJidAlt"] = json!(lid);
        }
        let quoted = write.quoted.as_deref();
        let data = shape::upsert(key, write.name.as_deref(), content, quoted, seconds, instance_id);
        let status = self.emit_message(instance, data).await;
        Ok(Written { id, status })
    }
}
