//! Photos to what a search compares: one vector, and the classifiers' probabilities, averaged over the views of a
//! photo and over the photos of a query.

use std::path::{Path, PathBuf};

use lookalike_backbone::map_on_cores;
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
        let probabilities: Vec<_> =
            embeddings.into_iter().map(|one| one.class_probabilities).collect();
        let class_probabilities = mean_probabilities(&probabilities);
        (!is_degenerate(&vector)).then_some(Self { vector, class_probabilities })
    }

    /// The mean over the views of a photo; `None` where the embedding of one of them is degenerate.
    fn of_views(views: Vec<PhotoEmbedding>, metric: &Metric) -> Option<Self> {
        if views.iter().any(|view| is_degenerate(&view.embedding)) {
            return None;
        }
        let one = |PhotoEmbedding { embedding, class_probabilities }| Self {
            vector: metric.apply(&embedding),
            class_probabilities,
        };
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
        Ok(QueryEmbedding::of_views(self.embed_pictures(views)?, metric))
    }

    /// [`Self::embed_query_files`], with the default views, of photos whose plain embeddings are known: only the other
    /// views are embedded. There are no class probabilities.
    pub(crate) fn embed_other_views_of_files(
        &self,
        files: &[PathBuf],
        plain: &[&[f32]],
        metric: &Metric,
        progress: &dyn Progress,
    ) -> Result<Vec<Result<FileQuery, String>>, EngineError> {
        let files: Vec<_> = files.iter().zip(plain).collect();
        let queries = map_on_cores(&files, |(file, plain)| {
            let query = self.embed_query_file(file, Views::default(), |mut views| {
                // The photo itself is the last.
                views.pop();
                let mut embeddings = self.embed_pictures(&views)?;
                embeddings.iter_mut().for_each(|one| one.class_probabilities = Vec::new());
                let (embedding, class_probabilities) = (plain.to_vec(), Vec::new());
                embeddings.push(PhotoEmbedding { embedding, class_probabilities });
                Ok(QueryEmbedding::of_views(embeddings, metric))
            });
            progress.advance(1);
            query
        });
        queries.into_iter().collect()
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
                let query =
                    self.embed_query_file(file, views, |views| self.embed_views(&views, metric));
                progress.advance(1);
                query
            });
            return queries.into_iter().collect();
        }
        let query = |FileEmbedding { photo, sha256, .. }| {
            let PhotoEmbedding { embedding, class_probabilities } = photo;
            (QueryEmbedding { vector: metric.apply(&embedding), class_probabilities }, sha256)
        };
        let embedded = self.embed_all(files, progress)?;
        Ok(embedded.into_iter().map(|file| file.map(query)).collect())
    }

    fn embed_query_file(
        &self,
        file: &Path,
        views: Views,
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
        Ok(embed(views.of(pixels))?
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
    use crate::progress::Silent;
    use lookalike_testkit::{photos, weights};

    /// Passing plain embeddings in and embedding all views have the same result.
    #[test]
    fn known_embeddings_give_the_same_queries() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        weights::write_minimalistic(file("w.safetensors"));
        let loaded = lookalike_backbone::load(&file("w.safetensors"), None).expect("a network");
        let encoder = Encoder::new(loaded);
        std::fs::write(file("0.jpg"), photos::jpeg(&photos::pattern(0, 300, 200), 90)).expect("0");
        std::fs::write(file("1.jpg"), photos::jpeg(&photos::pattern(1, 200, 300), 90)).expect("1");
        let files = [file("0.jpg"), file("1.jpg")];
        let embeddings = encoder.embed_files(&files, &Silent).expect("embeddings");
        let embeddings: Vec<Vec<f32>> = embeddings.into_iter().map(|e| e.expect("one")).collect();
        let known: Vec<&[f32]> = embeddings.iter().map(Vec::as_slice).collect();
        let metric = Metric::subtracting(vec![0.01; encoder.model().embedding_dim()], 0);
        let vectors = |queries: Vec<Result<FileQuery, String>>| -> Vec<(Vec<f32>, [u8; 32])> {
            queries
                .into_iter()
                .map(|q| q.expect("a query"))
                .map(|(q, sum)| (q.vector, sum))
                .collect()
        };
        let again =
            encoder.embed_other_views_of_files(&files, &known, &metric, &Silent).expect("queries");
        let anew =
            encoder.embed_query_files(&files, Views::default(), &metric, &Silent).expect("queries");
        let plain =
            encoder.embed_query_files(&files, Views::Plain, &metric, &Silent).expect("queries");
        let (again, anew, plain) = (vectors(again), vectors(anew), vectors(plain));
        assert_eq!(again, anew);
        assert_ne!(again, plain);
    }

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
