//! A line between the program and the database: it counts what is asked, and can be held up.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Notify;

/// A proxy of one database, which ends with its test.
#[derive(Clone, Default)]
pub(crate) struct Proxy(Arc<Line>);

#[derive(Default)]
struct Line {
    held: AtomicBool,
    released: Notify,
    statements: AtomicU64,
}

impl Proxy {
    /// In front of this database; the address to use in place of it.
    pub(crate) async fn before(url: &str) -> (Self, String) {
        let server: PgConnectOptions = url.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self::default();
        let address = server.clone().host("127.0.0.1").port(port).ssl_mode(PgSslMode::Disable);
        // What is left of a socket would win over the host.
        let mut address = address.to_url_lossy();
        let kept: Vec<(String, String)> = address
            .query_pairs()
            .filter(|(name, _)| name != "host" && name != "port")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        address.query_pairs_mut().clear().extend_pairs(kept);
        address.set_host(Some("127.0.0.1")).unwrap();
        address.set_port(Some(port)).unwrap();
        let line = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(line.clone().carry(client, server.clone()));
            }
        });
        (proxy, address.into())
    }

    /// From now on nothing passes, as if the server hung.
    pub(crate) fn hold(&self) {
        self.0.held.store(true, Ordering::SeqCst);
    }

    /// Everything that waited passes.
    pub(crate) fn release(&self) {
        self.0.held.store(false, Ordering::SeqCst);
        self.0.released.notify_waiters();
    }

    /// Statements so far: each execution, and each simple query.
    pub(crate) fn statements(&self) -> u64 {
        self.0.statements.load(Ordering::SeqCst)
    }

    async fn carry(self, client: TcpStream, server: PgConnectOptions) {
        let (from_client, to_client) = client.into_split();
        if let Some(folder) = server.get_socket() {
            let path = PathBuf::from(folder).join(format!(".s.PGSQL.{}", server.get_port()));
            let (from, to) = split(UnixStream::connect(path).await.unwrap());
            self.both_ways(from_client, to_client, from, to).await;
        } else {
            let address = (server.get_host(), server.get_port());
            let (from, to) = TcpStream::connect(address).await.unwrap().into_split();
            self.both_ways(from_client, to_client, from, to).await;
        }
    }

    async fn both_ways(
        &self,
        from_client: impl AsyncRead + Unpin,
        to_client: impl AsyncWrite + Unpin,
        from_server: impl AsyncRead + Unpin,
        to_server: impl AsyncWrite + Unpin,
    ) {
        tokio::select! {
            _ = self.asked(from_client, to_server) => {}
            _ = self.answered(from_server, to_client) => {}
        }
    }

    /// Message by message: a type, a length that counts itself, and the rest; the first has no type.
    async fn asked(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let mut first = true;
        loop {
            let mut message = Vec::new();
            if !std::mem::take(&mut first) {
                message.push(from.read_u8().await?);
            }
            let length = from.read_u32().await?;
            if matches!(message.first(), Some(b'E' | b'Q')) {
                self.0.statements.fetch_add(1, Ordering::SeqCst);
            }
            message.extend_from_slice(&length.to_be_bytes());
            let end = message.len() + length as usize - 4;
            let begin = message.len();
            message.resize(end, 0);
            from.read_exact(&mut message[begin..]).await?;
            self.passes().await;
            to.write_all(&message).await?;
        }
    }

    async fn answered(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let n = from.read(&mut buffer).await?;
            if n == 0 {
                return Ok(());
            }
            self.passes().await;
            to.write_all(&buffer[..n]).await?;
        }
    }

    async fn passes(&self) {
        loop {
            let released = self.0.released.notified();
            if !self.0.held.load(Ordering::SeqCst) {
                return;
            }
            released.await;
        }
    }
}
