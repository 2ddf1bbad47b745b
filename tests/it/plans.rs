//! What the database does for the queries that run all day, as the runtime role under row-level
//! security, with a history behind them: each walks an index by its key, and none reads the table.
//!
//! The queries are the functions' own texts, planned as the functions plan them: without the values.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use crate::support::stack::Stack;

/// A few years of three tenants in one statement: 12,000 bookings each, 500 of them ahead, and 5,000
/// messages each way. Triggers are off, so that it takes a second and nobody is told.
const HISTORY: &str = "
    set session_replication_role = replica;
    insert into app.customers (tenant_id, phone)
    select t.id, '+5511' || (100000000 + n) from app.tenants t, generate_series(1, 500) n;
    insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane,
                              status, visit_id, code, confirmed_at)
    select t.id, c.ids[1 + n % 500], s.id, f.ids[1 + n % cardinality(f.ids)], l.at, l.at + '45 minutes',
           tstzrange(l.at, l.at + '45 minutes'), 1,
           case when n > 11500 then 'confirmed' when n % 7 = 0 then 'cancelled' else 'completed' end,
           gen_random_uuid(), 'H' || n, l.at
      from app.tenants t
      cross join generate_series(1, 12000) n
      cross join lateral (select app.now() + (n - 11500) * interval '45 minutes' as at) l
      join lateral (select array_agg(id) as ids from app.customers x where x.tenant_id = t.id) c on true
      join lateral (select id from app.services x where x.tenant_id = t.id order by position limit 1) s on true
      join lateral (select array_agg(id) as ids from app.staff x where x.tenant_id = t.id) f on true;
    insert into app.outbound_messages (tenant_id, conversation_id, instance_id, body, status, provider_id, attempts, due_at)
    select i.tenant_id, md5(i.id::text || n % 200)::uuid, i.id, 'Oi', 'read', 'H' || n, 1, app.now()
      from app.instances i, generate_series(1, 5000) n;
    insert into app.inbound_messages (tenant_id, instance_id, conversation_id, provider_id, kind, body, sent_at, received_at, processed_at)
    select i.tenant_id, i.id, md5(i.id::text || n % 200)::uuid, 'H' || n, 'text', '{}', app.now(), app.now(), app.now()
      from app.instances i, generate_series(1, 5000) n;
    reset session_replication_role;
    analyze";

/// The statement of a function, in SQL or all that one in PL/pgSQL returns, with its parameters
/// numbered: those of `names`, in order. A parameter that is a row is named by its fields, such as
/// `b.staff_id`.
pub(crate) async fn text_of(db: &mut PgConnection, function: &str, names: &[&str]) -> String {
    let text: String = sqlx::query_scalar(
        "select prosrc from pg_proc p join pg_namespace n on n.oid = pronamespace
          where nspname = 'app' and proname = $1",
    )
    .bind(function)
    .fetch_one(db)
    .await
    .unwrap();
    let only = |text: &str| {
        let body = text.trim().strip_prefix("begin")?.strip_suffix("end")?.trim();
        let body = body.strip_suffix(';')?;
        let returned = body.strip_prefix("return (").and_then(|it| it.strip_suffix(')'));
        Some(returned.or(body.strip_prefix("return query")).unwrap_or(body).to_owned())
    };
    let text = only(&text).unwrap_or(text);
    let code = text.lines().map(|line| line.split("--").next().unwrap()).collect::<Vec<_>>();
    let mut numbered = String::new();
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    // Word by word, so that no name is found inside another.
    let mut word = String::new();
    for c in code.join("\n").chars().chain(['\n']) {
        if is_part(c) {
            word.push(c);
            continue;
        }
        match names.iter().position(|name| *name == word) {
            Some(n) => numbered.extend(["$".to_owned(), (n + 1).to_string()]),
            None => numbered.push_str(&word),
        }
        word.clear();
        numbered.push(c);
    }
    numbered
}

pub(crate) struct Plan(Value);

impl Plan {
    /// Of a statement with `(type, value)` for each parameter.
    pub(crate) async fn of(
        db: &mut PgConnection,
        statement: &str,
        parameters: &[(&str, &str)],
    ) -> Self {
        let types = parameters.iter().map(|p| p.0).collect::<Vec<_>>().join(", ");
        let values = parameters.iter().map(|p| p.1).collect::<Vec<_>>().join(", ");
        let name = format!("q{}", Uuid::new_v4().simple());
        for sql in [
            "set local plan_cache_mode = force_generic_plan".to_owned(),
            format!("prepare {name} ({types}) as {statement}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *db).await.unwrap();
        }
        let sql = format!("explain (format json) execute {name} ({values})");
        let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(db).await.unwrap();
        Self(row.get(0))
    }

    pub(crate) fn nodes<'a>(&'a self, found: &mut Vec<&'a Value>) {
        fn walk<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
            match value {
                Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
                Value::Object(fields) => {
                    if fields.contains_key("Node Type") {
                        found.push(value);
                    }
                    fields.values().for_each(|value| walk(value, found));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        walk(&self.0, found);
    }

    /// Every look at bookings goes through an index by a condition, and one of them by `index` with
    /// conditions on all of `columns`.
    fn assert_walks(&self, what: &str, index: &str, columns: &[&str]) {
        let mut nodes = Vec::new();
        self.nodes(&mut nodes);
        let read_whole = |node: &&&Value| {
            node["Node Type"] == "Seq Scan" && node["Relation Name"] == "bookings"
                || node["Index Name"].as_str().is_some_and(|name| name.starts_with("bookings_"))
                    && node["Index Cond"].is_null()
        };
        assert_eq!(nodes.iter().find(read_whole), None, "{what}: {:#}", self.0);
        let walks = nodes.iter().any(|node| {
            let condition = node["Index Cond"].as_str().unwrap_or_default();
            node["Index Name"] == index && columns.iter().all(|column| condition.contains(column))
        });
        assert!(walks, "{what} does not walk {index} by {columns:?}: {:#}", self.0);
    }
}

pub(crate) const UUID: (&str, &str) = ("uuid", "'00000000-0000-0000-0000-000000000000'");
pub(crate) const TIME: (&str, &str) = ("timestamptz", "'2026-03-12T12:00:00Z'");
const SPAN: (&str, &str) = ("tstzrange", "'[2026-03-12T12:00:00Z, 2026-03-12T13:00:00Z)'");

/// A query, its arguments' types and values, the index it walks and the columns it walks it by.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);

#[tokio::test]
async fn what_runs_all_day_walks_an_index_under_row_level_security() {
    let stack = Stack::new().await;
    sqlx::raw_sql(HISTORY).execute(&stack.db.owner).await.unwrap();
    let tenant = stack.tenant("studio-lua").await;
    let mut tx =
        pontual::db::TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
    let db = tx.conn();
    let role: String =
        sqlx::query_scalar("select current_user::text").fetch_one(&mut *db).await.unwrap();
    assert_eq!(role, "pontual_app");
    let kept: String = sqlx::query_scalar("select current_setting('plan_cache_mode')")
        .fetch_one(&mut *db)
        .await
        .unwrap();
    assert_eq!(kept, "force_generic_plan", "the plans below are those that the program uses");

    let busy =
        text_of(db, "busy_times", &["span_from", "span_until", "without_holds_of", "moving"]).await;
    Plan::of(db, &busy, &[TIME, TIME, UUID, ("uuid[]", "'{}'")]).await.assert_walks(
        "busy_times",
        "bookings_busy",
        &["tenant_id", "blocked_until"],
    );
    let open = text_of(db, "open_bookings", &["customer", "conversation"]).await;
    Plan::of(db, &open, &[UUID, UUID]).await.assert_walks(
        "open_bookings",
        "bookings_customer",
        &["tenant_id", "customer_id"],
    );
    let row = ["b.tenant_id", "b.staff_id", "b.id", "b.blocked", "b.visit_id", "b.service_id"];
    let mut row_types = vec![UUID, UUID, UUID, SPAN, UUID, UUID];
    // Expired holds of everybody are few: they are swept.
    let text = text_of(db, "cancel_expired_holds", &row).await;
    Plan::of(db, &text, &row_types[..5]).await.assert_walks(
        "cancel_expired_holds",
        "bookings_holds",
        &["hold_expires_at"],
    );
    let text = text_of(db, "may_give_way", &row).await;
    Plan::of(db, &text, &row_types[..4]).await.assert_walks(
        "may_give_way",
        "bookings_staff_busy",
        &["tenant_id", "staff_id", "blocked_until"],
    );
    let names = [&row[..], &["capacity", "own", "beside_expired"]].concat();
    let free_lane = text_of(db, "free_lane", &names).await;
    row_types.extend([("integer", "1"), ("integer", "null"), ("boolean", "true")]);
    Plan::of(db, &free_lane, &row_types).await.assert_walks(
        "free_lane",
        "bookings_staff_busy",
        &["tenant_id", "staff_id", "blocked_until"],
    );
    let names = ["c.tenant_id", "c.id", "most"];
    let unread = text_of(db, "unread_messages", &names).await;
    Plan::of(db, &unread, &[UUID, UUID, ("integer", "50")]).await.assert_walks(
        "unread_messages",
        "outbound_messages_provider_id",
        &["tenant_id", "channel", "provider_id"],
    );
}

#[tokio::test]
async fn what_programs_look_up_and_page_through_walks_an_index_under_row_level_security() {
    let stack = Stack::new().await;
    sqlx::raw_sql(HISTORY).execute(&stack.db.owner).await.unwrap();
    let tenant = stack.tenant("studio-lua").await;
    let mut tx =
        pontual::db::TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap();
    let db = tx.conn();
    let cursor = [TIME, UUID, UUID];
    let code = ("text", "'H77'");
    let status = ("text", "'confirmed'");
    #[rustfmt::skip]
    let cases: [Case; 6] = [
        ("select * from app.bookings where id = $1",
         &[UUID], "bookings_pkey", &["id"]),
        ("select * from app.bookings where visit_id = $1",
         &[UUID], "bookings_visit", &["tenant_id", "visit_id"]),
        ("select * from app.bookings where code = $1",
         &[code], "bookings_code", &["tenant_id", "code"]),
        ("select * from app.bookings where (starts_at, id) > ($1, $2) order by starts_at, id limit 51",
         &cursor[..2], "bookings_start", &["tenant_id", "ROW(starts_at, id)"]),
        ("select * from app.bookings where staff_id = $3 and (starts_at, id) > ($1, $2) order by starts_at, id limit 51",
         &cursor, "bookings_staff_start", &["tenant_id", "staff_id", "ROW(starts_at, id)"]),
        ("select * from app.bookings where status = $3 and (starts_at, id) > ($1, $2) order by starts_at, id limit 51",
         &[TIME, UUID, status], "bookings_status_start", &["tenant_id", "status", "ROW(starts_at, id)"]),
    ];
    for (query, parameters, index, columns) in cases {
        Plan::of(db, query, parameters).await.assert_walks(query, index, columns);
    }
}
