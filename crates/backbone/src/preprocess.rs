//! Preprocessing by name, as the weight manifest and weights files give it.

use lookalike_photo::{Normalisation, Preprocess};

/// The preprocessing called `imagenet` (PyTorch's mean and deviation), `symmetric` (-1 to 1) or `caffe`
/// (BGR, zero-centred), with a letterbox of 224 pixels, or of another side: `imagenet 256`. Sides are
/// multiples of 32, from 32 to 1024.
pub fn preprocess_named(name: &str) -> Option<Preprocess> {
    let (name, side) = match name.split_once(' ') {
        Some((name, side)) => (name, side.parse().ok()?),
        None => (name, 224),
    };
    let normalisation = match name {
        "imagenet" => Normalisation::IMAGENET,
        "symmetric" => Normalisation::SYMMETRIC,
        "caffe" => Normalisation::CAFFE,
        _ => return None,
    };
    // All networks halve their input five times.
    let fits = side % 32 == 0 && (32..=1024).contains(&side);
    fits.then(|| Preprocess::letterbox(side, normalisation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sides_are_named_too() {
        assert_eq!(preprocess_named("symmetric 288").map(|p| p.size()), Some(288));
        assert_eq!(preprocess_named("symmetric").map(|p| p.size()), Some(224));
        for wrong in ["symmetric 100", "symmetric 0", "symmetric x", "grey", "caffe 4096"] {
            assert_eq!(preprocess_named(wrong), None, "{wrong}");
        }
    }
}
