//! Ways of ranking products, side by side on the same photos.

use std::collections::HashMap;

use lookalike_eval::{Method, MethodResult, Neighbours, Query};
use lookalike_rank::RankedProduct;

use crate::Searcher;

/// Gathers what every way of ranking says of each photo.
pub(crate) struct Comparison {
    vote: Method,
    /// Each network's classifier, and for each of its classes the product in the index.
    classifiers: Vec<(Method, Vec<Option<u32>>)>,
    /// The mean of the classifiers' probabilities, of several.
    ensemble: Option<Method>,
    /// Half the ensemble, half the vote.
    fused: Option<Method>,
    /// The product of each indexed photo, and how many photos each product has.
    product_of: Vec<u32>,
    photos_of: HashMap<u32, usize>,
}

impl Comparison {
    /// `known` are the index's products by their ids.
    pub(crate) fn new(searcher: &Searcher, known: &HashMap<&str, u32>) -> Self {
        let product_of: Vec<u32> = searcher.index().photos().iter().map(|p| p.product).collect();
        let mut photos_of = HashMap::new();
        product_of.iter().for_each(|&product| *photos_of.entry(product).or_default() += 1);
        let classifiers: Vec<_> = searcher.encoder().classifiers();
        // A classifier of other products says nothing here.
        let classifiers: Vec<_> = classifiers
            .into_iter()
            .map(|(name, ids)| {
                let products: Vec<_> =
                    ids.iter().map(|id| known.get(id.as_str()).copied()).collect();
                (Method::new(format!("{name}, classifier")), products)
            })
            .collect();
        let speaks = classifiers.iter().any(|(_, products)| products.iter().any(Option::is_some));
        let classifiers = if speaks { classifiers } else { Vec::new() };
        Self {
            vote: Method::new("nearest-neighbour vote"),
            ensemble: (classifiers.len() > 1).then(|| Method::new("ensemble of the classifiers")),
            fused: (!classifiers.is_empty())
                .then(|| Method::new("classifiers and vote, half each")),
            classifiers,
            product_of,
            photos_of,
        }
    }

    /// Adds a photo of `truth`: the vote's ranking, each classifier's probabilities, the rows of the
    /// nearest photos.
    pub(crate) fn add(
        &mut self,
        photo: &str,
        truth: u32,
        voted: &[RankedProduct],
        shares: &[Vec<f32>],
        rows: &[u32],
    ) {
        let query = |ranking: Vec<(u32, f32)>, neighbours| Query {
            photo: photo.to_owned(),
            truth,
            ranking,
            neighbours,
        };
        let products = rows.iter().map(|&row| self.product_of[row as usize]).collect();
        let relevant = self.photos_of.get(&truth).copied().unwrap_or(0);
        let voted: Vec<(u32, f32)> = voted.iter().map(|r| (r.product, r.score)).collect();
        self.vote.add(query(voted.clone(), Some(Neighbours { products, relevant })));
        if self.classifiers.is_empty() {
            return;
        }
        let part = 1.0 / self.classifiers.len() as f32;
        let mut mean: HashMap<u32, f32> = HashMap::new();
        for ((method, products), shares) in self.classifiers.iter_mut().zip(shares) {
            let own = products.iter().zip(shares);
            let own: HashMap<u32, f32> = own.filter_map(|(p, &s)| Some(((*p)?, s))).collect();
            own.iter()
                .for_each(|(&product, share)| *mean.entry(product).or_default() += part * share);
            method.add(query(ranked(own), None));
        }
        let mut both: HashMap<u32, f32> = mean.iter().map(|(&p, share)| (p, share / 2.0)).collect();
        voted.iter().for_each(|(p, share)| *both.entry(*p).or_default() += share / 2.0);
        if let Some(ensemble) = &mut self.ensemble {
            ensemble.add(query(ranked(mean), None));
        }
        if let Some(fused) = &mut self.fused {
            fused.add(query(ranked(both), None));
        }
    }

    pub(crate) fn results(self) -> Vec<MethodResult> {
        let classifiers = self.classifiers.into_iter().map(|(method, _)| method);
        let methods = classifiers.chain(self.ensemble).chain([self.vote]).chain(self.fused);
        methods.map(|method| method.result()).collect()
    }
}

/// The best first; of equals the lower number.
fn ranked(shares: HashMap<u32, f32>) -> Vec<(u32, f32)> {
    let mut ranking: Vec<(u32, f32)> = shares.into_iter().collect();
    ranking.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranking
}
