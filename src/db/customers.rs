//! Customers: who is one and the same, what is held about one, and its end.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::TenantTx;

/// How a command names a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// E.164 in our canonical form, see [`canonical`](crate::channel::whatsapp::phone::canonical).
    Phone(String),
    Id(Uuid),
}

/// Why a command about a customer is not done.
#[derive(Debug, thiserror::Error)]
pub enum CustomerError {
    #[error("there is no tenant {0:?}; `pontual tenant list` shows them")]
    NoTenant(String),
    // The number is not repeated: errors end up in logs.
    #[error("the tenant has no such customer; nothing is held under that number or id")]
    NoCustomer,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// All that is held about a customer: a list of rows for each table.
pub async fn export(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: &str,
    who: &Who,
) -> Result<Value, CustomerError> {
    let (mut db, _, customer) = find(pool, now, tenant, who).await?;
    let held: Option<Value> = sqlx::query_scalar("select app.export_customer($1)")
        .bind(customer)
        .fetch_one(db.conn())
        .await?;
    db.rollback().await?;
    held.ok_or(CustomerError::NoCustomer)
}

/// Takes a customer out of the database for good, or counts what that would touch; how many rows of
/// each table, and under `cancelled` how many bookings that were ahead.
pub async fn erase(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: &str,
    who: &Who,
    dry_run: bool,
) -> Result<Value, CustomerError> {
    let (mut db, tenant, customer) = find(pool, now, tenant, who).await?;
    // A conversation that is at work ends its turn first.
    sqlx::query(
        "select set_config('app.actor', 'command:customer erase', true),
                set_config('lock_timeout', '30s', true)",
    )
    .execute(db.conn())
    .await?;
    let counts: Option<Value> = sqlx::query_scalar("select app.erase_customer($1, $2, $3)")
        .bind(tenant)
        .bind(customer)
        .bind(dry_run)
        .fetch_one(db.conn())
        .await?;
    db.commit().await?;
    counts.ok_or(CustomerError::NoCustomer)
}

/// A transaction of the tenant, the tenant, and the customer.
async fn find(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: &str,
    who: &Who,
) -> Result<(TenantTx, Uuid, Uuid), CustomerError> {
    let mut nobody = TenantTx::begin(pool, Uuid::nil(), now).await?;
    let id: Option<Uuid> = sqlx::query_scalar("select app.tenant_named($1)")
        .bind(tenant)
        .fetch_one(nobody.conn())
        .await?;
    nobody.rollback().await?;
    let id = id.ok_or_else(|| CustomerError::NoTenant(tenant.to_owned()))?;
    let mut db = TenantTx::begin(pool, id, now).await?;
    let query = match who {
        Who::Phone(phone) => {
            sqlx::query_scalar("select id from app.customers where phone = $1").bind(phone)
        }
        Who::Id(id) => sqlx::query_scalar("select id from app.customers where id = $1").bind(*id),
    };
    let customer: Option<Uuid> = query.fetch_optional(db.conn()).await?;
    Ok((db, id, customer.ok_or(CustomerError::NoCustomer)?))
}

/// Makes `gone` part of `keep`, as long as no phone was learnt of it meanwhile. Returns `false` where
/// somebody is at one of the two: later, then.
pub async fn merge_if_nameless(db: &mut TenantTx, keep: Uuid, gone: Uuid) -> sqlx::Result<bool> {
    // Nobody is left to be merged: it was done before, or they are two after all.
    sqlx::query_scalar(
        "select coalesce((
           select app.merge_at_once($1, c.id) from app.customers c
            where c.tenant_id = (select app.tenant_id()) and c.id = $2 and c.phone is null), true)",
    )
    .bind(keep)
    .bind(gone)
    .fetch_one(db.conn())
    .await
}
