//! Keys of the HTTP API: made once, kept as their hash, limited to scopes and maybe to a time.

mod issue;
mod scope;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::TenantTx;

pub use issue::{KeyError, KeyLine, Limits, create, create_limited, list, revoke};
pub use scope::{Scope, UnknownScope};

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

    /// What is stored: SHA-256.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
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

/// Whose key it is, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub tenant_id: Uuid,
    pub key_id: Uuid,
    pub key_name: String,
    pub scopes: Vec<Scope>,
    /// Whether its time is over.
    pub has_expired: bool,
    /// Whether its last use was written down more than an hour ago.
    pub use_is_news: bool,
}

/// A key whose hash begins like the one that is looked for.
#[derive(sqlx::FromRow)]
struct Candidate {
    tenant_id: Uuid,
    key_id: Uuid,
    key_name: String,
    secret_hash: Vec<u8>,
    scopes: Vec<String>,
    has_expired: bool,
    use_is_news: bool,
}

/// Bytes of the hash by which candidates are found: how long an index takes tells no more of it.
const LOOKED_UP: usize = 4;

/// Who holds this key; none: nobody, or it is revoked. Hashes are compared in constant time.
pub async fn holder(pool: &PgPool, secret: &Secret) -> sqlx::Result<Option<Holder>> {
    let hash = secret.hash();
    let candidates: Vec<Candidate> = sqlx::query_as(
        "select tenant_id, key_id, key_name, secret_hash, scopes, has_expired, use_is_news
           from app.keys_like($1)",
    )
    .bind(&hash[..LOOKED_UP])
    .fetch_all(crate::db::alone(pool))
    .await?;
    let found = candidates.into_iter().find(|key| key.secret_hash.ct_eq(&hash).into());
    Ok(found.map(|key| Holder {
        tenant_id: key.tenant_id,
        key_id: key.key_id,
        key_name: key.key_name,
        // A scope of a later version is none of this one.
        scopes: key.scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
        has_expired: key.has_expired,
        use_is_news: key.use_is_news,
    }))
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
