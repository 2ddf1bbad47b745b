//! What the gateway delivers, stored in one round trip each.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::trace;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Committed, and with it the job that reads it.
    Accepted,
    /// This message has been delivered before.
    Duplicate,
    /// Noted where it belongs; nothing else follows.
    Noted,
    /// No tenant has such an instance.
    NoInstance,
}

/// Whom a message is from or to: a phone or a LID at least.
#[derive(Debug, Clone, Copy, Default)]
pub struct Who<'a> {
    /// E.164 with `+`, in the canonical form.
    pub phone: Option<&'a str>,
    /// The phone as WhatsApp writes it.
    pub jid: Option<&'a str>,
    pub lid: Option<&'a str>,
}

/// A customer's message, ready to store.
#[derive(Debug)]
pub struct NewMessage<'a> {
    pub instance: &'a str,
    /// `None` only for what could not be read.
    pub provider_id: Option<&'a str>,
    pub who: Who<'a>,
    pub push_name: Option<&'a str>,
    pub kind: String,
    /// Without keys and media bytes.
    pub body: Value,
    /// `None`: as it arrives.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Stores a message and enqueues its processing, committed when this returns (with a pool).
pub async fn receive(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    message: NewMessage<'_>,
) -> sqlx::Result<Received> {
    // The job that reads it goes on with the trace. A case is the one expression whose parts are
    // evaluated in order.
    let traceparent = trace::traceparent();
    let statement = match traceparent {
        None => "select app.receive_message($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        Some(_) => {
            "select case when set_config('app.traceparent', $11, true) is not null
               then app.receive_message($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) end"
        }
    };
    let query = sqlx::query_scalar::<_, String>(statement)
        .bind(now)
        .bind(message.instance)
        .bind(message.provider_id)
        .bind(message.who.phone)
        .bind(message.who.lid)
        .bind(message.push_name)
        .bind(message.kind)
        .bind(message.body)
        .bind(message.sent_at)
        .bind(message.who.jid);
    let query = match traceparent {
        None => query,
        Some(traceparent) => query.bind(traceparent),
    };
    Ok(outcome_of(&query.fetch_one(db).await?))
}

/// New words for a message of a customer.
#[derive(Debug)]
pub struct NewWords<'a> {
    pub instance: &'a str,
    pub provider_id: &'a str,
    pub who: Who<'a>,
    pub text: &'a str,
    pub edited_at: Option<DateTime<Utc>>,
}

/// A customer changed the words of a message: read so if nobody has read it yet (`Accepted`), else
/// noted in its conversation. Words of a message that is not here yet stand for it.
pub async fn receive_edit(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    edit: NewWords<'_>,
) -> sqlx::Result<Received> {
    let query =
        sqlx::query_scalar::<_, String>("select app.receive_edit($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(now)
            .bind(edit.instance)
            .bind(edit.provider_id)
            .bind(edit.text)
            .bind(edit.who.phone)
            .bind(edit.who.lid)
            .bind(edit.who.jid)
            .bind(edit.edited_at);
    Ok(outcome_of(&query.fetch_one(db).await?))
}

/// A customer took a message back: nobody reads it, or its conversation notes that it was read.
pub async fn receive_delete(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    instance: &str,
    provider_id: &str,
) -> sqlx::Result<Received> {
    let query = sqlx::query_scalar::<_, String>("select app.receive_delete($1, $2, $3)")
        .bind(now)
        .bind(instance)
        .bind(provider_id);
    Ok(outcome_of(&query.fetch_one(db).await?))
}

/// A reaction that answers nothing is noted; `emoji` `None`: a reaction or vote was taken back.
pub async fn receive_reaction(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    instance: &str,
    quoted: &str,
    emoji: Option<&str>,
) -> sqlx::Result<Received> {
    let query = sqlx::query_scalar::<_, String>("select app.receive_reaction($1, $2, $3, $4)")
        .bind(now)
        .bind(instance)
        .bind(quoted)
        .bind(emoji);
    Ok(outcome_of(&query.fetch_one(db).await?))
}

/// A message from the tenant's own number to a customer.
#[derive(Debug)]
pub struct OwnMessage<'a> {
    pub instance: &'a str,
    pub provider_id: &'a str,
    pub who: Who<'a>,
    /// `None`: media without a caption.
    pub text: Option<&'a str>,
    /// `None`: as it arrives.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Unless it is one of ours, a person wrote it on the phone: it is noted, and the bot pauses.
pub async fn receive_own(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    message: OwnMessage<'_>,
) -> sqlx::Result<Received> {
    let query =
        sqlx::query_scalar::<_, String>("select app.receive_own($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(now)
            .bind(message.instance)
            .bind(message.provider_id)
            .bind(message.who.phone)
            .bind(message.who.lid)
            .bind(message.text)
            .bind(message.sent_at)
            .bind(message.who.jid);
    Ok(outcome_of(&query.fetch_one(db).await?))
}

/// The gateway reports a send through its API: it proves that one of ours went out.
pub async fn receive_echo(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    message: OwnMessage<'_>,
) -> sqlx::Result<Received> {
    let query =
        sqlx::query_scalar::<_, String>("select app.receive_echo($1, $2, $3, $4, $5, $6, $7)")
            .bind(now)
            .bind(message.instance)
            .bind(message.provider_id)
            .bind(message.who.phone)
            .bind(message.who.lid)
            .bind(message.text)
            .bind(message.sent_at);
    Ok(outcome_of(&query.fetch_one(db).await?))
}

/// Keeps a body that names no instance, for operators.
pub async fn receive_unrouted(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    instance: Option<&str>,
    event: Option<&str>,
    body: Value,
) -> sqlx::Result<()> {
    sqlx::query("select app.receive_unrouted($1, $2, $3, $4)")
        .bind(now)
        .bind(instance)
        .bind(event)
        .bind(body)
        .execute(db)
        .await
        .map(|_| ())
}

/// Notes the connection state of an instance.
pub async fn receive_state(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    instance: &str,
    state: &str,
) -> sqlx::Result<Received> {
    let query = sqlx::query_scalar::<_, String>("select app.receive_state($1, $2, $3)")
        .bind(now)
        .bind(instance)
        .bind(state);
    Ok(outcome_of(&query.fetch_one(db).await?))
}

/// Notes what became of a message we sent: `sent`, `delivered`, `read` or `failed`.
pub async fn receive_status(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    instance: &str,
    provider_id: &str,
    status: &str,
) -> sqlx::Result<Received> {
    let query = sqlx::query_scalar::<_, String>("select app.receive_status($1, $2, $3, $4)")
        .bind(now)
        .bind(instance)
        .bind(provider_id)
        .bind(status);
    Ok(outcome_of(&query.fetch_one(db).await?))
}

/// An event that carries nothing we keep: whether any tenant has its instance.
pub async fn receive_nothing(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    instance: &str,
) -> sqlx::Result<Received> {
    let query = sqlx::query_scalar::<_, String>("select app.receive_nothing($1, $2)")
        .bind(now)
        .bind(instance);
    Ok(outcome_of(&query.fetch_one(db).await?))
}

fn outcome_of(told: &str) -> Received {
    match told {
        "accepted" => Received::Accepted,
        "duplicate" => Received::Duplicate,
        "no_instance" => Received::NoInstance,
        _ => Received::Noted,
    }
}
