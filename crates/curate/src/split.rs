//! A catalogue split into train, val and test, with nothing on both sides.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use lookalike_catalog::{Catalog, Skipped, Split};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::assign::{INDEPENDENT, Together, assign};
use crate::duplicates::links;
use crate::groups::Groups;
use crate::{CurateError, Finder, GroupBy, Look, SameLimits};

/// How to split.
#[derive(Debug, Clone)]
pub struct SplitSettings {
    /// Share of validation photos, 0 or more.
    pub val: f64,
    /// Share of test photos, 0 or more; with `val` below 1.
    pub test: f64,
    /// Another number gives another split; the same one gives the same.
    pub seed: u64,
    /// What keeps photos together besides being near-copies: a sender, for one.
    pub group_by: Option<GroupBy>,
    /// When photos are near-copies, which stay on one side; [`SameLimits::MOMENTS`] for one.
    pub same: SameLimits,
}

/// What a split did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitReport {
    /// Photos for training.
    pub train: u64,
    /// Photos for validation.
    pub val: u64,
    /// Photos for testing.
    pub test: u64,
    /// Groups of near-copies, each on one side.
    pub copies: Kept,
    /// Groups by what the settings name, each on one side.
    pub grouped: Kept,
    /// Groups of either kind or both, linked over however many steps.
    pub together: Kept,
    /// Pairs of near-copies found on two sides after the split: 0.
    pub leaks: u64,
    /// Pairs of near-copies that were on two sides of the catalogue's own splits; none if it had none.
    pub leaks_before: Option<u64>,
    /// Ids of products with photos, but fewer than three independent ones, which need not be tested.
    pub few: Vec<String>,
    /// Ids of products with three independent photos or more that are not in both train and test all the
    /// same, because other products share their photos.
    pub missing: Vec<String>,
    /// Photos that cannot be used, with the reason.
    pub skipped: Vec<Skipped>,
}

/// Groups of two photos or more that were kept together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Number of groups.
    pub groups: u64,
    /// Their photos, together.
    pub photos: u64,
}

impl Kept {
    fn count(groups: &[Vec<usize>]) -> Self {
        let several = groups.iter().filter(|group| group.len() > 1);
        several.fold(Self::default(), |kept, group| Self {
            groups: kept.groups + 1,
            photos: kept.photos + group.len() as u64,
        })
    }
}

/// Splits a catalogue's photos anew by product; near-copies, even of different products, stay on one
/// side. `seen` is called once for each photo.
///
/// The catalogue that comes back has the photos that can be read, each with its split. It does not
/// depend on the number of cores.
///
/// # Errors
/// [`CurateError::Shares`], [`CurateError::NothingKept`] when no photo can be read, and when the finder
/// fails.
pub fn split(
    catalog: &Catalog,
    finder: Option<&dyn Finder>,
    settings: &SplitSettings,
    seen: &(dyn Fn() + Sync),
) -> Result<(Catalog, SplitReport), CurateError> {
    let SplitSettings { val, test, seed, .. } = *settings;
    if !(val >= 0.0 && test >= 0.0 && val + test < 1.0) {
        return Err(CurateError::Shares { val, test });
    }
    let files: Vec<PathBuf> = catalog.photos.iter().map(|photo| catalog.file(photo)).collect();
    let mut usable = Catalog { photos: Vec::new(), skipped: Vec::new(), ..catalog.clone() };
    let mut skipped = catalog.skipped.clone();
    let mut looks = Vec::new();
    for (photo, look) in catalog.photos.iter().zip(Look::at_all(&files, finder, seen)?) {
        match look {
            Ok(look) => {
                looks.push(look);
                usable.photos.push(photo.clone());
            }
            Err(reason) => skipped.push(Skipped { path: photo.path.clone(), reason }),
        }
    }
    if looks.is_empty() {
        let reason = skipped.first().map_or_else(String::new, |skipped| skipped.reason.clone());
        return Err(CurateError::NothingKept { photos: skipped.len() as u64, reason });
    }

    let looked: Vec<Option<&Look>> = looks.iter().map(Some).collect();
    let pairs = links(&looked, &settings.same);
    let mut copies = Groups::new(looks.len());
    pairs.iter().for_each(|&(a, b)| copies.link(a, b));
    let mut grouped = Groups::new(looks.len());
    if let Some(group_by) = &settings.group_by {
        let mut first_of: HashMap<String, usize> = HashMap::new();
        for (number, photo) in usable.photos.iter().enumerate() {
            if let Some(group) = group_by.group_of(&usable, photo) {
                grouped.link(*first_of.entry(group).or_insert(number), number);
            }
        }
    }
    let mut both = copies.clone();
    (0..looks.len()).for_each(|number| both.link(number, grouped.of(number)));
    let groups = both.all();

    let together: Vec<Together> = groups.iter().map(|group| gather(&usable, group, seed)).collect();
    let splits = assign(&together, usable.products.len(), [1.0 - val - test, val, test]);
    let is_split = usable.photos.iter().any(|photo| photo.split.is_some());
    let leaks_before = is_split.then(|| leaks(&usable, &pairs));
    for (group, split) in groups.iter().zip(&splits) {
        group.iter().for_each(|&photo| usable.photos[photo].split = Some(*split));
    }
    let count = |split: Split| {
        usable.photos.iter().filter(|photo| photo.split == Some(split)).count() as u64
    };
    let (few, missing) = short(&usable, &together, &splits, test > 0.0);
    let report = SplitReport {
        train: count(Split::Train),
        val: count(Split::Val),
        test: count(Split::Test),
        copies: Kept::count(&copies.all()),
        grouped: Kept::count(&grouped.all()),
        together: Kept::count(&groups),
        leaks: leaks(&usable, &pairs),
        leaks_before,
        few,
        missing,
        skipped,
    };
    Ok((usable, report))
}

/// A group as the assignment sees it.
fn gather(catalog: &Catalog, group: &[usize], seed: u64) -> Together {
    let mut of_product: BTreeMap<u32, usize> = BTreeMap::new();
    let mut paths: Vec<&str> = Vec::with_capacity(group.len());
    for &number in group {
        let photo = &catalog.photos[number];
        *of_product.entry(photo.product).or_default() += 1;
        paths.push(&photo.path);
    }
    let first = paths.into_iter().min().unwrap_or_default();
    // From the photo's own name: photos that are added elsewhere do not stir up the order.
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(first).finalize();
    let key = digest.iter().take(8).fold(0, |key, &byte| (key << 8) | u64::from(byte));
    Together { of_product, key }
}

/// Pairs of copies whose photos are in different splits.
fn leaks(catalog: &Catalog, pairs: &[(usize, usize)]) -> u64 {
    let split = |number: usize| catalog.photos[number].split;
    pairs.iter().filter(|&&(a, b)| split(a) != split(b)).count() as u64
}

/// Products with too few groups to be split, and those that lack a side for another reason.
fn short(
    catalog: &Catalog,
    groups: &[Together],
    splits: &[Split],
    is_tested: bool,
) -> (Vec<String>, Vec<String>) {
    let (mut few, mut missing) = (Vec::new(), Vec::new());
    for (number, product) in (0u32..).zip(&catalog.products) {
        let groups = groups.iter().zip(splits);
        let of_product = groups.filter(|(group, _)| group.of_product.contains_key(&number));
        let sides: Vec<Split> = of_product.map(|(_, &split)| split).collect();
        let lacks = !sides.contains(&Split::Train) || (is_tested && !sides.contains(&Split::Test));
        if (1..INDEPENDENT).contains(&sides.len()) {
            few.push(product.id.clone());
        } else if !sides.is_empty() && lacks {
            missing.push(product.id.clone());
        }
    }
    (few, missing)
}
