//! Photos that are copies of each other.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Look, PhotoHash};

/// Parts of a hash that are looked up apart.
const PARTS: u32 = 4;
const PART_BITS: u32 = 64 / PARTS;

/// When two photos are taken to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SameLimits {
    /// Most bits in which their hashes differ, 0 to 15.
    pub distance: u32,
    /// Least cosine similarity of their embeddings, where there are embeddings.
    pub cosine: f32,
    /// Most bits in which their hashes differ where there are none to confirm it.
    pub distance_alone: u32,
}

impl SameLimits {
    /// Copies, of which one is enough: scaled, compressed, slightly brightened. On real photos, such copies
    /// are up to 2 bits and cosines of at least 0.88 apart (`tests/copies.rs`).
    pub const COPIES: Self = Self { distance: 5, cosine: 0.85, distance_alone: 3 };

    /// Photos of one moment, too: none is a copy of another, but who has seen one has seen the other.
    pub const MOMENTS: Self = Self { distance: 10, cosine: 0.8, distance_alone: 5 };
}

/// Pairs of photos that are the same, enough of them to link every group. `None` stands for a photo that
/// could not be read.
///
/// Candidates are found without comparing all photos: two hashes that differ in at most `distance` bits
/// differ in at most a quarter of that in one of their four parts (multi-index hashing: Norouzi, Punjani
/// and Fleet, "Fast search in Hamming space with multi-index hashing", 2012).
pub(crate) fn links(looks: &[Option<&Look>], limits: &SameLimits) -> Vec<(usize, usize)> {
    let mut links = Vec::new();
    // Of the same file one is compared with others, and of the same hash all with each other.
    let mut files: HashMap<[u8; 32], usize> = HashMap::new();
    let mut of_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut hashes: Vec<u64> = Vec::new();
    for (number, look) in looks.iter().enumerate() {
        let Some(look) = look else { continue };
        if let Some(&first) = files.get(&look.sha256) {
            links.push((first, number));
            continue;
        }
        files.insert(look.sha256, number);
        let same = of_hash.entry(look.hash.0).or_default();
        if same.is_empty() {
            hashes.push(look.hash.0);
        }
        same.push(number);
    }
    let is_same = |a: usize, b: usize| match (looks[a], looks[b]) {
        (Some(a), Some(b)) => are_same(a, b, limits),
        _ => false,
    };
    for hash in &hashes {
        let same = &of_hash[hash];
        for (at, &b) in same.iter().enumerate() {
            if let Some(&a) = same[..at].iter().find(|&&a| is_same(a, b)) {
                links.push((a, b));
            }
        }
    }
    for (a, b) in near(&hashes, limits.distance) {
        for &a in &of_hash[&hashes[a]] {
            for &b in &of_hash[&hashes[b]] {
                if is_same(a, b) {
                    links.push((a, b));
                }
            }
        }
    }
    links
}

/// Whether two photos are the same.
pub(crate) fn are_same(a: &Look, b: &Look, limits: &SameLimits) -> bool {
    let distance = a.hash.distance(b.hash);
    match (&a.embedding, &b.embedding) {
        (Some(a), Some(b)) if a.len() == b.len() => {
            distance <= limits.distance
                && a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() >= limits.cosine
        }
        _ => distance <= limits.distance_alone,
    }
}

/// Pairs of different hashes at most `distance` bits apart, each pair once, by their numbers.
fn near(hashes: &[u64], distance: u32) -> Vec<(usize, usize)> {
    let masks = masks(distance / PARTS);
    let mut pairs = Vec::new();
    for part in 0..PARTS {
        let key = |hash: u64| ((hash >> (part * PART_BITS)) & ((1 << PART_BITS) - 1)) as u32;
        let mut buckets: HashMap<u32, Vec<usize>> = HashMap::new();
        for (number, &hash) in hashes.iter().enumerate() {
            // Only earlier ones are in the buckets yet: a pair is met from its second hash.
            for mask in &masks {
                for &other in buckets.get(&(key(hash) ^ mask)).into_iter().flatten() {
                    if PhotoHash(hash).distance(PhotoHash(hashes[other])) <= distance {
                        pairs.push((other, number));
                    }
                }
            }
            buckets.entry(key(hash)).or_default().push(number);
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Every part of a hash with at most so many bits set.
fn masks(bits: u32) -> Vec<u32> {
    (0..1 << PART_BITS).filter(|mask: &u32| mask.count_ones() <= bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_testkit::Noise;

    #[test]
    fn every_near_pair_is_found_once_and_no_other() {
        let noise = Noise::named("hashes");
        let bit = |at: usize| u64::from(noise.at(at) > 0.0);
        let mut hashes: Vec<u64> =
            (0..300).map(|n| (0..64).fold(0, |hash, b| (hash << 1) | bit(64 * n + b))).collect();
        // Some with a few bits of another turned.
        for n in 0..200usize {
            let turned =
                (0..n % 17).map(|k| 1u64 << (((noise.at(n * 31 + k) + 0.5) * 64.0) as u32));
            hashes.push(turned.fold(hashes[n], |hash, bit| hash ^ bit));
        }
        hashes.sort_unstable();
        hashes.dedup();
        for distance in [0, 3, 10, 15] {
            let mut wanted = Vec::new();
            for a in 0..hashes.len() {
                for b in a + 1..hashes.len() {
                    if PhotoHash(hashes[a]).distance(PhotoHash(hashes[b])) <= distance {
                        wanted.push((a, b));
                    }
                }
            }
            assert_eq!(near(&hashes, distance), wanted, "{distance} bits");
            assert_eq!(wanted.is_empty(), distance == 0);
        }
    }
}
