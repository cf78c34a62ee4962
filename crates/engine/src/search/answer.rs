//! What a search returns as every interface shows it.

use std::path::PathBuf;
use std::time::Instant;

use lookalike_catalog::{PhotoSource, Product};
use lookalike_rank::{RankedProduct, Verdict};
use serde::Serialize;

use super::query::{ScoreParts, SearchResult};
use super::searcher::Searcher;

/// The products most like a photo, the best first. The command line and the library return this same answer.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// The photo's name: its file; of several, all of them.
    pub query: String,
    /// How sure the answer is, where the index could learn that: see [`Verdict`].
    pub verdict: Option<Verdict>,
    /// The photo of the index that the photo is a copy of, if it is one: its path relative to the catalogue's root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<String>,
    /// About how much of the photo its file does not have, in percent, if it is cut short or damaged: the answer rests on
    /// the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_percent: Option<u32>,
    /// The products.
    pub matches: Vec<Match>,
    /// How long reading, embedding and searching took, in milliseconds.
    pub took_ms: f64,
}

/// A product like the photo.
#[derive(Debug, Clone, Serialize)]
pub struct Match {
    /// Its position, counted from 1.
    pub rank: usize,
    /// Its score, 0 to 1: the neighbours' vote, prototypes and classifiers, fused. The scores of all products sum to 1.
    pub score: f32,
    /// Cosine similarity of its most similar photo, -1 to 1.
    pub similarity: f32,
    /// The product itself.
    pub product: Product,
    /// What its score is made of.
    pub score_parts: ScoreParts,
    /// Its photos most like the query, the most similar first.
    pub evidence: Vec<EvidencePhoto>,
}

/// A photo that supports a product.
#[derive(Debug, Clone, Serialize)]
pub struct EvidencePhoto {
    /// Path relative to the catalogue's root.
    pub photo: String,
    /// Cosine similarity to the query, -1 to 1.
    pub similarity: f32,
    /// Whether it is a customer's photo or the shop's own picture.
    pub source: PhotoSource,
    /// Its file when the index was built. Kept out of JSON: paths of the machine are not for everyone.
    #[serde(skip)]
    pub file: PathBuf,
}

impl Searcher {
    pub(super) fn answer(&self, query: String, result: SearchResult, started: Instant) -> Answer {
        Answer {
            query,
            verdict: result.verdict,
            copy_of: result
                .copy_of
                .map(|copy| self.index().photos()[copy.photo as usize].path.clone()),
            missing_percent: result.missing_percent(),
            matches: self.matches(result.ranked, result.score_parts),
            took_ms: started.elapsed().as_secs_f64() * 1e3,
        }
    }

    /// Ranked products with their names and evidence, the best first.
    pub(super) fn matches(
        &self,
        ranked: Vec<RankedProduct>,
        score_parts: Vec<ScoreParts>,
    ) -> Vec<Match> {
        let each = ranked.into_iter().zip(score_parts).zip(1..);
        each.map(|((ranked, parts), rank)| self.one_match(ranked, parts, rank)).collect()
    }

    fn one_match(&self, ranked: RankedProduct, score_parts: ScoreParts, rank: usize) -> Match {
        let evidence = ranked.evidence.iter().take(self.options().evidence).map(|evidence| {
            let photo = &self.index().photos()[evidence.photo as usize];
            EvidencePhoto {
                photo: photo.path.clone(),
                similarity: evidence.similarity,
                source: photo.source,
                file: self.index().root().join(&photo.path),
            }
        });
        Match {
            rank,
            score: ranked.score,
            similarity: ranked.evidence.first().map_or(0.0, |best| best.similarity),
            product: self.index().products()[ranked.product as usize].clone(),
            score_parts,
            evidence: evidence.collect(),
        }
    }
}
