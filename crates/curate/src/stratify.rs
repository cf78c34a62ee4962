//! Stratified splits of groups of photos: every product in the right fractions, no group on two sides. Iterative
//! stratification of Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", 2011.

use std::collections::BTreeMap;

use lookalike_catalog::Split;

/// Photos that must be in one split.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PhotoGroup {
    /// Number of its photos of each product.
    pub(crate) photos_by_product: BTreeMap<u32, usize>,
    /// Breaks ties; random, the same for the same photos and seed.
    pub(crate) key: u64,
}

impl PhotoGroup {
    fn photos(&self) -> usize {
        self.photos_by_product.values().sum()
    }
}

/// Groups that a product must have to be in both `train` and `test`.
pub(crate) const MIN_GROUPS_TO_TEST: usize = 3;

const TRAIN: usize = 0;
const TEST: usize = 2;

struct State<'a> {
    groups: &'a [PhotoGroup],
    /// The groups of each product.
    groups_of_product: Vec<Vec<usize>>,
    fractions: [f64; 3],
    /// Photos of each product that each split still lacks, negative where it has too many.
    deficit: Vec<[f64; 3]>,
    /// The same over all products.
    overall_deficit: [f64; 3],
    chosen: Vec<Option<usize>>,
}

/// Chooses a split (`train`, `val` or `test`, in these fractions) for each group: every product with photos is in
/// `train`, and every one with [`MIN_GROUPS_TO_TEST`] groups also in `test`, where possible.
///
/// Each group goes where its products lack most photos. Large groups go first, as small ones can even out.
pub(crate) fn stratified_split(
    groups: &[PhotoGroup],
    products: usize,
    fractions: [f64; 3],
) -> Vec<Split> {
    let mut state = State::new(groups, products, fractions);
    state.assign_required();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&g| (std::cmp::Reverse(groups[g].photos()), groups[g].key));
    for group in order {
        if state.chosen[group].is_none() {
            let split = state.neediest_split(group);
            state.assign(group, split);
        }
    }
    state.repair();
    state.chosen.iter().map(|&split| Split::ALL[split.unwrap_or(TRAIN)]).collect()
}

impl<'a> State<'a> {
    fn new(groups: &'a [PhotoGroup], products: usize, fractions: [f64; 3]) -> Self {
        let mut groups_of_product = vec![Vec::new(); products];
        let mut deficit = vec![[0.0; 3]; products];
        let mut overall_deficit = [0.0; 3];
        for (number, group) in groups.iter().enumerate() {
            for (&product, &photos) in &group.photos_by_product {
                groups_of_product[product as usize].push(number);
                for (split, fraction) in fractions.iter().enumerate() {
                    deficit[product as usize][split] += fraction * photos as f64;
                    overall_deficit[split] += fraction * photos as f64;
                }
            }
        }
        let chosen = vec![None; groups.len()];
        Self { groups, groups_of_product, fractions, deficit, overall_deficit, chosen }
    }

    fn assign(&mut self, group: usize, split: usize) {
        let before = self.chosen[group].replace(split);
        for (&product, &photos) in &self.groups[group].photos_by_product {
            let photos = photos as f64;
            self.deficit[product as usize][split] -= photos;
            self.overall_deficit[split] -= photos;
            if let Some(before) = before {
                self.deficit[product as usize][before] += photos;
                self.overall_deficit[before] += photos;
            }
        }
    }

    /// Splits that a product must be in.
    fn required_splits(&self, product: usize) -> &'static [usize] {
        match self.groups_of_product[product].len() {
            MIN_GROUPS_TO_TEST.. if self.fractions[TEST] > 0.0 => &[TEST, TRAIN],
            0 => &[],
            _ => &[TRAIN],
        }
    }

    fn groups_in(&self, product: usize, split: usize) -> usize {
        self.groups_of_product[product].iter().filter(|&&g| self.chosen[g] == Some(split)).count()
    }

    /// Assigns a group of every product to each split that requires one; products with fewest groups go first.
    fn assign_required(&mut self) {
        let mut products: Vec<usize> = (0..self.groups_of_product.len()).collect();
        products.sort_by_key(|&product| self.groups_of_product[product].len());
        for product in products {
            for &split in self.required_splits(product) {
                if self.groups_in(product, split) > 0 {
                    continue;
                }
                let free = self.groups_of_product[product].iter().copied();
                let free = free.filter(|&group| self.chosen[group].is_none());
                let by_size = |&g: &usize| (self.groups[g].photos(), self.groups[g].key);
                let group =
                    if split == TEST { free.min_by_key(by_size) } else { free.max_by_key(by_size) };
                if let Some(group) = group {
                    self.assign(group, split);
                }
            }
        }
    }

    /// The split that lacks most photos of a group's products, with a small term for photos of all products.
    fn neediest_split(&self, group: usize) -> usize {
        let photos_by_product = &self.groups[group].photos_by_product;
        let photos = self.groups[group].photos() as f64;
        let products = self.deficit.len() as f64;
        let score = |split: usize| {
            let needs = photos_by_product.iter();
            let needs = needs.map(|(&p, &n)| n as f64 / photos * self.deficit[p as usize][split]);
            needs.sum::<f64>() + self.overall_deficit[split] / products
        };
        let open = (0..3).filter(|&split| self.fractions[split] > 0.0);
        open.max_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a))).unwrap_or(TRAIN)
    }

    /// Moves groups to required splits without one, unless that leaves another required split empty.
    fn repair(&mut self) {
        for product in 0..self.groups_of_product.len() {
            for &split in self.required_splits(product) {
                if self.groups_in(product, split) > 0 {
                    continue;
                }
                let movable = self.groups_of_product[product].iter().copied();
                let movable = movable.filter(|&group| self.is_movable(group));
                let smallest =
                    movable.min_by_key(|&g| (self.groups[g].photos(), self.groups[g].key));
                if let Some(group) = smallest {
                    self.assign(group, split);
                }
            }
        }
    }

    /// Whether no product requires a group in the split where it is.
    fn is_movable(&self, group: usize) -> bool {
        let Some(split) = self.chosen[group] else { return true };
        let products = self.groups[group].photos_by_product.keys();
        products.into_iter().all(|&product| {
            let product = product as usize;
            !self.required_splits(product).contains(&split) || self.groups_in(product, split) > 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_testkit::Noise;

    /// A made-up catalogue: products of 1 to 40 photos, one group in five of several photos, one in ten of
    /// two products.
    fn groups(seed: u64, products: u32) -> Vec<PhotoGroup> {
        let noise = Noise::named(&format!("groups {seed}"));
        let mut drawn = 0;
        let mut draw = |below: usize| {
            drawn += 1;
            ((noise.at(drawn) + 0.5) * below as f64) as usize
        };
        let mut groups = Vec::new();
        for product in 0..products {
            for _ in 0..1 + draw(40) {
                let photos = if draw(5) == 0 { 2 + draw(4) } else { 1 };
                let mut photos_by_product = BTreeMap::from([(product, photos)]);
                if draw(10) == 0 {
                    let other = draw(products as usize) as u32;
                    *photos_by_product.entry(other).or_default() += 1;
                }
                groups.push(PhotoGroup { photos_by_product, key: draw(1 << 30) as u64 });
            }
        }
        groups
    }

    #[test]
    fn fractions_are_met_and_no_product_lacks_a_required_split() {
        for seed in 0..60 {
            let products = 2 + (seed as u32 * 7) % 50;
            let groups = groups(seed, products);
            let fractions = [[0.7, 0.1, 0.2], [0.8, 0.0, 0.2], [0.6, 0.2, 0.2]][seed as usize % 3];
            let splits = stratified_split(&groups, products as usize, fractions);
            let photos: usize = groups.iter().map(PhotoGroup::photos).sum();
            for (split, fraction) in Split::ALL.into_iter().zip(fractions) {
                let of_split = groups.iter().zip(&splits).filter(|(_, s)| **s == split);
                let found: usize = of_split.map(|(group, _)| group.photos()).sum();
                let found = found as f64 / photos as f64;
                // Small catalogues cannot be split finer than by groups.
                let room = 0.03 + 8.0 / photos as f64;
                assert!(
                    (found - fraction).abs() < room,
                    "seed {seed}: {split} has {found}, not {fraction}"
                );
            }
            for product in 0..products {
                let sides = |split: Split| {
                    let of = groups.iter().zip(&splits).filter(|(g, s)| {
                        **s == split && g.photos_by_product.contains_key(&product)
                    });
                    of.count()
                };
                let (train, test) = (sides(Split::Train), sides(Split::Test));
                let all = train + test + sides(Split::Val);
                assert!(train > 0, "seed {seed}, product {product}: none of {all} in train");
                assert!(
                    test > 0 || all < MIN_GROUPS_TO_TEST,
                    "seed {seed}, product {product}: {all} groups"
                );
            }
        }
    }

    #[test]
    fn the_seed_alone_changes_the_split() {
        let groups = groups(1, 10);
        let fractions = [0.7, 0.1, 0.2];
        assert_eq!(
            stratified_split(&groups, 10, fractions),
            stratified_split(&groups, 10, fractions)
        );
        let mut others = groups.clone();
        others
            .iter_mut()
            .for_each(|group| group.key = group.key.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        assert_ne!(
            stratified_split(&groups, 10, fractions),
            stratified_split(&others, 10, fractions)
        );
        assert!(stratified_split(&[], 0, fractions).is_empty());
    }
}
