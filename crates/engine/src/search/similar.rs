//! Products like a product of the index, and how similar the index's photos usually are.

use std::time::Instant;

use super::filter::Filter;
use super::pipeline::score_parts;
use super::query::{SearchResult, Timings};
use super::searcher::Searcher;
use crate::encode::{is_degenerate, mean_direction};
use crate::error::EngineError;
use crate::ranking::SAME_PHOTO;

/// Photos of an index that are sampled for [`Searcher::usual_similarity`].
const SAMPLE: usize = 200;

impl Searcher {
    /// The products that pass a filter and are most like a product of the index, given by its position, without
    /// itself. Its photos' mean is searched for; of a product without photos, the result is empty.
    ///
    /// # Errors
    /// [`EngineError::Vector`], of a damaged index.
    pub fn search_similar_products(
        &self,
        product: u32,
        filter: &Filter,
        top: usize,
    ) -> Result<SearchResult, EngineError> {
        let started = Instant::now();
        let photos = (0u32..).zip(self.index().photos());
        let own = photos.filter(|(_, photo)| photo.product == product);
        let rows: Vec<u32> = own.map(|(row, _)| row).collect();
        let embedding = mean_direction(self.store().rows(&rows)?.into_iter());
        let (neighbours, ranked) = if is_degenerate(&embedding) {
            (Vec::new(), Vec::new())
        } else {
            let products = (0u32..).zip(self.index().products());
            let allowed: Vec<bool> =
                products.map(|(other, p)| other != product && filter.admits(p)).collect();
            self.nearest(&embedding, Some(&allowed), top)?
        };
        let ranked = self.with_evidence(ranked, &embedding, top)?;
        let parts = score_parts(&ranked, &ranked, &[]);
        let timings = Timings { search: started.elapsed(), ..Timings::default() };
        Ok(SearchResult { timings, ..self.result(neighbours, ranked, parts, None) })
    }

    /// A quantile (0 to 1) of how similar photos of the index are to the nearest other one, over a sample of photos.
    /// `None` when no photo has another one.
    ///
    /// # Errors
    /// [`EngineError::Vector`], of a damaged index.
    pub fn usual_similarity(&self, quantile: f64) -> Result<Option<f32>, EngineError> {
        let store = self.store();
        let rows: Vec<u32> =
            (0..store.len() as u32).step_by(store.len().div_ceil(SAMPLE).max(1)).collect();
        let mut nearest = Vec::with_capacity(SAMPLE);
        for (&row, vector) in rows.iter().zip(store.rows(&rows)?) {
            let hits = store.search(&vector, 10)?;
            let other = hits.iter().find(|hit| hit.row != row && hit.similarity < SAME_PHOTO);
            nearest.extend(other.map(|hit| hit.similarity));
        }
        nearest.sort_unstable_by(f32::total_cmp);
        let at = (quantile.clamp(0.0, 1.0) * nearest.len() as f64) as usize;
        Ok(nearest.get(at.min(nearest.len().saturating_sub(1))).copied())
    }
}
