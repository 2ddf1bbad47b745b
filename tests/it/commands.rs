//! The commands as their users run them: what they print, what they leave behind, how they end.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// The program, in a folder without settings, and without those of whoever runs the tests.
fn pontual(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pontual"));
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let is_ours = ["PONTUAL_", "EVOLUTION_"].iter().any(|prefix| name.starts_with(prefix));
        let is_setting = name.ends_with("DATABASE_URL") || name == "RUST_LOG" || is_ours;
        if is_setting && !name.starts_with("PONTUAL_PG_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// A folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        // Short, as the socket of a server is in it; see the tests of the embedded server.
        let name = Uuid::new_v4().simple().to_string();
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

/// A running `pontual dev` in a process group of its own, as a shell starts it.
struct Dev {
    process: Child,
    log: PathBuf,
    /// What it prints up to `Ctrl-C`.
    announced: String,
    /// Open, or it would fail at the next line it prints.
    _output: BufReader<ChildStdout>,
}

impl Dev {
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let log = folder.0.join("log.txt");
        let mut process = pontual(&folder.0)
            .args(["dev", "--port", "0"])
            .args(arguments)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut announced = String::new();
        while !announced.contains("Ctrl-C") {
            if output.read_line(&mut announced).unwrap() == 0 {
                let _ = process.wait();
                panic!("it ended: {}", fs::read_to_string(&log).unwrap());
            }
        }
        Self { process, log, announced, _output: output }
    }

    /// The URL of its database.
    fn database(&self) -> &str {
        let line = self.announced.lines().find_map(|line| line.trim().strip_prefix("database"));
        line.unwrap().trim()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Waits for its end; what it logged.
    fn log_until_end(&mut self) -> String {
        let ended = self.process.wait().unwrap();
        let log = fs::read_to_string(&self.log).unwrap();
        assert!(ended.success(), "{ended}: {log}");
        log
    }

    /// Where its ephemeral cluster was made, if in memory: others may be there, of this data
    /// directory only.
    fn place_in_memory(&self) -> Option<PathBuf> {
        let (_, host) = self.database().split_once("host=").unwrap();
        let socket = Path::new(host.split('&').next().unwrap());
        let place = socket.ancestors().nth(2).unwrap();
        place.starts_with("/dev/shm").then(|| place.to_owned())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = kill_process(self.pid(), Signal::TERM);
            let _ = self.process.wait();
        }
    }
}

#[test]
fn an_ephemeral_dev_ends_without_an_alarm_and_leaves_no_empty_directory() {
    for whole_group in [true, false] {
        let folder = Folder::new();
        let mut dev = Dev::start(&folder, &["--ephemeral"]);
        let place = dev.place_in_memory();
        if whole_group {
            kill_process_group(dev.pid(), Signal::INT).unwrap(); // as a terminal does
        } else {
            kill_process(dev.pid(), Signal::TERM).unwrap();
        }
        let log = dev.log_until_end();
        assert!(log.contains("stopping"), "{log}");
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
        let left = fs::read_dir(folder.0.join(".data")).map(Iterator::count);
        assert!(!matches!(left, Ok(0)), "an empty directory stays");
        if let Some(place) = place {
            assert!(left.is_err(), "nothing was in there, and it stays");
            fs::remove_dir_all(place).unwrap();
        }
    }
}

#[test]
fn an_ephemeral_dev_keeps_a_directory_that_was_there() {
    let folder = Folder::new();
    fs::create_dir(folder.0.join("mine")).unwrap();
    let mut dev = Dev::start(&folder, &["--ephemeral", "--data-dir", "mine"]);
    let place = dev.place_in_memory();
    kill_process(dev.pid(), Signal::TERM).unwrap();
    dev.log_until_end();
    assert!(folder.0.join("mine").exists());
    if let Some(place) = place {
        fs::remove_dir_all(place).unwrap();
    }
}

#[tokio::test]
async fn a_data_directory_has_one_dev_whose_numbers_are_connected() {
    let folder = Folder::new();
    let dev = Dev::start(&folder, &[]);

    let mut second = pontual(&folder.0)
        .args(["dev", "--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that is not refused would go on for ever.
    let limit = Instant::now() + Duration::from_secs(10);
    while second.try_wait().unwrap().is_none() && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(10));
    }
    if second.try_wait().unwrap().is_none() {
        kill_process(Pid::from_child(&second), Signal::TERM).unwrap();
    }
    let second = second.wait_with_output().unwrap();
    let told = String::from_utf8(second.stderr).unwrap();
    assert_eq!((second.status.code(), second.stdout.len()), (Some(1), 0), "{told}");
    assert!(
        told.contains("another `pontual dev` uses the data directory .data; stop it"),
        "{told}"
    );

    let mut database = PgConnection::connect(dev.database()).await.unwrap();
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        let states: Vec<String> = sqlx::query_scalar("select state from app.instances")
            .fetch_all(&mut database)
            .await
            .unwrap();
        if states == ["open", "open", "open"] {
            break;
        }
        assert!(Instant::now() < limit, "{states:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let mut first = dev;
    kill_process_group(first.pid(), Signal::INT).unwrap();
    first.log_until_end();
    // The directory is free again.
    drop(Dev::start(&folder, &[]));
}

#[test]
fn understand_answers_every_line_and_then_fails_if_one_was_odd() {
    let folder = Folder::new();
    let mut process = pontual(&folder.0)
        .args(["understand", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    input
        .write_all(
            b"{\"id\":1,\"text\":\"oi\",\"lang\":\"xx\"}\nnot json\n{\"id\":2,\"text\":\"oi\"}\n",
        )
        .unwrap();
    drop(input);
    let ended = process.wait_with_output().unwrap();
    let (out, told) =
        (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert_eq!(out.lines().count(), 3, "{out}");
    assert_eq!(out.lines().last(), Some(r#"{"got":{"kind":"none"},"id":2}"#), "{out}");
    assert_eq!(told, "pontual: 2 of 3 lines could not be read; the answer to each says why\n");
}
