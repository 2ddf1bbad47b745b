//! Directories, processes and lock files for the tests of the embedded server.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pontual::embedded::{Cluster, Options, Profile};
use rustix::process::{Pid, Signal, kill_process};

/// Another process that holds a cluster until its input ends.
pub(super) struct Holder {
    pub(super) process: Child,
    pub(super) server: i32,
    pub(super) directory: PathBuf,
    /// Open, or it would fail at the next line it writes.
    _output: BufReader<ChildStdout>,
}

impl Holder {
    pub(super) fn start(state: &StateDir, profile: &str, environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "embedded::a_cluster_lasts_as_long_as_the_process_that_holds_it",
                "--exact",
                "--nocapture",
            ])
            .env("PONTUAL_TEST_HOLD", &state.path)
            .env("PONTUAL_TEST_PROFILE", profile)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let line = output
            .by_ref()
            .lines()
            .find_map(|line| line.unwrap().strip_prefix("holding ").map(str::to_owned))
            .expect("the other process holds a cluster");
        let (server, directory) = line.split_once(' ').unwrap();
        let directory = PathBuf::from(directory);
        state.made.borrow_mut().extend(directory.parent().map(Path::to_owned));
        Self { process, server: server.parse().unwrap(), directory, _output: output }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The lock files of a server as they are while it runs, to be put back after its end.
pub(super) struct LockFiles {
    files: Vec<(PathBuf, String)>,
    uid: u32,
    gid: u32,
}

impl LockFiles {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let names = ["data/postmaster.pid", "socket/.s.PGSQL.5432.lock"];
        let files = names.map(|name| cluster.directory().join(name));
        let owner = fs::metadata(&files[0]).unwrap();
        let files = files.map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            (file, text)
        });
        Self { files: files.into(), uid: owner.uid(), gid: owner.gid() }
    }

    /// Puts them back, with another number for the server's.
    pub(super) fn put(&self, pid: u32) {
        for (file, text) in &self.files {
            let (_, rest) = text.split_once('\n').unwrap();
            fs::write(file, format!("{pid}\n{rest}")).unwrap();
            chown(file, Some(self.uid), Some(self.gid)).unwrap();
        }
    }

    /// A program under the server's account: only there does PostgreSQL mind its number.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }
}

/// A state directory of one test, removed with all that was made for it.
pub(super) struct StateDir {
    pub(super) path: PathBuf,
    made: RefCell<Vec<PathBuf>>,
}

impl StateDir {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Not the system's directory for temporary files: on macOS its path is long already.
        let path = PathBuf::from(format!("/tmp/pontual-it-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self { path, made: RefCell::default() }
    }

    pub(super) fn options(&self, profile: Profile) -> Options {
        Options::from_environment(&self.path, profile).unwrap()
    }

    pub(super) fn start(&self, profile: Profile) -> Cluster {
        let cluster = Cluster::start(&self.options(profile)).unwrap();
        self.remember(&cluster);
        cluster
    }

    pub(super) fn remember(&self, cluster: &Cluster) {
        self.made.borrow_mut().extend(cluster.directory().parent().map(Path::to_owned));
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        for directory in self.made.borrow().iter().chain([&self.path]) {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

pub(super) fn is_alive(pid: i32) -> bool {
    // A zombie has no command line.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

pub(super) fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

pub(super) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < limit, "no {what} within 5 s");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Every file below a directory with its size and time of change.
pub(super) fn listing(directory: &Path) -> Vec<(PathBuf, u64, i64, i64)> {
    let mut found = vec![];
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let meta = entry.metadata().unwrap();
        if meta.is_dir() {
            found.extend(listing(&entry.path()));
        }
        found.push((entry.path(), meta.size(), meta.mtime(), meta.ctime_nsec()));
    }
    found.sort();
    found
}
