//! Where a request comes from, through the proxies that we were told of and no others.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

/// Proxies whose `X-Forwarded-For` is believed. None of them: the header is anybody's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Arc<[Network]>);

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// How many bits they have in common.
    prefix: u8,
}

/// The text is no list of proxies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network, such as 10.0.0.7 or 10.0.0.0/8")]
pub struct NoProxy(String);

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Proxies {
    /// The client of a request; none where the server was not told who connects.
    pub(super) fn client(&self, parts: &Parts) -> Option<IpAddr> {
        let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(self.behind(peer.ip().to_canonical(), &parts.headers))
    }

    /// The last address on the way here that is none of the proxies: each of them wrote down who
    /// connected to it, and what stands before that is the client's own word.
    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut seen = peer;
        let lines = headers.get_all(FORWARDED_FOR);
        let mut hops: Vec<&str> = Vec::new();
        for line in lines {
            hops.extend(line.to_str().unwrap_or("unknown").split(','));
        }
        while self.contains(seen) {
            let Some(before) = hops.pop().and_then(address) else { break };
            seen = before;
        }
        seen
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl FromStr for Proxies {
    type Err = NoProxy;

    /// Addresses and networks, with commas between them.
    fn from_str(text: &str) -> Result<Self, NoProxy> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::parse).collect::<Result<Vec<Network>, _>>().map(|all| Self(all.into()))
    }
}

impl FromStr for Network {
    type Err = NoProxy;

    fn from_str(text: &str) -> Result<Self, NoProxy> {
        let wrong = || NoProxy(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let (ours, theirs, width) = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (u128::from(ours.to_bits()), u128::from(theirs.to_bits()), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
            _ => return false,
        };
        let dropped = width - u32::from(self.prefix);
        ours.checked_shr(dropped) == theirs.checked_shr(dropped)
    }
}

/// An entry of `X-Forwarded-For`, with or without a port.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let with_port = || hop.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse::<IpAddr>().or_else(|_| with_port()).ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(proxies: &str, peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let proxies: Proxies = proxies.parse().unwrap();
        proxies.behind(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn forwarded_addresses_are_believed_of_known_proxies_only() {
        #[rustfmt::skip]
        let cases = [
            // proxies                 peer         X-Forwarded-For                      client
            ("",                       "10.0.0.7",  &["198.51.100.9"][..],               "10.0.0.7"),
            ("10.0.0.0/8",             "192.0.2.1", &["198.51.100.9"],                   "192.0.2.1"),
            ("10.0.0.0/8",             "10.0.0.7",  &[],                                 "10.0.0.7"),
            ("10.0.0.0/8",             "10.0.0.7",  &["198.51.100.9"],                   "198.51.100.9"),
            ("10.0.0.0/8",             "10.0.0.7",  &["1.1.1.1, 198.51.100.9"],          "198.51.100.9"),
            ("10.0.0.0/8",             "10.0.0.7",  &["198.51.100.9, 10.1.1.1"],         "198.51.100.9"),
            ("10.0.0.0/8",             "10.0.0.7",  &["198.51.100.9", "10.1.1.1"],       "198.51.100.9"),
            ("10.0.0.7",               "10.0.0.7",  &["198.51.100.9, 10.0.0.8"],         "10.0.0.8"),
            ("10.0.0.0/8",             "10.0.0.7",  &["198.51.100.9, nonsense"],         "10.0.0.7"),
            ("10.0.0.0/8",             "10.0.0.7",  &["198.51.100.9:4711"],              "198.51.100.9"),
            ("fd00::/8, 10.0.0.0/8",   "fd00::1",   &["[2001:db8::1]:80, 10.0.0.9"],     "2001:db8::1"),
            ("0.0.0.0/0",              "192.0.2.1", &["198.51.100.9"],                   "198.51.100.9"),
            ("10.0.0.0/8",             "10.0.0.7",  &["::ffff:198.51.100.9"],            "198.51.100.9"),
        ];
        for (proxies, peer, lines, client) in cases {
            assert_eq!(seen(proxies, peer, lines), client, "{proxies} {peer} {lines:?}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_its_text() {
        for wrong in ["proxy", "10.0.0.0/33", "fd00::/129", "10.0.0.0/x", "10.0.0"] {
            let refused = format!("10.0.0.1, {wrong}").parse::<Proxies>().unwrap_err();
            assert!(refused.to_string().contains(wrong), "{refused}");
        }
    }
}
