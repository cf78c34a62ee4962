//! The networks' own classifiers, where they know the index's products.

use std::collections::{HashMap, HashSet};

use lookalike_rank::ClassScores;

use crate::encode::Encoder;
use crate::index::Content;

/// For each network, the product of the index that each class of its classifier is, if any. A classifier that knows
/// less than half of the products that can be found is left out.
pub(crate) struct Classifiers(Vec<Option<Vec<Option<u32>>>>);

impl Classifiers {
    pub(crate) fn new(content: &Content, encoder: &Encoder) -> Self {
        let with_photos: HashSet<u32> = content.photos.iter().map(|photo| photo.product).collect();
        let positions: HashMap<&str, u32> = content
            .products
            .iter()
            .zip(0..)
            .map(|(product, at)| (product.id.as_str(), at))
            .collect();
        let known = |ids: &[String]| {
            let product = |id: &String| {
                positions.get(id.as_str()).copied().filter(|product| with_photos.contains(product))
            };
            let products: Vec<Option<u32>> = ids.iter().map(product).collect();
            let found = products.iter().flatten().count();
            (2 * found >= with_photos.len()).then_some(products)
        };
        Self(encoder.classes().iter().map(|ids| known(ids.as_ref()?)).collect())
    }

    /// How many networks there are.
    pub(crate) fn networks(&self) -> usize {
        self.0.len()
    }

    /// The networks whose classifiers are used, by their positions.
    pub(crate) fn used(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|&network| self.0[network].is_some()).collect()
    }

    /// The scores of each network's classifier, from the probabilities of its classes; empty for those that are left
    /// out.
    pub(crate) fn class_scores(&self, class_probabilities: &[Vec<f32>]) -> Vec<ClassScores> {
        let mut all = class_probabilities.iter();
        let of_one = |(products, classes): (&Option<Vec<Option<u32>>>, Option<&Vec<f32>>)| {
            let (Some(products), Some(classes)) = (products, classes) else {
                return ClassScores::default();
            };
            let known = products.iter().zip(classes);
            let probabilities = known.filter_map(|(product, &p)| Some(((*product)?, p))).collect();
            ClassScores { probabilities }
        };
        self.0.iter().map(|products| of_one((products, all.next()))).collect()
    }
}

/// Keeps the products for which `is_allowed` is true, and scales their probabilities to the mass of all.
pub(crate) fn restrict(scores: &mut ClassScores, is_allowed: impl Fn(u32) -> bool) {
    let before: f32 = scores.probabilities.values().sum();
    scores.probabilities.retain(|&product, _| is_allowed(product));
    let after: f32 = scores.probabilities.values().sum();
    if after > 0.0 {
        scores.probabilities.values_mut().for_each(|probability| *probability *= before / after);
    }
}
