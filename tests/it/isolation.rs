//! P8: no tenant sees or touches another's rows, and with no tenant set nothing is visible.

mod crossing;
mod functions;
mod routes;

use serde_json::json;
use sqlx::Row as _;

use crate::support::stack::Stack;

const MARINA: &str = "+5511988887777";

/// A row in each table that a talk leaves empty.
const REST: &str = "
    create temp table t as select id from app.tenants where slug = 'studio-lua';
    insert into app.api_keys (tenant_id, name, secret_hash) select id, 'till', sha256('k') from t;
    insert into app.idempotent_requests (tenant_id, key, request_hash) select id, 'k', sha256('k') from t;
    insert into app.message_templates (tenant_id, key, language, body) select id, 'greeting', 'pt', 'Oi!' from t;
    insert into app.closures (tenant_id, day) select id, '2026-12-25' from t on conflict do nothing;
    insert into app.time_off (tenant_id, staff_id, during)
    select t.id, f.id, '[2026-12-26, 2026-12-27)' from t join app.staff f on f.tenant_id = t.id;
    insert into app.conversation_timers (tenant_id, conversation_id, timer, due_at)
    select c.tenant_id, c.id, 'pause_over', app.now() + interval '1 day' from app.conversations c join t on t.id = c.tenant_id
    on conflict do nothing;
    insert into app.emptied_until (tenant_id, until) select id, '2020-01-01' from t on conflict do nothing;
    insert into app.conversation_events (tenant_id, conversation_id, event, actor)
    select c.tenant_id, c.id, 'staff_notified', 'test' from app.conversations c join t on t.id = c.tenant_id;
    insert into app.feature_flags (tenant_id, flag, enabled) select id, 'llm', true from t;
    insert into app.replans (tenant_id) select id from t on conflict do nothing;
    insert into app.model_usage (tenant_id, day) select id, '2026-03-10' from t on conflict do nothing;
    insert into app.model_answers (tenant_id, question_hash, answer) select id, sha256('q'), 'null' from t on conflict do nothing;
    insert into app.link_keys (tenant_id) select id from t on conflict do nothing;
    insert into app.channel_opt_outs (tenant_id, customer_id, channel)
    select c.tenant_id, c.id, 'sms' from app.customers c join t on t.id = c.tenant_id;
    insert into app.customer_addresses (tenant_id, customer_id, kind, value)
    select c.tenant_id, c.id, 'jid', '5511@s.whatsapp.net' from app.customers c join t on t.id = c.tenant_id;
    create temp table i as select i.tenant_id, i.id as instance_id from app.instances i join t on t.id = i.tenant_id;
    insert into app.senders (tenant_id, instance_id) select * from i on conflict do nothing;
    insert into app.instance_health (tenant_id, instance_id) select * from i on conflict do nothing;
    insert into app.alarms (tenant_id, instance_id, alarm, since) select *, 'silent', app.now() from i;
    insert into app.early_statuses (tenant_id, instance_id, provider_id, status, at) select *, 'A1', 'read', app.now() from i";

#[tokio::test]
async fn p8_no_tenant_sees_or_touches_anothers_rows_and_without_a_tenant_nothing_is_there() {
    let mut stack = Stack::new().await;
    stack.work();
    for text in ["Oi", "1", "1", "1"] {
        stack.say("studio-lua", MARINA, text).await;
    }
    stack.settle().await;
    stack.stop_working().await;
    sqlx::raw_sql(REST).execute(&stack.db.owner).await.unwrap();
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select c.relname::text, case when c.relname = 'tenants' then 'id' else 'tenant_id' end
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'app' and c.relkind in ('r', 'p')
            and (c.relname = 'tenants' or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'))",
    ).fetch_all(&stack.db.owner).await.unwrap();
    assert!(tables.len() >= 15, "{tables:?}");
    let other = stack.tenant("luna-salon").await;
    let filled = stack.tenant("studio-lua").await;
    let mut empty = Vec::new();
    for (table, key) in &tables {
        let count = |pool: sqlx::PgPool, tenant: Option<uuid::Uuid>, sql: String| async move {
            let mut tx = pool.begin().await.unwrap();
            if let Some(tenant) = tenant {
                sqlx::query("select set_config('app.tenant_id', $1, true)")
                    .bind(tenant.to_string())
                    .execute(&mut *tx)
                    .await
                    .unwrap();
            }
            let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *tx).await.unwrap();
            tx.rollback().await.unwrap();
            row.get::<i64, _>(0)
        };
        let all = format!("select count(*) from app.{table}");
        let theirs = format!("select count(*) from app.{table} where {key} = '{filled}'");
        assert_eq!(
            count(stack.db.app.clone(), None, all.clone()).await,
            0,
            "{table} without a tenant"
        );
        assert_eq!(
            count(stack.db.app.clone(), Some(other), theirs).await,
            0,
            "{table} of another tenant"
        );
        // Rows of nobody are the defaults of flags, which are looked at below.
        let known = format!("{all} where {key} is not null");
        let own = count(stack.db.app.clone(), Some(filled), known).await;
        let truth = count(
            stack.db.owner.clone(),
            None,
            format!("select count(*) from app.{table} where {key} = '{filled}'"),
        )
        .await;
        assert_eq!(own, truth, "{table}: a tenant sees its own");
        if truth == 0 {
            empty.push(table);
        }

        // Neither changes nor new rows under another's name.
        let mut tx = stack.db.app.begin().await.unwrap();
        sqlx::query("select set_config('app.tenant_id', $1, true)")
            .bind(other.to_string())
            .execute(&mut *tx)
            .await
            .unwrap();
        let touched = sqlx::query(sqlx::AssertSqlSafe(format!(
            "update app.{table} set {key} = {key} where {key} = '{filled}'"
        )))
        .execute(&mut *tx)
        .await;
        assert!(touched.map_or(true, |done| done.rows_affected() == 0), "{table}");
    }
    assert!(empty.is_empty(), "the test looked at no row of {empty:?}");
    let forged =
        sqlx::query("insert into app.customers (tenant_id, phone) values ($1, '+5511911112222')")
            .bind(filled)
            .execute(&stack.db.app)
            .await
            .unwrap_err();
    assert!(forged.to_string().contains("row-level security"), "{forged}");
}

#[tokio::test]
async fn p8_defaults_of_flags_are_seen_by_each_tenant_and_changed_by_none() {
    let stack = Stack::new().await;
    let tenant = stack.tenant("salon-luna").await;
    let truth: Vec<String> = sqlx::query_scalar(
        "select flag from app.feature_flags where tenant_id is null order by flag",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert!(!truth.is_empty());
    let mut tx = stack.db.app.begin().await.unwrap();
    sqlx::query("select set_config('app.tenant_id', $1, true)")
        .bind(tenant.to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    let seen: Vec<String> = sqlx::query_scalar(
        "select flag from app.feature_flags where tenant_id is null order by flag",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    assert_eq!(seen, truth);
    let changed =
        sqlx::query("update app.feature_flags set enabled = not enabled where tenant_id is null")
            .execute(&mut *tx)
            .await
            .unwrap();
    assert_eq!(changed.rows_affected(), 0);
    for statement in [
        "insert into app.feature_flags (tenant_id, flag, enabled) values (null, 'mine', true)",
        "delete from app.feature_flags where tenant_id is null",
    ] {
        sqlx::query("savepoint before").execute(&mut *tx).await.unwrap();
        let refused = sqlx::query(statement).execute(&mut *tx).await;
        assert!(refused.map_or(true, |done| done.rows_affected() == 0), "{statement}");
        sqlx::query("rollback to savepoint before").execute(&mut *tx).await.unwrap();
    }
}

#[tokio::test]
async fn p8_a_token_of_postgrest_sees_its_tenant_alone() {
    let stack = Stack::new().await;
    let tenant = stack.tenant("salon-luna").await;
    let mut tx = stack.db.app.begin().await.unwrap();
    sqlx::query("select set_config('request.jwt.claims', $1, true)")
        .bind(json!({"tenant_id": tenant}).to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    let slugs: Vec<String> =
        sqlx::query_scalar("select slug from app.tenants").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(slugs, ["salon-luna"]);
}

#[tokio::test]
async fn p8_a_token_of_a_tenant_calls_nothing_that_reaches_across_tenants() {
    let stack = Stack::new().await;
    let tenant = stack.tenant("salon-luna").await;
    for call in [
        "select queue.forget_old_requests('0')",
        "select queue.forget_old_knowledge('0')",
        "select queue.promote_timers()",
        "select app.receive_unrouted(app.now(), 'studio-lua', 'x', '{}')",
        "select app.receive_message(app.now(), 'studio-lua', 'A1', '+5511988887777', null, null, 'text', '{}', app.now())",
        "select app.receive_own(app.now(), 'studio-lua', 'A1', '+5511988887777', null, 'x', app.now())",
        "select app.receive_edit(app.now(), 'studio-lua', 'A1', 'x')",
        "select app.receive_status(app.now(), 'studio-lua', 'A1', 'read')",
        "select app.receive_state(app.now(), 'studio-lua', 'close')",
    ] {
        let mut tx = stack.db.app.begin().await.unwrap();
        sqlx::query("select set_config('request.jwt.claims', $1, true)")
            .bind(json!({"tenant_id": tenant}).to_string())
            .execute(&mut *tx)
            .await
            .unwrap();
        let error = sqlx::query(call).execute(&mut *tx).await.unwrap_err();
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .unwrap_or_default();
        assert_eq!(code, "42501", "{call}: {error}");
    }
}
