//! A segment of a remote store as a [`VectorStore`]: ids become rows.

use std::sync::Arc;

use super::RemoteStore;
use crate::{Hit, VectorError, VectorStore, best_first};

/// A segment of a remote store, searched by row as a local store is.
#[derive(Clone)]
pub struct RemoteSegment {
    store: Arc<dyn RemoteStore>,
    segment: String,
    /// The id of each row, ascending.
    ids: Arc<[u64]>,
    /// The name of each group.
    groups: Arc<[String]>,
    dim: usize,
}

impl RemoteSegment {
    /// The points `ids` of a segment, in this order; `ids` ascend. Other points of the segment are never
    /// returned. `groups` are the groups' names, by number.
    pub fn new(
        store: Arc<dyn RemoteStore>,
        segment: String,
        ids: Arc<[u64]>,
        groups: Arc<[String]>,
        dim: usize,
    ) -> Self {
        Self { store, segment, ids, groups, dim }
    }

    /// The store that has the segment.
    pub fn store(&self) -> &Arc<dyn RemoteStore> {
        &self.store
    }

    fn search_groups(
        &self,
        query: &[f32],
        groups: Option<&[&str]>,
        k: usize,
        exact: bool,
    ) -> Result<Vec<Hit>, VectorError> {
        let query = self.unit(query)?;
        let wanted = k.min(self.ids.len());
        if wanted == 0 || groups.is_some_and(<[_]>::is_empty) {
            return Ok(Vec::new());
        }
        let mut limit = wanted;
        loop {
            let found = self.store.search(&self.segment, &query, groups, limit, exact)?;
            let is_all = found.len() < limit;
            if is_all && !exact {
                // A graph search may end early, with fewer points than there are.
                return self.search_groups(&query, groups, k, true);
            }
            let row = |(id, similarity)| {
                let row = self.ids.binary_search(&id).ok()? as u32;
                Some(Hit { row, similarity })
            };
            let mut hits: Vec<Hit> = found.into_iter().filter_map(row).collect();
            // Points that a change in progress adds or deletes have no row here.
            if hits.len() < wanted && !is_all {
                limit *= 2;
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

impl VectorStore for RemoteSegment {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.search_groups(query, None, k, false)
    }

    fn search_exact(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.search_groups(query, None, k, true)
    }

    fn search_filtered(
        &self,
        query: &[f32],
        allowed: &[bool],
        k: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        let allowed = self.groups.iter().zip(allowed).filter(|(_, allowed)| **allowed);
        let names: Vec<&str> = allowed.map(|(name, _)| name.as_str()).collect();
        self.search_groups(query, Some(&names), k, false)
    }

    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError> {
        let ids: Vec<u64> = rows.iter().map(|&row| self.ids[row as usize]).collect();
        let mut found: Vec<(u64, Vec<f32>)> = self.store.vectors(&self.segment, &ids)?;
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
