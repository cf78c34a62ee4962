//! The photos that the bundled weights' prior of the metric is learnt from, for the programs that use made-up catalogues.

use std::collections::HashSet;
use std::error::Error;
use std::path::PathBuf;

use lookalike::catalog::PhotoSource;
use lookalike::engine::{KindOfGoods, MetricPrior};
use lookalike::{Encoder, Silent};

use crate::made_up_catalogues::DataSets;

/// Kinds of goods, by the data sets' parts with customers' photos and with catalogue pictures. None of them has a photo
/// that is searched for on Grocery Store, or from a sender of the other garments.
const KINDS: &[(&str, &str, &str)] = &[
    ("groceries", "train", "pictures"),
    ("garments", "senders", ""),
    ("drawn", "drawn", "drawn pictures"),
];

/// Embedded photos.
pub struct PriorPhotos {
    weights_sha256: String,
    photos: Vec<PriorPhoto>,
}

struct PriorPhoto {
    kind: &'static str,
    product: String,
    source: PhotoSource,
    embedding: Vec<f32>,
}

impl PriorPhotos {
    /// Embeds them all.
    pub fn embed(data_sets: &DataSets, encoder: &Encoder) -> Result<Self, Box<dyn Error>> {
        let mut photos = Vec::new();
        for &(kind, customers, pictures) in KINDS {
            for part in [customers, pictures] {
                let items = data_sets.part(part);
                let files: Vec<PathBuf> = items.iter().map(|item| item.path.clone()).collect();
                for (item, embedding) in items.iter().zip(encoder.embed_files(&files, &Silent)?) {
                    let (product, source) = (item.product.clone(), item.source);
                    photos.push(PriorPhoto { kind, product, source, embedding: embedding? });
                }
            }
        }
        let weights_sha256 = encoder.model().parts[0].identity.weights_sha256.clone();
        Ok(Self { weights_sha256, photos })
    }

    /// Learns a prior of some kinds of goods, without some products. Garments are not left out: their products are kinds
    /// of garments, and made-up catalogues have those of other senders.
    pub fn learn(
        &self,
        without: &HashSet<&str>,
        has_kind: impl Fn(&str) -> bool,
    ) -> Result<MetricPrior, Box<dyn Error>> {
        let kinds = KINDS.iter().map(|(kind, ..)| *kind).filter(|kind| has_kind(kind));
        let goods: Vec<KindOfGoods<'_>> = kinds
            .map(|kind| {
                let is_left_out = |photo: &PriorPhoto| {
                    kind != "garments" && without.contains(photo.product.as_str())
                };
                let photos: Vec<&PriorPhoto> = self
                    .photos
                    .iter()
                    .filter(|photo| photo.kind == kind && !is_left_out(photo))
                    .collect();
                let mut names: Vec<&str> =
                    photos.iter().map(|photo| photo.product.as_str()).collect();
                names.sort_unstable();
                names.dedup();
                let position = |photo: &&PriorPhoto| {
                    names.partition_point(|name| *name < photo.product.as_str()) as u32
                };
                KindOfGoods {
                    name: kind,
                    embeddings: photos.iter().map(|photo| &photo.embedding[..]).collect(),
                    products: photos.iter().map(position).collect(),
                    sources: photos.iter().map(|photo| photo.source).collect(),
                }
            })
            .collect();
        Ok(MetricPrior::learn(&self.weights_sha256, &goods)?)
    }
}
