//! Where an index is kept: in a folder, or in another program's store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lookalike_vectors::snapshot::{self, Payload, SnapshotError, WriteLock};
use lookalike_vectors::{RemoteStore, Vectors};

use super::Index;
use super::file_format::{Content, FORMAT};
use super::remote;
use crate::error::EngineError;
use crate::progress::{Progress, Silent};

/// Name of the file in an index folder.
pub const INDEX_FILE: &str = "lookalike.index";

/// Where an index is kept.
#[derive(Clone)]
pub enum IndexLocation {
    /// A file in this folder.
    Folder(PathBuf),
    /// Another program.
    Store(Arc<dyn RemoteStore>),
}

impl IndexLocation {
    /// Opens the index.
    ///
    /// # Errors
    /// As [`Index::open`], and [`EngineError::Remote`].
    pub fn open(&self) -> Result<Index, EngineError> {
        match self {
            Self::Folder(folder) => Index::open(folder),
            Self::Store(store) => remote::open(store),
        }
    }

    /// Locks the index for writing; see [`Index::lock`]. A store is not locked: the first writer wins, and
    /// [`IndexLock::save`] fails for the others (optimistic concurrency).
    ///
    /// # Errors
    /// [`EngineError::Snapshot`], [`EngineError::Remote`].
    pub fn lock(&self) -> Result<IndexLock, EngineError> {
        match self {
            Self::Folder(folder) => Index::lock(folder),
            Self::Store(store) => {
                let generation = store.manifest()?.map(|manifest| manifest.generation);
                Ok(IndexLock(Lock::Store { store: Arc::clone(store), generation }))
            }
        }
    }

    /// [`Self::lock`] and [`Self::open`], so that nobody changes the index in between.
    ///
    /// # Errors
    /// As those.
    pub fn open_locked(&self) -> Result<(IndexLock, Index), EngineError> {
        if let Self::Folder(folder) = self {
            // Taking the lock would make the folder.
            Index::check_exists(folder)?;
        }
        let lock = self.lock()?;
        Ok((lock, self.open()?))
    }
}

impl From<PathBuf> for IndexLocation {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl std::fmt::Display for IndexLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.join(INDEX_FILE).display()),
            Self::Store(store) => write!(f, "{}", store.name()),
        }
    }
}

/// The lock on an index; see [`Index::lock`].
pub struct IndexLock(Lock);

enum Lock {
    File(WriteLock),
    Store {
        store: Arc<dyn RemoteStore>,
        /// The generation when the lock was taken.
        generation: Option<u64>,
    },
}

impl IndexLock {
    pub(crate) fn of_file(lock: WriteLock) -> Self {
        Self(Lock::File(lock))
    }

    /// [`Index::save`], by the holder of the lock: the file's size, or what was sent, in bytes.
    ///
    /// # Errors
    /// [`EngineError::Snapshot`], [`EngineError::Remote`]; an index that was there is then unchanged.
    pub fn save(&self, index: &Index, progress: &dyn Progress) -> Result<u64, EngineError> {
        match &self.0 {
            Lock::File(lock) => match index.remote() {
                None => {
                    let content = index.content();
                    Ok(lock.write(FORMAT, content, content.vectors.bytes())?)
                }
                Some(_) => Err(EngineError::VectorsInStore),
            },
            Lock::Store { store, generation } => remote::save(store, *generation, index, progress),
        }
    }
}

impl Index {
    /// Opens an index by its folder or file, and checks that it is whole.
    ///
    /// # Errors
    /// [`EngineError::NoIndex`], [`EngineError::DamagedIndex`] or [`EngineError::Snapshot`].
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let file = index_file(path);
        let decode = |_, payload: &Payload| payload.decode::<Content>();
        let (mut content, bytes) = match snapshot::read(&file, FORMAT, decode) {
            Err(SnapshotError::Unreadable { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Err(EngineError::NoIndex { path: path.to_owned() });
            }
            read => read?,
        };
        if let Some(reason) = content.metric.misfit(&content.model) {
            return Err(EngineError::DamagedIndex { path: file, reason: reason.to_owned() });
        }
        let (dim, photos) = (content.metric.dim(), content.photos.len());
        match Vectors::from_bytes(dim, photos, bytes) {
            Ok(vectors) => content.vectors = Arc::new(vectors),
            Err(error) => {
                return Err(EngineError::DamagedIndex { path: file, reason: error.to_string() });
            }
        }
        match content.misfit(content.vectors.len()) {
            Some(reason) => Err(EngineError::DamagedIndex { path: file, reason }),
            None => Ok(Self::from_content(content)),
        }
    }

    /// Checks that there is an index in a folder, sound or not.
    ///
    /// # Errors
    /// [`EngineError::NoIndex`].
    pub fn check_exists(folder: &Path) -> Result<(), EngineError> {
        match folder.join(INDEX_FILE).is_file() {
            true => Ok(()),
            false => Err(EngineError::NoIndex { path: folder.to_owned() }),
        }
    }

    /// Writes the index into a folder, replacing one that is there.
    ///
    /// Returns the size of the file in bytes.
    ///
    /// # Errors
    /// [`EngineError::Snapshot`]; an index that was there is then unchanged.
    pub fn save(&self, folder: &Path) -> Result<u64, EngineError> {
        Self::lock(folder)?.save(self, &Silent)
    }

    /// Locks a folder for writing an index, so that a build fails at its start if another one is under way or the folder
    /// cannot be written to.
    ///
    /// # Errors
    /// [`EngineError::Snapshot`].
    pub fn lock(folder: &Path) -> Result<IndexLock, EngineError> {
        Ok(IndexLock::of_file(WriteLock::take(&folder.join(INDEX_FILE))?))
    }
}

pub(super) fn index_file(path: &Path) -> PathBuf {
    if path.is_file() { path.to_owned() } else { path.join(INDEX_FILE) }
}
