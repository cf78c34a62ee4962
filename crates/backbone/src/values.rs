//! A tensor's numbers without a copy.

use std::ops::Deref;

use candle_core::{Layout, Result, Storage, Tensor};

use crate::depthwise::contiguous;

/// The numbers of an f32 tensor in the CPU's memory, row-major.
pub(crate) enum Values<'a> {
    /// They lie in a row already.
    Borrowed(Box<dyn Deref<Target = Storage> + 'a>, Layout),
    /// They had to be gathered.
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
