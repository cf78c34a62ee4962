//! Nearest-neighbour search by cosine similarity: the trait [`VectorStore`], an exact store, an HNSW store, segments
//! of remote stores, and snapshots on disk.
//!
//! This crate knows nothing of photos or models. Terms are those of the HNSW paper (Malkov and Yashunin, 2016),
//! hnswlib and qdrant.
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
mod error;
mod exact;
mod graph;
mod hnsw;
mod kernels;
mod params;
mod remote;
mod search_layer;
pub mod snapshot;
mod vectors;

pub use aligned_bytes::AlignedBytes;
pub use error::VectorError;
pub use exact::ExactStore;
pub use graph::Graph;
pub use hnsw::HnswStore;
pub use params::{GraphBuilder, HnswParams};
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

/// A store of unit vectors that finds nearest neighbours. `tests/contract.rs` runs the same tests against every
/// store.
pub trait VectorStore: Send + Sync {
    /// Number of vectors.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length of each vector.
    fn dim(&self) -> usize;

    /// The `k` vectors most similar to `query`, best first, ties by row; all of them if there are fewer. The search
    /// may be approximate.
    ///
    /// The query need not be normalised.
    ///
    /// # Errors
    /// [`VectorError::Dimension`], [`VectorError::NotFinite`] or [`VectorError::Zero`], with the row 0, for a query
    /// that cannot be compared; [`VectorError::Store`] where a remote store fails.
    fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError>;

    /// [`Self::search`] by comparing every vector.
    ///
    /// # Errors
    /// As [`Self::search`].
    fn search_exact(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError>;

    /// [`Self::search`] among the vectors of the groups for whose number `allowed` has `true`. In a store without
    /// groups, each vector is a group of its own, by its row.
    ///
    /// # Errors
    /// As [`Self::search`].
    fn search_filtered(
        &self,
        query: &[f32],
        allowed: &[bool],
        k: usize,
    ) -> Result<Vec<Hit>, VectorError>;

    /// Some vectors, of unit length, in the order of `rows`.
    ///
    /// # Errors
    /// [`VectorError::Store`].
    ///
    /// # Panics
    /// For a row of [`Self::len`] or more.
    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError>;
}

/// The rows of `len` whose groups are allowed; without groups, the allowed rows.
pub(crate) fn rows_of<'a>(
    groups: Option<&'a [u32]>,
    allowed: &'a [bool],
    len: usize,
) -> impl Iterator<Item = u32> + 'a {
    let group = move |row: u32| groups.map_or(row, |groups| groups[row as usize]);
    (0..len as u32).filter(move |&row| allowed.get(group(row) as usize) == Some(&true))
}

/// Best first, ties by row, so that every store and every run gives the same order.
pub(crate) fn best_first(a: &Hit, b: &Hit) -> std::cmp::Ordering {
    b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row))
}
