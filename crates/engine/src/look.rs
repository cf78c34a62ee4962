//! Photos to what a search asks about them: a vector, and what the networks' classifiers say.

use std::path::{Path, PathBuf};

use lookalike_backbone::map_on_cores;
use lookalike_photo::RgbImage;
use sha2::{Digest, Sha256};

use crate::encoder::{Described, Encoded, SEES_NOTHING, is_blind};
use crate::linear::scale_to;
use crate::metric::Metric;
use crate::{Encoder, EngineError, Progress, Views};

/// What the networks make of photos of one thing.
pub(crate) struct Look {
    /// Of length 1.
    pub(crate) vector: Vec<f32>,
    /// See [`Encoded::shares`].
    pub(crate) shares: Vec<Vec<f32>>,
}

/// What the networks make of the photo in a file, and the file's checksum.
pub(crate) type FileLook = (Look, [u8; 32]);

impl Look {
    /// The mean of what is made of several photos of one thing; `None` of no photo, and where they cancel out.
    pub(crate) fn mean(mut looks: Vec<Self>) -> Option<Self> {
        if looks.len() == 1 {
            return looks.pop();
        }
        let vector = mean_direction(looks.iter().map(|look| &look.vector[..]));
        let shares: Vec<_> = looks.into_iter().map(|look| look.shares).collect();
        (!is_blind(&vector)).then(|| Self { vector, shares: means(&shares) })
    }
}

impl Encoder {
    /// Looks at upright pictures of one thing; `None` where nothing is seen in one of them.
    pub(crate) fn look_at(
        &self,
        pictures: &[RgbImage],
        metric: &Metric,
    ) -> Result<Option<Look>, EngineError> {
        Ok(seen(self.encode_pictures(pictures)?, metric))
    }

    /// [`Self::look_at_files`], with the usual views, of photos whose own embeddings are known: only what
    /// else is looked at of them is embedded. There are no [`Look::shares`].
    pub(crate) fn look_again_at_files(
        &self,
        files: &[PathBuf],
        known: &[&[f32]],
        metric: &Metric,
        progress: &dyn Progress,
    ) -> Result<Vec<Result<FileLook, String>>, EngineError> {
        let files: Vec<_> = files.iter().zip(known).collect();
        let looks = map_on_cores(&files, |(file, known)| {
            let look = self.look_at_file(file, Views::default(), |mut pictures| {
                // The photo itself is the last.
                pictures.pop();
                let mut described = self.encode_pictures(&pictures)?;
                described.iter_mut().for_each(|one| one.shares = Vec::new());
                described.push(Described { embedding: known.to_vec(), shares: Vec::new() });
                Ok(seen(described, metric))
            });
            progress.advance(1);
            look
        });
        looks.into_iter().collect()
    }

    /// Looks at photos in files on all cores, each by itself; the results come in the files' order, with
    /// the checksums of the files. A photo that cannot be used has its reason in its place.
    pub(crate) fn look_at_files(
        &self,
        files: &[PathBuf],
        views: Views,
        metric: &Metric,
        progress: &dyn Progress,
    ) -> Result<Vec<Result<FileLook, String>>, EngineError> {
        if views != Views::Plain {
            let looks = map_on_cores(files, |file| {
                let look =
                    self.look_at_file(file, views, |pictures| self.look_at(&pictures, metric));
                progress.advance(1);
                look
            });
            return looks.into_iter().collect();
        }
        let look = |Encoded { embedding, shares, sha256, .. }| {
            (Look { vector: metric.apply(&embedding), shares }, sha256)
        };
        let encoded = self.encode_all(files, progress)?;
        Ok(encoded.into_iter().map(|encoded| encoded.map(look)).collect())
    }

    fn look_at_file(
        &self,
        file: &Path,
        views: Views,
        look: impl FnOnce(Vec<RgbImage>) -> Result<Option<Look>, EngineError>,
    ) -> Result<Result<FileLook, String>, EngineError> {
        let photo = self.read(file).and_then(|bytes| {
            let pixels = self.pixels(&bytes, &self.limits(), 1.0)?;
            Ok((pixels, Sha256::digest(&bytes).into()))
        });
        let (pixels, sha256) = match photo {
            Ok(photo) => photo,
            Err(error) => return Ok(Err(error.to_string())),
        };
        Ok(look(views.of(pixels))?
            .map(|look| (look, sha256))
            .ok_or_else(|| SEES_NOTHING.to_owned()))
    }
}

/// What is made of pictures of one thing; `None` where nothing is seen in one of them.
fn seen(described: Vec<Described>, metric: &Metric) -> Option<Look> {
    if described.iter().any(|one| is_blind(&one.embedding)) {
        return None;
    }
    let look = |Described { embedding, shares }: Described| Look {
        vector: metric.apply(&embedding),
        shares,
    };
    Look::mean(described.into_iter().map(look).collect())
}

/// The mean of what classifiers say of several pictures: for each network, the mean of each class.
fn means(shares: &[Vec<Vec<f32>>]) -> Vec<Vec<f32>> {
    let mut pictures = shares.iter();
    let mut means = pictures.next().cloned().unwrap_or_default();
    for picture in pictures {
        for (mean, shares) in means.iter_mut().zip(picture) {
            mean.iter_mut().zip(shares).for_each(|(mean, share)| *mean += share);
        }
    }
    means.iter_mut().flatten().for_each(|mean| *mean /= shares.len() as f32);
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

    /// What is known of a photo is what would be computed again.
    #[test]
    fn looking_again_sees_the_same() {
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
        let vectors = |looks: Vec<Result<FileLook, String>>| -> Vec<(Vec<f32>, [u8; 32])> {
            looks.into_iter().map(|l| l.expect("a look")).map(|(l, sum)| (l.vector, sum)).collect()
        };
        let again = encoder.look_again_at_files(&files, &known, &metric, &Silent).expect("looks");
        let anew =
            encoder.look_at_files(&files, Views::default(), &metric, &Silent).expect("looks");
        let plain = encoder.look_at_files(&files, Views::Plain, &metric, &Silent).expect("looks");
        let (again, anew, plain) = (vectors(again), vectors(anew), vectors(plain));
        assert_eq!(again, anew);
        assert_ne!(again, plain);
    }

    #[test]
    fn every_picture_counts_the_same() {
        let mean = mean_direction([&[10.0, 0.0][..], &[0.0, 0.1][..]].into_iter());
        assert!((mean[0] - mean[1]).abs() < 1e-6, "{mean:?}");
        assert!(mean_direction(std::iter::empty::<&[f32]>()).is_empty());
        assert!(is_blind(&mean_direction([&[1.0, 0.0][..], &[-1.0, 0.0][..]].into_iter())));
        let shares = [vec![vec![0.5, 0.5], vec![]], vec![vec![0.0, 1.0], vec![]]];
        assert_eq!(means(&shares), [vec![0.25, 0.75], vec![]]);
    }
}
