//! What the gateway delivers, stored in one round trip each.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;

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

/// A customer's message, ready to store.
#[derive(Debug)]
pub struct NewMessage<'a> {
    pub instance: &'a str,
    /// `None` only for what could not be read.
    pub provider_id: Option<&'a str>,
    /// E.164 with `+`.
    pub phone: Option<&'a str>,
    pub lid: Option<&'a str>,
    pub push_name: Option<&'a str>,
    pub kind: String,
    /// Without keys and media bytes.
    pub body: Value,
    /// `None`: as it arrives.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Stores a message and enqueues its processing, committed when this returns.
pub async fn receive(
    pool: &PgPool,
    now: DateTime<Utc>,
    message: NewMessage<'_>,
) -> sqlx::Result<Received> {
    let query = sqlx::query_scalar::<_, String>(
        "select app.receive_message($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(now)
    .bind(message.instance)
    .bind(message.provider_id)
    .bind(message.phone)
    .bind(message.lid)
    .bind(message.push_name)
    .bind(message.kind)
    .bind(message.body)
    .bind(message.sent_at);
    Ok(outcome_of(&query.fetch_one(crate::db::alone(pool)).await?))
}

/// A customer changed the words of a message: read so if nobody has read it yet (`Accepted`), else
/// noted in its conversation.
pub async fn receive_edit(
    pool: &PgPool,
    now: DateTime<Utc>,
    instance: &str,
    provider_id: &str,
    text: &str,
) -> sqlx::Result<Received> {
    let query = sqlx::query_scalar::<_, String>("select app.receive_edit($1, $2, $3, $4)")
        .bind(now)
        .bind(instance)
        .bind(provider_id)
        .bind(text);
    Ok(outcome_of(&query.fetch_one(crate::db::alone(pool)).await?))
}

/// A message from the tenant's own number to a customer.
#[derive(Debug)]
pub struct OwnMessage<'a> {
    pub instance: &'a str,
    pub provider_id: &'a str,
    /// E.164 with `+`.
    pub phone: Option<&'a str>,
    pub lid: Option<&'a str>,
    /// `None`: media without a caption.
    pub text: Option<&'a str>,
    /// `None`: as it arrives.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Unless it is one of ours, a person wrote it on the phone: it is noted, and the bot pauses.
pub async fn receive_own(
    pool: &PgPool,
    now: DateTime<Utc>,
    message: OwnMessage<'_>,
) -> sqlx::Result<Received> {
    let query =
        sqlx::query_scalar::<_, String>("select app.receive_own($1, $2, $3, $4, $5, $6, $7)")
            .bind(now)
            .bind(message.instance)
            .bind(message.provider_id)
            .bind(message.phone)
            .bind(message.lid)
            .bind(message.text)
            .bind(message.sent_at);
    Ok(outcome_of(&query.fetch_one(crate::db::alone(pool)).await?))
}

/// Keeps a body that names no instance, for operators.
pub async fn receive_unrouted(
    pool: &PgPool,
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
        .execute(crate::db::alone(pool))
        .await
        .map(|_| ())
}

/// Notes the connection state of an instance.
pub async fn receive_state(
    pool: &PgPool,
    now: DateTime<Utc>,
    instance: &str,
    state: &str,
) -> sqlx::Result<Received> {
    let query = sqlx::query_scalar::<_, String>("select app.receive_state($1, $2, $3)")
        .bind(now)
        .bind(instance)
        .bind(state);
    Ok(outcome_of(&query.fetch_one(crate::db::alone(pool)).await?))
}

/// Notes what became of a message we sent: `sent`, `delivered`, `read` or `failed`.
pub async fn receive_status(
    pool: &PgPool,
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
    Ok(outcome_of(&query.fetch_one(crate::db::alone(pool)).await?))
}

/// Whether any tenant has this instance.
pub async fn instance_exists(pool: &PgPool, instance: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from app.instance_of($1))")
        .bind(instance)
        .fetch_one(crate::db::alone(pool))
        .await
}

fn outcome_of(told: &str) -> Received {
    match told {
        "accepted" => Received::Accepted,
        "duplicate" => Received::Duplicate,
        "no_instance" => Received::NoInstance,
        _ => Received::Noted,
    }
}
