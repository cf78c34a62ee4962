//! A store's rates of insertion and search, through this crate.
//!
//! ```text
//! cargo run --release -p lookalike-stores --example rates -- STORE VECTORS.f32 DIM
//! ```
//!
//! The file holds vectors of length 1 one behind the other, little-endian; the last 500 are searched for.
//! `benches/peers/postgres_rates.py` makes such a file, runs this, and does the same by Python's client.

use std::sync::Arc;
use std::time::Instant;

use lookalike_vectors::{Point, RemoteSegment, VectorStore};

const QUERIES: usize = 500;
const SEGMENT: &str = "000000000000";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, file, dim] = &arguments[..] else {
        return Err("STORE VECTORS.f32 DIM".into());
    };
    let (bytes, dim) = (std::fs::read(file)?, dim.parse::<usize>()?);
    let numbers: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    let vectors: Vec<&[f32]> = numbers.chunks_exact(dim).collect();
    let (kept, queries) = vectors.split_at(vectors.len().saturating_sub(QUERIES));
    let point = |(id, vector): (u64, &&[f32])| Point {
        id,
        group: (id % 54).to_string(),
        vector: vector.to_vec(),
    };
    let points: Vec<Point> = (0..).zip(kept).map(point).collect();

    let store = lookalike_stores::open(address)?;
    store.retain_segments(&[])?;
    store.create_segment(SEGMENT, dim)?;
    let started = Instant::now();
    for points in points.chunks(1000) {
        store.upsert(SEGMENT, points)?;
    }
    let loaded = started.elapsed().as_secs_f64();
    let started = Instant::now();
    store.build_segment_index(SEGMENT)?;
    let built = started.elapsed().as_secs_f64();

    let ids: Arc<[u64]> = points.iter().map(|point| point.id).collect();
    let rows = RemoteSegment::new(Arc::clone(&store), SEGMENT.into(), ids, [].into(), dim);
    let search = |vector: &[f32]| rows.search(vector, 10);
    queries.iter().take(50).try_for_each(|vector| search(vector).map(drop))?;
    let started = Instant::now();
    let found: Vec<_> = queries.iter().map(|vector| search(vector)).collect::<Result<_, _>>()?;
    let searched = started.elapsed().as_secs_f64();
    let mut right = 0;
    for (vector, found) in queries.iter().zip(&found) {
        let exact = rows.search_exact(vector, 10)?;
        right += exact.iter().filter(|hit| found.iter().any(|f| f.row == hit.row)).count();
    }
    println!(
        "{{\"client\": \"lookalike\", \"load_per_s\": {:.0}, \"build_s\": {built:.1}, \
         \"queries_per_s\": {:.0}, \"recall_at_10\": {:.4}}}",
        points.len() as f64 / loaded,
        queries.len() as f64 / searched,
        right as f64 / (10 * queries.len()) as f64
    );
    store.retain_segments(&[])?;
    Ok(())
}
