//! Making, showing and ending keys.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::error::DatabaseError;
use uuid::Uuid;

use super::{LONGEST_NAME, Scope, Secret, begin_as};
use crate::db::TenantTx;

/// A key as `pontual key list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct KeyLine {
    pub name: String,
    /// As the database has them.
    pub scopes: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    /// To the hour.
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Why a command about keys is not done.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("there is no tenant {0:?}; `pontual tenant list` shows them")]
    NoTenant(String),
    #[error(
        "the tenant has a key {0:?} already; choose another name, or revoke that one with \
         `pontual key revoke`"
    )]
    NameTaken(String),
    #[error("a name has 1 to {LONGEST_NAME} signs on one line; this one has not")]
    BadName,
    #[error("a key that is over before it is made is of no use; choose a later --expires")]
    ExpiresInThePast,
    #[error("a key needs a scope: read, write or operate")]
    NoScope,
    #[error("the tenant has no key {0:?} in use; `pontual key list` shows them")]
    NoKey(String),
    #[error("the system gives no random bytes")]
    NoRandomness(#[from] getrandom::Error),
    #[error("the database has no schema of this version yet; run `pontual migrate` first")]
    NotMigrated(#[source] sqlx::Error),
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for KeyError {
    fn from(error: sqlx::Error) -> Self {
        // Role, schema, function or table unknown.
        match error.as_database_error().and_then(DatabaseError::code).as_deref() {
            Some("22023" | "3F000" | "42883" | "42P01") => Self::NotMigrated(error),
            _ => Self::Database(error),
        }
    }
}

/// What a new key may do, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// At least one.
    pub scopes: Vec<Scope>,
    /// None: for ever.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Default for Limits {
    /// None at all.
    fn default() -> Self {
        Self { scopes: Scope::ALL.to_vec(), expires_at: None }
    }
}

/// Makes a key for a tenant that may do everything, for ever; what comes back is the only copy.
pub async fn create(
    pool: &PgPool,
    now: DateTime<Utc>,
    slug: &str,
    name: &str,
) -> Result<Secret, KeyError> {
    create_limited(pool, now, slug, name, &Limits::default()).await
}

/// Makes a key for a tenant; what comes back is the only copy.
pub async fn create_limited(
    pool: &PgPool,
    now: DateTime<Utc>,
    slug: &str,
    name: &str,
    limits: &Limits,
) -> Result<Secret, KeyError> {
    let length = name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length)
        || name.chars().any(char::is_control)
        || name.trim() != name
    {
        return Err(KeyError::BadName);
    }
    if limits.scopes.is_empty() {
        return Err(KeyError::NoScope);
    }
    if limits.expires_at.is_some_and(|end| end <= now) {
        return Err(KeyError::ExpiresInThePast);
    }
    let tenant = tenant_named(pool, now, slug).await?;
    let secret = Secret::random()?;
    let mut db = begin_as(pool, now, tenant, "command:key create").await?;
    sqlx::query(
        "insert into app.api_keys (tenant_id, name, secret_hash, scopes, expires_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(tenant)
    .bind(name)
    .bind(secret.hash())
    .bind(limits.scopes.iter().map(Scope::as_str).collect::<Vec<_>>())
    .bind(limits.expires_at)
    .execute(db.conn())
    .await
    .map_err(|error| match error.as_database_error().and_then(|error| error.constraint()) {
        Some("api_keys_name_is_unique") => KeyError::NameTaken(name.to_owned()),
        Some("api_keys_name_is_readable") => KeyError::BadName,
        _ => error.into(),
    })?;
    db.commit().await?;
    Ok(secret)
}

/// A tenant's keys, in use and revoked, oldest first.
pub async fn list(pool: &PgPool, now: DateTime<Utc>, slug: &str) -> Result<Vec<KeyLine>, KeyError> {
    let tenant = tenant_named(pool, now, slug).await?;
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    let lines = sqlx::query_as(
        "select name, scopes, created_at, expires_at, last_used_at, revoked_at
           from app.api_keys order by created_at, id",
    )
    .fetch_all(db.conn())
    .await?;
    db.rollback().await?;
    Ok(lines)
}

/// Ends a key: requests that carry it are refused from now on. Its name is free again.
pub async fn revoke(
    pool: &PgPool,
    now: DateTime<Utc>,
    slug: &str,
    name: &str,
) -> Result<(), KeyError> {
    let tenant = tenant_named(pool, now, slug).await?;
    let mut db = begin_as(pool, now, tenant, "command:key revoke").await?;
    let revoked = sqlx::query(
        "update app.api_keys set revoked_at = app.now() where name = $1 and revoked_at is null",
    )
    .bind(name)
    .execute(db.conn())
    .await?;
    if revoked.rows_affected() == 0 {
        return Err(KeyError::NoKey(name.to_owned()));
    }
    db.commit().await?;
    Ok(())
}

async fn tenant_named(pool: &PgPool, now: DateTime<Utc>, slug: &str) -> Result<Uuid, KeyError> {
    // Of nobody: the login of a migration may lack the runtime's right to the function.
    let mut db = TenantTx::begin(pool, Uuid::nil(), now).await?;
    let found: Option<Uuid> =
        sqlx::query_scalar("select app.tenant_named($1)").bind(slug).fetch_one(db.conn()).await?;
    db.rollback().await?;
    found.ok_or_else(|| KeyError::NoTenant(slug.to_owned()))
}
