use std::path::PathBuf;

use lookalike_catalog::Product;
use lookalike_rank::Verdict;
use serde::Serialize;

/// The products most like a photo, the best first. Every way of asking gives this same answer.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// What the photo that was asked about is called.
    pub query: String,
    /// How sure it is, where the index could learn that: see [`Verdict`].
    pub verdict: Option<Verdict>,
    /// The products.
    pub matches: Vec<Match>,
    /// How long reading, embedding and searching took, in milliseconds.
    pub milliseconds: f64,
}

/// A product like the photo.
#[derive(Debug, Clone, Serialize)]
pub struct Match {
    /// Its place, counted from 1.
    pub rank: usize,
    /// Its share of the neighbours' vote and of what classifiers say, 0 to 1.
    pub score: f32,
    /// Cosine similarity of its most similar photo, -1 to 1.
    pub similarity: f32,
    /// The product itself.
    pub product: Product,
    /// What its score is made of.
    pub reasons: Reasons,
    /// Its photos most like the query, the most similar first.
    pub evidence: Vec<EvidencePhoto>,
}

/// What each way of telling products apart says of one; see [`crate::Ranking::weights`] for what that weighs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reasons {
    /// Its share of the nearest photos' vote, 0 to 1.
    pub vote: f32,
    /// Its share by how near the mean of its photos is, 0 to 1; none where others are much nearer, and of a
    /// search for products like a product.
    pub prototype: Option<f32>,
    /// Its probability by each network's classifier; none of one that does not know the product.
    pub classifiers: Vec<Option<f32>>,
}

/// A photo that speaks for a product.
#[derive(Debug, Clone, Serialize)]
pub struct EvidencePhoto {
    /// Path relative to the catalogue's root.
    pub photo: String,
    /// Cosine similarity to the query, -1 to 1.
    pub similarity: f32,
    /// Where its file was when the index was built. Not for everyone to see.
    #[serde(skip)]
    pub file: PathBuf,
}
