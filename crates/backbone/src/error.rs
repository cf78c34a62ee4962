//! Why a network cannot be loaded or written.

use std::path::PathBuf;

use crate::{BackboneKind, Dtype};

/// Why a network cannot be loaded or written. Each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// The file cannot be read.
    #[error("cannot read the weights file {}: {source}", path.display())]
    Unreadable {
        /// The weights file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no safetensors file, or a damaged one.
    #[error(
        "{} is not a whole safetensors file ({reason}): download it again, or convert it to safetensors",
        path.display()
    )]
    NotSafetensors {
        /// The weights file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is a PyTorch checkpoint that cannot be read.
    #[error("{} is a PyTorch checkpoint that cannot be read: {reason}", path.display())]
    NotPth {
        /// The weights file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The file states a preprocessing that this version does not know.
    #[error(
        "{} needs the preprocessing '{name}', which this version does not know: update it",
        path.display()
    )]
    UnknownPreprocess {
        /// The weights file.
        path: PathBuf,
        /// The name in the file.
        name: String,
    },
    /// The file holds another network.
    #[error("{} holds {found}, not {wanted}: use another weights file", path.display())]
    WrongNetwork {
        /// The weights file.
        path: PathBuf,
        /// What the tensor names look like.
        found: String,
        /// What was requested.
        wanted: String,
    },
    /// A tensor that the network needs is not in the file.
    #[error("{}: {kind} needs the tensor '{tensor}', which the file lacks", path.display())]
    MissingTensor {
        /// The weights file.
        path: PathBuf,
        /// The network.
        kind: BackboneKind,
        /// Name in the file's own naming.
        tensor: String,
    },
    /// A tensor has another shape than the network's.
    #[error(
        "{}: the tensor '{tensor}' has the shape {found:?} where {kind} needs {wanted:?}",
        path.display()
    )]
    TensorShape {
        /// The weights file.
        path: PathBuf,
        /// The network.
        kind: BackboneKind,
        /// Name in the file's own naming.
        tensor: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape of the network.
        wanted: Vec<usize>,
    },
    /// A tensor has NaN, infinity or a negative variance: every embedding would be wrong.
    #[error(
        "{}: the tensor '{tensor}' has NaN, infinity or a negative variance: download it again",
        path.display()
    )]
    NotFinite {
        /// The weights file.
        path: PathBuf,
        /// Name in the file's own naming.
        tensor: String,
    },
    /// A quantised network's calibration cannot be read.
    #[error("{}: its int8 calibration is damaged ({reason}): quantise it again", path.display())]
    Ranges {
        /// The weights file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A network cannot be quantised without calibration photos.
    #[error("no readable photo to calibrate {} with", path.display())]
    NoPhotos {
        /// The weights file.
        path: PathBuf,
    },
    /// A value is too large for the requested precision.
    #[error(
        "{}: the tensor '{tensor}' has values too large for f16: use bf16 or f32",
        path.display()
    )]
    OutOfRange {
        /// The weights file.
        path: PathBuf,
        /// Name in the file's own naming.
        tensor: String,
    },
    /// A weights file cannot be written.
    #[error("cannot write the weights file {}: {source}", path.display())]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A GPU was requested of a program that was built without CUDA.
    #[error("this program was built without CUDA (the cargo feature `cuda`)")]
    NoCuda,
    /// A GPU was requested, and none answers.
    #[error("NVIDIA GPU {number} does not answer: {reason}")]
    NoDevice {
        /// The GPU's number.
        number: usize,
        /// The driver's reason.
        reason: String,
    },
    /// The CPU computes in f32 only.
    #[error("{dtype} needs a GPU: the CPU computes in f32 only")]
    DtypeNeedsGpu {
        /// The requested data type.
        dtype: Dtype,
    },
    /// candle failed.
    #[error("{0}")]
    Candle(#[from] candle_core::Error),
}
