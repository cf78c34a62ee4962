//! Nearest neighbours by cosine similarity: one trait, an exact and an HNSW store, stores that are elsewhere,
//! snapshots on disk.
//!
//! This crate knows nothing of photos or models.
//!
//! ```
//! use std::sync::Arc;
//! use lookalike_vectors::{ExactStore, HnswParams, HnswStore, Vectors, VectorStore};
//!
//! // Three points in two dimensions.
//! let vectors = Arc::new(Vectors::normalised(2, vec![1.0, 0.0, 0.0, 2.0, 1.0, 1.0])?);
//! let exact = ExactStore::new(Arc::clone(&vectors));
//! let hnsw = HnswStore::build(vectors, HnswParams::default(), &|_| {});
//!
//! let hits = hnsw.search(&[3.0, 0.1], 2)?;
//! assert_eq!(hits, exact.search(&[3.0, 0.1], 2)?);
//! assert_eq!((hits[0].row, hits[1].row), (0, 2));
//! # Ok::<(), lookalike_vectors::VectorError>(())
//! ```

mod aligned_bytes;
mod candidates;
mod error;
mod exact;
mod graph;
mod hnsw;
mod kernels;
mod remote;
pub mod snapshot;
mod vectors;

pub use aligned_bytes::AlignedBytes;
pub use error::VectorError;
pub use exact::ExactStore;
pub use graph::{Graph, OldGraph};
pub use hnsw::{HnswParams, HnswStore};
pub use remote::{Manifest, Point, RemoteError, RemoteSegment, RemoteStore};
pub use vectors::Vectors;

/// One neighbour of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Position of the vector in the store, counted from 0.
    pub row: u32,
    /// Cosine similarity, -1 to 1.
    pub similarity: f32,
}

/// Somewhere that vectors can be found by nearness. Every store keeps the same contract, which
/// `tests/contract.rs` runs against each.
pub trait VectorStore: Send + Sync {
    /// Number of vectors.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length of each vector.
    fn dim(&self) -> usize;

    /// The `k` vectors most like `query`, best first, ties by row; all of them if there are fewer.
    ///
    /// The query need not be normalised.
    ///
    /// # Errors
    /// [`VectorError::Dimension`], [`VectorError::NotFinite`] or [`VectorError::Zero`], with the row
    /// 0, for a query that cannot be compared; [`VectorError::Store`] where the store is elsewhere and does
    /// not answer.
    fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError>;

    /// [`Self::search`], in which nothing is missed, however long it takes.
    ///
    /// # Errors
    /// As [`Self::search`].
    fn search_exact(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError>;

    /// [`Self::search`] among the vectors of some groups: those for whose number `allowed` has `true`. A store
    /// that was told of no groups takes each vector for one, by its row.
    ///
    /// # Errors
    /// As [`Self::search`].
    fn search_filtered(
        &self,
        query: &[f32],
        allowed: &[bool],
        k: usize,
    ) -> Result<Vec<Hit>, VectorError>;

    /// Some vectors, of length 1, in the order of `rows`.
    ///
    /// # Errors
    /// [`VectorError::Store`].
    ///
    /// # Panics
    /// For a row that is not there.
    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError>;
}

/// The rows of `len` whose groups are wanted; without groups, the rows themselves.
pub(crate) fn rows_of<'a>(
    groups: Option<&'a [u32]>,
    allowed: &'a [bool],
    len: usize,
) -> impl Iterator<Item = u32> + 'a {
    let group = move |row: u32| groups.map_or(row, |groups| groups[row as usize]);
    (0..len as u32).filter(move |&row| allowed.get(group(row) as usize) == Some(&true))
}

/// Best first; ties by row, so that every store and every run gives the same order.
pub(crate) fn best_first(a: &Hit, b: &Hit) -> std::cmp::Ordering {
    b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row))
}
