//! Requests with wrong keys, counted by address, so that nobody tries keys for long.
//!
//! An address with too many of them in a minute is refused before the database is asked. A key that
//! was right lately is let through all the same: whoever shares an address with a program gone wild
//! is not locked out with it. What is remembered is bounded, whoever asks.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::request::Parts;
use tokio::time::Instant;

use super::problem::Problem;
use crate::db::keys::Secret;
use crate::http::Proxies;

/// Wrong keys of one address in a minute.
const MOST: f64 = 60.0;
const PERIOD: Duration = Duration::from_mins(1);
/// How long a key that was right counts as such; whether it still is, is looked up each time.
const TRUSTED: Duration = Duration::from_mins(10);
/// Addresses and keys remembered in each half of the memory.
const REMEMBERED: usize = 10_000;

/// Shared by all requests.
#[derive(Debug, Clone)]
pub(super) struct Failures {
    proxies: Proxies,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug)]
struct Memory {
    /// Wrong keys by address.
    wrong: Halves<HashMap<IpAddr, u32>>,
    /// Hashes of keys that were right.
    right: Halves<HashSet<[u8; 32]>>,
}

/// What happened in this period and in the one before it.
#[derive(Debug)]
struct Halves<T> {
    period: Duration,
    began: Instant,
    now: T,
    before: T,
}

impl<T: Default> Halves<T> {
    fn new(period: Duration, at: Instant) -> Self {
        Self { period, began: at, now: T::default(), before: T::default() }
    }

    /// Forgets what is older than two periods.
    fn turn(&mut self, at: Instant) {
        let passed = at.saturating_duration_since(self.began);
        if passed >= self.period * 2 {
            self.begin(at);
            self.before = T::default();
        } else if passed >= self.period {
            self.begin(self.began + self.period);
        }
    }

    fn begin(&mut self, at: Instant) {
        self.before = std::mem::take(&mut self.now);
        self.began = at;
    }

    /// How much of the period before still counts, from 1 down to 0.
    fn weight(&self, at: Instant) -> f64 {
        let passed = at.saturating_duration_since(self.began);
        (1.0 - passed.as_secs_f64() / self.period.as_secs_f64()).max(0.0)
    }
}

impl Memory {
    fn new(at: Instant) -> Self {
        Self { wrong: Halves::new(PERIOD, at), right: Halves::new(TRUSTED, at) }
    }

    /// For how long an address is refused; none: it is not.
    fn refuses(&mut self, address: IpAddr, at: Instant) -> Option<Duration> {
        self.wrong.turn(at);
        let count =
            |half: &HashMap<IpAddr, u32>| f64::from(half.get(&address).copied().unwrap_or(0));
        let weighted = count(&self.wrong.now) + count(&self.wrong.before) * self.wrong.weight(at);
        (weighted >= MOST).then(|| (self.wrong.began + PERIOD).saturating_duration_since(at))
    }

    fn was_wrong(&mut self, address: IpAddr, at: Instant) {
        self.wrong.turn(at);
        if !self.wrong.now.contains_key(&address) && self.wrong.now.len() >= REMEMBERED {
            self.wrong.begin(at);
        }
        let count = self.wrong.now.entry(address).or_insert(0);
        *count = count.saturating_add(1);
    }

    fn was_right(&mut self, key: [u8; 32], at: Instant) {
        self.right.turn(at);
        if !self.right.now.contains(&key) && self.right.now.len() >= REMEMBERED {
            self.right.begin(at);
        }
        self.right.now.insert(key);
    }

    fn is_trusted(&mut self, key: &[u8; 32], at: Instant) -> bool {
        self.right.turn(at);
        self.right.now.contains(key) || self.right.before.contains(key)
    }
}

impl Failures {
    pub(super) fn new(proxies: Proxies) -> Self {
        Self { proxies, memory: Arc::new(Mutex::new(Memory::new(Instant::now()))) }
    }

    /// Who asks, as far as counting goes.
    pub(super) fn client(&self, parts: &Parts) -> Option<IpAddr> {
        self.proxies.client(parts).map(counted)
    }

    /// # Errors
    ///
    /// 429 for a client that came with too many wrong keys, unless this one was right lately.
    pub(super) fn admit(
        &self,
        client: Option<IpAddr>,
        key: Option<&Secret>,
    ) -> Result<(), Problem> {
        let Some(client) = client else { return Ok(()) };
        let at = Instant::now();
        let mut memory = self.memory();
        let Some(wait) = memory.refuses(client, at) else { return Ok(()) };
        if key.is_some_and(|key| memory.is_trusted(&key.hash(), at)) {
            return Ok(());
        }
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-wrong-keys",
            "Too many requests with wrong keys",
            "Too many requests with wrong keys came from this address within a minute.",
        )
        .retry_after(seconds))
    }

    pub(super) fn was_wrong(&self, client: Option<IpAddr>) {
        let Some(client) = client else { return };
        let at = Instant::now();
        let mut memory = self.memory();
        memory.was_wrong(client, at);
        if memory.refuses(client, at).is_some() {
            tracing::warn!(
                client.address = %client,
                "too many requests with wrong keys: this address is refused for up to a minute"
            );
        }
    }

    pub(super) fn was_right(&self, key: &Secret) {
        self.memory().was_right(key.hash(), Instant::now());
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One customer of a provider has a whole /64 of IPv6 addresses.
fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_with_too_many_wrong_keys_is_refused_and_free_again_after_a_while() {
        let start = Instant::now();
        let mut memory = Memory::new(start);
        for _ in 0..59 {
            memory.was_wrong(ip("192.0.2.1"), start);
        }
        assert_eq!(memory.refuses(ip("192.0.2.1"), start), None);
        memory.was_wrong(ip("192.0.2.1"), start);
        let wait = memory.refuses(ip("192.0.2.1"), start).unwrap();
        assert_eq!(wait, PERIOD);
        assert_eq!(memory.refuses(ip("192.0.2.2"), start), None, "others are not");
        let half = start + PERIOD / 2;
        assert_eq!(memory.refuses(ip("192.0.2.1"), half), Some(PERIOD / 2));
        let over = start + PERIOD + Duration::from_secs(1);
        assert_eq!(memory.refuses(ip("192.0.2.1"), over), None);
        // The minute before still counts, ever less.
        for _ in 0..30 {
            memory.was_wrong(ip("192.0.2.1"), over);
        }
        assert!(memory.refuses(ip("192.0.2.1"), over).is_some());
        assert_eq!(memory.refuses(ip("192.0.2.1"), over + PERIOD * 3 / 4), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_however_many_addresses_ask() {
        let start = Instant::now();
        let mut memory = Memory::new(start);
        for n in 0..50_000_u32 {
            memory.was_wrong(std::net::Ipv4Addr::from_bits(n).into(), start);
            memory.was_right(Secret::random().unwrap().hash(), start);
        }
        for len in [memory.wrong.now.len(), memory.wrong.before.len()] {
            assert!(len <= REMEMBERED, "{len}");
        }
        for len in [memory.right.now.len(), memory.right.before.len()] {
            assert!(len <= REMEMBERED, "{len}");
        }
    }

    #[test]
    fn a_key_that_was_right_lately_counts_as_such_and_no_other() {
        let start = Instant::now();
        let mut memory = Memory::new(start);
        let [right, other] = [Secret::random().unwrap(), Secret::random().unwrap()];
        memory.was_right(right.hash(), start);
        assert!(memory.is_trusted(&right.hash(), start + TRUSTED + PERIOD));
        assert!(!memory.is_trusted(&other.hash(), start));
        assert!(!memory.is_trusted(&right.hash(), start + TRUSTED * 3));
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one() {
        assert_eq!(counted(ip("2001:db8::1")), counted(ip("2001:db8::ffff:1")));
        assert_ne!(counted(ip("2001:db8:0:1::1")), counted(ip("2001:db8::1")));
    }
}
