use std::time::{Duration, Instant};

use lookalike_photo::{Crop, DecodeLimits, decode};
use lookalike_rank::{Neighbour, RankedProduct, Verdict, vote};
use lookalike_vectors::VectorStore;

use crate::encoder::{SEES_NOTHING, is_blind};
use crate::ranking::COPY;
use crate::{EngineError, Searcher};

/// Photos of an index that are looked at to learn what is usual in it.
const SAMPLE: usize = 200;

/// What to search for, and among what.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The bytes of one or several photos' files. All of them show one thing: their embeddings are
    /// averaged.
    pub photos: &'a [&'a [u8]],
    /// The part of each photo that shows it; the whole if `None`.
    pub crop: Option<Crop>,
    /// Only products of this category and of those below it.
    pub category: Option<&'a str>,
    /// How many products, at most.
    pub top: usize,
    /// What a photo may cost.
    pub limits: DecodeLimits,
}

/// What a search found, by positions in the index.
#[derive(Debug, Clone)]
pub struct Found {
    /// The products, the best first.
    pub ranked: Vec<RankedProduct>,
    /// The photos that voted, the nearest first.
    pub neighbours: Vec<Neighbour>,
    /// How sure that is, where the index could learn it. Not of a search among some products only.
    pub verdict: Option<Verdict>,
    /// How long its parts took.
    pub timings: Timings,
}

/// How long the parts of a search took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// Photos' files to upright pixels.
    pub decode: Duration,
    /// Pixels to embeddings.
    pub embed: Duration,
    /// Embeddings to ranked products.
    pub search: Duration,
}

impl Searcher {
    /// Searches for what photos show.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for no photo, or one that cannot be used.
    pub fn find(&self, query: &Query<'_>) -> Result<Found, EngineError> {
        let started = Instant::now();
        let number = |at: usize| match query.photos.len() {
            1 => "the photo".to_owned(),
            _ => format!("photo {}", at + 1),
        };
        let mut pictures = Vec::with_capacity(query.photos.len());
        for (at, bytes) in query.photos.iter().enumerate() {
            let photo = decode(bytes, &query.limits).map_err(|error| EngineError::Photo {
                name: number(at),
                reason: error.to_string(),
            })?;
            let pixels = photo.pixels;
            pictures.push(query.crop.map(|crop| crop.apply(&pixels)).unwrap_or(pixels));
        }
        let decoded = Instant::now();
        let described = self.encoder().encode_pictures(&pictures)?;
        let described = described.into_iter().map(|d| (d.embedding, d.shares));
        let (mut embeddings, shares): (Vec<_>, Vec<_>) = described.unzip();
        drop(pictures);
        if let Some(at) = embeddings.iter().position(|embedding| is_blind(embedding)) {
            return Err(EngineError::Photo { name: number(at), reason: SEES_NOTHING.to_owned() });
        }
        embeddings.iter_mut().for_each(|e| self.index().content().centring.apply(e));
        let embedding = mean_direction(embeddings.iter().map(Vec::as_slice));
        if is_blind(&embedding) {
            let reason = "there is no photo, or the photos have nothing in common".to_owned();
            return Err(EngineError::Photo { name: "the photos".to_owned(), reason });
        }
        let embedded = Instant::now();
        let (neighbours, (ranked, verdict)) = match query.category {
            None => {
                let (neighbours, voted) = self.nearest(&embedding, query.top)?;
                let ranked = self.fused(&voted, &neighbours, &means(&shares));
                (neighbours, ranked)
            }
            Some(category) => {
                let products = self.index().products();
                let (neighbours, voted) = self.nearest_of(&embedding, |product| {
                    let own = products[product as usize].category.as_deref();
                    own.is_some_and(|own| is_within(own, category))
                })?;
                (neighbours, (voted, None))
            }
        };
        let ranked = self.with_evidence(ranked, &embedding, query.top)?;
        let timings = Timings {
            decode: decoded - started,
            embed: embedded - decoded,
            search: embedded.elapsed(),
        };
        Ok(self.found(neighbours, ranked, verdict, timings))
    }

    /// The products most like a product of the index, given by its position; itself left out. None,
    /// when no photo shows it.
    ///
    /// # Errors
    /// [`EngineError::Vector`], of a damaged index.
    pub fn find_like(&self, product: u32, top: usize) -> Result<Found, EngineError> {
        let started = Instant::now();
        let photos = (0u32..).zip(self.index().photos());
        let own = photos.filter(|(_, photo)| photo.product == product);
        let vectors = &self.index().content().vectors;
        let embedding = mean_direction(own.map(|(row, _)| vectors.row(row)));
        let (neighbours, ranked) = if is_blind(&embedding) {
            (Vec::new(), Vec::new())
        } else {
            self.nearest_of(&embedding, |other| other != product)?
        };
        let ranked = self.with_evidence(ranked, &embedding, top)?;
        let timings = Timings { search: started.elapsed(), ..Timings::default() };
        Ok(self.found(neighbours, ranked, None, timings))
    }

    /// How similar a photo of the index usually is to the nearest other one: of a sample of photos,
    /// the given share (0 to 1) is less similar than that. `None` when no photo has another one.
    ///
    /// # Errors
    /// [`EngineError::Vector`], of a damaged index.
    pub fn usual_similarity(&self, share: f64) -> Result<Option<f32>, EngineError> {
        let vectors = &self.index().content().vectors;
        let step = vectors.len().div_ceil(SAMPLE).max(1);
        let mut nearest = Vec::with_capacity(SAMPLE);
        for row in (0..vectors.len() as u32).step_by(step) {
            let hits = self.store().search(vectors.row(row), 10)?;
            let other = hits.iter().find(|hit| hit.row != row && hit.similarity < COPY);
            nearest.extend(other.map(|hit| hit.similarity));
        }
        nearest.sort_unstable_by(f32::total_cmp);
        let at = (share.clamp(0.0, 1.0) * nearest.len() as f64) as usize;
        Ok(nearest.get(at.min(nearest.len().saturating_sub(1))).copied())
    }

    /// Ranks only some products. Compares with every photo of theirs: a graph that leaves most of
    /// its photos out finds little, and slowly.
    fn nearest_of(
        &self,
        embedding: &[f32],
        wanted: impl Fn(u32) -> bool,
    ) -> Result<(Vec<Neighbour>, Vec<RankedProduct>), EngineError> {
        let content = self.index().content();
        let wanted: Vec<bool> = (0..content.products.len() as u32).map(wanted).collect();
        let photos = (0u32..).zip(&content.photos);
        let rows = photos.filter(|(_, photo)| wanted[photo.product as usize]).map(|(row, _)| row);
        let hits = content.vectors.nearest_among(embedding, rows, usize::MAX)?;
        let neighbours: Vec<Neighbour> = hits
            .iter()
            .map(|hit| Neighbour {
                photo: hit.row,
                product: content.photos[hit.row as usize].product,
                similarity: hit.similarity,
            })
            .collect();
        let ranked = vote(&neighbours, &self.options().vote);
        Ok((neighbours, ranked))
    }

    fn found(
        &self,
        mut neighbours: Vec<Neighbour>,
        ranked: Vec<RankedProduct>,
        verdict: Option<Verdict>,
        timings: Timings,
    ) -> Found {
        neighbours.truncate(self.options().vote.neighbours.max(1));
        Found { ranked, neighbours, verdict, timings }
    }
}

/// The mean of what classifiers say of several photos: for each network, the mean of each class.
fn means(shares: &[Vec<Vec<f32>>]) -> Vec<Vec<f32>> {
    let mut photos = shares.iter();
    let mut means = photos.next().cloned().unwrap_or_default();
    for photo in photos {
        for (mean, shares) in means.iter_mut().zip(photo) {
            mean.iter_mut().zip(shares).for_each(|(mean, share)| *mean += share);
        }
    }
    means.iter_mut().flatten().for_each(|mean| *mean /= shares.len() as f32);
    means
}

/// Whether a category is another one or below it.
fn is_within(category: &str, other: &str) -> bool {
    category.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The mean of vectors that are first scaled to length 1; empty for none, zero where they cancel out.
fn mean_direction<'a>(vectors: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let mut sum: Vec<f64> = Vec::new();
    for vector in vectors {
        sum.resize(vector.len(), 0.0);
        let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let scale = 1.0 / square.sqrt().max(f64::MIN_POSITIVE);
        sum.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += f64::from(x) * scale);
    }
    sum.into_iter().map(|x| x as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_holds_those_below_it() {
        assert!(is_within("가구/의자", "가구") && is_within("가구", "가구"));
        assert!(!is_within("가구점", "가구") && !is_within("가구", "가구/의자"));
    }

    #[test]
    fn every_photo_counts_the_same() {
        let mean = mean_direction([&[10.0, 0.0][..], &[0.0, 0.1][..]].into_iter());
        assert!((mean[0] - mean[1]).abs() < 1e-6, "{mean:?}");
        assert!(mean_direction([].into_iter()).is_empty());
        assert!(is_blind(&mean_direction([&[1.0, 0.0][..], &[-1.0, 0.0][..]].into_iter())));
    }
}
