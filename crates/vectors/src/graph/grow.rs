//! Building a graph, and adding to one: batches of vectors, on all cores, without locks.
//!
//! The vectors of a batch look for their neighbours at the same time, in the graph as it was before the
//! batch and among each other; then links are set, each node's by one core. ParlayANN builds so (Manohar
//! et al., "ParlayANN: Scalable and deterministic parallel graph-based approximate nearest neighbor search
//! algorithms", 2024). The same vectors make the same graph, on however many cores. What a vector is linked
//! to is chosen as Malkov and Yashunin do (2016, algorithms 1, 2 and 4), by similarities of bytes.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use rayon::prelude::*;

use super::{Graph, Lists, UpperLayer};
use crate::candidates::{Candidate, Walker};
use crate::{HnswParams, Vectors};

/// Layers at most, as hnsw_rs bounds them.
const MOST_LAYERS: usize = 16;

/// Vectors in a batch. Each is compared with all others of its batch.
const BATCH: usize = 512;

/// Of a small graph, a batch is no more than this share.
const SHARE: usize = 4;

/// And no fewer than this.
const LEAST: usize = 64;

/// The links of every row on the ground, each list with room to grow.
struct Slots {
    room: usize,
    counts: Vec<u32>,
    items: Vec<u32>,
}

impl Slots {
    fn new(rows: usize, room: usize) -> Self {
        Self { room, counts: vec![0; rows], items: vec![0; rows * room] }
    }

    fn get(&self, row: u32) -> &[u32] {
        &self.items[row as usize * self.room..][..self.counts[row as usize] as usize]
    }

    fn set(&mut self, row: u32, links: &[u32]) {
        self.counts[row as usize] = links.len() as u32;
        self.items[row as usize * self.room..][..links.len()].copy_from_slice(links);
    }
}

/// A graph while it grows.
pub(crate) struct Growing<'a> {
    vectors: &'a Vectors,
    params: HnswParams,
    ground: Slots,
    /// The layer above the ground first. Nodes that are not on a layer have no entry there.
    upper: Vec<BTreeMap<u32, Vec<u32>>>,
    /// Where walks begin: the first node of the highest layer.
    entry: Option<u32>,
    copies: Vec<(u32, u32)>,
    /// Nodes by a hash of their vectors.
    by_hash: HashMap<u64, Vec<u32>>,
    nodes: usize,
}

/// A node's links on the ground and the layers above, as far up as it goes.
type Place = Vec<Vec<u32>>;

impl<'a> Growing<'a> {
    /// Without nodes. `room` is the most links that a node will ever be [given](Self::put), if more than
    /// the parameters say.
    pub(crate) fn empty(vectors: &'a Vectors, params: HnswParams, room: usize) -> Self {
        let room = room.max(2 * usize::from(params.m));
        Self {
            vectors,
            params,
            ground: Slots::new(vectors.len(), room),
            upper: Vec::new(),
            entry: None,
            copies: Vec::new(),
            by_hash: HashMap::with_capacity(vectors.len()),
            nodes: 0,
        }
    }

    /// Of all vectors, in an order of its own: photos of one product come one after the other, and a graph
    /// that grew product by product has few links between them.
    pub(crate) fn of_all(
        vectors: &'a Vectors,
        params: HnswParams,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Self {
        let mut growing = Self::empty(vectors, params, 0);
        let mut rows = growing.note_all();
        rows.sort_by_cached_key(|&row| hash_of(&row));
        growing.insert(&rows, progress);
        growing
    }

    /// Notes all vectors and gives those that are to have a node: of copies, the first.
    pub(crate) fn note_all(&mut self) -> Vec<u32> {
        (0..self.vectors.len() as u32).filter(|&row| self.is_new(row)).collect()
    }

    /// Inserts rows of the vectors that are not in the graph. `progress` is told how many vectors are.
    pub(crate) fn add(
        &mut self,
        rows: impl Iterator<Item = u32>,
        progress: &(dyn Fn(usize) + Sync),
    ) {
        let rows: Vec<u32> = rows.filter(|&row| self.is_new(row)).collect();
        self.insert(&rows, progress);
    }

    fn insert(&mut self, rows: &[u32], progress: &(dyn Fn(usize) + Sync)) {
        let mut rest = rows;
        while !rest.is_empty() {
            let size = (self.nodes / SHARE).clamp(LEAST, BATCH).min(rest.len());
            let (batch, behind) = rest.split_at(size);
            let mates: Vec<(u32, usize)> =
                batch.iter().map(|&row| (row, self.height(row))).collect();
            let place =
                |walker: &mut Walker, mate: &(u32, usize)| self.place(*mate, &mates, walker);
            let places: Vec<Place> = mates.par_iter().map_init(Walker::default, place).collect();
            self.link(batch, places);
            rest = behind;
            progress(self.nodes + self.copies.len());
        }
    }

    /// Where a vector belongs. Changes nothing.
    fn place(
        &self,
        (row, height): (u32, usize),
        mates: &[(u32, usize)],
        walker: &mut Walker,
    ) -> Place {
        let code = self.vectors.code(row);
        let mut place = vec![Vec::new(); height + 1];
        let mut starts: Vec<u32> = self.entry.into_iter().collect();
        let ef = usize::from(self.params.ef_construction);
        let layers = if self.entry.is_some() { self.upper.len() + 1 } else { 0 };
        for layer in (0..layers.max(height + 1)).rev() {
            let wanted = if layer > height { 1 } else { ef };
            // Above the layers that there are, the entry point is a candidate, too, and is lifted along if
            // it is linked.
            walker.walk(self.vectors, code, &starts, wanted, |node| self.links(layer, node));
            if layer <= height {
                let here = mates.iter().filter(|(mate, top)| *top >= layer && *mate != row);
                let here: Vec<u32> = here.map(|(mate, _)| *mate).collect();
                walker.look(self.vectors, code, &here);
                let near: Vec<Candidate> = walker.found().collect();
                place[layer] = self.chosen(&near, usize::from(self.params.m));
            }
            if layer < layers {
                starts = walker.found().map(|candidate| candidate.row).collect();
            }
        }
        place
    }

    /// Sets the links of a batch, and those back to it.
    fn link(&mut self, batch: &[u32], places: Vec<Place>) {
        let mut back: Vec<(usize, u32, u32)> = Vec::new();
        for (&row, place) in batch.iter().zip(places) {
            for (layer, links) in place.into_iter().enumerate() {
                back.extend(links.iter().map(|&other| (layer, other, row)));
                self.put(layer, row, links);
            }
        }
        back.sort_unstable();
        let groups: Vec<_> = back.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).collect();
        let lists: Vec<Vec<u32>> = groups.par_iter().map(|group| self.with(group)).collect();
        for (group, links) in groups.iter().zip(lists) {
            self.put(group[0].0, group[0].1, links);
        }
        self.nodes += batch.len();
        self.choose_entry();
    }

    /// The links of a node with some more, which are given with its layer and itself.
    fn with(&self, more: &[(usize, u32, u32)]) -> Vec<u32> {
        let (layer, node, _) = more[0];
        let mut links = self.links(layer, node).to_vec();
        for &(_, _, row) in more {
            if !links.contains(&row) {
                links.push(row);
            }
        }
        self.at_most(self.most(layer), node, links)
    }

    /// A node's links, or the best chosen of them if there are more than `most`.
    pub(crate) fn at_most(&self, most: usize, node: u32, links: Vec<u32>) -> Vec<u32> {
        if links.len() <= most {
            return links;
        }
        let mut near = Vec::with_capacity(links.len());
        let each = |row, similarity| near.push(Candidate { similarity, row });
        self.vectors.nearly(self.vectors.code(node), &links, &mut Vec::new(), each);
        near.sort_unstable_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row)));
        self.chosen(&near, most)
    }

    /// Up to `most` of the candidates, the best first, each nearer to the node than to any chosen
    /// before: links then lead in all directions.
    fn chosen(&self, near: &[Candidate], most: usize) -> Vec<u32> {
        if near.len() <= most {
            return near.iter().map(|candidate| candidate.row).collect();
        }
        let mut chosen: Vec<u32> = Vec::with_capacity(most);
        let mut sums = Vec::new();
        for candidate in near {
            let code = self.vectors.code(candidate.row);
            let is_apart = chosen.chunks(4).all(|some| {
                let mut is_apart = true;
                self.vectors.nearly(code, some, &mut sums, |_, similarity| {
                    is_apart &= similarity < candidate.similarity;
                });
                is_apart
            });
            if is_apart {
                chosen.push(candidate.row);
                if chosen.len() == most {
                    break;
                }
            }
        }
        chosen
    }

    /// The graph, every node of which can be reached.
    pub(crate) fn finish(mut self) -> Graph {
        let rows = 0..self.vectors.len() as u32;
        let ground = Lists::from_lists(rows.map(|row| self.ground.get(row)));
        let upper = |layer: BTreeMap<u32, Vec<u32>>| UpperLayer {
            links: Lists::from_lists(layer.values().map(Vec::as_slice)),
            nodes: layer.into_keys().collect(),
        };
        self.copies.sort_unstable();
        let mut graph = Graph {
            entry: self.entry.unwrap_or(0),
            ground,
            upper: self.upper.into_iter().map(upper).collect(),
            copies: self.copies,
        };
        graph.reconnect(self.vectors);
        graph
    }

    /// Most links of a node on a layer.
    pub(crate) fn most(&self, layer: usize) -> usize {
        usize::from(self.params.m) * if layer == 0 { 2 } else { 1 }
    }

    /// Gives a node its links on a layer.
    pub(crate) fn put(&mut self, layer: usize, node: u32, links: Vec<u32>) {
        let Some(above) = layer.checked_sub(1) else { return self.ground.set(node, &links) };
        if self.upper.len() <= above {
            self.upper.resize_with(above + 1, BTreeMap::new);
        }
        self.upper[above].insert(node, links);
    }

    /// Notes a node that has been [put](Self::put) where it belongs.
    pub(crate) fn note_node(&mut self, node: u32) {
        self.nodes += 1;
        self.by_hash.entry(hash_of(&self.vectors.both(node))).or_default().push(node);
    }

    pub(crate) fn note_copy(&mut self, node: u32, row: u32) {
        self.copies.push((node, row));
    }

    pub(crate) fn choose_entry(&mut self) {
        let highest = self.upper.iter().rev().find_map(|layer| layer.keys().next().copied());
        // Without upper layers, any node will do, but always the same.
        self.entry = highest.or(self.entry).or_else(|| {
            let nodes = self.by_hash.values().flatten();
            nodes.min().copied()
        });
    }

    fn links(&self, layer: usize, node: u32) -> &[u32] {
        match layer.checked_sub(1) {
            None => self.ground.get(node),
            Some(above) => self.upper.get(above).and_then(|l| l.get(&node)).map_or(&[], |l| l),
        }
    }

    /// Whether a row is to have a node; it is noted either way.
    fn is_new(&mut self, row: u32) -> bool {
        let vectors = self.vectors;
        let alike = self.by_hash.entry(hash_of(&vectors.both(row))).or_default();
        match alike.iter().find(|&&node| vectors.both(node) == vectors.both(row)) {
            Some(&node) => self.copies.push((node, row)),
            None => alike.push(row),
        }
        alike.last() == Some(&row)
    }

    /// The highest layer of a vector: each has a share of `1 / m` of the one below it. It follows from
    /// the vector, so that the same changes make the same graph.
    fn height(&self, row: u32) -> usize {
        let hash = hash_of(&self.vectors.both(row));
        let uniform = ((hash >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        let height = -uniform.ln() / f64::from(self.params.m).ln();
        (height as usize).min(MOST_LAYERS - 1)
    }
}

fn hash_of(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
