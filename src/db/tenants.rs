//! Tenants, their instances and what they offer, as their files declare them.
//!
//! A file is the whole truth about its tenant: what it no longer names goes. Bookings point at
//! services, staff and instances, so those are retired or renamed, never deleted; hours, closures
//! and absences are nobody's reference and are. Only rows that differ are touched, so that the
//! audit log shows changes and nothing else, and no lock is taken that a customer's booking would
//! have to wait for: keys and slugs are found by, never written to.

mod notifications;
mod rows;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::error::DatabaseError;
use sqlx::postgres::types::PgInterval;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::TenantTx;
use crate::domain::tenant_file::{Instance, TenantFile};

/// A tenant in one line.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TenantLine {
    pub slug: String,
    pub name: String,
    pub locale: String,
    pub timezone: String,
    /// The gateway's name of its number; several are joined by commas. None: no number.
    pub instance: Option<String>,
    /// `open`, `connecting`, `close` or `unknown`, for each instance.
    pub state: Option<String>,
}

/// Why no file was applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database cannot take what a file says.
    #[error("{field}: {reason}")]
    Refused {
        /// The place of the file among those given, from 0.
        file: usize,
        /// As the file writes it, such as `instance.name`.
        field: &'static str,
        /// What is wrong, and what to do about it.
        reason: String,
    },
    /// The database failed, whatever the files say.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Makes the tenant of `file`, or brings it to what the file says; gives its id. See [`apply_all`].
pub async fn apply(pool: &PgPool, clock: Clock, file: &TenantFile) -> anyhow::Result<Uuid> {
    let ids = apply_all(pool, clock, std::slice::from_ref(file)).await;
    let id = ids.map(|ids| ids[0]);
    id.with_context(|| {
        format!("tenant {} could not be applied; nothing of it was changed", file.slug)
    })
}

/// Makes the tenants of `files`, or brings them to what the files say; gives their ids, in the
/// order of the files, each of which has a slug of its own.
///
/// One transaction for all. Two at once for one tenant wait for each other. Applied again, a file
/// changes no row.
///
/// # Errors
///
/// That another tenant has a file's instance, that the server does not know its time zone, or that
/// the database failed. Nothing of any file is kept then.
pub async fn apply_all(
    pool: &PgPool,
    clock: Clock,
    files: &[TenantFile],
) -> Result<Vec<Uuid>, ApplyError> {
    match try_apply(pool, clock, files).await {
        // Somebody made this tenant since we looked for it: now it is found.
        Err(ApplyError::Failed(error)) if violated(&error) == Some("tenants_slug_is_unique") => {
            try_apply(pool, clock, files).await
        }
        outcome => outcome,
    }
}

/// Every tenant, by slug.
pub async fn list(pool: &PgPool, clock: Clock) -> anyhow::Result<Vec<TenantLine>> {
    let now = clock.now();
    let mut nobody = begin_as_nobody(pool, now).await?;
    let ids: Vec<Uuid> = sqlx::query_scalar("select app.tenant_ids()")
        .fetch_all(nobody.conn())
        .await
        .map_err(explained)?;
    nobody.rollback().await?;
    let mut lines = Vec::with_capacity(ids.len());
    for id in ids {
        let mut db = TenantTx::begin(pool, id, now).await?;
        let line = sqlx::query_as(
            "select t.slug, t.name, t.locale, t.timezone,
                    string_agg(i.name, ',' order by i.created_at, i.name) as instance,
                    string_agg(i.state, ',' order by i.created_at, i.name) as state
               from app.tenants t
               left join app.instances i on i.tenant_id = t.id
              group by t.id",
        )
        .fetch_optional(db.conn())
        .await?;
        db.rollback().await?;
        lines.extend(line);
    }
    Ok(lines)
}

async fn try_apply(
    pool: &PgPool,
    clock: Clock,
    files: &[TenantFile],
) -> Result<Vec<Uuid>, ApplyError> {
    let mut tx = begin_as_nobody(pool, clock.now()).await?;
    sqlx::query("select set_config('app.actor', 'command:tenant apply', true)")
        .execute(tx.conn())
        .await?;
    // Two at once lock the tenants in one order, whatever the order of their files.
    let mut by_slug: Vec<(usize, &TenantFile)> = files.iter().enumerate().collect();
    by_slug.sort_by_key(|(_, file)| &file.slug);
    let mut ids = vec![Uuid::nil(); files.len()];
    for (place, file) in by_slug {
        ids[place] = save(&mut tx, file).await.map_err(|failure| match failure {
            Failure::Refused { field, reason } => {
                ApplyError::Refused { file: place, field, reason }
            }
            Failure::Database(error) => {
                ApplyError::Failed(error.context(format!("tenant {}", file.slug)))
            }
        })?;
    }
    tx.commit().await?;
    Ok(ids)
}

/// Why one file was not saved.
enum Failure {
    Refused { field: &'static str, reason: String },
    Database(anyhow::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Saves all of one file, whoever's turn in the transaction it was before; gives the tenant's id.
async fn save(tx: &mut TenantTx, file: &TenantFile) -> Result<Uuid, Failure> {
    let found: Option<Uuid> = sqlx::query_scalar("select app.tenant_named($1)")
        .bind(&file.slug)
        .fetch_one(tx.conn())
        .await
        .map_err(|error| Failure::Database(explained(error)))?;
    let id = found.unwrap_or_else(Uuid::now_v7);
    tx.switch_tenant(id).await?;
    let db = tx.conn();
    refuse_unknown_zone(db, file).await?;
    // First, since it locks the tenant's row: another apply waits here.
    save_tenant(db, id, file).await?;
    notifications::save(db, id, &file.notifications).await?;
    save_instance(db, id, &file.instance).await?;
    rows::save_services(db, id, file).await?;
    rows::save_staff(db, id, file).await?;
    rows::save_staff_services(db, id, file).await?;
    rows::save_hours(db, id, file).await?;
    rows::save_closures(db, id, file).await?;
    rows::save_time_off(db, id, file).await?;
    Ok(id)
}

/// A transaction of no tenant: no tenant has the nil id. It sees what the functions that look
/// across tenants tell, and no row.
async fn begin_as_nobody(pool: &PgPool, now: DateTime<Utc>) -> anyhow::Result<TenantTx> {
    TenantTx::begin(pool, Uuid::nil(), now).await.map_err(explained)
}

/// Says what to do about a database without our schema: no role, no schema, no function, no table.
fn explained(error: sqlx::Error) -> anyhow::Error {
    match error.as_database_error().and_then(DatabaseError::code).as_deref() {
        Some(INVALID_PARAMETER_VALUE | "3F000" | "42883" | "42P01") => {
            anyhow!("the database has no schema yet; run `pontual migrate` first")
        }
        _ => error.into(),
    }
}

/// What the server says of a role or a zone that it does not have.
const INVALID_PARAMETER_VALUE: &str = "22023";

/// The server has zone data of its own, which may be older than ours: a zone it does not know would
/// fail in every later query of the tenant.
async fn refuse_unknown_zone(db: &mut PgConnection, file: &TenantFile) -> Result<(), Failure> {
    let zone = file.timezone.name();
    let local = sqlx::query("select app.now() at time zone $1").bind(zone).execute(db).await;
    local.map(drop).map_err(|error| match error.as_database_error().and_then(DatabaseError::code) {
        Some(code) if code == INVALID_PARAMETER_VALUE => Failure::Refused {
            field: "timezone",
            reason: format!(
                "the database server does not know {zone:?}; update its zone data (tzdata), or \
                 choose another zone"
            ),
        },
        _ => error.into(),
    })
}

async fn save_tenant(db: &mut PgConnection, id: Uuid, file: &TenantFile) -> sqlx::Result<()> {
    let rules = &file.rules;
    let reminders: Vec<PgInterval> = rules.reminders.iter().map(|&lead| interval(lead)).collect();
    sqlx::query(
        "insert into app.tenants as t (
           id, slug, name, locale, timezone, currency, address, phone, slot_interval, min_notice,
           horizon, hold, cancel_notice, reminders, quiet_from, quiet_until, formal, privacy,
           keep_messages)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
           $19)
         on conflict (id) do update
            set (name, locale, timezone, currency, address, phone, slot_interval, min_notice,
                 horizon, hold, cancel_notice, reminders, quiet_from, quiet_until, formal, privacy,
                 keep_messages)
              = (excluded.name, excluded.locale, excluded.timezone, excluded.currency,
                 excluded.address, excluded.phone, excluded.slot_interval, excluded.min_notice,
                 excluded.horizon, excluded.hold, excluded.cancel_notice, excluded.reminders,
                 excluded.quiet_from, excluded.quiet_until, excluded.formal, excluded.privacy,
                 excluded.keep_messages)
          where (t.name, t.locale, t.timezone, t.currency, t.address, t.phone, t.slot_interval,
                 t.min_notice, t.horizon, t.hold, t.cancel_notice, t.reminders, t.quiet_from,
                 t.quiet_until, t.formal, t.privacy, t.keep_messages)
             is distinct from
                (excluded.name, excluded.locale, excluded.timezone, excluded.currency,
                 excluded.address, excluded.phone, excluded.slot_interval, excluded.min_notice,
                 excluded.horizon, excluded.hold, excluded.cancel_notice, excluded.reminders,
                 excluded.quiet_from, excluded.quiet_until, excluded.formal, excluded.privacy,
                 excluded.keep_messages)",
    )
    .bind(id)
    .bind(&file.slug)
    .bind(&file.name)
    .bind(file.locale.to_string())
    .bind(file.timezone.name())
    .bind(&file.currency)
    .bind(&file.address)
    .bind(&file.phone)
    .bind(interval(rules.slot_interval))
    .bind(interval(rules.min_notice))
    .bind(interval(rules.horizon))
    .bind(interval(rules.hold))
    .bind(interval(rules.cancel_notice))
    .bind(reminders)
    .bind(file.quiet_hours.map(|quiet| quiet.from))
    .bind(file.quiet_hours.map(|quiet| quiet.until))
    .bind(file.formal)
    .bind(file.privacy)
    .bind(interval(file.keep_messages))
    .execute(db)
    .await?;
    Ok(())
}

/// A file has one instance. Under another name it is the same number: conversations stay with it,
/// only its connection is to be told anew.
async fn save_instance(
    db: &mut PgConnection,
    id: Uuid,
    instance: &Instance,
) -> Result<(), Failure> {
    let saved = match rename_instance(db, id, &instance.name).await {
        Ok(()) => save_named_instance(db, id, instance).await,
        failed => failed,
    };
    saved.map_err(|error| match error.as_database_error().and_then(DatabaseError::constraint) {
        Some("instances_name_is_unique") => Failure::Refused {
            field: "instance.name",
            reason: format!(
                "{:?} belongs to another tenant; give the instance a name of its own",
                instance.name
            ),
        },
        _ => error.into(),
    })
}

/// Apart from the rest, since an update that so much as mentions a unique column waits for every
/// message that is just coming in through the instance.
async fn rename_instance(db: &mut PgConnection, id: Uuid, name: &str) -> sqlx::Result<()> {
    let renamed = sqlx::query(
        "update app.instances set name = $2, state = 'unknown', state_at = null
          where id = (select id from app.instances
                       where tenant_id = $1 order by created_at, id limit 1)
            and not exists (select from app.instances where tenant_id = $1 and name = $2)",
    );
    renamed.bind(id).bind(name).execute(db).await.map(drop)
}

async fn save_named_instance(
    db: &mut PgConnection,
    id: Uuid,
    instance: &Instance,
) -> sqlx::Result<()> {
    sqlx::query(
        "with changed as (
           update app.instances
              set (api_key_env, send_gap, typing) = row ($3, $4, $5)
            where tenant_id = $1 and name = $2
              and (api_key_env, send_gap, typing) is distinct from ($3, $4, $5))
         insert into app.instances (tenant_id, name, api_key_env, send_gap, typing)
         select $1, $2, $3, $4, $5
          where not exists (select from app.instances where tenant_id = $1)",
    )
    .bind(id)
    .bind(&instance.name)
    .bind(&instance.api_key_env)
    .bind(interval(instance.send_gap))
    .bind(instance.typing)
    .execute(db)
    .await?;
    Ok(())
}

/// A length as Postgres keeps it, in microseconds. Some whole days are told as days, so that people
/// read `60 days` and not `1440:00:00`; to Postgres the two are equal.
fn interval(length: TimeDelta) -> PgInterval {
    match i32::try_from(length.num_days()) {
        Ok(days) if days > 1 && length == TimeDelta::days(days.into()) => {
            PgInterval { months: 0, days, microseconds: 0 }
        }
        _ => PgInterval {
            months: 0,
            days: 0,
            // A file's lengths are a few years at most.
            microseconds: length.num_microseconds().unwrap_or(i64::MAX),
        },
    }
}

/// The constraint that an error is about.
fn violated(error: &anyhow::Error) -> Option<&str> {
    error.downcast_ref::<sqlx::Error>()?.as_database_error()?.constraint()
}
