//! The schema as a whole: guarded, described, and made twice without a change.

use std::fs;
use std::path::Path;

use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::support::database::TestDb;

/// Rows of a check, as text.
async fn rows_of(pool: &PgPool, check: &str) -> Vec<String> {
    let rows = sqlx::query(AssertSqlSafe(format!("select row_to_json(x)::text from ({check}) x")))
        .fetch_all(pool)
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn checks() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/checks");
    let mut checks = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                text.trim_end().trim_end_matches(';').to_owned(),
            )
        })
        .collect::<Vec<_>>();
    checks.sort();
    checks
}

#[tokio::test]
async fn every_check_of_the_schema_returns_no_row() {
    let db = TestDb::new().await;
    let checks = checks();
    assert!(checks.len() >= 5, "{checks:?}");
    for (name, check) in checks {
        assert_eq!(rows_of(&db.owner, &check).await, Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn a_table_added_without_its_guard_is_found() {
    let db = TestDb::new().await;
    sqlx::raw_sql("create table app.forgotten (id uuid, tenant_id uuid not null)")
        .execute(&db.owner)
        .await
        .unwrap();
    let (_, check) =
        checks().into_iter().find(|(name, _)| name == "tables_are_guarded.sql").unwrap();
    let found = rows_of(&db.owner, &check).await;
    assert!(found.len() == 1 && found[0].contains("app.forgotten"), "{found:?}");

    // What migrate does anyway puts it right: policies find the table by themselves.
    sqlx::raw_sql("delete from queue.schema_fingerprint").execute(&db.owner).await.unwrap();
    pontual::db::migrate(&db.owner).await.unwrap();
    assert_eq!(rows_of(&db.owner, &check).await, Vec::<String>::new());
}

#[tokio::test]
async fn migrating_twice_and_at_once_changes_nothing() {
    let db = TestDb::new().await;
    let made = "select fingerprint || made_at from queue.schema_fingerprint";
    let before: String = sqlx::query_scalar(made).fetch_one(&db.owner).await.unwrap();
    let (one, two) = tokio::join!(pontual::db::migrate(&db.owner), pontual::db::migrate(&db.owner));
    one.unwrap();
    two.unwrap();
    let after: String = sqlx::query_scalar(made).fetch_one(&db.owner).await.unwrap();
    assert_eq!(before, after);
    assert!(after.starts_with(&pontual::db::schema_fingerprint()));
}

#[tokio::test]
async fn a_login_that_sees_past_row_level_security_is_refused_with_what_to_do() {
    let db = TestDb::new().await;
    let refused = pontual::db::refuse_unsafe_role(&db.owner).await.unwrap_err().to_string();
    assert!(refused.contains("is a superuser") && refused.contains("create role"), "{refused}");
    pontual::db::refuse_unsafe_role(&db.app).await.unwrap();
}

#[tokio::test]
async fn whatever_a_login_reaches_by_its_roles_counts_as_its_own() {
    let db = TestDb::new().await;
    // Roles are the server's: these are this test's own, and go with its end.
    let name = format!("pontual_t_{}", uuid::Uuid::new_v4().simple());
    for (make, why, mend) in [
        (
            "create role {r} login; create role {r}_dba superuser; grant {r}_dba, pontual_app to {r}",
            "is a member of {r}_dba, which is a superuser",
            "revoke {r}_dba from {r}",
        ),
        (
            "create role {r} login in role pontual_app; grant pontual_definer to {r}",
            "is a member of pontual_definer, which sees every tenant",
            "revoke pontual_definer from {r}",
        ),
        (
            "create role {r} login in role pontual_app, pontual_ops",
            "is a member of pontual_ops, which sees every tenant",
            "revoke pontual_ops from {r}",
        ),
        (
            "create role {r} login bypassrls in role pontual_app",
            "bypasses row-level security",
            "create role",
        ),
        ("create role {r} login", "is no member of pontual_app", "grant pontual_app to {r}"),
        (
            "create role {r} login in role pontual_app; alter table app.time_off owner to {r}",
            "owns the tables",
            "create role",
        ),
    ] {
        let told = |text: &str| text.replace("{r}", &name);
        sqlx::raw_sql(AssertSqlSafe(told(make))).execute(&db.owner).await.unwrap();
        let options: sqlx::postgres::PgConnectOptions = db.url_owner().parse().unwrap();
        let pool = PgPool::connect_lazy_with(options.username(&name));
        let refused = pontual::db::refuse_unsafe_role(&pool).await.unwrap_err().to_string();
        pool.close().await;
        let clear = "alter table app.time_off owner to current_user; drop owned by {r}; drop role {r}; drop role if exists {r}_dba";
        sqlx::raw_sql(AssertSqlSafe(told(clear))).execute(&db.owner).await.unwrap();
        assert!(refused.contains(&told(why)) && refused.contains(&told(mend)), "{make}: {refused}");
    }
}

#[tokio::test]
async fn a_column_that_could_hold_a_person_and_is_in_no_list_is_found() {
    let db = TestDb::new().await;
    let (_, check) =
        checks().into_iter().find(|(name, _)| name == "personal_columns_are_known.sql").unwrap();
    sqlx::raw_sql(
        "alter table app.customers add column nickname text, add column visits integer;
         alter table app.bookings add column wishes jsonb, add column words text[]",
    )
    .execute(&db.owner)
    .await
    .unwrap();
    let found = rows_of(&db.owner, &check).await.join(" ");
    for column in ["nickname", "wishes", "words"] {
        assert!(found.contains(column), "{column}: {found}");
    }
    assert!(!found.contains("visits"), "{found}");
}
