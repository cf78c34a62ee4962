use std::path::{Path, PathBuf};

use lookalike_backbone::map_on_cores;
use lookalike_detect::Things;
use lookalike_photo::{DecodeLimits, PhotoError, decode, read};
use sha2::{Digest, Sha256};

use crate::measure::SHRUNK_SIDE;
use crate::{CurateError, Finder, Finding, Measures, PhotoHash};

/// What a photo is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Of its file.
    pub sha256: [u8; 32],
    /// What its pixels say.
    pub measures: Measures,
    /// For finding copies.
    pub hash: PhotoHash,
    /// Of length 1, for confirming copies; none without a network.
    pub embedding: Option<Vec<f32>>,
    /// What is in it; none without a finder.
    pub things: Option<Things>,
}

impl Look {
    /// Looks at one photo. A photo that cannot be read has its reason in its place.
    ///
    /// # Errors
    /// When the finder fails.
    pub fn at(
        file: &Path,
        finder: Option<&dyn Finder>,
    ) -> Result<Result<Self, PhotoError>, CurateError> {
        let limits = DecodeLimits::default();
        let decoded = read(file, &limits)
            .and_then(|bytes| Ok((Sha256::digest(&bytes).into(), decode(&bytes, &limits)?.pixels)));
        let (sha256, photo) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return Ok(Err(error)),
        };
        let found = finder.map(|finder| finder.find(&photo)).transpose()?;
        let (things, embedding) = match found {
            Some(Finding { things, embedding }) => (Some(things), embedding.and_then(unit)),
            None => (None, None),
        };
        let size = photo.dimensions();
        let small = lookalike_photo::shrink(photo, SHRUNK_SIDE);
        let (measures, hash) = (Measures::of_shrunk(&small, size), PhotoHash::of(&small));
        Ok(Ok(Self { sha256, measures, hash, embedding, things }))
    }

    /// Looks at photos, one to a core, in their order. Memory holds the looks (5 kB each with
    /// embeddings) and, for each core, one decoded photo.
    ///
    /// # Errors
    /// When the finder fails.
    pub(crate) fn at_all(
        files: &[PathBuf],
        finder: Option<&dyn Finder>,
        seen: &(dyn Fn() + Sync),
    ) -> Result<Vec<Result<Self, String>>, CurateError> {
        let looks = map_on_cores(files, |file| {
            let look = Self::at(file, finder);
            seen();
            look
        });
        looks.into_iter().map(|look| Ok(look?.map_err(|error| error.to_string()))).collect()
    }
}

/// A vector of length 1; none without a direction.
fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if !(square > 0.0 && square.is_finite()) {
        return None;
    }
    let factor = (1.0 / square.sqrt()) as f32;
    vector.iter_mut().for_each(|x| *x *= factor);
    Some(vector)
}
