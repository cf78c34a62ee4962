//! What every store promises, run against each of them.

use std::sync::Arc;

use lookalike_vectors::{
    ExactStore, Hit, HnswParams, HnswStore, VectorError, VectorStore, Vectors,
};

/// A deterministic cloud of points around `centres` directions (splitmix64; no two runs differ).
fn clouds(n: usize, dim: usize, centres: u64) -> Vec<f32> {
    let noise = |seed: u64| {
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut values = Vec::with_capacity(n * dim);
    for point in 0..n as u64 {
        for d in 0..dim as u64 {
            let centre = noise((point % centres) * 100_003 + d);
            values.push(centre + 0.7 * noise(1_000_000_007 + point * 1009 + d));
        }
    }
    values
}

/// A store that walks its graph however few vectors there are.
struct ByGraph(HnswStore);

impl VectorStore for ByGraph {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.0.search_by_graph(query, k)
    }
}

fn stores(dim: usize, values: Vec<f32>) -> Vec<(&'static str, Box<dyn VectorStore>)> {
    let vectors = Arc::new(Vectors::normalised(dim, values).expect("valid vectors"));
    let hnsw = HnswStore::build(Arc::clone(&vectors), HnswParams::default(), &|_| {});
    let by_hnsw_rs =
        HnswStore::build_by_hnsw_rs(Arc::clone(&vectors), HnswParams::default(), &|_| {});
    let reopened = HnswStore::from_graph(Arc::clone(&vectors), hnsw.graph().clone(), hnsw.params())
        .expect("its own graph");
    vec![
        ("exact", Box::new(ExactStore::new(vectors))),
        ("graph", Box::new(ByGraph(hnsw.clone()))),
        ("graph by hnsw_rs", Box::new(ByGraph(by_hnsw_rs))),
        ("hnsw", Box::new(hnsw)),
        ("hnsw reopened", Box::new(reopened)),
    ]
}

#[test]
fn hits_are_sorted_distinct_and_as_many_as_there_can_be() {
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

#[test]
fn an_empty_store_finds_nothing() {
    for (name, store) in stores(3, vec![]) {
        assert!(store.is_empty(), "{name}");
        assert_eq!(store.search(&[1.0, 0.0, 0.0], 5).expect("a search"), [], "{name}");
    }
}

#[test]
fn queries_that_cannot_be_compared_are_refused() {
    for (name, store) in stores(3, clouds(20, 3, 2)) {
        let refused = |query: &[f32]| store.search(query, 5).expect_err(name);
        assert_eq!(refused(&[1.0]), VectorError::Dimension { dim: 3, found: 1 });
        assert_eq!(refused(&[0.0; 3]), VectorError::Zero { row: 0 });
        assert_eq!(refused(&[1.0, f32::NAN, 0.0]), VectorError::NotFinite { row: 0 });
    }
}

#[test]
fn hundreds_of_identical_vectors_hide_no_other() {
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
        assert!(hits.iter().all(|hit| hit.similarity > 0.999_99), "{name} finds every copy");
    }
}

#[test]
fn the_graph_agrees_with_the_exact_store() {
    let (dim, n) = (64, 4000);
    let values = clouds(n, dim, 54);
    let stores = stores(dim, values);
    let queries = clouds(n + 200, dim, 54).split_off(n * dim);
    let (mut same, mut all) = (0, 0);
    for query in queries.chunks_exact(dim) {
        let exact = stores[0].1.search(query, 10).expect("a search");
        let found = stores[1].1.search(query, 10).expect("a search");
        all += exact.len();
        same += exact.iter().filter(|hit| found.iter().any(|f| f.row == hit.row)).count();
    }
    let recall = same as f64 / all as f64;
    assert!(recall >= 0.99, "recall@10 of {recall:.4} over 200 queries");
}

#[test]
fn parameters_out_of_bounds_are_bounded() {
    let vectors = Arc::new(Vectors::normalised(8, clouds(200, 8, 3)).expect("valid vectors"));
    for m in [0, 1, 256, u16::MAX] {
        let params = HnswParams { m, ef_construction: 0, ef_search: 0 };
        let store = HnswStore::build(Arc::clone(&vectors), params, &|_| {});
        let hits = store.search(&vectors.row(7), 200).expect("a search");
        assert_eq!(hits.len(), 200, "m = {m}");
    }
}

#[test]
fn exact_search_misses_nothing_that_bytes_cannot_tell_apart() {
    // All within a thousandth of each other, which is less than a byte's step; and one number so large that
    // the others have few steps left.
    let (dim, n) = (40, 3000);
    let noise = clouds(n, dim, n as u64);
    let values: Vec<f32> = noise
        .iter()
        .enumerate()
        .map(|(at, x)| if at % dim == 0 { 5.0 } else { 0.3 + 0.001 * x })
        .collect();
    let vectors = Arc::new(Vectors::normalised(dim, values.clone()).expect("valid vectors"));
    let store = ExactStore::new(Arc::clone(&vectors));
    let queries: Vec<&[f32]> = values.chunks_exact(dim).step_by(97).collect();
    let at_once = store.search_all(&queries, 10).expect("a search");
    for (query, at_once) in queries.iter().zip(at_once) {
        let wanted = vectors.nearest_among(query, 0..n as u32, 10).expect("a search");
        assert_eq!(store.search(query, 10).expect("a search"), wanted);
        assert_eq!(at_once, wanted, "the same for many queries at once");
    }
    assert_eq!(store.search_all(&[], 10), Ok(vec![]));
    assert_eq!(store.search_all(&queries[..1], 0), Ok(vec![vec![]]));
    assert!(store.search_all(&[&[1.0]], 1).is_err());
}

#[test]
fn the_same_vectors_make_the_same_graph_on_any_number_of_cores() {
    let vectors = Arc::new(Vectors::normalised(16, clouds(3000, 16, 20)).expect("valid vectors"));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let build = || HnswStore::build(Arc::clone(&vectors), HnswParams::default(), &|_| {});
        Arc::clone(pool.install(build).graph())
    };
    assert!(on(1) == on(3));
}

#[test]
fn few_vectors_are_all_compared_and_many_are_not() {
    // A graph so poor that its walks miss some neighbours.
    let params = HnswParams { m: 2, ef_construction: 2, ef_search: 16 };
    let dim = 32;
    let store = |n| {
        let vectors = Vectors::normalised(dim, clouds(n, dim, 20)).expect("valid vectors");
        HnswStore::build(Arc::new(vectors), params, &|_| {})
    };
    let queries = clouds(300, dim, 3);
    let right = |store: &HnswStore, k| {
        let exact = ExactStore::new(Arc::clone(store.vectors()));
        let is_right = |query: &&[f32]| {
            store.search(query, k).expect("a search") == exact.search(query, k).expect("a search")
        };
        queries.chunks_exact(dim).filter(is_right).count()
    };
    assert_eq!(right(&store(64), 10), 300, "few vectors");
    let many = store(2500);
    assert!(right(&many, 10) < 300, "many vectors: some are missed");
    assert_eq!(right(&many, 1100), 300, "more neighbours than are worth a walk");
}
