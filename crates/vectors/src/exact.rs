//! [`ExactStore`]: brute-force search, which misses nothing.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::vectors::Query;
use crate::{Hit, VectorError, VectorStore, Vectors, best_first, rows_of};

/// Rows that are compared at a time: their codes stay in a core's L1 cache while several queries are compared
/// with them.
const BLOCK: usize = 32;

/// The fewest rows that a core takes.
const MIN_ROWS: usize = 2048;

/// The most queries that are compared with a block before the next block.
const QUERIES: usize = 64;

/// Compares a query with every vector: exact, in time linear in their number. The reference for other stores, and
/// the choice for small catalogues.
///
/// It compares the int8 codes of every row, then all 16 bits of the rows that could be among the nearest, given the
/// largest error of codes.
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

    /// The same store with a group for each vector, for [`VectorStore::search_filtered`].
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

    /// [`VectorStore::search`] for many queries, in less time than one by one: every block of vectors is read from
    /// memory once for all of them.
    ///
    /// # Errors
    /// As [`VectorStore::search`].
    pub fn search_all(&self, queries: &[&[f32]], k: usize) -> Result<Vec<Vec<Hit>>, VectorError> {
        let queries: Vec<Query> =
            queries.iter().map(|query| self.vectors.query(query)).collect::<Result<_, _>>()?;
        let chunk = queries.len().div_ceil(rayon::current_num_threads()).clamp(1, QUERIES);
        let chunks = queries.par_chunks(chunk).map(|queries| {
            let mut scans: Vec<Scan> =
                queries.iter().map(|query| Scan::new(&self.vectors, query, k)).collect();
            for rows in blocks(0..self.len()) {
                scans.iter_mut().for_each(|scan| scan.add(rows.clone()));
            }
            scans.into_iter().map(Scan::top_k).collect()
        });
        let chunks: Vec<Vec<Vec<Hit>>> = chunks.collect();
        Ok(chunks.into_iter().flatten().collect())
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
        self.vectors.search_rows(query, rows_of(self.groups.as_deref(), allowed, self.len()), k)
    }

    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError> {
        Ok(rows.iter().map(|&row| self.vectors.row(row)).collect())
    }
}

/// The `k` nearest of all vectors.
pub(crate) fn exact(vectors: &Vectors, query: &Query, k: usize) -> Vec<Hit> {
    let chunks: Vec<usize> = (0..vectors.len()).step_by(MIN_ROWS).collect();
    let chunks = chunks.par_iter().map(|&first| {
        let mut scan = Scan::new(vectors, query, k);
        blocks(first..vectors.len().min(first + MIN_ROWS)).for_each(|rows| scan.add(rows));
        scan.candidates()
    });
    let candidates = chunks.collect::<Vec<_>>().concat();
    Scan { candidates, ..Scan::new(vectors, query, k) }.top_k()
}

fn blocks(rows: Range<usize>) -> impl Iterator<Item = Range<u32>> {
    let end = rows.end;
    rows.step_by(BLOCK).map(move |first| first as u32..end.min(first + BLOCK) as u32)
}

/// A scan for a query's `k` nearest rows: the rows that could be among them, by their codes.
struct Scan<'a> {
    vectors: &'a Vectors,
    query: &'a Query,
    k: usize,
    /// The similarity by codes that a candidate has at least.
    threshold: f32,
    /// Similarities by codes, and rows.
    candidates: Vec<(f32, u32)>,
    /// With so many candidates, the threshold is raised.
    full: usize,
    sums: Vec<i32>,
}

impl<'a> Scan<'a> {
    fn new(vectors: &'a Vectors, query: &'a Query, k: usize) -> Self {
        let (threshold, full) = (f32::NEG_INFINITY, (4 * k).max(512));
        Self { vectors, query, k, threshold, candidates: Vec::new(), full, sums: Vec::new() }
    }

    fn add(&mut self, rows: Range<u32>) {
        let mut block = [0; BLOCK];
        let block = &mut block[..rows.len()];
        block.iter_mut().zip(rows).for_each(|(slot, row)| *slot = row);
        let Self { threshold, candidates, sums, .. } = self;
        self.vectors.code_similarities(self.query.code(), block, sums, |row, similarity| {
            if similarity >= *threshold {
                candidates.push((similarity, row));
            }
        });
        if self.candidates.len() >= self.full {
            self.raise_threshold();
            self.full = (4 * self.k).max(512).max(2 * self.candidates.len());
        }
    }

    /// Drops rows that cannot be among the nearest any more.
    fn raise_threshold(&mut self) {
        if self.k > 0 && self.k < self.candidates.len() {
            let (_, kth, _) =
                self.candidates.select_nth_unstable_by(self.k - 1, |a, b| b.0.total_cmp(&a.0));
            // k rows are at least as similar as this less the largest error, and a row more similar than that
            // has a code at most twice the error below.
            self.threshold = kth.0 - 2.0 * self.vectors.max_code_error(self.query);
            self.candidates.retain(|(similarity, _)| *similarity >= self.threshold);
        }
    }

    fn candidates(mut self) -> Vec<(f32, u32)> {
        self.raise_threshold();
        self.candidates
    }

    /// The `k` nearest of the candidates, rescored with all 16 bits.
    fn top_k(mut self) -> Vec<Hit> {
        self.raise_threshold();
        let hit = |&(_, row): &(f32, u32)| Hit {
            row,
            similarity: self.vectors.similarity(self.query, row),
        };
        let mut hits: Vec<Hit> = self.candidates.iter().map(hit).collect();
        if self.k < hits.len() && self.k > 0 {
            hits.select_nth_unstable_by(self.k - 1, best_first);
        }
        hits.truncate(self.k);
        hits.sort_unstable_by(best_first);
        hits
    }
}
