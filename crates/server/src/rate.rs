//! How often each client may search: a token bucket each.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::http::HeaderMap;

use crate::Rate;

/// Clients remembered at most; the ones that have been quiet longest are forgotten first.
const CLIENTS: usize = 10_000;

/// The address that a connection comes from.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

pub(crate) struct RateLimit {
    rate: Rate,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    tokens: f64,
    since: Instant,
}

impl RateLimit {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Takes the price of a search from a client's bucket, or says how many seconds to wait.
    pub(crate) fn charge(&self, client: IpAddr) -> Result<(), u64> {
        self.charge_at(client, Instant::now())
    }

    /// Takes the price of searches that are done in any case: what the bucket lacks is owed.
    pub(crate) fn owe(&self, client: IpAddr, searches: usize) {
        self.owe_at(client, searches, Instant::now());
    }

    fn charge_at(&self, client: IpAddr, now: Instant) -> Result<(), u64> {
        self.bucket_at(client, now, |bucket| {
            if bucket.tokens < 1.0 {
                return Err(((1.0 - bucket.tokens) / self.rate.per_second).ceil() as u64);
            }
            bucket.tokens -= 1.0;
            Ok(())
        })
    }

    fn owe_at(&self, client: IpAddr, searches: usize, now: Instant) {
        self.bucket_at(client, now, |bucket| bucket.tokens -= searches as f64);
    }

    /// A client's bucket as it is by now.
    fn bucket_at<T>(
        &self,
        client: IpAddr,
        now: Instant,
        change: impl FnOnce(&mut Bucket) -> T,
    ) -> T {
        let Rate { per_second, burst } = self.rate;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CLIENTS && !buckets.contains_key(&client) {
            // A full bucket is as good as none.
            let filled = |b: &Bucket| {
                b.tokens + now.duration_since(b.since).as_secs_f64() * per_second >= burst
            };
            buckets.retain(|_, bucket| !filled(bucket));
            if buckets.len() >= CLIENTS {
                let oldest = buckets.iter().min_by_key(|(_, b)| b.since).map(|(ip, _)| *ip);
                oldest.map(|ip| buckets.remove(&ip));
            }
        }
        let bucket = buckets.entry(client).or_insert(Bucket { tokens: burst, since: now });
        let passed = now.duration_since(bucket.since).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * per_second).min(burst);
        bucket.since = now;
        change(bucket)
    }
}

/// Whom a request is counted for. Of IPv6, a customer has a network of 2^64 addresses.
pub(crate) fn client(peer: Option<&Peer>, headers: &HeaderMap, behind_proxy: bool) -> IpAddr {
    let unknown = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let peer = peer.map_or(unknown, |peer| peer.0.ip());
    // The last one is what our own proxy saw; the ones before are hearsay.
    let forwarded = || {
        let value = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        address(value.rsplit(',').next()?.trim())
    };
    network(if behind_proxy { forwarded().unwrap_or(peer) } else { peer })
}

/// Whom a connection is counted for.
pub(crate) fn client_at(peer: SocketAddr) -> IpAddr {
    network(peer.ip())
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// An address as proxies write it: alone, in brackets, or with a port behind it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const CLIENT: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    #[test]
    fn a_burst_then_the_rate() {
        let limit = RateLimit::new(Rate { per_second: 0.5, burst: 2.0 });
        let now = Instant::now();
        assert_eq!(limit.charge_at(CLIENT, now), Ok(()));
        assert_eq!(limit.charge_at(CLIENT, now), Ok(()));
        assert_eq!(limit.charge_at(CLIENT, now), Err(2));
        let other = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(limit.charge_at(other, now), Ok(()), "others are not held up");
        assert_eq!(limit.charge_at(CLIENT, now + Duration::from_secs(2)), Ok(()));
    }

    #[test]
    fn a_batch_is_paid_for_afterwards() {
        for burst in [2.0, 1.0] {
            let limit = RateLimit::new(Rate { per_second: 1.0, burst });
            let now = Instant::now();
            assert_eq!(limit.charge_at(CLIENT, now), Ok(()));
            // With less than one search in the bucket, too.
            limit.owe_at(CLIENT, 4, now);
            assert_eq!(limit.charge_at(CLIENT, now), Err(6 - burst as u64));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let limit = RateLimit::new(Rate { per_second: 1e-6, burst: 1.0 });
        let now = Instant::now();
        for number in 0..CLIENTS as u32 + 50 {
            let _ = limit.charge_at(IpAddr::from(number.to_be_bytes()), now);
        }
        assert_eq!(limit.buckets.lock().expect("no panic").len(), CLIENTS);
    }

    #[test]
    fn a_forwarded_address_counts_only_behind_a_proxy() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "1.1.1.1, 2.2.2.2".parse().expect("a header"));
        let peer = Peer(([10, 0, 0, 9], 80).into());
        assert_eq!(client(Some(&peer), &headers, false), IpAddr::from([10, 0, 0, 9]));
        assert_eq!(client(Some(&peer), &headers, true), IpAddr::from([2, 2, 2, 2]));
        for written in ["203.0.113.7:51234", "[2001:db8::1]:443", "[2001:db8::1]", "2001:db8::1"] {
            headers.insert("x-forwarded-for", written.parse().expect("a header"));
            let found = client(Some(&peer), &headers, true).to_string();
            assert!(["203.0.113.7", "2001:db8::"].contains(&found.as_str()), "{written}: {found}");
        }
        let v6 = Peer(("2001:db8:1:2:3::4".parse::<IpAddr>().expect("an address"), 80).into());
        let network: IpAddr = "2001:db8:1:2::".parse().expect("an address");
        assert_eq!(client(Some(&v6), &HeaderMap::new(), false), network);
    }
}
