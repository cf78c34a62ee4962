//! A navigable small-world graph laid out flat, and the walk through it.

mod edit;
mod grow;
mod old;
mod reconnect;

use serde::{Deserialize, Serialize};

pub(crate) use self::grow::Growing;
pub use self::old::OldGraph;
use crate::candidates::{Candidate, Walker};
use crate::vectors::Code;
use crate::{VectorError, Vectors};

/// Lists of rows, one behind the other in one block of memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Lists {
    /// Where each list starts, and where the last one ends.
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    fn from_lists<'a>(lists: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut flat = Self { starts: vec![0], items: Vec::new() };
        for list in lists {
            flat.items.extend_from_slice(list);
            flat.starts.push(flat.items.len() as u32);
        }
        flat
    }

    fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    fn get(&self, list: usize) -> &[u32] {
        &self.items[self.starts[list] as usize..self.starts[list + 1] as usize]
    }

    /// Whether there are `lists` of them, of numbers below `bound`.
    fn is_sound(&self, lists: usize, bound: usize) -> bool {
        self.starts.len() == lists + 1
            && self.starts.is_sorted()
            && self.starts.first() == Some(&0)
            && self.starts.last().is_some_and(|&end| end as usize == self.items.len())
            && self.items.iter().all(|&item| (item as usize) < bound)
    }
}

/// A layer above the lowest, which holds only some of the nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UpperLayer {
    /// In rising order.
    nodes: Vec<u32>,
    links: Lists,
}

impl UpperLayer {
    fn links(&self, node: u32) -> &[u32] {
        self.nodes.binary_search(&node).map_or(&[], |position| self.links.get(position))
    }
}

/// The links between vectors. A node stands for one vector and all its exact copies, and has the row of
/// the first of them as its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    entry: u32,
    /// The links of every row; a copy has none.
    ground: Lists,
    /// The layer above the ground first.
    upper: Vec<UpperLayer>,
    /// Nodes and the rows of their copies, in rising order.
    copies: Vec<(u32, u32)>,
}

impl Graph {
    /// Number of nodes: of different vectors.
    pub fn len(&self) -> usize {
        self.ground.len() - self.copies.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of layers.
    pub fn layers(&self) -> usize {
        1 + self.upper.len()
    }

    /// Rows of the copies of a node's vector.
    pub(crate) fn copies(&self, node: u32) -> impl Iterator<Item = u32> {
        let first = self.copies.partition_point(|(other, _)| *other < node);
        let own = self.copies[first..].iter().take_while(move |(other, _)| *other == node);
        own.map(|(_, row)| *row)
    }

    /// Whether the graph is one of `vectors` vectors, so that no walk can leave it.
    pub(crate) fn check(&self, vectors: usize) -> Result<(), VectorError> {
        if self.ground.starts.len() != vectors + 1 {
            return Err(VectorError::Graph("nodes and vectors differ in number"));
        }
        let upper = |layer: &UpperLayer| {
            layer.links.is_sound(layer.nodes.len(), vectors) && layer.nodes.is_sorted()
        };
        if !self.ground.is_sound(vectors, vectors) || !self.upper.iter().all(upper) {
            return Err(VectorError::Graph("a link leads nowhere"));
        }
        if vectors > 0 && self.entry as usize >= vectors {
            return Err(VectorError::Graph("the entry point is no node"));
        }
        let mut rows: Vec<u32> = self.copies.iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        let is_row = |row: u32| (row as usize) < vectors;
        let sound = self.copies.iter().all(|&(node, row)| node < row && is_row(row));
        if !sound || !self.copies.is_sorted() || rows.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(VectorError::Graph("a copy is none"));
        }
        Ok(())
    }

    /// Walks to the `ef` nodes found most like a vector of bytes; `walker` then has them.
    pub(crate) fn walk(&self, vectors: &Vectors, code: Code<'_>, ef: usize, walker: &mut Walker) {
        if self.is_empty() {
            return walker.walk(vectors, code, &[], 0, |_| &[]);
        }
        let mut best = self.entry;
        // Down the upper layers, always to the best neighbour.
        for layer in self.upper.iter().rev() {
            walker.walk(vectors, code, &[best], 1, |node| layer.links(node));
            best = walker.found().next().map_or(best, |found| found.row);
        }
        // The entry point is a second start: every node can be reached from it, by `reconnect`, but not
        // from every other node.
        walker.walk(vectors, code, &[best, self.entry], ef, |node| self.ground.get(node as usize));
    }

    /// As [`Self::walk`], into a list.
    fn near(&self, vectors: &Vectors, code: Code<'_>, ef: usize) -> Vec<Candidate> {
        let mut walker = Walker::default();
        self.walk(vectors, code, ef, &mut walker);
        walker.found().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four points on a quarter circle, in a chain of which the last link is missing, and a copy of the
    /// first.
    fn broken_chain() -> (Vectors, Graph) {
        let points = [0.0f32, 0.5, 1.0, 1.5, 0.0].iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        let vectors = Vectors::normalised(2, points).expect("unit vectors");
        let lists: [&[u32]; 5] = [&[1], &[0, 2], &[1], &[], &[]];
        let ground = Lists::from_lists(lists);
        let mut graph = Graph { entry: 0, ground, upper: Vec::new(), copies: vec![(0, 4)] };
        graph.reconnect(&vectors);
        (vectors, graph)
    }

    #[test]
    fn an_unreachable_node_is_linked_from_its_nearest() {
        let (vectors, graph) = broken_chain();
        assert_eq!(graph.ground.get(2), &[1, 3]);
        let found = graph.near(&vectors, vectors.code(3), 4);
        assert_eq!(found.iter().map(|hit| hit.row).collect::<Vec<_>>(), [3, 2, 1, 0]);
        assert_eq!(graph.copies(0).collect::<Vec<_>>(), [4]);
        assert_eq!(graph.copies(1).count(), 0);
    }

    #[test]
    fn a_graph_that_does_not_fit_is_refused() {
        let (_, graph) = broken_chain();
        assert_eq!(graph.check(5), Ok(()));
        assert!(graph.check(6).is_err());
        let spoil = |change: fn(&mut Graph)| {
            let mut graph = graph.clone();
            change(&mut graph);
            graph.check(5)
        };
        assert!(spoil(|g| g.ground.items[0] = 5).is_err());
        assert!(spoil(|g| g.ground.starts[1] = 99).is_err());
        assert!(spoil(|g| g.ground.starts.clear()).is_err());
        assert!(spoil(|g| g.entry = 5).is_err());
        assert!(spoil(|g| g.copies[0].1 = 9).is_err());
        assert!(spoil(|g| g.copies.push((1, 4))).is_err());
        let layer = UpperLayer { nodes: vec![0], links: Lists::from_lists([&[7][..]]) };
        let mut tall = graph.clone();
        tall.upper.push(layer);
        assert!(tall.check(5).is_err());
    }
}
