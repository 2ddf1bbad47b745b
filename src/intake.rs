//! What the gateway tells, brought into the inbox: by a webhook, or found by a look at its record.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{PgExecutor, PgPool};

use crate::channel::whatsapp::address::Addresses;
use crate::channel::whatsapp::inbound::{Content, Inbound, Outgoing};
use crate::channel::whatsapp::status::DeliveryStatus;
use crate::db::inbox::{self, NewMessage, NewWords, OwnMessage, Received, Who};
use crate::db::{self, alone};

/// Stores what a webhook brought, each item in one round trip and a transaction of its own.
///
/// # Errors
///
/// The database could not take it. What was taken before stays, and is a duplicate when it comes
/// again.
pub async fn take(
    pool: &PgPool,
    now: DateTime<Utc>,
    instance: &str,
    content: Content,
) -> sqlx::Result<Received> {
    match content {
        Content::Several(items) => {
            let mut all = Received::Noted;
            for item in items {
                let one = take_one(alone(pool), now, instance, item).await?;
                all = more_of(all, one);
            }
            Ok(all)
        }
        one => take_one(alone(pool), now, instance, one).await,
    }
}

/// Stores what a look at the gateway's record found, as if it had been delivered; that webhooks of
/// the instance arrive, it does not prove.
///
/// # Errors
///
/// The database could not take it.
pub async fn take_found(
    pool: &PgPool,
    now: DateTime<Utc>,
    instance: &str,
    content: Content,
) -> sqlx::Result<Received> {
    let mut tx = db::begin(pool, "begin".to_owned()).await?;
    sqlx::query("select set_config('app.looking_up', 'on', true)").execute(&mut *tx).await?;
    let received = take_one(&mut *tx, now, instance, content).await?;
    tx.commit().await?;
    Ok(received)
}

/// Of several items of one delivery: what is told of all.
fn more_of(one: Received, other: Received) -> Received {
    let rank = |received: Received| match received {
        Received::Noted => 0,
        Received::Duplicate => 1,
        Received::Accepted => 2,
        Received::NoInstance => 3,
    };
    if rank(other) > rank(one) { other } else { one }
}

async fn take_one(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    instance: &str,
    content: Content,
) -> sqlx::Result<Received> {
    match content {
        Content::Message(message) => inbox::receive(db, now, new_message(instance, &message)).await,
        Content::Unparsed { body } => inbox::receive(db, now, unparsed(instance, body)).await,
        Content::Edit(edit) => {
            let words = NewWords {
                instance,
                provider_id: &edit.provider_id,
                who: who(&edit.remote),
                text: &edit.text,
                edited_at: edit.edited_at,
            };
            inbox::receive_edit(db, now, words).await
        }
        Content::Delete { provider_id } => {
            inbox::receive_delete(db, now, instance, &provider_id).await
        }
        Content::Reaction { quoted, emoji } => {
            inbox::receive_reaction(db, now, instance, &quoted, emoji.as_deref()).await
        }
        Content::Status { provider_id, status } => match status_name(status) {
            Some(status) => inbox::receive_status(db, now, instance, &provider_id, status).await,
            None => inbox::receive_nothing(db, now, instance).await,
        },
        Content::Connection { state } => {
            inbox::receive_state(db, now, instance, state.as_str()).await
        }
        // Its answer to calls as well: nobody's hand on the phone.
        Content::Own(own) if own.by_gateway => {
            inbox::receive_echo(db, now, own_message(instance, &own)).await
        }
        Content::Own(own) => inbox::receive_own(db, now, own_message(instance, &own)).await,
        Content::SendEcho(own) => inbox::receive_echo(db, now, own_message(instance, &own)).await,
        // One of several is never several again.
        Content::Ignored(_) | Content::Several(_) => {
            inbox::receive_nothing(db, now, instance).await
        }
    }
}

fn who(remote: &Addresses) -> Who<'_> {
    Who { phone: remote.phone.as_deref(), jid: remote.jid.as_deref(), lid: remote.lid.as_deref() }
}

fn new_message<'a>(instance: &'a str, message: &'a Inbound) -> NewMessage<'a> {
    let kind = match serde_json::to_value(message.kind) {
        Ok(Value::String(kind)) => kind,
        _ => "other".to_owned(),
    };
    let mut body = json!({
        "text": message.text, "choice": message.choice, "quoted": message.quoted, "message": message.clean,
    });
    if let Some(vote) = message.vote {
        body["vote"] = vote.into();
    }
    NewMessage {
        instance,
        provider_id: Some(&message.provider_id),
        who: who(&message.remote),
        push_name: message.push_name.as_deref(),
        kind,
        body,
        sent_at: message.sent_at,
    }
}

fn unparsed(instance: &str, body: Value) -> NewMessage<'_> {
    NewMessage {
        instance,
        provider_id: None,
        who: Who::default(),
        push_name: None,
        kind: "unparsed".to_owned(),
        body,
        sent_at: None,
    }
}

fn own_message<'a>(instance: &'a str, own: &'a Outgoing) -> OwnMessage<'a> {
    OwnMessage {
        instance,
        provider_id: &own.provider_id,
        who: who(&own.remote),
        text: own.text.as_deref(),
        sent_at: own.sent_at,
    }
}

/// As in `outbound_messages.status`; a message still at the gateway is nothing new.
fn status_name(status: DeliveryStatus) -> Option<&'static str> {
    match status {
        DeliveryStatus::Pending => None,
        DeliveryStatus::Sent => Some("sent"),
        DeliveryStatus::Failed => Some("failed"),
        DeliveryStatus::Delivered => Some("delivered"),
        DeliveryStatus::Read | DeliveryStatus::Played => Some("read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_items_what_was_taken_is_told() {
        use Received::{Accepted, Duplicate, NoInstance, Noted};
        for (one, other, told) in [
            (Noted, Duplicate, Duplicate),
            (Accepted, Duplicate, Accepted),
            (Duplicate, Accepted, Accepted),
            (Noted, Noted, Noted),
            (Accepted, NoInstance, NoInstance),
        ] {
            assert_eq!(more_of(one, other), told);
        }
    }
}
