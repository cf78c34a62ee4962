//! The contract of `VectorStore`, run against every store of this crate.

mod cases;

use std::sync::Arc;

use cases::{GROUPS, clouds};

use lookalike_vectors::{
    ExactStore, GraphBuilder, Hit, HnswParams, HnswStore, VectorError, VectorStore, Vectors,
};

/// A store that searches its graph however few vectors there are.
struct ByGraph(HnswStore);

impl VectorStore for ByGraph {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.0.search_graph(query, k)
    }

    fn search_exact(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.0.search_exact(query, k)
    }

    fn search_filtered(
        &self,
        query: &[f32],
        allowed: &[bool],
        k: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        self.0.search_filtered(query, allowed, k)
    }

    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError> {
        self.0.rows(rows)
    }
}

fn stores(dim: usize, values: Vec<f32>) -> Vec<(&'static str, Box<dyn VectorStore>)> {
    let vectors = Arc::new(Vectors::normalised(dim, values).expect("valid vectors"));
    let groups: Arc<[u32]> = (0..vectors.len() as u32).map(|row| row % GROUPS).collect();
    let [hnsw, by_hnsw_rs] = GraphBuilder::ALL.map(|builder| {
        let params = HnswParams { builder, ..HnswParams::default() };
        HnswStore::build(Arc::clone(&vectors), params, &|_| {})
    });
    let reopened = HnswStore::from_graph(Arc::clone(&vectors), hnsw.graph().clone(), hnsw.params())
        .expect("its own graph");
    let [hnsw, by_hnsw_rs, reopened] =
        [hnsw, by_hnsw_rs, reopened].map(|store| store.with_groups(Arc::clone(&groups)));
    vec![
        ("exact", Box::new(ExactStore::new(vectors).with_groups(groups))),
        ("graph", Box::new(ByGraph(hnsw.clone()))),
        ("graph by hnsw_rs", Box::new(ByGraph(by_hnsw_rs.clone()))),
        ("hnsw", Box::new(hnsw)),
        ("hnsw by hnsw_rs", Box::new(by_hnsw_rs)),
        ("hnsw reopened", Box::new(reopened)),
    ]
}

#[test]
fn hits_are_sorted_distinct_and_as_many_as_there_can_be() {
    cases::hits_are_sorted_distinct_and_as_many_as_there_can_be(&stores);
}

#[test]
fn an_empty_store_finds_nothing() {
    cases::an_empty_store_finds_nothing(&stores);
}

#[test]
fn queries_that_cannot_be_compared_are_refused() {
    cases::queries_that_cannot_be_compared_are_refused(&stores);
}

#[test]
fn hundreds_of_identical_vectors_hide_no_other() {
    cases::hundreds_of_identical_vectors_hide_no_other(&stores);
}

#[test]
fn some_groups_are_searched_as_if_there_were_no_others() {
    cases::some_groups_are_searched_as_if_there_were_no_others(&stores);
}

#[test]
fn an_exact_search_misses_nothing() {
    cases::an_exact_search_misses_nothing(&stores);
}

#[test]
fn vectors_are_given_back() {
    cases::vectors_are_given_back(&stores);
}

#[test]
fn graphs_agree_with_the_exact_store() {
    let (dim, n) = (64, 4000);
    let values = clouds(n, dim, 54);
    let stores = stores(dim, values);
    let queries = clouds(n + 200, dim, 54).split_off(n * dim);
    for (name, store) in &stores[1..3] {
        let (mut same, mut all) = (0, 0);
        for query in queries.chunks_exact(dim) {
            let exact = stores[0].1.search(query, 10).expect("a search");
            let found = store.search(query, 10).expect("a search");
            all += exact.len();
            same += exact.iter().filter(|hit| found.iter().any(|f| f.row == hit.row)).count();
        }
        let recall = same as f64 / all as f64;
        assert!(recall >= 0.99, "{name}: recall@10 of {recall:.4} over 200 queries");
    }
}

#[test]
fn parameters_out_of_range_are_clamped() {
    let vectors = Arc::new(Vectors::normalised(8, clouds(200, 8, 3)).expect("valid vectors"));
    for (m, builder) in [0, 1, 256, u16::MAX].into_iter().zip(GraphBuilder::ALL.repeat(2)) {
        let params = HnswParams { m, ef_construction: 0, ef_search: 0, builder };
        let store = HnswStore::build(Arc::clone(&vectors), params, &|_| {});
        let hits = store.search(&vectors.row(7), 200).expect("a search");
        assert_eq!(hits.len(), 200, "m = {m}");
    }
}

#[test]
fn exact_search_misses_nothing_that_codes_cannot_tell_apart() {
    // All within a thousandth of each other, less than a code's step; and one value so large that few steps are
    // left for the others.
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
        let wanted = vectors.search_rows(query, 0..n as u32, 10).expect("a search");
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
    // A graph so poor that its searches miss some neighbours.
    let params = HnswParams { m: 2, ef_construction: 2, ef_search: 16, ..HnswParams::default() };
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
    assert_eq!(right(&many, 1100), 300, "more neighbours than are worth a graph search");
}

#[test]
fn ef_search_is_raised_only_as_far_as_it_takes() {
    let vectors = Vectors::normalised(24, clouds(6_000, 24, 7)).expect("valid vectors");
    let few = HnswParams { ef_search: 2, ..HnswParams::default() };
    let store = HnswStore::build(Arc::new(vectors), few, &|_| {});
    let more = clouds(6_100, 24, 7);
    let recall = |store: &HnswStore| {
        let found = more[6_000 * 24..].chunks_exact(24).map(|query| {
            let nearest = store.search_exact(query, 10).expect("a search");
            let hits = store.search_graph(query, 10).expect("a search");
            hits.iter().filter(|hit| nearest.contains(hit)).count()
        });
        found.sum::<usize>() as f64 / 1_000.0
    };
    let better = store.with_recall(0.99).expect("a store");
    assert!(recall(&store) < 0.9, "{}", recall(&store));
    assert!(recall(&better) > 0.98, "{}", recall(&better));
    let candidates = better.params().ef_search;
    assert!((10..100).contains(&candidates), "{candidates}");
    let same = better.with_recall(0.5).expect("a store").params();
    assert_eq!(same.ef_search, candidates);
}
