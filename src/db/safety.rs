//! The runtime must not be able to see past row-level security.

use sqlx::PgPool;

/// Why a login may not run the program, and how to mend it.
#[derive(Debug, thiserror::Error)]
#[error("the database login {login:?} {why}, so tenants would not be kept apart; {mend}")]
pub struct UnsafeRole {
    login: String,
    /// `is a superuser`, and the like.
    why: String,
    mend: String,
}

/// Refuses a login that could see past row-level security, be it by itself, by a role that it is a
/// member of, or because the role `pontual_app`, as which every transaction runs, could.
///
/// # Errors
///
/// [`UnsafeRole`], or that the database could not be asked, or that it is not migrated.
pub async fn refuse_unsafe_role(pool: &PgPool) -> anyhow::Result<()> {
    let migrated: bool = sqlx::query_scalar(
        "select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                         where n.nspname = 'app' and c.relname = 'tenants')
            and exists (select from pg_catalog.pg_roles where rolname = 'pontual_app')",
    )
    .fetch_one(crate::db::alone(pool))
    .await?;
    if !migrated {
        anyhow::bail!("the database has no schema yet; run `pontual migrate` first");
    }
    // The login's own faults first: they are the likelier ones, and what it reaches comes with them.
    let fault: Option<(String, String, String)> = sqlx::query_as(
        "select a.rolname::text, g.rolname::text, f.why
           from pg_catalog.pg_roles a
           join pg_catalog.pg_roles g on g.oid = a.oid or pg_catalog.pg_has_role(a.oid, g.oid, 'member')
           cross join lateral (values
             (1, g.rolsuper, 'is a superuser'),
             (2, g.rolbypassrls, 'bypasses row-level security'),
             (4, exists (
                select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                 where n.nspname in ('app', 'queue', 'audit') and c.relkind in ('r', 'p') and c.relowner = g.oid),
              'owns the tables'),
             (3, g.rolname in ('pontual_definer', 'pontual_ops'), 'sees every tenant'),
             (5, a.rolname = current_user and g.oid = a.oid
                 and not pg_catalog.pg_has_role(a.oid, 'pontual_app', 'member'), 'is no member of pontual_app')
           ) as f (severity, holds, why)
          where a.rolname in (current_user, 'pontual_app') and f.holds
          order by a.rolname = current_user desc, g.oid = a.oid desc, f.severity, g.rolname
          limit 1",
    )
    .fetch_optional(crate::db::alone(pool))
    .await?;
    let Some((login, reached, why)) = fault else { return Ok(()) };
    Err(UnsafeRole::of(login, &reached, &why).into())
}

impl UnsafeRole {
    fn of(login: String, reached: &str, why: &str) -> Self {
        let of_runtime = login == "pontual_app";
        let mend = if reached != login {
            format!("take it out of that role:\n  revoke {reached} from {login};")
        } else if of_runtime && why != "owns the tables" {
            "take that right from it, for all runtime logins are its members:\n  \
             alter role pontual_app nosuperuser nobypassrls;"
                .to_owned()
        } else if why == "is no member of pontual_app" {
            format!("make it one:\n  grant pontual_app to {login};")
        } else {
            "make a login that is only a member of pontual_app:\n  \
             create role pontual_runtime login password '…' in role pontual_app;\n\
             and use it in DATABASE_URL (the owner belongs in MIGRATION_DATABASE_URL)"
                .to_owned()
        };
        let why = if reached == login {
            why.to_owned()
        } else {
            format!("is a member of {reached}, which {why}")
        };
        Self { login, why, mend }
    }
}
