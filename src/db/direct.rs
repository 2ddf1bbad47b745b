//! SMS and e-mails: taken one by one, since nobody waits for one before another.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::TenantTx;
use crate::domain::letter::OwnTexts;
use crate::domain::notice::Facts;

/// What a claim found.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Claim {
    /// Ours to send until the lease is over.
    Send(Box<Claimed>),
    /// Another job is at it.
    Busy,
    /// Not before so many milliseconds.
    Wait { ms: u64 },
    /// It is settled.
    Empty,
}

/// A message that is to be sent.
#[derive(Debug, Deserialize)]
pub struct Claimed {
    pub id: Uuid,
    /// `sms` or `email`.
    pub channel: String,
    /// `None`: to be made from `template`.
    pub body: Option<String>,
    pub template: String,
    pub params: Value,
    /// Sends begun, this one included.
    pub attempts: i32,
    /// An earlier send may have gone out: look it up first.
    pub unsure: bool,
    /// How many earlier sends may have gone out.
    pub doubts: i32,
    /// An attempt that may still live had it: not to be sent again for so many milliseconds.
    pub quiet_ms: Option<f64>,
    pub created_at: DateTime<Utc>,
    /// Since when somebody waits for it: what it answers came in, or its reminder was due.
    pub wanted_at: Option<DateTime<Utc>>,
    /// The span that wrote it.
    pub traceparent: Option<String>,
    pub facts: Facts,
    pub direct: Direct,
}

/// What WhatsApp has no need of.
#[derive(Debug, Deserialize)]
pub struct Direct {
    /// In the channel's own form.
    pub address: String,
    /// Where answers to mails go.
    pub reply_to: Option<String>,
    /// How to reach the tenant, for the text.
    pub contact: Option<String>,
    /// Whom it goes to; `None`: a member of staff.
    pub customer_id: Option<Uuid>,
    /// Hexadecimal: what a link that ends the mails is signed with; `None`: it has none.
    pub unsubscribe: Option<String>,
    /// The tenant's own texts of this channel.
    pub texts: OwnTexts,
}

/// Takes a message for `lease`; the caller commits before sending.
pub async fn take(
    db: &mut TenantTx,
    message: Uuid,
    job_id: &str,
    lease: Duration,
) -> sqlx::Result<Claim> {
    let Json(claim) = sqlx::query_scalar::<_, Json<Claim>>("select app.take_direct($1, $2, $3)")
        .bind(message)
        .bind(job_id)
        .bind(lease)
        .fetch_one(db.conn())
        .await?;
    Ok(claim)
}

/// Of these provider ids, those that belong to other messages of this channel.
pub async fn known(
    db: &mut TenantTx,
    channel: &str,
    provider_ids: &[String],
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select provider_id from app.outbound_messages
          where tenant_id = app.tenant_id() and channel = $1 and provider_id = any ($2)",
    )
    .bind(channel)
    .bind(provider_ids)
    .fetch_all(db.conn())
    .await
}

/// The provider says that the recipient wants no more messages of this channel.
pub async fn opt_out(db: &mut TenantTx, message: Uuid) -> sqlx::Result<()> {
    sqlx::query("select app.opt_out_of_channel($1)")
        .bind(message)
        .execute(db.conn())
        .await
        .map(drop)
}

/// What became of an SMS: `sent`, `delivered`, `read` or `failed`. `false`: it is none of this
/// tenant's.
pub async fn record_sms_status(
    db: &mut TenantTx,
    message: Uuid,
    status: &str,
    opted_out: bool,
) -> sqlx::Result<bool> {
    sqlx::query_scalar("select app.record_sms_status($1, $2, $3)")
        .bind(message)
        .bind(status)
        .bind(opted_out)
        .fetch_one(db.conn())
        .await
}

/// Whose mails a link ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Subscription {
    /// The tenant's name.
    pub tenant: String,
    pub locale: String,
    /// They are ended already, or now.
    pub done: bool,
}

/// What a link that ends mails leads to; `act` ends them. `None`: nobody gave this link out.
pub async fn unsubscribe(
    db: &mut TenantTx,
    customer: Uuid,
    proof: &[u8],
    act: bool,
) -> sqlx::Result<Option<Subscription>> {
    let found: Option<Json<Subscription>> =
        sqlx::query_scalar("select app.unsubscribe($1, $2, $3)")
            .bind(customer)
            .bind(proof)
            .bind(act)
            .fetch_one(db.conn())
            .await?;
    Ok(found.map(|Json(found)| found))
}
