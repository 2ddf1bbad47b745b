//! The program as processes of a deployment, around a simulated gateway.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pontual::clock::Clock;
use pontual::gateway_sim::{self, Sim, SimConfig};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgPool;
use uuid::Uuid;

use super::stack::{PATIENCE, SECRET, tenant};

/// A folder of one test, which any account may look into, removed at its end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = Uuid::new_v4().simple().to_string();
        // Short, since sockets lie in it.
        let folder = PathBuf::from(format!("/tmp/pontual-it-{}", &name[..12]));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until a condition holds; panics with `what` if it never does.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A running program, ended with this value.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// `pontual …` without the settings of whoever runs the tests.
    pub(crate) fn pontual(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pontual"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let is_ours = ["PONTUAL_", "EVOLUTION_", "DATABASE_", "MIGRATION_", "OTEL_"]
                .iter()
                .any(|it| name.starts_with(it));
            if is_ours || name == "RUST_LOG" {
                command.env_remove(&*name);
            }
        }
        // No balancer looks at it; a test that is one says how long it takes.
        command.env("PONTUAL_DRAIN", "0");
        command.args(arguments).envs(settings.iter().copied()).current_dir(folder);
        Self::start(folder, arguments[0], command)
    }

    pub(crate) fn start(folder: &Path, name: &str, mut command: Command) -> Self {
        let log = folder.join(format!("{name}-{}.log", Uuid::new_v4().simple()));
        let file = File::create(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { child, log }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end by itself: whether it went well, and what it said.
    pub(crate) fn end(self) -> (bool, String) {
        let (code, log) = self.exit();
        (code == Some(0), log)
    }

    /// As [`Program::end`], with the code; none if a signal ended it.
    pub(crate) fn exit(mut self) -> (Option<i32>, String) {
        let limit = Instant::now() + PATIENCE;
        while Instant::now() < limit {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it goes on: {}", self.log());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let limit = Instant::now() + Duration::from_mins(1);
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A simulated gateway with the instance of a demo tenant, and web and workers of a deployment.
pub(crate) struct Deployment {
    pub(crate) sim: Sim,
    pub(crate) folder: Folder,
    gateway: String,
    key: String,
    web_port: u16,
    pub(crate) programs: Vec<Program>,
}

impl Deployment {
    /// Nothing but the gateway, with the instances of these tenants.
    pub(crate) async fn of(slugs: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = SimConfig::fast();
        let key = config.api_key.clone();
        let sim = Sim::new(config);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let gateway = format!("http://{}", listener.local_addr().unwrap());
        let router = gateway_sim::router(sim.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let web_port = free_port();
        for slug in slugs {
            let webhook = format!("http://127.0.0.1:{web_port}/webhooks/evolution");
            sim.create_instance(&tenant(slug).instance.name, &webhook, &[("jwt_key", SECRET)]);
        }
        Self { sim, folder: Folder::new(), gateway, key, web_port, programs: Vec::new() }
    }

    /// Where web answers.
    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.web_port)
    }

    fn settings<'s>(
        &'s self,
        listen: &'s str,
        more: &[(&'s str, &'s str)],
    ) -> Vec<(&'s str, &'s str)> {
        let mut settings = vec![
            ("EVOLUTION_API_URL", self.gateway.as_str()),
            ("EVOLUTION_API_KEY", self.key.as_str()),
            ("EVOLUTION_WEBHOOK_SECRETS", SECRET),
            ("PONTUAL_LISTEN", listen),
        ];
        settings.extend_from_slice(more);
        settings
    }

    /// Starts `pontual web` and waits until it answers.
    pub(crate) async fn start_web(&mut self, more: &[(&str, &str)]) {
        let listen = format!("127.0.0.1:{}", self.web_port);
        let web = Program::pontual(&self.folder.0, &["web"], &self.settings(&listen, more));
        self.programs.push(web);
        let (http, url) = (reqwest::Client::new(), format!("{}/health/ready", self.base()));
        let log = || self.programs.last().unwrap().log();
        let waiting = async {
            while http.get(&url).send().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "no web: {}", log());
    }

    /// Starts one `pontual worker`.
    pub(crate) fn start_worker(&mut self, more: &[(&str, &str)]) {
        let settings = self.settings("", more);
        let worker = Program::pontual(&self.folder.0, &["worker", "--concurrency", "4"], &settings);
        self.programs.push(worker);
    }

    /// What all of them logged.
    pub(crate) fn logs(&self) -> String {
        self.programs.iter().map(Program::log).collect::<Vec<_>>().join("\n──\n")
    }

    /// The customer writes; the next answer comes back.
    pub(crate) async fn say(&self, instance: &str, phone: &str, text: &str) -> String {
        let written = self.sim.customer_writes(instance, phone, "Marina", text).await.unwrap();
        assert_eq!(written.status, Some(200), "{text}: {}", self.logs());
        match self.sim.wait_for_reply(instance, phone, &written.id, PATIENCE).await {
            Some(reply) => reply.text,
            None => panic!("no answer to {text:?}: {}", self.logs()),
        }
    }
}

/// Makes demo tenants that nobody waits for: no typing, no waiting for more words.
pub(crate) async fn apply_tenants(pool: &PgPool, slugs: &[&str]) {
    for slug in slugs {
        let mut file = tenant(slug);
        file.instance.typing = false;
        pontual::db::tenants::apply(pool, Clock::default(), &file).await.unwrap();
    }
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("update app.tenants set burst_window = '0'").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}
