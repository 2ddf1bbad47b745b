//! `pontual dev`: everything in one process, nothing set up by hand.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use clap::Args;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::asked_to_stop;
use super::serve::{LAST_REQUESTS, bind, close, serve};
use crate::channel::whatsapp::client::Gateway;
use crate::clock::Clock;
use crate::config::Environment;
use crate::db;
use crate::domain::tenant_file::{self, TenantFile};
use crate::embedded::{Cluster, Options, Profile};
use crate::gateway_sim::{self, Sim, SimConfig};
use crate::http::{self, App, sim::SimPage};
use crate::jobs::{self, GatewayKeys, Settings, Workers};

/// The database of the embedded server.
const DATABASE: &str = "pontual";
/// The login that web and workers use there: as in a deployment, a member of `pontual_app` alone.
const LOGIN: &str = "pontual_dev";
const CONNECTIONS: u32 = 24;
const CONCURRENCY: usize = 8;

/// How long jobs may go on after Ctrl-C: somebody waits at a terminal. The rest is in the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the simulated gateway answers, beside everything else.
const GATEWAY: &str = "/gateway-sim";

/// Tenants to play with; also examples of tenant files.
const DEMO: [(&str, &str); 3] = [
    ("luna-salon.toml", include_str!("../../sql/seeds/luna-salon.toml")),
    ("studio-lua.toml", include_str!("../../sql/seeds/studio-lua.toml")),
    ("salon-luna.toml", include_str!("../../sql/seeds/salon-luna.toml")),
];

/// `pontual dev`
#[derive(Debug, Args)]
pub(super) struct Dev {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where the embedded database keeps its files
    #[arg(long, value_name = "DIR", default_value = ".data")]
    data_dir: PathBuf,
    /// Use a fresh database and remove it at the end
    #[arg(long)]
    ephemeral: bool,
    /// Start at this instant, such as 2026-03-10T10:00:00-03:00; time runs on from there
    #[arg(long, value_name = "RFC3339")]
    clock: Option<DateTime<Utc>>,
}

/// Where the database is, and what keeps it running.
struct Database {
    /// For migrations, and for people with psql.
    owner_url: String,
    /// For web and workers.
    runtime_url: String,
    cluster: Option<Cluster>,
}

/// Runs everything until asked to stop.
pub(super) async fn run(dev: Dev, environment: &Environment) -> anyhow::Result<()> {
    let clock = dev.clock.map_or_else(|| environment.clock(), |at| Ok(Clock::starting_at(at)))?;
    // First, so that it is dropped last, when nothing of ours is in the directory any more.
    let _folder = Folder::of(&dev);
    let _alone = alone_on_data_dir(&dev, environment)?;
    let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, dev.port))).await?;
    let base = format!("http://{}", listener.local_addr()?);
    let database = start_database(&dev, environment).await?;

    let note = note_url(&dev.data_dir, &database);
    let outcome = run_on(&database, listener, &base, clock, environment).await;
    drop(note);
    if let Some(cluster) = database.cluster {
        tokio::task::spawn_blocking(move || cluster.stop_if_last()).await??;
    }
    outcome
}

/// Starts everything on a database, waits, and stops it again: when this returns, nobody needs the
/// database any more.
async fn run_on(
    database: &Database,
    listener: TcpListener,
    base: &str,
    clock: Clock,
    environment: &Environment,
) -> anyhow::Result<()> {
    // One for the whole run: a second one would hear the same signal and not wait for the workers.
    let mut asked = pin!(asked_to_stop());
    let running = tokio::select! {
        running = Running::start(database, listener, base, clock, environment) => running?,
        stopped = &mut asked => return stopped, // before everything was up
    };
    let stopped = asked.await;
    tracing::info!("stopping");
    running.stop().await?;
    stopped
}

/// Web, workers and gateway.
struct Running {
    pool: PgPool,
    workers: Workers,
    serving: JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl Running {
    async fn start(
        database: &Database,
        listener: TcpListener,
        base: &str,
        clock: Clock,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let owner = db::connect(&database.owner_url, 2, clock).await?;
        prepare(&owner, clock, database.cluster.is_some()).await.context(
            "the database could not be prepared; --ephemeral or another --data-dir starts with a fresh one",
        )?;
        let pool = db::connect(&database.runtime_url, CONNECTIONS, clock).await?;
        let demo = environment.var("PONTUAL_DEMO") != Some("0");
        let mut instances = Vec::new();
        for (name, text) in DEMO.iter().filter(|_| demo) {
            let file = parse(name, text)?;
            db::tenants::apply(&pool, clock, &file).await?;
            instances.push(file.instance.name.clone());
        }
        owner.close().await;

        let mut made = None;
        let secrets = if environment.var("EVOLUTION_WEBHOOK_SECRETS").is_some() {
            environment.webhook_secrets()?
        } else {
            vec![made.insert(random_secret()?).clone()]
        };
        let gateway_key = random_secret()?;
        let simulator =
            Sim::new(SimConfig { api_key: gateway_key.clone(), clock, ..SimConfig::default() });
        for instance in &instances {
            let webhook = format!("{base}/webhooks/evolution");
            simulator.create_instance(instance, &webhook, &[("jwt_key", &secrets[0])]);
        }
        let router = routes(&pool, clock, secrets, simulator.clone());
        let gateway = Gateway::new(&format!("{base}{GATEWAY}"))?;
        let keys = GatewayKeys::new(gateway_key.clone(), HashMap::new());
        let channels = environment.channels()?;
        let copies = environment.copies()?;
        let model = environment.model()?;

        // From here on nothing fails or waits, so that what was started is always stopped.
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router, stop.clone(), LAST_REQUESTS));
        for instance in &instances {
            // As a gateway reports a number that has just connected.
            simulator.set_instance_state(instance, "open");
        }
        let workers = Workers::start(
            jobs::Context { pool: pool.clone(), clock, gateway, keys, channels, copies, model },
            Settings { concurrency: CONCURRENCY },
        )
        .watching();
        announce(base, database, made.as_deref(), &gateway_key, demo, clock);
        Ok(Self { pool, workers, serving, stop })
    }

    /// The gateway is served until the workers are done with it.
    async fn stop(self) -> anyhow::Result<()> {
        self.workers.stop(PATIENCE).await;
        self.stop.cancel();
        let served = self.serving.await;
        close(&self.pool).await;
        served?
    }
}

/// The data directory of an ephemeral run, which leaves no trace: if it was not there before, and
/// nothing was put into it, it goes.
struct Folder(PathBuf);

impl Folder {
    fn of(dev: &Dev) -> Option<Self> {
        (dev.ephemeral && !dev.data_dir.exists()).then(|| Self(dev.data_dir.clone()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Fails where there is something in it.
        std::fs::remove_dir(&self.0).ok();
    }
}

/// Holds the data directory for this process, as long as the file is open: two would share a
/// database, and the jobs in it, with a simulated gateway and perhaps a clock of each one's own.
///
/// None where the database is not of the directory alone.
fn alone_on_data_dir(dev: &Dev, environment: &Environment) -> anyhow::Result<Option<File>> {
    // What is another program's is refused as it is, and not written to before.
    let foreign = dev.data_dir.join("PG_VERSION").exists();
    if dev.ephemeral || foreign || environment.var("DATABASE_URL").is_some() {
        return Ok(None);
    }
    let shown = dev.data_dir.display();
    let open = || {
        std::fs::create_dir_all(&dev.data_dir)?;
        OpenOptions::new().create(true).append(true).open(dev.data_dir.join("dev.lock"))
    };
    let lock = open().with_context(|| format!("cannot use the data directory {shown}"))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => bail!(
            "another `pontual dev` uses the data directory {shown}; stop it, or use --ephemeral or \
             another --data-dir"
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock the data directory {shown}"))
        }
    }
}

/// The file `DIR/database-url`, for `just psql`: there while we run.
struct Note(PathBuf);

impl Drop for Note {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Notes the URL of the embedded database; an address that was given is known already, and may
/// hold a password.
fn note_url(data_dir: &Path, database: &Database) -> Option<Note> {
    database.cluster.as_ref()?;
    let path = data_dir.join("database-url");
    match std::fs::write(&path, &database.owner_url) {
        Ok(()) => Some(Note(path)),
        Err(error) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "no note of the database's address"
            );
            None
        }
    }
}

/// Starts the embedded server, unless `DATABASE_URL` names one.
async fn start_database(dev: &Dev, environment: &Environment) -> anyhow::Result<Database> {
    if let Some(url) = environment.var("DATABASE_URL") {
        let owner_url = environment.owner_database_url()?.to_owned();
        return Ok(Database { owner_url, runtime_url: url.to_owned(), cluster: None });
    }
    let profile = if dev.ephemeral { Profile::Ephemeral } else { Profile::Dev };
    let options = Options::from_environment(&dev.data_dir, profile)?;
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&options)).await??;
    let maintenance = db::connect(&cluster.url("postgres"), 1, Clock::default()).await?;
    let there: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(DATABASE)
            .fetch_one(&maintenance)
            .await?;
    if !there {
        sqlx::query(AssertSqlSafe(format!("create database {DATABASE}")))
            .execute(&maintenance)
            .await?;
    }
    maintenance.close().await;
    Ok(Database {
        owner_url: cluster.url(DATABASE),
        runtime_url: cluster.url_as(LOGIN, DATABASE),
        cluster: Some(cluster),
    })
}

/// Migrates; on our own server also makes the runtime's login, and tells psql what time it is.
async fn prepare(owner: &PgPool, clock: Clock, ours: bool) -> anyhow::Result<()> {
    db::migrate(owner).await?;
    if !ours {
        return Ok(());
    }
    sqlx::raw_sql(AssertSqlSafe(format!(
        "do $$ begin
           if not exists (select from pg_roles where rolname = '{LOGIN}') then
             create role {LOGIN} login in role pontual_app;
           end if;
         end $$;
         alter database {DATABASE} set app.clock_offset = '{}s'",
        clock.offset().num_seconds()
    )))
    .execute(owner)
    .await?;
    Ok(())
}

fn parse(name: &str, text: &str) -> anyhow::Result<TenantFile> {
    tenant_file::parse(text).map_err(|problems| {
        let first =
            problems.first().map(|problem| format!("{}: {}", problem.field, problem.reason));
        anyhow::anyhow!("the demo tenant {name} is wrong: {}", first.unwrap_or_default())
    })
}

fn routes(pool: &PgPool, clock: Clock, secrets: Vec<String>, simulator: Sim) -> Router {
    let app = App { pool: pool.clone(), clock, webhook_secrets: secrets.into() };
    http::router(app)
        .merge(http::sim::router(SimPage { pool: pool.clone(), clock }))
        .nest(GATEWAY, gateway_sim::router(simulator))
        .route("/", get(|| async { Redirect::temporary("/sim") }))
}

/// 256 random bits, in signs that need no quoting.
fn random_secret() -> anyhow::Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What the newcomer reads first; on standard output, so that scripts can too.
fn announce(
    base: &str,
    database: &Database,
    secret: Option<&str>,
    gateway_key: &str,
    demo: bool,
    clock: Clock,
) {
    println!("Pontual is ready.");
    println!("  chat      {base}/sim");
    println!("  api       {base}/api/v1/openapi.json");
    if demo {
        println!("  key       {}", key_command(database));
    }
    println!("  health    {base}/health/ready");
    println!("  webhook   {base}/webhooks/evolution");
    if let Some(secret) = secret {
        println!("  secret    {secret}  (x-webhook-secret; made for this run)");
    }
    println!("  gateway   EVOLUTION_API_URL={base}{GATEWAY} EVOLUTION_API_KEY={gateway_key}");
    println!("  database  {}", database.owner_url);
    if !clock.offset().is_zero() {
        println!("  clock     {}", clock.now().to_rfc3339());
    }
    println!("Ctrl-C stops everything.");
}

/// What makes a key of the API for a demo tenant, to be pasted into a shell. A database that was
/// named in the environment is named there for the command too.
fn key_command(database: &Database) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "pontual".to_owned());
    let create = format!("{program} key create --tenant studio-lua --name me");
    match database.cluster {
        Some(_) => format!("DATABASE_URL='{}' {create}", database.owner_url),
        None => create,
    }
}
