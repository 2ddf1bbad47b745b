//! What a question about free times costs with a million bookings behind it: one round trip for the
//! catalogue and what is taken of 30 days, as the runtime role under row-level security, and the
//! free slots made of it.
//!
//! `cargo bench --bench round_trip` makes a database of its own on an embedded server, fills it,
//! prints the times and the plan, and fails where the median passes 10 ms. `PONTUAL_BENCH_BOOKINGS`
//! sets another number of bookings.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use pontual::clock::Clock;
use pontual::db::{self, TenantTx};
use pontual::domain::availability::free_slots;
use pontual::domain::catalogue::{Catalogue, Span};
use pontual::domain::tenant_file;
use pontual::embedded::{Cluster, Options, Profile};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

const BOUND: Duration = Duration::from_millis(10);
const ROUNDS: usize = 300;
/// Each has a tenth of all bookings.
const TENANTS: usize = 10;
const STAFF: usize = 10;
/// Of each tenant, in the 30 days to come.
const AHEAD: i64 = 2_000;
const DAYS: i64 = 30;

fn main() -> anyhow::Result<()> {
    let bookings: i64 = match std::env::var("PONTUAL_BENCH_BOOKINGS") {
        Ok(number) => number.parse().context("PONTUAL_BENCH_BOOKINGS")?,
        Err(_) => 1_000_000,
    };
    let state_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/.data");
    let cluster = Cluster::start(&Options::from_environment(state_dir, Profile::Ephemeral)?)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(run(&cluster.url("postgres"), bookings));
    cluster.stop_if_last()?;
    done
}

async fn run(url: &str, bookings: i64) -> anyhow::Result<()> {
    // Monday 9 March 2026, 10:00 in São Paulo.
    let now: DateTime<Utc> = "2026-03-09T13:00:00Z".parse()?;
    let clock = Clock::starting_at(now);
    let pool = db::connect(url, 4, clock).await?;
    db::migrate(&pool).await?;
    let mut tenants = Vec::new();
    for n in 0..TENANTS {
        let file = tenant_file::parse(&tenant_toml(n)).map_err(|e| anyhow::anyhow!("{e:?}"))?;
        tenants.push(db::tenants::apply(&pool, clock, &file).await?);
    }
    let begun = Instant::now();
    fill(&pool, now, bookings / i64::try_from(TENANTS)?).await?;
    let there: i64 =
        sqlx::query_scalar("select count(*) from app.bookings").fetch_one(&pool).await?;
    println!("{there} bookings of {TENANTS} tenants made in {:.0?}", begun.elapsed());

    let tenant = tenants[TENANTS / 2];
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        rounds.push(round(&pool, tenant, now).await?);
    }
    let median = report(&rounds);
    print_plan(&pool, tenant, now).await?;
    pool.close().await;
    ensure!(median <= BOUND, "the median of {median:.1?} is over the bound of {BOUND:?}");
    Ok(())
}

/// What one question took.
struct Round {
    /// Transaction, catalogue and what is taken, from asking to having read the answer.
    database: Duration,
    slots: Duration,
    taken: usize,
    free: usize,
}

async fn round(pool: &PgPool, tenant: Uuid, now: DateTime<Utc>) -> anyhow::Result<Round> {
    let begun = Instant::now();
    let within = Span { start: now, end: now + TimeDelta::days(DAYS) };
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    let Json(catalogue): Json<Catalogue> =
        sqlx::query_scalar("select app.catalogue()").fetch_one(db.conn()).await?;
    let busy = db::busy(&mut db, within, None, &[]).await?;
    db.rollback().await?;
    let database = begun.elapsed();
    let begun = Instant::now();
    let free =
        black_box(free_slots(&catalogue, &catalogue.services[0], None, within, now, &busy)).len();
    Ok(Round { database, slots: begun.elapsed(), taken: busy.len(), free })
}

/// Prints the times; the median of the whole.
fn report(rounds: &[Round]) -> Duration {
    let row = |name: &str, part: fn(&Round) -> Duration| {
        let mut took: Vec<_> = rounds.iter().map(part).collect();
        took.sort_unstable();
        let [median, most] = [took.len() / 2, took.len() * 99 / 100].map(|at| took[at]);
        println!("{name:32} {:>9.2?} {:>9.2?} {most:>9.2?}", took[0], median);
        median
    };
    println!("{:32} {:>9} {:>9} {:>9}", "", "least", "median", "p99");
    row("catalogue and 30 days of bookings", |round| round.database);
    row("free slots of 30 days", |round| round.slots);
    let whole = row("together", |round| round.database + round.slots);
    println!("{} bookings taken, {} slots free, {STAFF} staff", rounds[0].taken, rounds[0].free);
    whole
}

fn tenant_toml(n: usize) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "slug = \"salon-{n}\"\nname = \"Salon {n}\"\nlocale = \"pt-BR\"\n\
         timezone = \"America/Sao_Paulo\"\ncurrency = \"BRL\"\n\
         [instance]\nname = \"salon-{n}\"\n[booking]\nhorizon = \"60d\"\n[hours]\n"
    );
    for day in ["mon", "tue", "wed", "thu", "fri", "sat"] {
        let _ = writeln!(text, "{day} = [\"09:00-12:00\", \"13:00-18:00\"]");
    }
    for service in 0..6 {
        let _ = writeln!(
            text,
            "[[services]]\nkey = \"s{service}\"\nname = \"Service {service}\"\nduration = \"45m\""
        );
    }
    for member in 0..STAFF {
        let _ = writeln!(
            text,
            "[[staff]]\nkey = \"m{member}\"\nname = \"Member {member}\"\n\
             services = [\"s0\", \"s1\", \"s2\", \"s3\", \"s4\", \"s5\"]"
        );
    }
    text
}

/// `each` bookings for every tenant, triggers off: of each member of staff one an hour, the last
/// ones in the days to come.
async fn fill(pool: &PgPool, now: DateTime<Utc>, each: i64) -> sqlx::Result<()> {
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql(
        "set session_replication_role = replica;
         insert into app.customers (tenant_id, phone)
         select t.id, '+5511' || (100000000 + n) from app.tenants t, generate_series(1, 5000) n",
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane,
                                   status, visit_id, code, confirmed_at)
         select t.id, c.ids[1 + n % 5000], s.ids[1 + n % 6], f.ids[1 + n % cardinality(f.ids)], l.at, l.at + '45 minutes',
                tstzrange(l.at, l.at + '45 minutes'), 1,
                case when n > $2 - $3 then 'confirmed' when n % 7 = 0 then 'cancelled'
                     when n % 19 = 0 then 'no_show' else 'completed' end,
                gen_random_uuid(), 'B' || n, l.at
           from app.tenants t
           join lateral (select array_agg(id) as ids from app.customers x where x.tenant_id = t.id) c on true
           join lateral (select array_agg(id) as ids from app.services x where x.tenant_id = t.id) s on true
           join lateral (select array_agg(id) as ids from app.staff x where x.tenant_id = t.id) f on true
           cross join generate_series(1, $2::bigint) n
           cross join lateral (
             select $1::timestamptz + (n - ($2 - $3)) / cardinality(f.ids) * (case when n > $2 - $3
               then interval '30 days' / ($3 / cardinality(f.ids)) else interval '1 hour' end) as at) l",
    )
    .bind(now)
    .bind(each)
    .bind(AHEAD.min(each))
    .execute(&mut *connection)
    .await?;
    // Each alone: together they would be a transaction, in which no vacuum runs.
    for sql in ["reset session_replication_role", "vacuum analyze"] {
        sqlx::raw_sql(sql).execute(&mut *connection).await?;
    }
    Ok(())
}

/// How the database finds what is taken, with times and pages read.
async fn print_plan(pool: &PgPool, tenant: Uuid, now: DateTime<Utc>) -> anyhow::Result<()> {
    // Its text with values in the places of its parameters.
    let text: String =
        sqlx::query_scalar("select prosrc from pg_proc where proname = 'busy_times'")
            .fetch_one(pool)
            .await?;
    let [from, until] =
        [now, now + TimeDelta::days(DAYS)].map(|at| format!("'{}'::timestamptz", at.to_rfc3339()));
    let query = text.split_once("return query").and_then(|(_, rest)| rest.rsplit_once(';'));
    let text = query.context("app.busy_times is no single query any more")?.0.to_owned();
    let text = text
        .replace("without_holds_of", "null::uuid")
        .replace("span_from", &from)
        .replace("span_until", &until)
        .replace("(moving)", "('{}'::uuid[])");
    let mut db = TenantTx::begin(pool, tenant, now).await?;
    let plan: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(format!("explain (analyze, buffers, costs off) {text}")))
            .fetch_all(db.conn())
            .await?;
    println!("{}", plan.join("\n"));
    ensure!(
        plan.iter().any(|line| line.contains("bookings_busy"))
            && !plan.iter().any(|line| line.contains("Seq Scan on bookings")),
        "the plan reads more than it needs"
    );
    Ok(())
}
