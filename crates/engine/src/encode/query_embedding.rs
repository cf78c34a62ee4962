//! Photos to what a search compares: one vector, and the classifiers' probabilities, averaged over the views of a
//! photo and over the photos of a query.

use std::path::{Path, PathBuf};

use lookalike_backbone::map_on_cores;
use lookalike_catalog::PhotoSource;
use lookalike_photo::RgbImage;
use sha2::{Digest, Sha256};

use super::embedding::{EMPTY_EMBEDDING, FileEmbedding, PhotoEmbedding, is_degenerate};
use super::encoder::Encoder;
use super::views::Views;
use crate::error::EngineError;
use crate::metric::{Metric, scale_to};
use crate::progress::Progress;

/// What is searched for: the embedding of photos of one object.
pub(crate) struct QueryEmbedding {
    /// By the index's metric; of length 1.
    pub(crate) vector: Vec<f32>,
    /// See [`Metric::in_subspace`].
    pub(crate) in_subspace: f32,
    /// See [`PhotoEmbedding::class_probabilities`].
    pub(crate) class_probabilities: Vec<Vec<f32>>,
}

/// The query embedding of the photo in a file, and the file's checksum.
pub(crate) type FileQuery = (QueryEmbedding, [u8; 32]);

impl QueryEmbedding {
    /// The mean of several embeddings; `None` of none, and where they cancel out.
    pub(crate) fn mean(mut embeddings: Vec<Self>) -> Option<Self> {
        if embeddings.len() == 1 {
            return embeddings.pop();
        }
        let vector = mean_direction(embeddings.iter().map(|one| &one.vector[..]));
        let total: f32 = embeddings.iter().map(|one| one.in_subspace).sum();
        let in_subspace = total / embeddings.len().max(1) as f32;
        let probabilities: Vec<_> =
            embeddings.into_iter().map(|one| one.class_probabilities).collect();
        let class_probabilities = mean_probabilities(&probabilities);
        (!is_degenerate(&vector)).then_some(Self { vector, in_subspace, class_probabilities })
    }

    /// The query embedding of one picture.
    fn of_embedding(picture: PhotoEmbedding, metric: &Metric, source: PhotoSource) -> Self {
        let PhotoEmbedding { embedding, class_probabilities } = picture;
        let vector = metric.apply(&embedding, source);
        let in_subspace = metric.in_subspace(&embedding, source);
        Self { vector, in_subspace, class_probabilities }
    }

    /// The mean over the views of a photo; `None` where the embedding of one of them is degenerate.
    fn of_views(views: Vec<PhotoEmbedding>, metric: &Metric, source: PhotoSource) -> Option<Self> {
        if views.iter().any(|view| is_degenerate(&view.embedding)) {
            return None;
        }
        let one = |view| Self::of_embedding(view, metric, source);
        Self::mean(views.into_iter().map(one).collect())
    }
}

impl Encoder {
    /// Embeds the views of a photo; `None` where the embedding of one of them is degenerate.
    pub(crate) fn embed_views(
        &self,
        views: &[RgbImage],
        metric: &Metric,
    ) -> Result<Option<QueryEmbedding>, EngineError> {
        let views = self.embed_pictures(views)?;
        Ok(QueryEmbedding::of_views(views, metric, PhotoSource::Review))
    }

    /// Embeds photos in files as queries, on all cores, each by itself; the results come in the files' order, with
    /// the checksums of the files. A photo that cannot be used has its reason instead.
    pub(crate) fn embed_query_files(
        &self,
        files: &[PathBuf],
        views: Views,
        metric: &Metric,
        progress: &dyn Progress,
    ) -> Result<Vec<Result<FileQuery, String>>, EngineError> {
        if views != Views::Plain {
            let queries = map_on_cores(files, |file| {
                let embed = |views: Vec<RgbImage>| self.embed_views(&views, metric);
                let query = self.embed_query_file(file, views, |photo| photo, embed);
                progress.advance(1);
                query
            });
            return queries.into_iter().collect();
        }
        let query = |FileEmbedding { photo, sha256, .. }| {
            (QueryEmbedding::of_embedding(photo, metric, PhotoSource::Review), sha256)
        };
        let embedded = self.embed_all(files, progress)?;
        Ok(embedded.into_iter().map(|file| file.map(query)).collect())
    }

    /// Embeds photos in files as queries, after a change to each that its position determines.
    pub(crate) fn embed_changed_files(
        &self,
        files: &[PathBuf],
        change: impl Fn(RgbImage, u64) -> RgbImage + Sync,
        metric: &Metric,
        source: PhotoSource,
        progress: &dyn Progress,
    ) -> Result<Vec<Result<FileQuery, String>>, EngineError> {
        let numbered: Vec<_> = files.iter().zip(0u64..).collect();
        let queries = map_on_cores(&numbered, |(file, number)| {
            let embed = |views: Vec<RgbImage>| {
                let views = self.embed_pictures(&views)?;
                Ok(QueryEmbedding::of_views(views, metric, source))
            };
            let changed = |photo| change(photo, *number);
            let query = self.embed_query_file(file, Views::default(), changed, embed);
            progress.advance(1);
            query
        });
        queries.into_iter().collect()
    }

    fn embed_query_file(
        &self,
        file: &Path,
        views: Views,
        change: impl FnOnce(RgbImage) -> RgbImage,
        embed: impl FnOnce(Vec<RgbImage>) -> Result<Option<QueryEmbedding>, EngineError>,
    ) -> Result<Result<FileQuery, String>, EngineError> {
        let photo = self.read(file).and_then(|bytes| {
            let pixels = self.decode(&bytes, &self.limits(), 1.0)?;
            Ok((pixels, Sha256::digest(&bytes).into()))
        });
        let (pixels, sha256) = match photo {
            Ok(photo) => photo,
            Err(error) => return Ok(Err(error.to_string())),
        };
        Ok(embed(views.of(change(pixels)))?
            .map(|query| (query, sha256))
            .ok_or_else(|| EMPTY_EMBEDDING.to_owned()))
    }
}

/// For each network, the mean probability of each class over several pictures.
fn mean_probabilities(pictures: &[Vec<Vec<f32>>]) -> Vec<Vec<f32>> {
    let mut rest = pictures.iter();
    let mut means = rest.next().cloned().unwrap_or_default();
    for picture in rest {
        for (mean, probabilities) in means.iter_mut().zip(picture) {
            mean.iter_mut().zip(probabilities).for_each(|(mean, one)| *mean += one);
        }
    }
    means.iter_mut().flatten().for_each(|mean| *mean /= pictures.len() as f32);
    means
}

/// The direction of the mean of vectors that are first scaled to length 1; empty for none, zero where they
/// cancel out.
pub(crate) fn mean_direction(vectors: impl Iterator<Item = impl AsRef<[f32]>>) -> Vec<f32> {
    let mut sum: Vec<f64> = Vec::new();
    for vector in vectors {
        let vector = vector.as_ref();
        sum.resize(vector.len(), 0.0);
        let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let scale = 1.0 / square.sqrt().max(f64::MIN_POSITIVE);
        sum.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += f64::from(x) * scale);
    }
    let mut mean: Vec<f32> = sum.into_iter().map(|x| x as f32).collect();
    scale_to(1.0, &mut mean);
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_counts_the_same() {
        let mean = mean_direction([&[10.0, 0.0][..], &[0.0, 0.1][..]].into_iter());
        assert!((mean[0] - mean[1]).abs() < 1e-6, "{mean:?}");
        assert!(mean_direction(std::iter::empty::<&[f32]>()).is_empty());
        assert!(is_degenerate(&mean_direction([&[1.0, 0.0][..], &[-1.0, 0.0][..]].into_iter())));
        let probabilities = [vec![vec![0.5, 0.5], vec![]], vec![vec![0.0, 1.0], vec![]]];
        assert_eq!(mean_probabilities(&probabilities), [vec![0.25, 0.75], vec![]]);
    }
}
