//! Answers to harder views of an index's own photos: each is searched for without itself, by a metric that is learnt
//! without it (cross-fitting). By the index's own metric, photos would be nearer to their products than new ones are.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lookalike_catalog::PhotoSource;
use lookalike_rank::KnownAnswer;
use lookalike_vectors::Vectors;
use rayon::prelude::*;

use super::answers::{Gallery, Sample, photo_counts};
use super::classifiers::Classifiers;
use crate::encode::{Encoder, Hardness};
use crate::error::EngineError;
use crate::index::{Content, IndexedPhoto};
use crate::metric::{Metric, TrainingPhotos};
use crate::progress::{FIT, Phase, Progress};

/// Photos that are searched for at most.
const MOST: usize = 400;

/// The parts that the photos are divided into where there are few: each is searched for by what the others teach.
const FOLDS: usize = 3;

/// The accuracy below which answers are wrong often enough to learn from.
const HARD_ENOUGH: f64 = 0.93;

/// The same where products have one photo, and a view is searched for among the photos themselves: nothing but the
/// view differs, so it must be much harder to be like another photo.
const HARD_ENOUGH_ONE_PHOTO: f64 = 0.75;

/// Answers to an index's own photos.
pub(super) struct OwnPhotos<'a> {
    content: &'a Content,
    encoder: &'a Encoder,
    weights: &'a [f32],
    /// Whether most products have a single photo, which is then not left out.
    one_photo_each: bool,
    folds: Vec<Fold<'a>>,
    answers: HashMap<Hardness, Vec<KnownAnswer>>,
}

/// Some photos, and the metric that the others taught.
struct Fold<'a> {
    rows: Vec<u32>,
    metric: Metric,
    gallery: Gallery<'a>,
}

impl<'a> OwnPhotos<'a> {
    /// `embeddings` are the encoder's, of the index's photos, shape `(photos, embedding_dim)`.
    pub(super) fn new(
        content: &'a Content,
        embeddings: &[f32],
        encoder: &'a Encoder,
        classifiers: &'a Classifiers,
        weights: &'a [f32],
    ) -> Result<Self, EngineError> {
        let counts = photo_counts(content.products.len(), &content.photos);
        let is_only_photo = |row: &u32| counts[content.photos[*row as usize].product as usize] == 1;
        let all: Vec<u32> = (0..content.photos.len() as u32).collect();
        let one_photo_each = 2 * all.iter().filter(|row| is_only_photo(row)).count() > all.len();
        // Among products of several photos, a photo that is its product's only one cannot be found without itself.
        let mut usable: Vec<u32> =
            all.into_iter().filter(|row| one_photo_each || !is_only_photo(row)).collect();
        // Nobody searches for a catalogue picture: where there are customers' photos, those stand for queries.
        let is_review = |row: &u32| content.photos[*row as usize].source == PhotoSource::Review;
        if usable.iter().any(is_review) {
            usable.retain(is_review);
        }
        let step = usable.len().div_ceil(MOST).max(1);
        let sampled: Vec<u32> = usable.into_iter().step_by(step).collect();
        let folds = if step >= FOLDS { 1 } else { FOLDS };
        let folds = (0..folds).map(|fold| {
            let rows: Vec<u32> = sampled.iter().copied().skip(fold).step_by(folds).collect();
            Fold::new(content, embeddings, encoder, classifiers, rows)
        });
        let folds = folds.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        Ok(Self { content, encoder, weights, one_photo_each, folds, answers: HashMap::new() })
    }

    /// Answers whose first product is wrong often enough to learn from, and no oftener, and how hard the views are.
    pub(super) fn hard_enough(
        &mut self,
        progress: &dyn Progress,
    ) -> Result<(Hardness, Vec<KnownAnswer>), EngineError> {
        let (levels, enough) = match self.one_photo_each {
            true => (&Hardness::ALL[1..], HARD_ENOUGH_ONE_PHOTO),
            false => (&Hardness::ALL[..], HARD_ENOUGH),
        };
        let mut hardest = (Hardness::Hardest, Vec::new());
        for &hardness in levels {
            let answers = self.answers(hardness, progress)?;
            let right = answers.iter().filter(|answer| answer.is_right).count();
            let is_enough = right as f64 <= enough * answers.len() as f64;
            hardest = (hardness, answers);
            if is_enough {
                break;
            }
        }
        Ok(hardest)
    }

    /// Answers to views that are about as far from the index's photos as new photos are: what falls below nearly all of
    /// them is no match.
    pub(super) fn reference(
        &mut self,
        progress: &dyn Progress,
    ) -> Result<Vec<KnownAnswer>, EngineError> {
        self.answers(Hardness::Light, progress)
    }

    /// Whether products have a single photo each.
    pub(super) fn have_one_photo_each(&self) -> bool {
        self.one_photo_each
    }

    /// The answers to views of some hardness.
    fn answers(
        &mut self,
        hardness: Hardness,
        progress: &dyn Progress,
    ) -> Result<Vec<KnownAnswer>, EngineError> {
        if let Some(answers) = self.answers.get(&hardness) {
            return Ok(answers.clone());
        }
        let count: usize = self.folds.iter().map(|fold| fold.rows.len()).sum();
        progress.begin(Phase::items(FIT, count as u64));
        let mut answers = Vec::with_capacity(count);
        for fold in &self.folds {
            let samples = self.samples(fold, hardness, progress)?;
            let of_fold = samples.par_iter().map(|sample| {
                let found = fold.gallery.find(sample)?;
                Ok(fold.gallery.answer(sample, &found, self.weights))
            });
            answers.extend(of_fold.collect::<Result<Vec<_>, EngineError>>()?);
        }
        progress.end();
        self.answers.insert(hardness, answers.clone());
        Ok(answers)
    }

    /// The photos of a fold, seen harder, without those that can no longer be read.
    fn samples(
        &self,
        fold: &Fold<'_>,
        hardness: Hardness,
        progress: &dyn Progress,
    ) -> Result<Vec<Sample>, EngineError> {
        let root = Path::new(&self.content.root);
        let file = |row: &u32| root.join(&self.content.photos[*row as usize].path);
        let files: Vec<PathBuf> = fold.rows.iter().map(file).collect();
        let change = |photo, number: u64| {
            // Different for each photo and each hardness, and the same in every build.
            hardness.apply(photo, number * Hardness::ALL.len() as u64 + hardness as u64)
        };
        let source = fold.rows.first().map(|&row| self.content.photos[row as usize].source);
        let queries = self.encoder.embed_changed_files(
            &files,
            change,
            &fold.metric,
            // Views of pictures are pictures, if there is nothing else.
            source.unwrap_or_default(),
            progress,
        )?;
        let samples = fold.rows.iter().zip(queries).filter_map(|(&row, query)| {
            let (embedding, _) = query.ok()?;
            let truth = self.content.photos[row as usize].product;
            Some(Sample { truth, left_out: (!self.one_photo_each).then_some(row), embedding })
        });
        Ok(samples.collect())
    }
}

impl<'a> Fold<'a> {
    /// `None` where the other photos do not make a metric by which all have a direction.
    fn new(
        content: &'a Content,
        embeddings: &[f32],
        encoder: &Encoder,
        classifiers: &'a Classifiers,
        rows: Vec<u32>,
    ) -> Result<Option<Self>, EngineError> {
        let all: Vec<&[f32]> = embeddings.chunks_exact(content.model.embedding_dim()).collect();
        let left_out: HashSet<u32> = rows.iter().copied().collect();
        let others = (0u32..).zip(&content.photos).filter(|(row, _)| !left_out.contains(row));
        let others: Vec<(u32, &IndexedPhoto)> = others.collect();
        let learnt_from: Vec<&[f32]> = others.iter().map(|(row, _)| all[*row as usize]).collect();
        let products: Vec<u32> = others.iter().map(|(_, photo)| photo.product).collect();
        let sources: Vec<PhotoSource> = others.iter().map(|(_, photo)| photo.source).collect();
        let training =
            TrainingPhotos { embeddings: &learnt_from, products: &products, sources: &sources };
        let priors = encoder.metric_priors();
        let metric = content.metric.fit_again(&content.model, &priors, &training)?;
        // Where too few are left to learn a metric of the same kind from, the index's own has to do.
        let metric = match metric.is_learnt() == content.metric.is_learnt() {
            true => metric,
            false => content.metric.clone(),
        };
        let sources: Vec<PhotoSource> = content.photos.iter().map(|photo| photo.source).collect();
        let Ok(vectors) = Vectors::normalised(metric.dim(), metric.apply_all(&all, &sources))
        else {
            return Ok(None);
        };
        let gallery = Gallery::new(content, Arc::new(vectors), classifiers);
        Ok(Some(Self { rows, metric, gallery }))
    }
}
