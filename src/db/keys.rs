//! Keys of the HTTP API: made once, kept as their hash.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use sqlx::error::DatabaseError;
use uuid::Uuid;

use super::TenantTx;

/// How every key begins, so that scanners and people know a leaked one.
const PREFIX: &str = "pontual_";
/// 256 bits in base64url.
const LENGTH: usize = 43;
/// Signs that a name may have; `api_keys_name_is_readable` says the same.
pub const LONGEST_NAME: usize = 80;

/// A key of the API: `pontual_` and 256 random bits in base64url. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// # Errors
    ///
    /// The system gives no random bytes.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The key itself, to be shown once.
    pub fn reveal(&self) -> String {
        self.0.clone()
    }

    /// What is stored.
    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The text has not the form of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is {PREFIX} and {LENGTH} letters, digits, - and _")]
pub struct NoKey;

impl FromStr for Secret {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let random = text.strip_prefix(PREFIX).ok_or(NoKey)?;
        let sign = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if random.len() == LENGTH && random.bytes().all(sign) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoKey)
        }
    }
}

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Holder {
    pub tenant_id: Uuid,
    pub key_id: Uuid,
    pub key_name: String,
    /// Whether its last use was written down more than an hour ago.
    pub use_is_news: bool,
}

/// Who holds this key; none: nobody, or it is revoked.
pub async fn holder(pool: &PgPool, secret: &Secret) -> sqlx::Result<Option<Holder>> {
    sqlx::query_as("select tenant_id, key_id, key_name, use_is_news from app.key_holder($1)")
        .bind(secret.hash())
        .fetch_optional(pool)
        .await
}

/// A transaction of a tenant in which a key acts: the audit log says `key:NAME`.
pub async fn begin_as_key(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Uuid,
    key_name: &str,
) -> sqlx::Result<TenantTx> {
    begin_as(pool, now, tenant, &format!("key:{key_name}")).await
}

async fn begin_as(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Uuid,
    actor: &str,
) -> sqlx::Result<TenantTx> {
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    sqlx::query("select set_config('app.actor', $1, true)").bind(actor).execute(db.conn()).await?;
    Ok(db)
}

/// Writes down that a key is in use, to the hour.
pub async fn note_use(
    pool: &PgPool,
    now: DateTime<Utc>,
    tenant: Uuid,
    key: Uuid,
) -> sqlx::Result<()> {
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    // Another process may be at it, or psql: then it is written down next time.
    sqlx::query(
        "update app.api_keys set last_used_at = date_trunc('hour', app.now(), 'UTC')
          where id = (select id from app.api_keys
                       where id = $1
                         and coalesce(last_used_at < date_trunc('hour', app.now(), 'UTC'), true)
                         for update skip locked)",
    )
    .bind(key)
    .execute(db.conn())
    .await?;
    db.commit().await
}

/// A key as `pontual key list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct KeyLine {
    pub name: String,
    pub created_at: DateTime<Utc>,
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

/// Makes a key for a tenant; what comes back is the only copy.
pub async fn create(
    pool: &PgPool,
    now: DateTime<Utc>,
    slug: &str,
    name: &str,
) -> Result<Secret, KeyError> {
    let length = name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length)
        || name.chars().any(char::is_control)
        || name.trim() != name
    {
        return Err(KeyError::BadName);
    }
    let tenant = tenant_named(pool, now, slug).await?;
    let secret = Secret::random()?;
    let mut db = begin_as(pool, now, tenant, "command:key create").await?;
    sqlx::query("insert into app.api_keys (tenant_id, name, secret_hash) values ($1, $2, $3)")
        .bind(tenant)
        .bind(name)
        .bind(secret.hash())
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
        "select name, created_at, last_used_at, revoked_at from app.api_keys order by created_at, id",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_it_was_made_and_shows_itself_to_no_log() {
        let key = Secret::random().unwrap();
        assert_eq!(key.reveal().len(), PREFIX.len() + LENGTH);
        assert_eq!(key.reveal().parse(), Ok(key.clone()));
        assert!(!format!("{key:?}").contains(&key.reveal()[PREFIX.len()..]));
        assert_ne!(Secret::random().unwrap(), key);
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_none() {
        let key = Secret::random().unwrap().reveal();
        for text in ["", "pontual_", &key[1..], &format!("{key}A"), &key.replace('_', " ")] {
            assert_eq!(text.parse::<Secret>(), Err(NoKey), "{text}");
        }
    }
}
