//! One server on one directory: made, looked at, started, stopped.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::account::Account;
use super::binaries::Install;
use super::{Error, Profile, location, process};

/// A server has this long to come up, recovery after a crash included.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How often a file or process is looked at that is about to change.
const POLL: Duration = Duration::from_millis(5);
/// A server that says it is ready and does not answer for so long has lost its socket.
const DEAF_LIMIT: Duration = Duration::from_secs(2);
/// Backends of a killed server end by themselves, within this time or never.
const LEFTOVER_LIMIT: Duration = Duration::from_secs(15);
/// How the name of the socket follows from the port, which is never opened.
const SOCKET: &str = ".s.PGSQL.5432";
/// No process has this number: it is above every system's limit.
const NO_PROCESS: i32 = i32::MAX - 1;

/// A server's programs and its directories.
#[derive(Debug)]
pub(super) struct Server {
    install: Install,
    account: Account,
    profile: Profile,
    data: PathBuf,
    socket_dir: PathBuf,
    log: PathBuf,
}

/// What the server's lock file, its socket and its process say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Stopped,
    /// Starting, recovering after a crash, or shutting down.
    Changing,
    Ready,
    /// Ready by its own word, but its socket is gone (`/tmp` is swept on many systems).
    Deaf(i32),
}

impl Server {
    pub(super) fn new(
        install: Install,
        cluster: &Path,
        account: Account,
        profile: Profile,
    ) -> Self {
        let socket_dir = location::socket_dir(cluster, &account);
        let (data, log) = (cluster.join("data"), cluster.join("server.log"));
        Self { install, account, profile, data, socket_dir, log }
    }

    pub(super) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    pub(super) fn bindir(&self) -> &Path {
        &self.install.bindir
    }

    pub(super) fn major(&self) -> u32 {
        self.install.major
    }

    pub(super) fn pid(&self) -> Option<i32> {
        let pid = LockFile::read(&self.data)?.pid;
        process::is_server(pid, &self.data).then_some(pid)
    }

    /// Makes the database files, unless they are there.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if they are there and of another major version; [`Error::Command`] with
    /// the message of `initdb`.
    pub(super) fn create_if_missing(&self) -> Result<(), Error> {
        if !self.data.exists() {
            return self.create();
        }
        let file = self.data.join("PG_VERSION");
        let version = fs::read_to_string(&file).map_err(Error::io("read", &file))?;
        if version.trim() == self.install.major.to_string() {
            return Ok(());
        }
        Err(Error::Foreign {
            path: self.data.clone(),
            why: format!(
                "is of PostgreSQL {} and not of {}, which runs here",
                version.trim(),
                self.install.major
            ),
        })
    }

    fn create(&self) -> Result<(), Error> {
        // What is called `data` is whole: a killed `initdb` leaves files under the other name.
        let unfinished = self.data.with_extension("unfinished");
        let locales: &[&str] = if cfg!(target_os = "macos") {
            &["--locale=en_US.UTF-8", "--no-locale"]
        } else {
            // In the plain C locale, `ilike` and `lower` know no accents.
            &["--locale=C.UTF-8", "--locale=en_US.UTF-8", "--no-locale"]
        };
        let mut detail = String::new();
        for locale in locales {
            remove_if_there(&unfinished)?;
            let mut command = self.account.command(&self.install.bindir.join("initdb"));
            command
                .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
                .args(["--no-instructions", locale, "--pgdata"])
                .arg(&unfinished);
            if self.profile.is_volatile() {
                command.arg("--no-sync");
            }
            let output = command.output().map_err(Error::io("run", &self.install.bindir))?;
            if output.status.success() {
                return fs::rename(&unfinished, &self.data)
                    .map_err(Error::io("move the new cluster to", &self.data));
            }
            String::from_utf8_lossy(&output.stderr).trim().clone_into(&mut detail);
        }
        remove_if_there(&unfinished)?;
        Err(Error::Command { what: "initdb", detail })
    }

    /// Returns once the server takes connections, whoever started it.
    pub(super) fn ensure_running(&self) -> Result<(), Error> {
        let begun = Instant::now();
        let mut deaf_since = None;
        loop {
            match self.state() {
                State::Ready => return Ok(()),
                State::Stopped => return self.start(),
                State::Deaf(pid) => {
                    let since = *deaf_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > DEAF_LIMIT {
                        tracing::warn!(
                            server.pid = pid,
                            "the server lost its socket: starting it again"
                        );
                        self.stop()?;
                    }
                }
                State::Changing if begun.elapsed() > START_LIMIT => {
                    return Err(self.not_started("another process started it and it is not ready"));
                }
                State::Changing => {}
            }
            thread::sleep(POLL);
        }
    }

    fn state(&self) -> State {
        let Some(lock) = LockFile::read(&self.data) else { return State::Stopped };
        // Who answers here is our server, even if its number means nothing in this container.
        let answers = UnixStream::connect(self.socket_dir.join(SOCKET)).is_ok();
        match (answers, process::is_server(lock.pid, &self.data), lock.is_ready) {
            (true, _, true) => State::Ready,
            (false, true, true) => State::Deaf(lock.pid),
            (true, _, false) | (false, true, false) => State::Changing,
            (false, false, _) => State::Stopped,
        }
    }

    /// Starts a server where none is. A killed one may have left backends that still use its
    /// shared memory; they notice and end, and until then a new server refuses to start.
    fn start(&self) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            self.clear_stale_locks()?;
            match self.start_once() {
                Err(Error::Start { tail, .. })
                    if tail.contains("shared memory") && begun.elapsed() < LEFTOVER_LIMIT =>
                {
                    thread::sleep(Duration::from_millis(50));
                }
                result => return result,
            }
        }
    }

    /// Makes the lock files of a dead server harmless. [`Server::state`] has seen that nobody
    /// answers and that the number in them is no server of this directory; but the number may be a
    /// zombie's, or another program's of the same account, and PostgreSQL takes that for a living
    /// server. The file itself stays: it names the shared memory by which a new server notices
    /// backends of the old one that are still alive.
    fn clear_stale_locks(&self) -> Result<(), Error> {
        let path = LockFile::path(&self.data);
        if let Ok(text) = fs::read_to_string(&path) {
            match text.split_once('\n') {
                Some((_, rest)) => fs::write(&path, format!("{NO_PROCESS}\n{rest}"))
                    .map_err(Error::io("write", &path))?,
                None => remove_if_there(&path)?, // cut short, or empty
            }
        }
        for name in [SOCKET.to_owned(), format!("{SOCKET}.lock")] {
            remove_if_there(&self.socket_dir.join(name))?;
        }
        Ok(())
    }

    fn start_once(&self) -> Result<(), Error> {
        self.account.own_directory(&self.socket_dir)?;
        remove_if_there(&self.log)?;
        let log = File::create(&self.log).map_err(Error::io("make", &self.log))?;
        let errors = log.try_clone().map_err(Error::io("open", &self.log))?;
        let postgres = self.install.bindir.join("postgres");
        let mut command = self.account.command(&postgres);
        command.arg("-D").arg(&self.data).arg("-k").arg(&self.socket_dir);
        for setting in settings(self.profile) {
            command.args(["-c", setting]);
        }
        // A file, for a pipe of ours would keep whoever reads our output waiting for the server.
        let child =
            command.stdout(log).stderr(errors).spawn().map_err(Error::io("run", &postgres))?;
        self.wait_until_ready(child)
    }

    fn wait_until_ready(&self, mut child: Child) -> Result<(), Error> {
        let begun = Instant::now();
        let pid = i32::try_from(child.id()).unwrap_or(NO_PROCESS);
        while LockFile::read(&self.data).is_none_or(|lock| lock.pid != pid || !lock.is_ready) {
            if matches!(child.try_wait(), Ok(Some(_))) {
                return Err(self.not_started("it ended at once"));
            }
            if begun.elapsed() > START_LIMIT {
                let _ = child.kill();
                let _ = child.wait();
                return Err(self.not_started("it was not ready within 60 s"));
            }
            thread::sleep(POLL);
        }
        // Whoever stops it, it is this process's child: wait for it, so that no zombie is left.
        let reaper = thread::Builder::new().name("postgres-reaper".to_owned());
        if let Err(error) = reaper.spawn(move || child.wait()) {
            tracing::debug!(%error, "no thread waits for the server");
        }
        Ok(())
    }

    fn not_started(&self, reason: &'static str) -> Error {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(8)..].join("\n");
        Error::Start { reason, log: self.log.clone(), tail }
    }

    /// Stops the server and waits for its end; one that does not run is no error.
    pub(super) fn stop(&self) -> Result<(), Error> {
        stop(&self.data)?;
        // Inside the cluster it is in nobody's way; in `/tmp` it would be litter.
        let is_inside = self.data.parent().is_some_and(|dir| self.socket_dir.starts_with(dir));
        if is_inside { Ok(()) } else { remove_if_there(&self.socket_dir) }
    }

    /// Stops the server and removes the cluster.
    pub(super) fn discard(&self, cluster: &Path) -> Result<(), Error> {
        discard(cluster, &self.account)
    }
}

/// Stops the server of a cluster and removes all its files.
pub(super) fn discard(cluster: &Path, account: &Account) -> Result<(), Error> {
    stop(&cluster.join("data"))?;
    remove_if_there(&location::socket_dir(cluster, account))?;
    location::remove(cluster)
}

fn stop(data: &Path) -> Result<(), Error> {
    let Some(LockFile { pid, .. }) = LockFile::read(data) else { return Ok(()) };
    // Roll back and disconnect; then without a checkpoint; then at all costs.
    let steps = [(Signal::INT, 10), (Signal::QUIT, 5), (Signal::KILL, 2)];
    for (signal, seconds) in steps {
        if !process::is_server(pid, data) {
            return Ok(());
        }
        process::signal(pid, signal)?;
        let limit = Instant::now() + Duration::from_secs(seconds);
        while process::is_server(pid, data) && Instant::now() < limit {
            thread::sleep(POLL);
        }
    }
    if process::is_server(pid, data) { Err(Error::Stop { pid }) } else { Ok(()) }
}

/// What is read of `postmaster.pid`.
#[derive(Debug)]
struct LockFile {
    pid: i32,
    is_ready: bool,
}

impl LockFile {
    fn path(data: &Path) -> PathBuf {
        data.join("postmaster.pid")
    }

    fn read(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(Self::path(data)).ok()?;
        let mut lines = text.lines().map(str::trim);
        let pid = lines.next()?.parse().ok()?;
        // The eighth line is the server's state: `starting`, `ready`, `stopping`.
        Some(Self { pid, is_ready: lines.nth(6) == Some("ready") })
    }
}

fn settings(profile: Profile) -> Vec<&'static str> {
    let mut settings = vec![
        "listen_addresses=",
        "max_connections=200",
        "timezone=UTC",
        "log_timezone=UTC",
        // Short queries only: compiling one takes longer than running it.
        "jit=off",
    ];
    if profile.is_volatile() {
        settings.extend([
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            "max_wal_size=512MB",
        ]);
    }
    if profile == Profile::Test {
        // A database lives for one test; its vacuum would run beside the next one's.
        settings.push("autovacuum=off");
    }
    settings
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
