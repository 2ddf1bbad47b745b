//! Feature flags: a default for everybody, and values of single tenants.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::TenantTx;

/// A flag in one line.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct FlagLine {
    pub flag: String,
    /// What holds for tenants without a value of their own.
    pub default: bool,
    /// The tenant's own value, where one was asked for and has one.
    pub own: Option<bool>,
}

/// Every flag, by name; of `tenant` also its own values.
pub async fn list(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Option<Uuid>,
) -> sqlx::Result<Vec<FlagLine>> {
    // Nobody has the nil id: only the defaults show.
    let mut db = TenantTx::begin(pool, tenant.unwrap_or(Uuid::nil()), now).await?;
    let flags = sqlx::query_as(
        r#"select d.flag, d.enabled as "default", o.enabled as own
             from app.feature_flags d
             left join app.feature_flags o on o.flag = d.flag and o.tenant_id = app.tenant_id()
            where d.tenant_id is null
            order by d.flag"#,
    )
    .fetch_all(db.conn())
    .await?;
    db.rollback().await?;
    Ok(flags)
}

/// Switches a flag for one tenant, or for every tenant without a value of its own.
///
/// Holds from the next transaction on; the audit log keeps it.
pub async fn set(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Option<Uuid>,
    flag: &str,
    enabled: bool,
) -> sqlx::Result<()> {
    let mut db = TenantTx::begin(pool, tenant.unwrap_or(Uuid::nil()), now).await?;
    sqlx::query("select set_config('app.actor', 'command:flag set', true)")
        .execute(db.conn())
        .await?;
    let query = match tenant {
        Some(_) => sqlx::query(
            "insert into app.feature_flags (tenant_id, flag, enabled)
             values (app.tenant_id(), $1, $2)
             on conflict on constraint feature_flags_once_a_tenant do update set enabled = excluded.enabled
              where app.feature_flags.enabled is distinct from excluded.enabled",
        ),
        None => sqlx::query("select app.set_default_flag($1, $2)"),
    };
    query.bind(flag).bind(enabled).execute(db.conn()).await?;
    db.commit().await
}
