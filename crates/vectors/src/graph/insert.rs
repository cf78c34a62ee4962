//! Batched insertion, on all cores and without locks, as ParlayANN does (Manohar et al., "ParlayANN: Scalable and
//! deterministic parallel graph-based approximate nearest neighbor search algorithms", 2024).
//!
//! The vectors of a batch search for their neighbours in parallel, in the graph as it was before the batch and
//! among each other. Then the links and back-links are set, each node's by one core. The same vectors make the
//! same graph on any number of cores. Each insertion is that of HNSW (Malkov and Yashunin, 2016, algorithm 1).

use rayon::prelude::*;

use super::LayersBuilder;
use super::layers_builder::hash_of;
use crate::search_layer::{Candidate, SearchContext};
use crate::{HnswParams, Vectors};

/// Vectors in a batch. Each is compared with all others of its batch.
const BATCH: usize = 512;

/// In a small graph, a batch is no larger than the graph's size divided by this.
const MIN_GROWTH: usize = 4;

/// The smallest batch.
const MIN_BATCH: usize = 64;

/// A node's links on layer 0 and the layers above, up to its level.
type NodeLinks = Vec<Vec<u32>>;

impl<'a> LayersBuilder<'a> {
    /// Inserts all vectors, in a pseudo-random order: photos of one product come one after the other, and a graph
    /// that grows product by product has few links between them.
    pub(super) fn batched(
        vectors: &'a Vectors,
        params: HnswParams,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Self {
        let mut builder = Self::empty(vectors, params, 0);
        let mut rows = builder.register_all();
        rows.sort_by_cached_key(|&row| hash_of(&row));
        builder.insert(&rows, progress);
        builder
    }

    /// Inserts rows of the vectors that are not in the graph yet. `progress` gets the number of those that are.
    pub(super) fn insert_rows(
        &mut self,
        rows: impl Iterator<Item = u32>,
        progress: &(dyn Fn(usize) + Sync),
    ) {
        let rows: Vec<u32> = rows.filter(|&row| self.register(row)).collect();
        self.insert(&rows, progress);
    }

    fn insert(&mut self, rows: &[u32], progress: &(dyn Fn(usize) + Sync)) {
        let mut rest = rows;
        while !rest.is_empty() {
            let size = (self.nodes / MIN_GROWTH).clamp(MIN_BATCH, BATCH).min(rest.len());
            let (rows, behind) = rest.split_at(size);
            let batch: Vec<(u32, usize)> =
                rows.iter().map(|&row| (row, self.level_of(row))).collect();
            let find = |context: &mut SearchContext, node: &(u32, usize)| {
                self.find_neighbours(*node, &batch, context)
            };
            let found: Vec<NodeLinks> =
                batch.par_iter().map_init(SearchContext::default, find).collect();
            self.connect(rows, found);
            rest = behind;
            progress(self.nodes + self.duplicates.len());
        }
    }

    /// The neighbours of a new node, in the graph and in its batch. Changes nothing.
    fn find_neighbours(
        &self,
        (row, level): (u32, usize),
        batch: &[(u32, usize)],
        context: &mut SearchContext,
    ) -> NodeLinks {
        let code = self.vectors.code(row);
        let mut neighbours = vec![Vec::new(); level + 1];
        let mut starts: Vec<u32> = self.entry_point.into_iter().collect();
        let ef_construction = usize::from(self.params.ef_construction);
        let layers = if self.entry_point.is_some() { self.upper_layers.len() + 1 } else { 0 };
        for layer in (0..layers.max(level + 1)).rev() {
            let ef = if layer > level { 1 } else { ef_construction };
            // On layers above the highest, the entry point is a candidate, too; a link to it lifts it there.
            context.search_layer(self.vectors, code, &starts, ef, |node| self.links(layer, node));
            if layer <= level {
                let others = batch.iter().filter(|(other, top)| *top >= layer && *other != row);
                let others: Vec<u32> = others.map(|(other, _)| *other).collect();
                context.visit(self.vectors, code, &others);
                let candidates: Vec<Candidate> = context.found().collect();
                neighbours[layer] = self.select_neighbours(&candidates, usize::from(self.params.m));
            }
            if layer < layers {
                starts = context.found().map(|candidate| candidate.row).collect();
            }
        }
        neighbours
    }

    /// Sets the links of a batch's nodes, and the back-links to them.
    fn connect(&mut self, batch: &[u32], links: Vec<NodeLinks>) {
        // Layer, node, the new node that it is linked to.
        let mut back_links: Vec<(usize, u32, u32)> = Vec::new();
        for (&row, links) in batch.iter().zip(links) {
            for (layer, links) in links.into_iter().enumerate() {
                back_links.extend(links.iter().map(|&other| (layer, other, row)));
                self.set_links(layer, row, links);
            }
        }
        back_links.sort_unstable();
        let by_node: Vec<_> = back_links.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).collect();
        let lists: Vec<Vec<u32>> =
            by_node.par_iter().map(|back_links| self.with_back_links(back_links)).collect();
        for (back_links, links) in by_node.iter().zip(lists) {
            self.set_links(back_links[0].0, back_links[0].1, links);
        }
        self.nodes += batch.len();
        self.choose_entry_point();
    }

    /// A node's links on a layer with some back-links of both added.
    fn with_back_links(&self, back_links: &[(usize, u32, u32)]) -> Vec<u32> {
        let (layer, node, _) = back_links[0];
        let mut links = self.links(layer, node).to_vec();
        for &(_, _, row) in back_links {
            if !links.contains(&row) {
                links.push(row);
            }
        }
        self.shrink(self.params.m_max(layer), node, links)
    }
}
