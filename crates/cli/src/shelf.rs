//! Where weight files are on this machine.

use std::path::{Path, PathBuf};

use lookalike_backbone::{BUNDLED, BackboneKind, WeightFile, weight_files};
use lookalike_download::{Client, Expected, Remote, Settings, Source};

/// The environment variable that names a folder of weight files.
const FOLDER: &str = "LOOKALIKE_WEIGHTS";

/// The places that are looked through, in this order: the folder named by the environment, what was
/// imported, what was fetched, what is part of the program.
pub(crate) struct Shelf {
    folder: Option<PathBuf>,
    imported: PathBuf,
    pub(crate) client: Client,
}

impl Shelf {
    pub(crate) fn from_env() -> Self {
        let settings = Settings::from_env();
        let folder = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty());
        // Beside the record of checksums: both are what a user would be sorry to lose.
        let own = settings.records.parent().unwrap_or(Path::new(".")).join("weights");
        Self { folder: folder.map(PathBuf::from), imported: own, client: Client::new(settings) }
    }

    /// The first of the manifest's files for a network that is at hand.
    pub(crate) fn find(&self, kind: BackboneKind) -> Option<PathBuf> {
        let files = weight_files().into_iter().filter(|file| file.backbone == kind);
        files.into_iter().find_map(|file| self.find_file(&file))
    }

    /// The weights for commands that name no network: the first of the manifest's that the user put
    /// into the folder or imported, else those that are part of the program. What some tool left in
    /// the caches decides nothing here.
    pub(crate) fn default(&self) -> PathBuf {
        let mut files = weight_files().into_iter();
        files.find_map(|file| self.kept(&file)).unwrap_or_else(|| BUNDLED.into())
    }

    /// Where one of the manifest's files is.
    pub(crate) fn find_file(&self, file: &WeightFile) -> Option<PathBuf> {
        let fetched = || remote(file).and_then(|remote| self.client.cached(&remote));
        let bundled = || file.bundled.then(|| BUNDLED.into());
        self.kept(file).or_else(fetched).or_else(bundled)
    }

    /// Where a user put one of the manifest's files.
    fn kept(&self, file: &WeightFile) -> Option<PathBuf> {
        let folders = self.folder.iter().chain([&self.imported]);
        let mut kept = folders.flat_map(|folder| names(file).map(|name| folder.join(name)));
        kept.find(|path| path.is_file())
    }

    /// Where an imported file goes, to be found from then on.
    pub(crate) fn place_for(&self, file: &WeightFile) -> PathBuf {
        let folder = self.folder.as_ref().unwrap_or(&self.imported);
        folder.join(format!("{}.safetensors", file.name))
    }
}

/// The first of the manifest's files for a network that is in a folder.
pub(crate) fn find_in(folder: &Path, kind: BackboneKind) -> Option<PathBuf> {
    let files = weight_files().into_iter().filter(|file| file.backbone == kind);
    let mut paths = files.flat_map(|file| names(&file).map(|name| folder.join(name)));
    paths.find(|path| path.is_file())
}

/// The names that a file has in a folder: its own, and that of an import.
fn names(file: &WeightFile) -> [String; 2] {
    [file.file.clone(), format!("{}.safetensors", file.name)]
}

/// The first file for a network that can be fetched.
pub(crate) fn to_fetch(kind: BackboneKind) -> Option<WeightFile> {
    weight_files().into_iter().find(|file| file.backbone == kind && remote(file).is_some())
}

/// Where a file can be fetched from.
pub(crate) fn remote(file: &WeightFile) -> Option<Remote> {
    let source = match (&file.hub, &file.url) {
        (Some(hub), _) => Source::Hub {
            repo: hub.repo.clone(),
            revision: hub.revision.clone(),
            file: hub.file.clone(),
        },
        (None, Some(url)) => Source::Url(url.clone()),
        (None, None) => return None,
    };
    let expected = Expected { sha256: file.sha256.clone(), bytes: file.bytes };
    Some(Remote { source, expected })
}
