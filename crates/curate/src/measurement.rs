//! Everything that decisions about one photo are based on, from one decoding of its file.

use std::path::{Path, PathBuf};

use lookalike_backbone::map_on_cores;
use lookalike_detect::Foreground;
use lookalike_photo::{DecodeLimits, PhotoError, decode, read};
use sha2::{Digest, Sha256};

use crate::quality::SHRUNK_SIDE;
use crate::{CurateError, ImageQuality, PerceptualHash, PhotoAnalyser, PhotoAnalysis};

/// The measurements of a photo.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotoMeasurement {
    /// SHA-256 of its file, for finding equal files.
    pub sha256: [u8; 32],
    /// Measured from its pixels.
    pub quality: ImageQuality,
    /// For finding near-duplicates.
    pub hash: PerceptualHash,
    /// Of length 1, for confirming near-duplicates; none without a network.
    pub embedding: Option<Vec<f32>>,
    /// Its foreground; none without a network.
    pub foreground: Option<Foreground>,
}

impl PhotoMeasurement {
    /// Measures one photo. For a photo that cannot be read, the inner result has the reason.
    ///
    /// # Errors
    /// When the network fails.
    pub fn of_file(
        file: &Path,
        analyser: Option<&dyn PhotoAnalyser>,
    ) -> Result<Result<Self, PhotoError>, CurateError> {
        let limits = DecodeLimits::default();
        let decoded = read(file, &limits)
            .and_then(|bytes| Ok((Sha256::digest(&bytes).into(), decode(&bytes, &limits)?.pixels)));
        let (sha256, photo) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return Ok(Err(error)),
        };
        let analysis = analyser.map(|analyser| analyser.analyse(&photo)).transpose()?;
        let (foreground, embedding) = match analysis {
            Some(PhotoAnalysis { foreground, embedding }) => {
                (Some(foreground), embedding.and_then(unit))
            }
            None => (None, None),
        };
        let size = photo.dimensions();
        let small = lookalike_photo::downscale(photo, SHRUNK_SIDE);
        let (quality, hash) = (ImageQuality::of_shrunk(&small, size), PerceptualHash::of(&small));
        Ok(Ok(Self { sha256, quality, hash, embedding, foreground }))
    }

    /// Measures photos, one to a core, and returns them in their order. `on_photo` is called after each. Memory
    /// holds the measurements (5 kB each with embeddings) and one decoded photo for each core.
    ///
    /// # Errors
    /// When the network fails.
    pub(crate) fn of_files(
        files: &[PathBuf],
        analyser: Option<&dyn PhotoAnalyser>,
        on_photo: &(dyn Fn() + Sync),
    ) -> Result<Vec<Result<Self, String>>, CurateError> {
        let measured = map_on_cores(files, |file| {
            let measurement = Self::of_file(file, analyser);
            on_photo();
            measurement
        });
        measured.into_iter().map(|one| Ok(one?.map_err(|error| error.to_string()))).collect()
    }
}

/// A vector scaled to length 1; none for a zero vector or one that is not finite.
fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if !(square > 0.0 && square.is_finite()) {
        return None;
    }
    let factor = (1.0 / square.sqrt()) as f32;
    vector.iter_mut().for_each(|x| *x *= factor);
    Some(vector)
}
