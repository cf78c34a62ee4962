//! Random weights: reproducible, scaled so that activations keep their variance through all layers, untrained.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::Noise;
pub use crate::shapes::{
    NamedShape, minimalistic, plain_vgg19, resnet50, timm, timm_efficientnet_lite, timm_vgg19,
    torchvision_mobilenet_v3, vgg19,
};

/// Classes of [`write_minimalistic`].
pub const MINIMALISTIC_CLASSES: usize = 11;
/// Classes of [`write_timm`].
pub const TIMM_CLASSES: usize = 10;

/// Writes [`minimalistic`] with [`MINIMALISTIC_CLASSES`] classes as a safetensors file (10 MB).
///
/// # Panics
/// When the file cannot be written.
pub fn write_minimalistic(path: impl AsRef<Path>) {
    write(path, &minimalistic(MINIMALISTIC_CLASSES), values);
}

/// Writes [`timm`] with [`TIMM_CLASSES`] classes as a safetensors file (17 MB).
///
/// # Panics
/// When the file cannot be written.
pub fn write_timm(path: impl AsRef<Path>) {
    write(path, &timm(TIMM_CLASSES), values);
}

/// Writes f32 tensors as a safetensors file; `values` returns a tensor's elements, row-major. For a damaged file, pass
/// changed shapes or a wrapper around [`values()`].
///
/// # Panics
/// When the file cannot be written, or `values` returns a number of elements that does not match the shape.
pub fn write(
    path: impl AsRef<Path>,
    tensors: &[NamedShape],
    values: impl Fn(&str, &[usize]) -> Vec<f32>,
) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(name, shape)| values(name, shape).iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape), bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
            .expect("as many elements as the shape has");
        (name, view)
    });
    safetensors::serialize_to_file(views, None, path.as_ref()).expect("a writable path");
}

/// The elements of a tensor, row-major, by its name and shape.
///
/// Weights of convolutions and matrices have the variance `2 / fan_in` (He et al., "Delving deep
/// into rectifiers", 2015) and sum to zero in each filter; batch norm's scales and variances lie
/// between 0.5 and 1.5, its means and all biases between -0.1 and 0.1.
pub fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let noise = Noise::named(name);
    let count: usize = shape.iter().product();
    let value: Box<dyn Fn(usize) -> f64> = if shape.len() >= 2 {
        // Noise has the variance 1/12, the difference of two values 1/6. Differences sum to zero in each filter. With
        // plain noise, the positive mean after each ReLU would grow from layer to layer until all images had the
        // same embedding.
        let fan_in: usize = shape[1..].iter().product();
        let scale = (12.0 / fan_in as f64).sqrt();
        let previous =
            move |i: usize| if i.is_multiple_of(fan_in) { i + fan_in - 1 } else { i - 1 };
        Box::new(move |i| (noise.at(i) - noise.at(previous(i))) * scale)
    } else if name.ends_with("running_var") || name.ends_with("weight") {
        Box::new(|i| 0.5 + (noise.at(i) + 0.5))
    } else {
        Box::new(|i| 0.2 * noise.at(i))
    };
    (0..count).map(|index| value(index) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_hes_variance_and_norms_stay_near_one() {
        let weights = values("conv.weight", &[64, 32, 3, 3]);
        let variance = weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32;
        assert!((variance * 288.0 / 2.0 - 1.0).abs() < 0.05, "{variance}");
        for filter in weights.chunks(288) {
            assert!(filter.iter().sum::<f32>().abs() < 1e-4, "a filter's weights sum to zero");
        }
        for name in ["bn1.weight", "bn1.running_var"] {
            assert!(values(name, &[500]).iter().all(|v| (0.5..=1.5).contains(v)), "{name}");
        }
        for name in ["bn1.bias", "bn1.running_mean", "conv_head.bias"] {
            assert!(values(name, &[500]).iter().all(|v| v.abs() <= 0.1), "{name}");
        }
    }

    #[test]
    fn a_file_holds_the_tensors_it_was_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("two.safetensors");
        let tensors = [("a.weight".to_owned(), vec![2, 3]), ("a.bias".to_owned(), vec![2])];
        write(&path, &tensors, values);
        let bytes = std::fs::read(&path).expect("just written");
        let file = safetensors::SafeTensors::deserialize(&bytes).expect("a whole file");
        assert_eq!(file.names().len(), 2);
        let bias = file.tensor("a.bias").expect("just written");
        assert_eq!(bias.shape(), [2]);
        let expected: Vec<u8> =
            values("a.bias", &[2]).iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(bias.data(), expected);
    }
}
