//! Embeddings that were made before: no photo is embedded twice, however often a build is killed,
//! repeated, or repeated with other networks beside the old ones.
//!
//! One file for each network, named by its identity, so that what another network, other weights or
//! another way of preparing photos made is never taken for its own. Records are only ever added.
//! All integers and numbers are little-endian.
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
use sha2::{Digest, Sha256};

use crate::stamps::{Stamp, Stamps};
use crate::{EngineError, Model};

/// Name of the folder beside an index that holds them.
pub const EMBEDDINGS_FOLDER: &str = "embeddings";

const MAGIC: &[u8; 8] = b"LOOKEMBD";
const VERSION: u32 = 1;
const HEADER: u64 = 16;
const KEY: usize = 32;
const CHECKSUM: usize = 4;

/// The journals of a model's networks, in their order, and the files that were read for them.
pub(crate) struct Journals {
    networks: Vec<Journal>,
    files: Stamps,
}

impl Journals {
    /// Opens a model's journals in a folder, or begins them. Only one process may have them open.
    pub(crate) fn open(folder: &Path, model: &Model) -> Result<Self, EngineError> {
        let networks = model.parts.iter().map(|part| Journal::open(folder, &part.identity));
        Ok(Self { networks: networks.collect::<Result<_, _>>()?, files: Stamps::open(folder) })
    }

    /// What a network made of the photo with this checksum.
    pub(crate) fn get(&self, network: usize, sha256: &[u8; KEY]) -> Option<Vec<f32>> {
        self.networks[network].get(sha256)
    }

    /// The checksum of a file that is as it was when it was last read, and what each network made of it,
    /// if the journals have all of it.
    pub(crate) fn of_file(&self, file: &Path, stamp: Stamp) -> Option<([u8; KEY], Vec<Vec<f32>>)> {
        let sha256 = self.files.checksum(file, stamp)?;
        let parts = (0..self.networks.len()).map(|network| self.get(network, &sha256));
        Some((sha256, parts.collect::<Option<_>>()?))
    }

    /// Remembers what a file's checksum was; see [`Stamps::note`].
    pub(crate) fn note_file(&self, file: &Path, stamp: Stamp, sha256: [u8; KEY]) {
        self.files.note(file, stamp, sha256);
    }

    /// Writes down which files were read. Where that is not possible, they are read again the next time.
    pub(crate) fn close(self) {
        let first = self.networks.first();
        self.files.save(|sha256| first.is_some_and(|journal| journal.has(sha256)));
    }

    /// What a model made of a photo, if the journals have all of it.
    pub(crate) fn side_by_side(&self, model: &Model, sha256: &[u8; KEY]) -> Option<Vec<f32>> {
        let parts = (0..self.networks.len()).map(|network| self.get(network, sha256));
        Some(model.side_by_side(parts.collect::<Option<Vec<_>>>()?))
    }

    /// Throws away what was made of other photos than these.
    pub(crate) fn retain(self, sha256s: &HashSet<[u8; KEY]>) -> Result<(), EngineError> {
        self.files.forget_all_but(sha256s);
        self.networks.into_iter().try_for_each(|journal| journal.retain(sha256s))
    }

    /// Keeps what a network made of a photo.
    pub(crate) fn put(
        &self,
        network: usize,
        sha256: &[u8; KEY],
        embedding: &[f32],
    ) -> Result<(), EngineError> {
        self.networks[network].put(sha256, embedding)
    }
}

struct Journal {
    path: PathBuf,
    dim: usize,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    /// Where each photo's record begins.
    places: HashMap<[u8; KEY], u64>,
    /// Where the next record goes.
    end: u64,
}

impl Journal {
    fn open(folder: &Path, identity: &ModelIdentity) -> Result<Self, EngineError> {
        let path = folder.join(file_name(identity));
        fs::create_dir_all(folder)
            .map_err(|source| EngineError::Journal { path: path.clone(), source })?;
        Self::begin(path, identity.embedding_dim as usize)
    }

    fn begin(path: PathBuf, dim: usize) -> Result<Self, EngineError> {
        let failed = |source| EngineError::Journal { path: path.clone(), source };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let open = match &mut file {
            Ok(file) => read_places(file, dim),
            Err(_) => Ok((HashMap::new(), 0)),
        };
        let (places, end) = open.map_err(failed)?;
        let open = Mutex::new(Open { file: file.map_err(failed)?, places, end });
        Ok(Self { path, dim, open })
    }

    fn open_file(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, sha256: &[u8; KEY]) -> bool {
        self.open_file().places.contains_key(sha256)
    }

    fn get(&self, sha256: &[u8; KEY]) -> Option<Vec<f32>> {
        let mut record = vec![0; record_len(self.dim)];
        {
            let mut open = self.open_file();
            let place = *open.places.get(sha256)?;
            open.file.seek(SeekFrom::Start(place)).ok()?;
            open.file.read_exact(&mut record).ok()?;
        }
        // A record that was damaged counts as none: the photo is embedded again.
        let (content, checksum) = record.split_at(record.len() - CHECKSUM);
        if crc32fast::hash(content).to_le_bytes() != checksum || content[..KEY] != sha256[..] {
            return None;
        }
        let numbers = content[KEY..].chunks_exact(4);
        Some(numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// Writes a file beside this one that takes its place once it is whole.
    fn retain(self, sha256s: &HashSet<[u8; KEY]>) -> Result<(), EngineError> {
        let keys: Vec<[u8; KEY]> = self.open_file().places.keys().copied().collect();
        if keys.iter().all(|key| sha256s.contains(key)) {
            return Ok(());
        }
        let failed = |source| EngineError::Journal { path: self.path.clone(), source };
        let partial = self.path.with_extension("partial");
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
        fs::rename(&partial, &self.path).map_err(failed)
    }

    fn put(&self, sha256: &[u8; KEY], embedding: &[f32]) -> Result<(), EngineError> {
        debug_assert_eq!(embedding.len(), self.dim);
        let mut record = Vec::with_capacity(record_len(self.dim));
        record.extend_from_slice(sha256);
        embedding.iter().for_each(|x| record.extend_from_slice(&x.to_le_bytes()));
        let checksum = crc32fast::hash(&record);
        record.extend_from_slice(&checksum.to_le_bytes());
        let mut open = self.open_file();
        let Open { file, places, end } = &mut *open;
        // Where the last whole record ends: one that a full disk cut short is written over.
        let written = file.seek(SeekFrom::Start(*end)).and_then(|_| file.write_all(&record));
        written.map_err(|source| EngineError::Journal { path: self.path.clone(), source })?;
        places.insert(*sha256, *end);
        *end += record.len() as u64;
        Ok(())
    }
}

fn record_len(dim: usize) -> usize {
    KEY + 4 * dim + CHECKSUM
}

/// Named by what made the embeddings.
fn file_name(identity: &ModelIdentity) -> String {
    let ModelIdentity { backbone, weights_sha256, preprocess, embedding_dim } = identity;
    let all = format!("{backbone}\n{weights_sha256}\n{preprocess}\n{embedding_dim}");
    let hash: String = Sha256::digest(all).iter().take(6).map(|b| format!("{b:02x}")).collect();
    format!("{backbone}-{hash}.journal")
}

/// Where records begin, and where the last whole one ends. A file that is none of this version's
/// begins anew.
fn read_places(file: &mut File, dim: usize) -> io::Result<(HashMap<[u8; KEY], u64>, u64)> {
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
    let mut places = HashMap::with_capacity(records as usize);
    let mut records_in_turn = BufReader::with_capacity(1 << 20, &mut *file);
    records_in_turn.seek(SeekFrom::Start(HEADER))?;
    for number in 0..records {
        let mut key = [0; KEY];
        records_in_turn.read_exact(&mut key)?;
        records_in_turn.seek_relative(record as i64 - KEY as i64)?;
        places.insert(key, HEADER + number * record);
    }
    Ok((places, HEADER + records * record))
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

    fn open(folder: &Path) -> Journal {
        Journal::open(folder, &identity("aa")).expect("a journal")
    }

    #[test]
    fn what_was_put_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        open(path).put(&[1; KEY], &[1.0, -2.5, f32::MIN_POSITIVE]).expect("written");
        open(path).put(&[2; KEY], &[0.0, 1.0, 2.0]).expect("written");
        let journal = open(path);
        assert_eq!(journal.get(&[1; KEY]), Some(vec![1.0, -2.5, f32::MIN_POSITIVE]));
        assert_eq!(journal.get(&[2; KEY]), Some(vec![0.0, 1.0, 2.0]));
        assert_eq!(journal.get(&[3; KEY]), None);
        let other = Journal::open(path, &identity("bb")).expect("another journal");
        assert_eq!(other.get(&[1; KEY]), None, "other weights, other embeddings");
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
            let journal = open(path);
            for key in 0..3u8 {
                let end = HEADER as usize + (usize::from(key) + 1) * record_len(3);
                let wanted = (length >= end).then(|| vec![f32::from(key); 3]);
                assert_eq!(journal.get(&[key; KEY]), wanted, "{length} bytes");
            }
            journal.put(&[9; KEY], &[9.0; 3]).expect("written");
            assert_eq!(open(path).get(&[9; KEY]), Some(vec![9.0; 3]), "{length} bytes");
        }
        let mut spoilt = whole.clone();
        spoilt[HEADER as usize + KEY] ^= 1;
        fs::write(&file, &spoilt).expect("damaged");
        let journal = open(path);
        assert_eq!((journal.get(&[0; KEY]), journal.get(&[1; KEY])), (None, Some(vec![1.0; 3])));
        journal.put(&[0; KEY], &[0.5; 3]).expect("written");
        assert_eq!(open(path).get(&[0; KEY]), Some(vec![0.5; 3]), "the last record counts");
    }
}
