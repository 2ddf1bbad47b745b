//! What follows from a failed send.

use std::time::Duration;

use crate::channel::error::{Refusal, Retry, SendError};
use crate::db::outbox::Pause;

/// The longest wait after which everything flows again within half a minute of the gateway's return.
const SHORT: Duration = Duration::from_secs(20);

/// What to do with the message, or with its whole instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// It did not go out; try it again, after a back-off of at most this.
    Retry { longest: Duration },
    /// It may have gone out: look it up after this, and send it once more if it left no trace.
    LookUp { after: Duration },
    /// All of its instance would meet the same.
    Pause(Pause),
    /// Nobody there at this address: another form of it, or another address, if the customer has one.
    OtherAddress,
    /// This kind of message does not work here: as a plain text, unless it is one.
    PlainText,
    /// Never again.
    GiveUp {
        /// It is our mistake, and a person has to look.
        alert: bool,
    },
}

impl Decision {
    pub(super) fn of(error: SendError) -> Self {
        let pause = |reason: String, first, longest, alert| {
            Self::Pause(Pause { reason, first, longest, alert })
        };
        match error {
            SendError::NotSent { retry: Retry::Soon } => Self::Retry { longest: SHORT },
            SendError::NotSent { retry: Retry::WhenConnected } => {
                pause("not connected".to_owned(), Duration::from_secs(1), SHORT, false)
            }
            SendError::NotSent { retry: Retry::Slowly } => pause(
                "rate limit".to_owned(),
                Duration::from_mins(1),
                Duration::from_mins(15),
                false,
            ),
            // What was written to the socket shows up in the record within moments.
            SendError::MaybeSent { .. } => Self::LookUp { after: Duration::from_secs(2) },
            SendError::Misconfigured { what } => pause(
                format!("misconfigured: {what}"),
                Duration::from_secs(15),
                Duration::from_mins(1),
                true,
            ),
            SendError::Refused { what: Refusal::Number } => Self::OtherAddress,
            SendError::Refused { what: Refusal::Kind } => Self::PlainText,
            SendError::Refused {
                what: Refusal::Message | Refusal::Address | Refusal::OptedOut,
            } => Self::GiveUp { alert: false },
            SendError::OurBug { .. } => Self::GiveUp { alert: true },
        }
    }
}

/// 1 s doubled with each attempt, at most `longest`.
pub(super) fn backoff(attempts: i32, longest: Duration) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    Duration::from_secs(1u64 << doublings).min(longest)
}

#[cfg(test)]
mod tests;
