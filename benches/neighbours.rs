//! The ten nearest neighbours of a query by exact search and by HNSW, and the time to build the graph.
//!
//! 10,000 synthetic unit vectors of 256 dimensions in 54 noisy clusters; 200 other vectors of these clusters are the
//! queries. The graph's recall@10 is printed first. Exact search and the build use all cores, HNSW search one.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use lookalike_eval::recall_at_k;
use lookalike_testkit::Noise;
use lookalike_vectors::{ExactStore, HnswParams, HnswStore, VectorStore, Vectors};

const POINTS: usize = 10_000;
const QUERIES: usize = 200;
const DIM: usize = 256;
const CLUSTERS: usize = 54;

fn points() -> Vec<f32> {
    let (centres, noise) = (Noise::named("centres"), Noise::named("noise"));
    let point = |point: usize| {
        (0..DIM).map(move |d| {
            (centres.at((point % CLUSTERS) * DIM + d) + 0.7 * noise.at(point * DIM + d)) as f32
        })
    };
    (0..POINTS + QUERIES).flat_map(point).collect()
}

fn neighbours(c: &mut Criterion) {
    let mut points = points();
    let queries = points.split_off(POINTS * DIM);
    let vectors = Arc::new(Vectors::normalised(DIM, points).expect("unit vectors"));
    let build = || HnswStore::build(Arc::clone(&vectors), HnswParams::default(), &|_| {});
    let (exact, hnsw) = (ExactStore::new(Arc::clone(&vectors)), build());

    let rows = |store: &dyn VectorStore, query: &[f32]| -> Vec<u32> {
        store.search(query, 10).expect("a search").iter().map(|hit| hit.row).collect()
    };
    let queries: Vec<&[f32]> = queries.chunks_exact(DIM).collect();
    let recall: f64 =
        queries.iter().map(|query| recall_at_k(&rows(&exact, query), &rows(&hnsw, query))).sum();
    println!("recall@10 of the graph: {:.4}", recall / QUERIES as f64);

    let mut group = c.benchmark_group("neighbours of 10,000 x 256");
    for (name, store) in [("exact", &exact as &dyn VectorStore), ("hnsw", &hnsw)] {
        let mut next = queries.iter().cycle();
        group.bench_function(name, |b| {
            b.iter(|| store.search(black_box(next.next().expect("a cycle")), 10));
        });
    }
    group.sample_size(10);
    group.bench_function("build hnsw", |b| b.iter(build));
    group.finish();
}

criterion_group!(benches, neighbours);
criterion_main!(benches);
