//! Adjacency lists, compressed sparse row: for graphs that are stored and searched.

use serde::{Deserialize, Serialize};

/// Lists of rows, one after the other in one block of memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Links {
    /// Where each list starts, and where the last one ends.
    pub(super) offsets: Vec<u32>,
    pub(super) rows: Vec<u32>,
}

impl Links {
    pub(super) fn from_lists<'a>(lists: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut flat = Self { offsets: vec![0], rows: Vec::new() };
        for list in lists {
            flat.rows.extend_from_slice(list);
            flat.offsets.push(flat.rows.len() as u32);
        }
        flat
    }

    /// Number of lists.
    pub(super) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub(super) fn get(&self, list: usize) -> &[u32] {
        &self.rows[self.offsets[list] as usize..self.offsets[list + 1] as usize]
    }

    /// Whether there are `lists` lists, of rows below `bound`.
    pub(super) fn is_sound(&self, lists: usize, bound: usize) -> bool {
        self.offsets.len() == lists + 1
            && self.offsets.is_sorted()
            && self.offsets.first() == Some(&0)
            && self.offsets.last().is_some_and(|&end| end as usize == self.rows.len())
            && self.rows.iter().all(|&row| (row as usize) < bound)
    }
}

/// A layer above layer 0, which has only some of the nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UpperLayer {
    /// Ascending.
    pub(super) nodes: Vec<u32>,
    /// Of each of `nodes`.
    pub(super) links: Links,
}

impl UpperLayer {
    pub(super) fn links(&self, node: u32) -> &[u32] {
        self.nodes.binary_search(&node).map_or(&[], |position| self.links.get(position))
    }
}
