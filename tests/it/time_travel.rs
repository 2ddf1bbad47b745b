//! A year of three tenants in three zones, in seconds: every reminder that the rules want is sent
//! once and in its time, and no other.
//!
//! Bookings are made, moved and cancelled at random, rules change, customers opt out, clocks change
//! twice, workers and the gateway are away for hours, attempts are killed and answers lost. What the
//! program does is done by its own functions (`time_travel/driver.sql`); what ought to be is said by
//! an oracle that shares nothing with them (`time_travel/oracle.rs`).

mod oracle;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use pontual::clock::Clock;
use pontual::db;
use pontual::domain::tenant_file;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use crate::support::database::TestDb;
use oracle::Reminder;
use world::{Act, CUSTOMERS, Outage, STAFF, World};

const BOOKINGS_EACH: i32 = 1_670;
/// Of the year lived by default; `PONTUAL_TIME_TRAVEL_SEED` chooses another.
const SEED: u64 = 11_711_938_082_932_739_872;

#[tokio::test]
async fn in_a_year_each_wanted_reminder_is_sent_once_in_its_time_and_no_other() {
    let seed = std::env::var("PONTUAL_TIME_TRAVEL_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    println!("PONTUAL_TIME_TRAVEL_SEED={seed}");
    let begun = Instant::now();
    let years = [Tz::America__New_York, Tz::America__Santiago, Tz::Europe__Lisbon]
        .map(|zone| tokio::spawn(year(seed, zone)));
    let mut sent = 0;
    for year in years {
        sent += year.await.unwrap();
    }
    println!("{sent} reminders of {} bookings in {:?}", BOOKINGS_EACH * 3, begun.elapsed());
    assert!(sent > 5_000, "{sent} reminders prove little");
}

/// Lives a year and compares; how many reminders were sent.
async fn year(seed: u64, zone: Tz) -> usize {
    let world = world::world(seed, zone, BOOKINGS_EACH);
    let expected = oracle::reminders(&world);
    let db = TestDb::new().await;
    let tenant = prepare(&db, &world).await;
    // As a DBA writes, who sees every row: the policies are others' to prove, and a third of the time.
    let mut program = db.owner.acquire().await.unwrap();
    sqlx::query("select set_config('app.tenant_id', $1::text, false), set_config('jit', 'off', false), setseed(0.5)")
        .bind(tenant)
        .execute(&mut *program)
        .await
        .unwrap();
    run(&mut program, world.until).await;

    assert_same(&world, &expected, &sent_reminders(&db.owner).await);
    let counts: Vec<(String, i32)> = rows(&db.owner, "select what, n from travel.counts").await;
    println!("{zone}: {} reminders, {counts:?}", expected.len());
    assert_eq!(counts.len(), 2, "nothing was killed or lost: {counts:?}");
    let twice: Vec<(Uuid, i64)> = rows(
        &db.owner,
        "select message, count(*) from travel.left_gateway group by 1 having count(*) > 1",
    )
    .await;
    assert_eq!(twice, [], "left the gateway twice");
    let unasked: Vec<(Uuid, String)> = rows(
        &db.owner,
        "select o.id, o.status from app.outbound_messages o
          where (o.status = 'sent') <> exists (select from travel.left_gateway g where g.message = o.id)",
    )
    .await;
    assert_eq!(unasked, [], "what left the gateway is what counts as sent");
    expected.len()
}

/// A tenant by its first rules, its customers, and what is going to happen.
async fn prepare(db: &TestDb, world: &World) -> Uuid {
    let clock = Clock::starting_at(world.from);
    let file = tenant_file::parse(&tenant(world)).unwrap();
    let pool = db::connect(&db.url_app(), 1, clock).await.unwrap();
    let tenant = db::tenants::apply(&pool, clock, &file).await.unwrap();
    pool.close().await;
    let owner = &db.owner;
    sqlx::raw_sql(AssertSqlSafe(include_str!("time_travel/driver.sql")))
        .execute(owner)
        .await
        .unwrap();
    sqlx::query(
        "with made as (
           insert into app.customers (tenant_id, phone)
           select $1, '+35191' || (1000000 + n) from generate_series(1, $2) n returning id, phone)
         insert into travel.customers select right(phone, 7)::int - 1000000, id from made",
    )
    .bind(tenant)
    .bind(CUSTOMERS)
    .execute(owner)
    .await
    .unwrap();
    let acts: Vec<Value> = world.acts.iter().enumerate().map(|(n, act)| row(n, act)).collect();
    sqlx::query(
        "insert into travel.acts select * from jsonb_populate_recordset(null::travel.acts, $1)",
    )
    .bind(Json(acts))
    .execute(owner)
    .await
    .unwrap();
    for (what, outages) in [("worker", &world.workers_down), ("gateway", &world.gateway_down)] {
        let (down, up): (Vec<_>, Vec<_>) = outages.iter().copied().collect();
        sqlx::query("insert into travel.outages select $1, * from unnest($2::timestamptz[], $3::timestamptz[])")
            .bind(what)
            .bind(down)
            .bind(up)
            .execute(owner)
            .await
            .unwrap();
    }
    tenant
}

fn row(n: usize, act: &Act) -> Value {
    let rules = act.rules.as_ref();
    json!({
        "n": n, "at": act.at, "act": act.what, "booking": act.booking, "customer": act.customer,
        "staff": act.staff, "starts_at": act.starts_at,
        "reminders": rules.map(|rules| {
            rules.reminders.iter().map(|lead| format!("{} min", lead.num_minutes())).collect::<Vec<_>>()
        }),
        "quiet_from": rules.and_then(|rules| rules.quiet).map(|quiet| quiet.0),
        "quiet_until": rules.and_then(|rules| rules.quiet).map(|quiet| quiet.1),
        "zone": rules.map(|rules| rules.zone.name()),
    })
}

fn tenant(world: &World) -> String {
    let zone = world.rules[0].1.zone.name();
    let mut text = format!(
        "slug = \"year\"\nname = \"Year\"\nlocale = \"en-US\"\ntimezone = {zone:?}\ncurrency = \"USD\"\n\
         [instance]\nsend_gap = \"0ms\"\ntyping = false\n\
         [booking]\nquiet_hours = \"21:00-08:00\"\n[hours]\nmon = [\"00:00-24:00\"]\n\
         [[services]]\nkey = \"s\"\nname = \"S\"\nduration = \"30m\"\n"
    );
    for member in 0..STAFF {
        let _ = writeln!(
            text,
            "[[staff]]\nkey = \"m{member}\"\nname = \"M{member}\"\nservices = [\"s\"]"
        );
    }
    text
}

async fn run(program: &mut PgConnection, until: DateTime<Utc>) {
    // A literal: a procedure that commits is called by itself, in no transaction and no portal.
    let call = format!("call travel.go('{}')", until.to_rfc3339());
    sqlx::raw_sql(AssertSqlSafe(call)).execute(program).await.unwrap();
}

async fn sent_reminders(owner: &PgPool) -> BTreeMap<Reminder, DateTime<Utc>> {
    let sent: Vec<(i32, i32, i64, DateTime<Utc>)> = rows(
        owner,
        "select b.booking, o.booking_revision, (o.params ->> 'before')::bigint / 60, o.sent_at
           from app.outbound_messages o join travel.bookings b on b.id = o.booking_id
          where o.template = 'reminder' and o.status = 'sent'",
    )
    .await;
    let count = sent.len();
    let by_reminder: BTreeMap<_, _> = sent
        .into_iter()
        .map(|(booking, revision, before, at)| ((booking, revision, before), at))
        .collect();
    assert_eq!(by_reminder.len(), count, "a reminder was sent twice");
    by_reminder
}

fn assert_same(
    world: &World,
    expected: &BTreeMap<Reminder, DateTime<Utc>>,
    sent: &BTreeMap<Reminder, DateTime<Utc>>,
) {
    let about = |reminder: &Reminder| {
        let versions = world.versions.iter();
        let versions = versions.filter(|version| version.booking == reminder.0).collect::<Vec<_>>();
        let opted_out: Option<&Outage> = world.opted_out.get(&versions[0].customer);
        format!(
            "{reminder:?}: expected {:?}, sent {:?}; {versions:#?}, opted out {opted_out:?}",
            expected.get(reminder),
            sent.get(reminder)
        )
    };
    let other: Vec<_> = expected
        .keys()
        .chain(sent.keys())
        .filter(|&reminder| expected.get(reminder) != sent.get(reminder))
        .collect();
    if let Some(first) = other.first() {
        panic!(
            "{} of {} reminders differ, such as {}\nrules: {:#?}\nswitches: {:?}\nworkers down: {:?}\ngateway down: {:?}",
            other.len(),
            expected.len(),
            about(first),
            world.rules,
            world.switches,
            world.workers_down,
            world.gateway_down
        );
    }
}

async fn rows<T>(owner: &PgPool, sql: &'static str) -> Vec<T>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    sqlx::query_as(sql).fetch_all(owner).await.unwrap()
}
