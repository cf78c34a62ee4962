//! How fast neighbours are found, and how many of them, beside other libraries: `benches/peers/neighbours.py`
//! runs this on files that it writes, and prints both.
//!
//! `curve build FOLDER DIM [hnsw_rs]` builds a graph of `FOLDER/vectors.f32`, batched or by hnsw_rs, and stores it;
//! `curve search FOLDER DIM [hnsw_rs] [graphs]` opens the stored graph and searches for `FOLDER/queries.f32` on one
//! thread, by the graph and, without `graphs`, exactly. The files are of shape `(n, DIM)`, f32, little-endian;
//! `truth.u32` has the 10 nearest of each query. Both print lines of JSON.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lookalike_vectors::snapshot::{self, Format, WriteLock};
use lookalike_vectors::{
    ExactStore, Graph, GraphBuilder, Hit, HnswParams, HnswStore, VectorStore, Vectors,
};

const FORMAT: Format = Format { current: 1, oldest_read: 1, oldest_reader: 1 };

/// The k of recall@k.
const K: usize = 10;

/// Names of the files that graphs are stored in.
const OURS: &str = "lookalike.index";
const BY_HNSW_RS: &str = "hnsw_rs.index";

/// Times that all queries are searched for; the fastest counts, as for the peers.
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["build", folder, dim] => build(folder.as_ref(), dim.parse()?, OURS, GraphBuilder::Batched),
        ["build", folder, dim, "hnsw_rs"] => {
            build(folder.as_ref(), dim.parse()?, BY_HNSW_RS, GraphBuilder::HnswRs)
        }
        ["search", folder, dim, ref rest @ ..] => {
            let file = if rest.contains(&"hnsw_rs") { BY_HNSW_RS } else { OURS };
            search(folder.as_ref(), dim.parse()?, file, !rest.contains(&"graphs"))
        }
        _ => Err("usage: curve build|search FOLDER DIM [hnsw_rs]".into()),
    }
}

fn build(
    folder: &Path,
    dim: usize,
    file: &str,
    builder: GraphBuilder,
) -> Result<(), Box<dyn Error>> {
    let numbers = numbers(&folder.join("vectors.f32"))?.into_iter().map(f32::from_bits).collect();
    let started = Instant::now();
    let vectors = Arc::new(Vectors::normalised(dim, numbers)?);
    let params = HnswParams { builder, ..HnswParams::default() };
    let store = HnswStore::build(vectors, params, &|_| {});
    let seconds = started.elapsed().as_secs_f64();
    let content = (store.len(), store.params(), store.graph());
    WriteLock::take(&folder.join(file))?.write(FORMAT, &content, store.vectors().bytes())?;
    println!(r#"{{"build_s": {seconds:.3}}}"#);
    Ok(())
}

fn search(folder: &Path, dim: usize, file: &str, exactly: bool) -> Result<(), Box<dyn Error>> {
    let queries: Vec<f32> =
        numbers(&folder.join("queries.f32"))?.into_iter().map(f32::from_bits).collect();
    let queries: Vec<&[f32]> = queries.chunks_exact(dim).collect();
    let truth = numbers(&folder.join("truth.u32"))?;
    let before = resident();
    let started = Instant::now();
    let path = folder.join(file);
    let ((len, params, graph), bytes) =
        snapshot::read::<(usize, HnswParams, Arc<Graph>)>(&path, FORMAT, |_, p| p.decode())?;
    let vectors = Arc::new(Vectors::from_bytes(dim, len, bytes)?);
    let store = HnswStore::from_graph(Arc::clone(&vectors), graph, params)?;
    let opened = started.elapsed().as_secs_f64() * 1e3;
    println!(r#"{{"reopen_ms": {opened:.1}, "memory_mb": {:.1}}}"#, resident() - before);

    let report = |name: &str, ef: u16, answer: &dyn Fn() -> Vec<Vec<Hit>>| {
        let (mut fastest, mut right) = (f64::INFINITY, 0);
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let answers = answer();
            fastest = fastest.min(started.elapsed().as_secs_f64());
            let each = answers.iter().zip(truth.chunks_exact(K));
            let own =
                each.map(|(hits, near)| hits.iter().filter(|h| near.contains(&h.row)).count());
            right = own.sum();
        }
        let recall = right as f64 / truth.len() as f64;
        let rate = queries.len() as f64 / fastest;
        println!(r#"{{"name": "{name}", "ef": {ef}, "recall": {recall:.4}, "qps": {rate:.0}}}"#);
    };
    for ef in [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512] {
        let store = store.with_ef_search(ef);
        let one = |query: &&[f32]| store.search_graph(query, K).expect("a query");
        report("graph", ef, &|| queries.iter().map(one).collect());
    }
    if !exactly {
        return Ok(());
    }
    let exact = ExactStore::new(vectors);
    let one = |query: &&[f32]| exact.search(query, K).expect("a query");
    report("exact", 0, &|| queries.iter().map(one).collect());
    report("exact, batch", 0, &|| exact.search_all(&queries, K).expect("queries"));
    Ok(())
}

fn numbers(path: &Path) -> std::io::Result<Vec<u32>> {
    let bytes = std::fs::read(path)?;
    let (words, _) = bytes.as_chunks::<4>();
    Ok(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
}

/// Memory that the process has, in MB (10^6 bytes); 0 where the system does not say.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kb.unwrap_or(0.0) * 1024.0 / 1e6
}
