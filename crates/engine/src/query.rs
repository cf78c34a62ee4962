use std::time::{Duration, Instant};

use lookalike_photo::{Crop, DecodeLimits};
use lookalike_rank::{Neighbour, Opinion, RankedProduct, Verdict};

use crate::encoder::{SEES_NOTHING, is_blind};
use crate::look::{Look, mean_direction};
use crate::ranking::COPY;
use crate::views::Views;
use crate::{EngineError, Filter, Reasons, Searcher};

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
    /// Which products may be found.
    pub filter: &'a Filter,
    /// From how many sides each photo is looked at.
    pub views: Views,
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
    /// What their scores are made of, in their order.
    pub reasons: Vec<Reasons>,
    /// The photos that voted, the nearest first.
    pub neighbours: Vec<Neighbour>,
    /// How sure that is, where the index could learn it; none of a search for products like a product.
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
    /// [`EngineError::Photo`] for no photo, or one that cannot be used; [`EngineError::Filter`].
    pub fn find(&self, query: &Query<'_>) -> Result<Found, EngineError> {
        let started = Instant::now();
        query.filter.check(self.index().products())?;
        let number = |at: usize| match query.photos.len() {
            1 => "the photo".to_owned(),
            _ => format!("photo {}", at + 1),
        };
        let metric = &self.index().content().metric;
        let (mut decoding, mut looks) = (Duration::ZERO, Vec::with_capacity(query.photos.len()));
        // One photo after the other: a large one with its views takes much memory.
        for (at, bytes) in query.photos.iter().enumerate() {
            let begun = Instant::now();
            let refused = |reason| EngineError::Photo { name: number(at), reason };
            let share = query.crop.map_or(1.0, |crop| crop.min_side());
            let pixels = self.encoder().pixels(bytes, &query.limits, share);
            let pixels = pixels.map_err(|error| refused(error.to_string()))?;
            let picture = query.crop.map(|crop| crop.apply(&pixels)).unwrap_or(pixels);
            let pictures = query.views.of(picture);
            decoding += begun.elapsed();
            let look = self.encoder().look_at(&pictures, metric)?;
            looks.push(look.ok_or_else(|| refused(SEES_NOTHING.to_owned()))?);
        }
        let Some(Look { vector, shares }) = Look::mean(looks) else {
            let reason = "there is no photo, or the photos have nothing in common".to_owned();
            return Err(EngineError::Photo { name: "the photos".to_owned(), reason });
        };
        let embedded = Instant::now();
        let found = self.ranked(Look { vector, shares }, query.filter, query.top)?;
        let timings = Timings {
            decode: decoding,
            embed: (embedded - started).saturating_sub(decoding),
            search: embedded.elapsed(),
        };
        Ok(Found { timings, ..found })
    }

    /// The products that pass a filter and are most like what was looked at. Its timings are left open.
    pub(crate) fn ranked(
        &self,
        look: Look,
        filter: &Filter,
        top: usize,
    ) -> Result<Found, EngineError> {
        let Look { vector, shares } = look;
        let (opinions, (neighbours, voted)) = if filter.is_open() {
            let opinions = self.opinions(&vector, &shares, |_| true);
            (opinions, self.nearest(&vector, None, top)?)
        } else {
            let products = self.index().products();
            let wanted: Vec<bool> = products.iter().map(|p| filter.admits(p)).collect();
            let is_wanted = |product: u32| wanted[product as usize];
            let opinions = self.opinions(&vector, &shares, is_wanted);
            (opinions, self.nearest(&vector, Some(&wanted), top)?)
        };
        let (ranked, verdict) = self.fused(&voted, &neighbours, &opinions);
        let ranked = self.with_evidence(ranked, &vector, top)?;
        let reasons = reasons(&ranked, &voted, &opinions);
        Ok(self.found(neighbours, ranked, reasons, verdict, Timings::default()))
    }

    /// The products that pass a filter and are most like a product of the index, given by its position;
    /// itself left out. None, when no photo shows it.
    ///
    /// # Errors
    /// [`EngineError::Vector`], of a damaged index.
    pub fn find_like(
        &self,
        product: u32,
        filter: &Filter,
        top: usize,
    ) -> Result<Found, EngineError> {
        let started = Instant::now();
        let photos = (0u32..).zip(self.index().photos());
        let own = photos.filter(|(_, photo)| photo.product == product);
        let rows: Vec<u32> = own.map(|(row, _)| row).collect();
        let embedding = mean_direction(self.store().rows(&rows)?.into_iter());
        let (neighbours, ranked) = if is_blind(&embedding) {
            (Vec::new(), Vec::new())
        } else {
            let products = (0u32..).zip(self.index().products());
            let wanted: Vec<bool> =
                products.map(|(other, p)| other != product && filter.admits(p)).collect();
            self.nearest(&embedding, Some(&wanted), top)?
        };
        let ranked = self.with_evidence(ranked, &embedding, top)?;
        let reasons = reasons(&ranked, &ranked, &[]);
        let timings = Timings { search: started.elapsed(), ..Timings::default() };
        Ok(self.found(neighbours, ranked, reasons, None, timings))
    }

    /// How similar a photo of the index usually is to the nearest other one: of a sample of photos,
    /// the given share (0 to 1) is less similar than that. `None` when no photo has another one.
    ///
    /// # Errors
    /// [`EngineError::Vector`], of a damaged index.
    pub fn usual_similarity(&self, share: f64) -> Result<Option<f32>, EngineError> {
        let store = self.store();
        let rows: Vec<u32> =
            (0..store.len() as u32).step_by(store.len().div_ceil(SAMPLE).max(1)).collect();
        let mut nearest = Vec::with_capacity(SAMPLE);
        for (&row, vector) in rows.iter().zip(store.rows(&rows)?) {
            let hits = store.search(&vector, 10)?;
            let other = hits.iter().find(|hit| hit.row != row && hit.similarity < COPY);
            nearest.extend(other.map(|hit| hit.similarity));
        }
        nearest.sort_unstable_by(f32::total_cmp);
        let at = (share.clamp(0.0, 1.0) * nearest.len() as f64) as usize;
        Ok(nearest.get(at.min(nearest.len().saturating_sub(1))).copied())
    }

    fn found(
        &self,
        mut neighbours: Vec<Neighbour>,
        ranked: Vec<RankedProduct>,
        reasons: Vec<Reasons>,
        verdict: Option<Verdict>,
        timings: Timings,
    ) -> Found {
        neighbours.truncate(self.options().vote.neighbours.max(1));
        Found { ranked, reasons, neighbours, verdict, timings }
    }
}

/// What the vote and the opinions, classifiers' and then the prototypes', say of ranked products.
fn reasons(
    ranked: &[RankedProduct],
    voted: &[RankedProduct],
    opinions: &[Opinion],
) -> Vec<Reasons> {
    let of_one = |ranked: &RankedProduct| {
        let product = ranked.product;
        let share = |opinion: &Opinion| opinion.shares.get(&product).copied();
        let classifiers = opinions.split_last().map_or(&[][..], |(_, classifiers)| classifiers);
        Reasons {
            vote: voted.iter().find(|r| r.product == product).map_or(0.0, |r| r.score),
            prototype: opinions.last().and_then(share),
            classifiers: classifiers.iter().map(share).collect(),
        }
    };
    ranked.iter().map(of_one).collect()
}
