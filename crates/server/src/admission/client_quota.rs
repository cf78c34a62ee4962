//! A quota per client: how many requests or connections one client may hold at once, so that a few clients cannot
//! take all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) struct ClientQuotas {
    /// Permits that one client may hold at once.
    per_client: usize,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One unit of a client's quota, until it is dropped.
pub(crate) struct QuotaPermit {
    quotas: Arc<ClientQuotas>,
    client: IpAddr,
}

impl ClientQuotas {
    /// A quarter of `total` for each client, at least 1.
    pub(crate) fn quarter_of(total: usize) -> Arc<Self> {
        Arc::new(Self { per_client: total.div_ceil(4).max(1), held: Mutex::default() })
    }

    /// A permit, unless the client holds its whole quota.
    pub(crate) fn try_acquire(self: &Arc<Self>, client: IpAddr) -> Option<QuotaPermit> {
        let mut clients = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = clients.entry(client).or_default();
        if *held >= self.per_client {
            return None;
        }
        *held += 1;
        Some(QuotaPermit { quotas: Arc::clone(self), client })
    }
}

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        let mut clients = self.quotas.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = clients.get_mut(&self.client) {
            *held -= 1;
            if *held == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_holds_no_more_than_its_quota_and_is_forgotten_with_the_last_permit() {
        let quotas = ClientQuotas::quarter_of(6);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = quotas.try_acquire(one).expect("the first");
        let second = quotas.try_acquire(one).expect("the second");
        assert!(quotas.try_acquire(one).is_none() && quotas.try_acquire(other).is_some());
        drop(first);
        let third = quotas.try_acquire(one);
        assert!(third.is_some());
        drop((third, second));
        assert!(quotas.held.lock().expect("no panic").is_empty());
    }
}
