//! Import: a checkpoint from another program, written as a weights file of this one.

use std::path::Path;

use crate::checkpoint::metadata::CLASSES_KEY;
use crate::checkpoint::variables::TrainSetup;
use crate::checkpoint::write::Precision;
use crate::preprocess::preprocess_named;
use crate::trainable::load_trainable;
use crate::{BackboneError, BackboneKind, Device};

/// Writes the network in a checkpoint as a safetensors file that states its preprocessing: the one called
/// `preprocess` (see [`preprocess_named`]), or else the network's usual one. Only the tensors that the
/// network needs are kept, under their own names, each checked for its shape and for NaN.
///
/// The file is written atomically; one with the same name is replaced.
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
