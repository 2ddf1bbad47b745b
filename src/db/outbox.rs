//! Delivering the outbox: claim, then send outside of any transaction, then record.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::TenantTx;
use crate::domain::catalogue::{Booking, Catalogue};
use crate::domain::conversation::Customer;

/// What a claim found.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Claim {
    /// Ours to send until the lease is over.
    Send(Box<Claimed>),
    /// Another sender is at it.
    Busy,
    /// The next one is not to be touched before then.
    Wait { until: DateTime<Utc> },
    /// Nothing is open.
    Empty,
}

/// A message that is to be sent.
#[derive(Debug, Deserialize)]
pub struct Claimed {
    pub id: Uuid,
    /// `None`: to be made from `template`.
    pub body: Option<String>,
    pub template: Option<String>,
    pub params: Value,
    /// Sends begun, this one included.
    pub attempts: i32,
    /// An earlier send may have gone out: look it up first.
    pub unsure: bool,
    /// How many earlier sends may have gone out.
    pub doubts: i32,
    /// An attempt that may still live had it: not to be sent again before then.
    pub resend_from: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub phone: Option<String>,
    pub lid: Option<String>,
    pub instance: String,
    pub api_key_env: Option<String>,
    pub typing: bool,
    /// With a template: whom and what it speaks of.
    pub customer: Option<Customer>,
    pub catalogue: Option<Catalogue>,
    /// The bookings of a visit that it is about, in order of time.
    #[serde(default)]
    pub lines: Vec<Booking>,
    /// What else stands of that visit.
    #[serde(default)]
    pub others: Vec<Booking>,
}

/// Claims the next message of a conversation for `lease`; the caller commits before sending.
pub async fn claim(
    db: &mut TenantTx,
    conversation: Uuid,
    job_id: &str,
    lease: Duration,
) -> sqlx::Result<Claim> {
    let Json(claim) = sqlx::query_scalar::<_, Json<Claim>>("select app.claim_message($1, $2, $3)")
        .bind(conversation)
        .bind(job_id)
        .bind(lease)
        .fetch_one(db.conn())
        .await?;
    Ok(claim)
}

/// A message that was looked up without a trace is about to be sent once more.
pub async fn resending(db: &mut TenantTx, message: Uuid) -> sqlx::Result<()> {
    sqlx::query("select app.begin_resend($1)").bind(message).execute(db.conn()).await.map(|_| ())
}

/// The gateway took the message and named it.
pub async fn sent(
    db: &mut TenantTx,
    message: Uuid,
    provider_id: &str,
    text: &str,
) -> sqlx::Result<()> {
    sqlx::query("select app.record_sent($1, $2, $3)")
        .bind(message)
        .bind(provider_id)
        .bind(text)
        .execute(db.conn())
        .await
        .map(|_| ())
}

/// What is known of a send that has to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    NotSent,
    /// To be looked up before it is tried again.
    MaybeSent,
    /// The look-up failed: look again.
    Unknown,
}

/// To be tried again after `delay`.
pub async fn retry(
    db: &mut TenantTx,
    message: Uuid,
    fate: Fate,
    why: &str,
    text: &str,
    delay: Duration,
) -> sqlx::Result<()> {
    let fate = match fate {
        Fate::NotSent => "not_sent",
        Fate::MaybeSent => "maybe_sent",
        Fate::Unknown => "unknown",
    };
    sqlx::query("select app.record_retry($1, $2, $3, $4, $5)")
        .bind(message)
        .bind(fate)
        .bind(why)
        .bind(text)
        .bind(delay)
        .execute(db.conn())
        .await
        .map(|_| ())
}

/// Of these provider ids, those that belong to other messages of ours.
pub async fn known(db: &mut TenantTx, provider_ids: &[String]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select provider_id from app.outbound_messages
          where tenant_id = app.tenant_id() and channel = 'whatsapp' and provider_id = any ($1)",
    )
    .bind(provider_ids)
    .fetch_all(db.conn())
    .await
}

/// Given up, with the reason.
pub async fn failed(db: &mut TenantTx, message: Uuid, why: &str) -> sqlx::Result<()> {
    sqlx::query("select app.record_failed($1, $2)")
        .bind(message)
        .bind(why)
        .execute(db.conn())
        .await
        .map(|_| ())
}
