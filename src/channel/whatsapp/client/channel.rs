//! WhatsApp as one channel among others.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Gateway;
use super::menu::Shape;
use crate::channel::error::{CallError, SendError};
use crate::channel::whatsapp::address::Addresses;
use crate::channel::{Channel, Found, Kind, Sent};

/// A message as the gateway takes it. The sender of a message is an instance, with a key of its own.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    pub instance: &'a str,
    pub key: &'a str,
    /// Where it goes: digits or a JID.
    pub number: &'a str,
    /// Where the gateway may have it on record.
    pub to: &'a Addresses,
    /// At most 4,096 characters, not blank.
    pub text: &'a str,
    /// Its menu in the form that the instance shows; `None`: the text itself goes.
    pub shape: Option<&'a Shape>,
    /// The text without its menu, which alone is on record of a menu that was shown as such.
    pub question: Option<&'a str>,
    /// How long "typing" is shown first.
    pub typing: Duration,
}

impl<'a> Channel<Outgoing<'a>> for Gateway {
    fn kind(&self) -> Kind {
        Kind::WhatsApp
    }

    async fn send(&self, message: &Outgoing<'a>) -> Result<Sent, SendError> {
        let Outgoing { instance, key, number, text, typing, .. } = *message;
        match message.shape {
            Some(shape) => self.send_menu(instance, key, number, shape, typing).await,
            None => self.send_text(instance, key, number, text, typing).await,
        }
    }

    async fn find_sent(
        &self,
        message: &Outgoing<'a>,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Found>, CallError> {
        let Outgoing { instance, key, to, text, question, .. } = *message;
        let mut found = Vec::new();
        for words in [Some(text), question].into_iter().flatten() {
            found = Gateway::find_sent(self, instance, key, to, words, from, until).await?;
            if !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }
}
