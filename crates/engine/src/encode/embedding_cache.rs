//! A cache of embeddings on disk: no photo is embedded twice, however often a build is killed, repeated, or repeated
//! with other networks.
//!
//! One file for each network, named by its identity, so that embeddings of another network, other weights or
//! another preprocessing are never mixed up, and one for the photos' perceptual hashes. The files are append-only
//! logs; all integers and floats are little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `LOOKEMBD` |
//! | 4 | version: 1 |
//! | 4 | length of an embedding, `d` |
//! | 32 + 4 `d` + 4, again and again | SHA-256 of a photo's file, its embedding, CRC-32 of both |

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lookalike_backbone::ModelIdentity;
use lookalike_base::{hex, rename, with_added_extension};
use lookalike_photo::PerceptualHash;
use sha2::{Digest, Sha256};

use super::fingerprints::{FileFingerprint, Fingerprints};
use super::model::Model;
use crate::error::EngineError;

/// Name of the folder beside an index that holds them.
pub const EMBEDDINGS_FOLDER: &str = "embeddings";

const MAGIC: &[u8; 8] = b"LOOKEMBD";
const VERSION: u32 = 1;
const HEADER: u64 = 16;
const KEY: usize = 32;
const CHECKSUM: usize = 4;

/// How many numbers of 16 bits a perceptual hash is kept in: each of them is exact in f32.
const HASH_PARTS: usize = 4;

/// What the cache has of a photo.
pub(crate) struct CachedPhoto {
    pub(crate) sha256: [u8; KEY],
    pub(crate) perceptual_hash: PerceptualHash,
    /// By each network.
    pub(crate) embeddings: Vec<Vec<f32>>,
}

/// The logs of a model's networks, in their order, and the fingerprints of the files that were read.
pub(crate) struct EmbeddingCache {
    networks: Vec<NetworkLog>,
    /// Of each photo, the 64 bits of its perceptual hash as four numbers.
    hashes: NetworkLog,
    files: Fingerprints,
}

impl EmbeddingCache {
    /// Opens a model's cache in a folder, or begins one. Only one process may have it open.
    pub(crate) fn open(folder: &Path, model: &Model) -> Result<Self, EngineError> {
        let networks = model.parts.iter().map(|part| NetworkLog::open(folder, &part.identity));
        let hashes = ModelIdentity {
            backbone: "perceptual_hash".into(),
            weights_sha256: String::new(),
            preprocess: String::new(),
            embedding_dim: HASH_PARTS as u32,
        };
        Ok(Self {
            hashes: NetworkLog::open(folder, &hashes)?,
            networks: networks.collect::<Result<_, _>>()?,
            files: Fingerprints::open(folder),
        })
    }

    /// A network's embedding of the photo with this checksum.
    pub(crate) fn get(&self, network: usize, sha256: &[u8; KEY]) -> Option<Vec<f32>> {
        self.networks[network].get(sha256)
    }

    /// A photo's perceptual hash.
    pub(crate) fn perceptual_hash(&self, sha256: &[u8; KEY]) -> Option<PerceptualHash> {
        let parts = self.hashes.get(sha256)?;
        Some(PerceptualHash(parts.iter().fold(0, |hash, &part| hash << 16 | part as u64)))
    }

    /// Adds a photo's perceptual hash, unless it is there.
    pub(crate) fn put_perceptual_hash(
        &self,
        sha256: &[u8; KEY],
        hash: PerceptualHash,
    ) -> Result<(), EngineError> {
        if self.hashes.has(sha256) {
            return Ok(());
        }
        let parts: [f32; HASH_PARTS] =
            std::array::from_fn(|at| (hash.0 >> (16 * (HASH_PARTS - 1 - at)) & 0xffff) as f32);
        self.hashes.put(sha256, &parts)
    }

    /// What the cache has of a file that has not changed since it was last read, if it has all of it.
    pub(crate) fn of_file(&self, file: &Path, fingerprint: FileFingerprint) -> Option<CachedPhoto> {
        let sha256 = self.files.checksum(file, fingerprint)?;
        let embeddings = (0..self.networks.len()).map(|network| self.get(network, &sha256));
        let embeddings = embeddings.collect::<Option<_>>()?;
        let perceptual_hash = self.perceptual_hash(&sha256)?;
        Some(CachedPhoto { sha256, perceptual_hash, embeddings })
    }

    /// Remembers a file's checksum; see [`Fingerprints::note`].
    pub(crate) fn note_file(&self, file: &Path, fingerprint: FileFingerprint, sha256: [u8; KEY]) {
        self.files.note(file, fingerprint, sha256);
    }

    /// Writes the fingerprints of the files that were read. Where that fails, they are read again the next time.
    pub(crate) fn close(self) {
        let first = self.networks.first();
        self.files.save(|sha256| first.is_some_and(|log| log.has(sha256)));
    }

    /// A model's embedding of a photo, if the cache has all of it.
    pub(crate) fn whole(&self, model: &Model, sha256: &[u8; KEY]) -> Option<Vec<f32>> {
        let parts = (0..self.networks.len()).map(|network| self.get(network, sha256));
        Some(model.concatenate(parts.collect::<Option<Vec<_>>>()?))
    }

    /// Drops the embeddings of all photos but these.
    pub(crate) fn retain(self, sha256s: &HashSet<[u8; KEY]>) -> Result<(), EngineError> {
        self.files.forget_all_but(sha256s);
        let logs = self.networks.into_iter().chain([self.hashes]);
        logs.into_iter().try_for_each(|log| log.retain(sha256s))
    }

    /// Adds a network's embedding of a photo.
    pub(crate) fn put(
        &self,
        network: usize,
        sha256: &[u8; KEY],
        embedding: &[f32],
    ) -> Result<(), EngineError> {
        self.networks[network].put(sha256, embedding)
    }
}

/// The log of one network.
struct NetworkLog {
    path: PathBuf,
    dim: usize,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    /// The offset of each photo's record.
    offsets: HashMap<[u8; KEY], u64>,
    /// Where the next record goes.
    end: u64,
}

impl NetworkLog {
    fn open(folder: &Path, identity: &ModelIdentity) -> Result<Self, EngineError> {
        let path = folder.join(file_name(identity));
        fs::create_dir_all(folder)
            .map_err(|source| EngineError::EmbeddingCache { path: path.clone(), source })?;
        Self::begin(path, identity.embedding_dim as usize)
    }

    fn begin(path: PathBuf, dim: usize) -> Result<Self, EngineError> {
        let failed = |source| EngineError::EmbeddingCache { path: path.clone(), source };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let open = match &mut file {
            Ok(file) => read_offsets(file, dim),
            Err(_) => Ok((HashMap::new(), 0)),
        };
        let (offsets, end) = open.map_err(failed)?;
        let open = Mutex::new(Open { file: file.map_err(failed)?, offsets, end });
        Ok(Self { path, dim, open })
    }

    fn open_file(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, sha256: &[u8; KEY]) -> bool {
        self.open_file().offsets.contains_key(sha256)
    }

    fn get(&self, sha256: &[u8; KEY]) -> Option<Vec<f32>> {
        let mut record = vec![0; record_len(self.dim)];
        {
            let mut open = self.open_file();
            let offset = *open.offsets.get(sha256)?;
            open.file.seek(SeekFrom::Start(offset)).ok()?;
            open.file.read_exact(&mut record).ok()?;
        }
        // A damaged record counts as missing: the photo is embedded again.
        let (content, checksum) = record.split_at(record.len() - CHECKSUM);
        if crc32fast::hash(content).to_le_bytes() != checksum || content[..KEY] != sha256[..] {
            return None;
        }
        let embedding = content[KEY..].chunks_exact(4);
        Some(embedding.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// Rewrites the log without the other photos' records, in a file that replaces it when it is complete.
    fn retain(self, sha256s: &HashSet<[u8; KEY]>) -> Result<(), EngineError> {
        let keys: Vec<[u8; KEY]> = self.open_file().offsets.keys().copied().collect();
        if keys.iter().all(|key| sha256s.contains(key)) {
            return Ok(());
        }
        let failed = |source| EngineError::EmbeddingCache { path: self.path.clone(), source };
        let partial = with_added_extension(&self.path, "partial");
        let _ = fs::remove_file(&partial);
        let new = Self::begin(partial.clone(), self.dim)?;
        let mut keys: Vec<_> = keys.into_iter().filter(|key| sha256s.contains(key)).collect();
        keys.sort_unstable();
        for key in keys {
            if let Some(embedding) = self.get(&key) {
                new.put(&key, &embedding)?;
            }
        }
        new.open_file().file.sync_all().map_err(failed)?;
        rename(&partial, &self.path).map_err(failed)
    }

    fn put(&self, sha256: &[u8; KEY], embedding: &[f32]) -> Result<(), EngineError> {
        debug_assert_eq!(embedding.len(), self.dim);
        let mut record = Vec::with_capacity(record_len(self.dim));
        record.extend_from_slice(sha256);
        embedding.iter().for_each(|x| record.extend_from_slice(&x.to_le_bytes()));
        let checksum = crc32fast::hash(&record);
        record.extend_from_slice(&checksum.to_le_bytes());
        let mut open = self.open_file();
        let Open { file, offsets, end } = &mut *open;
        // A record that a full disk cut short is overwritten.
        let written = file.seek(SeekFrom::Start(*end)).and_then(|_| file.write_all(&record));
        written
            .map_err(|source| EngineError::EmbeddingCache { path: self.path.clone(), source })?;
        offsets.insert(*sha256, *end);
        *end += record.len() as u64;
        Ok(())
    }
}

fn record_len(dim: usize) -> usize {
    KEY + 4 * dim + CHECKSUM
}

/// The name of a network's log: its backbone, and a hash of its identity.
fn file_name(identity: &ModelIdentity) -> String {
    let ModelIdentity { backbone, weights_sha256, preprocess, embedding_dim } = identity;
    let all = format!("{backbone}\n{weights_sha256}\n{preprocess}\n{embedding_dim}");
    let hash = hex::encode(&Sha256::digest(all)[..6]);
    format!("{backbone}-{hash}.embeddings")
}

/// The offsets of the records, and where the last complete one ends. A file of another version is emptied.
fn read_offsets(file: &mut File, dim: usize) -> io::Result<(HashMap<[u8; KEY], u64>, u64)> {
    let mut header = Vec::from(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&(dim as u32).to_le_bytes());
    let mut found = Vec::new();
    Read::by_ref(file).take(HEADER).read_to_end(&mut found)?;
    if found != header {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&header)?;
        return Ok((HashMap::new(), HEADER));
    }
    let record = record_len(dim) as u64;
    let records = (file.metadata()?.len() - HEADER) / record;
    let mut offsets = HashMap::with_capacity(records as usize);
    let mut reader = BufReader::with_capacity(1 << 20, &mut *file);
    reader.seek(SeekFrom::Start(HEADER))?;
    for number in 0..records {
        let mut key = [0; KEY];
        reader.read_exact(&mut key)?;
        reader.seek_relative(record as i64 - KEY as i64)?;
        offsets.insert(key, HEADER + number * record);
    }
    Ok((offsets, HEADER + records * record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(weights: &str) -> ModelIdentity {
        ModelIdentity {
            backbone: "mobilenet_v3".into(),
            weights_sha256: weights.into(),
            preprocess: "letterbox 224".into(),
            embedding_dim: 3,
        }
    }

    fn open(folder: &Path) -> NetworkLog {
        NetworkLog::open(folder, &identity("aa")).expect("a log")
    }

    #[test]
    fn what_was_put_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        open(path).put(&[1; KEY], &[1.0, -2.5, f32::MIN_POSITIVE]).expect("written");
        open(path).put(&[2; KEY], &[0.0, 1.0, 2.0]).expect("written");
        let log = open(path);
        assert_eq!(log.get(&[1; KEY]), Some(vec![1.0, -2.5, f32::MIN_POSITIVE]));
        assert_eq!(log.get(&[2; KEY]), Some(vec![0.0, 1.0, 2.0]));
        assert_eq!(log.get(&[3; KEY]), None);
        let other = NetworkLog::open(path, &identity("bb")).expect("another log");
        assert_eq!(other.get(&[1; KEY]), None, "other weights, other embeddings");
    }

    #[test]
    fn a_mutated_log_has_what_was_written_or_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let embedding = |key: u8| vec![f32::from(key), 0.5, -1.0];
        for key in 1..9 {
            open(folder.path()).put(&[key; KEY], &embedding(key)).expect("written");
        }
        let mut files = fs::read_dir(folder.path()).expect("a folder");
        let file = files.next().expect("the log").expect("an entry").path();
        let whole = fs::read(&file).expect("the log");
        let mut mutations = lookalike_testkit::Mutations::new(1);
        let mut found = 0;
        for _ in 0..lookalike_testkit::Mutations::count(500) {
            fs::write(&file, mutations.of(&whole, &[MAGIC])).expect("a changed log");
            let Ok(log) = NetworkLog::open(folder.path(), &identity("aa")) else { continue };
            for key in 1..9 {
                let kept = log.get(&[key; KEY]);
                assert!(kept.is_none() || kept == Some(embedding(key)), "{kept:?}");
                found += usize::from(kept.is_some());
            }
        }
        assert!(found > 100, "{found} embeddings were still there");
    }

    #[test]
    fn perceptual_hashes_are_kept_to_the_bit() {
        let folder = tempfile::tempdir().expect("a folder");
        let model = Model { parts: Vec::new() };
        let open = || EmbeddingCache::open(folder.path(), &model).expect("a cache");
        for (key, hash) in [(1, 0), (2, u64::MAX), (3, 0x7fc0_0001_8000_abcd)] {
            open().put_perceptual_hash(&[key; KEY], PerceptualHash(hash)).expect("written");
            assert_eq!(open().perceptual_hash(&[key; KEY]), Some(PerceptualHash(hash)));
        }
        assert_eq!(open().perceptual_hash(&[9; KEY]), None);
    }

    #[test]
    fn whatever_a_killed_process_left_the_rest_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        for key in 0..3 {
            open(path).put(&[key; KEY], &[f32::from(key); 3]).expect("written");
        }
        let file = path.join(file_name(&identity("aa")));
        let whole = fs::read(&file).expect("a file");
        for length in 0..whole.len() {
            fs::write(&file, &whole[..length]).expect("cut short");
            let log = open(path);
            for key in 0..3u8 {
                let end = HEADER as usize + (usize::from(key) + 1) * record_len(3);
                let wanted = (length >= end).then(|| vec![f32::from(key); 3]);
                assert_eq!(log.get(&[key; KEY]), wanted, "{length} bytes");
            }
            log.put(&[9; KEY], &[9.0; 3]).expect("written");
            assert_eq!(open(path).get(&[9; KEY]), Some(vec![9.0; 3]), "{length} bytes");
        }
        let mut spoilt = whole.clone();
        spoilt[HEADER as usize + KEY] ^= 1;
        fs::write(&file, &spoilt).expect("damaged");
        let log = open(path);
        assert_eq!((log.get(&[0; KEY]), log.get(&[1; KEY])), (None, Some(vec![1.0; 3])));
        log.put(&[0; KEY], &[0.5; 3]).expect("written");
        assert_eq!(open(path).get(&[0; KEY]), Some(vec![0.5; 3]), "the last record counts");
    }
}
