//! What `pontual doctor` asks of a database: facts, of which the command says what they mean.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

/// Checks of the schema that have to hold on every server, as `sql/checks` has them: each returns
/// what is wrong, and no row where nothing is.
const SAFETY: &[(&str, &str)] = &[
    ("row-level security", include_str!("../../sql/checks/tables_are_guarded.sql")),
    ("row-level security", include_str!("../../sql/checks/jobs_are_hidden_from_tokens.sql")),
    ("functions", include_str!("../../sql/checks/definers_are_pinned.sql")),
    ("audit", include_str!("../../sql/checks/tables_are_audited.sql")),
    ("audit", include_str!("../../sql/checks/audit_log_is_kept.sql")),
];

/// The server, its database and who we are to it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Server {
    pub version: String,
    /// Such as 150014.
    pub version_num: i32,
    pub in_recovery: bool,
    pub clock: DateTime<Utc>,
    pub extensions: Vec<String>,
    pub bytes: i64,
    pub connections: i64,
    pub max_connections: i32,
    /// Age of the oldest transaction id, in transactions.
    pub xid_age: i64,
    pub login: String,
    /// Where its files are, if we may know and it is on this machine.
    pub data_directory: Option<String>,
}

pub async fn server(db: &mut PgConnection) -> sqlx::Result<Server> {
    sqlx::query_as(
        "select current_setting('server_version') as version,
                current_setting('server_version_num')::integer as version_num,
                pg_is_in_recovery() as in_recovery, clock_timestamp() as clock,
                array(select extname::text from pg_extension) as extensions,
                pg_database_size(current_database()) as bytes,
                (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
                current_setting('max_connections')::integer as max_connections,
                (select age(datfrozenxid)::bigint from pg_database where datname = current_database()) as xid_age,
                current_user::text as login,
                case when (inet_server_addr() is null or inet_server_addr() = inet_client_addr())
                      and (pg_has_role(current_user, 'pg_read_all_settings', 'member'))
                     then current_setting('data_directory', true) end as data_directory",
    )
    .fetch_one(db)
    .await
}

/// The schema that the last migrate made; none: there is none.
pub async fn fingerprint(db: &mut PgConnection) -> sqlx::Result<Option<String>> {
    let is_there: bool =
        sqlx::query_scalar("select to_regclass('queue.schema_fingerprint') is not null")
            .fetch_one(&mut *db)
            .await?;
    if !is_there {
        return Ok(None);
    }
    sqlx::query_scalar("select fingerprint from queue.schema_fingerprint").fetch_optional(db).await
}

/// Whether this login may read `ops`; the runtime's may not.
pub async fn may_operate(db: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select coalesce(has_schema_privilege(n.oid, 'usage'), false)
           from pg_namespace n where n.nspname = 'ops'",
    )
    .fetch_optional(db)
    .await
    .map(|may| may.unwrap_or(false))
}

/// What is wrong with our three roles, in words; empty: nothing.
pub async fn unsafe_roles(db: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select wanted || ' is missing' from unnest(array['pontual_app', 'pontual_ops', 'pontual_definer']) wanted
          where not exists (select from pg_roles r where r.rolname = wanted)
         union all
         select r.rolname || case when r.rolsuper then ' is a superuser' else ' bypasses row-level security' end
           from pg_roles r
          where r.rolname in ('pontual_app', 'pontual_ops', 'pontual_definer') and (r.rolsuper or r.rolbypassrls)
         union all
         select 'pontual_definer can log in' from pg_roles r where r.rolname = 'pontual_definer' and r.rolcanlogin
         union all
         select m.rolname || ' is a member of both pontual_app and pontual_definer'
           from pg_roles m
          where m.rolcanlogin and not m.rolsuper
            and exists (select from pg_roles d where d.rolname = 'pontual_definer' and pg_has_role(m.oid, d.oid, 'member'))
            and exists (select from pg_roles a where a.rolname = 'pontual_app' and pg_has_role(m.oid, a.oid, 'member'))
            -- Who migrates has to be a member of both.
            and not exists (
              select from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname = 'app' and c.relname = 'tenants' and pg_has_role(m.oid, c.relowner, 'member'))
         union all
         select 'pontual_app owns ' || c.oid::regclass
           from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname = 'pontual_app' and c.relkind in ('r', 'p')",
    )
    .fetch_all(db)
    .await
}

/// What the schema's checks find, as (what it is about, finding).
pub async fn unsafe_schema(db: &mut PgConnection) -> sqlx::Result<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    for (about, check) in SAFETY {
        let check = check.trim_end().trim_end_matches(';');
        let text = format!(
            "select translate(row_to_json(x)::text, '{{}}\"', '') from ({check}) x limit 20"
        );
        for row in sqlx::query(AssertSqlSafe(text)).fetch_all(&mut *db).await? {
            found.push((*about, row.get(0)));
        }
    }
    Ok(found)
}

/// What the audit log lacks.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AuditMonths {
    pub parts: i64,
    /// Whether there is a part for a month from now.
    pub next_is_there: bool,
    /// Rows that belong to no month that is there.
    pub strays: i64,
}

pub async fn audit_months(db: &mut PgConnection) -> sqlx::Result<AuditMonths> {
    sqlx::query_as(
        "select count(*) as parts,
                coalesce(bool_or(starts_at <= app.now() + interval '1 month' and ends_at > app.now() + interval '1 month'), false) as next_is_there,
                app.audit_strays() as strays
           from app.audit_months()",
    )
    .fetch_one(db)
    .await
}

/// A kind of jobs. Times are seconds.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Kind {
    pub kind: String,
    pub is_paused: bool,
    /// Workers that showed themselves lately.
    pub alive: i64,
    /// Due and not taken.
    pub due: i64,
    /// For how long the oldest of those has been due.
    pub oldest_due: f64,
    pub dead: i64,
}

/// Every kind of jobs, as somebody who may read `ops`.
pub async fn kinds(db: &mut PgConnection) -> sqlx::Result<Vec<Kind>> {
    sqlx::query_as(
        "select h.kind, h.paused_at is not null as is_paused,
                (select count(*) from ops.workers w where w.kind = h.kind and w.alive) as alive,
                h.waiting as due, coalesce(extract(epoch from h.oldest_waits), 0)::float8 as oldest_due, h.dead
           from ops.queue_health h order by h.kind",
    )
    .fetch_all(db)
    .await
}

/// The oldest message that waits to be sent, and how many do.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Unsent {
    pub messages: i64,
    /// Seconds.
    pub oldest: f64,
    /// Why the oldest waits.
    pub why: Option<String>,
}

pub async fn unsent(db: &mut PgConnection) -> sqlx::Result<Unsent> {
    sqlx::query_as(
        "select count(*) as messages, coalesce(extract(epoch from max(waits)), 0)::float8 as oldest,
                (array_agg(why order by created_at))[1] as why
           from ops.unsent_messages",
    )
    .fetch_one(db)
    .await
}

/// An instance of a tenant as we know it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Instance {
    pub name: String,
    pub api_key_env: Option<String>,
    pub state: String,
}

/// At most so many of them, as somebody who may read every tenant.
pub async fn instances(db: &mut PgConnection, most: i64) -> sqlx::Result<Vec<Instance>> {
    sqlx::query_as("select name, api_key_env, state from app.instances order by name limit $1")
        .bind(most)
        .fetch_all(db)
        .await
}
