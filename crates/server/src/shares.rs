//! How much of what there is one client may hold at once, so that a few cannot take all of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Places or connections, of which a client has a share.
pub(crate) struct Shares {
    most: usize,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One of them, until it is dropped.
pub(crate) struct Share {
    of: Arc<Shares>,
    client: IpAddr,
}

impl Shares {
    /// A quarter of `all` for each client, one at least.
    pub(crate) fn quarter_of(all: usize) -> Arc<Self> {
        Arc::new(Self { most: all.div_ceil(4).max(1), held: Mutex::default() })
    }

    /// One more for a client, unless it has its share.
    pub(crate) fn take(self: &Arc<Self>, client: IpAddr) -> Option<Share> {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(client).or_default();
        if *held >= self.most {
            return None;
        }
        *held += 1;
        Some(Share { of: Arc::clone(self), client })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.of.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = all.get_mut(&self.client) {
            *held -= 1;
            if *held == 0 {
                all.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_holds_no_more_than_its_share_and_is_forgotten_with_the_last() {
        let shares = Shares::quarter_of(6);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = shares.take(one).expect("the first");
        let second = shares.take(one).expect("the second");
        assert!(shares.take(one).is_none() && shares.take(other).is_some());
        drop(first);
        let third = shares.take(one);
        assert!(third.is_some());
        drop((third, second));
        assert!(shares.held.lock().expect("no panic").is_empty());
    }
}
