//! Tenant B has rows of every kind with words that nobody else has; tenant A tries to get at them.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::{MARINA, REST};
use crate::support::stack::Stack;

/// Who tries, and whose rows they are.
pub(super) const A: &str = "luna-salon";
pub(super) const B: &str = "studio-lua";

/// What B's rows say and A's must never show. Ids are no secret: they open nothing.
pub(super) const MARKS: [&str; 9] = [
    "5511988887777",
    "Marina",
    "xibolete",
    "Studio Lua",
    "Rua das Flores",
    "Coloração",
    "corte de cabelo",
    "quixotesco",
    "MARK1",
];

/// B's ids by the table they are of, one each.
pub(super) type Ids = BTreeMap<String, Uuid>;

/// B after a talk, a booking, an API request, and all else that leaves rows.
pub(super) async fn stage() -> Stack {
    let mut stack = Stack::new().await;
    stack.work();
    for text in ["xibolete", "corte quinta às 15h", "1", "quero falar com uma pessoa xibolete"] {
        stack.say(B, MARINA, text).await;
    }
    stack.settle().await;
    stack.stop_working().await;
    sqlx::raw_sql(REST).execute(&stack.db.owner).await.unwrap();
    sqlx::raw_sql(
        "begin;
         -- A code that is known here; no booking changes its own.
         set local session_replication_role = replica;
         update app.bookings set override_reason = 'quixotesco', code = 'MARK1';
         commit;
         update app.message_templates set body = 'quixotesco';
         update app.idempotent_requests set status = 200, response = '{\"note\": \"quixotesco\"}'",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    // One that is open, so that there is something to claim, to fail and to send.
    sqlx::raw_sql(
        "insert into app.outbound_messages (tenant_id, conversation_id, body) select tenant_id, id, 'quixotesco' from app.conversations;
         insert into app.inbound_messages (tenant_id, instance_id, conversation_id, provider_id, kind, body, sent_at)
         select tenant_id, instance_id, id, 'OPEN1', 'text', '{\"text\": \"quixotesco\"}', app.now() from app.conversations",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    stack
}

/// One id of each of B's tables.
pub(super) async fn ids(stack: &Stack) -> Ids {
    let tenant = stack.tenant(B).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attname = 'id' and a.atttypid = 'uuid'::regtype
           join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id'
          where n.nspname = 'app' and c.relkind in ('r', 'p')",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    let mut ids = Ids::from([("tenants".to_owned(), tenant)]);
    for table in tables {
        let sql = format!("select id from app.{table} where tenant_id = $1 order by id limit 1");
        let id = sqlx::query_scalar(AssertSqlSafe(sql)).bind(tenant);
        if let Some(id) = id.fetch_optional(&stack.db.owner).await.unwrap() {
            ids.insert(table, id);
        }
    }
    ids
}

/// A sum over all of B's rows, table by table, jobs included.
pub(super) async fn sums(conn: &mut PgConnection, tenant: Uuid) -> BTreeMap<String, String> {
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select c.oid::regclass::text, case when c.oid = 'app.tenants'::regclass then 'id' else 'tenant_id' end
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'app' and c.relkind in ('r', 'p')
            and (c.oid = 'app.tenants'::regclass
                 or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'))",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    let mut sums = BTreeMap::new();
    for (table, key) in tables {
        let sql = format!(
            "select coalesce(md5(string_agg(r::text, ',' order by r::text)), '') from {table} r where r.{key} = $1"
        );
        let sum = sqlx::query_scalar(AssertSqlSafe(sql)).bind(tenant);
        sums.insert(table, sum.fetch_one(&mut *conn).await.unwrap());
    }
    let jobs: String = sqlx::query_scalar(
        "select coalesce(md5(string_agg(j::text, ',' order by j.id)), '') from apalis.jobs j
          where convert_from(j.job, 'UTF8')::jsonb ->> 'tenant_id' = $1::text",
    )
    .bind(tenant)
    .fetch_one(conn)
    .await
    .unwrap();
    sums.insert("apalis.jobs".to_owned(), jobs);
    sums
}

/// What changed between two sums.
pub(super) fn changed(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<String> {
    before
        .iter()
        .filter(|(table, sum)| after.get(*table) != Some(sum))
        .map(|(table, _)| table.clone())
        .collect()
}

/// Marks in what came out that were not in what went in.
pub(super) fn leaked(out: &str, went_in: &str) -> Vec<&'static str> {
    MARKS.into_iter().filter(|mark| out.contains(mark) && !went_in.contains(mark)).collect()
}

/// From here on the transaction is one of a client that came with a tenant's token, as `PostgREST`
/// begins it.
pub(super) async fn come_with_a_token(conn: &mut PgConnection, tenant: Uuid) {
    sqlx::query("select set_config('role', 'pontual_app', true), set_config('request.jwt.claims', $1, true)")
        .bind(json!({"tenant_id": tenant, "role": "pontual_app"}).to_string())
        .execute(conn)
        .await
        .unwrap();
}
