//! Scaled inverse DCT: from a block's lowest frequencies to as many pixels (libjpeg's `jidctred`).

/// An IDCT of `WIDTH` x `HEIGHT` points on the lowest frequencies of an 8x8 block: the block without its higher
/// frequencies, at a lower sampling rate.
struct ScaledIdct<const WIDTH: usize, const HEIGHT: usize> {
    /// Value of each frequency's basis function at each pixel.
    horizontal: [[f32; WIDTH]; WIDTH],
    vertical: [[f32; HEIGHT]; HEIGHT],
}

/// An inverse DCT of some size.
pub(super) trait Idct {
    /// Writes a block's pixels and zeroes the block. `has_ac`: whether any coefficient but DC may be non-zero.
    fn write(&self, block: &mut [f32; 64], has_ac: bool, out: &mut [u8], stride: usize);
}

/// The IDCT for a scaled block of this size; `None` for sizes that do not occur.
pub(super) fn scaled_idct(width: usize, height: usize) -> Option<Box<dyn Idct>> {
    Some(match (width, height) {
        (1, 1) => Box::new(ScaledIdct::<1, 1>::new()),
        (1, 2) => Box::new(ScaledIdct::<1, 2>::new()),
        (2, 1) => Box::new(ScaledIdct::<2, 1>::new()),
        (2, 2) => Box::new(ScaledIdct::<2, 2>::new()),
        (2, 4) => Box::new(ScaledIdct::<2, 4>::new()),
        (4, 2) => Box::new(ScaledIdct::<4, 2>::new()),
        (4, 4) => Box::new(ScaledIdct::<4, 4>::new()),
        _ => return None,
    })
}

impl<const WIDTH: usize, const HEIGHT: usize> ScaledIdct<WIDTH, HEIGHT> {
    fn new() -> Self {
        Self { horizontal: basis(), vertical: basis() }
    }
}

/// Basis functions of an orthonormal DCT of `N` points, scaled for coefficients of one of 8 points.
fn basis<const N: usize>() -> [[f32; N]; N] {
    let value = |frequency: usize, pixel: usize| {
        let angle =
            (2 * pixel + 1) as f64 * frequency as f64 * std::f64::consts::PI / (2 * N) as f64;
        let norm = if frequency == 0 { 1.0 / 8.0 } else { 2.0 / 8.0 };
        (f64::sqrt(norm) * angle.cos()) as f32
    };
    std::array::from_fn(|frequency| std::array::from_fn(|pixel| value(frequency, pixel)))
}

/// Undoes the level shift: a sample of 0 is the grey 128.
fn pixel(sample: f32) -> u8 {
    // The cast saturates at 0 and 255.
    (sample + 128.5) as u8
}

impl<const WIDTH: usize, const HEIGHT: usize> Idct for ScaledIdct<WIDTH, HEIGHT> {
    #[inline]
    fn write(&self, block: &mut [f32; 64], has_ac: bool, out: &mut [u8], stride: usize) {
        if !has_ac {
            let mean = pixel(block[0] / 8.0);
            out.chunks_mut(stride).take(HEIGHT).for_each(|row| row[..WIDTH].fill(mean));
            return;
        }
        // Columns first: rows of frequencies become rows of pixels. Then each row.
        let mut rows = [[0.0f32; WIDTH]; HEIGHT];
        for (frequencies, basis) in block.chunks_exact(8).zip(&self.vertical) {
            for (row, weight) in rows.iter_mut().zip(basis) {
                for (value, frequency) in row.iter_mut().zip(frequencies) {
                    *value += frequency * weight;
                }
            }
        }
        block.fill(0.0);
        for (row, out) in rows.iter().zip(out.chunks_mut(stride)) {
            let mut samples = [0.0f32; WIDTH];
            for (frequency, basis) in row.iter().zip(&self.horizontal) {
                for (value, weight) in samples.iter_mut().zip(basis) {
                    *value += frequency * weight;
                }
            }
            out[..WIDTH].iter_mut().zip(samples).for_each(|(out, sample)| *out = pixel(sample));
        }
    }
}
