//! Small pictures of the index's photos, kept in memory up to a limit.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use tokio::sync::Semaphore;

use crate::settings::cores;

/// The longest sides there are: a client that asks for every size must not fill the memory.
const SIDES: [u32; 6] = [64, 128, 256, 384, 640, 1024];

/// What an entry takes beside its picture, roughly.
const OVERHEAD: usize = 200;

/// A picture's name, and the longest side of its thumbnail.
type Key = (String, u32);

pub(crate) struct Thumbnails {
    limit: usize,
    cache: Mutex<Cache>,
    /// Decoding a photo takes a core and tens of megabytes.
    pub(crate) places: Arc<Semaphore>,
}

#[derive(Default)]
struct Cache {
    pictures: HashMap<Key, (Bytes, u64)>,
    /// Keys by when they were last asked for.
    order: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
}

impl Thumbnails {
    pub(crate) fn new(limit: usize) -> Self {
        let places = Arc::new(Semaphore::new(cores()));
        Self { limit, cache: Mutex::default(), places }
    }

    pub(crate) fn get(&self, name: &str, side: u32) -> Option<Bytes> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let Cache { pictures, order, clock, .. } = &mut *cache;
        let (jpeg, used) = pictures.get_mut(&(name.to_owned(), side))?;
        *clock += 1;
        if let Some(key) = order.remove(used) {
            order.insert(*clock, key);
        }
        *used = *clock;
        Some(jpeg.clone())
    }

    /// Keeps a picture, and lets go of those not asked for longest. Returns the bytes that are kept.
    pub(crate) fn keep(&self, name: &str, side: u32, jpeg: Bytes) -> usize {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let Cache { pictures, order, clock, bytes } = &mut *cache;
        let size = |name: &str, jpeg: &Bytes| jpeg.len() + 2 * name.len() + OVERHEAD;
        if size(name, &jpeg) > self.limit {
            return *bytes;
        }
        *clock += 1;
        *bytes += size(name, &jpeg);
        let key = (name.to_owned(), side);
        if let Some((old, used)) = pictures.insert(key.clone(), (jpeg, *clock)) {
            *bytes -= size(name, &old);
            order.remove(&used);
        }
        order.insert(*clock, key);
        while *bytes > self.limit {
            let Some((_, key)) = order.pop_first() else { break };
            if let Some((old, _)) = pictures.remove(&key) {
                *bytes -= size(&key.0, &old);
            }
        }
        *bytes
    }
}

/// The side of the thumbnail that serves for a wanted size: the next larger one there is.
pub(crate) fn side(wanted: u32) -> u32 {
    SIDES.into_iter().find(|&side| side >= wanted).unwrap_or(SIDES[SIDES.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_longest_goes_first() {
        let picture = || Bytes::from(vec![0; 1000]);
        let thumbnails = Thumbnails::new(3 * (1000 + 2 + OVERHEAD));
        for name in ["a", "b", "c"] {
            thumbnails.keep(name, 64, picture());
        }
        assert!(thumbnails.get("a", 64).is_some());
        let bytes = thumbnails.keep("d", 64, picture());
        assert_eq!(bytes, 3 * (1000 + 2 + OVERHEAD));
        assert!(thumbnails.get("b", 64).is_none());
        assert!(["a", "c", "d"].iter().all(|name| thumbnails.get(name, 64).is_some()));
        assert_eq!(thumbnails.keep("a", 64, picture()), bytes, "the same one takes no more");
        assert_eq!(thumbnails.keep("huge", 64, Bytes::from(vec![0; 9000])), bytes);
    }

    #[test]
    fn there_are_few_sizes() {
        assert_eq!([side(1), side(64), side(65), side(5000)], [64, 64, 128, 1024]);
    }
}
