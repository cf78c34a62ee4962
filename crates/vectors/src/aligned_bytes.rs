//! Memory for vectors: page-aligned, in large pages where the system has them.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// From so many bytes on, large pages are used: the CPU's TLB has few entries, and searches access memory at
/// random.
const LARGE: usize = 4 << 20;

/// Page-aligned bytes, so that a vector instruction's 64 bytes lie in one cache line.
#[derive(Debug)]
pub struct AlignedBytes {
    map: MmapMut,
    len: usize,
}

impl AlignedBytes {
    /// `len` zeros.
    ///
    /// # Panics
    /// When memory runs out, as any allocation.
    pub fn zeros(len: usize) -> Self {
        // Empty mappings are not allowed.
        let map = MmapMut::map_anon(len.max(1)).expect("memory");
        #[cfg(target_os = "linux")]
        if len >= LARGE {
            // Without large pages it works as well, only slower.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        Self { map, len }
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[..self.len]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.map[..self.len]
    }
}

impl Clone for AlignedBytes {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl PartialEq for AlignedBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
