//! The runtime must not be able to see past row-level security.

use sqlx::PgPool;

/// Why a login may not run the program, and how to mend it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database login {login:?} {why}, so tenants would not be kept apart; make a login that is only a member of pontual_app:\n  \
     create role pontual_runtime login password '…' in role pontual_app;\n\
     and use it in DATABASE_URL (the owner belongs in MIGRATION_DATABASE_URL)"
)]
pub struct UnsafeRole {
    login: String,
    why: &'static str,
}

/// Refuses a login that is superuser, bypasses row-level security or owns our tables.
///
/// # Errors
///
/// [`UnsafeRole`], or that the database could not be asked, or that it is not migrated.
pub async fn refuse_unsafe_role(pool: &PgPool) -> anyhow::Result<()> {
    let row: Option<(String, bool, bool, bool, bool)> = sqlx::query_as(
        "select r.rolname::text, r.rolsuper, r.rolbypassrls,
                exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                         where n.nspname in ('app', 'queue') and c.relkind = 'r'
                           and pg_has_role(current_user, c.relowner, 'member')),
                coalesce((select pg_has_role(current_user, m.oid, 'member')
                            from pg_roles m where m.rolname = 'pontual_app'), false)
           from pg_roles r
          where r.rolname = current_user and exists (
                select from pg_class t join pg_namespace a on a.oid = t.relnamespace
                 where a.nspname = 'app' and t.relname = 'tenants')",
    )
    .fetch_optional(pool)
    .await?;
    let Some((login, superuser, bypasses, owns, member)) = row else {
        anyhow::bail!("the database has no schema yet; run `pontual migrate` first");
    };
    let why = match (superuser, bypasses, owns, member) {
        (true, ..) => "is a superuser",
        (_, true, ..) => "bypasses row-level security",
        (_, _, true, _) => "owns the tables",
        (.., false) => "is no member of pontual_app",
        _ => return Ok(()),
    };
    Err(UnsafeRole { login, why }.into())
}
