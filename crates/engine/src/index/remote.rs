//! An index whose vectors are in another program's store.
//!
//! The vectors are in a segment of the store. Everything else of the index, with the ids of its vectors, is in a manifest
//! that is swapped atomically. Vectors are added before the swap and deleted after it, so an interruption leaves the old
//! index or the new one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lookalike_base::hex;
use lookalike_vectors::snapshot::{self, Format, Payload};
use lookalike_vectors::{
    HnswStore, Manifest, Point, RemoteError, RemoteSegment, RemoteStore, VectorStore, Vectors,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Index;
use super::file_format::Content;
use crate::error::EngineError;
use crate::metric::scale_to;
use crate::progress::{Phase, Progress, SEND};
use crate::ranking::product_sums;

/// Raise `current` when [`ManifestContent`] or [`Content`] changes.
const FORMAT: Format = Format { current: 1, oldest_read: 1, oldest_reader: 1 };

/// Points that are sent at a time.
const BATCH: usize = 1000;

/// The content of a manifest.
#[derive(Serialize, Deserialize)]
struct ManifestContent {
    /// The id of each photo's vector, ascending.
    ids: Vec<u64>,
    /// Ids that the index no longer uses and that may still be in the segment.
    deleted: Vec<u64>,
    /// The sum of each product's vectors, shape `(products, dim)`.
    sums: Vec<f32>,
    content: Content,
}

/// The segment that has an index's vectors, and the changes that saving the index makes to it.
pub(crate) struct Remote {
    store: Arc<dyn RemoteStore>,
    segment: String,
    generation: u64,
    ids: Arc<[u64]>,
    /// Ids that the change before deleted; they may still be in the segment.
    deleted: Vec<u64>,
    /// The sum of each product's vectors, shape `(products, dim)`.
    pub(crate) sums: Vec<f32>,
    /// Vectors that are not sent yet, and ids that are not deleted yet.
    added: Vec<Point>,
    to_delete: Vec<u64>,
}

impl Remote {
    pub(crate) fn rows(&self, content: &Content) -> RemoteSegment {
        let groups = content.products.iter().map(|product| product.id.clone()).collect();
        let (store, ids) = (Arc::clone(&self.store), Arc::clone(&self.ids));
        RemoteSegment::new(store, self.segment.clone(), ids, groups, content.metric.dim())
    }

    /// Without the vectors for which `keep` has `false`, and with `more`, of shape `(n, dim)`, behind those that
    /// are kept. `old` and `new` are the index's content before and after that, and `position` maps each of the old
    /// products to its position in the new content.
    pub(crate) fn changed(
        &self,
        keep: &[bool],
        more: &[f32],
        (old, new): (&Content, &Content),
        position: impl Fn(u32) -> Option<u32>,
    ) -> Result<Self, EngineError> {
        let dim = new.metric.dim();
        let mut sums = vec![0f32; new.products.len() * dim];
        for (product, sum) in (0u32..).zip(self.sums.chunks_exact(dim)) {
            if let Some(at) = position(product) {
                sums[at as usize * dim..][..dim].copy_from_slice(sum);
            }
        }
        let is_removed = |row: &u32| !keep[*row as usize];
        let rows: Vec<u32> = (0..keep.len() as u32).filter(is_removed).collect();
        // The sum of a removed product is dropped whole.
        let subtracted: Vec<u32> = rows
            .iter()
            .copied()
            .filter(|&row| position(old.photos[row as usize].product).is_some())
            .collect();
        for (&row, vector) in subtracted.iter().zip(self.rows(old).rows(&subtracted)?) {
            if let Some(at) = position(old.photos[row as usize].product) {
                let sum = &mut sums[at as usize * dim..][..dim];
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
            scale_to(1.0, &mut vector);
            let sum = &mut sums[product * dim..][..dim];
            sum.iter_mut().zip(&vector).for_each(|(sum, x)| *sum += x);
            let group = new.products[product].id.clone();
            added.push(Point { id: ids[first + at], group, vector });
        }
        Ok(Self {
            store: Arc::clone(&self.store),
            segment: self.segment.clone(),
            generation: self.generation,
            ids: ids.into(),
            deleted: self.deleted.clone(),
            to_delete: rows.iter().map(|&row| self.ids[row as usize]).collect(),
            sums,
            added,
        })
    }
}

/// Opens the index that a store has.
pub(crate) fn open(store: &Arc<dyn RemoteStore>) -> Result<Index, EngineError> {
    let name = store.name();
    let Some(manifest) = store.manifest()? else {
        return Err(EngineError::NoIndex { path: name.into() });
    };
    let decode = |_, payload: &Payload| payload.decode::<ManifestContent>();
    let ManifestContent { ids, deleted, sums, content } =
        snapshot::decode(&name, &manifest.content, FORMAT, decode)?;
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
        segment: manifest.segment,
        generation: manifest.generation,
        ids: ids.into(),
        deleted,
        sums,
        added: Vec::new(),
        to_delete: Vec::new(),
    };
    Ok(Index::in_store(content, remote))
}

/// Saves an index in a store: all of a built one, or the changes to one from the store. `generation` is the manifest's
/// when the store was locked. Returns how many bytes were sent.
pub(crate) fn save(
    store: &Arc<dyn RemoteStore>,
    generation: Option<u64>,
    index: &Index,
    progress: &dyn Progress,
) -> Result<u64, EngineError> {
    match index.remote() {
        Some(remote) => save_changes(store, remote, index.content(), progress),
        None => save_whole(store, generation, index.content(), progress),
    }
}

fn save_whole(
    store: &Arc<dyn RemoteStore>,
    generation: Option<u64>,
    content: &Content,
    progress: &dyn Progress,
) -> Result<u64, EngineError> {
    let count = content.photos.len() as u64;
    let live = store.manifest()?;
    let segment = segment_for(content, generation, live.as_ref());
    let there = store.create_segment(&segment, content.metric.dim())?.min(count);
    progress.begin(Phase::items(SEND, count));
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
        store.upsert(&segment, &points)?;
        sent += size_of(&points);
        progress.advance(points.len() as u64);
    }
    store.build_segment_index(&segment)?;
    progress.end();
    let kept = ManifestContent {
        ids: (0..count).collect(),
        deleted: Vec::new(),
        sums: product_sums(content.products.len(), &content.photos, &content.vectors),
        content: without_vectors(content)?,
    };
    let manifest = Manifest {
        generation: generation.map_or(1, |generation| generation + 1),
        segment,
        content: encoded(&kept)?,
    };
    let before = live.map(|manifest| manifest.segment);
    store.swap_manifest(generation, &manifest)?;
    // The segment before stays: servers read from it until they reload.
    let segments = before.iter().map(String::as_str).chain([manifest.segment.as_str()]);
    store.retain_segments(&segments.collect::<Vec<_>>())?;
    Ok(sent + manifest.content.len() as u64)
}

fn save_changes(
    store: &Arc<dyn RemoteStore>,
    remote: &Remote,
    content: &Content,
    progress: &dyn Progress,
) -> Result<u64, EngineError> {
    let Remote { segment, generation, ids, deleted, sums, added, to_delete, .. } = remote;
    store.delete(segment, deleted)?;
    progress.begin(Phase::items(SEND, added.len() as u64));
    for points in added.chunks(BATCH) {
        store.upsert(segment, points)?;
        progress.advance(points.len() as u64);
    }
    progress.end();
    let (ids, deleted, sums) = (ids.to_vec(), to_delete.clone(), sums.clone());
    let kept = ManifestContent { ids, deleted, sums, content: content.clone() };
    let (next, segment) = (generation + 1, segment.clone());
    let manifest = Manifest { generation: next, segment, content: encoded(&kept)? };
    let segment = &manifest.segment;
    if let Err(error) = store.swap_manifest(Some(*generation), &manifest) {
        if matches!(error, RemoteError::Conflict { .. }) {
            // No other writer knows these ids, so nobody else would delete them.
            let ours: Vec<u64> = added.iter().map(|point| point.id).collect();
            let _ = store.delete(segment, &ours);
        }
        return Err(error.into());
    }
    // The change is made. If this fails, the next change deletes them; no search finds them meanwhile.
    let _ = store.delete(segment, to_delete);
    Ok(size_of(added) + manifest.content.len() as u64)
}

/// The first id of a change: above all ids before, and different from those of another program that makes a change of the
/// same generation, of which one will be refused.
fn first_id(generation: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut hash = DefaultHasher::new();
    (now, std::process::id(), std::thread::current().id()).hash(&mut hash);
    (generation << 40) | ((hash.finish() & 0x3_FFFF) << 22)
}

fn encoded(content: &ManifestContent) -> Result<Vec<u8>, EngineError> {
    let unwritable =
        |source| snapshot::SnapshotError::Unwritable { path: "the manifest".into(), source };
    Ok(snapshot::encode(FORMAT, content).map_err(unwritable)?)
}

fn without_vectors(content: &Content) -> Result<Content, EngineError> {
    let none = Arc::new(Vectors::normalised(content.metric.dim(), Vec::new())?);
    let store = HnswStore::build(none, content.hnsw, &|_| {});
    let (graph, vectors) = (Arc::clone(store.graph()), Arc::clone(store.vectors()));
    Ok(Content { graph, vectors, ..content.clone() })
}

/// The segment for a build's vectors. The same build gets the same segment, so one that was killed resumes; and it gets
/// the current segment if that has exactly these vectors. A segment that was changed since it was built is never used
/// again: its vectors may differ.
fn segment_for(content: &Content, generation: Option<u64>, live: Option<&Manifest>) -> String {
    let salt = generation.unwrap_or(0) as u8;
    let Some(live) = live else { return segment_of(content, salt) };
    let its_salt = live.segment.get(10..).and_then(|salt| u8::from_str_radix(salt, 16).ok());
    if its_salt.is_some_and(|salt| segment_of(content, salt) == live.segment)
        && is_as_built(live, content.photos.len() as u64)
    {
        return live.segment.clone();
    }
    match segment_of(content, salt) {
        segment if segment == live.segment => segment_of(content, salt.wrapping_add(1)),
        segment => segment,
    }
}

/// Whether a segment is unchanged since it was built with `count` vectors.
fn is_as_built(manifest: &Manifest, count: u64) -> bool {
    let decode = |_, payload: &Payload| payload.decode::<ManifestContent>();
    snapshot::decode("the manifest", &manifest.content, FORMAT, decode)
        .is_ok_and(|kept| kept.ids.into_iter().eq(0..count) && kept.deleted.is_empty())
}

/// A name of twelve hexadecimal digits: ten follow from the vectors, their order and their products, two are
/// the salt, which is part of that.
fn segment_of(content: &Content, salt: u8) -> String {
    let mut checksum = Sha256::new();
    checksum.update([salt]);
    for photo in &content.photos {
        checksum.update(&content.products[photo.product as usize].id);
        checksum.update(photo.sha256);
    }
    checksum.update(content.vectors.bytes());
    let digest = checksum.finalize();
    hex::encode(&digest[..5]) + &hex::encode(&[salt])
}

fn size_of(points: &[Point]) -> u64 {
    points.iter().map(|point| 4 * point.vector.len() as u64).sum()
}
