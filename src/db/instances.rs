//! Instances: what is known of them, what a look at the gateway came to, and alarms.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

use super::TenantTx;

/// What is known of an instance before a look at the gateway.
#[derive(Debug, Clone, Deserialize)]
pub struct Seen {
    /// The gateway's name of it.
    pub name: String,
    pub api_key_env: Option<String>,
    pub state: String,
    pub problem: Option<String>,
    pub integration: Option<String>,
    pub server_version: Option<String>,
    /// Integration, version and id have not been asked for lately.
    pub learn: bool,
    pub sweep_at: DateTime<Utc>,
    /// Up to here the gateway's record was compared with what is stored.
    pub swept_until: DateTime<Utc>,
}

/// What a look came to; what is `None` was not learnt.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Look {
    /// `open`, `connecting`, `close` or `unknown`.
    pub state: Option<&'static str>,
    /// Why the gateway cannot be asked; `None`: it answered.
    pub problem: Option<&'static str>,
    pub integration: Option<String>,
    pub server_version: Option<String>,
    pub provider_instance_id: Option<String>,
    /// They were asked for.
    pub learnt: bool,
    /// Seconds until the next look.
    pub again_in: f64,
}

/// An alarm that was raised, or is over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AlarmNews {
    pub id: Uuid,
    pub alarm: String,
    pub since: DateTime<Utc>,
    /// `None`: it has just been raised.
    pub over_at: Option<DateTime<Utc>>,
}

/// Tenant and instance ids that it is time to look at, oldest first; nobody else is given them for
/// the length of `lease`.
pub async fn due(
    pool: &PgPool,
    now: DateTime<Utc>,
    lease: Duration,
    most: i32,
) -> sqlx::Result<Vec<(Uuid, Uuid)>> {
    let mut nobody = TenantTx::begin(pool, Uuid::nil(), now).await?;
    let due = sqlx::query_as("select tenant_id, instance_id from app.due_instances($1, $2)")
        .bind(lease)
        .bind(most)
        .fetch_all(nobody.conn())
        .await?;
    nobody.commit().await?;
    Ok(due)
}

/// `None`: there is no such instance any more.
pub async fn seen(db: &mut TenantTx, instance: Uuid) -> sqlx::Result<Option<Seen>> {
    let seen = sqlx::query_scalar::<_, Option<Json<Seen>>>("select app.instance_seen($1)")
        .bind(instance)
        .fetch_one(db.conn())
        .await?;
    Ok(seen.map(|Json(seen)| seen))
}

/// Writes a look down, and judges the instance by all that is known; what is new of alarms.
pub async fn record_look(
    db: &mut TenantTx,
    instance: Uuid,
    look: &Look,
) -> sqlx::Result<Vec<AlarmNews>> {
    sqlx::query("select app.record_look($1, $2)")
        .bind(instance)
        .bind(Json(look))
        .execute(db.conn())
        .await?;
    let Json(news) = sqlx::query_scalar::<_, Json<Vec<AlarmNews>>>("select app.judge_instance($1)")
        .bind(instance)
        .fetch_one(db.conn())
        .await?;
    Ok(news)
}

/// The record was compared up to `until`, and `missed` messages came to light.
pub async fn record_sweep(
    db: &mut TenantTx,
    instance: Uuid,
    until: DateTime<Utc>,
    missed: usize,
    again_in: Duration,
) -> sqlx::Result<()> {
    sqlx::query("select app.record_sweep($1, $2, $3, $4)")
        .bind(instance)
        .bind(until)
        .bind(i32::try_from(missed).unwrap_or(i32::MAX))
        .bind(again_in)
        .execute(db.conn())
        .await
        .map(drop)
}

/// Of these ids of messages, those that are stored, in whichever direction they went.
pub async fn known_messages(
    db: &mut TenantTx,
    instance: Uuid,
    provider_ids: &[String],
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("select app.known_messages($1, $2)")
        .bind(instance)
        .bind(provider_ids)
        .fetch_all(db.conn())
        .await
}

/// Of these ids, messages of ours that nothing has been heard of since they were sent.
pub async fn unconfirmed(db: &mut TenantTx, provider_ids: &[String]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select provider_id from app.outbound_messages
          where tenant_id = app.tenant_id() and channel = 'whatsapp' and provider_id = any ($1)
            and status = 'sent'",
    )
    .bind(provider_ids)
    .fetch_all(db.conn())
    .await
}

/// An instance in one line, for its tenant and for people.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct InstanceLine {
    pub id: Uuid,
    pub tenant: String,
    /// The tenant's, an IANA name.
    pub timezone: String,
    pub name: String,
    pub api_key_env: Option<String>,
    pub state: String,
    pub state_at: Option<DateTime<Utc>>,
    pub problem: Option<String>,
    pub integration: Option<String>,
    pub server_version: Option<String>,
    pub last_event_at: Option<DateTime<Utc>>,
    pub paused_until: Option<DateTime<Utc>>,
    pub paused_reason: Option<String>,
    /// What is wrong for too long, by name.
    pub alarms: Vec<String>,
}

/// The instances of the transaction's tenant, by name.
pub async fn lines(db: &mut TenantTx) -> sqlx::Result<Vec<InstanceLine>> {
    sqlx::query_as(
        "select i.id, t.slug as tenant, t.timezone, i.name, i.api_key_env, i.state, i.state_at,
                h.problem, h.integration, h.server_version, h.last_event_at,
                case when s.paused_until > app.now() then s.paused_until end as paused_until,
                case when s.paused_until > app.now() then s.paused_reason end as paused_reason,
                array(select a.alarm from app.alarms a
                       where a.tenant_id = i.tenant_id and a.instance_id = i.id and a.over_at is null
                       order by a.alarm) as alarms
           from app.instances i
           join app.tenants t on t.id = i.tenant_id
           left join app.instance_health h on h.tenant_id = i.tenant_id and h.instance_id = i.id
           left join app.senders s on s.tenant_id = i.tenant_id and s.instance_id = i.id
          where i.tenant_id = app.tenant_id()
          order by i.name",
    )
    .fetch_all(db.conn())
    .await
}

/// The instances of one tenant, or of all in order of their slugs.
pub async fn lines_of(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Option<Uuid>,
) -> sqlx::Result<Vec<(Uuid, InstanceLine)>> {
    let tenants = if let Some(tenant) = tenant {
        vec![tenant]
    } else {
        let mut nobody = TenantTx::begin(pool, Uuid::nil(), now).await?;
        let all = sqlx::query_scalar("select app.tenant_ids()").fetch_all(nobody.conn()).await?;
        nobody.rollback().await?;
        all
    };
    let mut all = Vec::new();
    for tenant in tenants {
        let mut db = TenantTx::begin(pool, tenant, now).await?;
        all.extend(lines(&mut db).await?.into_iter().map(|line| (tenant, line)));
        db.rollback().await?;
    }
    Ok(all)
}

/// What health and metrics tell of an instance.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Figures {
    pub instance: String,
    pub state: String,
    pub state_at: Option<DateTime<Utc>>,
    pub problem: Option<String>,
    pub paused: bool,
    pub unsent: i64,
    /// Seconds that the oldest unsent message has waited.
    pub oldest_unsent: Option<f64>,
    pub unacknowledged: i64,
    pub alarms: Vec<String>,
}

/// One line an instance of any tenant: names at the gateway and numbers, nothing of customers.
pub async fn figures(pool: &PgPool) -> sqlx::Result<Vec<Figures>> {
    sqlx::query_as("select * from app.instance_figures()").fetch_all(super::alone(pool)).await
}

/// Notes how an instance that a person has just connected is connected, as a webhook would.
pub async fn set_state(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Uuid,
    instance: Uuid,
    state: &str,
) -> sqlx::Result<()> {
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    sqlx::query("select set_config('app.actor', 'command:instance connect', true)")
        .execute(db.conn())
        .await?;
    sqlx::query("select app.set_instance_state(app.tenant_id(), $1, $2, app.now())")
        .bind(instance)
        .bind(state)
        .execute(db.conn())
        .await?;
    db.commit().await
}
