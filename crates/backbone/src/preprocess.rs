//! Preprocessing by name, as the weight manifest and weights files give it.

use lookalike_photo::{Normalisation, Preprocess};

/// The preprocessing called `imagenet` (PyTorch's mean and deviation), `symmetric` or `inception` (-1 to 1, as Google's
/// MobileNetV3 has it and as timm has it) or `caffe` (BGR, zero-centred), with a letterbox of 224 pixels, or of another
/// side: `imagenet 256`. Sides are multiples of 4, from 32 to 1024.
pub fn preprocess_named(name: &str) -> Option<Preprocess> {
    let (name, side) = match name.split_once(' ') {
        Some((name, side)) => (name, side.parse().ok()?),
        None => (name, 224),
    };
    let normalisation = match name {
        "imagenet" => Normalisation::IMAGENET,
        "symmetric" => Normalisation::SYMMETRIC,
        "inception" => Normalisation::INCEPTION,
        "caffe" => Normalisation::CAFFE,
        _ => return None,
    };
    let fits = side % 4 == 0 && (32..=1024).contains(&side);
    fits.then(|| Preprocess::letterbox(side, normalisation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sides_are_named_too() {
        assert_eq!(preprocess_named("symmetric 288").map(|p| p.size()), Some(288));
        assert_eq!(preprocess_named("symmetric").map(|p| p.size()), Some(224));
        assert_eq!(preprocess_named("inception 260").map(|p| p.size()), Some(260));
        for wrong in ["symmetric 101", "symmetric 0", "symmetric x", "grey", "caffe 4096"] {
            assert_eq!(preprocess_named(wrong), None, "{wrong}");
        }
    }
}
