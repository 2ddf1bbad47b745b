//! A tenant's own texts.

use std::collections::BTreeMap;

use sqlx::PgPool;
use uuid::Uuid;

use super::TenantTx;
use crate::domain::locale::{Language, Locale};
use crate::domain::template::Channel;

/// The tenant with this slug.
pub async fn tenant_named(pool: &PgPool, slug: &str) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar("select app.tenant_named($1)")
        .bind(slug)
        .fetch_one(crate::db::alone(pool))
        .await
}

/// Puts a text in place of the shipped one, or of the tenant's earlier one.
///
/// What it says was checked before (`domain::template::check`).
pub async fn save(
    db: &mut TenantTx,
    channel: Channel,
    language: Language,
    key: &str,
    body: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into app.message_templates (tenant_id, key, language, body, channel)
         values (app.tenant_id(), $1, $2, $3, $4)
         on conflict on constraint message_templates_pkey do update set body = excluded.body
          where app.message_templates.body is distinct from excluded.body",
    )
    .bind(key)
    .bind(language.tag())
    .bind(body)
    .bind(channel.as_str())
    .execute(db.conn())
    .await
    .map(drop)
}

/// Goes back to the shipped text; `false`: it was that already.
pub async fn reset(
    db: &mut TenantTx,
    channel: Channel,
    language: Language,
    key: &str,
) -> sqlx::Result<bool> {
    let gone = sqlx::query(
        "delete from app.message_templates
          where tenant_id = app.tenant_id() and channel = $3 and language = $1 and key = $2",
    )
    .bind(language.tag())
    .bind(key)
    .bind(channel.as_str())
    .execute(db.conn())
    .await?;
    Ok(gone.rows_affected() > 0)
}

/// The tenant's own texts in a language, by key.
pub async fn own(
    db: &mut TenantTx,
    channel: Channel,
    language: Language,
) -> sqlx::Result<BTreeMap<String, String>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select key, body from app.message_templates
          where tenant_id = app.tenant_id() and channel = $2 and language = $1",
    )
    .bind(language.tag())
    .bind(channel.as_str())
    .fetch_all(db.conn())
    .await?;
    Ok(rows.into_iter().collect())
}

/// The language of a tenant's locale.
pub async fn language_of(db: &mut TenantTx) -> sqlx::Result<Language> {
    let locale: String =
        sqlx::query_scalar("select locale from app.tenants where id = app.tenant_id()")
            .fetch_one(db.conn())
            .await?;
    let locale: Locale = locale.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(locale.language())
}
