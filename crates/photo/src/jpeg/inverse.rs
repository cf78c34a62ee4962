//! From a block's low frequencies to its pixels.

/// Of so many frequencies across and down, as many pixels: the inverse cosine transform of the lowest
/// frequencies, which is the picture without the higher ones, sampled less often.
pub(super) struct Inverse<const ACROSS: usize, const DOWN: usize> {
    /// For each frequency, its share of each pixel.
    across: [[f32; ACROSS]; ACROSS],
    down: [[f32; DOWN]; DOWN],
}

/// An [`Inverse`] of any size.
pub(super) trait Pixels {
    /// Writes a block's pixels, and clears the block; `has_more`: whether there is more than its mean.
    fn write(&self, block: &mut [f32; 64], has_more: bool, out: &mut [u8], stride: usize);
}

/// That of one of the sizes that there are.
pub(super) fn inverse(across: usize, down: usize) -> Option<Box<dyn Pixels>> {
    Some(match (across, down) {
        (1, 1) => Box::new(Inverse::<1, 1>::new()),
        (1, 2) => Box::new(Inverse::<1, 2>::new()),
        (2, 1) => Box::new(Inverse::<2, 1>::new()),
        (2, 2) => Box::new(Inverse::<2, 2>::new()),
        (2, 4) => Box::new(Inverse::<2, 4>::new()),
        (4, 2) => Box::new(Inverse::<4, 2>::new()),
        (4, 4) => Box::new(Inverse::<4, 4>::new()),
        _ => return None,
    })
}

impl<const ACROSS: usize, const DOWN: usize> Inverse<ACROSS, DOWN> {
    fn new() -> Self {
        Self { across: shares(), down: shares() }
    }
}

/// Shares of frequencies in pixels: an orthonormal transform of `N` from one of 8.
fn shares<const N: usize>() -> [[f32; N]; N] {
    let share = |frequency: usize, pixel: usize| {
        let angle =
            (2 * pixel + 1) as f64 * frequency as f64 * std::f64::consts::PI / (2 * N) as f64;
        let length = if frequency == 0 { 1.0 / 8.0 } else { 2.0 / 8.0 };
        (f64::sqrt(length) * angle.cos()) as f32
    };
    std::array::from_fn(|frequency| std::array::from_fn(|pixel| share(frequency, pixel)))
}

/// A pixel from what is over or under grey.
fn pixel(value: f32) -> u8 {
    // A cast keeps to 0 and 255.
    (value + 128.5) as u8
}

impl<const ACROSS: usize, const DOWN: usize> Pixels for Inverse<ACROSS, DOWN> {
    #[inline]
    fn write(&self, block: &mut [f32; 64], has_more: bool, out: &mut [u8], stride: usize) {
        if !has_more {
            let mean = pixel(block[0] / 8.0);
            out.chunks_mut(stride).take(DOWN).for_each(|row| row[..ACROSS].fill(mean));
            return;
        }
        // Rows of frequencies become rows of pixels, then each row's frequencies become its pixels.
        let mut rows = [[0.0f32; ACROSS]; DOWN];
        for (frequencies, shares) in block.chunks_exact(8).zip(&self.down) {
            for (row, share) in rows.iter_mut().zip(shares) {
                for (value, frequency) in row.iter_mut().zip(frequencies) {
                    *value += frequency * share;
                }
            }
        }
        block.fill(0.0);
        for (row, out) in rows.iter().zip(out.chunks_mut(stride)) {
            let mut pixels = [0.0f32; ACROSS];
            for (frequency, shares) in row.iter().zip(&self.across) {
                for (value, share) in pixels.iter_mut().zip(shares) {
                    *value += frequency * share;
                }
            }
            out[..ACROSS].iter_mut().zip(pixels).for_each(|(out, value)| *out = pixel(value));
        }
    }
}
