//! One run: a storm, the calm after it, and the verdict.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::customers::{Customer, Seen, phone};
use crate::dice::Dice;
use crate::evidence::{Evidence, gather};
use crate::monkey;
use crate::oracle::{Broken, judge};
use crate::sabotage::Sabotage;
use crate::stage::{CLASS, Stage, TENANTS};

/// How long after the storm everything may take to come to rest: a send that hangs is waited for
/// 75 s, and one whose fate is unknown for its lease of 90 s, which may follow each other.
const CALM: Duration = Duration::from_mins(5);
/// What is still open then is worth a line.
const LONG: Duration = Duration::from_secs(25);
/// What is to be done: messages, jobs, reminders that are due; and of these, what waits for the end
/// of a lease because a message of its conversation may still be going out.
const BUSY: &str = "
    with held as (
      select o.conversation_id, count(*) as messages from app.outbound_messages o
       where o.status in ('queued', 'sending', 'unknown')
         and exists (select from app.outbound_messages x where x.conversation_id = o.conversation_id
                        and x.status = 'unknown' and x.error = 'may still be going out')
       group by o.conversation_id)
    select (select count(*) from ops.jobs where state in ('waiting', 'running'))
         + (select count(*) from ops.jobs j where state = 'scheduled' and kind <> 'send_reminder'
              and not (kind = 'deliver_messages' and exists (select from held)))
         + (select count(*) from app.outbound_messages where status in ('queued', 'sending', 'unknown'))
         - (select coalesce(sum(messages), 0)::int8 from held)
         + (select count(*) from app.inbound_messages where processed_at is null)
         + (select count(*) from app.scheduled_notifications where status = 'planned'
              and due_at between app.now() - interval '15 seconds' and app.now() + interval '3 seconds') as now,
           (select count(*) from held) as held";
/// What still goes on, for whoever wants to know why.
const OPEN: &str = "
    select format('job %s %s since %s, attempts %s: %s', kind, state, run_at, attempts, coalesce(error, ''))
      from ops.jobs where state <> 'done'
    union all
    select format('message %s, attempts %s, due %s, leased until %s: %s', status, attempts, due_at, lease_until, error)
      from app.outbound_messages where status in ('queued', 'sending', 'unknown')";

/// Runs of so many seconds wait until the last lease is over, and meet faults that take minutes.
pub(crate) const LONG_RUN: u64 = 30;

/// How big a run is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) customers: usize,
    pub(crate) seconds: u64,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) evidence: Evidence,
    pub(crate) broken: Vec<Broken>,
    /// From the end of the storm until nothing was left to do.
    pub(crate) settled_after: Duration,
    pub(crate) took: Duration,
}

/// `sabotage` is for seeing the oracle fail.
pub(crate) async fn run(seed: u64, size: Size, sabotage: Option<&Sabotage>) -> Outcome {
    let begun = Instant::now();
    let mut stage = Stage::new(seed, sabotage).await;
    let pupils = size.customers.div_ceil(2);
    let bookings = book_by_hand(&stage, pupils, size.seconds).await;

    let until = tokio::time::Instant::now() + Duration::from_secs(size.seconds);
    let mut customers = Vec::new();
    let mut lives = Vec::new();
    for number in 0..size.customers + pupils {
        let tenant = number % TENANTS.len();
        customers.push((tenant, number));
        let dice = Dice::of(seed, 100 + u64::try_from(number).unwrap());
        let customer = Customer::new(&stage.sim, tenant, number, dice);
        // Those who come first are those whose bookings were made by hand.
        lives.push(if number < pupils {
            tokio::spawn(customer.listen(until))
        } else {
            tokio::spawn(customer.live(until))
        });
    }
    stage.road.set_rough(true);
    let deeds = monkey::rage(&stage, &monkey::plan(seed, size.seconds), &bookings).await;
    tokio::time::sleep_until(until).await;
    stage.road.set_rough(false);
    let calm = Instant::now();
    let mut sights = Seen::default();
    for life in lives {
        sights += life.await.unwrap();
    }
    let unsettled = settle(&stage, size.seconds >= LONG_RUN).await;
    let settled_after = calm.elapsed();
    let mut evidence = gather(&stage, &customers, deeds, sights).await;
    evidence.unsettled = unsettled;
    let broken = judge(&evidence);
    if !broken.is_empty() && sabotage.is_none() {
        eprintln!("the logs of all processes are in {}", stage.keep_logs().display());
    }
    stage.end().await;
    Outcome { evidence, broken, settled_after, took: begun.elapsed() }
}

/// Bookings whose reminders come due one after another during the storm; their ids.
async fn book_by_hand(stage: &Stage, pupils: usize, seconds: u64) -> Vec<String> {
    let mut people = String::new();
    for number in 0..pupils {
        let tenant = number % TENANTS.len();
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(
            people,
            "{comma} ('{}', '+{}', {number})",
            TENANTS[tenant],
            phone(tenant, number)
        );
    }
    let sql = format!(
        "with people (slug, phone, place) as (values {people}),
         made as (
           insert into app.customers (tenant_id, phone)
           select t.id, p.phone from people p join app.tenants t on t.slug = p.slug
           returning id, tenant_id, phone)
         insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status, confirmed_at)
         select c.tenant_id, c.id, s.id, f.id,
                app.now() + interval '1 hour 3 seconds' + p.place * interval '{seconds} seconds' / {pupils},
                'confirmed', app.now() - interval '1 day'
           from made c
           join people p on p.phone = c.phone
           join app.services s on s.tenant_id = c.tenant_id and s.key = '{CLASS}'
           join app.staff f on f.tenant_id = c.tenant_id and f.key = '{CLASS}'
         returning id::text"
    );
    stage.rows::<(String,)>(&sql).await.into_iter().map(|(id,)| id).collect()
}

/// Waits until nothing is left to do; what still went on, if that never was. Says what took long.
async fn settle(stage: &Stage, waits_for_leases: bool) -> Option<String> {
    let begun = Instant::now();
    let mut quiet = 0;
    let mut told = false;
    while quiet < 3 {
        let busy: Vec<(i64, i64)> = stage.rows(BUSY).await;
        let (now, held) = busy[0];
        let idle =
            now == 0 && (held == 0 || !waits_for_leases) && stage.sim.webhook_counts().pending == 0;
        quiet = if idle { quiet + 1 } else { 0 };
        if begun.elapsed() > LONG && !told {
            told = true;
            println!("open after {LONG:?}: {}", open(stage).await);
        }
        if begun.elapsed() > CALM {
            return Some(open(stage).await);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

async fn open(stage: &Stage) -> String {
    let open: Vec<(String,)> = stage.rows(OPEN).await;
    open.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("; ")
}
