//! Launches the kernels of `kernels.cu`. They compute what `ops/inplace.rs` and `ops/depthwise.rs` do on the
//! CPU, where that is tested; `benches/gpu.rs` compares the embeddings of both.

use std::sync::OnceLock;

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DeviceRepr};
use candle_core::cuda_backend::cudarc::driver::{
    DevicePtr as _, DevicePtrMut as _, LaunchConfig, PushKernelArg, sys,
};
use candle_core::cuda_backend::{CudaDType, CudaDevice, WrapErr};
use candle_core::{CudaStorage, DType, Layout, Result, Shape, bail};
use half::{bf16, f16};

use crate::ops::activation::Activation;

const SOURCE: &str = include_str!("kernels.cu");
const THREADS: u32 = 256;
/// More blocks than any GPU runs at once; beyond that, each thread computes several values.
const BLOCKS: u32 = 1 << 16;

/// The kernels, compiled to PTX, which runs on any GPU.
fn compiled() -> Result<&'static str> {
    static PTX: OnceLock<std::result::Result<String, String>> = OnceLock::new();
    let compile = || {
        let ptx = candle_core::cuda_backend::cudarc::nvrtc::compile_ptx(SOURCE);
        ptx.map(|ptx| ptx.to_src()).map_err(|error| error.to_string())
    };
    match PTX.get_or_init(compile) {
        Ok(ptx) => Ok(ptx),
        Err(reason) => bail!("a kernel cannot be compiled: {reason}"),
    }
}

/// Makes a GPU's memory pool keep freed memory for the next allocation. By default the pool returns it to the
/// system at every synchronisation, and maps it again after that.
pub(crate) fn keep_memory(gpu: usize) -> Result<()> {
    let (mut device, mut pool, mut limit) = (0, std::ptr::null_mut(), u64::MAX);
    // SAFETY: each call gets a pointer to a variable for its result; the attribute is a 64-bit integer.
    #[allow(unsafe_code)]
    unsafe {
        sys::cuDeviceGet(&mut device, gpu as i32).result().w()?;
        sys::cuDeviceGetDefaultMemPool(&mut pool, device).result().w()?;
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut limit).cast()).result().w()?;
    }
    Ok(())
}

/// A kernel's arguments besides its tensors.
type Scalars<'a> = &'a [u32];

/// Number of values of a tensor, if it fits a kernel's 32-bit index.
fn count(layout: &Layout) -> Result<u32> {
    match u32::try_from(layout.shape().elem_count()) {
        Ok(count) => Ok(count),
        Err(_) => bail!("{:?} is too large for a GPU: use smaller batches", layout.shape()),
    }
}

fn code(activation: Activation) -> u32 {
    match activation {
        Activation::None => 0,
        Activation::Relu => 1,
        Activation::HardSwish => 2,
        Activation::Relu6 => 3,
    }
}

fn start(layout: &Layout) -> Result<usize> {
    match layout.contiguous_offsets() {
        Some((start, _)) => Ok(start),
        None => bail!("a kernel needs contiguous tensors"),
    }
}

/// Runs the kernel `name` over `count` values: `name(written, read..., count, scalars...)`.
fn launch<T: CudaDType + DeviceRepr>(
    device: &CudaDevice,
    name: &str,
    written: (&mut CudaSlice<T>, usize),
    read: &[(&CudaSlice<T>, usize)],
    count: u32,
    scalars: Scalars,
) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let function = device.get_or_load_custom_func(name, "lookalike", compiled()?)?;
    let stream = device.cuda_stream();
    let size = std::mem::size_of::<T>() as u64;
    // The guards record on the stream what is read and written; they must live until after the launch.
    let (written_at, _written) = written.0.device_ptr_mut(&stream);
    let written_at = written_at + written.1 as u64 * size;
    let mut read_at = Vec::with_capacity(read.len());
    let mut guards = Vec::with_capacity(read.len());
    for (slice, start) in read {
        let (at, guard) = slice.device_ptr(&stream);
        read_at.push(at + *start as u64 * size);
        guards.push(guard);
    }
    let mut arguments = function.builder();
    arguments.arg(&written_at);
    read_at.iter().for_each(|at| {
        arguments.arg(at);
    });
    arguments.arg(&count);
    scalars.iter().for_each(|scalar| {
        arguments.arg(scalar);
    });
    let grid = (count.div_ceil(THREADS).min(BLOCKS), 1, 1);
    let config = LaunchConfig { grid_dim: grid, block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 };
    // SAFETY: the arguments are those of the kernel in `kernels.cu`, in its order, and each kernel stays
    // within the bounds that `count` and `scalars` give; the callers check the tensors' lengths.
    #[allow(unsafe_code)]
    unsafe {
        arguments.launch(config).w()?;
    }
    Ok(())
}

fn in_place_as<T: CudaDType + DeviceRepr>(
    name: &str,
    (x, x_layout): (&mut CudaStorage, &Layout),
    (y, y_layout): (&CudaStorage, &Layout),
    scalars: Scalars,
) -> Result<()> {
    let device = x.device.clone();
    let (x_start, y_start) = (start(x_layout)?, start(y_layout)?);
    let (x, y) = (x.as_cuda_slice_mut::<T>()?, y.as_cuda_slice::<T>()?);
    launch(&device, name, (x, x_start), &[(y, y_start)], count(x_layout)?, scalars)
}

fn in_place(
    name: &str,
    x: (&mut CudaStorage, &Layout),
    y: (&CudaStorage, &Layout),
    scalars: Scalars,
) -> Result<()> {
    let dtype = dtype(x.0);
    let name = format!("{name}_{}", dtype.as_str());
    match dtype {
        DType::F32 => in_place_as::<f32>(&name, x, y, scalars),
        DType::BF16 => in_place_as::<bf16>(&name, x, y, scalars),
        DType::F16 => in_place_as::<f16>(&name, x, y, scalars),
        other => bail!("no kernel for {other:?}"),
    }
}

fn dtype(storage: &CudaStorage) -> DType {
    candle_core::backend::BackendStorage::dtype(storage)
}

/// `x = activation(x + bias)`; each plane of `plane` values has one bias.
pub(crate) fn add_bias(
    x: (&mut CudaStorage, &Layout),
    bias: (&CudaStorage, &Layout),
    plane: usize,
    activation: Activation,
) -> Result<()> {
    let channels = bias.1.shape().elem_count() as u32;
    in_place("add_bias", x, bias, &[plane as u32, channels, code(activation)])
}

/// `x = x + y`, with a ReLU if `relu` is set.
pub(crate) fn add(
    x: (&mut CudaStorage, &Layout),
    y: (&CudaStorage, &Layout),
    relu: bool,
) -> Result<()> {
    in_place("add", x, y, &[u32::from(relu)])
}

/// `x = x * factor`; each plane of `plane` values has one factor.
pub(crate) fn scale(
    x: (&mut CudaStorage, &Layout),
    factors: (&CudaStorage, &Layout),
    plane: usize,
) -> Result<()> {
    in_place("scale", x, factors, &[plane as u32])
}

/// The geometry of a depthwise convolution.
#[derive(Clone, Copy)]
pub(crate) struct Sides {
    pub(crate) stride: usize,
    pub(crate) before: usize,
    pub(crate) out: (usize, usize),
}

/// Convolves every channel of `(n, c, h, w)` with its own kernel of `(c, 1, k, k)`.
pub(crate) fn depthwise(
    x: (&CudaStorage, &Layout),
    kernel: (&CudaStorage, &Layout),
    sides: Sides,
) -> Result<(CudaStorage, Shape)> {
    match dtype(x.0) {
        DType::F32 => depthwise_as::<f32>("depthwise_f32", x, kernel, sides),
        DType::BF16 => depthwise_as::<bf16>("depthwise_bf16", x, kernel, sides),
        DType::F16 => depthwise_as::<f16>("depthwise_f16", x, kernel, sides),
        other => bail!("no kernel for {other:?}"),
    }
}

fn depthwise_as<T: CudaDType + DeviceRepr>(
    name: &str,
    (x, x_layout): (&CudaStorage, &Layout),
    (kernel, kernel_layout): (&CudaStorage, &Layout),
    sides: Sides,
) -> Result<(CudaStorage, Shape)> {
    let (n, channels, h, w) = x_layout.shape().dims4()?;
    let (kernels, _, k, _) = kernel_layout.shape().dims4()?;
    if kernels != channels {
        bail!("{kernels} kernels for {channels} channels");
    }
    let Sides { stride, before, out: (out_h, out_w) } = sides;
    let shape = Shape::from((n, channels, out_h, out_w));
    let device = x.device.clone();
    // SAFETY: the kernel writes every value before any is read.
    #[allow(unsafe_code)]
    let mut out = unsafe { device.alloc::<T>(shape.elem_count())? };
    let scalars = [channels, h, w, out_h, out_w, k, stride, before].map(|scalar| scalar as u32);
    let read = [
        (x.as_cuda_slice::<T>()?, start(x_layout)?),
        (kernel.as_cuda_slice::<T>()?, start(kernel_layout)?),
    ];
    let count = count(&Layout::contiguous(&shape))?;
    launch(&device, name, (&mut out, 0), &read, count, &scalars)?;
    Ok((CudaStorage::wrap_cuda_slice(out, device), shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs CUDA's compiler, but no GPU.
    #[test]
    fn every_kernel_compiles() -> Result<()> {
        let ptx = compiled()?;
        for kernel in ["add_bias", "add", "scale", "depthwise"] {
            for dtype in ["f32", "bf16", "f16"] {
                assert!(ptx.contains(&format!(".entry {kernel}_{dtype}(")), "{kernel}_{dtype}");
            }
        }
        Ok(())
    }
}
