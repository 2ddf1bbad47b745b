//! Why a call to a provider failed, in terms of what to do next; the same for every channel.
//!
//! None of these holds a number, an address, a text, a key or a word of the provider's answer, so
//! that they can be logged and stored.

/// Why a send was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It certainly did not go out: try again.
    #[error("not sent: {retry}")]
    NotSent { retry: Retry },
    /// It may have gone out: look it up ([`super::Channel::find_sent`]), and send it again, once,
    /// only if it is not there.
    #[error("may have been sent: {why}")]
    MaybeSent { why: &'static str },
    /// It will not go out however often it is tried.
    #[error("refused: {what}")]
    Refused { what: Refusal },
    /// Nothing of this tenant, or of any, will go out before a person acts: tell them, and do not
    /// try again fast.
    #[error("misconfigured: {what}")]
    Misconfigured { what: Misconfiguration },
    /// The gateway does not understand us. Not to be tried again.
    #[error("the gateway does not understand the request: {why}")]
    OurBug { why: &'static str },
}

impl SendError {
    /// Whether other sends of this instance would meet the same: hold them all back meanwhile.
    pub fn pauses_instance(self) -> bool {
        match self {
            Self::NotSent { retry } => matches!(retry, Retry::WhenConnected | Retry::Slowly),
            Self::Misconfigured { .. } => true,
            Self::MaybeSent { .. } | Self::Refused { .. } | Self::OurBug { .. } => false,
        }
    }
}

/// When to try again what was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// After an ordinary back-off: the gateway was not reached, or had a passing difficulty.
    Soon,
    /// When the instance is connected again; with back-off, since that is not always reported.
    WhenConnected,
    /// After a long back-off, for all of the instance: WhatsApp limits it.
    Slowly,
}

impl std::fmt::Display for Retry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Soon => "the gateway could not",
            Self::WhenConnected => "the instance is not connected",
            Self::Slowly => "rate limit",
        })
    }
}

/// What is refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody has this number on WhatsApp. Of a LID: try the phone.
    Number,
    /// Nobody can be reached at this phone number or e-mail address.
    Address,
    /// The provider knows that this person wants no more messages.
    OptedOut,
    /// This kind of message does not work on this kind of instance: send a plain text.
    Kind,
    /// The provider (of WhatsApp: Meta) does not take this message.
    Message,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Number => "the number is not on WhatsApp",
            Self::Address => "nobody can be reached at this address",
            Self::OptedOut => "the recipient wants no messages",
            Self::Kind => "this kind of message does not work on this instance",
            Self::Message => "the provider does not take this message",
        })
    }
}

/// What a person has to put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misconfiguration {
    /// The key is wrong, or cannot be one.
    Key,
    /// The gateway has no instance of that name.
    Instance,
    /// Something answers at the address that is no gateway.
    Address,
    /// The gateway wants a licence (2.4.0 and later).
    Licence,
    /// Meta's access token of the instance is dead.
    MetaToken,
    /// The provider does not let us send from our address or number.
    Sender,
}

impl std::fmt::Display for Misconfiguration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key => "the gateway does not take the API key",
            Self::Instance => "the gateway has no such instance",
            Self::Address => "there is no gateway at its address",
            Self::Licence => "the gateway wants a licence",
            Self::MetaToken => "Meta's access token of the instance is no longer valid",
            Self::Sender => "the provider does not let us send from our address",
        })
    }
}

/// Why a call that changes nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("the gateway cannot be reached")]
    Unreachable,
    /// As for sends: a person has to act.
    #[error("misconfigured: {what}")]
    Misconfigured { what: Misconfiguration },
    #[error("the gateway answered {status}")]
    Failed { status: u16 },
    #[error("the gateway's answer cannot be read")]
    Unreadable,
}
