//! Checkpoints from elsewhere, as this program's own files.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::Path;

use candle_core::{DType, Tensor};

use crate::kind::preprocess_named;
use crate::{BackboneError, BackboneKind, CLASSES_KEY, Device, TrainSetup, load_trainable};

/// In what precision weights are stored. Networks compute in f32 whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes a number.
    F32,
    /// Two bytes: three decimal digits, up to 65,504.
    F16,
    /// Two bytes: two decimal digits, f32's range.
    Bf16,
}

/// Writes the network in a checkpoint as a safetensors file that says how photos are prepared for it:
/// in the way named `preprocess` in the weight manifest, or else as is usual for the network. Only the
/// tensors that the network needs are kept, under the names they have, each checked for its shape and
/// for NaN.
///
/// The file is written beside `to` and then given its name, in place of one that is there.
///
/// # Errors
/// As [`crate::load`]; [`BackboneError::Unwritable`] when the file cannot be written.
pub fn import(
    from: &Path,
    to: &Path,
    preprocess: Option<&str>,
    precision: Precision,
) -> Result<BackboneKind, BackboneError> {
    if let Some(name) = preprocess.filter(|name| preprocess_named(name).is_none()) {
        let (path, name) = (from.to_owned(), name.to_owned());
        return Err(BackboneError::UnknownPreprocess { path, name });
    }
    let network = load_trainable(from, None, TrainSetup::default(), &Device::default())?;
    let preprocess = preprocess
        .map_or_else(|| network.preprocess_name(network.preprocess().size() as u32), str::to_owned);
    let classes = network.classes().and_then(|classes| serde_json::to_string(classes).ok());
    let about: Vec<_> = classes.map(|classes| (CLASSES_KEY, classes)).into_iter().collect();
    network.export(to, &preprocess, precision, &about)?;
    Ok(network.kind())
}

/// Writes tensors beside `to` and then gives the file its name.
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
        // Only f16 has too small a range for what was a number.
        let (path, tensor) = (to.to_owned(), (*name).clone());
        return Err(BackboneError::OutOfRange { path, tensor });
    }
    let unwritable = |source| BackboneError::Unwritable { path: to.to_owned(), source };
    let bytes = safetensors::serialize(tensors, Some(about))
        .map_err(|error| unwritable(std::io::Error::other(error.to_string())))?;
    let folder = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let mut file = readable_temporary().tempfile_in(folder).map_err(unwritable)?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(unwritable)?;
    file.persist(to).map_err(|error| unwritable(error.error))?;
    Ok(())
}

/// Temporary files are their owner's alone; this one becomes a file like any other.
fn readable_temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

fn is_finite(tensor: &Tensor) -> bool {
    let sum = tensor.to_dtype(DType::F32).and_then(|t| t.abs()?.max_all()?.to_scalar::<f32>());
    sum.is_ok_and(f32::is_finite)
}
