//! Feature flags: a default for everybody, and values of single tenants.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::TenantTx;
use crate::domain::flag::Flag;

/// A flag and how it is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagLine {
    pub flag: Flag,
    /// What holds for tenants without a value of their own.
    pub default: bool,
    /// The tenant's own value, where one was asked for and has one.
    pub own: Option<bool>,
}

impl FlagLine {
    /// Whether it is on for the tenant.
    pub fn is_on(&self) -> bool {
        self.own.unwrap_or(self.default)
    }
}

/// Every flag, by name; of `tenant` also its own values.
pub async fn list(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Option<Uuid>,
) -> sqlx::Result<Vec<FlagLine>> {
    // Nobody has the nil id: only the defaults show.
    let mut db = TenantTx::begin(pool, tenant.unwrap_or(Uuid::nil()), now).await?;
    let flags = of_tenant(&mut db).await?;
    db.rollback().await?;
    Ok(flags)
}

/// Every flag, by name, with the tenant's own values.
pub async fn of_tenant(db: &mut TenantTx) -> sqlx::Result<Vec<FlagLine>> {
    let rows: Vec<(String, bool, Option<bool>)> = sqlx::query_as(
        "select d.flag, d.enabled, o.enabled
           from app.feature_flags d
           left join app.feature_flags o on o.flag = d.flag and o.tenant_id = app.tenant_id()
          where d.tenant_id is null",
    )
    .fetch_all(db.conn())
    .await?;
    let stored: HashMap<_, _> =
        rows.into_iter().map(|(flag, default, own)| (flag, (default, own))).collect();
    let line = |flag: Flag| {
        // Off where the database knows none, as `app.flag` has it.
        let (default, own) = stored.get(flag.name()).copied().unwrap_or_default();
        FlagLine { flag, default, own }
    };
    Ok(Flag::ALL.into_iter().map(line).collect())
}

/// Switches a flag for one tenant, or for every tenant without a value of its own.
///
/// Holds from the next transaction on; the audit log keeps it.
pub async fn set(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Option<Uuid>,
    flag: Flag,
    enabled: bool,
) -> sqlx::Result<()> {
    let mut db = by_command(pool, now, tenant).await?;
    if tenant.is_some() {
        switch(&mut db, flag, enabled).await?;
    } else {
        sqlx::query("select app.set_default_flag($1, $2)")
            .bind(flag.name())
            .bind(enabled)
            .execute(db.conn())
            .await?;
    }
    db.commit().await
}

/// Takes a tenant's own value away: the default holds for it from then on.
pub async fn reset(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Uuid,
    flag: Flag,
) -> sqlx::Result<()> {
    let mut db = by_command(pool, now, Some(tenant)).await?;
    unset(&mut db, flag).await?;
    db.commit().await
}

/// Switches a flag for the tenant of the transaction.
pub async fn switch(db: &mut TenantTx, flag: Flag, enabled: bool) -> sqlx::Result<()> {
    sqlx::query(
        "insert into app.feature_flags (tenant_id, flag, enabled)
         values (app.tenant_id(), $1, $2)
         on conflict on constraint feature_flags_once_a_tenant do update set enabled = excluded.enabled
          where app.feature_flags.enabled is distinct from excluded.enabled",
    )
    .bind(flag.name())
    .bind(enabled)
    .execute(db.conn())
    .await
    .map(drop)
}

/// The default holds for the tenant of the transaction.
pub async fn unset(db: &mut TenantTx, flag: Flag) -> sqlx::Result<()> {
    sqlx::query("delete from app.feature_flags where tenant_id = app.tenant_id() and flag = $1")
        .bind(flag.name())
        .execute(db.conn())
        .await
        .map(drop)
}

async fn by_command(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Option<Uuid>,
) -> sqlx::Result<TenantTx> {
    let mut db = TenantTx::begin(pool, tenant.unwrap_or(Uuid::nil()), now).await?;
    sqlx::query("select set_config('app.actor', 'command:flag set', true)")
        .execute(db.conn())
        .await?;
    Ok(db)
}
