//! Which split each group of photos goes to.

use std::collections::BTreeMap;

use lookalike_catalog::Split;

/// Photos that must stay together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Together {
    /// Number of its photos of each product.
    pub(crate) of_product: BTreeMap<u32, usize>,
    /// What decides between groups that are alike; random, the same for the same photos and seed.
    pub(crate) key: u64,
}

impl Together {
    fn photos(&self) -> usize {
        self.of_product.values().sum()
    }
}

/// Independent groups that a product must have to be in both `train` and `test`.
pub(crate) const INDEPENDENT: usize = 3;

const TRAIN: usize = 0;
const TEST: usize = 2;

struct State<'a> {
    groups: &'a [Together],
    /// The groups of each product.
    of_product: Vec<Vec<usize>>,
    shares: [f64; 3],
    /// Photos of each product that each split still lacks.
    need: Vec<[f64; 3]>,
    /// The same of all products.
    overall: [f64; 3],
    chosen: Vec<Option<usize>>,
}

/// Chooses a split (`train`, `val` or `test`, of these shares) for each group, so that every product's
/// photos are shared out as nearly as may be, and every product with photos is in `train`, and every one
/// with [`INDEPENDENT`] groups in `test`, too, where that can be.
///
/// Stratified over several labels at once, as by Sechidis, Tsoumakas and Vlahavas, "On the
/// stratification of multi-label data", 2011: each group goes where its products lack most. Large ones
/// go first, as small ones can make up for them.
pub(crate) fn assign(groups: &[Together], products: usize, shares: [f64; 3]) -> Vec<Split> {
    let mut state = State::new(groups, products, shares);
    state.reserve();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&g| (std::cmp::Reverse(groups[g].photos()), groups[g].key));
    for group in order {
        if state.chosen[group].is_none() {
            let split = state.most_needed(group);
            state.put(group, split);
        }
    }
    state.repair();
    state.chosen.iter().map(|&split| Split::ALL[split.unwrap_or(TRAIN)]).collect()
}

impl<'a> State<'a> {
    fn new(groups: &'a [Together], products: usize, shares: [f64; 3]) -> Self {
        let mut of_product = vec![Vec::new(); products];
        let mut need = vec![[0.0; 3]; products];
        let mut overall = [0.0; 3];
        for (number, group) in groups.iter().enumerate() {
            for (&product, &photos) in &group.of_product {
                of_product[product as usize].push(number);
                for (split, share) in shares.iter().enumerate() {
                    need[product as usize][split] += share * photos as f64;
                    overall[split] += share * photos as f64;
                }
            }
        }
        let chosen = vec![None; groups.len()];
        Self { groups, of_product, shares, need, overall, chosen }
    }

    fn put(&mut self, group: usize, split: usize) {
        let before = self.chosen[group].replace(split);
        for (&product, &photos) in &self.groups[group].of_product {
            let photos = photos as f64;
            self.need[product as usize][split] -= photos;
            self.overall[split] -= photos;
            if let Some(before) = before {
                self.need[product as usize][before] += photos;
                self.overall[before] += photos;
            }
        }
    }

    /// Splits that a product must be in.
    fn due(&self, product: usize) -> &'static [usize] {
        match self.of_product[product].len() {
            INDEPENDENT.. if self.shares[TEST] > 0.0 => &[TEST, TRAIN],
            0 => &[],
            _ => &[TRAIN],
        }
    }

    fn groups_in(&self, product: usize, split: usize) -> usize {
        self.of_product[product].iter().filter(|&&g| self.chosen[g] == Some(split)).count()
    }

    /// Puts a group of every product where it must have one; products with little choice choose first.
    fn reserve(&mut self) {
        let mut products: Vec<usize> = (0..self.of_product.len()).collect();
        products.sort_by_key(|&product| self.of_product[product].len());
        for product in products {
            for &split in self.due(product) {
                if self.groups_in(product, split) > 0 {
                    continue;
                }
                let free = self.of_product[product].iter().copied();
                let free = free.filter(|&group| self.chosen[group].is_none());
                let by_size = |&g: &usize| (self.groups[g].photos(), self.groups[g].key);
                let group =
                    if split == TEST { free.min_by_key(by_size) } else { free.max_by_key(by_size) };
                if let Some(group) = group {
                    self.put(group, split);
                }
            }
        }
    }

    /// The split that lacks most photos of a group's products, and of all products a little.
    fn most_needed(&self, group: usize) -> usize {
        let of_product = &self.groups[group].of_product;
        let photos = self.groups[group].photos() as f64;
        let products = self.need.len() as f64;
        let score = |split: usize| {
            let needs = of_product.iter();
            let needs = needs.map(|(&p, &n)| n as f64 / photos * self.need[p as usize][split]);
            needs.sum::<f64>() + self.overall[split] / products
        };
        let open = (0..3).filter(|&split| self.shares[split] > 0.0);
        open.max_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a))).unwrap_or(TRAIN)
    }

    /// Moves groups for products that lack one where they must have one, if no other then lacks one.
    fn repair(&mut self) {
        for product in 0..self.of_product.len() {
            for &split in self.due(product) {
                if self.groups_in(product, split) > 0 {
                    continue;
                }
                let movable = self.of_product[product].iter().copied();
                let movable = movable.filter(|&group| self.may_leave(group));
                let smallest =
                    movable.min_by_key(|&g| (self.groups[g].photos(), self.groups[g].key));
                if let Some(group) = smallest {
                    self.put(group, split);
                }
            }
        }
    }

    /// Whether no product needs a group where it is.
    fn may_leave(&self, group: usize) -> bool {
        let Some(split) = self.chosen[group] else { return true };
        let products = self.groups[group].of_product.keys();
        products.into_iter().all(|&product| {
            let product = product as usize;
            !self.due(product).contains(&split) || self.groups_in(product, split) > 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_testkit::Noise;

    /// A made-up catalogue: products of 1 to 40 photos, one group in five of several photos, one in ten of
    /// two products.
    fn groups(seed: u64, products: u32) -> Vec<Together> {
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
                let mut of_product = BTreeMap::from([(product, photos)]);
                if draw(10) == 0 {
                    let other = draw(products as usize) as u32;
                    *of_product.entry(other).or_default() += 1;
                }
                groups.push(Together { of_product, key: draw(1 << 30) as u64 });
            }
        }
        groups
    }

    #[test]
    fn shares_are_near_the_wanted_ones_and_no_product_lacks_a_side() {
        for seed in 0..60 {
            let products = 2 + (seed as u32 * 7) % 50;
            let groups = groups(seed, products);
            let shares = [[0.7, 0.1, 0.2], [0.8, 0.0, 0.2], [0.6, 0.2, 0.2]][seed as usize % 3];
            let splits = assign(&groups, products as usize, shares);
            let photos: usize = groups.iter().map(Together::photos).sum();
            for (split, share) in Split::ALL.into_iter().zip(shares) {
                let of_split = groups.iter().zip(&splits).filter(|(_, s)| **s == split);
                let found: usize = of_split.map(|(group, _)| group.photos()).sum();
                let found = found as f64 / photos as f64;
                // Small catalogues cannot be cut finer than by groups.
                let room = 0.03 + 8.0 / photos as f64;
                assert!(
                    (found - share).abs() < room,
                    "seed {seed}: {split} has {found}, not {share}"
                );
            }
            for product in 0..products {
                let sides = |split: Split| {
                    let of = groups
                        .iter()
                        .zip(&splits)
                        .filter(|(g, s)| **s == split && g.of_product.contains_key(&product));
                    of.count()
                };
                let (train, test) = (sides(Split::Train), sides(Split::Test));
                let all = train + test + sides(Split::Val);
                assert!(train > 0, "seed {seed}, product {product}: none of {all} in train");
                assert!(
                    test > 0 || all < INDEPENDENT,
                    "seed {seed}, product {product}: {all} groups"
                );
            }
        }
    }

    #[test]
    fn the_seed_alone_changes_the_split() {
        let groups = groups(1, 10);
        let shares = [0.7, 0.1, 0.2];
        assert_eq!(assign(&groups, 10, shares), assign(&groups, 10, shares));
        let mut others = groups.clone();
        others
            .iter_mut()
            .for_each(|group| group.key = group.key.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        assert_ne!(assign(&groups, 10, shares), assign(&others, 10, shares));
        assert!(assign(&[], 0, shares).is_empty());
    }
}
