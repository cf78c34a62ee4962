//! Writes a shop to a folder, photo by photo, and goes on where an earlier run stopped.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use lookalike_base::progress::{Phase, Progress, Unit};
use rayon::prelude::*;

use super::annotation_log::{self, AnnotationLog, to_lines};
use super::annotations::PhotoAnnotations;
use super::folder::{claim, create, is_whole_jpeg, write_file, write_photo};
use super::manifest::manifest;
use super::paths::{ANNOTATIONS, MANIFEST, catalogue_path, photo_path};
use super::photo::{encode_catalogue_picture, encode_family};
use crate::error::DemoError;
use crate::photo_plan::{PlannedPhoto, plan};
use crate::settings::Settings;
use crate::shop::Shop;

/// A shop that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The manifest, to be opened as a catalogue.
    pub manifest: PathBuf,
    /// The annotations of all photos, [`PhotoAnnotations`] a line.
    pub annotations: PathBuf,
    /// Number of photos of the shop.
    pub photos: u32,
    /// Number of photos and catalogue pictures that this run drew; the others were there.
    pub drawn: u32,
}

/// Writes a shop: `photos/PRODUCT/NNNNN.jpg`, `catalogue/PRODUCT.jpg`, `annotations.jsonl` and, last,
/// `catalog.jsonl`.
///
/// Photos are drawn one to a core. Photos from an earlier run that was interrupted are kept. The steps of `progress`
/// are photos and catalogue pictures.
///
/// # Errors
/// [`DemoError`]: settings out of range, a folder that cannot be written to or has other files, a full disk, or
/// [`DemoError::Cancelled`] when `progress` is cancelled.
pub fn write(
    folder: &Path,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Written, DemoError> {
    settings.check()?;
    claim(folder, settings)?;
    let shop = Shop::new(settings.seed);
    let plan = plan(settings.seed, settings.photos, shop.products().len());
    for product in shop.products() {
        create(&folder.join("photos").join(&product.id))?;
    }
    create(&folder.join("catalogue"))?;

    let mut known = annotation_log::read(folder)?;
    known.retain(|photo, _| is_whole_jpeg(&folder.join(photo)));
    let job = Job::new(folder, &shop, settings, &plan, &known);
    let drawn = job.steps();
    let total = settings.photos + shop.products().len() as u32;
    progress.begin(Phase {
        label: "drawing photos",
        total: Some(total.into()),
        done: (total - drawn).into(),
        unit: Unit::Items,
    });
    let annotated = AnnotationLog::open(folder, known).and_then(|log| {
        job.draw(&log, progress)?;
        Ok(log.finish())
    });
    progress.end();
    let mut annotated = annotated?;

    let photos: Vec<PhotoAnnotations> =
        plan.iter().filter_map(|planned| annotated.remove(&photo_path(&shop, planned))).collect();
    let written = Written {
        manifest: folder.join(MANIFEST),
        annotations: folder.join(ANNOTATIONS),
        photos: settings.photos,
        drawn,
    };
    write_file(&written.annotations, to_lines(&photos)?.as_bytes())?;
    annotation_log::remove(folder)?;
    write_file(&written.manifest, manifest(&shop, &plan).as_bytes())?;
    Ok(written)
}

/// The pictures that are still to be drawn.
struct Job<'a> {
    folder: &'a Path,
    shop: &'a Shop,
    settings: &'a Settings,
    /// Paths of photos that are there.
    there: HashSet<String>,
    /// Originals with their duplicates, where one of them is missing.
    families: Vec<Vec<&'a PlannedPhoto>>,
    /// Products without a catalogue picture.
    products: Vec<usize>,
    missing_photos: u32,
}

impl<'a> Job<'a> {
    fn new(
        folder: &'a Path,
        shop: &'a Shop,
        settings: &'a Settings,
        plan: &'a [PlannedPhoto],
        known: &HashMap<String, PhotoAnnotations>,
    ) -> Self {
        let there: HashSet<String> = known.keys().cloned().collect();
        let is_missing = |planned: &&PlannedPhoto| !there.contains(&photo_path(shop, planned));
        let mut families = families(plan);
        families.retain(|family| family.iter().any(&is_missing));
        let products = (0..shop.products().len())
            .filter(|&product| !is_whole_jpeg(&folder.join(catalogue_path(shop, product))))
            .collect();
        let missing_photos = plan.iter().filter(&is_missing).count() as u32;
        Self { folder, shop, settings, there, families, products, missing_photos }
    }

    /// Number of pictures to draw.
    fn steps(&self) -> u32 {
        self.missing_photos + self.products.len() as u32
    }

    /// Draws and writes them on all cores.
    fn draw(&self, log: &AnnotationLog, progress: &dyn Progress) -> Result<(), DemoError> {
        let check = || if progress.is_cancelled() { Err(DemoError::Cancelled) } else { Ok(()) };
        self.products.par_iter().try_for_each(|&product| {
            check()?;
            let bytes = encode_catalogue_picture(self.shop, self.settings, product)?;
            write_photo(&self.folder.join(catalogue_path(self.shop, product)), &bytes)?;
            progress.advance(1);
            Ok::<_, DemoError>(())
        })?;
        self.families.par_iter().try_for_each(|family| {
            check()?;
            for encoded in encode_family(self.shop, self.settings, family)? {
                if !self.there.contains(&encoded.annotations.photo) {
                    write_photo(&self.folder.join(&encoded.annotations.photo), &encoded.bytes)?;
                    log.append(encoded.annotations)?;
                    progress.advance(1);
                }
            }
            Ok::<_, DemoError>(())
        })
    }
}

/// Originals, each followed by its duplicates and near-duplicates.
fn families(plan: &[PlannedPhoto]) -> Vec<Vec<&PlannedPhoto>> {
    let mut families: Vec<Vec<&PlannedPhoto>> = Vec::new();
    let mut position = HashMap::new();
    for planned in plan.iter().filter(|planned| planned.original.is_none()) {
        position.insert(planned.number, families.len());
        families.push(vec![planned]);
    }
    for planned in plan {
        if let Some(&at) = planned.original.and_then(|original| position.get(&original)) {
            families[at].push(planned);
        }
    }
    families
}
