//! Five hundred reminders come due while worker processes are killed again and again.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use pontual::gateway_sim::SimConfig;

use super::run;
use crate::support::stack::Stack;

const REMINDERS: i64 = 500;
/// A send that a dead process had claimed may be about to go out until its lease is over, a minute
/// and a half; and it may happen more than once.
const LEASES: Duration = Duration::from_mins(5);

/// Bookings of three tenants that start an hour and some seconds from now, with one reminder each.
/// Triggers are off for the bookings, so that nobody is told of anything else.
const BOOKED: &str = "
    update app.tenants set reminders = '{01:00:00}', quiet_from = null, quiet_until = null;
    update app.instances set send_gap = '0', typing = false;
    update app.services set capacity = 1000;
    insert into app.customers (tenant_id, phone)
    select t.id, '+5511' || (900000000 + n) from generate_series(1, 500) n
      join (select id, row_number() over (order by slug) - 1 as place from app.tenants) t on t.place = n % 3;
    set session_replication_role = replica;
    insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane,
                              status, visit_id, code, confirmed_at)
    select c.tenant_id, c.id, s.id, m.id, l.at, l.at + '45 minutes', tstzrange(l.at, l.at + '45 minutes'),
           row_number() over (partition by c.tenant_id), 'confirmed', gen_random_uuid(), 'R' || right(c.phone, 4), app.now() - interval '1 day'
      from app.customers c
      join lateral (select id from app.services x where x.tenant_id = c.tenant_id order by position limit 1) s on true
      join lateral (select id from app.staff x where x.tenant_id = c.tenant_id order by position limit 1) m on true
      cross join lateral (select app.now() + interval '1 hour 5 seconds' + right(c.phone, 3)::int * interval '20 milliseconds' as at) l;
    reset session_replication_role;
    select app.plan_visits(b.tenant_id, array_agg(b.visit_id)) from app.bookings b group by b.tenant_id";

fn worker(stack: &Stack) -> Child {
    Command::new(env!("CARGO_BIN_EXE_pontual"))
        .args(["worker", "--concurrency", "4"])
        .current_dir(std::env::temp_dir())
        .env("DATABASE_URL", stack.db.url_app())
        .env("EVOLUTION_API_URL", format!("{}/gateway-sim", stack.base))
        .env("EVOLUTION_API_KEY", SimConfig::default().api_key)
        .env("PONTUAL_CLOCK_OFFSET", stack.clock.offset().num_seconds().to_string())
        .env("RUST_LOG", "error")
        .env_remove("PONTUAL_LISTEN")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_five_hundred_reminders_is_sent_once_while_three_workers_are_killed_at_random() {
    let stack = Stack::new().await;
    run(&stack, BOOKED).await;
    let begun = Instant::now();
    let mut workers = [worker(&stack), worker(&stack), worker(&stack)];
    let mut killed = 0;
    let open = "select count(*) from app.scheduled_notifications s
                  left join app.outbound_messages o on o.id = s.outbound_message_id
                 where s.status = 'planned' or o.status in ('queued', 'sending', 'unknown')";
    while stack.value::<i64>(open).await > 0 {
        assert!(begun.elapsed() < LEASES, "{:#?}", stack.jobs().await);
        // At random within the twelve seconds in which they come due, and a while after.
        let chance = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
        tokio::time::sleep(Duration::from_millis(300 + chance * 5)).await;
        if begun.elapsed() < Duration::from_secs(20) {
            let victim = &mut workers[usize::try_from(chance % 3).unwrap()];
            victim.kill().unwrap();
            victim.wait().unwrap();
            *victim = worker(&stack);
            killed += 1;
        }
    }
    for mut worker in workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    let mut copies: BTreeMap<String, u32> = BTreeMap::new();
    for sent in stack.sim.sent().into_iter().filter(|sent| sent.id.is_some()) {
        *copies.entry(sent.phone).or_default() += 1;
    }
    let twice = copies.values().filter(|&&copies| copies > 1).count();
    let report: Vec<(String, i64, Option<f64>)> = sqlx::query_as(
        "select event, count(*), max(extract(epoch from late_by))::float8 from ops.notification_delivery
          where status in ('sent', 'delivered', 'read') and sent_at is not null group by 1",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    println!(
        "{killed} workers killed; {} customers reminded, {twice} twice; report: {report:?}",
        copies.len()
    );
    assert!(killed >= 8, "{killed}");
    let plan: Vec<(String, Option<String>, i64)> = sqlx::query_as(
        "select status, reason, count(*) from app.scheduled_notifications group by 1, 2",
    )
    .fetch_all(&stack.db.owner)
    .await
    .unwrap();
    assert_eq!((copies.len(), twice), (500, 0), "{plan:?}");
    assert_eq!((report.len(), report[0].1), (1, REMINDERS), "{report:?}");
    let late = TimeDelta::seconds(240).as_seconds_f64();
    assert!(report[0].2.is_some_and(|most| (0.0..late).contains(&most)), "{report:?}");
    let violations: i64 = stack
        .value("select count(*) from ops.invariant_violations where rule like '%reminder%' or rule like '%outbox%'")
        .await;
    assert_eq!(violations, 0);
}
