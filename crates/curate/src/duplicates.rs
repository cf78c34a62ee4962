//! Near-duplicate detection: perceptual hashes near in Hamming distance, confirmed by embeddings.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{PerceptualHash, PhotoMeasurement};

/// Substrings of a hash that are indexed separately.
const SUBSTRINGS: u32 = 4;
const SUBSTRING_BITS: u32 = 64 / SUBSTRINGS;

/// When two photos are near-duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NearDuplicateThresholds {
    /// Maximum Hamming distance of their hashes, 0 to 15.
    pub max_hamming: u32,
    /// Minimum cosine similarity of their embeddings, where both have one.
    pub min_cosine: f32,
    /// Maximum Hamming distance of their hashes without embeddings to confirm it.
    pub max_hamming_without_embedding: u32,
}

impl NearDuplicateThresholds {
    /// Copies of one photo: scaled, compressed, slightly brightened. On real photos, such copies are up to 2 bits
    /// apart, with cosines of at least 0.88 (`tests/duplicates.rs`).
    pub const COPIES: Self =
        Self { max_hamming: 5, min_cosine: 0.85, max_hamming_without_embedding: 3 };

    /// Also photos of one scene, such as a burst: a split that separates them leaks.
    pub const SAME_SCENE: Self =
        Self { max_hamming: 10, min_cosine: 0.8, max_hamming_without_embedding: 5 };
}

/// Pairs of near-duplicates, enough of them to connect every group. `None` stands for a photo that could not be
/// read.
///
/// Candidates are found without comparing all photos: two hashes that differ in at most `max_hamming` bits differ in
/// at most a quarter of that in one of their four substrings (multi-index hashing: Norouzi, Punjani and Fleet, "Fast
/// search in Hamming space with multi-index hashing", 2012).
pub(crate) fn duplicate_pairs(
    measurements: &[Option<&PhotoMeasurement>],
    thresholds: &NearDuplicateThresholds,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    // Of equal files only the first is compared with others; of equal hashes, all with each other.
    let mut files: HashMap<[u8; 32], usize> = HashMap::new();
    let mut of_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut hashes: Vec<u64> = Vec::new();
    for (number, measurement) in measurements.iter().enumerate() {
        let Some(measurement) = measurement else { continue };
        if let Some(&first) = files.get(&measurement.sha256) {
            pairs.push((first, number));
            continue;
        }
        files.insert(measurement.sha256, number);
        let same = of_hash.entry(measurement.hash.0).or_default();
        if same.is_empty() {
            hashes.push(measurement.hash.0);
        }
        same.push(number);
    }
    let is_same = |a: usize, b: usize| match (measurements[a], measurements[b]) {
        (Some(a), Some(b)) => are_duplicates(a, b, thresholds),
        _ => false,
    };
    for hash in &hashes {
        let same = &of_hash[hash];
        for (at, &b) in same.iter().enumerate() {
            if let Some(&a) = same[..at].iter().find(|&&a| is_same(a, b)) {
                pairs.push((a, b));
            }
        }
    }
    for (a, b) in pairs_within(&hashes, thresholds.max_hamming) {
        for &a in &of_hash[&hashes[a]] {
            for &b in &of_hash[&hashes[b]] {
                if is_same(a, b) {
                    pairs.push((a, b));
                }
            }
        }
    }
    pairs
}

/// Whether two photos are near-duplicates.
fn are_duplicates(
    a: &PhotoMeasurement,
    b: &PhotoMeasurement,
    thresholds: &NearDuplicateThresholds,
) -> bool {
    let distance = a.hash.hamming_distance(b.hash);
    match (&a.embedding, &b.embedding) {
        (Some(a), Some(b)) if a.len() == b.len() => {
            distance <= thresholds.max_hamming
                && a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() >= thresholds.min_cosine
        }
        _ => distance <= thresholds.max_hamming_without_embedding,
    }
}

/// Pairs of different hashes at most `distance` bits apart, each pair once, by position.
fn pairs_within(hashes: &[u64], distance: u32) -> Vec<(usize, usize)> {
    let masks = masks(distance / SUBSTRINGS);
    let mut pairs = Vec::new();
    for substring in 0..SUBSTRINGS {
        let key = |hash: u64| {
            ((hash >> (substring * SUBSTRING_BITS)) & ((1 << SUBSTRING_BITS) - 1)) as u32
        };
        let mut buckets: HashMap<u32, Vec<usize>> = HashMap::new();
        for (number, &hash) in hashes.iter().enumerate() {
            // The buckets hold only earlier hashes, so each pair is found once a substring.
            for mask in &masks {
                for &other in buckets.get(&(key(hash) ^ mask)).into_iter().flatten() {
                    if PerceptualHash(hash).hamming_distance(PerceptualHash(hashes[other]))
                        <= distance
                    {
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

/// Every substring with at most so many bits set.
fn masks(bits: u32) -> Vec<u32> {
    (0..1 << SUBSTRING_BITS).filter(|mask: &u32| mask.count_ones() <= bits).collect()
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
        // Some with a few bits of another flipped.
        for n in 0..200usize {
            let flipped =
                (0..n % 17).map(|k| 1u64 << (((noise.at(n * 31 + k) + 0.5) * 64.0) as u32));
            hashes.push(flipped.fold(hashes[n], |hash, bit| hash ^ bit));
        }
        hashes.sort_unstable();
        hashes.dedup();
        for distance in [0, 3, 10, 15] {
            let mut wanted = Vec::new();
            for a in 0..hashes.len() {
                for b in a + 1..hashes.len() {
                    if PerceptualHash(hashes[a]).hamming_distance(PerceptualHash(hashes[b]))
                        <= distance
                    {
                        wanted.push((a, b));
                    }
                }
            }
            assert_eq!(pairs_within(&hashes, distance), wanted, "{distance} bits");
            assert_eq!(wanted.is_empty(), distance == 0);
        }
    }
}
