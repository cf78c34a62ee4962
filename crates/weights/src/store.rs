//! Where weight files are on this machine.

use std::path::{Path, PathBuf};

use lookalike_backbone::{BUNDLED, BackboneKind};
use lookalike_download::{Client, Settings};

use crate::{WeightFile, weight_files};

/// The environment variable that names a folder of weight files.
const FOLDER: &str = "LOOKALIKE_WEIGHTS";

/// The weight files on this machine, looked for in this order: the folder named by the environment
/// variable `LOOKALIKE_WEIGHTS`, the folder of imported files, the download caches that Python's
/// huggingface_hub and PyTorch use too, the bundled weights.
pub struct WeightStore {
    folder: Option<PathBuf>,
    imported: PathBuf,
    client: Client,
}

impl WeightStore {
    /// The store that the environment describes.
    pub fn from_env() -> Self {
        let folder = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty());
        Self::new(folder.map(PathBuf::from), Settings::from_env())
    }

    /// A store with a folder of weight files, or without, and the caches of `settings`.
    pub fn new(folder: Option<PathBuf>, settings: Settings) -> Self {
        // Beside the record of checksums: users would be sorry to lose either.
        let imported = settings.checksum_file.parent().unwrap_or(Path::new(".")).join("weights");
        Self { folder, imported, client: Client::new(settings) }
    }

    /// What downloads files, and knows the caches.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The first of the manifest's files for a network that is on this machine.
    pub fn find(&self, kind: BackboneKind) -> Option<PathBuf> {
        let files = weight_files().into_iter().filter(|file| file.backbone == kind);
        files.into_iter().find_map(|file| self.find_file(&file))
    }

    /// The weights to use where no network is requested: the first of the manifest's files that the user
    /// put into the folder or imported, else the bundled ones. The download caches are ignored: other
    /// programs write there, too, and must not change the default.
    pub fn default_weights(&self) -> PathBuf {
        let mut files = weight_files().into_iter();
        files.find_map(|file| self.kept(&file)).unwrap_or_else(|| BUNDLED.into())
    }

    /// Where one of the manifest's files is; [`BUNDLED`] for the bundled one.
    pub fn find_file(&self, file: &WeightFile) -> Option<PathBuf> {
        let cached = || file.remote().and_then(|remote| self.client.cached(&remote));
        let bundled = || file.bundled.then(|| BUNDLED.into());
        self.kept(file).or_else(cached).or_else(bundled)
    }

    /// Where the user put one of the manifest's files.
    fn kept(&self, file: &WeightFile) -> Option<PathBuf> {
        let folders = self.folder.iter().chain([&self.imported]);
        let mut kept = folders.flat_map(|folder| names(file).map(|name| folder.join(name)));
        kept.find(|path| path.is_file())
    }

    /// The path to import a file to, so that it is found from then on.
    pub fn import_path(&self, file: &WeightFile) -> PathBuf {
        let folder = self.folder.as_ref().unwrap_or(&self.imported);
        folder.join(imported_name(file))
    }
}

/// The first of the manifest's files for a network that is in a folder.
pub fn find_in(folder: &Path, kind: BackboneKind) -> Option<PathBuf> {
    let files = weight_files().into_iter().filter(|file| file.backbone == kind);
    let mut paths = files.flat_map(|file| names(&file).map(|name| folder.join(name)));
    paths.find(|path| path.is_file())
}

/// The names that a file may have in a folder: its own, and that of an import.
fn names(file: &WeightFile) -> [String; 2] {
    [file.file.clone(), imported_name(file)]
}

fn imported_name(file: &WeightFile) -> String {
    format!("{}.safetensors", file.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_file_wins_over_the_bundled_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = Settings::from_env();
        settings.checksum_file = folder.path().join("records/known.json");
        let store = WeightStore::new(Some(folder.path().join("weights")), settings);
        assert_eq!(store.default_weights(), Path::new(BUNDLED));
        let bundled = weight_files().into_iter().find(|file| file.bundled).expect("one is bundled");
        assert_eq!(store.find_file(&bundled), Some(BUNDLED.into()));

        let own = store.import_path(&bundled);
        std::fs::create_dir_all(own.parent().expect("a folder")).expect("made");
        std::fs::write(&own, b"").expect("written");
        assert_eq!(store.find_file(&bundled), Some(own.clone()));
        assert_eq!(store.default_weights(), own);
        assert_eq!(find_in(&folder.path().join("weights"), bundled.backbone), Some(own));
        assert_eq!(find_in(folder.path(), bundled.backbone), None);
    }
}
