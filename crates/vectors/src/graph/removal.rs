//! Removal of vectors from a graph, without building it anew.
//!
//! A node that linked to a removed node is linked to that one's neighbours instead, as in FreshDiskANN (Singh et
//! al., 2021, algorithm 4). So there are no tombstones. New vectors are then inserted in batches.

use super::{Graph, LayersBuilder};
use crate::{HnswParams, Vectors};

/// The most removed nodes whose neighbours are considered in place of one node's lost links.
const MAX_REMOVED: usize = 64;

impl<'a> LayersBuilder<'a> {
    /// A graph without some of its vectors, into which others can be [inserted](Self::insert_rows).
    ///
    /// `vectors` are those that are kept and, behind them, those to be inserted; `new_rows` has the row that each of
    /// the graph's vectors has among them, if it is kept.
    pub(super) fn from_graph(
        graph: &Graph,
        vectors: &'a Vectors,
        params: HnswParams,
        new_rows: &[Option<u32>],
    ) -> Self {
        let longest = (0..graph.layer0.len()).map(|row| graph.layer0.get(row).len()).max();
        let mut builder = Self::empty(vectors, params, longest.unwrap_or(0));
        let new_nodes = builder.keep_nodes(graph, new_rows);
        let layer0: Vec<u32> = (0..graph.layer0.len() as u32).collect();
        let layer0 = (layer0.as_slice(), &graph.layer0);
        let upper = graph.upper_layers.iter().map(|layer| (layer.nodes.as_slice(), &layer.links));
        for (layer, (nodes, links)) in std::iter::once(layer0).chain(upper).enumerate() {
            let links_of = |node: u32| match nodes.binary_search(&node) {
                Ok(position) => links.get(position),
                Err(_) => &[],
            };
            for &node in nodes {
                if let Some(new) = new_nodes[node as usize] {
                    let links = builder.repaired(layer, new, links_of(node), &new_nodes, links_of);
                    builder.set_links(layer, new, links);
                }
            }
        }
        builder.choose_entry_point();
        builder
    }

    /// Registers the nodes that are kept and their duplicates. Returns each node's new number. A node whose own row
    /// is removed gets that of its first duplicate that is kept.
    fn keep_nodes(&mut self, graph: &Graph, new_rows: &[Option<u32>]) -> Vec<Option<u32>> {
        let mut node_of: Vec<u32> = (0..new_rows.len() as u32).collect();
        graph.duplicates.iter().for_each(|&(node, row)| node_of[row as usize] = node);
        let mut new_nodes = vec![None; new_rows.len()];
        for (&node, &new_row) in node_of.iter().zip(new_rows) {
            match (new_row, new_nodes[node as usize]) {
                (Some(row), None) => {
                    new_nodes[node as usize] = Some(row);
                    self.register_node(row);
                }
                (Some(row), Some(node)) => self.register_duplicate(node, row),
                (None, _) => {}
            }
        }
        new_nodes
    }

    /// A node's links, in which the neighbours of removed nodes replace these.
    fn repaired<'g>(
        &self,
        layer: usize,
        node: u32,
        links: &'g [u32],
        new_nodes: &[Option<u32>],
        links_of: impl Fn(u32) -> &'g [u32],
    ) -> Vec<u32> {
        let mut kept: Vec<u32> = links.iter().filter_map(|&old| new_nodes[old as usize]).collect();
        if kept.len() == links.len() {
            return kept;
        }
        let mut removed: Vec<u32> =
            links.iter().copied().filter(|&old| new_nodes[old as usize].is_none()).collect();
        let mut at = 0;
        while at < removed.len() && at < MAX_REMOVED {
            for &behind in links_of(removed[at]) {
                match new_nodes[behind as usize] {
                    Some(new) if new != node && !kept.contains(&new) => kept.push(new),
                    None if removed.len() < MAX_REMOVED && !removed.contains(&behind) => {
                        removed.push(behind);
                    }
                    _ => {}
                }
            }
            at += 1;
        }
        self.shrink(self.params.m_max(layer), node, kept)
    }
}
