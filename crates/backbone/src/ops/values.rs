//! The values of an f32 tensor on the CPU, without a copy where they are contiguous.

use std::ops::Deref;

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The values of an f32 tensor, row-major.
pub(crate) enum Values<'a> {
    /// Contiguous in the tensor's own storage.
    Borrowed(Box<dyn Deref<Target = Storage> + 'a>, Layout),
    /// Copied, as the tensor is strided or on another device.
    Owned(Vec<f32>),
}

impl<'a> Values<'a> {
    pub(crate) fn of(tensor: &'a Tensor) -> Result<Self> {
        if tensor.is_contiguous() {
            let (storage, layout) = tensor.storage_and_layout();
            if let Storage::Cpu(values) = &*storage {
                contiguous(values, layout)?;
                let layout = layout.clone();
                return Ok(Self::Borrowed(Box::new(storage), layout));
            }
        }
        Ok(Self::Owned(tensor.flatten_all()?.to_vec1()?))
    }
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Borrowed(storage, layout) => match &***storage {
                Storage::Cpu(values) => contiguous(values, layout).unwrap_or_default(),
                _ => &[],
            },
            Self::Owned(values) => values,
        }
    }
}

/// The values of a contiguous f32 tensor.
pub(crate) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(values) = storage else { bail!("operations on the CPU are f32 only") };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("operations on the CPU need contiguous tensors"),
    }
}
