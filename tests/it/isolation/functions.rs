//! Every function, view and table that the runtime's role reaches, with a token of A and B's ids.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use super::crossing::{A, B, Ids, changed, come_with_a_token, ids, leaked, stage, sums};
use crate::support::stack::Stack;

/// A function and its arguments: (schema.name, [(name, type)]).
type Function = (String, Vec<(String, String)>);

/// Every function that `pontual_app` may call and that is no trigger.
async fn reachable(conn: &mut PgConnection) -> Vec<Function> {
    let rows: Vec<(String, Vec<String>, Vec<String>)> = sqlx::query_as(
        "select n.nspname || '.' || p.proname,
                coalesce((select array_agg(coalesce(p.proargnames[i], 'arg' || i) order by i)
                            from generate_series(1, p.pronargs) i), '{}'),
                coalesce((select array_agg(format_type(p.proargtypes[i - 1], null) order by i)
                            from generate_series(1, p.pronargs) i), '{}')
           from pg_proc p join pg_namespace n on n.oid = p.pronamespace
          where n.nspname in ('app', 'queue', 'ops', 'apalis', 'audit') and p.prokind = 'f'
            and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
            and has_schema_privilege('pontual_app', n.oid, 'usage')
            and has_function_privilege('pontual_app', p.oid, 'execute')
          order by 1, 3",
    )
    .fetch_all(conn)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(name, names, types)| (name, names.into_iter().zip(types).collect()))
        .collect()
}

/// Every table and view that `pontual_app` may read.
async fn readable(conn: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname in ('app', 'queue', 'ops', 'apalis', 'audit') and c.relkind in ('r', 'p', 'v', 'm')
            and has_schema_privilege('pontual_app', n.oid, 'usage')
            and has_table_privilege('pontual_app', c.oid, 'select') order by 1",
    )
    .fetch_all(conn)
    .await
    .unwrap()
}

/// B's value for an argument, as an SQL expression.
async fn argument(conn: &mut PgConnection, ids: &Ids, name: &str, kind: &str) -> String {
    let tenant = ids["tenants"];
    let of = |table: &str| format!("'{}'::uuid", ids.get(table).unwrap_or(&tenant));
    match kind {
        "uuid" => match name {
            "tenant" => of("tenants"),
            "conversation" | "preferred" => of("conversations"),
            "customer" => of("customers"),
            "message" => of("outbound_messages"),
            "notification" => of("scheduled_notifications"),
            "instance" => of("instances"),
            "staff" | "staff_id" => of("staff"),
            "service" | "service_id" => of("services"),
            _ => of("bookings"),
        },
        "uuid[]" => format!("array[{}]", of("bookings")),
        "text" => match name {
            "kind" | "job_type" => "'process_message'".to_owned(),
            "instance_name" | "wanted" => format!("'{B}'"),
            "message" | "provider_id" | "quoted" => "(select 'OPEN1')".to_owned(),
            "phone" => "'+5511988887777'".to_owned(),
            "event" => "'confirmed'".to_owned(),
            "timer" => "'idle'".to_owned(),
            "job" | "job_id" | "worker" => {
                let job: Option<String> = sqlx::query_scalar(
                    "select id from apalis.jobs where convert_from(job, 'UTF8')::jsonb ->> 'tenant_id' = $1::text
                      order by status = 'Pending' desc limit 1",
                )
                .bind(tenant)
                .fetch_optional(conn)
                .await
                .unwrap();
                format!("'{}'", job.unwrap_or_default())
            }
            _ => "'x'".to_owned(),
        },
        "text[]" => "array['idle', 'nobody_answered', 'pause_over']".to_owned(),
        "timestamp with time zone" => "'2026-03-12T18:00:00Z'::timestamptz".to_owned(),
        "interval" => "interval '0'".to_owned(),
        "integer" | "bigint" | "smallint" => format!("10::{kind}"),
        "boolean" => "false".to_owned(),
        "jsonb" | "json" => format!("'{}'::{kind}", document(ids)),
        "bytea" => "sha256('k')".to_owned(),
        row if row.starts_with("app.") => {
            let key = if row == "app.tenants" { "id" } else { "tenant_id" };
            let sql = format!("select r::text from {row} r where r.{key} = $1 limit 1");
            let text: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(tenant)
                .fetch_optional(conn)
                .await
                .unwrap();
            format!("'{}'::{row}", text.unwrap_or_else(|| "()".to_owned()).replace('\'', "''"))
        }
        other => format!("null::{other}"),
    }
}

/// What a document may name, and a turn that would cancel B's booking and speak to its customer.
fn document(ids: &Ids) -> Value {
    let of = |table: &str| ids.get(table).map(Uuid::to_string);
    json!({
        "tenant_id": of("tenants"), "conversation_id": of("conversations"), "booking_id": of("bookings"),
        "notification_id": of("scheduled_notifications"), "customer_id": of("customers"),
        "message_ids": [of("inbound_messages")], "state": "greeting", "context": {}, "timer": null,
        "effects": [{"effect": "reply", "text": "x"}, {"effect": "cancel", "booking_id": of("bookings")}],
        "journal": [], "version": "x", "job_id": "x", "worker": "x",
    })
}

/// Calls everything with a token of `tenant` and B's ids; each complaint names what let something
/// through.
async fn cross(stack: &Stack, tenant: Uuid) -> Vec<String> {
    let ids = ids(stack).await;
    let whose = ids["tenants"];
    let mut conn = PgConnection::connect(&stack.db.url_owner()).await.unwrap();
    let mut complaints = Vec::new();
    for table in readable(&mut conn).await {
        let mut tx = conn.begin().await.unwrap();
        come_with_a_token(&mut tx, tenant).await;
        let rows: sqlx::Result<Vec<String>> =
            sqlx::query_scalar(AssertSqlSafe(format!("select r::text from {table} r")))
                .fetch_all(&mut *tx)
                .await;
        let text = rows.unwrap_or_default().join("\n");
        let marks = leaked(&text, "");
        // A row of B's is one even where it says nothing.
        let mut marks: Vec<String> = marks.into_iter().map(str::to_owned).collect();
        marks.extend(text.contains(&whose.to_string()).then(|| "its tenant's id".to_owned()));
        if !marks.is_empty() {
            complaints.push(format!("{table} shows {marks:?}"));
        }
        tx.rollback().await.unwrap();
    }
    let before = sums(&mut conn, whose).await;
    for (name, arguments) in reachable(&mut conn).await {
        let mut values = Vec::new();
        for (argument_name, kind) in &arguments {
            values.push(argument(&mut conn, &ids, argument_name, kind).await);
        }
        let call = format!("{name}({})", values.join(", "));
        let mut tx = conn.begin().await.unwrap();
        come_with_a_token(&mut tx, tenant).await;
        let out: sqlx::Result<Vec<Option<String>>> =
            sqlx::query_scalar(AssertSqlSafe(format!("select r::text from {call} r")))
                .fetch_all(&mut *tx)
                .await;
        let Ok(out) = out else {
            tx.rollback().await.unwrap();
            continue;
        };
        let out: String = out.into_iter().flatten().collect::<Vec<_>>().join("\n");
        let marks = leaked(&out, &call);
        if !marks.is_empty() {
            complaints.push(format!("{name} tells {marks:?}"));
        }
        sqlx::raw_sql("reset role").execute(&mut *tx).await.unwrap();
        let touched = changed(&before, &sums(&mut tx, whose).await);
        if !touched.is_empty() {
            complaints.push(format!("{name} changes {touched:?}"));
        }
        tx.rollback().await.unwrap();
    }
    complaints
}

#[tokio::test]
async fn p8_no_function_view_or_table_lets_a_token_reach_another_tenants_rows() {
    let stack = stage().await;
    let a = stack.tenant(A).await;
    assert_eq!(cross(&stack, a).await, Vec::<String>::new());

    // With B's own token the same calls do reach them, so they are calls that could.
    let b = stack.tenant(B).await;
    let own = cross(&stack, b).await;
    let (tables, functions): (Vec<_>, Vec<_>) = own.iter().partition(|it| it.contains(" shows "));
    assert!(tables.len() >= 20, "{own:#?}");
    assert!(functions.len() >= 15, "{functions:#?}");
}

#[tokio::test]
async fn p8_a_policy_that_is_broken_by_hand_is_found_and_its_table_named() {
    let stack = stage().await;
    let a = stack.tenant(A).await;
    for broken in [
        "drop policy tenant_isolation on app.bookings;
         create policy tenant_isolation on app.bookings using (true) with check (true)",
        "alter table app.bookings no force row level security, disable row level security",
        "create policy for_a_report on app.bookings for select to pontual_app using (true)",
    ] {
        sqlx::raw_sql(broken).execute(&stack.db.owner).await.unwrap();
        let complaints = cross(&stack, a).await;
        assert!(
            complaints.iter().any(|it| it.starts_with("app.bookings shows")),
            "{broken}: {complaints:?}"
        );
        let check = include_str!("../../../sql/checks/tables_are_guarded.sql")
            .trim_end()
            .trim_end_matches(';');
        let found: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("select x::text from ({check}) x")))
                .fetch_all(&stack.db.owner)
                .await
                .unwrap();
        assert!(
            !found.is_empty() && found.iter().all(|it| it.contains("app.bookings")),
            "{broken}: {found:?}"
        );
        // Migrating puts the guard right; a policy of somebody else's is for them to take away.
        sqlx::raw_sql("delete from queue.schema_fingerprint; drop policy if exists for_a_report on app.bookings")
            .execute(&stack.db.owner)
            .await
            .unwrap();
        pontual::db::migrate(&stack.db.owner).await.unwrap();
        assert_eq!(cross(&stack, a).await, Vec::<String>::new(), "{broken}");
    }
}
