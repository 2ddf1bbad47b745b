//! A tenant's own texts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::TenantTx;
use crate::domain::locale::{Language, Locale};

/// The tenant with this slug.
pub async fn tenant_named(pool: &PgPool, slug: &str) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar("select app.tenant_named($1)")
        .bind(slug)
        .fetch_one(crate::db::alone(pool))
        .await
}

/// Puts a text in place of the shipped one, or of the tenant's earlier one.
///
/// What it says was checked before (`domain::conversation::check_text`).
pub async fn save(
    pool: &PgPool,
    tenant: Uuid,
    now: DateTime<Utc>,
    language: Language,
    key: &str,
    body: &str,
) -> sqlx::Result<()> {
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    sqlx::query(
        "insert into app.message_templates (tenant_id, key, language, body)
         values (app.tenant_id(), $1, $2, $3)
         on conflict on constraint message_templates_pkey do update set body = excluded.body
          where app.message_templates.body is distinct from excluded.body",
    )
    .bind(key)
    .bind(language.tag())
    .bind(body)
    .execute(db.conn())
    .await?;
    db.commit().await
}

/// Goes back to the shipped text; `false`: it was that already.
pub async fn reset(
    pool: &PgPool,
    tenant: Uuid,
    now: DateTime<Utc>,
    language: Language,
    key: &str,
) -> sqlx::Result<bool> {
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    let gone = sqlx::query(
        "delete from app.message_templates
          where tenant_id = app.tenant_id() and channel = 'whatsapp' and language = $1 and key = $2",
    )
    .bind(language.tag())
    .bind(key)
    .execute(db.conn())
    .await?;
    db.commit().await?;
    Ok(gone.rows_affected() > 0)
}

/// The tenant's own texts in a language, by key.
pub async fn own(
    pool: &PgPool,
    tenant: Uuid,
    now: DateTime<Utc>,
    language: Language,
) -> sqlx::Result<BTreeMap<String, String>> {
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select key, body from app.message_templates
          where tenant_id = app.tenant_id() and channel = 'whatsapp' and language = $1",
    )
    .bind(language.tag())
    .fetch_all(db.conn())
    .await?;
    db.rollback().await?;
    Ok(rows.into_iter().collect())
}

/// The language of a tenant's locale.
pub async fn language_of(
    pool: &PgPool,
    tenant: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<Language> {
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    let locale: String =
        sqlx::query_scalar("select locale from app.tenants where id = app.tenant_id()")
            .fetch_one(db.conn())
            .await?;
    db.rollback().await?;
    let locale: Locale = locale.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(locale.language())
}
