//! Vectors that another program keeps: what such a store does, and searches of it by row.

use std::sync::Arc;

use crate::{Hit, VectorError, VectorStore, best_first};

/// What a store elsewhere keeps of an index beside its vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Grows by one with every change.
    pub generation: u64,
    /// Which of the store's parts holds the vectors.
    pub part: String,
    /// Everything else, in one piece.
    pub content: Vec<u8>,
}

/// A vector on its way to a store.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Which it is. A store finds it by that, and never gets another one under the same number.
    pub id: u64,
    /// The group that searches can be restricted to.
    pub group: String,
    /// Of length 1.
    pub vector: Vec<f32>,
}

/// Why a store elsewhere did not do what it was asked for. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum RemoteError {
    #[error(
        "{store} does not answer ({reason}): check its address and that it runs, then try again"
    )]
    Unreachable { store: String, reason: String },
    #[error("{store} refused ({reason}){}", hint(reason))]
    Refused { store: String, reason: String },
    #[error("{store} was changed by another program meanwhile: run the command again")]
    Changed { store: String },
}

/// What to do about the usual refusals.
fn hint(reason: &str) -> &'static str {
    match reason {
        reason if reason.contains("\"vector\" is not available") => {
            ": install pgvector 0.8 or newer on that server"
        }
        reason if reason.contains("create extension") => {
            ": have an administrator of the database run CREATE EXTENSION vector"
        }
        reason if reason.contains("authentication") => {
            ": check the name and password in its address"
        }
        _ => "",
    }
}

impl From<RemoteError> for VectorError {
    fn from(error: RemoteError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Another program that keeps vectors and finds them by nearness: an index's vectors in a *part*, and beside
/// them the index's [`Head`], which names that part. A new part is filled while the old one is searched; the
/// head is swapped when it is whole. So nothing is ever half there, whatever is killed when.
///
/// Calls wait for the answer, try again a few times where that may help, and then give up.
pub trait RemoteStore: Send + Sync {
    /// What a person calls it: its address without what is secret.
    fn name(&self) -> String;

    /// The head, if there is one.
    ///
    /// # Errors
    /// [`RemoteError`], as of all that follow.
    fn head(&self) -> Result<Option<Head>, RemoteError>;

    /// Swaps the head in, if the generation is still the one that was seen (`None`: no head).
    ///
    /// # Errors
    /// [`RemoteError::Changed`] where it is another.
    fn set_head(&self, seen: Option<u64>, head: &Head) -> Result<(), RemoteError>;

    /// Makes a part for vectors of so many numbers, unless it is there; gives how many it has.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn begin(&self, part: &str, dim: usize) -> Result<u64, RemoteError>;

    /// Puts points into a part; what is there under the same ids is replaced.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn put(&self, part: &str, points: &[Point]) -> Result<(), RemoteError>;

    /// Makes a part that is filled fast to search.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn finish(&self, part: &str) -> Result<(), RemoteError>;

    /// Takes points out of a part; those that are not there are no error.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn remove(&self, part: &str, ids: &[u64]) -> Result<(), RemoteError>;

    /// Takes away all parts but some.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn keep_only(&self, parts: &[&str]) -> Result<(), RemoteError>;

    /// The `k` points of a part that are most like a query of length 1, with their similarities: of some
    /// groups only, or of all.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn nearest(
        &self,
        part: &str,
        query: &[f32],
        groups: Option<&[&str]>,
        k: usize,
        exactly: bool,
    ) -> Result<Vec<(u64, f32)>, RemoteError>;

    /// Vectors of a part by their ids, in any order; those that are not there are left out.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn vectors(&self, part: &str, ids: &[u64]) -> Result<Vec<(u64, Vec<f32>)>, RemoteError>;
}

/// A part of a store elsewhere, searched as if it were here: by rows.
#[derive(Clone)]
pub struct RemoteRows {
    store: Arc<dyn RemoteStore>,
    part: String,
    /// The id of each row, ascending.
    ids: Arc<[u64]>,
    /// The name of each group.
    groups: Arc<[String]>,
    dim: usize,
}

impl RemoteRows {
    /// Rows in the order of `ids`, which ascend. Points of the part that have none of them are never found.
    pub fn new(
        store: Arc<dyn RemoteStore>,
        part: String,
        ids: Arc<[u64]>,
        groups: Arc<[String]>,
        dim: usize,
    ) -> Self {
        Self { store, part, ids, groups, dim }
    }

    /// Where they are.
    pub fn store(&self) -> &Arc<dyn RemoteStore> {
        &self.store
    }

    fn found(
        &self,
        query: &[f32],
        groups: Option<&[&str]>,
        k: usize,
        exactly: bool,
    ) -> Result<Vec<Hit>, VectorError> {
        let query = self.unit(query)?;
        let wanted = k.min(self.ids.len());
        if wanted == 0 || groups.is_some_and(<[_]>::is_empty) {
            return Ok(Vec::new());
        }
        let mut asked = wanted;
        loop {
            let near = self.store.nearest(&self.part, &query, groups, asked, exactly)?;
            let is_all = near.len() < asked;
            if is_all && !exactly {
                // A walk ends where it finds no more; what there is may be more.
                return self.found(&query, groups, k, true);
            }
            let row = |(id, similarity)| {
                let row = self.ids.binary_search(&id).ok()? as u32;
                Some(Hit { row, similarity })
            };
            let mut hits: Vec<Hit> = near.into_iter().filter_map(row).collect();
            // Some of them may be on their way in or out.
            if hits.len() < wanted && !is_all {
                asked *= 2;
                continue;
            }
            hits.sort_unstable_by(best_first);
            hits.truncate(k);
            return Ok(hits);
        }
    }

    fn unit(&self, query: &[f32]) -> Result<Vec<f32>, VectorError> {
        if query.len() != self.dim {
            return Err(VectorError::Dimension { dim: self.dim, found: query.len() });
        }
        let mut query = query.to_vec();
        crate::vectors::normalise(&mut query, 0)?;
        Ok(query)
    }
}

impl VectorStore for RemoteRows {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.found(query, None, k, false)
    }

    fn search_exactly(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.found(query, None, k, true)
    }

    fn search_among(
        &self,
        query: &[f32],
        wanted: &[bool],
        k: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        let named = self.groups.iter().zip(wanted).filter(|(_, wanted)| **wanted);
        let names: Vec<&str> = named.map(|(name, _)| name.as_str()).collect();
        self.found(query, Some(&names), k, false)
    }

    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError> {
        let ids: Vec<u64> = rows.iter().map(|&row| self.ids[row as usize]).collect();
        let mut found: Vec<(u64, Vec<f32>)> = self.store.vectors(&self.part, &ids)?;
        found.sort_unstable_by_key(|(id, _)| *id);
        let one = |id: &u64| match found.binary_search_by_key(id, |(id, _)| *id) {
            Ok(at) => Ok(found[at].1.clone()),
            Err(_) => {
                let store = self.store.name();
                let reason = format!("{store} has lost vector {id}: build the index again");
                Err(VectorError::Store(reason))
            }
        };
        ids.iter().map(one).collect()
    }
}
