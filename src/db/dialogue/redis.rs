//! Copies in Redis, where every worker finds them.
//!
//! A copy is one string under `pontual:dialogue:<tenant>:<conversation>`, the text of the dialogue,
//! with an expiry.

use std::fmt;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, Value};
use tokio::sync::Mutex;

use super::breaker::{Breaker, Change};
use super::{DialogueKey, DialogueStore, Kept};

/// The longest that a turn waits, for connecting too. Within a data centre an answer takes less
/// than a millisecond; the row itself comes with the turn anyhow.
const PATIENCE: Duration = Duration::from_millis(100);

/// `REDIS_URL` is no address of a Redis.
#[derive(Debug, thiserror::Error)]
#[error("no address of a Redis, such as redis://host:6379 or rediss://user:password@host")]
pub struct BadAddress;

/// Copies of dialogues in a Redis server, or whatever speaks as one.
pub struct RedisStore {
    client: Client,
    lifetime: Duration,
    patience: Duration,
    /// Opened when it is first needed; many commands go through it at once.
    connection: Mutex<Option<MultiplexedConnection>>,
    breaker: Breaker,
}

impl RedisStore {
    /// Copies expire after `lifetime`. The server is asked for nothing yet.
    ///
    /// # Errors
    ///
    /// The address cannot be one. It may hold a password and is not quoted.
    pub fn new(url: &str, lifetime: Duration) -> Result<Self, BadAddress> {
        Self::with_patience(url, lifetime, PATIENCE)
    }

    /// As [`RedisStore::new`], waiting so long for an answer.
    ///
    /// # Errors
    ///
    /// As [`RedisStore::new`].
    pub fn with_patience(
        url: &str,
        lifetime: Duration,
        patience: Duration,
    ) -> Result<Self, BadAddress> {
        let client = Client::open(url).map_err(|_| BadAddress)?;
        let (connection, breaker) = (Mutex::default(), Breaker::default());
        Ok(Self { client, lifetime, patience, connection, breaker })
    }

    /// The answer to a command; `None`: there is none to be had.
    async fn ask(&self, command: Cmd) -> Option<Value> {
        if !self.breaker.admits(Instant::now()) {
            return None;
        }
        let asked = async {
            let mut connection = self.connected().await?;
            command.query_async::<Value>(&mut connection).await
        };
        let change = match tokio::time::timeout(self.patience, asked).await {
            Ok(Ok(answer)) => {
                if self.breaker.answered() == Change::Back {
                    tracing::info!("Redis answers again; dialogues have copies there");
                }
                return Some(answer);
            }
            Ok(Err(error)) => self.lost(reason(&error)).await,
            Err(_) => self.lost("it did not answer in time").await,
        };
        if let Some(why) = change {
            tracing::warn!(
                why,
                "Redis is not to be had; dialogues are read from Postgres until it is back"
            );
        }
        None
    }

    /// The connection, opened if there is none. Who waits for another's opening gives up with it.
    async fn connected(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = self.connection.lock().await;
        if let Some(open) = &*connection {
            return Ok(open.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience));
        let opened = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        *connection = Some(opened.clone());
        Ok(opened)
    }

    /// The next one who asks connects anew. Why it failed, if nobody has been told yet.
    async fn lost(&self, why: &'static str) -> Option<&'static str> {
        *self.connection.lock().await = None;
        (self.breaker.failed(Instant::now()) == Change::Lost).then_some(why)
    }
}

impl DialogueStore for RedisStore {
    fn recall(&self, key: DialogueKey) -> BoxFuture<'_, Option<Kept>> {
        Box::pin(async move {
            let mut get = Cmd::new();
            get.arg("GET").arg(name_of(key));
            let Value::BulkString(bytes) = self.ask(get).await? else { return None };
            Some(Kept::read(String::from_utf8(bytes).ok()?))
        })
    }

    fn keep(&self, key: DialogueKey, kept: Kept) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let millis = u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX);
            let mut set = Cmd::new();
            set.arg("SET").arg(name_of(key)).arg(kept.text).arg("PX").arg(millis);
            // Without it the row is read: slower, and right.
            let _ = self.ask(set).await;
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

fn name_of(key: DialogueKey) -> String {
    format!("pontual:dialogue:{}:{}", key.tenant, key.conversation)
}

/// What went wrong, in words that hold nothing of anybody: an error of the server may quote.
fn reason(error: &RedisError) -> &'static str {
    if error.is_connection_refusal() {
        "it refuses connections"
    } else if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connection_dropped() || error.is_io_error() {
        "the connection broke"
    } else {
        "it answers what Redis does not, or refuses us"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_told_without_quoting_it() {
        let error = RedisStore::new("host s3cret", Duration::from_secs(1)).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
