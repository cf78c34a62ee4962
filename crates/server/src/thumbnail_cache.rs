//! A cache of thumbnails in memory, least recently used first out, bounded in bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use tokio::sync::Semaphore;

use crate::settings::cores;

/// The longest sides of thumbnails: a client that asks for every size must not fill the memory.
const SIDES: [u32; 6] = [64, 128, 256, 384, 640, 1024];

/// Bytes that an entry takes beside its JPEG, roughly.
const OVERHEAD: usize = 200;

/// The image's key, and the longest side of its thumbnail.
type Key = (String, u32);

pub(crate) struct ThumbnailCache {
    capacity: usize,
    cache: Mutex<Lru>,
    /// Limits decoding: each photo takes a core and tens of megabytes.
    pub(crate) decode_permits: Arc<Semaphore>,
}

#[derive(Default)]
struct Lru {
    /// JPEGs, and when each was used last.
    entries: HashMap<Key, (Bytes, u64)>,
    /// Keys by when they were used last.
    order: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
}

impl ThumbnailCache {
    /// A cache of `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        let decode_permits = Arc::new(Semaphore::new(cores()));
        Self { capacity, cache: Mutex::default(), decode_permits }
    }

    pub(crate) fn get(&self, key: &str, side: u32) -> Option<Bytes> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let Lru { entries, order, clock, .. } = &mut *cache;
        let (jpeg, used) = entries.get_mut(&(key.to_owned(), side))?;
        *clock += 1;
        if let Some(key) = order.remove(used) {
            order.insert(*clock, key);
        }
        *used = *clock;
        Some(jpeg.clone())
    }

    /// Adds a thumbnail, and evicts those used least recently. Returns the bytes that the cache takes.
    pub(crate) fn insert(&self, key: &str, side: u32, jpeg: Bytes) -> usize {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let Lru { entries, order, clock, bytes } = &mut *cache;
        let size = |key: &str, jpeg: &Bytes| jpeg.len() + 2 * key.len() + OVERHEAD;
        if size(key, &jpeg) > self.capacity {
            return *bytes;
        }
        *clock += 1;
        *bytes += size(key, &jpeg);
        let key = (key.to_owned(), side);
        if let Some((old, used)) = entries.insert(key.clone(), (jpeg, *clock)) {
            *bytes -= size(&key.0, &old);
            order.remove(&used);
        }
        order.insert(*clock, key);
        while *bytes > self.capacity {
            let Some((_, key)) = order.pop_first() else { break };
            if let Some((old, _)) = entries.remove(&key) {
                *bytes -= size(&key.0, &old);
            }
        }
        *bytes
    }
}

/// The side of the thumbnail for a size: the next larger side there is.
pub(crate) fn thumbnail_side(size: u32) -> u32 {
    SIDES.into_iter().find(|&side| side >= size).unwrap_or(SIDES[SIDES.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let jpeg = || Bytes::from(vec![0; 1000]);
        let cache = ThumbnailCache::new(3 * (1000 + 2 + OVERHEAD));
        for key in ["a", "b", "c"] {
            cache.insert(key, 64, jpeg());
        }
        assert!(cache.get("a", 64).is_some());
        let bytes = cache.insert("d", 64, jpeg());
        assert_eq!(bytes, 3 * (1000 + 2 + OVERHEAD));
        assert!(cache.get("b", 64).is_none());
        assert!(["a", "c", "d"].iter().all(|key| cache.get(key, 64).is_some()));
        assert_eq!(cache.insert("a", 64, jpeg()), bytes, "the same one takes no more");
        assert_eq!(cache.insert("huge", 64, Bytes::from(vec![0; 9000])), bytes);
    }

    #[test]
    fn there_are_few_sizes() {
        assert_eq!([1, 64, 65, 5000].map(thumbnail_side), [64, 64, 128, 1024]);
    }
}
