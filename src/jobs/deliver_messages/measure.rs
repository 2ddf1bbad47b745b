//! What became of a send, as metrics and traces call it.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::channel::Kind;
use crate::channel::error::{Refusal, Retry, SendError};
use crate::{metrics, trace};

/// A send came to an end after so long; `Err`: why it did not go out.
pub(super) fn ended(channel: Kind, outcome: Result<(), SendError>, took: Duration) {
    let channel = channel.as_str();
    let Err(error) = outcome else {
        metrics::send(channel, "sent", took);
        trace::note("send.outcome", "sent");
        return;
    };
    metrics::send(channel, outcome_of(error), took);
    metrics::send_error(channel, class_of(error));
    trace::note("send.outcome", outcome_of(error));
    trace::fail(class_of(error));
}

/// A message went out at `now` that somebody has wanted since then: a reply, or what a template is
/// for. Nothing is known of others.
pub(super) fn arrived(
    channel: Kind,
    template: Option<&str>,
    wanted_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) {
    let Some(wanted_at) = wanted_at else { return };
    let waited = (now - wanted_at).as_seconds_f64();
    match template {
        None => metrics::replied(channel.as_str(), waited),
        Some("reminder") => metrics::reminded(channel.as_str(), waited),
        Some(_) => {}
    }
}

fn outcome_of(error: SendError) -> &'static str {
    match error {
        SendError::NotSent { .. } => "not_sent",
        SendError::MaybeSent { .. } => "maybe_sent",
        SendError::Refused { .. } => "refused",
        SendError::Misconfigured { .. } => "misconfigured",
        SendError::OurBug { .. } => "not_understood",
    }
}

fn class_of(error: SendError) -> &'static str {
    match error {
        SendError::NotSent { retry: Retry::Soon } => "unavailable",
        SendError::NotSent { retry: Retry::WhenConnected } => "not_connected",
        SendError::NotSent { retry: Retry::Slowly } => "rate_limited",
        SendError::MaybeSent { .. } => "no_answer",
        SendError::Refused { what: Refusal::Number } => "no_such_number",
        SendError::Refused { what: Refusal::Address } => "no_such_address",
        SendError::Refused { what: Refusal::OptedOut } => "opted_out",
        SendError::Refused { what: Refusal::Kind } => "unsupported_kind",
        SendError::Refused { what: Refusal::Message } => "message_refused",
        SendError::Misconfigured { .. } => "misconfigured",
        SendError::OurBug { .. } => "not_understood",
    }
}
