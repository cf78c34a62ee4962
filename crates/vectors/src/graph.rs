//! A navigable small-world graph in flat memory, and the search of it (HNSW: Malkov and Yashunin, 2016).

mod insert;
mod layers_builder;
mod links;
mod reconnect;
mod removal;
mod select_neighbours;
mod with_hnsw_rs;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::layers_builder::LayersBuilder;
use self::links::{Links, UpperLayer};
use crate::params::{GraphBuilder, HnswParams};
use crate::search_layer::{Candidate, SearchContext};
use crate::vectors::Code;
use crate::{VectorError, Vectors};

/// The links between vectors. A node stands for one vector and its exact duplicates; its number is the row of the
/// first of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    entry_point: u32,
    /// The links of every row; a duplicate has none.
    layer0: Links,
    /// Layer 1 first.
    upper_layers: Vec<UpperLayer>,
    /// Nodes and the rows of their duplicates, ascending.
    duplicates: Vec<(u32, u32)>,
}

impl Graph {
    /// Builds a graph of `vectors` on all cores, by `params.builder`. `progress` gets the number of vectors
    /// inserted so far.
    pub(crate) fn build(
        vectors: &Arc<Vectors>,
        params: HnswParams,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Self {
        match params.builder {
            GraphBuilder::Batched => LayersBuilder::batched(vectors, params, progress),
            GraphBuilder::HnswRs => LayersBuilder::with_hnsw_rs(vectors, params, progress),
        }
        .finish()
    }

    /// This graph with some of its vectors removed and others inserted.
    ///
    /// `vectors` are those that are kept and, behind them, the new ones, from row `kept` on. `new_rows` has the row
    /// that each of the graph's vectors has among them, if it is kept.
    pub(crate) fn updated(
        &self,
        vectors: &Vectors,
        params: HnswParams,
        new_rows: &[Option<u32>],
        kept: u32,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Self {
        let mut builder = LayersBuilder::from_graph(self, vectors, params, new_rows);
        builder.insert_rows(kept..vectors.len() as u32, progress);
        builder.finish()
    }

    /// Number of nodes: of distinct vectors.
    pub fn len(&self) -> usize {
        self.layer0.len() - self.duplicates.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of layers.
    pub fn layers(&self) -> usize {
        1 + self.upper_layers.len()
    }

    /// Rows of the duplicates of a node's vector.
    pub(crate) fn duplicates(&self, node: u32) -> impl Iterator<Item = u32> {
        let first = self.duplicates.partition_point(|(other, _)| *other < node);
        let own = self.duplicates[first..].iter().take_while(move |(other, _)| *other == node);
        own.map(|(_, row)| *row)
    }

    /// Checks that the graph is one of `vectors` vectors, so that no search leaves it.
    pub(crate) fn check(&self, vectors: usize) -> Result<(), VectorError> {
        if self.layer0.offsets.len() != vectors + 1 {
            return Err(VectorError::Graph("nodes and vectors differ in number"));
        }
        let upper = |layer: &UpperLayer| {
            layer.links.is_sound(layer.nodes.len(), vectors) && layer.nodes.is_sorted()
        };
        if !self.layer0.is_sound(vectors, vectors) || !self.upper_layers.iter().all(upper) {
            return Err(VectorError::Graph("a link leads to no node"));
        }
        if vectors > 0 && self.entry_point as usize >= vectors {
            return Err(VectorError::Graph("the entry point is no node"));
        }
        let mut rows: Vec<u32> = self.duplicates.iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        let is_row = |row: u32| (row as usize) < vectors;
        let sound = self.duplicates.iter().all(|&(node, row)| node < row && is_row(row));
        if !sound || !self.duplicates.is_sorted() || rows.windows(2).any(|two| two[0] == two[1]) {
            return Err(VectorError::Graph("a duplicate is listed wrongly"));
        }
        Ok(())
    }

    /// Searches for the `ef` nodes most similar to a quantised vector (the paper's algorithm 5). Leaves them in
    /// `context`.
    pub(crate) fn search(
        &self,
        vectors: &Vectors,
        code: Code<'_>,
        ef: usize,
        context: &mut SearchContext,
    ) {
        if self.is_empty() {
            return context.search_layer(vectors, code, &[], 0, |_| &[]);
        }
        let mut best = self.entry_point;
        // Greedily down the upper layers.
        for layer in self.upper_layers.iter().rev() {
            context.search_layer(vectors, code, &[best], 1, |node| layer.links(node));
            best = context.found().next().map_or(best, |found| found.row);
        }
        // The entry point is a second start: `reconnect` makes every node reachable from it, but not from every
        // other node.
        let starts = [best, self.entry_point];
        context.search_layer(vectors, code, &starts, ef, |node| self.layer0.get(node as usize));
    }

    /// As [`Self::search`], into a list.
    fn nearest(&self, vectors: &Vectors, code: Code<'_>, ef: usize) -> Vec<Candidate> {
        let mut context = SearchContext::default();
        self.search(vectors, code, ef, &mut context);
        context.found().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four points on a quarter circle, in a chain of which the last link is missing, and a duplicate of the
    /// first.
    fn broken_chain() -> (Vectors, Graph) {
        let points = [0.0f32, 0.5, 1.0, 1.5, 0.0].iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        let vectors = Vectors::normalised(2, points).expect("unit vectors");
        let lists: [&[u32]; 5] = [&[1], &[0, 2], &[1], &[], &[]];
        let layer0 = Links::from_lists(lists);
        let mut graph =
            Graph { entry_point: 0, layer0, upper_layers: Vec::new(), duplicates: vec![(0, 4)] };
        graph.reconnect(&vectors);
        (vectors, graph)
    }

    #[test]
    fn an_unreachable_node_is_linked_from_its_nearest() {
        let (vectors, graph) = broken_chain();
        assert_eq!(graph.layer0.get(2), &[1, 3]);
        let found = graph.nearest(&vectors, vectors.code(3), 4);
        assert_eq!(found.iter().map(|hit| hit.row).collect::<Vec<_>>(), [3, 2, 1, 0]);
        assert_eq!(graph.duplicates(0).collect::<Vec<_>>(), [4]);
        assert_eq!(graph.duplicates(1).count(), 0);
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
        assert!(spoil(|g| g.layer0.rows[0] = 5).is_err());
        assert!(spoil(|g| g.layer0.offsets[1] = 99).is_err());
        assert!(spoil(|g| g.layer0.offsets.clear()).is_err());
        assert!(spoil(|g| g.entry_point = 5).is_err());
        assert!(spoil(|g| g.duplicates[0].1 = 9).is_err());
        assert!(spoil(|g| g.duplicates.push((1, 4))).is_err());
        let layer = UpperLayer { nodes: vec![0], links: Links::from_lists([&[7][..]]) };
        let mut tall = graph.clone();
        tall.upper_layers.push(layer);
        assert!(tall.check(5).is_err());
    }
}
