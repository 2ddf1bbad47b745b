//! The view of what must never be: each rule is broken by force, and seen.

use std::collections::BTreeSet;

use super::Salon;

/// What the view says after `force`, in a salon with a confirmed visit. Triggers are off for it, as
/// in a careless restore.
async fn after(force: &'static str) -> BTreeSet<String> {
    let salon = Salon::open().await;
    salon.visit().await;
    salon.assert_sound().await;
    let mut connection = salon.stack.db.owner.acquire().await.unwrap();
    sqlx::raw_sql("set session_replication_role = replica")
        .execute(&mut *connection)
        .await
        .unwrap();
    sqlx::raw_sql(force).execute(&mut *connection).await.unwrap();
    sqlx::raw_sql("reset session_replication_role").execute(&mut *connection).await.unwrap();
    let rules: Vec<String> = sqlx::query_scalar("select rule from ops.invariant_violations")
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    rules.into_iter().collect()
}

#[tokio::test]
async fn every_rule_of_the_view_is_seen_when_it_is_broken() {
    #[rustfmt::skip]
    let cases: [(&str, &str); 15] = [
        ("overlap",
         "update app.bookings set staff_id = (select staff_id from app.bookings order by starts_at limit 1),
                 blocked = tstzrange('2026-03-14T12:00:00Z', '2026-03-14T15:00:00Z')"),
        ("lane beyond capacity", "update app.bookings set lane = 2"),
        ("reminder for a dead booking", "update app.bookings set status = 'cancelled'"),
        ("reminder of a later booking of the visit",
         "update app.scheduled_notifications set booking_id = (select id from app.bookings order by starts_at desc limit 1)"),
        ("change that nobody noted", "update app.bookings set revision = 2"),
        ("change that nobody noted", "update app.bookings set status = 'cancelled'"),
        ("telling without a message", "update app.booking_notifications set outbound_message_id = null"),
        ("reminder sent twice",
         "insert into app.booking_notifications (tenant_id, booking_id, event, status, revision)
          select tenant_id, booking_id, 'reminder_24h', 'sent', revision from app.booking_notifications, generate_series(1, 2)"),
        ("orphan hold",
         "update app.bookings set status = 'held', hold_expires_at = app.now() - interval '11 minutes'"),
        ("orphan hold",
         "alter table app.bookings drop constraint bookings_held_ones_expire;
          update app.bookings set status = 'held', hold_expires_at = null"),
        ("visit of two codes or customers",
         "update app.bookings set code = 'AAAAA' where id = (select id from app.bookings limit 1)"),
        ("visit of two codes or customers",
         "insert into app.customers (tenant_id, phone) select tenant_id, '+5511900000000' from app.bookings limit 1;
          update app.bookings set customer_id = (select id from app.customers where phone = '+5511900000000')
           where id = (select id from app.bookings limit 1)"),
        ("code of two visits",
         "alter table app.bookings drop constraint bookings_code_names_one_visit;
          update app.bookings set visit_id = id"),
        ("outbox too old", "update app.outbound_messages set created_at = app.now() - interval '27 hours'"),
        ("reminder overdue", "update app.scheduled_notifications set due_at = app.now() - interval '16 minutes'"),
    ];
    for (rule, force) in cases {
        let rules = after(force).await;
        assert!(rules.contains(rule), "{rule}: {rules:?}");
    }
    let inbox = "insert into app.inbound_messages (tenant_id, instance_id, conversation_id, kind, sent_at, received_at)
                 select tenant_id, instance_id, id, 'text', app.now(), app.now() - interval '16 minutes' from app.conversations";
    assert!(after(inbox).await.contains("open inbox too old"));
}
