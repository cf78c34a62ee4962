//! Writing a shop to a folder, photo by photo, and going on where that stopped.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::DemoError;
use crate::manifest::manifest;
use crate::photo::{catalogue_path, make, make_catalogue, path};
use crate::plan::{Planned, plan};
use crate::shop::Shop;
use crate::truth::Truth;

/// Changed whenever the same settings give other photos than before.
const VERSION: u32 = 1;

/// Says what a folder was made with.
const SETTINGS_FILE: &str = "demo.json";
const MANIFEST_FILE: &str = "catalog.jsonl";
const TRUTH_FILE: &str = "truth.jsonl";
/// The truth so far, in the order in which photos were done.
const TRUTH_SO_FAR: &str = "truth.partial.jsonl";

/// What a shop follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The same seed gives the same shop.
    pub seed: u64,
    /// How many photos, spread evenly over the 54 products; 1 to 99999.
    pub photos: u32,
    /// Pixels of a photo's longer side, 32 to 4096.
    pub side: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 1, photos: 648, side: 256 }
    }
}

/// Is told how the writing goes, from several threads.
pub trait Observer: Sync {
    /// It begins: so many pictures in all, of which some are there already.
    fn begin(&self, pictures: u32, there: u32);
    /// So many more pictures are written.
    fn advance(&self, pictures: u32);
    /// Whether to stop after the pictures that are under way.
    fn stop(&self) -> bool {
        false
    }
}

/// Is told nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn begin(&self, _: u32, _: u32) {}
    fn advance(&self, _: u32) {}
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The manifest, to be opened as a catalogue.
    pub manifest: PathBuf,
    /// What each photo shows.
    pub truth: PathBuf,
    /// How many photos the shop has.
    pub photos: u32,
    /// How many photos and catalogue pictures were drawn now; the others were there.
    pub drawn: u32,
}

/// Writes a shop: `photos/PRODUCT/NNNNN.jpg`, `catalogue/PRODUCT.jpg`, `truth.jsonl` and, last of all,
/// `catalog.jsonl`.
///
/// Photos are drawn one to a core. What is there already from a run that stopped is kept.
///
/// # Errors
/// [`DemoError`]: a folder that cannot be written to or has files that are not this shop's, a full
/// disk, settings out of range.
pub fn write(
    folder: &Path,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<Written, DemoError> {
    check(settings)?;
    claim(folder, settings)?;
    let shop = Shop::new(settings.seed);
    let plan = plan(settings.seed, settings.photos, shop.products().len());
    for product in shop.products() {
        create_folder(&folder.join("photos").join(&product.id))?;
    }
    create_folder(&folder.join("catalogue"))?;

    let mut known = read_truths(folder)?;
    known.retain(|photo, _| is_whole_jpeg(&folder.join(photo)));
    let there: HashSet<String> = known.keys().cloned().collect();
    let missing = |planned: &&Planned| !there.contains(&path(&shop, planned));
    let families = families(&plan);
    let due: Vec<&Vec<&Planned>> =
        families.iter().filter(|family| family.iter().any(&missing)).collect();
    let pictures_due: Vec<usize> = (0..shop.products().len())
        .filter(|&product| !is_whole_jpeg(&folder.join(catalogue_path(&shop, product))))
        .collect();

    let photos_due = plan.iter().filter(missing).count() as u32;
    let all = settings.photos + shop.products().len() as u32;
    let drawn = photos_due + pictures_due.len() as u32;
    observer.begin(all, all - drawn);

    let log = TruthLog::open(folder, known)?;
    let go_on = || if observer.stop() { Err(DemoError::Stopped) } else { Ok(()) };
    pictures_due.par_iter().try_for_each(|&product| {
        go_on()?;
        let bytes = make_catalogue(&shop, settings, product)?;
        put(&folder.join(catalogue_path(&shop, product)), &bytes)?;
        observer.advance(1);
        Ok::<_, DemoError>(())
    })?;
    due.par_iter().try_for_each(|family| {
        go_on()?;
        for (planned, made) in family.iter().zip(make(&shop, settings, family)?) {
            if missing(planned) {
                put(&folder.join(&made.truth.photo), &made.bytes)?;
                log.append(made.truth)?;
                observer.advance(1);
            }
        }
        Ok::<_, DemoError>(())
    })?;

    let mut known = log.finish();
    let truths: Vec<Truth> =
        plan.iter().filter_map(|planned| known.remove(&path(&shop, planned))).collect();
    let (truth_file, manifest_file) = (folder.join(TRUTH_FILE), folder.join(MANIFEST_FILE));
    put(&truth_file, lines(&truths)?.as_bytes())?;
    remove_log(folder)?;
    put(&manifest_file, manifest(&shop, &plan).as_bytes())?;
    Ok(Written { manifest: manifest_file, truth: truth_file, photos: settings.photos, drawn })
}

fn check(settings: &Settings) -> Result<(), DemoError> {
    if !(1..=99_999).contains(&settings.photos) {
        let text = format!("{} photos: choose 1 to 99999", settings.photos);
        return Err(DemoError::Settings(text));
    }
    if !(32..=4096).contains(&settings.side) {
        let text = format!("a side of {} pixels: choose 32 to 4096", settings.side);
        return Err(DemoError::Settings(text));
    }
    Ok(())
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Claim {
    version: u32,
    #[serde(flatten)]
    settings: Settings,
}

/// Makes the folder this shop's, or finds that it is.
fn claim(folder: &Path, settings: &Settings) -> Result<(), DemoError> {
    create_folder(folder)?;
    let file = folder.join(SETTINGS_FILE);
    let claim = Claim { version: VERSION, settings: settings.clone() };
    match fs::read(&file) {
        Ok(bytes) => {
            let Ok(there) = serde_json::from_slice::<Claim>(&bytes) else {
                return Err(DemoError::NotOurs { path: file });
            };
            if there == claim {
                return Ok(());
            }
            let differs = [
                ("version", u64::from(there.version), u64::from(VERSION)),
                ("seed", there.settings.seed, settings.seed),
                ("photos", there.settings.photos.into(), settings.photos.into()),
                ("side", there.settings.side.into(), settings.side.into()),
            ]
            .into_iter()
            .filter(|(_, there, here)| there != here)
            .map(|(name, there, here)| format!("{name} {there} there, {here} now"))
            .collect::<Vec<_>>()
            .join("; ");
            Err(DemoError::OtherSettings { folder: folder.to_owned(), differs })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            for name in ["photos", "catalogue", MANIFEST_FILE, TRUTH_FILE, TRUTH_SO_FAR] {
                let path = folder.join(name);
                if path.symlink_metadata().is_ok() {
                    return Err(DemoError::NotOurs { path });
                }
            }
            let text =
                serde_json::to_vec(&claim).map_err(|e| DemoError::unwritable(&file, e.into()))?;
            put(&file, &text)
        }
        Err(source) => Err(DemoError::Unreadable { path: file, source }),
    }
}

/// Originals, each followed by its duplicates and near-duplicates.
fn families(plan: &[Planned]) -> Vec<Vec<&Planned>> {
    let mut families: Vec<Vec<&Planned>> = Vec::new();
    let mut place = HashMap::new();
    for planned in plan.iter().filter(|planned| planned.original.is_none()) {
        place.insert(planned.number, families.len());
        families.push(vec![planned]);
    }
    for planned in plan {
        if let Some(&at) = planned.original.and_then(|original| place.get(&original)) {
            families[at].push(planned);
        }
    }
    families
}

fn create_folder(folder: &Path) -> Result<(), DemoError> {
    fs::create_dir_all(folder).map_err(|source| DemoError::unwritable(folder, source))
}

/// Writes beside the file, then takes its place: a file is whole or not there.
fn put(file: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    let failed = |source| DemoError::unwritable(file, source);
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are the owner's alone; the user's mask decides on these.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut beside =
        builder.prefix(".demo-").suffix(".partial").tempfile_in(folder).map_err(failed)?;
    beside.write_all(bytes).map_err(failed)?;
    beside.persist(file).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Whether a file begins and ends as a JPEG does; a power cut can leave a part.
fn is_whole_jpeg(file: &Path) -> bool {
    let ends = || -> std::io::Result<bool> {
        let mut file = File::open(file)?;
        let (mut first, mut last) = ([0; 2], [0; 2]);
        file.read_exact(&mut first)?;
        file.seek(SeekFrom::End(-2))?;
        file.read_exact(&mut last)?;
        Ok(first == [0xFF, 0xD8] && last == [0xFF, 0xD9])
    };
    ends().unwrap_or(false)
}

/// What is known of photos, by path; a line that was cut off is as if it were not there.
fn read_truths(folder: &Path) -> Result<HashMap<String, Truth>, DemoError> {
    let mut known = HashMap::new();
    for name in [TRUTH_FILE, TRUTH_SO_FAR] {
        let path = folder.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(source) => return Err(DemoError::Unreadable { path, source }),
        };
        let truths = bytes.split(|&byte| byte == b'\n');
        let truths = truths.filter_map(|line| serde_json::from_slice::<Truth>(line).ok());
        known.extend(truths.map(|truth| (truth.photo.clone(), truth)));
    }
    Ok(known)
}

fn lines(truths: &[Truth]) -> Result<String, DemoError> {
    let mut text = String::new();
    for truth in truths {
        let line = serde_json::to_string(truth).map_err(|e| DemoError::Encode(e.to_string()))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// The truth of photos that are done, in memory and on disk, added to as they are.
struct TruthLog {
    path: PathBuf,
    state: Mutex<(File, HashMap<String, Truth>)>,
}

impl TruthLog {
    /// Begins with what is known, so that a line cut off does not spoil the next.
    fn open(folder: &Path, known: HashMap<String, Truth>) -> Result<Self, DemoError> {
        let path = folder.join(TRUTH_SO_FAR);
        let mut truths: Vec<Truth> = known.values().cloned().collect();
        truths.sort_by(|a, b| a.photo.cmp(&b.photo));
        put(&path, lines(&truths)?.as_bytes())?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(|source| DemoError::unwritable(&path, source))?;
        Ok(Self { path, state: Mutex::new((file, known)) })
    }

    fn append(&self, truth: Truth) -> Result<(), DemoError> {
        let line = lines(std::slice::from_ref(&truth))?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = state.0.write_all(line.as_bytes());
        written.map_err(|source| DemoError::unwritable(&self.path, source))?;
        state.1.insert(truth.photo.clone(), truth);
        Ok(())
    }

    fn finish(self) -> HashMap<String, Truth> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// The log has done its work once the truth is written.
fn remove_log(folder: &Path) -> Result<(), DemoError> {
    let path = folder.join(TRUTH_SO_FAR);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(DemoError::unwritable(&path, error))
        }
        _ => Ok(()),
    }
}
