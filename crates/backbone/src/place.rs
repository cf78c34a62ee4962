//! Where a network computes, and in which numbers.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device, Result, Tensor};

use crate::BackboneError;

/// A device, as a person names it: `auto`, `cpu`, `cuda`, `cuda:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceName {
    /// The first NVIDIA card that answers, if the program was built for them, else the processor.
    #[default]
    Auto,
    /// All cores of the processor.
    Cpu,
    /// An NVIDIA card, by its number.
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

/// The numbers that a network computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arithmetic {
    /// 32 bits.
    #[default]
    F32,
    /// 32 bits that a card's matrix units round to 19 as they multiply. A card's only.
    Tf32,
    /// 16 bits, eight of them the exponent. A card's only.
    Bf16,
    /// 16 bits, five of them the exponent. A card's only.
    F16,
}

impl Arithmetic {
    /// All, with their names.
    pub const ALL: [(&'static str, Self); 4] =
        [("f32", Self::F32), ("tf32", Self::Tf32), ("bf16", Self::Bf16), ("f16", Self::F16)];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("f32", |(name, _)| name)
    }
}

impl FromStr for Arithmetic {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let named = Self::ALL.iter().find(|(name, _)| *name == text);
        named.map(|(_, one)| *one).ok_or_else(|| "f32, tf32, bf16 or f16".to_owned())
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a network's parameters lie and its batches are computed.
#[derive(Debug, Clone)]
pub struct Place {
    pub(crate) device: Device,
    pub(crate) dtype: DType,
}

impl Default for Place {
    fn default() -> Self {
        Self { device: Device::Cpu, dtype: DType::F32 }
    }
}

impl Place {
    /// The place that is named. The processor computes with 32 bits only.
    ///
    /// # Errors
    /// [`BackboneError::NoCuda`] where the program was built without it, [`BackboneError::NoDevice`]
    /// where no card answers, [`BackboneError::Arithmetic`] for what the processor does not compute
    /// with.
    pub fn open(name: DeviceName, numbers: Arithmetic) -> std::result::Result<Self, BackboneError> {
        let device = match name {
            DeviceName::Cpu => Device::Cpu,
            DeviceName::Auto => cuda(0).unwrap_or(Device::Cpu),
            DeviceName::Cuda(number) => cuda(number)?,
        };
        if device.is_cpu() && numbers != Arithmetic::F32 {
            return Err(BackboneError::Arithmetic { numbers });
        }
        let dtype = match numbers {
            Arithmetic::F32 | Arithmetic::Tf32 => DType::F32,
            Arithmetic::Bf16 => DType::BF16,
            Arithmetic::F16 => DType::F16,
        };
        #[cfg(feature = "cuda")]
        candle_core::cuda::set_gemm_reduced_precision_f32(numbers == Arithmetic::Tf32);
        Ok(Self { device, dtype })
    }

    /// Whether that is the processor, on which batches are shared out among the cores; a card takes
    /// one after the other.
    pub fn is_cpu(&self) -> bool {
        self.device.is_cpu()
    }

    /// Where tensors lie that go in.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A tensor, there.
    pub(crate) fn put(&self, tensor: &Tensor) -> Result<Tensor> {
        tensor.to_dtype(self.dtype)?.to_device(&self.device)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.device.location() {
            candle_core::DeviceLocation::Cpu => write!(f, "the processor"),
            candle_core::DeviceLocation::Cuda { gpu_id } => {
                write!(f, "NVIDIA card {gpu_id}, {}", self.dtype.as_str())
            }
            candle_core::DeviceLocation::Metal { gpu_id } => write!(f, "Metal device {gpu_id}"),
        }
    }
}

/// Whether a tensor lies on the processor, for which there are layers of our own.
pub(crate) fn on_processor(x: &Tensor) -> bool {
    #[cfg(test)]
    if tests::AS_ON_A_CARD.get() {
        return false;
    }
    x.device().is_cpu()
}

fn cuda(number: usize) -> std::result::Result<Device, BackboneError> {
    if !candle_core::utils::cuda_is_available() {
        return Err(BackboneError::NoCuda);
    }
    // Without a driver, the library that talks to it panics when it is first asked.
    let asked = std::panic::catch_unwind(|| Device::new_cuda(number));
    let reason = match asked {
        Ok(Ok(device)) => {
            // Without it the card is slower, but computes the same.
            #[cfg(feature = "cuda")]
            let _ = crate::cuda::keep_memory(number);
            return Ok(device);
        }
        Ok(Err(error)) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        Err(_) => "the driver's library is missing".to_owned(),
    };
    Err(BackboneError::NoDevice { number, reason })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// Has this thread compute as a card does, so that what it runs there is tested here.
        pub(crate) static AS_ON_A_CARD: Cell<bool> = const { Cell::new(false) };
    }

    #[test]
    fn devices_and_numbers_are_named_as_they_are_shown() {
        for name in ["auto", "cpu", "cuda:0", "cuda:3"] {
            assert_eq!(name.parse::<DeviceName>().map(|name| name.to_string()), Ok(name.into()));
        }
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            assert!(wrong.parse::<DeviceName>().is_err(), "{wrong}");
        }
        for (name, numbers) in Arithmetic::ALL {
            assert_eq!(name.parse(), Ok(numbers));
            assert_eq!(numbers.to_string(), name);
        }
    }

    #[test]
    fn the_processor_is_always_there_and_takes_f32_only() {
        assert!(Place::open(DeviceName::Cpu, Arithmetic::F32).expect("a place").is_cpu());
        let refused = Place::open(DeviceName::Cpu, Arithmetic::Bf16).expect_err("refused");
        assert!(refused.to_string().contains("bf16"), "{refused}");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn without_cuda_a_card_is_refused_and_auto_is_the_processor() {
        let refused = Place::open(DeviceName::Cuda(0), Arithmetic::F32).expect_err("refused");
        assert!(refused.to_string().contains("--features cuda"), "{refused}");
        assert!(Place::open(DeviceName::Auto, Arithmetic::F32).expect("a place").is_cpu());
    }
}
