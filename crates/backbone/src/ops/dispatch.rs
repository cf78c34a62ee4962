//! Which implementation an operation takes: our own on the CPU, or candle's.

use candle_core::Tensor;

/// Whether a tensor lies in the CPU's memory, for which there are operations of our own.
pub(crate) fn on_cpu(x: &Tensor) -> bool {
    #[cfg(test)]
    if testing::AS_ON_GPU.get() {
        return false;
    }
    x.device().is_cpu()
}

#[cfg(test)]
pub(crate) mod testing {
    use std::cell::Cell;

    thread_local! {
        /// Makes this thread take a GPU's code paths on the CPU, so that they are tested everywhere.
        pub(crate) static AS_ON_GPU: Cell<bool> = const { Cell::new(false) };
    }
}
