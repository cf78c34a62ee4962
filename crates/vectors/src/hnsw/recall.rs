//! How many candidates a search has to keep.

use std::sync::Arc;

use rayon::prelude::*;

use super::{COMPARED, HnswStore, MOST_CANDIDATES};
use crate::{ExactStore, VectorError, VectorStore};

/// Vectors that are made up and searched for.
const SAMPLE: usize = 256;
/// Neighbours of each.
const NEAREST: usize = 10;
/// Neighbours of a vector among which are the two that another one is made up with.
const AROUND: usize = 100;

impl HnswStore {
    /// The same store, with as many candidates kept during a search, no fewer than now, as it takes to find such a
    /// share (0 to 1) of the ten nearest of vectors like its own, of which 256 are tried. The more vectors there
    /// are, and the more alike, the more it takes: of a million in a few noisy clouds, 128 candidates find three
    /// quarters (`benches/runs/2026-11-29-growth-epyc-2-cores`). It stops at 1024.
    ///
    /// # Errors
    /// [`VectorError`], of damaged vectors.
    pub fn with_recall(&self, least: f64) -> Result<Self, VectorError> {
        let (len, mut ef) = (self.len(), usize::from(self.params.ef_search));
        if len <= COMPARED * ef {
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
                let hits = store.search_by_graph(query, NEAREST)?;
                Ok(hits.iter().filter(|hit| hit.similarity >= last).count())
            });
            let found: usize = found.collect::<Result<Vec<_>, VectorError>>()?.iter().sum();
            if found as f64 >= least * (SAMPLE * NEAREST) as f64 || ef >= MOST_CANDIDATES {
                return Ok(store);
            }
            ef = (ef + ef.div_ceil(2)).min(MOST_CANDIDATES);
        }
    }

    /// A vector like one of those that are here and two of its neighbours, but not among them, as the graph finds
    /// what is in it more easily. The weights are such that what the three have in common stays, and so does the
    /// variance of what they have not.
    fn like(&self, own: &[f32], second: u32, third: u32) -> Vec<f32> {
        let (second, third) = (self.vectors.row(second), self.vectors.row(third));
        let others = second.iter().zip(&third);
        own.iter().zip(others).map(|(a, (b, c))| (2.0 * a + 2.0 * b - c) / 3.0).collect()
    }
}

fn slices(vectors: &[Vec<f32>]) -> Vec<&[f32]> {
    vectors.iter().map(Vec::as_slice).collect()
}
