//! Reading files of tensors: safetensors, and PyTorch's checkpoints (`torch.save` of a state_dict).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::pickle::PthTensors;
use candle_core::safetensors::{BufferedSafetensors, Load};
use candle_core::{Device, Tensor};
use lookalike_base::hex;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use super::bundled;
use crate::BackboneError;

/// The keys under which training programs keep a network among other things.
const NESTED: [&str; 3] = ["state_dict", "model", "model_state_dict"];

/// An opened file of tensors.
pub(crate) struct TensorFile {
    pub(crate) path: PathBuf,
    /// SHA-256 of the file, in hexadecimal.
    pub(crate) sha256: String,
    pub(crate) shapes: BTreeMap<String, Vec<usize>>,
    /// A safetensors file's `__metadata__`.
    pub(crate) metadata: BTreeMap<String, String>,
    source: Source,
}

enum Source {
    Safetensors(BufferedSafetensors),
    Pth(PthTensors),
}

impl TensorFile {
    /// Reads a file; its format is recognised by its content.
    pub(crate) fn open(path: &Path) -> Result<Self, BackboneError> {
        let path = path.to_owned();
        let bytes = bundled::read(&path)
            .map_err(|source| BackboneError::Unreadable { path: path.clone(), source })?;
        let sha256 = hex::encode(&Sha256::digest(&bytes));
        // A ZIP archive, or the pickle that PyTorch wrote before it wrote archives.
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
            let pth = open_pth(&path, &bytes)?;
            let shapes = pth.tensor_infos().iter();
            let shapes = shapes.map(|(name, info)| (name.clone(), info.layout.dims().to_vec()));
            let (shapes, metadata) = (shapes.collect(), BTreeMap::new());
            return Ok(Self { path, sha256, shapes, metadata, source: Source::Pth(pth) });
        }
        let damaged = |reason: String| {
            let reason = reason.lines().next().unwrap_or_default().to_owned();
            BackboneError::NotSafetensors { path: path.clone(), reason }
        };
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let tensors = BufferedSafetensors::new(bytes.into_owned())
            .map_err(|error| damaged(error.to_string()))?;
        let shapes = tensors.tensors().into_iter();
        let shapes = shapes.map(|(name, view)| (name, view.shape().to_vec())).collect();
        Ok(Self { path, sha256, shapes, metadata, source: Source::Safetensors(tensors) })
    }

    /// A tensor as it is stored.
    pub(crate) fn read(&self, name: &str) -> Result<Tensor, BackboneError> {
        let missing = || {
            let reason = format!("the tensor '{name}' cannot be read");
            BackboneError::NotPth { path: self.path.clone(), reason }
        };
        match &self.source {
            Source::Safetensors(tensors) => Ok(tensors.get(name)?.load(&Device::Cpu)?),
            Source::Pth(tensors) => tensors.get(name).map_err(|_| missing())?.ok_or_else(missing),
        }
    }
}

fn open_pth(path: &Path, bytes: &[u8]) -> Result<PthTensors, BackboneError> {
    let refuse =
        |reason: &str| BackboneError::NotPth { path: path.to_owned(), reason: reason.to_owned() };
    if bytes.starts_with(b"\x80\x02") {
        return Err(refuse(
            "written by PyTorch before 1.6: load it and save its state_dict again with torch.save",
        ));
    }
    let mut opened = PthTensors::new(path, None)
        .map_err(|_| refuse("damaged or not a state_dict: download it again"))?;
    for key in NESTED {
        if opened.tensor_infos().is_empty() {
            opened = PthTensors::new(path, Some(key)).unwrap_or(opened);
        }
    }
    if opened.tensor_infos().is_empty() {
        return Err(refuse("no tensors in it: save the network's state_dict with torch.save"));
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    fn open(name: &str) -> Result<TensorFile, BackboneError> {
        TensorFile::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pth").join(name))
    }

    #[test]
    fn pytorchs_checkpoints_are_read_alone_and_among_other_things() {
        for name in ["plain.pth", "nested.pth"] {
            let file = open(name).expect(name);
            assert_eq!(file.shapes["whole"], [2, 3], "{name}");
            let values = |tensor: &str| {
                let tensor = file.read(tensor).and_then(|t| Ok(t.to_dtype(DType::F32)?));
                tensor.and_then(|t| Ok(t.flatten_all()?.to_vec1::<f32>()?)).expect("numbers")
            };
            assert_eq!(values("whole"), [0.0, 0.25, 0.5, 0.75, 1.0, 1.25], "{name}");
            assert_eq!(values("half"), [1.5, -2.0], "{name}");
        }
    }

    #[test]
    fn checkpoints_without_a_network_say_so() {
        for (name, reason) in [("legacy.pth", "before 1.6"), ("without_tensors.pth", "state_dict")]
        {
            let error = open(name).err().expect(name).to_string();
            assert!(error.contains(name) && error.contains(reason), "{error}");
        }
    }
}
