//! Ways to reach a customer and to be reached by one, one module a channel.
//!
//! A channel reads what its provider delivers into types of its own or of [`crate::domain`], and
//! sends what it is given. It keeps no state beyond connections: rows and retries are the caller's.
//!
//! [`Channel`] is what they have in common. A new one is a file here with its `impl`, and a variant
//! of [`Kind`]: the compiler then finds the arms that are missing.

pub mod email;
pub mod error;
pub mod sms;
pub mod whatsapp;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use self::error::{CallError, SendError};
use self::whatsapp::status::DeliveryStatus;

/// Something that takes a message to one person: an [`Envelope`], or where its provider has to know
/// more, a message of its own.
pub trait Channel<M = Envelope>: Sync {
    fn kind(&self) -> Kind;

    /// Sends once. Whether and when to try again is in the error.
    ///
    /// # Errors
    ///
    /// [`SendError`] says what to do next, and holds neither address nor text.
    fn send(&self, message: &M) -> impl Future<Output = Result<Sent, SendError>> + Send;

    /// Looks for an earlier send of this message, made between `from` and `until`, oldest first.
    /// The same words may have been said twice: leave out what belongs to another row.
    ///
    /// # Errors
    ///
    /// The provider could not say.
    fn find_sent(
        &self,
        message: &M,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Future<Output = Result<Vec<Found>, CallError>> + Send;
}

/// The channels there are; their names are those of `outbound_messages.channel`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    WhatsApp,
    Sms,
    Email,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::WhatsApp, Self::Sms, Self::Email];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::WhatsApp => "whatsapp",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The channels that this process has beside WhatsApp, whose gateway every process has.
#[derive(Debug, Clone, Default)]
pub struct Channels {
    pub email: Option<email::Email>,
    pub sms: Option<sms::Sms>,
    /// Where people reach this program, for links; none: mails have no links.
    pub public_url: Option<reqwest::Url>,
    /// Who is told by mail when something is wrong for too long; none: the log alone tells.
    pub alarms_to: Option<String>,
}

/// An address below another one, whose query and fragment are left out.
pub fn at(base: &reqwest::Url, path: &[&str]) -> reqwest::Url {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// A message as it is handed to a channel, which takes of it what it can show.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The row's: what a channel derives from it is the same in every attempt.
    pub id: Uuid,
    pub tenant_id: Uuid,
    /// In the channel's own form: a phone in E.164, an e-mail address, a JID.
    pub to: String,
    /// Who speaks: the tenant's name.
    pub from_name: String,
    /// Answers go there; `None`: to nobody.
    pub reply_to: Option<String>,
    /// One line; empty where the channel shows none.
    pub subject: String,
    pub text: String,
    /// A calendar file that shows the same.
    pub calendar: Option<CalendarFile>,
    pub unsubscribe: Option<Unsubscribe>,
    /// When the message was made; the same in every attempt.
    pub created_at: DateTime<Utc>,
}

/// Where the recipient ends such messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// `https`; one click there is enough (RFC 8058).
    pub link: String,
    /// What the link says, in the recipient's language.
    pub words: String,
}

/// An iCalendar text (RFC 5545).
#[derive(Clone, PartialEq, Eq)]
pub struct CalendarFile {
    /// Without a path, ASCII: `K7F2A.ics`.
    pub name: String,
    /// `PUBLISH` or `CANCEL`, as in the text.
    pub method: &'static str,
    pub text: String,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest is somebody's address and words.
        f.debug_struct("Envelope").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A send that the provider took: accepted, not yet delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What reports of its delivery will name.
    pub provider_id: String,
}

/// A message of ours that the provider has on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub provider_id: String,
    pub sent_at: Option<DateTime<Utc>>,
    /// The furthest stage on record.
    pub status: Option<DeliveryStatus>,
}
