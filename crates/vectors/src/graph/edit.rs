//! Vectors taken out of a graph and put into it, without building it anew.
//!
//! hnsw_rs can neither take points out nor go on with a graph that was stored, so this is done here:
//! insertion by Malkov and Yashunin's algorithms 1, 2 and 4 ("Efficient and robust approximate nearest
//! neighbor search using Hierarchical Navigable Small World graphs", 2016); after a removal, nodes
//! that linked to what is gone are linked to what that linked to, as FreshDiskANN does (Singh et al.,
//! 2021, algorithm 4).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{DefaultHasher, Hasher};

use super::{Candidate, Graph, GraphBuilder};
use crate::vectors::dot;
use crate::{HnswParams, Vectors};

/// Nodes looked at behind a removed one, at most.
const BEHIND: usize = 64;

/// Layers, as hnsw_rs bounds them.
const MAX_LAYERS: usize = 16;

/// A graph while it is changed: lists that can grow.
pub(crate) struct Editor<'a> {
    vectors: &'a Vectors,
    params: HnswParams,
    rows: Vec<Vec<u32>>,
    /// The ground first. Nodes that are not on a layer have no entry there.
    layers: Vec<BTreeMap<u32, Vec<u32>>>,
}

impl<'a> Editor<'a> {
    /// `vectors` are those that are kept and, behind them, those to be inserted; `row_now` is the row
    /// that each of the graph's vectors has among them, if it is kept.
    pub(crate) fn new(
        graph: &Graph,
        vectors: &'a Vectors,
        params: HnswParams,
        row_now: &[Option<u32>],
    ) -> Self {
        let rows_of = |node: u32| -> Vec<u32> {
            graph.rows(node).iter().filter_map(|&row| row_now[row as usize]).collect()
        };
        let all: Vec<Vec<u32>> = (0..graph.len() as u32).map(rows_of).collect();
        let mut next = 0;
        let node_now: Vec<Option<u32>> = all
            .iter()
            .map(|rows| {
                (!rows.is_empty()).then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        let mut editor = Self {
            vectors,
            params,
            rows: all.into_iter().filter(|rows| !rows.is_empty()).collect(),
            layers: Vec::new(),
        };
        let ground = (0..graph.len() as u32).collect::<Vec<_>>();
        let ground = (ground.as_slice(), &graph.ground);
        let upper = graph.upper.iter().map(|layer| (layer.nodes.as_slice(), &layer.links));
        for (number, (nodes, links)) in std::iter::once(ground).chain(upper).enumerate() {
            let links_of = |node: u32| match nodes.binary_search(&node) {
                Ok(position) => links.get(position),
                Err(_) => &[],
            };
            let mut layer = BTreeMap::new();
            for &node in nodes {
                if let Some(now) = node_now[node as usize] {
                    let links = editor.repaired(number, now, links_of(node), &node_now, links_of);
                    layer.insert(now, links);
                }
            }
            if number == 0 || !layer.is_empty() {
                editor.layers.push(layer);
            }
        }
        editor
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
        let near = kept.into_iter().map(|other| self.candidate(node, other)).collect();
        self.chosen(near, self.most(layer))
    }

    /// Inserts a row of the vectors.
    pub(crate) fn insert(&mut self, row: u32) {
        let vector = self.vectors.row(row);
        let node = self.rows.len() as u32;
        let top = self.height(vector);
        if node == 0 {
            self.rows.push(vec![row]);
            self.layers = vec![BTreeMap::from([(node, Vec::new())]); top + 1];
            return;
        }
        let mut start = self.entry(vector);
        for layer in (top + 1..self.layers.len()).rev() {
            start = self.walk(layer, vector, &[start], 1)[0];
        }
        let ef = usize::from(self.params.ef_construction);
        let mut starts = vec![start];
        let mut links_by_layer = Vec::new();
        for layer in (0..self.layers.len().min(top + 1)).rev() {
            let near = self.walk(layer, vector, &starts, ef);
            let is_same =
                |near: &&Candidate| self.vectors.row(self.rows[near.node as usize][0]) == vector;
            // Rounding may put another one before the very same vector, which gets no node of its own.
            if let Some(same) = near.iter().take(4).find(is_same).filter(|_| layer == 0) {
                self.rows[same.node as usize].push(row);
                return;
            }
            let links = self.chosen(near.clone(), usize::from(self.params.m));
            links_by_layer.push((layer, links));
            starts = near;
        }
        self.rows.push(vec![row]);
        while self.layers.len() <= top {
            self.layers.push(BTreeMap::new());
        }
        for layer in &mut self.layers[..=top] {
            layer.insert(node, Vec::new());
        }
        for (layer, links) in links_by_layer {
            for &other in &links {
                self.link_back(layer, other, node);
            }
            self.layers[layer].insert(node, links);
        }
    }

    /// The changed graph.
    pub(crate) fn finish(self) -> Graph {
        let mut builder = GraphBuilder::new(self.rows);
        for (number, layer) in self.layers.into_iter().enumerate() {
            for (node, links) in layer {
                builder.add(node, number, links);
            }
        }
        builder.finish(self.vectors)
    }

    /// Most links of a node on a layer.
    fn most(&self, layer: usize) -> usize {
        usize::from(self.params.m) * if layer == 0 { 2 } else { 1 }
    }

    fn candidate(&self, from: u32, node: u32) -> Candidate {
        let vector = |node: u32| self.vectors.row(self.rows[node as usize][0]);
        Candidate { similarity: dot(vector(from), vector(node)), node }
    }

    /// Where walks begin.
    fn entry(&self, query: &[f32]) -> Candidate {
        let node = self.layers.last().and_then(|top| top.keys().next().copied()).unwrap_or(0);
        let similarity = dot(query, self.vectors.row(self.rows[node as usize][0]));
        Candidate { similarity, node }
    }

    /// The highest layer of a vector: each has a share of `1 / m` of the one below it. It follows from
    /// the vector, so that the same changes make the same graph.
    fn height(&self, vector: &[f32]) -> usize {
        let mut hasher = DefaultHasher::new();
        vector.iter().for_each(|x| hasher.write_u32(x.to_bits()));
        let uniform = ((hasher.finish() >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        let height = -uniform.ln() / f64::from(self.params.m).ln();
        (height as usize).min(MAX_LAYERS - 1)
    }

    /// The `ef` nodes of a layer found most like the query, best first; at least one.
    fn walk(&self, layer: usize, query: &[f32], starts: &[Candidate], ef: usize) -> Vec<Candidate> {
        let links = &self.layers[layer];
        let mut seen = vec![false; self.rows.len()];
        let (mut open, mut found) = (BinaryHeap::new(), BinaryHeap::new());
        for &start in starts {
            if !std::mem::replace(&mut seen[start.node as usize], true) {
                open.push(start);
                found.push(Reverse(start));
            }
        }
        while found.len() > ef {
            found.pop();
        }
        while let Some(nearest) = open.pop() {
            if found.len() >= ef && found.peek().is_some_and(|Reverse(worst)| nearest < *worst) {
                break;
            }
            for &node in links.get(&nearest.node).map_or(&[][..], Vec::as_slice) {
                if std::mem::replace(&mut seen[node as usize], true) {
                    continue;
                }
                let similarity = dot(query, self.vectors.row(self.rows[node as usize][0]));
                let candidate = Candidate { similarity, node };
                if found.len() < ef || found.peek().is_some_and(|Reverse(w)| candidate > *w) {
                    open.push(candidate);
                    found.push(Reverse(candidate));
                    if found.len() > ef {
                        found.pop();
                    }
                }
            }
        }
        found.into_sorted_vec().into_iter().map(|Reverse(candidate)| candidate).collect()
    }

    /// Up to `most` of the candidates, the best first, each nearer to the node than to any chosen
    /// before: links then lead in all directions.
    fn chosen(&self, mut near: Vec<Candidate>, most: usize) -> Vec<u32> {
        if near.len() <= most {
            return near.into_iter().map(|candidate| candidate.node).collect();
        }
        near.sort_unstable_by(|a, b| b.cmp(a));
        let mut chosen: Vec<u32> = Vec::with_capacity(most);
        for candidate in near {
            let apart = |&other: &u32| {
                self.candidate(candidate.node, other).similarity < candidate.similarity
            };
            if chosen.iter().all(apart) {
                chosen.push(candidate.node);
                if chosen.len() == most {
                    break;
                }
            }
        }
        chosen
    }

    fn link_back(&mut self, layer: usize, from: u32, to: u32) {
        let most = self.most(layer);
        let links = self.layers[layer].entry(from).or_default();
        links.push(to);
        if links.len() > most {
            let links = std::mem::take(links);
            let near = links.into_iter().map(|other| self.candidate(from, other)).collect();
            let chosen = self.chosen(near, most);
            self.layers[layer].insert(from, chosen);
        }
    }
}
