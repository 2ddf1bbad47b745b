//! The whole program in one test: web, workers and a simulated gateway around a database.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use pontual::channel::Channels;
use pontual::channel::whatsapp::client::Gateway;
use pontual::clock::Clock;
use pontual::db;
use pontual::domain::tenant_file::{self, TenantFile};
use pontual::gateway_sim::{self, Sim, SimConfig};
use pontual::http::{self, App};
use pontual::jobs::{Context, GatewayKeys, Settings, Workers};
use pontual::llm::Model;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::database::TestDb;

/// What the webhook of these tests wants to see.
pub(crate) const SECRET: &str = "a-secret-of-the-tests";
/// Long enough for a slow machine; nothing passes or fails by it being reached.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Whoever connects from now on, psql too, has this clock, as `pontual dev --clock` has it.
async fn tell_everybody(db: &TestDb, clock: Clock) {
    let first = db::connect(&db.url_owner(), 1, Clock::default()).await.unwrap();
    let name: String =
        sqlx::query_scalar("select current_database()::text").fetch_one(&first).await.unwrap();
    let offset = clock.offset().num_seconds();
    sqlx::raw_sql(AssertSqlSafe(format!(
        "alter database {name} set app.clock_offset = '{offset}s'"
    )))
    .execute(&first)
    .await
    .unwrap();
    first.close().await;
}

/// Tuesday 10 March 2026, 10:00 in São Paulo: the day of the conversation design's scripts.
pub(crate) fn tuesday_at_ten() -> DateTime<Utc> {
    "2026-03-10T13:00:00Z".parse().unwrap()
}

const SEEDS: [&str; 3] = ["luna-salon", "studio-lua", "salon-luna"];

/// A demo tenant as its file says.
pub(crate) fn tenant(slug: &str) -> TenantFile {
    let path = format!("{}/sql/seeds/{slug}.toml", env!("CARGO_MANIFEST_DIR"));
    tenant_file::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Web and a simulated gateway with the tenants' instances, and where both answer.
async fn serve(pool: &PgPool, clock: Clock) -> (Sim, String) {
    let sim = Sim::new(SimConfig { clock, ..SimConfig::fast() });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    for seed in SEEDS {
        let webhook = format!("{base}/webhooks/evolution");
        sim.create_instance(&tenant(seed).instance.name, &webhook, &[("jwt_key", SECRET)]);
    }
    let app = App { pool: pool.clone(), clock, webhook_secrets: vec![SECRET.to_owned()].into() };
    let router = http::router(app)
        .merge(http::sim::router(http::sim::SimPage { pool: pool.clone(), clock }))
        .nest("/gateway-sim", gateway_sim::router(sim.clone()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (sim, base)
}

pub(crate) struct Stack {
    pub(crate) db: TestDb,
    /// Connected as the program is, with its clock.
    pub(crate) pool: PgPool,
    pub(crate) clock: Clock,
    pub(crate) sim: Sim,
    /// Where web and gateway answer, such as `http://127.0.0.1:40001`.
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    /// E-mail and SMS, which a test may set up before it starts workers.
    pub(crate) channels: Channels,
    /// What workers started from now on remember.
    pub(crate) copies: db::Copies,
    /// Asked by workers started from now on, for tenants that have it switched on.
    pub(crate) model: Option<Model>,
    workers: Vec<Workers>,
}

impl Stack {
    /// Everything but workers, at the scripts' time, with the three demo tenants.
    pub(crate) async fn new() -> Self {
        Self::at(Clock::starting_at(tuesday_at_ten())).await
    }

    pub(crate) async fn at(clock: Clock) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let db = TestDb::new().await;
        tell_everybody(&db, clock).await;
        let pool = db::connect(&db.url_app(), 24, clock).await.unwrap();
        for seed in SEEDS {
            db::tenants::apply(&pool, clock, &tenant(seed)).await.unwrap();
        }
        // Nobody waits for typing in a test, or for the gap between two messages.
        sqlx::query("update app.instances set typing = false, send_gap = '0'")
            .execute(&db.owner)
            .await
            .unwrap();
        // Nor for what else somebody might write.
        sqlx::query("update app.tenants set burst_window = '0'").execute(&db.owner).await.unwrap();
        let (sim, base) = serve(&pool, clock).await;
        Self {
            db,
            pool,
            clock,
            sim,
            base,
            http: reqwest::Client::new(),
            channels: Channels::default(),
            copies: db::Copies::default(),
            model: None,
            workers: Vec::new(),
        }
    }

    /// Ends the whole program and starts it again on the same database with another clock: workers,
    /// web and an empty gateway. Whoever looked on as owner has the new clock too.
    pub(crate) async fn restart_at(&mut self, clock: Clock) {
        let pools = self.workers.len();
        self.stop_working().await;
        tell_everybody(&self.db, clock).await;
        // What the old gateway still tells finds nobody: it tries again for a while and gives up.
        self.pool.close().await;
        self.db.owner.close().await;
        self.db.owner = db::connect(&self.db.url_owner(), 5, clock).await.unwrap();
        self.pool = db::connect(&self.db.url_app(), 24, clock).await.unwrap();
        self.clock = clock;
        (self.sim, self.base) = serve(&self.pool, clock).await;
        for _ in 0..pools {
            self.work();
        }
    }

    /// What jobs work with.
    pub(crate) fn context(&self) -> Context {
        let gateway =
            Gateway::with_patience(&format!("{}/gateway-sim", self.base), Duration::from_secs(2));
        Context {
            pool: self.pool.clone(),
            clock: self.clock,
            gateway: gateway.unwrap(),
            keys: GatewayKeys::new(SimConfig::default().api_key, HashMap::new()),
            channels: self.channels.clone(),
            copies: self.copies.clone(),
            model: self.model.clone(),
        }
    }

    /// Starts one more pool of workers, as another process would.
    pub(crate) fn work(&mut self) -> &mut Self {
        self.workers.push(Workers::start(self.context(), Settings { concurrency: 4 }));
        self
    }

    pub(crate) async fn stop_working(&mut self) {
        for workers in self.workers.drain(..) {
            workers.stop(PATIENCE).await;
        }
    }

    pub(crate) async fn tenant(&self, slug: &str) -> Uuid {
        sqlx::query_scalar("select app.tenant_named($1)")
            .bind(slug)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Posts a body to the webhook with the secret; status and answer.
    pub(crate) async fn deliver(&self, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let answer = self
            .http
            .post(format!("{}/webhooks/evolution", self.base))
            .header("x-webhook-secret", SECRET)
            .body(body)
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// The customer writes; the next answer comes back.
    pub(crate) async fn say(&self, instance: &str, phone: &str, text: &str) -> String {
        let written = self.sim.customer_writes(instance, phone, "Marina", text).await.unwrap();
        assert_eq!(written.status, Some(200), "{text}");
        match self.sim.wait_for_reply(instance, phone, &written.id, PATIENCE).await {
            Some(reply) => reply.text,
            None => panic!("no answer to {text:?}; jobs: {:#?}", self.jobs().await),
        }
    }

    /// Every job that is not done.
    pub(crate) async fn jobs(&self) -> Vec<Value> {
        sqlx::query_scalar("select to_jsonb(j) from ops.jobs j where state <> 'done' order by id")
            .fetch_all(&self.db.owner)
            .await
            .unwrap()
    }

    /// What maintenance does every few seconds, done now and until nothing is left to do.
    ///
    /// A worker that tidies in this moment has the lock, and what it finds is there only once it
    /// has committed: null is no answer.
    pub(crate) async fn maintain(&self) {
        let mut done = None::<Value>;
        while done.is_none() {
            done =
                sqlx::query_scalar("select queue.maintain()").fetch_one(&self.pool).await.unwrap();
        }
        self.settle().await;
    }

    /// Waits until nothing is due, running or open; looks every few milliseconds.
    pub(crate) async fn settle(&self) {
        let quiet = async {
            loop {
                let busy: i64 = sqlx::query_scalar(
                    "select (select count(*) from ops.jobs where state in ('waiting', 'running'))
                          + (select count(*) from ops.jobs where state = 'scheduled' and kind <> 'send_reminder')
                          + (select count(*) from app.outbound_messages where status in ('queued', 'sending', 'unknown'))",
                )
                .fetch_one(&self.db.owner)
                .await
                .unwrap();
                if busy == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, quiet).await;
        assert!(settled.is_ok(), "work goes on: {:#?}", self.jobs().await);
    }

    /// One value, read as a DBA does.
    pub(crate) async fn value<T>(&self, sql: &'static str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        sqlx::query_scalar(sql).fetch_one(&self.db.owner).await.unwrap()
    }

    /// What must never be.
    pub(crate) async fn violations(&self) -> Vec<Value> {
        sqlx::query_scalar("select to_jsonb(v) from ops.invariant_violations v")
            .fetch_all(&self.db.owner)
            .await
            .unwrap()
    }
}
