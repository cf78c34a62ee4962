//! Vector stores in other programs (PostgreSQL, Qdrant): the trait [`RemoteStore`], what it stores and how it
//! fails. [`RemoteSegment`] searches one by row.
//!
//! Segments and the manifest that names the live one are those of Lucene and Tantivy.

mod segment;

pub use segment::RemoteSegment;

use crate::VectorError;

/// What a remote store keeps of an index beside its vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Grows by one with every change.
    pub generation: u64,
    /// The segment that holds the index's vectors: twelve hexadecimal digits.
    pub segment: String,
    /// Everything else of the index, serialised.
    pub content: Vec<u8>,
}

/// A vector as it is sent to a store.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Identifies the vector within its segment. Ids are never reused.
    pub id: u64,
    /// The group that searches can be filtered by.
    pub group: String,
    /// Unit length.
    pub vector: Vec<f32>,
}

/// Why a remote store failed. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum RemoteError {
    #[error(
        "{store} does not answer ({reason}): check its address and that it runs, then try again"
    )]
    Unreachable { store: String, reason: String },
    #[error("{store} refused ({reason})")]
    Refused { store: String, reason: String },
    #[error("{store} does not accept the name and password of its address ({reason})")]
    Unauthorized { store: String, reason: String },
    #[error(
        "{store} does not permit that ({reason}): have an administrator of the database grant it, or run CREATE \
         EXTENSION vector"
    )]
    PermissionDenied { store: String, reason: String },
    #[error("{store} lacks pgvector ({reason}): install pgvector 0.8 or newer on that server")]
    MissingExtension { store: String, reason: String },
    #[error("the index in {store} {}", other_format(*found, *newest))]
    OtherFormat { store: String, found: u32, newest: u32 },
    #[error("another program changed {store} meanwhile: try again")]
    Conflict { store: String },
    #[error("{store} indexes vectors of at most {max} dimensions, not of {dim}")]
    TooManyDimensions { store: String, dim: usize, max: usize },
}

/// Format 0 stands for all of programs before 0.1.0.
fn other_format(found: u32, newest: u32) -> String {
    match found {
        0 => "has a format from before 0.1.0, which is no longer read: delete its tables or collections, \
              or name another database or collection, and build the index again"
            .to_owned(),
        _ => format!(
            "has the format {found}, which a newer program wrote; this program reads format {newest}: \
             update it, or build the index again in another database or collection"
        ),
    }
}

impl From<RemoteError> for VectorError {
    fn from(error: RemoteError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Another program that stores vectors and searches them.
///
/// A *segment* holds an index's vectors; the index's [`Manifest`] names the live segment. A build fills a new
/// segment while the old one is searched, then swaps the manifest. So readers see the old index or the new one,
/// wherever a build is interrupted.
///
/// Calls block. They retry a few times after failures that may pass.
pub trait RemoteStore: Send + Sync {
    /// The store's address, without secrets.
    fn name(&self) -> String;

    /// The manifest, if there is one.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn manifest(&self) -> Result<Option<Manifest>, RemoteError>;

    /// Replaces the manifest if its generation is still `expected` (`None`: there is no manifest yet): a
    /// compare-and-swap.
    ///
    /// # Errors
    /// [`RemoteError::Conflict`] where the generation is another one.
    fn swap_manifest(&self, expected: Option<u64>, manifest: &Manifest) -> Result<(), RemoteError>;

    /// Creates a segment for vectors of `dim` dimensions unless it exists. Returns the number of its points.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn create_segment(&self, segment: &str, dim: usize) -> Result<u64, RemoteError>;

    /// Inserts points into a segment; points of the same ids are replaced.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn upsert(&self, segment: &str, points: &[Point]) -> Result<(), RemoteError>;

    /// Builds a segment's HNSW index, after its points were inserted.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn build_segment_index(&self, segment: &str) -> Result<(), RemoteError>;

    /// Deletes points of a segment; ids that are not there are ignored.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn delete(&self, segment: &str, ids: &[u64]) -> Result<(), RemoteError>;

    /// Drops all segments but these.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn retain_segments(&self, segments: &[&str]) -> Result<(), RemoteError>;

    /// The ids of the `k` points of a segment most similar to `query` (unit length), with their cosine
    /// similarities: of some groups, or of all. `exact` compares every point.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn search(
        &self,
        segment: &str,
        query: &[f32],
        groups: Option<&[&str]>,
        k: usize,
        exact: bool,
    ) -> Result<Vec<(u64, f32)>, RemoteError>;

    /// Vectors of a segment by their ids, in any order; ids that are not there are left out.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn vectors(&self, segment: &str, ids: &[u64]) -> Result<Vec<(u64, Vec<f32>)>, RemoteError>;
}
