//! A Redis server of one test, and servers that are none.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::process::{Folder, until};

/// Debian's `redis-server`, listening in a folder of its own. Killed with this value.
pub(super) struct RedisServer {
    folder: Folder,
    child: Child,
}

impl RedisServer {
    /// `None`, with a line that says so: this machine has none.
    pub(super) async fn start() -> Option<Self> {
        let folder = Folder::new();
        let Some(child) = spawn(&folder.0) else {
            println!("skipped: no redis-server on this machine (apt install redis-server)");
            return None;
        };
        let server = Self { folder, child };
        server.wait().await;
        Some(server)
    }

    pub(super) fn url(&self) -> String {
        format!("redis+unix://{}/redis.sock", self.folder.0.display())
    }

    /// `SIGKILL`: nothing is written, no connection is closed in order.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with what it last saved.
    pub(super) async fn start_again(&mut self) {
        self.child = spawn(&self.folder.0).unwrap();
        self.wait().await;
    }

    /// Starts it again with nothing in it.
    pub(super) async fn start_empty(&mut self) {
        let _ = std::fs::remove_file(self.folder.0.join("dump.rdb"));
        self.start_again().await;
    }

    /// A command; what it answers as text.
    pub(super) async fn ask(&self, words: &[&str]) -> Result<String, redis::RedisError> {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        let answer: redis::Value = command.query_async(&mut connection).await?;
        Ok(format!("{answer:?}"))
    }

    async fn wait(&self) {
        until("a Redis that answers", async || self.ask(&["PING"]).await.is_ok()).await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path) -> Option<Child> {
    Command::new("redis-server")
        .args(["--port", "0", "--unixsocket"])
        .arg(folder.join("redis.sock"))
        .args(["--save", "", "--dir"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

/// What a server does that is no Redis, or not well.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ill {
    /// Takes connections and says nothing.
    Silent,
    /// Says what no Redis says.
    Http,
}

/// Where it listens.
pub(super) async fn ill_server(ill: Ill) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if matches!(ill, Ill::Http) {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n{\"a\":1}\r\n").await;
            }
            open.push(stream);
        }
    });
    url
}
