//! Splits a catalogue into train, val and test without leakage: near-duplicates and related photos stay on one side.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use lookalike_catalog::{Catalog, Skipped, Split};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::duplicates::duplicate_pairs;
use crate::stratify::{MIN_GROUPS_TO_TEST, PhotoGroup, stratified_split};
use crate::union_find::UnionFind;
use crate::{CurateError, GroupBy, NearDuplicateThresholds, PhotoAnalyser, PhotoMeasurement};

/// How to split.
#[derive(Debug, Clone)]
pub struct SplitSettings {
    /// Fraction of validation photos, 0 or more.
    pub val: f64,
    /// Fraction of test photos, 0 or more; together with `val` below 1.
    pub test: f64,
    /// Seed of the split.
    pub seed: u64,
    /// What else keeps photos in one split, such as their sender.
    pub group_by: Option<GroupBy>,
    /// When photos are near-duplicates, which stay in one split; usually [`NearDuplicateThresholds::SAME_SCENE`].
    pub near_duplicates: NearDuplicateThresholds,
}

/// The result of a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitReport {
    /// Number of training photos.
    pub train: u64,
    /// Number of validation photos.
    pub val: u64,
    /// Number of test photos.
    pub test: u64,
    /// Groups of near-duplicates, each in one split.
    pub near_duplicates: GroupCounts,
    /// Groups by [`SplitSettings::group_by`], each in one split.
    pub grouped: GroupCounts,
    /// Connected components of both kinds of groups, each in one split.
    pub combined: GroupCounts,
    /// Pairs of near-duplicates in different splits after the split: 0.
    pub leaking_pairs: u64,
    /// Pairs of near-duplicates in different splits of the catalogue before; none if it had no splits.
    pub leaking_pairs_before: Option<u64>,
    /// Ids of products with photos in fewer than three groups, which need not be in `test`.
    pub too_few_photos: Vec<String>,
    /// Ids of products with three groups or more that are still not in both `train` and `test`, because their groups
    /// also hold photos of other products.
    pub not_in_train_and_test: Vec<String>,
    /// Photos that cannot be used, with the reason.
    pub skipped: Vec<Skipped>,
}

/// Groups of two photos or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct GroupCounts {
    /// Number of groups.
    pub groups: u64,
    /// Number of photos in them.
    pub photos: u64,
}

impl GroupCounts {
    fn count(groups: &[Vec<usize>]) -> Self {
        let several = groups.iter().filter(|group| group.len() > 1);
        several.fold(Self::default(), |sum, group| Self {
            groups: sum.groups + 1,
            photos: sum.photos + group.len() as u64,
        })
    }
}

/// Splits a catalogue's photos, stratified by product; near-duplicates stay in one split, even those of different
/// products. Splits that the catalogue has are ignored. `on_photo` is called after each photo.
///
/// The returned catalogue has the readable photos, each with its split. It does not depend on the number of cores.
///
/// # Errors
/// [`CurateError::SplitFractions`], [`CurateError::NothingKept`] when no photo can be read, and when the network
/// fails.
pub fn split(
    catalog: &Catalog,
    analyser: Option<&dyn PhotoAnalyser>,
    settings: &SplitSettings,
    on_photo: &(dyn Fn() + Sync),
) -> Result<(Catalog, SplitReport), CurateError> {
    let SplitSettings { val, test, seed, .. } = *settings;
    if !(val >= 0.0 && test >= 0.0 && val + test < 1.0) {
        return Err(CurateError::SplitFractions { val, test });
    }
    let files: Vec<PathBuf> = catalog.photos.iter().map(|photo| catalog.file(photo)).collect();
    let mut usable = Catalog { photos: Vec::new(), skipped: Vec::new(), ..catalog.clone() };
    let mut skipped = catalog.skipped.clone();
    let mut measurements = Vec::new();
    for (photo, measurement) in
        catalog.photos.iter().zip(PhotoMeasurement::of_files(&files, analyser, on_photo)?)
    {
        match measurement {
            Ok(measurement) => {
                measurements.push(measurement);
                usable.photos.push(photo.clone());
            }
            Err(reason) => skipped.push(Skipped { path: photo.path.clone(), reason }),
        }
    }
    if measurements.is_empty() {
        let reason = skipped.first().map_or_else(String::new, |skipped| skipped.reason.clone());
        return Err(CurateError::NothingKept { photos: skipped.len() as u64, reason });
    }

    let readable: Vec<Option<&PhotoMeasurement>> = measurements.iter().map(Some).collect();
    let pairs = duplicate_pairs(&readable, &settings.near_duplicates);
    let mut duplicates = UnionFind::new(measurements.len());
    pairs.iter().for_each(|&(a, b)| duplicates.union(a, b));
    let mut grouped = UnionFind::new(measurements.len());
    if let Some(group_by) = &settings.group_by {
        let mut first_of: HashMap<String, usize> = HashMap::new();
        for (number, photo) in usable.photos.iter().enumerate() {
            if let Some(group) = group_by.key_of(&usable, photo) {
                grouped.union(*first_of.entry(group).or_insert(number), number);
            }
        }
    }
    let mut combined = duplicates.clone();
    (0..measurements.len()).for_each(|number| combined.union(number, grouped.find(number)));
    let components = combined.sets();

    let groups: Vec<PhotoGroup> =
        components.iter().map(|photos| photo_group(&usable, photos, seed)).collect();
    let splits = stratified_split(&groups, usable.products.len(), [1.0 - val - test, val, test]);
    let is_split = usable.photos.iter().any(|photo| photo.split.is_some());
    let leaking_pairs_before = is_split.then(|| leaking_pairs(&usable, &pairs));
    for (group, split) in components.iter().zip(&splits) {
        group.iter().for_each(|&photo| usable.photos[photo].split = Some(*split));
    }
    let count = |split: Split| {
        usable.photos.iter().filter(|photo| photo.split == Some(split)).count() as u64
    };
    let (too_few_photos, not_in_train_and_test) =
        products_lacking_splits(&usable, &groups, &splits, test > 0.0);
    let report = SplitReport {
        train: count(Split::Train),
        val: count(Split::Val),
        test: count(Split::Test),
        near_duplicates: GroupCounts::count(&duplicates.sets()),
        grouped: GroupCounts::count(&grouped.sets()),
        combined: GroupCounts::count(&components),
        leaking_pairs: leaking_pairs(&usable, &pairs),
        leaking_pairs_before,
        too_few_photos,
        not_in_train_and_test,
        skipped,
    };
    Ok((usable, report))
}

/// The photos at these positions as a group to stratify.
fn photo_group(catalog: &Catalog, photos: &[usize], seed: u64) -> PhotoGroup {
    let mut photos_by_product: BTreeMap<u32, usize> = BTreeMap::new();
    let mut paths: Vec<&str> = Vec::with_capacity(photos.len());
    for &number in photos {
        let photo = &catalog.photos[number];
        *photos_by_product.entry(photo.product).or_default() += 1;
        paths.push(&photo.path);
    }
    let first = paths.into_iter().min().unwrap_or_default();
    // From the path of a photo of the group, so that adding other photos does not change the order.
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(first).finalize();
    let key = digest.iter().take(8).fold(0, |key, &byte| (key << 8) | u64::from(byte));
    PhotoGroup { photos_by_product, key }
}

/// The number of pairs whose photos are in different splits.
fn leaking_pairs(catalog: &Catalog, pairs: &[(usize, usize)]) -> u64 {
    let split = |number: usize| catalog.photos[number].split;
    pairs.iter().filter(|&&(a, b)| split(a) != split(b)).count() as u64
}

/// Ids of products with too few groups to be tested, and of those that lack a split for another reason.
fn products_lacking_splits(
    catalog: &Catalog,
    groups: &[PhotoGroup],
    splits: &[Split],
    is_tested: bool,
) -> (Vec<String>, Vec<String>) {
    let (mut too_few, mut lacking) = (Vec::new(), Vec::new());
    for (number, product) in (0u32..).zip(&catalog.products) {
        let groups = groups.iter().zip(splits);
        let of_product = groups.filter(|(group, _)| group.photos_by_product.contains_key(&number));
        let splits: Vec<Split> = of_product.map(|(_, &split)| split).collect();
        let lacks =
            !splits.contains(&Split::Train) || (is_tested && !splits.contains(&Split::Test));
        if (1..MIN_GROUPS_TO_TEST).contains(&splits.len()) {
            too_few.push(product.id.clone());
        } else if !splits.is_empty() && lacks {
            lacking.push(product.id.clone());
        }
    }
    (too_few, lacking)
}
