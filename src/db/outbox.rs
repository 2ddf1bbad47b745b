//! Delivering the outbox: claim, then send outside of any transaction, then record.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::TenantTx;
use super::turns::Holder;
use crate::domain::conversation::choices::Offered;
use crate::domain::notice::Facts;

/// What a claim found.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Claim {
    /// Ours to send until the lease is over.
    Send(Box<Claimed>),
    /// Another job sends for this instance, or comes back soon enough: it sees to everything.
    Busy,
    /// Nothing's turn has come; this job is the one that is to come back.
    Wait { ms: u64 },
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
    /// An attempt that may still live had it: not to be sent again for so many milliseconds.
    pub quiet_ms: Option<f64>,
    pub created_at: DateTime<Utc>,
    /// Since when somebody waits for it: what it answers came in, or its reminder was due.
    pub wanted_at: Option<DateTime<Utc>>,
    /// The span that wrote it.
    pub traceparent: Option<String>,
    pub phone: Option<String>,
    pub lid: Option<String>,
    /// What to give the gateway as the number, the likeliest first.
    #[serde(default)]
    pub numbers: Vec<String>,
    pub instance: String,
    pub api_key_env: Option<String>,
    pub typing: bool,
    /// The menu that the text shows; none: it shows none.
    #[serde(default)]
    pub choices: Vec<Offered>,
    /// With a menu: how the instance shows one, `text`, `poll` or `list`; `None`: as text.
    pub menu_form: Option<String>,
    /// With a menu: whose it is.
    pub business: Option<String>,
    /// What the text of a template is made from.
    pub facts: Option<Facts>,
}

/// What goes on sending for an instance.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Any conversation of the instance.
    pub conversation: Uuid,
    pub job: Holder<'a>,
    /// How long a claim holds.
    pub lease: Duration,
}

/// Claims the next message of the instance of a conversation; the caller commits before sending.
/// With [`Claim::Empty`] and [`Claim::Busy`] the job is marked done.
pub async fn claim(db: &mut TenantTx, sender: Sender<'_>) -> sqlx::Result<Claim> {
    let Json(claim) =
        sqlx::query_scalar::<_, Json<Claim>>("select app.claim_or_finish($1, $2, $3, $4)")
            .bind(sender.conversation)
            .bind(sender.job.job_id)
            .bind(sender.job.worker)
            .bind(sender.lease)
            .fetch_one(db.conn())
            .await?;
    Ok(claim)
}

/// What [`sent_and_claim`] found.
#[derive(Debug, Deserialize)]
pub struct SentAndClaimed {
    /// As [`sent`] tells it.
    pub recovered: bool,
    #[serde(flatten)]
    pub next: Claim,
}

/// As [`sent`] and then [`claim`], in one round trip.
pub async fn sent_and_claim(
    db: &mut TenantTx,
    message: Uuid,
    provider_id: &str,
    text: &str,
    sender: Sender<'_>,
) -> sqlx::Result<SentAndClaimed> {
    let Json(claimed) = sqlx::query_scalar::<_, Json<SentAndClaimed>>(
        "select app.sent_and_claim($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(message)
    .bind(provider_id)
    .bind(text)
    .bind(sender.conversation)
    .bind(sender.job.job_id)
    .bind(sender.job.worker)
    .bind(sender.lease)
    .fetch_one(db.conn())
    .await?;
    Ok(claimed)
}

/// The instance does not take this kind of menu: the next ones go as text at once, for a while.
pub async fn menus_refused(db: &mut TenantTx, instance: &str, kind: &str) -> sqlx::Result<()> {
    sqlx::query(
        "select app.menus_refused(i.tenant_id, i.id, $2) from app.instances i
          where i.tenant_id = app.tenant_id() and i.name = $1",
    )
    .bind(instance)
    .bind(kind)
    .execute(db.conn())
    .await
    .map(drop)
}

/// The message is about to be sent, with this text, and is ours for `lease` from now. `false`: it
/// is no longer ours to send.
pub async fn begin(
    db: &mut TenantTx,
    message: Uuid,
    job_id: &str,
    text: &str,
    lease: Duration,
) -> sqlx::Result<bool> {
    sqlx::query_scalar("select app.begin_send($1, $2, $3, $4)")
        .bind(message)
        .bind(job_id)
        .bind(text)
        .bind(lease)
        .fetch_one(db.conn())
        .await
}

/// The gateway took the message and named it. `true`: a person had been told of trouble with its
/// instance, and that is over.
pub async fn sent(
    db: &mut TenantTx,
    message: Uuid,
    provider_id: &str,
    text: &str,
) -> sqlx::Result<bool> {
    sqlx::query_scalar("select app.record_sent($1, $2, $3)")
        .bind(message)
        .bind(provider_id)
        .bind(text)
        .fetch_one(db.conn())
        .await
}

/// WhatsApp took the message to this one of the customer's addresses.
pub async fn number_worked(db: &mut TenantTx, message: Uuid, number: &str) -> sqlx::Result<()> {
    sqlx::query("select app.number_worked($1, $2)")
        .bind(message)
        .bind(number)
        .execute(db.conn())
        .await
        .map(drop)
}

/// Whether the message has been proved sent, though its send has not been answered: by an echo.
pub async fn is_proved_sent(db: &mut TenantTx, message: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (
           select from app.outbound_messages
            where tenant_id = app.tenant_id() and id = $1 and provider_id is not null)",
    )
    .bind(message)
    .fetch_one(db.conn())
    .await
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
        .map(drop)
}

/// How long an instance waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Of few values, since people and metrics count them.
    pub reason: String,
    /// The first pause of several in a row; each is twice the one before, ± 20 %.
    pub first: Duration,
    pub longest: Duration,
    /// A person has to put something right.
    pub alert: bool,
}

/// The whole instance of the message waits, and the message with it, which loses nothing. `true`:
/// somebody is to be told, and has not been yet.
pub async fn pause(db: &mut TenantTx, message: Uuid, pause: &Pause) -> sqlx::Result<bool> {
    sqlx::query_scalar("select app.pause_instance($1, $2, $3, $4, $5)")
        .bind(message)
        .bind(&pause.reason)
        .bind(pause.first)
        .bind(pause.longest)
        .bind(pause.alert)
        .fetch_one(db.conn())
        .await
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
        .map(drop)
}
