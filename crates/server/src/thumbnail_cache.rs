//! A cache of thumbnails in memory, bounded in bytes.

use std::sync::Arc;

use axum::body::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use crate::settings::cores;

/// The longest sides of thumbnails: a client that asks for every size must not fill the memory.
const SIDES: [u32; 6] = [64, 128, 256, 384, 640, 1024];

/// Bytes that an entry takes beside its key and its JPEG, roughly.
const OVERHEAD: usize = 200;

/// Bytes of a large thumbnail. The cache has as many shards as keep 32 of them in each: a JPEG that is larger than a shard
/// would not be cached.
const LARGE_BYTES: usize = 64 << 10;

/// The image's key, and the longest side of its thumbnail.
type Key = (String, u32);

pub(crate) struct ThumbnailCache {
    cache: Cache<Key, Bytes, ByteWeighter>,
    /// Limits decoding: each photo takes a core and tens of megabytes.
    pub(crate) decode_permits: Arc<Semaphore>,
}

#[derive(Clone)]
struct ByteWeighter;

impl Weighter<Key, Bytes> for ByteWeighter {
    fn weight(&self, (key, _): &Key, jpeg: &Bytes) -> u64 {
        (jpeg.len() + key.len() + OVERHEAD) as u64
    }
}

impl ThumbnailCache {
    /// A cache of `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        let cache = Cache::with_weighter(capacity / LARGE_BYTES + 1, capacity as u64, ByteWeighter);
        Self { cache, decode_permits: Arc::new(Semaphore::new(cores())) }
    }

    pub(crate) fn get(&self, key: &str, side: u32) -> Option<Bytes> {
        self.cache.get(&(key.to_owned(), side))
    }

    /// Adds a thumbnail, and evicts others. Returns the bytes that the cache takes.
    pub(crate) fn insert(&self, key: &str, side: u32, jpeg: Bytes) -> u64 {
        self.cache.insert((key.to_owned(), side), jpeg);
        self.cache.weight()
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
    fn what_is_used_stays_and_memory_is_bounded() {
        let capacity = 10 * (1000 + 2 + OVERHEAD);
        let cache = ThumbnailCache::new(capacity);
        let jpeg = || Bytes::from(vec![0; 1000]);
        cache.insert("hot", 64, jpeg());
        for number in 0..100 {
            assert!(cache.get("hot", 64).is_some(), "after {number} others");
            let bytes = cache.insert(&format!("{number}"), 64, jpeg());
            assert!(bytes <= capacity as u64, "{bytes} bytes");
        }
        let kept = (0..100).filter(|number| cache.get(&number.to_string(), 64).is_some()).count();
        assert!((1..10).contains(&kept), "{kept} others");
        assert!(cache.get("hot", 128).is_none());
        cache.insert("huge", 64, Bytes::from(vec![0; 2 * capacity]));
        assert!(cache.get("huge", 64).is_none() && cache.get("hot", 64).is_some());
    }

    #[test]
    fn there_are_few_sizes() {
        assert_eq!([1, 64, 65, 5000].map(thumbnail_side), [64, 64, 128, 1024]);
    }
}
