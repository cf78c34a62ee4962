//! Rate limiting: a token bucket for each client, which may go into debt.
//!
//! A request is checked before its body is read, when its cost is not known yet. So [`RateLimiter::check`]
//! takes one token, and [`RateLimiter::debit`] takes the rest afterwards, below zero if need be.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::Rate;

/// Clients remembered at most; those idle longest are forgotten first.
const MAX_CLIENTS: usize = 10_000;

pub(crate) struct RateLimiter {
    rate: Rate,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    tokens: f64,
    updated: Instant,
}

impl RateLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Takes one token from a client's bucket; the error is the number of seconds until there is one.
    pub(crate) fn check(&self, client: IpAddr) -> Result<(), u64> {
        self.check_at(client, Instant::now())
    }

    /// Takes tokens for searches that run in any case: the bucket may go below zero.
    pub(crate) fn debit(&self, client: IpAddr, searches: usize) {
        self.debit_at(client, searches, Instant::now());
    }

    fn check_at(&self, client: IpAddr, now: Instant) -> Result<(), u64> {
        self.with_bucket(client, now, |bucket| {
            if bucket.tokens < 1.0 {
                return Err(((1.0 - bucket.tokens) / self.rate.per_second).ceil() as u64);
            }
            bucket.tokens -= 1.0;
            Ok(())
        })
    }

    fn debit_at(&self, client: IpAddr, searches: usize, now: Instant) {
        self.with_bucket(client, now, |bucket| bucket.tokens -= searches as f64);
    }

    /// Changes a client's bucket, refilled up to `now`.
    fn with_bucket<T>(
        &self,
        client: IpAddr,
        now: Instant,
        change: impl FnOnce(&mut Bucket) -> T,
    ) -> T {
        let Rate { per_second, burst } = self.rate;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_CLIENTS && !buckets.contains_key(&client) {
            // A full bucket and a new one are the same.
            let is_full = |b: &Bucket| {
                b.tokens + now.duration_since(b.updated).as_secs_f64() * per_second >= burst
            };
            buckets.retain(|_, bucket| !is_full(bucket));
            if buckets.len() >= MAX_CLIENTS {
                let oldest = buckets.iter().min_by_key(|(_, b)| b.updated).map(|(ip, _)| *ip);
                oldest.map(|ip| buckets.remove(&ip));
            }
        }
        let bucket = buckets.entry(client).or_insert(Bucket { tokens: burst, updated: now });
        let elapsed = now.duration_since(bucket.updated).as_secs_f64();
        bucket.tokens = (bucket.tokens + elapsed * per_second).min(burst);
        bucket.updated = now;
        change(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;
    use std::time::Duration;

    const CLIENT: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    #[test]
    fn a_burst_then_the_rate() {
        let limiter = RateLimiter::new(Rate { per_second: 0.5, burst: 2.0 });
        let now = Instant::now();
        assert_eq!(limiter.check_at(CLIENT, now), Ok(()));
        assert_eq!(limiter.check_at(CLIENT, now), Ok(()));
        assert_eq!(limiter.check_at(CLIENT, now), Err(2));
        let other = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(limiter.check_at(other, now), Ok(()), "each client has its own bucket");
        assert_eq!(limiter.check_at(CLIENT, now + Duration::from_secs(2)), Ok(()));
    }

    #[test]
    fn a_batch_is_debited_afterwards() {
        for burst in [2.0, 1.0] {
            let limiter = RateLimiter::new(Rate { per_second: 1.0, burst });
            let now = Instant::now();
            assert_eq!(limiter.check_at(CLIENT, now), Ok(()));
            // With less than one token in the bucket, too.
            limiter.debit_at(CLIENT, 4, now);
            assert_eq!(limiter.check_at(CLIENT, now), Err(6 - burst as u64));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = RateLimiter::new(Rate { per_second: 1e-6, burst: 1.0 });
        let now = Instant::now();
        for number in 0..MAX_CLIENTS as u32 + 50 {
            let _ = limiter.check_at(IpAddr::from(number.to_be_bytes()), now);
        }
        assert_eq!(limiter.buckets.lock().expect("no panic").len(), MAX_CLIENTS);
    }
}
