//! Tuning of `ef_search` to a recall.

use std::sync::Arc;

use rayon::prelude::*;

use super::{HnswStore, MAX_EF, SCAN_PER_CANDIDATE};
use crate::{ExactStore, VectorError, VectorStore};

/// Queries that are synthesised.
const SAMPLE: usize = 256;
/// Neighbours of each: the k of recall@k.
const NEAREST: usize = 10;
/// Neighbours of a vector; two of them go into the query made of it.
const AROUND: usize = 100;

impl HnswStore {
    /// The same store with [`ef_search`](crate::HnswParams::ef_search) raised, by half at a time and to 1024 at most,
    /// until recall@10 is `least` (0 to 1). Recall is measured against exact search by 256 queries like the store's
    /// own vectors. The more vectors there are, and the more alike, the more candidates it takes: among a million in
    /// a few noisy clouds, 128 reach 0.73 (`benches/runs/2026-11-29-growth-epyc-2-cores`).
    ///
    /// # Errors
    /// [`VectorError`], of damaged vectors.
    pub fn with_recall(&self, least: f64) -> Result<Self, VectorError> {
        let (len, mut ef) = (self.len(), usize::from(self.params.ef_search));
        if len <= SCAN_PER_CANDIDATE * ef {
            return Ok(self.clone());
        }
        let rows: Vec<u32> = (0..SAMPLE).map(|at| (at * len / SAMPLE) as u32).collect();
        let exact = ExactStore::new(Arc::clone(&self.vectors));
        let own = self.rows(&rows)?;
        let near = exact.search_all(&slices(&own), AROUND)?;
        let queries = own.iter().zip(&near).map(|(own, near)| {
            match (near.last(), near.get(near.len() / 2)) {
                (Some(last), Some(between)) => self.like(own, last.row, between.row),
                _ => own.clone(),
            }
        });
        let queries: Vec<Vec<f32>> = queries.collect();
        let queries = slices(&queries);
        let nearest = exact.search_all(&queries, NEAREST)?;
        loop {
            let store = self.with_ef_search(ef as u16);
            let found = queries.par_iter().zip(&nearest).map(|(query, nearest)| {
                // Any of those that are as near as the last one.
                let last = nearest.last().map_or(f32::INFINITY, |hit| hit.similarity);
                let hits = store.search_graph(query, NEAREST)?;
                Ok(hits.iter().filter(|hit| hit.similarity >= last).count())
            });
            let found: usize = found.collect::<Result<Vec<_>, VectorError>>()?.iter().sum();
            if found as f64 >= least * (SAMPLE * NEAREST) as f64 || ef >= MAX_EF {
                return Ok(store);
            }
            ef = (ef + ef.div_ceil(2)).min(MAX_EF);
        }
    }

    /// A query like a vector and two of its neighbours that is not in the store: a graph finds its own nodes more
    /// easily. The weights 2/3, 2/3 and -1/3 add up to 1, and so do their squares: what the three vectors have in
    /// common stays, and so does the variance of the rest.
    fn like(&self, own: &[f32], second: u32, third: u32) -> Vec<f32> {
        let (second, third) = (self.vectors.row(second), self.vectors.row(third));
        let others = second.iter().zip(&third);
        own.iter().zip(others).map(|(a, (b, c))| (2.0 * a + 2.0 * b - c) / 3.0).collect()
    }
}

fn slices(vectors: &[Vec<f32>]) -> Vec<&[f32]> {
    vectors.iter().map(Vec::as_slice).collect()
}
