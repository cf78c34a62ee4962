//! The device that a network computes on, and the data type that it computes with.
//!
//! [`Device`] pairs candle's device with a data type; candle's own is written `candle_core::Device`.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Result, Tensor};

use crate::{BackboneError, Dtype};

/// A device by name: `auto`, `cpu`, `cuda`, `cuda:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceName {
    /// The first NVIDIA GPU that answers, if the program was built with CUDA; else the CPU.
    #[default]
    Auto,
    /// All cores of the CPU.
    Cpu,
    /// An NVIDIA GPU, by its number.
    Cuda(usize),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match (text, text.strip_prefix("cuda:").map(str::parse)) {
            ("auto", _) => Ok(Self::Auto),
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(Ok(number))) => Ok(Self::Cuda(number)),
            _ => Err("a device is auto, cpu, cuda or cuda:N, counted from 0".to_owned()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Cpu => write!(f, "cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// A device with the data type that networks on it compute with. Their parameters lie there.
#[derive(Debug, Clone)]
pub struct Device {
    candle: candle_core::Device,
    dtype: DType,
}

impl Default for Device {
    /// The CPU, in f32.
    fn default() -> Self {
        Self { candle: candle_core::Device::Cpu, dtype: DType::F32 }
    }
}

impl Device {
    /// Opens a device by name. The CPU computes in f32 only.
    ///
    /// # Errors
    /// [`BackboneError::NoCuda`] where the program was built without CUDA, [`BackboneError::NoDevice`]
    /// where no GPU answers, [`BackboneError::DtypeNeedsGpu`] for a data type that the CPU does not
    /// compute with.
    pub fn open(name: DeviceName, dtype: Dtype) -> std::result::Result<Self, BackboneError> {
        let candle = match name {
            DeviceName::Cpu => candle_core::Device::Cpu,
            DeviceName::Auto => cuda(0).unwrap_or(candle_core::Device::Cpu),
            DeviceName::Cuda(number) => cuda(number)?,
        };
        if candle.is_cpu() && dtype != Dtype::F32 {
            return Err(BackboneError::DtypeNeedsGpu { dtype });
        }
        #[cfg(feature = "cuda")]
        candle_core::cuda::set_gemm_reduced_precision_f32(dtype == Dtype::Tf32);
        let dtype = match dtype {
            Dtype::F32 | Dtype::Tf32 => DType::F32,
            Dtype::Bf16 => DType::BF16,
            Dtype::F16 => DType::F16,
        };
        Ok(Self { candle, dtype })
    }

    /// Whether this is the CPU, where each core embeds photos of its own. A GPU takes one batch after
    /// the other.
    pub fn is_cpu(&self) -> bool {
        self.candle.is_cpu()
    }

    /// candle's device, for tensors.
    pub fn candle(&self) -> &candle_core::Device {
        &self.candle
    }

    /// Copies a tensor to this device, in its data type.
    pub(crate) fn upload(&self, tensor: &Tensor) -> Result<Tensor> {
        tensor.to_dtype(self.dtype)?.to_device(&self.candle)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.candle.location() {
            candle_core::DeviceLocation::Cpu => write!(f, "the CPU"),
            candle_core::DeviceLocation::Cuda { gpu_id } => {
                write!(f, "NVIDIA GPU {gpu_id}, {}", self.dtype.as_str())
            }
            candle_core::DeviceLocation::Metal { gpu_id } => write!(f, "Metal device {gpu_id}"),
        }
    }
}

fn cuda(number: usize) -> std::result::Result<candle_core::Device, BackboneError> {
    if !candle_core::utils::cuda_is_available() {
        return Err(BackboneError::NoCuda);
    }
    // Without a driver, the library that talks to it panics at the first call.
    let opened = std::panic::catch_unwind(|| candle_core::Device::new_cuda(number));
    let reason = match opened {
        Ok(Ok(device)) => {
            // Without the pool the GPU is slower, but computes the same.
            #[cfg(feature = "cuda")]
            let _ = crate::cuda::kernels::keep_memory(number);
            return Ok(device);
        }
        Ok(Err(error)) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        Err(_) => "the driver's library is missing".to_owned(),
    };
    Err(BackboneError::NoDevice { number, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_dtypes_parse_from_what_they_print() {
        for name in ["auto", "cpu", "cuda:0", "cuda:3"] {
            assert_eq!(name.parse::<DeviceName>().map(|name| name.to_string()), Ok(name.into()));
        }
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            assert!(wrong.parse::<DeviceName>().is_err(), "{wrong}");
        }
        for (name, dtype) in Dtype::ALL {
            assert_eq!(name.parse(), Ok(dtype));
            assert_eq!(dtype.to_string(), name);
        }
    }

    #[test]
    fn the_cpu_is_always_there_and_takes_f32_only() {
        assert!(Device::open(DeviceName::Cpu, Dtype::F32).expect("a device").is_cpu());
        let refused = Device::open(DeviceName::Cpu, Dtype::Bf16).expect_err("refused");
        assert!(refused.to_string().contains("bf16"), "{refused}");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn without_cuda_a_gpu_is_refused_and_auto_is_the_cpu() {
        let refused = Device::open(DeviceName::Cuda(0), Dtype::F32).expect_err("refused");
        assert!(matches!(refused, BackboneError::NoCuda), "{refused}");
        assert!(Device::open(DeviceName::Auto, Dtype::F32).expect("a device").is_cpu());
    }
}
