use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// From so many bytes on, large pages are asked for: there are few of the processor's entries for pages, and
/// searches jump about.
const LARGE: usize = 4 << 20;

/// A block of memory of its own, which begins at a page, so that no vector instruction's 64 bytes lie
/// across two cache lines.
#[derive(Debug)]
pub struct AlignedBytes {
    room: MmapMut,
    len: usize,
}

impl AlignedBytes {
    /// As many zeros.
    ///
    /// # Panics
    /// When there is not so much memory, as every other allocation does.
    pub fn zeros(len: usize) -> Self {
        // No room at all cannot be had.
        let room = MmapMut::map_anon(len.max(1)).expect("memory");
        #[cfg(target_os = "linux")]
        if len >= LARGE {
            // Where there are none, it goes without.
            let _ = room.advise(memmap2::Advice::HugePage);
        }
        Self { room, len }
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room[..self.len]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room[..self.len]
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
