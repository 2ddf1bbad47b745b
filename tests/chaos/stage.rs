//! What the crash test plays on: a cluster, a gateway and the processes of a deployment, which are
//! started again whenever they are gone.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use pontual::clock::Clock;
use pontual::domain::tenant_file::{self, Member, Service, TenantFile};
use pontual::embedded::{Cluster, Options, Profile};
use pontual::gateway_sim::{self, Sim, SimConfig};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::dice::Dice;
use crate::road::Road;
use crate::sabotage::{self, Sabotage};

const SECRET: &str = "a-secret-of-the-crash-test";
const DATABASE: &str = "pontual";
const LOGIN: &str = "chaos_app";
/// The tenants, one a language; each is also the name of its instance.
pub(crate) const TENANTS: [&str; 3] = ["luna-salon", "studio-lua", "salon-luna"];
pub(crate) const WEBS: usize = 2;
pub(crate) const WORKERS: usize = 3;
/// Seconds by which the workers' clocks are apart from everybody else's.
const APART: [i64; WORKERS] = [-3, 0, 4];
/// How often it is looked whether a process is gone.
const WATCH: Duration = Duration::from_millis(50);
/// How long a process, a server or a query may take to come; nothing is measured by it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Notes who takes which job, and when, by the server's clock.
const WATCH_JOBS: &str = "
    create schema chaos;
    create table chaos.taken (job_id text not null, process text, at timestamptz not null);
    create function chaos.note_taking() returns trigger language plpgsql security definer set search_path = '' as $$
    begin
      insert into chaos.taken values (new.id, current_setting('chaos.process', true), clock_timestamp());
      return null;
    end $$;
    create trigger chaos_taking after update of lock_by on apalis.jobs
      for each row when (new.lock_by is not null and new.lock_by is distinct from old.lock_by)
      execute function chaos.note_taking()";

pub(crate) struct Stage {
    /// By this clock web, gateway and database live: Tuesday 10 March 2026, 10:00 in São Paulo.
    pub(crate) clock: Clock,
    pub(crate) sim: Sim,
    pub(crate) road: Road,
    /// As superuser; each query may meet a server that is away.
    pub(crate) owner: PgPool,
    pub(crate) programs: Arc<Programs>,
    supervisor: JoinHandle<()>,
    cluster: Mutex<Option<Cluster>>,
    options: Options,
    folder: Folder,
}

impl Stage {
    /// Starts everything and waits until the web processes answer.
    pub(crate) async fn new(seed: u64, sabotage: Option<&Sabotage>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = Folder::new();
        let options = Options::from_environment(folder.0.join("state"), Profile::Dev).unwrap();
        let cluster = blocking(&options).await;
        let tuesday: DateTime<Utc> = "2026-03-10T13:00:00Z".parse().unwrap();
        let clock = Clock::starting_at(tuesday);
        let owner = prepare(&cluster, clock, sabotage).await;

        let ports: Vec<u16> = (0..WEBS).map(|_| free_port()).collect();
        let road = Road::new(ports.clone(), Dice::of(seed, 1));
        let webhook = format!("{}/webhooks/evolution", serve(road.router()).await);
        let config = SimConfig {
            clock,
            // Real pauses are 5, 10, 20 … 300 s.
            retry_scale: 0.02,
            webhook_timeout: Duration::from_secs(3),
            chat_messages: 100_000,
            total_messages: 1_000_000,
            sent_records: 1_000_000,
            ..SimConfig::fast()
        };
        let key = config.api_key.clone();
        let sim = Sim::new(config);
        let gateway = serve(gateway_sim::router(sim.clone())).await;
        for tenant in TENANTS {
            sim.create_instance(tenant, &webhook, &[("jwt_key", SECRET)]);
        }
        without_echoes(&gateway, &key, TENANTS[0], &webhook).await;
        let url = cluster.url_as(LOGIN, DATABASE);
        let programs = Programs::start(Surroundings {
            folder: folder.0.clone(),
            database: url,
            gateway,
            key,
            ports,
            offset: clock.offset().num_seconds(),
            turn: usize::try_from(seed % 3).unwrap(),
        });
        let supervisor = tokio::spawn(Arc::clone(&programs).keep());
        let cluster = Mutex::new(Some(cluster));
        let stage =
            Self { clock, sim, road, owner, programs, supervisor, cluster, options, folder };
        stage.until_web_answers().await;
        stage
    }

    async fn until_web_answers(&self) {
        let http = reqwest::Client::new();
        for port in &self.programs.around.ports {
            let url = format!("http://127.0.0.1:{port}/health/ready");
            let limit = Instant::now() + PATIENCE;
            while !http.get(&url).send().await.is_ok_and(|answer| answer.status() == 200) {
                assert!(Instant::now() < limit, "no web; logs: {}", self.folder.0.display());
                tokio::time::sleep(WATCH).await;
            }
        }
    }

    /// Ends the server as `pg_ctl stop -m immediate` does, and starts it again; when it was away.
    pub(crate) async fn restart_postgres(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let from = Clock::default().now();
        let old = self.cluster.lock().unwrap().take().unwrap();
        let pid = old.server_pid().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::QUIT).unwrap();
        let limit = Instant::now() + PATIENCE;
        while old.server_pid().is_some() {
            assert!(Instant::now() < limit, "the server outlives an immediate stop");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // A share of the same cluster: whoever comes next starts its server again.
        let new = blocking(&self.options).await;
        drop(old);
        *self.cluster.lock().unwrap() = Some(new);
        (from, Clock::default().now())
    }

    /// Rows of a query, asked again while the server is away.
    pub(crate) async fn rows<T>(&self, sql: &str) -> Vec<T>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let limit = Instant::now() + PATIENCE;
        loop {
            match sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&self.owner).await {
                Ok(rows) => return rows,
                Err(error) if !is_away(&error) || Instant::now() > limit => {
                    panic!("{error}: {sql}")
                }
                Err(_) => tokio::time::sleep(WATCH).await,
            }
        }
    }

    /// Keeps the logs of all processes; where they are.
    pub(crate) fn keep_logs(&mut self) -> PathBuf {
        self.folder.1 = true;
        self.folder.0.clone()
    }

    /// Ends everything.
    pub(crate) async fn end(self) {
        self.supervisor.abort();
        let _ = self.supervisor.await;
        self.programs.end();
        self.owner.close().await;
        let cluster = self.cluster.lock().unwrap().take();
        tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
        drop(self.folder);
    }
}

/// Whether the server is about to end, or to come.
fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut => true,
        _ => false,
    }
}

async fn blocking(options: &Options) -> Cluster {
    let options = options.clone();
    tokio::task::spawn_blocking(move || Cluster::start(&options)).await.unwrap().unwrap()
}

async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

/// The gateway's events of this instance no longer tell of sends, so that they have to be looked up.
async fn without_echoes(gateway: &str, key: &str, instance: &str, webhook: &str) {
    let body = serde_json::json!({ "webhook": {
        "enabled": true, "url": webhook, "headers": { "jwt_key": SECRET },
        "events": ["MESSAGES_UPSERT", "MESSAGES_UPDATE", "CONNECTION_UPDATE"],
    }});
    let url = format!("{gateway}/webhook/set/{instance}");
    let set = reqwest::Client::new().post(url).header("apikey", key).json(&body);
    assert_eq!(set.send().await.unwrap().status(), 201);
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Makes the database, its login and its tenants; connects to it as superuser.
async fn prepare(cluster: &Cluster, clock: Clock, sabotage: Option<&Sabotage>) -> PgPool {
    let connect = |database| {
        let options: sqlx::postgres::PgConnectOptions = cluster.url(database).parse().unwrap();
        let pool = PgPoolOptions::new().max_connections(6).acquire_timeout(PATIENCE);
        pool.connect_lazy_with(options)
    };
    let first = connect("postgres");
    let run = async |pool: &PgPool, sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
    };
    run(&first, format!("create database {DATABASE}")).await;
    let offset = clock.offset().num_seconds();
    run(&first, format!("alter database {DATABASE} set app.clock_offset = '{offset}s'")).await;
    first.close().await;
    let owner = connect(DATABASE);
    pontual::db::migrate(&owner).await.unwrap();
    run(&owner, format!("create role {LOGIN} login; grant pontual_app to {LOGIN}")).await;
    run(&owner, WATCH_JOBS.to_owned()).await;
    for (number, slug) in TENANTS.iter().enumerate() {
        pontual::db::tenants::apply(&owner, clock, &tenant(slug)).await.unwrap();
        // Two answer each message by itself, one waits for the end of a burst.
        let window = if number == 2 { "300 milliseconds" } else { "0" };
        run(
            &owner,
            format!("update app.tenants set burst_window = '{window}' where slug = '{slug}'"),
        )
        .await;
    }
    if let Some(sabotage) = sabotage {
        run(&owner, sabotage::TOOLS.to_owned()).await;
        for sql in sabotage.sql {
            run(&owner, (*sql).to_owned()).await;
        }
    }
    owner
}

/// The key of the service and of its teacher whose bookings are made by hand.
pub(crate) const CLASS: &str = "class";

/// A demonstration tenant in a hurry, with a class for many and one reminder an hour before.
fn tenant(slug: &str) -> TenantFile {
    let path = format!("{}/sql/seeds/{slug}.toml", env!("CARGO_MANIFEST_DIR"));
    let mut file = tenant_file::parse(&fs::read_to_string(path).unwrap()).unwrap();
    file.instance.typing = false;
    file.quiet_hours = None;
    file.rules.reminders = vec![chrono::TimeDelta::hours(1)];
    let like = file.services[0].clone();
    let (key, name, synonyms) = (CLASS.to_owned(), "Yoga".to_owned(), Vec::new());
    file.services.push(Service { key, name, synonyms, capacity: 500, ..like });
    let (key, name, services) = (CLASS.to_owned(), "Guru".to_owned(), vec![CLASS.to_owned()]);
    let like = file.staff[0].clone();
    file.staff.push(Member { key, name, services, ..like });
    file
}

/// A folder that any account may look into, removed at the end unless it is kept.
struct Folder(PathBuf, bool);

impl Folder {
    fn new() -> Self {
        let name = Uuid::new_v4().simple().to_string();
        // Short, since sockets lie in it.
        let folder = PathBuf::from(format!("/tmp/pontual-chaos-{}", &name[..12]));
        fs::create_dir(&folder).unwrap();
        Self(folder, false)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let away = if self.1 { self.0.join("state") } else { self.0.clone() };
        let _ = fs::remove_dir_all(away);
    }
}

/// What all processes are told.
struct Surroundings {
    folder: PathBuf,
    database: String,
    gateway: String,
    key: String,
    ports: Vec<u16>,
    /// Seconds.
    offset: i64,
    /// Which worker has which clock.
    turn: usize,
}

/// The processes of the deployment: webs first, then workers.
pub(crate) struct Programs {
    around: Surroundings,
    slots: Vec<Mutex<Slot>>,
    /// Those that ended without being killed: name and moment.
    fallen: Mutex<Vec<(String, DateTime<Utc>)>>,
}

struct Slot {
    kind: &'static str,
    number: usize,
    life: u32,
    child: Option<Child>,
}

impl Slot {
    /// As it calls itself to the database: `worker-1.3` is the third life of the second worker.
    fn name(&self) -> String {
        format!("{}-{}.{}", self.kind, self.number, self.life)
    }
}

impl Programs {
    fn start(around: Surroundings) -> Arc<Self> {
        let kinds = (0..WEBS).map(|n| ("web", n)).chain((0..WORKERS).map(|n| ("worker", n)));
        let slots = kinds
            .map(|(kind, number)| {
                let mut slot = Slot { kind, number, life: 1, child: None };
                slot.child = Some(around.spawn(&slot));
                Mutex::new(slot)
            })
            .collect();
        Arc::new(Self { around, slots, fallen: Mutex::default() })
    }

    /// Starts again whoever is gone, until aborted.
    async fn keep(self: Arc<Self>) {
        loop {
            for slot in &self.slots {
                self.revive(&mut slot.lock().unwrap());
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    fn revive(&self, slot: &mut Slot) {
        let is_gone = match &mut slot.child {
            Some(child) => child.try_wait().unwrap().is_some(),
            None => true,
        };
        if is_gone {
            if slot.child.is_some() {
                self.fallen.lock().unwrap().push((slot.name(), Clock::default().now()));
            }
            slot.life += 1;
            slot.child = Some(self.around.spawn(slot));
        }
    }

    /// Kills a process as the kernel does it: nothing is finished, nothing is said. Its name and the
    /// moment; `None` if it is just being started again.
    pub(crate) fn kill(&self, kind: &str, number: usize) -> Option<(String, DateTime<Utc>)> {
        let is_it = |slot: &&Mutex<Slot>| {
            let slot = slot.lock().unwrap();
            slot.kind == kind && slot.number == number
        };
        let mut slot = self.slots.iter().find(is_it).unwrap().lock().unwrap();
        let mut child = slot.child.take()?;
        let at = Clock::default().now();
        child.kill().unwrap();
        child.wait().unwrap();
        Some((slot.name(), at))
    }

    /// Who ended without being killed, and when.
    pub(crate) fn fallen(&self) -> Vec<(String, DateTime<Utc>)> {
        self.fallen.lock().unwrap().clone()
    }

    /// Ends all, politely at first.
    fn end(&self) {
        let mut children: Vec<Child> =
            self.slots.iter().filter_map(|slot| slot.lock().unwrap().child.take()).collect();
        for child in &children {
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
        }
        let limit = Instant::now() + Duration::from_secs(5);
        for child in &mut children {
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        self.end();
    }
}

impl Surroundings {
    fn spawn(&self, slot: &Slot) -> Child {
        let name = slot.name();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pontual"));
        for (name, _) in std::env::vars_os() {
            let ours = ["PONTUAL_", "EVOLUTION_", "DATABASE_", "MIGRATION_", "RUST_LOG", "OTEL_"];
            if ours.iter().any(|it| name.to_string_lossy().starts_with(it)) {
                command.env_remove(&name);
            }
        }
        let mut offset = self.offset;
        if slot.kind == "worker" {
            offset += APART[(slot.number + self.turn) % WORKERS];
            command.args(["worker", "--concurrency", "4"]);
        } else {
            command
                .arg("web")
                .env("PONTUAL_LISTEN", format!("127.0.0.1:{}", self.ports[slot.number]));
        }
        command
            .current_dir(&self.folder)
            // So that the database knows which process speaks.
            .env("DATABASE_URL", format!("{}&options%5Bchaos.process%5D={name}", self.database))
            .env("EVOLUTION_API_URL", &self.gateway)
            .env("EVOLUTION_API_KEY", &self.key)
            .env("EVOLUTION_WEBHOOK_SECRETS", SECRET)
            .env("PONTUAL_CLOCK_OFFSET", offset.to_string())
            .env("RUST_LOG", "info");
        let log = log_file(&self.folder, &name);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }
}

fn log_file(folder: &Path, name: &str) -> File {
    File::create(folder.join(format!("{name}.log"))).unwrap()
}
