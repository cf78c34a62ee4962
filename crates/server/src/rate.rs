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

    /// Takes the price of a number of searches from a client's bucket, which must hold one at least;
    /// what is missing is owed. Otherwise says how many seconds to wait.
    pub(crate) fn charge(&self, client: IpAddr, searches: usize) -> Result<(), u64> {
        self.charge_at(client, searches, Instant::now())
    }

    fn charge_at(&self, client: IpAddr, searches: usize, now: Instant) -> Result<(), u64> {
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
        if bucket.tokens < 1.0 {
            return Err(((1.0 - bucket.tokens) / per_second).ceil() as u64);
        }
        bucket.tokens -= searches as f64;
        Ok(())
    }
}

/// Whom a request is counted for. Of IPv6, a customer has a network of 2^64 addresses.
pub(crate) fn client(peer: Option<&Peer>, headers: &HeaderMap, behind_proxy: bool) -> IpAddr {
    let unknown = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let peer = peer.map_or(unknown, |peer| peer.0.ip());
    // The last one is what our own proxy saw; the ones before are hearsay.
    let forwarded = || {
        let value = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        value.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let address = if behind_proxy { forwarded().unwrap_or(peer) } else { peer };
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
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
        assert_eq!(limit.charge_at(CLIENT, 1, now), Ok(()));
        assert_eq!(limit.charge_at(CLIENT, 1, now), Ok(()));
        assert_eq!(limit.charge_at(CLIENT, 1, now), Err(2));
        let other = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(limit.charge_at(other, 1, now), Ok(()), "others are not held up");
        assert_eq!(limit.charge_at(CLIENT, 1, now + Duration::from_secs(2)), Ok(()));
    }

    #[test]
    fn a_batch_is_paid_for_afterwards() {
        let limit = RateLimit::new(Rate { per_second: 1.0, burst: 2.0 });
        let now = Instant::now();
        assert_eq!(limit.charge_at(CLIENT, 5, now), Ok(()));
        assert_eq!(limit.charge_at(CLIENT, 1, now), Err(4));
    }

    #[test]
    fn memory_is_bounded() {
        let limit = RateLimit::new(Rate { per_second: 1e-6, burst: 1.0 });
        let now = Instant::now();
        for number in 0..CLIENTS as u32 + 50 {
            let _ = limit.charge_at(IpAddr::from(number.to_be_bytes()), 1, now);
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
        let v6 = Peer(("2001:db8:1:2:3::4".parse::<IpAddr>().expect("an address"), 80).into());
        let network: IpAddr = "2001:db8:1:2::".parse().expect("an address");
        assert_eq!(client(Some(&v6), &HeaderMap::new(), false), network);
    }
}
