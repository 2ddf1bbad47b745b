//! A gateway that costs next to nothing: it takes every send at once, gives it an id, and tells the
//! customer's mailbox when it came.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use pontual::clock::Clock;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::wire::{Connection, Message};

/// When a reply reached the gateway.
pub(crate) type Arrival = Instant;

/// The running gateway.
#[derive(Clone, Default)]
pub(crate) struct Gateway {
    mailboxes: Arc<Mutex<HashMap<String, UnboundedSender<Arrival>>>>,
    sends: Arc<AtomicU64>,
    unknown: Arc<AtomicU64>,
}

#[derive(Deserialize)]
struct Send {
    number: String,
}

impl Gateway {
    /// Starts it on a port of its own.
    pub(crate) async fn start() -> anyhow::Result<(Self, u16)> {
        let gateway = Self::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let serving = gateway.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let gateway = serving.clone();
                tokio::spawn(async move {
                    let Ok(mut connection) = Connection::over(stream) else { return };
                    while let Ok(Some(request)) = connection.read().await {
                        let answer = gateway.answer(&request);
                        if connection.write(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok((gateway, port))
    }

    /// Where the replies to a number arrive from now on.
    pub(crate) fn mailbox(&self, number: &str) -> UnboundedReceiver<Arrival> {
        let (sender, receiver) = unbounded_channel();
        let mut mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        mailboxes.insert(number.to_owned(), sender);
        receiver
    }

    /// Sends taken so far.
    pub(crate) fn sends(&self) -> u64 {
        self.sends.load(Ordering::Relaxed)
    }

    /// Sends to numbers without a mailbox.
    pub(crate) fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    fn answer(&self, request: &Message) -> String {
        if request.path().starts_with("/message/send") {
            let arrived = Instant::now();
            let nth = self.sends.fetch_add(1, Ordering::Relaxed);
            let number = serde_json::from_slice::<Send>(&request.body).map(|send| send.number);
            let number = number.unwrap_or_default();
            let digits = number.split('@').next().unwrap_or_default();
            let mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
            match mailboxes.get(digits) {
                Some(mailbox) => drop(mailbox.send(arrived)),
                None => drop(self.unknown.fetch_add(1, Ordering::Relaxed)),
            }
            let body = json!({
                "key": { "remoteJid": number, "fromMe": true, "id": format!("3EB0{nth:016X}") },
                "messageType": "conversation", "messageTimestamp": Clock::default().now().timestamp(),
                "status": "PENDING",
            });
            return http("201 Created", &body.to_string());
        }
        let body = if request.path().starts_with("/instance/connectionState") {
            let name = request.path().rsplit('/').next().unwrap_or_default();
            json!({ "instance": { "instanceName": name, "state": "open" } })
        } else {
            json!({ "messages": { "total": 0, "pages": 0, "currentPage": 1, "records": [] } })
        };
        http("200 OK", &body.to_string())
    }
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
