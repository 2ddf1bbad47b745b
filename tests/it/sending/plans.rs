//! Claims cost the same whatever waits and whatever is done: as the runtime role, under row-level
//! security, they walk indexes that hold open messages alone.

use pontual::db::TenantTx;
use serde_json::Value;
use uuid::Uuid;

use crate::plans::{Plan, TIME, UUID, text_of};
use crate::support::stack::Stack;

/// 5,000 conversations of one instance with something to say, and 50,000 messages long done.
const BACKLOG: &str = "
    insert into app.customers (tenant_id, phone)
    select id, '+5511' || (900000000 + n) from app.tenants, generate_series(1, 5000) n where slug = 'studio-lua';
    insert into app.conversations (tenant_id, customer_id, instance_id)
    select c.tenant_id, c.id, i.id from app.customers c join app.instances i on i.tenant_id = c.tenant_id;
    insert into app.outbound_messages (tenant_id, conversation_id, body)
    select tenant_id, id, 'waits' from app.conversations;
    set session_replication_role = replica;
    insert into app.outbound_messages (tenant_id, conversation_id, instance_id, body, status, provider_id)
    select c.tenant_id, c.id, c.instance_id, 'done', 'read', 'D' || c.id || n
      from app.conversations c, generate_series(1, 10) n;
    reset session_replication_role;
    analyze";

async fn tenant_tx(stack: &Stack, tenant: Uuid) -> TenantTx {
    TenantTx::begin(&stack.pool, tenant, stack.clock.now()).await.unwrap()
}

#[tokio::test]
async fn a_claim_walks_the_open_messages_of_its_instance_by_their_turn() {
    let stack = Stack::new().await;
    sqlx::raw_sql(BACKLOG).execute(&stack.db.owner).await.unwrap();
    let tenant = stack.tenant("studio-lua").await;
    let mut db = tenant_tx(&stack, tenant).await;
    let names = ["tenant", "instance", "moment", "passed"];
    let text = text_of(db.conn(), "next_in_line", &names).await;
    let parameters = [UUID, UUID, TIME, ("uuid[]", "'{}'")];
    let plan = Plan::of(db.conn(), &text, &parameters).await;
    let mut nodes = Vec::new();
    plan.nodes(&mut nodes);
    let looks: Vec<&Value> =
        nodes.into_iter().filter(|node| node["Relation Name"] == "outbound_messages").collect();
    assert_eq!(looks.len(), 1, "{looks:#?}");
    assert_eq!(looks[0]["Index Name"], "outbound_messages_turn", "{looks:#?}");
    let condition = looks[0]["Index Cond"].as_str().unwrap();
    for column in ["tenant_id", "instance_id", "template IS NOT NULL", "due_at"] {
        assert!(condition.contains(column), "{condition}");
    }
}

/// What waits behind a message whose turn is still to come is met by one claim, and by none after it.
#[tokio::test]
async fn what_waits_behind_another_message_comes_due_no_sooner_than_it() {
    let stack = Stack::new().await;
    sqlx::raw_sql(BACKLOG).execute(&stack.db.owner).await.unwrap();
    // One conversation's first message waits, and the rest of the 5,000 behind it.
    sqlx::raw_sql(
        "update app.outbound_messages o set conversation_id = (select id from app.conversations limit 1)
          where status = 'queued';
         update app.outbound_messages o set due_at = app.now() + interval '1 hour'
          where seq = (select min(seq) from app.outbound_messages where status = 'queued')",
    )
    .execute(&stack.db.owner)
    .await
    .unwrap();
    let tenant = stack.tenant("studio-lua").await;
    for _ in 0..2 {
        let mut db = tenant_tx(&stack, tenant).await;
        let claim: Value = sqlx::query_scalar(
            "select app.claim_message((select id from app.conversations limit 1), 'job', '90 seconds')",
        )
        .fetch_one(db.conn())
        .await
        .unwrap();
        assert_eq!(claim["outcome"], "wait");
        db.commit().await.unwrap();
        let met: i64 = stack
            .value(
                "select count(*) from app.outbound_messages where status = 'queued' and due_at <= app.now()",
            )
            .await;
        assert_eq!(met, 0);
    }
}
