//! `ops.invariant_violations`: each rule is seen to find what breaks it. The violations are planted
//! with triggers and keys off, as a restored backup or a slip in psql could leave them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::support::stack::Stack;

const VIEW: &str = include_str!("../../sql/views/15_invariants.sql");

/// A customer with a conversation, and two confirmed bookings of tomorrow and the day after that
/// break no rule.
const WELL: &str = "
    insert into app.customers (id, tenant_id, phone)
    select '00000000-0000-7000-8000-0000000000c1', id, '+5511988887777' from app.tenants where slug = 'studio-lua';
    insert into app.conversations (id, tenant_id, customer_id, instance_id)
    select '00000000-0000-7000-8000-0000000000d1', c.tenant_id, c.id, i.id from app.customers c join app.instances i using (tenant_id);
    insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status, code)
    select c.tenant_id, c.id, s.id, f.id, b.at::timestamptz, 'confirmed', b.code
      from app.customers c
      join app.services s on s.tenant_id = c.tenant_id and s.key = 'corte'
      join app.staff f on f.tenant_id = c.tenant_id and f.key = 'ana'
      cross join (values ('AAAAA', '2026-03-11 14:00-03'), ('BBBBB', '2026-03-12 14:00-03')) b (code, at);
    update app.outbound_messages set status = 'sent', sent_at = app.now();
    update apalis.jobs set status = 'Done', done_at = app.now();
    set session_replication_role = replica;
    alter table app.bookings drop constraint bookings_one_customer_a_lane, drop constraint bookings_code_names_one_visit;
    create temp view a as select * from app.bookings where code = 'AAAAA';
    create temp view b as select * from app.bookings where code = 'BBBBB';";

/// The rule, and what breaks it; rules that it breaks besides.
#[rustfmt::skip]
const PLANTED: &[(&str, &str, &[&str])] = &[
    ("overlap",
     "update app.bookings x set blocked = tstzrange(lower(a.blocked), upper(x.blocked)) from a where x.code = 'BBBBB'", &[]),
    ("lane beyond capacity",
     "update app.bookings set lane = 2 where code = 'AAAAA'", &[]),
    ("reminder for a dead booking",
     "update app.scheduled_notifications n set revision = 7 from a where n.booking_id = a.id and kind = 'reminder_1h'", &[]),
    ("reminder of a later booking of the visit",
     "update app.bookings x set visit_id = a.visit_id, code = a.code from a where x.code = 'BBBBB'", &[]),
    ("change that nobody noted",
     "delete from app.booking_notifications n using a where n.booking_id = a.id", &[]),
    ("telling without a message",
     "update app.booking_notifications n set outbound_message_id = null from a where n.booking_id = a.id", &[]),
    ("reminder sent twice",
     "insert into app.booking_notifications (tenant_id, booking_id, event, status, revision, outbound_message_id)
      select n.tenant_id, n.booking_id, 'reminder_1h', 'sent', 1, n.outbound_message_id
        from app.booking_notifications n join a on a.id = n.booking_id, generate_series(1, 2)", &[]),
    ("message sent twice",
     "insert into app.outbound_messages (tenant_id, conversation_id, booking_id, template, params, booking_revision, status)
      select tenant_id, '00000000-0000-7000-8000-0000000000d1', id, 'reminder', '{\"before\": 3600}', 1, 'sent' from a, generate_series(1, 2)", &[]),
    ("orphan hold",
     "update app.bookings set status = 'held', hold_expires_at = app.now() - interval '11 minutes' where code = 'AAAAA'",
     &["reminder for a dead booking"]),
    ("visit of two codes or customers",
     "update app.bookings x set visit_id = a.visit_id from a where x.code = 'BBBBB'",
     &["reminder of a later booking of the visit"]),
    ("code of two visits",
     "update app.bookings set code = 'AAAAA' where code = 'BBBBB'", &[]),
    ("open inbox too old",
     "insert into app.inbound_messages (tenant_id, instance_id, conversation_id, kind, sent_at, received_at)
      select tenant_id, instance_id, id, 'text', app.now(), app.now() - interval '16 minutes' from app.conversations", &[]),
    ("outbox too old",
     "update app.outbound_messages o set status = 'unknown', created_at = app.now() - interval '27 hours' from a where o.booking_id = a.id;
      update apalis.jobs set status = 'Pending' where job_type = 'deliver_messages'", &[]),
    ("message nobody sends",
     "update app.outbound_messages o set status = 'queued', created_at = app.now() - interval '6 minutes',
             due_at = app.now() - interval '6 minutes' from a where o.booking_id = a.id", &[]),
    ("reminder overdue",
     "update app.scheduled_notifications n set due_at = app.now() - interval '16 minutes' from a where n.booking_id = a.id and kind = 'reminder_1h'", &[]),
    ("timer overdue",
     "insert into app.conversation_timers (tenant_id, conversation_id, timer, due_at)
      select tenant_id, id, 'idle', app.now() - interval '16 minutes' from app.conversations", &[]),
    ("state without history",
     "update app.conversations set state = 'date_time'", &[]),
    ("booking without history",
     "insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane, status, visit_id, code)
      select tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane, 'cancelled', gen_random_uuid(), 'CCCCC' from a", &[]),
    ("reference across tenants",
     "update app.bookings set customer_id = (select c.id from app.customers c where c.tenant_id <> bookings.tenant_id) where code = 'AAAAA'", &[]),
    ("job that never ends",
     "update apalis.jobs set status = 'Running', lock_at = now() - interval '16 minutes' where id = (select min(id) from apalis.jobs)", &[]),
];

/// Other ways in which a row may belong to two tenants.
#[rustfmt::skip]
const ACROSS: &[&str] = &[
    "update app.bookings x set staff_id = (select f.id from app.staff f where f.tenant_id <> x.tenant_id limit 1) where x.code = 'AAAAA'",
    "update app.conversations c set instance_id = (select i.id from app.instances i where i.tenant_id <> c.tenant_id limit 1)",
    "update app.outbound_messages o set conversation_id = gen_random_uuid(), status = 'queued' from a where o.booking_id = a.id",
    "update app.outbound_messages o set tenant_id = (select id from app.tenants t where t.id <> a.tenant_id limit 1) from a where o.booking_id = a.id;
     update app.scheduled_notifications n set outbound_message_id = o.id from app.outbound_messages o join a on a.id = o.booking_id where n.booking_id = a.id and n.kind = 'reminder_1h'",
    "select queue.enqueue('process_message', jsonb_build_object('tenant_id', (select id from app.tenants where slug = 'luna-salon'),
                                                                'conversation_id', '00000000-0000-7000-8000-0000000000d1'))",
];

async fn stack() -> Stack {
    let stack = Stack::new().await;
    sqlx::raw_sql(WELL).execute(&stack.db.owner).await.unwrap();
    // For "reference across tenants".
    sqlx::raw_sql("insert into app.customers (tenant_id, phone) select id, '+34600000001' from app.tenants where slug = 'salon-luna'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(stack.violations().await, Vec::<Value>::new(), "nothing is planted yet");
    stack
}

/// The rules that are broken once this is planted; it is taken back.
async fn broken_by(stack: &Stack, planted: &str) -> BTreeSet<String> {
    let mut tx = stack.db.owner.begin().await.unwrap();
    // Whichever connection of the pool it is.
    sqlx::raw_sql(AssertSqlSafe(format!(
        "set local session_replication_role = replica;
         create or replace temp view a as select * from app.bookings where code = 'AAAAA';
         {planted}"
    )))
    .execute(&mut *tx)
    .await
    .unwrap();
    let rules: Vec<String> =
        sqlx::query_scalar("select distinct rule from ops.invariant_violations")
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    tx.rollback().await.unwrap();
    rules.into_iter().collect()
}

#[tokio::test]
async fn each_rule_finds_what_breaks_it_and_nothing_else_is_found() {
    let stack = stack().await;
    for (rule, planted, besides) in PLANTED {
        let wanted: BTreeSet<String> =
            besides.iter().chain([rule]).map(|rule| (*rule).to_owned()).collect();
        assert_eq!(broken_by(&stack, planted).await, wanted, "{rule}");
    }
    for planted in ACROSS {
        let found = broken_by(&stack, planted).await;
        assert!(found.contains("reference across tenants"), "{planted}: {found:?}");
    }
}

#[test]
fn every_rule_of_the_view_is_planted() {
    let tried: BTreeSet<&str> = PLANTED.iter().map(|(rule, _, _)| *rule).collect();
    // A rule's name is the first thing that its part of the view selects.
    let rules: BTreeSet<&str> = VIEW
        .lines()
        .filter_map(|line| line.strip_prefix("  select "))
        .filter_map(|line| line.trim_start_matches("distinct ").strip_prefix('\''))
        .filter_map(|line| line.split('\'').next())
        .collect();
    assert!(rules.len() >= 15, "{rules:?}");
    assert_eq!(rules, tried);
}

#[tokio::test]
async fn workers_look_every_few_minutes_and_health_reads_what_they_found() {
    let stack = stack().await;
    assert_eq!(pontual::db::invariants::for_health(&stack.pool).await, "not looked at yet");
    let look = async |age: &str| -> Option<i32> {
        sqlx::query_scalar("select queue.check_invariants($1::text::interval)")
            .bind(age)
            .fetch_one(&stack.pool)
            .await
            .unwrap()
    };
    assert_eq!(look("5 minutes").await, Some(0));
    assert_eq!(pontual::db::invariants::for_health(&stack.pool).await, "ok");
    sqlx::raw_sql("update app.conversations set state = 'date_time'")
        .execute(&stack.db.owner)
        .await
        .unwrap();
    assert_eq!(look("5 minutes").await, None, "somebody looked a moment ago");
    assert_eq!(look("0").await, Some(1));
    let last = pontual::db::invariants::last_look(&stack.pool).await.unwrap().unwrap();
    assert_eq!(last.violations, BTreeMap::from([("state without history".to_owned(), 1)]));
    assert_eq!(
        pontual::db::invariants::for_health(&stack.pool).await,
        "1 rows: state without history (1)"
    );
}

#[tokio::test]
async fn a_worker_looks_by_itself() {
    let mut stack = stack().await;
    stack.work();
    let looked = async {
        while pontual::db::invariants::last_look(&stack.pool).await.unwrap().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::stack::PATIENCE, looked).await.expect("it looks");
    stack.stop_working().await;
}
