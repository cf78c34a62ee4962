//! A graph under construction (qdrant's `GraphLayersBuilder`): links that can change, nodes by their vectors, the
//! entry point.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Graph, Links, UpperLayer};
use crate::{HnswParams, Vectors};

/// The most layers; hnsw_rs has the same bound.
pub(super) const MAX_LAYERS: usize = 16;

/// The links of every row on layer 0, each list with capacity to grow.
struct Slots {
    capacity: usize,
    counts: Vec<u32>,
    rows: Vec<u32>,
}

impl Slots {
    fn new(rows: usize, capacity: usize) -> Self {
        Self { capacity, counts: vec![0; rows], rows: vec![0; rows * capacity] }
    }

    fn get(&self, row: u32) -> &[u32] {
        &self.rows[row as usize * self.capacity..][..self.counts[row as usize] as usize]
    }

    fn set(&mut self, row: u32, links: &[u32]) {
        self.counts[row as usize] = links.len() as u32;
        self.rows[row as usize * self.capacity..][..links.len()].copy_from_slice(links);
    }
}

/// A graph under construction.
pub(super) struct LayersBuilder<'a> {
    pub(super) vectors: &'a Vectors,
    pub(super) params: HnswParams,
    layer0: Slots,
    /// Layer 1 first. Nodes that are not on a layer have no entry there.
    pub(super) upper_layers: Vec<BTreeMap<u32, Vec<u32>>>,
    /// Where searches start: the first node of the highest layer.
    pub(super) entry_point: Option<u32>,
    /// Nodes, and rows of vectors equal to theirs.
    pub(super) duplicates: Vec<(u32, u32)>,
    /// Nodes by a hash of their vectors.
    by_hash: HashMap<u64, Vec<u32>>,
    /// Number of nodes.
    pub(super) nodes: usize,
}

impl<'a> LayersBuilder<'a> {
    /// Without nodes. `capacity` is the most links that a node will ever [have](Self::set_links) on layer 0, if
    /// more than the parameters allow.
    pub(super) fn empty(vectors: &'a Vectors, params: HnswParams, capacity: usize) -> Self {
        let capacity = capacity.max(params.m_max(0));
        Self {
            vectors,
            params,
            layer0: Slots::new(vectors.len(), capacity),
            upper_layers: Vec::new(),
            entry_point: None,
            duplicates: Vec::new(),
            by_hash: HashMap::with_capacity(vectors.len()),
            nodes: 0,
        }
    }

    /// Registers all vectors and returns the rows that become nodes: of duplicates, the first.
    pub(super) fn register_all(&mut self) -> Vec<u32> {
        (0..self.vectors.len() as u32).filter(|&row| self.register(row)).collect()
    }

    /// Registers a row: as a node to be inserted (`true`), or as a duplicate of one.
    pub(super) fn register(&mut self, row: u32) -> bool {
        let vectors = self.vectors;
        let alike = self.by_hash.entry(hash_of(&vectors.planes(row))).or_default();
        match alike.iter().find(|&&node| vectors.planes(node) == vectors.planes(row)) {
            Some(&node) => self.duplicates.push((node, row)),
            None => alike.push(row),
        }
        alike.last() == Some(&row)
    }

    /// Registers a node of an existing graph, whose [links](Self::set_links) are set separately.
    pub(super) fn register_node(&mut self, node: u32) {
        self.nodes += 1;
        self.by_hash.entry(hash_of(&self.vectors.planes(node))).or_default().push(node);
    }

    /// Registers a duplicate of a node of an existing graph.
    pub(super) fn register_duplicate(&mut self, node: u32, row: u32) {
        self.duplicates.push((node, row));
    }

    pub(super) fn links(&self, layer: usize, node: u32) -> &[u32] {
        match layer.checked_sub(1) {
            None => self.layer0.get(node),
            Some(above) => {
                self.upper_layers.get(above).and_then(|l| l.get(&node)).map_or(&[], |l| l)
            }
        }
    }

    /// Sets a node's links on a layer.
    pub(super) fn set_links(&mut self, layer: usize, node: u32, links: Vec<u32>) {
        let Some(above) = layer.checked_sub(1) else { return self.layer0.set(node, &links) };
        if self.upper_layers.len() <= above {
            self.upper_layers.resize_with(above + 1, BTreeMap::new);
        }
        self.upper_layers[above].insert(node, links);
    }

    /// Makes a node of the highest layer the entry point.
    pub(super) fn choose_entry_point(&mut self) {
        let highest = self.upper_layers.iter().rev().find_map(|layer| layer.keys().next().copied());
        // Without upper layers, any node will do, but always the same.
        self.entry_point = highest.or(self.entry_point).or_else(|| {
            let nodes = self.by_hash.values().flatten();
            nodes.min().copied()
        });
    }

    /// The highest layer of a vector's node (the paper's l): each layer has `1 / m` of the nodes of the one below.
    /// It is a function of the vector, not random, so that the same changes make the same graph.
    pub(super) fn level_of(&self, row: u32) -> usize {
        let hash = hash_of(&self.vectors.planes(row));
        let uniform = ((hash >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        let level = -uniform.ln() / f64::from(self.params.m).ln();
        (level as usize).min(MAX_LAYERS - 1)
    }

    /// The finished graph, every node of which can be reached.
    pub(super) fn finish(mut self) -> Graph {
        let rows = 0..self.vectors.len() as u32;
        let layer0 = Links::from_lists(rows.map(|row| self.layer0.get(row)));
        let upper = |layer: BTreeMap<u32, Vec<u32>>| UpperLayer {
            links: Links::from_lists(layer.values().map(Vec::as_slice)),
            nodes: layer.into_keys().collect(),
        };
        self.duplicates.sort_unstable();
        let mut graph = Graph {
            entry_point: self.entry_point.unwrap_or(0),
            layer0,
            upper_layers: self.upper_layers.into_iter().map(upper).collect(),
            duplicates: self.duplicates,
        };
        graph.reconnect(self.vectors);
        graph
    }
}

pub(super) fn hash_of(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
