use std::sync::Arc;

use rayon::prelude::*;

use crate::vectors::dot;
use crate::{Hit, VectorError, VectorStore, Vectors, best_first};

/// Compares a query with every vector: always right, slower the more there are. The measure of the
/// others, and the choice for small catalogues.
#[derive(Debug, Clone)]
pub struct ExactStore {
    vectors: Arc<Vectors>,
}

impl ExactStore {
    /// A store over `vectors`; nothing is copied.
    pub fn new(vectors: Arc<Vectors>) -> Self {
        Self { vectors }
    }

    /// The vectors that are searched.
    pub fn vectors(&self) -> &Vectors {
        &self.vectors
    }
}

impl VectorStore for ExactStore {
    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn dim(&self) -> usize {
        self.vectors.dim()
    }

    fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        let query = self.vectors.query(query)?;
        let mut hits: Vec<Hit> = (0..self.len() as u32)
            .into_par_iter()
            .with_min_len(1024)
            .map(|row| Hit { row, similarity: dot(&query, self.vectors.row(row)) })
            .collect();
        if k == 0 {
            return Ok(Vec::new());
        }
        if k < hits.len() {
            hits.select_nth_unstable_by(k - 1, best_first);
            hits.truncate(k);
        }
        hits.sort_unstable_by(best_first);
        Ok(hits)
    }
}
