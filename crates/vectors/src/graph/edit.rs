//! Vectors taken out of a graph, without building it anew.
//!
//! hnsw_rs can neither take points out nor go on with a graph that was stored, so this is done here:
//! nodes that linked to what is gone are linked to what that linked to, as FreshDiskANN does (Singh et al.,
//! 2021, algorithm 4). New vectors are then added as in a build.

use super::{Graph, Growing};
use crate::{HnswParams, Vectors};

/// Nodes looked at behind a removed one, at most.
const BEHIND: usize = 64;

impl<'a> Growing<'a> {
    /// A graph without some of its vectors, to which others can be [added](Growing::add).
    ///
    /// `vectors` are those that are kept and, behind them, those to be added; `row_now` is the row that
    /// each of the graph's vectors has among them, if it is kept.
    pub(crate) fn from_graph(
        graph: &Graph,
        vectors: &'a Vectors,
        params: HnswParams,
        row_now: &[Option<u32>],
    ) -> Self {
        let longest = (0..graph.ground.len()).map(|row| graph.ground.get(row).len()).max();
        let mut growing = Self::empty(vectors, params, longest.unwrap_or(0));
        let node_now = growing.keep_nodes(graph, row_now);
        let ground: Vec<u32> = (0..graph.ground.len() as u32).collect();
        let ground = (ground.as_slice(), &graph.ground);
        let upper = graph.upper.iter().map(|layer| (layer.nodes.as_slice(), &layer.links));
        for (layer, (nodes, links)) in std::iter::once(ground).chain(upper).enumerate() {
            let links_of = |node: u32| match nodes.binary_search(&node) {
                Ok(position) => links.get(position),
                Err(_) => &[],
            };
            for &node in nodes {
                if let Some(now) = node_now[node as usize] {
                    let links = growing.repaired(layer, now, links_of(node), &node_now, links_of);
                    growing.put(layer, now, links);
                }
            }
        }
        growing.choose_entry();
        growing
    }

    /// Notes the nodes that are kept, and their copies: the number that each has now. A node whose own row
    /// is gone has that of the first copy that is not.
    fn keep_nodes(&mut self, graph: &Graph, row_now: &[Option<u32>]) -> Vec<Option<u32>> {
        let mut node_of: Vec<u32> = (0..row_now.len() as u32).collect();
        graph.copies.iter().for_each(|&(node, row)| node_of[row as usize] = node);
        let mut node_now = vec![None; row_now.len()];
        for (&node, &now) in node_of.iter().zip(row_now) {
            match (now, node_now[node as usize]) {
                (Some(row), None) => {
                    node_now[node as usize] = Some(row);
                    self.note_node(row);
                }
                (Some(row), Some(node)) => self.note_copy(node, row),
                (None, _) => {}
            }
        }
        node_now
    }

    /// A node's links without those that are gone, with what lies behind these in their place.
    fn repaired<'g>(
        &self,
        layer: usize,
        node: u32,
        links: &'g [u32],
        node_now: &[Option<u32>],
        links_of: impl Fn(u32) -> &'g [u32],
    ) -> Vec<u32> {
        let mut kept: Vec<u32> = links.iter().filter_map(|&old| node_now[old as usize]).collect();
        if kept.len() == links.len() {
            return kept;
        }
        let mut gone: Vec<u32> =
            links.iter().copied().filter(|&old| node_now[old as usize].is_none()).collect();
        let mut at = 0;
        while at < gone.len() && at < BEHIND {
            for &behind in links_of(gone[at]) {
                match node_now[behind as usize] {
                    Some(now) if now != node && !kept.contains(&now) => kept.push(now),
                    None if gone.len() < BEHIND && !gone.contains(&behind) => gone.push(behind),
                    _ => {}
                }
            }
            at += 1;
        }
        self.at_most(self.most(layer), node, kept)
    }
}
