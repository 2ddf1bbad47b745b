//! A real SMTP server in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use pontual::channel::email::Email;
use serde_json::Value;

const PROGRAM: &str = include_str!("smtp.py");
pub(super) const FROM: &str = "no-reply@pontual.example";

pub(crate) struct Smtp {
    process: Child,
    port: u16,
    directory: PathBuf,
}

impl Smtp {
    pub(crate) fn start() -> Self {
        Self::with("open")
    }

    /// One that wants `lua` and `s3cret/@`.
    pub(super) fn with_login() -> Self {
        Self::with("login")
    }

    fn with(login: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("pontual-smtp-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        // Debian's own, which has python3-aiosmtpd.
        let mut process = Command::new("/usr/bin/python3")
            .args(["-c", PROGRAM])
            .arg(&directory)
            .arg(login)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse();
        let port = port.expect("the SMTP server says its port (is python3-aiosmtpd installed?)");
        Self { process, port, directory }
    }

    pub(super) fn url(&self, login: &str) -> String {
        format!("smtp://{login}127.0.0.1:{}", self.port)
    }

    pub(crate) fn channel(&self) -> Email {
        Email::new(&self.url(""), FROM).unwrap()
    }

    /// `refuse`, `defer`, `lose`, or nothing in the way.
    pub(crate) fn set_mode(&self, mode: &str) {
        std::fs::write(self.directory.join("mode"), mode).unwrap();
    }

    /// What it accepted, oldest first.
    pub(crate) fn mails(&self) -> Vec<Value> {
        let all = std::fs::read_to_string(self.directory.join("mails.jsonl")).unwrap_or_default();
        all.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.directory).ok();
    }
}
