//! How late reminders leave when a hundred come due in the same second: of five tenants, and all of
//! one, through workers and a simulated gateway in this process.
//!
//! `cargo bench --bench reminders` makes a database of its own on an embedded server, prints
//! lateness at the gateway's answer (p50, p99), and fails where p99 passes two seconds.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::ensure;
use pontual::channel::Channels;
use pontual::channel::whatsapp::client::Gateway;
use pontual::clock::Clock;
use pontual::db;
use pontual::domain::tenant_file;
use pontual::embedded::{Cluster, Options, Profile};
use pontual::gateway_sim::{self, Sim, SimConfig};
use pontual::jobs::{self, GatewayKeys, Settings, Workers};
use sqlx::PgPool;
use tokio::net::TcpListener;

const BOUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
const TENANTS: usize = 5;
const REMINDERS: i64 = 100;

fn main() -> anyhow::Result<()> {
    let state_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/.data");
    let cluster = Cluster::start(&Options::from_environment(state_dir, Profile::Ephemeral)?)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(run(&cluster.url("postgres")));
    cluster.stop_if_last()?;
    done
}

async fn run(url: &str) -> anyhow::Result<()> {
    let clock = Clock::default();
    let pool = db::connect(url, 12, clock).await?;
    db::migrate(&pool).await?;
    let sim = Sim::new(SimConfig { clock, ..SimConfig::fast() });
    for n in 0..TENANTS {
        let file = tenant_file::parse(&tenant(n)?).map_err(|e| anyhow::anyhow!("{e:?}"))?;
        db::tenants::apply(&pool, clock, &file).await?;
        sim.create_instance(&format!("tenant-{n}"), "http://127.0.0.1:9/nobody", &[]);
    }
    sqlx::query(
        "insert into app.customers (tenant_id, phone)
         select t.id, '+5511' || (900000000 + n) from app.tenants t, generate_series(1, 100) n",
    )
    .execute(&pool)
    .await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(gateway_sim::serve(listener, sim.clone()));
    let cx = jobs::Context {
        pool: pool.clone(),
        clock,
        gateway: Gateway::new(&base)?,
        keys: GatewayKeys::new(SimConfig::default().api_key, HashMap::new()),
        channels: Channels::default(),
        copies: db::Copies::default(),
        model: None,
    };
    let workers = Workers::start(cx, Settings { concurrency: 8 });
    for (what, tenants) in [("of five tenants", 5_i64), ("of one tenant", 1)] {
        let mut late = Vec::new();
        for round in 0..ROUNDS {
            late.extend(one_round(&pool, round, tenants).await?);
        }
        late.sort_by(f64::total_cmp);
        let (p50, p99) = (late[late.len() / 2], late[late.len() * 99 / 100]);
        println!(
            "{REMINDERS} reminders {what} due in the same second: p50 {p50:.3} s, p99 {p99:.3} s late"
        );
        if std::env::var_os("PROFILE").is_none() {
            ensure!(p99 <= BOUND.as_secs_f64(), "later than {BOUND:?}");
        }
    }
    if std::env::var_os("PROFILE").is_some() {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let rows: Vec<(String, i64, f64, f64)> = sqlx::query_as("select schemaname || '.' || funcname, calls, total_time, self_time from pg_stat_user_functions order by self_time desc limit 45").fetch_all(&pool).await?;
        for (f, c, t, s) in rows {
            println!("{f:45} {c:7} total {t:9.1} self {s:9.1}");
        }
    }
    workers.stop(Duration::from_secs(5)).await;
    ensure!(sim.sent().len() == ROUNDS * 200, "each once: {}", sim.sent().len());
    Ok(())
}

/// A hundred bookings whose reminders come due together some seconds from now; how many seconds
/// late each was accepted by the gateway.
async fn one_round(pool: &PgPool, round: usize, tenants: i64) -> anyhow::Result<Vec<f64>> {
    let mut tx = pool.begin().await?;
    sqlx::query("set local session_replication_role = replica").execute(&mut *tx).await?;
    let visits: Vec<uuid::Uuid> = sqlx::query_scalar(
        "insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, ends_at, blocked, lane,
                                   status, visit_id, code, confirmed_at)
         select c.tenant_id, c.id, s.id, m.id, l.at, l.at + '1 second', tstzrange(l.at, l.at + '1 second'), c.n,
                'confirmed', gen_random_uuid(), 'R' || $1 || '-' || $2 || '-' || c.n, app.now() - interval '1 day'
           from (select t.id, row_number() over (order by t.slug) as place from app.tenants t) t
           join lateral (select x.tenant_id, x.id, row_number() over (order by x.id) as n
                           from app.customers x where x.tenant_id = t.id) c on c.n <= $3 / $2
           join app.services s on s.tenant_id = t.id
           join app.staff m on m.tenant_id = t.id
           cross join lateral (select date_trunc('second', app.now() + interval '1 hour 5 seconds') as at) l
          where t.place <= $2
         returning visit_id",
    )
    .bind(i32::try_from(round)?)
    .bind(tenants)
    .bind(REMINDERS)
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query("set local session_replication_role = origin").execute(&mut *tx).await?;
    sqlx::query(
        "select app.plan_visits(tenant_id, array_agg(visit_id)) from app.bookings where visit_id = any ($1) group by tenant_id",
    )
    .bind(&visits)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    loop {
        let late: Vec<f64> = sqlx::query_scalar(
            "select extract(epoch from o.sent_at - s.due_at)::float8
               from app.bookings b
               join app.scheduled_notifications s on s.tenant_id = b.tenant_id and s.booking_id = b.id
               join app.outbound_messages o on o.tenant_id = s.tenant_id and o.id = s.outbound_message_id
              where b.visit_id = any ($1) and o.sent_at is not null",
        )
        .bind(&visits)
        .fetch_all(pool)
        .await?;
        if late.len() == visits.len() {
            return Ok(late);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn tenant(n: usize) -> anyhow::Result<String> {
    let mut text = String::new();
    write!(
        text,
        "slug = \"tenant-{n}\"\nname = \"Tenant {n}\"\nlocale = \"pt-BR\"\ntimezone = \"America/Sao_Paulo\"\n\
         currency = \"BRL\"\n[instance]\nsend_gap = \"0ms\"\ntyping = false\n\
         [booking]\nreminders = [\"1h\"]\n[hours]\nmon = [\"00:00-24:00\"]\n\
         [[services]]\nkey = \"s\"\nname = \"S\"\nduration = \"1s\"\ncapacity = 1000\n\
         [[staff]]\nkey = \"m\"\nname = \"M\"\nservices = [\"s\"]\n"
    )?;
    Ok(text)
}
