//! Where an index is kept: in a folder, or in a store elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use lookalike_vectors::RemoteStore;
use lookalike_vectors::snapshot::WriteLock;

use crate::index::FORMAT;
use crate::{EngineError, INDEX_FILE, Index, Progress, remote};

/// Where an index is kept.
#[derive(Clone)]
pub enum Home {
    /// A file in this folder.
    Folder(PathBuf),
    /// Another program.
    Store(Arc<dyn RemoteStore>),
}

impl Home {
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

    /// Takes the right to write an index, see [`Index::lock`]. Of a store it is no lock: whoever changes it
    /// first wins, and [`IndexLock::save`] fails for the others.
    ///
    /// # Errors
    /// [`EngineError::Snapshot`], [`EngineError::Remote`].
    pub fn lock(&self) -> Result<IndexLock, EngineError> {
        match self {
            Self::Folder(folder) => Index::lock(folder),
            Self::Store(store) => {
                let seen = store.manifest()?.map(|head| head.generation);
                Ok(IndexLock(Lock::Store { store: Arc::clone(store), seen }))
            }
        }
    }

    /// [`Self::open`] and [`Self::lock`], so that nobody changes it in between.
    ///
    /// # Errors
    /// As those.
    pub fn open_locked(&self) -> Result<(IndexLock, Index), EngineError> {
        if let Self::Folder(folder) = self {
            // Taking the lock would make the folder.
            Index::check_there(folder)?;
        }
        let lock = self.lock()?;
        Ok((lock, self.open()?))
    }
}

impl From<PathBuf> for Home {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl std::fmt::Display for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.join(INDEX_FILE).display()),
            Self::Store(store) => write!(f, "{}", store.name()),
        }
    }
}

/// The right to write an index; see [`Index::lock`].
pub struct IndexLock(Lock);

enum Lock {
    File(WriteLock),
    Store {
        store: Arc<dyn RemoteStore>,
        /// The generation that was there.
        seen: Option<u64>,
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
                Some(_) => Err(EngineError::NotHere),
            },
            Lock::Store { store, seen } => remote::save(store, *seen, index, progress),
        }
    }
}
