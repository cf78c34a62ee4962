use super::{Graph, Lists};
use crate::Vectors;

/// Nodes that are looked through for one that can be reached.
const LOOKED_AT: usize = 32;

impl Graph {
    /// Links every node that no walk reaches from the nearest one that a walk does reach. Pruning loses
    /// a few of them; a photo that is never found would be a silent error.
    pub(super) fn reconnect(&mut self, vectors: &Vectors) {
        let mut reached = vec![false; vectors.len()];
        self.copies.iter().for_each(|(_, row)| reached[*row as usize] = true);
        // The links that are missing, of whom they are.
        let mut missing: Vec<(u32, u32)> = Vec::new();
        if !vectors.is_empty() {
            self.spread(self.entry, &mut reached);
        }
        for node in 0..vectors.len() as u32 {
            if reached[node as usize] {
                continue;
            }
            // A walk from the entry point ends on nodes that can be reached.
            let near = self.near(vectors, vectors.code(node), LOOKED_AT).into_iter();
            let mut near = near.map(|candidate| candidate.row).filter(|&row| row != node);
            missing.push((near.find(|&row| reached[row as usize]).unwrap_or(self.entry), node));
            self.spread(node, &mut reached);
        }
        if !missing.is_empty() {
            missing.sort_unstable();
            let more = |row: u32| {
                let first = missing.partition_point(|(from, _)| *from < row);
                missing[first..].iter().take_while(move |(from, _)| *from == row).map(|(_, to)| *to)
            };
            let lists: Vec<Vec<u32>> = (0..vectors.len() as u32)
                .map(|row| self.ground.get(row as usize).iter().copied().chain(more(row)).collect())
                .collect();
            self.ground = Lists::from_lists(lists.iter().map(Vec::as_slice));
        }
    }

    /// Marks what can be reached from a node.
    fn spread(&self, start: u32, reached: &mut [bool]) {
        let mut open = vec![start];
        reached[start as usize] = true;
        while let Some(node) = open.pop() {
            for &next in self.ground.get(node as usize) {
                if !std::mem::replace(&mut reached[next as usize], true) {
                    open.push(next);
                }
            }
        }
    }
}
