//! A navigable small-world graph laid out flat, and the walk through it.

mod edit;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::{Deserialize, Serialize};

pub(crate) use self::edit::Editor;
use crate::vectors::dot;
use crate::{VectorError, Vectors};

/// Lists of numbers, one behind the other in one block of memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Lists {
    /// Where each list starts, and where the last one ends.
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    fn from_lists<'a>(lists: impl IntoIterator<Item = &'a Vec<u32>>) -> Self {
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

/// The links between vectors. A node stands for one vector and all its exact copies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    entry: u32,
    /// Rows of the vectors that each node stands for.
    rows: Lists,
    ground: Lists,
    /// The layer above the ground first.
    upper: Vec<UpperLayer>,
}

/// Similarities in a heap.
#[derive(Clone, Copy, PartialEq)]
struct Candidate {
    similarity: f32,
    node: u32,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.similarity.total_cmp(&other.similarity).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Graph {
    /// Number of nodes: of different vectors.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of layers.
    pub fn layers(&self) -> usize {
        1 + self.upper.len()
    }

    /// Rows of the vectors that a node stands for.
    pub(crate) fn rows(&self, node: u32) -> &[u32] {
        self.rows.get(node as usize)
    }

    /// Whether the graph is one of `vectors` vectors, so that no walk can leave it.
    pub(crate) fn check(&self, vectors: usize) -> Result<(), VectorError> {
        let nodes = self.rows.starts.len().saturating_sub(1);
        if !self.rows.is_sound(nodes, vectors) || self.rows.items.len() != vectors {
            return Err(VectorError::Graph("nodes and vectors differ in number"));
        }
        if self.rows.starts.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(VectorError::Graph("a node stands for no vector"));
        }
        let upper = |layer: &UpperLayer| layer.links.is_sound(layer.nodes.len(), nodes);
        if !self.ground.is_sound(nodes, nodes) || !self.upper.iter().all(upper) {
            return Err(VectorError::Graph("a link leads nowhere"));
        }
        if nodes > 0 && self.entry as usize >= nodes {
            return Err(VectorError::Graph("the entry point is no node"));
        }
        Ok(())
    }

    /// The `ef` nodes found most like the unit vector `query`, best first.
    pub(crate) fn search(&self, vectors: &Vectors, query: &[f32], ef: usize) -> Vec<(u32, f32)> {
        if self.is_empty() || ef == 0 {
            return Vec::new();
        }
        let similarity = |node: u32| dot(query, vectors.row(self.rows(node)[0]));
        let mut best = Candidate { similarity: similarity(self.entry), node: self.entry };
        // Down the upper layers, always to the best neighbour.
        for layer in self.upper.iter().rev() {
            loop {
                let links = layer.links(best.node).iter();
                let next =
                    links.map(|&node| Candidate { similarity: similarity(node), node }).max();
                match next {
                    Some(next) if next > best => best = next,
                    _ => break,
                }
            }
        }
        // On the ground, on from the best node not yet visited until none can improve the result.
        // The entry point is a second start: every node can be reached from it, by `reconnect`,
        // but not from every other node.
        let entry = Candidate { similarity: similarity(self.entry), node: self.entry };
        let mut seen = vec![false; self.len()];
        let mut open = BinaryHeap::new();
        let mut found = BinaryHeap::new();
        for start in [best, entry] {
            if !std::mem::replace(&mut seen[start.node as usize], true) {
                open.push(start);
                found.push(Reverse(start));
            }
        }
        while let Some(nearest) = open.pop() {
            let worst = found.peek().map_or(nearest, |Reverse(worst)| *worst);
            if found.len() >= ef && nearest < worst {
                break;
            }
            for &node in self.ground.get(nearest.node as usize) {
                if std::mem::replace(&mut seen[node as usize], true) {
                    continue;
                }
                let candidate = Candidate { similarity: similarity(node), node };
                let worst = found.peek().map_or(candidate, |Reverse(worst)| *worst);
                if found.len() < ef || candidate > worst {
                    open.push(candidate);
                    found.push(Reverse(candidate));
                    if found.len() > ef {
                        found.pop();
                    }
                }
            }
        }
        // A heap of reversed candidates sorts best first. Two starts are one too many for ef = 1.
        let found = found.into_sorted_vec().into_iter().take(ef);
        found.map(|Reverse(c)| (c.node, c.similarity)).collect()
    }
}

/// Collects links, makes every node reachable, and lays the graph out flat.
pub(crate) struct GraphBuilder {
    rows: Vec<Vec<u32>>,
    ground: Vec<Vec<u32>>,
    upper: Vec<BTreeMap<u32, Vec<u32>>>,
}

impl GraphBuilder {
    /// `rows` are the rows of the vectors that each node stands for.
    pub(crate) fn new(rows: Vec<Vec<u32>>) -> Self {
        Self { ground: vec![Vec::new(); rows.len()], upper: Vec::new(), rows }
    }

    /// Adds the links of a node on a layer; 0 is the ground.
    pub(crate) fn add(&mut self, node: u32, layer: usize, links: Vec<u32>) {
        match layer.checked_sub(1) {
            None => self.ground[node as usize] = links,
            Some(above) => {
                if self.upper.len() <= above {
                    self.upper.resize_with(above + 1, BTreeMap::new);
                }
                self.upper[above].insert(node, links);
            }
        }
    }

    pub(crate) fn finish(self, vectors: &Vectors) -> Graph {
        let entry = self.upper.last().and_then(|top| top.keys().next().copied()).unwrap_or(0);
        let upper = |layer: BTreeMap<u32, Vec<u32>>| UpperLayer {
            links: Lists::from_lists(layer.values()),
            nodes: layer.into_keys().collect(),
        };
        let mut graph = Graph {
            entry,
            rows: Lists::from_lists(&self.rows),
            ground: Lists::from_lists(&self.ground),
            upper: self.upper.into_iter().map(upper).collect(),
        };
        let mut ground = self.ground;
        if reconnect(&graph, &mut ground, vectors) > 0 {
            graph.ground = Lists::from_lists(&ground);
        }
        graph
    }
}

/// Links every node that no walk reaches from the nearest one that a walk does reach. Pruning loses
/// a few of them; a photo that is never found would be a silent error.
///
/// Returns how many were linked.
fn reconnect(graph: &Graph, ground: &mut [Vec<u32>], vectors: &Vectors) -> usize {
    let mut reached = vec![false; ground.len()];
    let mut linked = 0;
    let spread = |start: u32, reached: &mut Vec<bool>, ground: &[Vec<u32>]| {
        let mut open = vec![start];
        reached[start as usize] = true;
        while let Some(node) = open.pop() {
            for &next in &ground[node as usize] {
                if !std::mem::replace(&mut reached[next as usize], true) {
                    open.push(next);
                }
            }
        }
    };
    if !ground.is_empty() {
        spread(graph.entry, &mut reached, ground);
    }
    for node in 0..ground.len() as u32 {
        if reached[node as usize] {
            continue;
        }
        let query = vectors.row(graph.rows(node)[0]);
        // A walk from the entry point ends on nodes that can be reached; on the old links, but those
        // are all still there.
        let nearest = graph.search(vectors, query, 32).into_iter().map(|(near, _)| near);
        let near = nearest.into_iter().find(|&near| reached[near as usize]).unwrap_or(graph.entry);
        ground[near as usize].push(node);
        linked += 1;
        spread(node, &mut reached, ground);
    }
    linked
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four points on a quarter circle, in a chain of which the last link is missing.
    fn broken_chain() -> (Vectors, Graph) {
        let points = [0.0f32, 0.5, 1.0, 1.5].iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        let vectors = Vectors::normalised(2, points).expect("unit vectors");
        let mut builder = GraphBuilder::new((0..4).map(|row| vec![row]).collect());
        for (node, links) in [(0, vec![1]), (1, vec![0, 2]), (2, vec![1]), (3, vec![])] {
            builder.add(node, 0, links);
        }
        let graph = builder.finish(&vectors);
        (vectors, graph)
    }

    #[test]
    fn an_unreachable_node_is_linked_from_its_nearest() {
        let (vectors, graph) = broken_chain();
        assert_eq!(graph.ground.get(2), &[1, 3]);
        let found = graph.search(&vectors, vectors.row(3), 4);
        assert_eq!(found.iter().map(|hit| hit.0).collect::<Vec<_>>(), [3, 2, 1, 0]);
    }

    #[test]
    fn a_graph_that_does_not_fit_is_refused() {
        let (_, graph) = broken_chain();
        assert_eq!(graph.check(4), Ok(()));
        assert!(graph.check(5).is_err());
        let spoil = |change: fn(&mut Graph)| {
            let mut graph = graph.clone();
            change(&mut graph);
            graph.check(4)
        };
        assert!(spoil(|g| g.ground.items[0] = 4).is_err());
        assert!(spoil(|g| g.ground.starts[1] = 99).is_err());
        assert!(spoil(|g| g.rows.items[0] = 9).is_err());
        assert!(spoil(|g| g.entry = 4).is_err());
        assert!(spoil(|g| g.rows.starts.clear()).is_err());
        let layer = UpperLayer { nodes: vec![0], links: Lists::from_lists(&[vec![7]]) };
        let mut tall = graph.clone();
        tall.upper.push(layer);
        assert!(tall.check(4).is_err());
    }
}
