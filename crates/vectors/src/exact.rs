use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::vectors::Query;
use crate::{Hit, VectorError, VectorStore, Vectors, best_first, rows_of};

/// Rows that are compared at a time: their bytes stay in a core's first cache while several queries are
/// compared with them.
const BLOCK: usize = 32;

/// Rows that one core compares at least.
const LEAST: usize = 2048;

/// Queries that are compared with a block, one after the other.
const QUERIES: usize = 64;

/// Compares a query with every vector: always right, slower the more there are. The measure of the
/// others, and the choice for small catalogues.
///
/// Of every vector, its bytes are compared, and those rows are compared in full that could be among the
/// nearest: how far bytes can be wrong is known.
#[derive(Debug, Clone)]
pub struct ExactStore {
    vectors: Arc<Vectors>,
    /// The group of each vector, if there are groups.
    groups: Option<Arc<[u32]>>,
}

impl ExactStore {
    /// A store over `vectors`; nothing is copied.
    pub fn new(vectors: Arc<Vectors>) -> Self {
        Self { vectors, groups: None }
    }

    /// The same store, told of each vector's group.
    ///
    /// # Panics
    /// When there are not as many groups as vectors.
    pub fn with_groups(self, groups: Arc<[u32]>) -> Self {
        assert_eq!(groups.len(), self.vectors.len(), "a group for each vector");
        Self { groups: Some(groups), ..self }
    }

    /// The vectors that are searched.
    pub fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// [`VectorStore::search`] for many queries: in less time than one by one, as every block of vectors is
    /// read from memory once for all of them.
    ///
    /// # Errors
    /// As [`VectorStore::search`].
    pub fn search_all(&self, queries: &[&[f32]], k: usize) -> Result<Vec<Vec<Hit>>, VectorError> {
        let queries: Vec<Query> =
            queries.iter().map(|query| self.vectors.query(query)).collect::<Result<_, _>>()?;
        let share = queries.len().div_ceil(rayon::current_num_threads()).clamp(1, QUERIES);
        let parts = queries.par_chunks(share).map(|queries| {
            let mut near: Vec<Near> =
                queries.iter().map(|query| Near::new(&self.vectors, query, k)).collect();
            for rows in blocks(0..self.len()) {
                near.iter_mut().for_each(|near| near.scan(rows.clone()));
            }
            near.into_iter().map(Near::best).collect()
        });
        let parts: Vec<Vec<Vec<Hit>>> = parts.collect();
        Ok(parts.into_iter().flatten().collect())
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
        Ok(exact(&self.vectors, &self.vectors.query(query)?, k))
    }

    fn search_exact(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.search(query, k)
    }

    fn search_filtered(
        &self,
        query: &[f32],
        allowed: &[bool],
        k: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        self.vectors.nearest_among(query, rows_of(self.groups.as_deref(), allowed, self.len()), k)
    }

    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError> {
        Ok(rows.iter().map(|&row| self.vectors.row(row)).collect())
    }
}

/// The `k` nearest of all vectors.
pub(crate) fn exact(vectors: &Vectors, query: &Query, k: usize) -> Vec<Hit> {
    let parts: Vec<usize> = (0..vectors.len()).step_by(LEAST).collect();
    let parts = parts.par_iter().map(|&first| {
        let mut near = Near::new(vectors, query, k);
        blocks(first..vectors.len().min(first + LEAST)).for_each(|rows| near.scan(rows));
        near.rows()
    });
    let rows = parts.collect::<Vec<_>>().concat();
    Near { rows, ..Near::new(vectors, query, k) }.best()
}

fn blocks(rows: Range<usize>) -> impl Iterator<Item = Range<u32>> {
    let end = rows.end;
    rows.step_by(BLOCK).map(move |first| first as u32..end.min(first + BLOCK) as u32)
}

/// The rows that could be among a query's nearest, by what their bytes say.
struct Near<'a> {
    vectors: &'a Vectors,
    query: &'a Query,
    k: usize,
    /// What a row has to say to be one of them.
    limit: f32,
    /// What they say, and which they are.
    rows: Vec<(f32, u32)>,
    /// So many are looked through again.
    full: usize,
    sums: Vec<i32>,
}

impl<'a> Near<'a> {
    fn new(vectors: &'a Vectors, query: &'a Query, k: usize) -> Self {
        let (limit, full) = (f32::NEG_INFINITY, (4 * k).max(512));
        Self { vectors, query, k, limit, rows: Vec::new(), full, sums: Vec::new() }
    }

    fn scan(&mut self, rows: Range<u32>) {
        let mut block = [0; BLOCK];
        let block = &mut block[..rows.len()];
        block.iter_mut().zip(rows).for_each(|(place, row)| *place = row);
        let Self { limit, rows, sums, .. } = self;
        self.vectors.nearly(self.query.code(), block, sums, |row, similarity| {
            if similarity >= *limit {
                rows.push((similarity, row));
            }
        });
        if self.rows.len() >= self.full {
            self.raise();
            self.full = (4 * self.k).max(512).max(2 * self.rows.len());
        }
    }

    /// Leaves out what cannot be among the nearest any more.
    fn raise(&mut self) {
        if self.k > 0 && self.k < self.rows.len() {
            let (_, kth, _) =
                self.rows.select_nth_unstable_by(self.k - 1, |a, b| b.0.total_cmp(&a.0));
            // k rows are at least as near as this less once what bytes may be wrong by, and whatever is
            // nearer says no less than twice that below.
            self.limit = kth.0 - 2.0 * self.vectors.most_wrong(self.query);
            self.rows.retain(|(similarity, _)| *similarity >= self.limit);
        }
    }

    fn rows(mut self) -> Vec<(f32, u32)> {
        self.raise();
        self.rows
    }

    /// The `k` nearest of the rows, compared in full.
    fn best(mut self) -> Vec<Hit> {
        self.raise();
        let hit = |&(_, row): &(f32, u32)| Hit {
            row,
            similarity: self.vectors.similarity(self.query, row),
        };
        let mut hits: Vec<Hit> = self.rows.iter().map(hit).collect();
        if self.k < hits.len() && self.k > 0 {
            hits.select_nth_unstable_by(self.k - 1, best_first);
        }
        hits.truncate(self.k);
        hits.sort_unstable_by(best_first);
        hits
    }
}
