//! Nodes that no search would reach are linked again.

use super::{Graph, Links};
use crate::Vectors;

/// Candidates of the search for the nearest reachable node.
const EF: usize = 32;

impl Graph {
    /// Links every node that cannot be reached from the entry point from the nearest node that can. The neighbour
    /// selection drops the last link to a few nodes; a photo that is never found would be a silent error.
    pub(super) fn reconnect(&mut self, vectors: &Vectors) {
        let mut reached = vec![false; vectors.len()];
        self.duplicates.iter().for_each(|(_, row)| reached[*row as usize] = true);
        // The missing links: from, to.
        let mut missing: Vec<(u32, u32)> = Vec::new();
        if !vectors.is_empty() {
            self.mark_reachable(self.entry_point, &mut reached);
        }
        for node in 0..vectors.len() as u32 {
            if reached[node as usize] {
                continue;
            }
            // A search from the entry point ends on nodes that can be reached.
            let near = self.nearest(vectors, vectors.code(node), EF).into_iter();
            let mut near = near.map(|candidate| candidate.row).filter(|&row| row != node);
            missing
                .push((near.find(|&row| reached[row as usize]).unwrap_or(self.entry_point), node));
            self.mark_reachable(node, &mut reached);
        }
        if !missing.is_empty() {
            missing.sort_unstable();
            let more = |row: u32| {
                let first = missing.partition_point(|(from, _)| *from < row);
                missing[first..].iter().take_while(move |(from, _)| *from == row).map(|(_, to)| *to)
            };
            let lists: Vec<Vec<u32>> = (0..vectors.len() as u32)
                .map(|row| self.layer0.get(row as usize).iter().copied().chain(more(row)).collect())
                .collect();
            self.layer0 = Links::from_lists(lists.iter().map(Vec::as_slice));
        }
    }

    /// Marks the nodes that can be reached from one.
    fn mark_reachable(&self, start: u32, reached: &mut [bool]) {
        let mut open = vec![start];
        reached[start as usize] = true;
        while let Some(node) = open.pop() {
            for &next in self.layer0.get(node as usize) {
                if !std::mem::replace(&mut reached[next as usize], true) {
                    open.push(next);
                }
            }
        }
    }
}
