//! Writing weights files.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::Path;

use candle_core::{DType, Tensor};
use lookalike_base::{atomic_write, folder_of};

use crate::BackboneError;

/// The precision that weights are stored in. It does not decide what networks compute with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 4 bytes a value.
    F32,
    /// 2 bytes: three decimal digits, up to 65,504.
    F16,
    /// 2 bytes: two decimal digits, f32's range.
    Bf16,
}

/// Writes a safetensors file, atomically. Missing folders are made.
pub(crate) fn write(
    tensors: &BTreeMap<String, Tensor>,
    to: &Path,
    precision: Precision,
    about: HashMap<String, String>,
) -> Result<(), BackboneError> {
    let dtype = match precision {
        Precision::F32 => DType::F32,
        Precision::F16 => DType::F16,
        Precision::Bf16 => DType::BF16,
    };
    let tensors: Vec<(&String, Tensor)> = tensors
        .iter()
        .map(|(name, tensor)| Ok((name, tensor.to_dtype(dtype)?.contiguous()?)))
        .collect::<Result<_, candle_core::Error>>()?;
    if let Some((name, _)) = tensors.iter().find(|(_, tensor)| !is_finite(tensor)) {
        // Only f16 has too small a range for values that were finite in f32.
        let (path, tensor) = (to.to_owned(), (*name).clone());
        return Err(BackboneError::OutOfRange { path, tensor });
    }
    let unwritable = |source| BackboneError::Unwritable { path: to.to_owned(), source };
    let bytes = safetensors::serialize(tensors, Some(about))
        .map_err(|error| unwritable(std::io::Error::other(error.to_string())))?;
    std::fs::create_dir_all(folder_of(to)).map_err(unwritable)?;
    atomic_write(to, |file| file.write_all(&bytes)).map_err(unwritable)
}

fn is_finite(tensor: &Tensor) -> bool {
    let sum = tensor.to_dtype(DType::F32).and_then(|t| t.abs()?.max_all()?.to_scalar::<f32>());
    sum.is_ok_and(f32::is_finite)
}
