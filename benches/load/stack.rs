//! A deployment of its own: a server with a durable cluster, tenants, one web and one worker process.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use pontual::clock::Clock;
use pontual::db;
use pontual::domain::tenant_file;
use pontual::embedded::{Cluster, Options, Profile};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, PgPool};

/// What proves a webhook here.
pub(crate) const SECRET: &str = "a-secret-of-the-benchmark";
/// WhatsApp numbers that customers write to, each of a tenant of its own.
pub(crate) const INSTANCES: usize = 10;

/// What a server for this alone would have; the rest is as it comes, `fsync` and
/// `synchronous_commit` on.
pub(crate) const SETTINGS: [(&str, &str); 4] = [
    ("shared_buffers", "1GB"),
    ("max_wal_size", "4GB"),
    ("wal_compression", "on"),
    ("checkpoint_completion_target", "0.9"),
];

const DATABASE: &str = "load";
const LOGIN: &str = "pontual_load";
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn instance(nth: usize) -> String {
    format!("load-{nth}")
}

/// The server and its database; removed when dropped.
pub(crate) struct Server {
    cluster: Option<Cluster>,
    pub(crate) owner: PgPool,
    /// Nobody else measures here meanwhile.
    _lock: File,
}

/// Kept between runs, since server binaries may have been fetched into it.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".data/load")
}

impl Server {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        fs::create_dir_all(folder())?;
        let lock = File::create(folder().join("benchmark.lock"))?;
        lock.try_lock().context("another run of this benchmark is under way")?;
        let options = Options::from_environment(folder(), Profile::Dev)?;
        // What a killed run left is not to be measured.
        remove(Cluster::start(&options)?)?;
        let cluster = Cluster::start(&options)?;
        let first = PgPool::connect(&cluster.url("postgres")).await?;
        for (name, value) in SETTINGS {
            let sql = format!("alter system set {name} = '{value}'");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&first).await?;
        }
        for sql in [
            format!("create database {DATABASE}"),
            "create role pontual_app nologin".to_owned(),
            format!("create role {LOGIN} login in role pontual_app"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&first).await?;
        }
        first.close().await;
        // Some settings are read at start alone.
        cluster.stop_if_last()?;
        let cluster = Cluster::start(&options)?;
        let owner = db::connect(&cluster.url(DATABASE), 4, Clock::default()).await?;
        let migrated = pontual("migrate").env("DATABASE_URL", cluster.url(DATABASE)).output()?;
        let server = Self { cluster: Some(cluster), owner, _lock: lock };
        ensure!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        if let Some(file) = std::env::var_os("BENCH_SQL") {
            let sql = fs::read_to_string(&file).context("BENCH_SQL")?;
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&server.owner).await?;
        }
        server.tenants(0..INSTANCES).await?;
        Ok(server)
    }

    pub(crate) fn runtime_url(&self) -> String {
        self.cluster().url_as(LOGIN, DATABASE)
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("it is taken when the server is dropped alone")
    }

    /// Makes tenants that send at once, show no typing and answer without waiting for more words.
    pub(crate) async fn tenants(&self, which: std::ops::Range<usize>) -> anyhow::Result<()> {
        for nth in which {
            let file =
                tenant_file::parse(&tenant_toml(nth)).map_err(|e| anyhow::anyhow!("{e:?}"))?;
            db::tenants::apply(&self.owner, Clock::default(), &file).await?;
        }
        sqlx::raw_sql("update app.tenants set burst_window = '0' where burst_window <> '0'")
            .execute(&self.owner)
            .await?;
        Ok(())
    }

    /// Waits until nothing is to be done.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let open: i64 = sqlx::query_scalar(
                "select (select count(*) from apalis.jobs where status not in ('Done', 'Killed') and run_at <= now())
                      + (select count(*) from app.outbound_messages where status in ('queued', 'sending', 'unknown'))",
            )
            .fetch_one(&self.owner)
            .await?;
            if open == 0 {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "{open} jobs and messages stay open");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.cluster.take().map(remove) {
            eprintln!("the server's files stay: {error:#}");
        }
    }
}

/// Stops the server and removes its files.
fn remove(cluster: Cluster) -> anyhow::Result<()> {
    let directory = cluster.directory().to_owned();
    ensure!(cluster.stop_if_last()?, "somebody else uses {}", directory.display());
    fs::remove_dir_all(&directory).with_context(|| format!("remove {}", directory.display()))
}

/// A process of the deployment, asked to stop when dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let limit = Instant::now() + PATIENCE;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One web and one worker process around a gateway.
pub(crate) struct Deployment {
    pub(crate) web: Process,
    pub(crate) worker: Process,
    pub(crate) web_port: u16,
}

impl Deployment {
    pub(crate) async fn start(server: &Server, gateway_port: u16) -> anyhow::Result<Self> {
        let web_port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let common = [
            ("DATABASE_URL", server.runtime_url()),
            ("EVOLUTION_WEBHOOK_SECRETS", SECRET.to_owned()),
            ("EVOLUTION_API_URL", format!("http://127.0.0.1:{gateway_port}")),
            ("EVOLUTION_API_KEY", "a-key-of-the-benchmark".to_owned()),
        ];
        let listen = [("PONTUAL_LISTEN", format!("127.0.0.1:{web_port}"))];
        let started = Self {
            web: start("web", common.iter().chain(&listen))?,
            worker: start("worker", common.iter())?,
            web_port,
        };
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", web_port)).await.is_err() {
            if begun.elapsed() > PATIENCE {
                bail!("web does not listen");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(started)
    }
}

fn start<'a>(
    command: &str,
    settings: impl Iterator<Item = &'a (&'a str, String)>,
) -> anyhow::Result<Process> {
    // Outside of the folder of the server, which another account may own.
    let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("load-{command}.log"));
    let file = File::create(&log).with_context(|| format!("make {}", log.display()))?;
    let child = pontual(command)
        .env("RUST_LOG", std::env::var("BENCH_LOG").unwrap_or_else(|_| "warn".to_owned()))
        .envs(settings.map(|(name, value)| (*name, value.as_str())))
        .current_dir(folder())
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()?;
    Ok(Process(child))
}

/// The program without the settings of whoever runs this; `BENCH_PONTUAL` names another build of it,
/// to compare two.
fn pontual(command: &str) -> Command {
    let program = std::env::var_os("BENCH_PONTUAL")
        .unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_pontual")));
    let mut pontual = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let is_ours = ["PONTUAL_", "EVOLUTION_", "DATABASE_", "MIGRATION_", "OTEL_"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if is_ours {
            pontual.env_remove(&*name);
        }
    }
    pontual.arg(command);
    pontual
}

/// A salon with four people at work every day.
fn tenant_toml(nth: usize) -> String {
    let mut text = format!(
        "slug = \"load-{nth}\"\nname = \"Salão {nth}\"\nlocale = \"pt-BR\"\n\
         timezone = \"America/Sao_Paulo\"\ncurrency = \"BRL\"\naddress = \"Rua das Flores, {nth}\"\n\
         [instance]\nname = \"{}\"\nsend_gap = \"0ms\"\ntyping = false\n[hours]\n",
        instance(nth)
    );
    for day in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] {
        let _ = writeln!(text, "{day} = [\"07:00-12:00\", \"13:00-22:00\"]");
    }
    for (key, name, duration) in
        [("corte", "Corte", "45m"), ("cor", "Coloração", "2h"), ("mao", "Manicure", "40m")]
    {
        let _ = writeln!(
            text,
            "[[services]]\nkey = \"{key}\"\nname = \"{name}\"\nduration = \"{duration}\"\nprice = \"80.00\""
        );
    }
    for (key, name) in [("ana", "Ana"), ("bruno", "Bruno"), ("carla", "Carla"), ("davi", "Davi")] {
        let _ = writeln!(
            text,
            "[[staff]]\nkey = \"{key}\"\nname = \"{name}\"\nservices = [\"corte\", \"cor\", \"mao\"]"
        );
    }
    text
}
