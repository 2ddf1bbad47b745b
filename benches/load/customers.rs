//! Customers who book, and cancel, over the webhook: as fast as they are answered, or at a rate.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use pontual::clock::Clock;
use serde_json::json;
use sha2::Sha256;
use tokio::sync::mpsc::UnboundedReceiver;

use super::gateway::{Arrival, Gateway};
use super::stack::{INSTANCES, SECRET, instance};
use super::wire::Connection;

/// A customer who is not answered for so long is counted as lost.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many have been answered and write again later.
const RESTING: usize = 64;

/// Whom customers write to, and who brings them the replies.
pub(crate) struct World {
    gateway: Gateway,
    web_port: u16,
    /// What was said in another world must not come again.
    nth: u64,
    made: AtomicU64,
    messages: AtomicU64,
    talks: AtomicU64,
    connections: Mutex<Vec<Connection>>,
    idle: Mutex<VecDeque<Customer>>,
}

/// What was measured of some messages, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    /// From the time it was to be sent to the webhook's answer.
    pub(crate) webhook: Vec<u32>,
    /// From the time it was to be sent to its reply at the gateway.
    pub(crate) end_to_end: Vec<u32>,
    /// Answers other than 200, and connections that broke.
    pub(crate) refused: u64,
    /// Messages without a reply in time.
    pub(crate) unanswered: u64,
}

/// A person with a phone, in the middle of a talk.
struct Customer {
    number: String,
    instance: String,
    replies: UnboundedReceiver<Arrival>,
    talk: u64,
    script: VecDeque<&'static str>,
}

impl World {
    /// The `nth` world of a database, with people and messages of its own.
    pub(crate) fn new(gateway: Gateway, web_port: u16, nth: u64) -> Arc<Self> {
        Arc::new(Self {
            gateway,
            web_port,
            nth,
            made: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            talks: AtomicU64::new(0),
            connections: Mutex::default(),
            idle: Mutex::default(),
        })
    }

    /// `at_once` customers, each writing as soon as it is answered, for `time`.
    pub(crate) async fn saturate(self: &Arc<Self>, at_once: usize, time: Duration) -> Latencies {
        let until = Instant::now() + time;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..at_once {
            let world = Arc::clone(self);
            tasks.spawn(async move {
                let mut all = Latencies::default();
                while Instant::now() < until {
                    let customer = world.next_customer();
                    let one = world.exchange(customer, Instant::now()).await;
                    all.add(one, until);
                }
                all
            });
        }
        let mut all = Latencies::default();
        while let Some(done) = tasks.join_next().await {
            all.append(done.unwrap_or_default());
        }
        all
    }

    /// `rate` messages a second for `time`, whatever the answers take: a late one counts from when
    /// it was to be sent.
    pub(crate) async fn at_rate(self: &Arc<Self>, rate: u32, time: Duration) -> Latencies {
        let begun = Instant::now();
        let period = Duration::from_secs(1) / rate;
        let mut tasks = tokio::task::JoinSet::new();
        let mut all = Latencies::default();
        let mut due = begun;
        while due < begun + time {
            tokio::time::sleep_until(due.into()).await;
            let (world, at) = (Arc::clone(self), due);
            tasks.spawn(async move { world.exchange(world.next_customer(), at).await });
            while let Some(Ok(one)) = tasks.try_join_next() {
                all.append(one.into());
            }
            due += period;
        }
        while let Some(done) = tasks.join_next().await {
            all.append(done.map(Latencies::from).unwrap_or_default());
        }
        all
    }

    /// Talks that came to their end.
    pub(crate) fn talks(&self) -> u64 {
        self.talks.load(Ordering::Relaxed)
    }

    /// Somebody who waits for no reply; a new person if all do.
    fn next_customer(&self) -> Customer {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Those who wrote last rest a little, as people do.
        if idle.len() > RESTING
            && let Some(customer) = idle.pop_front()
        {
            return customer;
        }
        drop(idle);
        let nth = self.made.fetch_add(1, Ordering::Relaxed);
        let number = format!("55119{:08}", 70_000_000 + self.nth * 1_000_000 + nth);
        Customer {
            replies: self.gateway.mailbox(&number),
            instance: instance(usize::try_from(nth).unwrap_or_default() % INSTANCES),
            number,
            talk: nth,
            script: VecDeque::new(),
        }
    }

    /// One message and its reply.
    async fn exchange(&self, mut customer: Customer, at: Instant) -> Exchange {
        let text = customer.next_words();
        while customer.replies.try_recv().is_ok() {}
        let request = self.request(&customer, text);
        let webhook = match self.deliver(&request).await {
            Ok(Some(200)) => at.elapsed(),
            _ => return Exchange::default(),
        };
        let waited = tokio::time::timeout(PATIENCE, customer.replies.recv()).await;
        let end_to_end = waited.ok().flatten().map(|arrived| arrived.saturating_duration_since(at));
        if end_to_end.is_some() {
            self.talks.fetch_add(u64::from(customer.script.is_empty()), Ordering::Relaxed);
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push_back(customer);
        }
        Exchange { webhook: Some(webhook), end_to_end, ended: Some(Instant::now()) }
    }

    async fn deliver(&self, request: &[u8]) -> std::io::Result<Option<u16>> {
        let kept = self.connections.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(self.web_port).await?,
        };
        connection.write(request).await?;
        let Some(answer) = connection.read().await? else { return Ok(None) };
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(answer.status())
    }

    /// As the gateway posts it.
    fn request(&self, customer: &Customer, text: &str) -> Vec<u8> {
        let nth = self.messages.fetch_add(1, Ordering::Relaxed);
        let now = Clock::default().now();
        let body = json!({
            "event": "messages.upsert",
            "instance": customer.instance,
            "data": {
                "key": {
                    "remoteJid": format!("{}@s.whatsapp.net", customer.number), "fromMe": false,
                    "id": format!("3AF{}{nth:016X}", self.nth), "participant": "", "addressingMode": "pn",
                },
                "pushName": "Marina",
                "status": "DELIVERY_ACK",
                "message": {
                    "conversation": text,
                    "messageContextInfo": {
                        "deviceListMetadata": { "senderTimestamp": "1795000000", "recipientTimestamp": "1795000000" },
                        "deviceListMetadataVersion": 2,
                    },
                },
                "messageType": "conversation",
                "messageTimestamp": now.timestamp(),
                "instanceId": "8dac1149-0c79-4b5f-bde8-1605c117a04f",
                "source": "android",
            },
            "destination": "http://127.0.0.1/webhooks/evolution",
            "date_time": now.to_rfc3339(),
            "sender": "5511990000002@s.whatsapp.net",
            "server_url": "http://127.0.0.1:8080",
            "apikey": "8DAC11490C794B5FBDE8",
        })
        .to_string();
        format!(
            "POST /webhooks/evolution HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: axios/1.7.9\r\n\
             accept: application/json, text/plain, */*\r\ncontent-type: application/json\r\n\
             authorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
            token(),
            body.len()
        )
        .into_bytes()
    }
}

impl Customer {
    /// What they say next: they book by wishing for a day; two of three cancel it later.
    fn next_words(&mut self) -> &'static str {
        const WISHES: [&str; 12] = [
            "amanhã de manhã",
            "amanhã à tarde",
            "segunda de manhã",
            "segunda à tarde",
            "terça de manhã",
            "terça à tarde",
            "quarta à tarde",
            "quinta de manhã",
            "quinta à tarde",
            "sexta de manhã",
            "sexta à tarde",
            "sábado de manhã",
        ];
        if self.script.is_empty() {
            self.talk += 1;
            // A stride, so that those who begin together wish for other days.
            let wish = WISHES[usize::try_from(self.talk * 7 % 12).unwrap_or_default()];
            self.script.extend(["Oi", "1", wish, "1", "1"]);
            // Spread over all wishes, or a few days would fill up with what stands.
            if !(self.talk / 12 + self.talk).is_multiple_of(3) {
                self.script.extend(["desmarcar", "1"]);
            }
        }
        self.script.pop_front().unwrap_or("Oi")
    }
}

/// One message: how long its parts took; `None`: it did not come so far.
#[derive(Debug, Default)]
struct Exchange {
    webhook: Option<Duration>,
    end_to_end: Option<Duration>,
    ended: Option<Instant>,
}

impl From<Exchange> for Latencies {
    fn from(one: Exchange) -> Self {
        let micros = |took: Duration| u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        Self {
            refused: u64::from(one.webhook.is_none()),
            unanswered: u64::from(one.webhook.is_some() && one.end_to_end.is_none()),
            webhook: one.webhook.map(micros).into_iter().collect(),
            end_to_end: one.end_to_end.map(micros).into_iter().collect(),
        }
    }
}

impl Latencies {
    /// Counts one that ended in time.
    fn add(&mut self, one: Exchange, until: Instant) {
        if one.ended.is_none_or(|ended| ended <= until) {
            self.append(one.into());
        }
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.webhook.append(&mut other.webhook);
        self.end_to_end.append(&mut other.end_to_end);
        self.refused += other.refused;
        self.unanswered += other.unanswered;
    }
}

/// What the gateway makes of `headers.jwt_key`, for each of its webhooks: it is not taken for ever.
fn token() -> String {
    let now = Clock::default().now().timestamp();
    let claims = json!({ "iat": now, "exp": now + 600, "app": "evolution", "action": "webhook" });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key is right");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
