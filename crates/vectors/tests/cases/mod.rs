//! The contract of `VectorStore`: tests that take any store.

use lookalike_base::random::splitmix64;
use lookalike_vectors::{VectorError, VectorStore};

/// Makes stores of vectors of a dimension, each with a name. The group of a row is its number modulo [`GROUPS`].
pub type Stores<'a> = &'a dyn Fn(usize, Vec<f32>) -> Vec<(&'static str, Box<dyn VectorStore>)>;

pub const GROUPS: u32 = 5;

/// A deterministic cloud of points around `centres` directions (splitmix64).
pub fn clouds(n: usize, dim: usize, centres: u64) -> Vec<f32> {
    let noise = |seed: u64| (splitmix64(seed) >> 40) as f32 / (1 << 23) as f32 - 1.0;
    let mut values = Vec::with_capacity(n * dim);
    for point in 0..n as u64 {
        for d in 0..dim as u64 {
            let centre = noise((point % centres) * 100_003 + d);
            values.push(centre + 0.7 * noise(1_000_000_007 + point * 1009 + d));
        }
    }
    values
}

pub fn hits_are_sorted_distinct_and_as_many_as_there_can_be(stores: Stores) {
    let values = clouds(300, 24, 7);
    for (name, store) in stores(24, values.clone()) {
        assert_eq!((store.len(), store.dim()), (300, 24), "{name}");
        for k in [0, 1, 10, 300, 1000] {
            let hits = store.search(&values[..24], k).expect("a search");
            assert_eq!(hits.len(), k.min(300), "{name}, k = {k}");
            assert!(hits.windows(2).all(|w| w[0].similarity >= w[1].similarity), "{name}");
            let mut rows: Vec<_> = hits.iter().map(|hit| hit.row).collect();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), hits.len(), "{name} returns a row twice");
        }
        let best = store.search(&values[24..48], 1).expect("a search")[0];
        assert_eq!(best.row, 1, "{name} finds a vector by itself");
        assert!((best.similarity - 1.0).abs() < 1e-5, "{name}");
    }
}

pub fn an_empty_store_finds_nothing(stores: Stores) {
    for (name, store) in stores(3, vec![]) {
        assert!(store.is_empty(), "{name}");
        assert_eq!(store.search(&[1.0, 0.0, 0.0], 5).expect("a search"), [], "{name}");
    }
}

pub fn queries_that_cannot_be_compared_are_refused(stores: Stores) {
    for (name, store) in stores(3, clouds(20, 3, 2)) {
        let refused = |query: &[f32]| store.search(query, 5).expect_err(name);
        assert_eq!(refused(&[1.0]), VectorError::Dimension { dim: 3, found: 1 });
        assert_eq!(refused(&[0.0; 3]), VectorError::Zero { row: 0 });
        assert_eq!(refused(&[1.0, f32::NAN, 0.0]), VectorError::NotFinite { row: 0 });
    }
}

pub fn hundreds_of_identical_vectors_hide_no_other(stores: Stores) {
    // One photo uploaded 500 times among 1,500 others: a plain hnsw_rs graph loses most of those.
    let dim = 16;
    let mut values = clouds(1500, dim, 30);
    let same = values[..dim].to_vec();
    (0..500).for_each(|_| values.extend_from_slice(&same));
    for (name, store) in stores(dim, values.clone()) {
        for row in 0..1500usize {
            let hits = store.search(&values[row * dim..][..dim], 1).expect("a search");
            assert_eq!(hits[0].row, row as u32, "{name}");
        }
        let hits = store.search(&same, 501).expect("a search");
        assert!(hits.iter().all(|hit| hit.similarity > 0.999_99), "{name} finds every duplicate");
    }
}

pub fn some_groups_are_searched_as_if_there_were_no_others(stores: Stores) {
    let (dim, n) = (24, 400);
    let values = clouds(n, dim, 9);
    for (name, store) in stores(dim, values.clone()) {
        let query = &values[..dim];
        let all = store.search_exact(query, n).expect("a search");
        for allowed in [vec![false, true, false, true, false], vec![true; 5], vec![false; 5]] {
            let is_allowed = |row: u32| allowed[(row % GROUPS) as usize];
            let expected: Vec<u32> =
                all.iter().map(|hit| hit.row).filter(|&row| is_allowed(row)).take(30).collect();
            let found = store.search_filtered(query, &allowed, 30).expect("a search");
            let found: Vec<u32> = found.iter().map(|hit| hit.row).collect();
            assert_eq!(found, expected, "{name}, {allowed:?}");
        }
        let refused = store.search_filtered(&query[1..], &[true; 5], 3).expect_err(name);
        assert_eq!(refused, VectorError::Dimension { dim, found: dim - 1 }, "{name}");
    }
}

pub fn an_exact_search_misses_nothing(stores: Stores) {
    let (dim, n) = (24, 500);
    let values = clouds(n, dim, 11);
    let unit = |row: &[f32]| -> Vec<f64> {
        let length = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        row.iter().map(|&x| f64::from(x) / length).collect()
    };
    for (name, store) in stores(dim, values.clone()) {
        for query in values.chunks_exact(dim).step_by(50) {
            let query_unit = unit(query);
            let dot = |row: &[f32]| unit(row).iter().zip(&query_unit).map(|(a, b)| a * b).sum();
            let mut expected: Vec<f64> = values.chunks_exact(dim).map(dot).collect();
            expected.sort_unstable_by(|a, b| b.total_cmp(a));
            let found = store.search_exact(query, 10).expect("a search");
            assert_eq!(found.len(), 10, "{name}");
            for (hit, expected) in found.iter().zip(expected) {
                let off = (f64::from(hit.similarity) - expected).abs();
                assert!(off < 1e-3, "{name}: {hit:?}, not {expected}");
            }
        }
    }
}

pub fn vectors_are_given_back(stores: Stores) {
    let (dim, n) = (12, 40);
    let values = clouds(n, dim, 3);
    for (name, store) in stores(dim, values.clone()) {
        let found = store.rows(&[7, 0, 39, 7]).expect("vectors");
        assert_eq!(found.len(), 4, "{name}");
        for (row, vector) in [7, 0, 39, 7].into_iter().zip(found) {
            let own = &values[row * dim..][..dim];
            let length = own.iter().map(|x| x * x).sum::<f32>().sqrt();
            let off = own.iter().zip(&vector).map(|(a, b)| (a / length - b).abs());
            assert!(off.fold(0.0, f32::max) < 1e-3, "{name}, row {row}");
        }
        assert_eq!(store.rows(&[]), Ok(vec![]), "{name}");
    }
}
