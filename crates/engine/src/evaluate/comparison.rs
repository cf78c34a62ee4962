//! Ways of ranking products, side by side on the same photos.

use std::collections::HashMap;

use lookalike_eval::{Neighbours, Query, RankingEvaluator, RankingMetrics};
use lookalike_rank::{RankedProduct, by_category, linear_pool, log_linear_pool};

use super::queries::Searched;
use super::variants;
use crate::search::Searcher;

/// Collects the rankings of each photo by every method.
pub(crate) struct Comparison<'a> {
    searcher: &'a Searcher,
    /// Each network's classifier, by the network's number, if it knows the products.
    classifiers: Vec<(usize, RankingEvaluator)>,
    /// The mean of the classifiers' probabilities, of several.
    ensemble: Option<RankingEvaluator>,
    /// The classifiers with the weights that the index has, of several.
    weighted: Option<RankingEvaluator>,
    vote: RankingEvaluator,
    /// The nearest prototypes.
    prototypes: RankingEvaluator,
    /// Half the classifiers, half the vote.
    halves: Option<RankingEvaluator>,
    /// What a search returns, with its confidence.
    search: RankingEvaluator,
    /// Other ways of ranking by neighbours.
    variants: Vec<RankingEvaluator>,
    /// A search with equal weights.
    unfitted: Option<RankingEvaluator>,
    /// A search followed by [`by_category`], if products have categories.
    categorised: Option<RankingEvaluator>,
    /// A number for the category of each product.
    category_of: Vec<Option<u32>>,
    /// How many photos each product has.
    photos_of: HashMap<u32, usize>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(searcher: &'a Searcher, with_variants: bool) -> Self {
        let mut photos_of = HashMap::new();
        for photo in searcher.index().photos() {
            *photos_of.entry(photo.product).or_default() += 1;
        }
        let names = searcher.index().model().parts.iter();
        let names = names.map(|part| format!("{}, classifier", part.identity.backbone));
        let used = searcher.classifiers().used();
        let classifiers: Vec<_> = names
            .enumerate()
            .filter(|(number, _)| used.contains(number))
            .map(|(number, name)| (number, RankingEvaluator::new(name)))
            .collect();
        let several = classifiers.len() > 1;
        let mut categories = HashMap::new();
        let category_of: Vec<Option<u32>> = searcher
            .index()
            .products()
            .iter()
            .map(|product| {
                let next = categories.len() as u32;
                product.category.as_deref().map(|name| *categories.entry(name).or_insert(next))
            })
            .collect();
        Self {
            searcher,
            ensemble: several.then(|| RankingEvaluator::new("ensemble, mean of the classifiers")),
            weighted: several.then(|| RankingEvaluator::new("ensemble, weights fitted")),
            vote: RankingEvaluator::new("nearest-neighbour vote"),
            prototypes: RankingEvaluator::new("nearest product mean"),
            halves: (!classifiers.is_empty())
                .then(|| RankingEvaluator::new("classifiers and vote, half each")),
            search: RankingEvaluator::new("search: fused, with its confidence"),
            variants: variants::NAMES
                .iter()
                .filter(|_| with_variants)
                .map(|&n| RankingEvaluator::new(n))
                .collect(),
            unfitted: with_variants.then(|| RankingEvaluator::new("search, equal weights")),
            categorised: (with_variants && !categories.is_empty())
                .then(|| RankingEvaluator::new("search, products' categories weighed, too")),
            category_of,
            classifiers,
            photos_of,
        }
    }

    /// Adds a photo.
    pub(crate) fn add(&mut self, searched: &Searched) {
        let Searched { photo, product, voted, class_scores, fused, verdict, nearest, .. } =
            searched;
        let products =
            nearest.iter().map(|&row| self.searcher.index().photos()[row as usize].product);
        let products = products.collect();
        let relevant = self.photos_of.get(product).copied().unwrap_or(0);
        let query = |ranked: &[RankedProduct], neighbours| Query {
            photo: photo.clone(),
            truth: *product,
            ranking: ranked.iter().map(|ranked| (ranked.product, ranked.score)).collect(),
            neighbours,
        };
        self.vote.add(query(voted, Some(Neighbours { products, relevant })));
        let mut answer = query(fused, None);
        if let (Some(verdict), Some(best)) = (verdict, answer.ranking.first_mut()) {
            best.1 = verdict.confidence;
        }
        self.search.add(answer);
        for (method, ranking) in self.variants.iter_mut().zip(&searched.variants) {
            let (photo, ranking) = (photo.clone(), ranking.clone());
            method.add(Query { photo, truth: *product, ranking, neighbours: None });
        }

        if let Some(method) = &mut self.unfitted {
            method.add(query(
                &log_linear_pool(voted, class_scores, &vec![1.0; class_scores.len() + 1]),
                None,
            ));
        }
        if let Some(method) = &mut self.categorised {
            let category = |product: u32| self.category_of[product as usize];
            method.add(query(&by_category(fused, category), None));
        }

        let alone = |weights: &[f32]| linear_pool(&[], class_scores, weights);
        let mut prototypes = vec![0.0; class_scores.len() + 1];
        prototypes[class_scores.len() - 1] = 1.0;
        self.prototypes.add(query(&alone(&prototypes), None));
        let parts = self.classifiers.len() as f32;
        let mut equal = vec![0.0; class_scores.len() + 1];
        let mut halves = vec![0.0; class_scores.len() + 1];
        halves[class_scores.len()] = 0.5;
        for (number, method) in &mut self.classifiers {
            let mut only = vec![0.0; class_scores.len() + 1];
            only[*number] = 1.0;
            equal[*number] = 1.0 / parts;
            halves[*number] = 0.5 / parts;
            method.add(query(&alone(&only), None));
        }
        if let Some(method) = &mut self.ensemble {
            method.add(query(&alone(&equal), None));
        }
        if let Some(method) = &mut self.weighted {
            let mut weights = self.searcher.index().content().ranking.weights.clone();
            weights[class_scores.len() - 1..].fill(0.0);
            method.add(query(&log_linear_pool(&[], class_scores, &weights), None));
        }
        if let Some(method) = &mut self.halves {
            method.add(query(&linear_pool(voted, class_scores, &halves), None));
        }
    }

    pub(crate) fn results(self) -> Vec<RankingMetrics> {
        let classifiers = self.classifiers.into_iter().map(|(_, method)| method);
        let methods = classifiers
            .chain(self.ensemble)
            .chain(self.weighted)
            .chain([self.vote, self.prototypes])
            .chain(self.halves)
            .chain(self.variants)
            .chain(self.unfitted)
            .chain(self.categorised)
            .chain([self.search]);
        methods.map(|method| method.metrics()).collect()
    }
}
