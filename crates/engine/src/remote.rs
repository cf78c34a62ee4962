//! An index whose vectors another program keeps.
//!
//! Everything else of it, which is what an index file holds but for vectors and graph, goes there in one piece
//! and is swapped in one step, together with which vectors are the index's. Vectors are put there before that
//! and taken away after it, so whatever is interrupted when, there is an index, the old or the new one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lookalike_vectors::snapshot::{self, Format, Payload};
use lookalike_vectors::{
    HnswStore, Manifest, Point, RemoteError, RemoteSegment, RemoteStore, VectorStore, Vectors,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::index::Content;
use crate::prototypes::sums;
use crate::{EngineError, Index, Progress, Stage};

/// Raise `current` when [`Kept`] or [`Content`] changes.
const FORMAT: Format = Format { current: 1, oldest_read: 1, oldest_reader: 1 };

/// Points that are sent at a time.
const BATCH: usize = 1000;

/// What a store keeps in its head.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The id of each photo's vector, ascending.
    ids: Vec<u64>,
    /// Ids that may still be there and are the index's no longer.
    gone: Vec<u64>,
    /// The sum of each product's vectors, shape `(products, dim)`.
    sums: Vec<f32>,
    content: Content,
}

/// Where an index's vectors are, and what is to become of them when it is saved.
pub(crate) struct Remote {
    store: Arc<dyn RemoteStore>,
    part: String,
    generation: u64,
    ids: Arc<[u64]>,
    /// What the change before took out; it may still be there.
    gone: Vec<u64>,
    /// The sum of each product's vectors, shape `(products, dim)`.
    pub(crate) sums: Vec<f32>,
    /// Vectors that are not sent yet, and ids of those that are not taken out yet.
    added: Vec<Point>,
    going: Vec<u64>,
}

impl Remote {
    pub(crate) fn rows(&self, content: &Content) -> RemoteSegment {
        let groups = content.products.iter().map(|product| product.id.clone()).collect();
        let (store, ids) = (Arc::clone(&self.store), Arc::clone(&self.ids));
        RemoteSegment::new(store, self.part.clone(), ids, groups, content.metric.dim())
    }

    /// Without the vectors for which `keep` has `false`, and with `more`, of shape `(n, dim)`, behind those that
    /// are kept. `old` and `new` are the index's content before and after that, and `place` tells where each of
    /// the old products is in the new one.
    pub(crate) fn changed(
        &self,
        keep: &[bool],
        more: &[f32],
        (old, new): (&Content, &Content),
        place: impl Fn(u32) -> Option<u32>,
    ) -> Result<Self, EngineError> {
        let dim = new.metric.dim();
        let mut sums = vec![0f32; new.products.len() * dim];
        for (product, sum) in (0u32..).zip(self.sums.chunks_exact(dim)) {
            if let Some(place) = place(product) {
                sums[place as usize * dim..][..dim].copy_from_slice(sum);
            }
        }
        let is_gone = |row: &u32| !keep[*row as usize];
        let rows: Vec<u32> = (0..keep.len() as u32).filter(is_gone).collect();
        // What goes with its product needs no looking at.
        let subtracted: Vec<u32> = rows
            .iter()
            .copied()
            .filter(|&row| place(old.photos[row as usize].product).is_some())
            .collect();
        for (&row, vector) in subtracted.iter().zip(self.rows(old).rows(&subtracted)?) {
            if let Some(place) = place(old.photos[row as usize].product) {
                let sum = &mut sums[place as usize * dim..][..dim];
                sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum -= x);
            }
        }
        let next = first_id(self.generation + 1);
        let kept = self.ids.iter().zip(keep).filter(|(_, keep)| **keep).map(|(id, _)| *id);
        let ids: Vec<u64> = kept.chain(next..next + (more.len() / dim) as u64).collect();
        let first = ids.len() - more.len() / dim;
        let mut added = Vec::with_capacity(more.len() / dim);
        for (at, vector) in more.chunks_exact(dim).enumerate() {
            let product = new.photos[first + at].product as usize;
            let mut vector = vector.to_vec();
            crate::linear::scale_to(1.0, &mut vector);
            let sum = &mut sums[product * dim..][..dim];
            sum.iter_mut().zip(&vector).for_each(|(sum, x)| *sum += x);
            let group = new.products[product].id.clone();
            added.push(Point { id: ids[first + at], group, vector });
        }
        Ok(Self {
            store: Arc::clone(&self.store),
            part: self.part.clone(),
            generation: self.generation,
            ids: ids.into(),
            gone: self.gone.clone(),
            going: rows.iter().map(|&row| self.ids[row as usize]).collect(),
            sums,
            added,
        })
    }
}

/// Opens the index that a store has.
pub(crate) fn open(store: &Arc<dyn RemoteStore>) -> Result<Index, EngineError> {
    let name = store.name();
    let Some(head) = store.manifest()? else {
        return Err(EngineError::NoIndex { path: name.into() });
    };
    let decode = |_, payload: &Payload| payload.decode::<Kept>();
    let Kept { ids, gone, sums, content } = snapshot::decode(&name, &head.content, FORMAT, decode)?;
    let damaged = |reason: &str| {
        Err(EngineError::DamagedIndex { path: name.clone().into(), reason: reason.to_owned() })
    };
    if let Some(reason) = content.metric.misfit(&content.model) {
        return damaged(reason);
    }
    if sums.len() != content.products.len() * content.metric.dim() {
        return damaged("products and their means differ in number");
    }
    if !ids.is_sorted_by(|a, b| a < b) {
        return damaged("its ids do not ascend");
    }
    if let Some(reason) = content.misfit(ids.len()) {
        return damaged(&reason);
    }
    let remote = Remote {
        store: Arc::clone(store),
        part: head.segment,
        generation: head.generation,
        ids: ids.into(),
        gone,
        sums,
        added: Vec::new(),
        going: Vec::new(),
    };
    Ok(Index::elsewhere(content, remote))
}

/// Puts an index into a store: a built one whole, a changed one's changes. Gives how many bytes were sent.
pub(crate) fn save(
    store: &Arc<dyn RemoteStore>,
    seen: Option<u64>,
    index: &Index,
    progress: &dyn Progress,
) -> Result<u64, EngineError> {
    match index.remote() {
        Some(remote) => save_changes(store, remote, index.content(), progress),
        None => save_whole(store, seen, index.content(), progress),
    }
}

fn save_whole(
    store: &Arc<dyn RemoteStore>,
    seen: Option<u64>,
    content: &Content,
    progress: &dyn Progress,
) -> Result<u64, EngineError> {
    let count = content.photos.len() as u64;
    let live = store.manifest()?;
    let part = part_for(content, seen, live.as_ref());
    let there = store.create_segment(&part, content.metric.dim())?.min(count);
    progress.begin(Stage::Send, count);
    progress.advance(there);
    let mut sent = 0;
    for first in (there..count).step_by(BATCH) {
        let ids = first..(first + BATCH as u64).min(count);
        let points: Vec<Point> = ids
            .map(|id| Point {
                id,
                group: content.products[content.photos[id as usize].product as usize].id.clone(),
                vector: content.vectors.row(id as u32),
            })
            .collect();
        store.upsert(&part, &points)?;
        sent += bytes_of(&points);
        progress.advance(points.len() as u64);
    }
    store.build_segment_index(&part)?;
    progress.end();
    let kept = Kept {
        ids: (0..count).collect(),
        gone: Vec::new(),
        sums: sums(content.products.len(), &content.photos, &content.vectors),
        content: without_vectors(content)?,
    };
    let head = Manifest {
        generation: seen.map_or(1, |seen| seen + 1),
        segment: part,
        content: encoded(&kept)?,
    };
    let before = live.map(|head| head.segment);
    store.swap_manifest(seen, &head)?;
    // Who serves the index before this one goes on with it until it is told of the new one.
    let parts: Vec<&str> =
        before.iter().map(String::as_str).chain([head.segment.as_str()]).collect();
    store.retain_segments(&parts)?;
    Ok(sent + head.content.len() as u64)
}

fn save_changes(
    store: &Arc<dyn RemoteStore>,
    remote: &Remote,
    content: &Content,
    progress: &dyn Progress,
) -> Result<u64, EngineError> {
    let Remote { part, generation, ids, gone, sums, added, going, .. } = remote;
    store.delete(part, gone)?;
    progress.begin(Stage::Send, added.len() as u64);
    for points in added.chunks(BATCH) {
        store.upsert(part, points)?;
        progress.advance(points.len() as u64);
    }
    progress.end();
    let (ids, gone, sums) = (ids.to_vec(), going.clone(), sums.clone());
    let kept = Kept { ids, gone, sums, content: content.clone() };
    let head =
        Manifest { generation: generation + 1, segment: part.clone(), content: encoded(&kept)? };
    if let Err(error) = store.swap_manifest(Some(*generation), &head) {
        if matches!(error, RemoteError::Conflict { .. }) {
            // Refused: nobody else gave these ids, and nobody would take them out.
            let ours: Vec<u64> = added.iter().map(|point| point.id).collect();
            let _ = store.delete(part, &ours);
        }
        return Err(error.into());
    }
    // The change is made. Where this fails, the next change does it; nobody finds them meanwhile.
    let _ = store.delete(part, going);
    Ok(bytes_of(added) + head.content.len() as u64)
}

/// The first of the ids that a change gives: above all that were given before, and others than those that a
/// program gives that makes another change at the same time, of which one will be refused.
fn first_id(generation: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut hash = DefaultHasher::new();
    (now, std::process::id(), std::thread::current().id()).hash(&mut hash);
    (generation << 40) | ((hash.finish() & 0x3_FFFF) << 22)
}

fn encoded(kept: &Kept) -> Result<Vec<u8>, EngineError> {
    let unwritable =
        |source| snapshot::SnapshotError::Unwritable { path: "the head".into(), source };
    Ok(snapshot::encode(FORMAT, kept).map_err(unwritable)?)
}

fn without_vectors(content: &Content) -> Result<Content, EngineError> {
    let none = Arc::new(Vectors::normalised(content.metric.dim(), Vec::new())?);
    let store = HnswStore::build(none, content.hnsw, &|_| {});
    let (graph, vectors) = (Arc::clone(store.graph()), Arc::clone(store.vectors()));
    Ok(Content { graph, vectors, ..content.clone() })
}

/// The part that a build puts its vectors into: the same for the same build again, so that one that was killed
/// goes on where it was, and the one that is used now if that has just these vectors. Never one that was
/// changed since it was built: it may lack some, or have more.
fn part_for(content: &Content, seen: Option<u64>, live: Option<&Manifest>) -> String {
    let salt = seen.unwrap_or(0) as u8;
    let Some(live) = live else { return part_of(content, salt) };
    let its_salt = live.segment.get(10..).and_then(|salt| u8::from_str_radix(salt, 16).ok());
    if its_salt.is_some_and(|salt| part_of(content, salt) == live.segment)
        && is_as_built(live, content.photos.len() as u64)
    {
        return live.segment.clone();
    }
    match part_of(content, salt) {
        part if part == live.segment => part_of(content, salt.wrapping_add(1)),
        part => part,
    }
}

/// Whether nothing was added to a part or taken from it since `count` vectors were put there.
fn is_as_built(head: &Manifest, count: u64) -> bool {
    let decode = |_, payload: &Payload| payload.decode::<Kept>();
    snapshot::decode("the head", &head.content, FORMAT, decode)
        .is_ok_and(|kept| kept.ids.into_iter().eq(0..count) && kept.gone.is_empty())
}

/// A name of twelve hexadecimal digits: ten follow from the vectors, their order and their products, two are
/// the salt, which is part of that.
fn part_of(content: &Content, salt: u8) -> String {
    let mut checksum = Sha256::new();
    checksum.update([salt]);
    for photo in &content.photos {
        checksum.update(&content.products[photo.product as usize].id);
        checksum.update(photo.sha256);
    }
    checksum.update(content.vectors.bytes());
    checksum.finalize()[..5].iter().chain(&[salt]).map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(points: &[Point]) -> u64 {
    points.iter().map(|point| 4 * point.vector.len() as u64).sum()
}
