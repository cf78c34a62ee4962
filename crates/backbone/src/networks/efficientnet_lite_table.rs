//! The blocks of EfficientNet-Lite 0 to 4 (Google, 2020): EfficientNet's, scaled in width and depth (Tan and Le,
//! "EfficientNet", 2019, table 1), without squeeze-and-excitation, and with ReLU6.

/// Stages of inverted residual blocks.
pub(crate) const STAGES: usize = 7;

/// Channels of the stem and of the last layer, which are not scaled.
pub(crate) const STEM_CHANNELS: usize = 32;
pub(crate) const EMBEDDING: usize = 1280;

/// A stage of Lite0: kernel, stride of its first block, expansion, output channels, blocks.
const LITE0: [(usize, usize, usize, usize, usize); STAGES] = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
];

/// One of the five networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiteScale {
    /// Width and depth beside Lite0's, in tenths.
    width: usize,
    depth: usize,
}

/// Lite0 to Lite4.
pub(crate) const SCALES: [LiteScale; 5] = [
    LiteScale { width: 10, depth: 10 },
    LiteScale { width: 10, depth: 11 },
    LiteScale { width: 11, depth: 12 },
    LiteScale { width: 12, depth: 14 },
    LiteScale { width: 14, depth: 18 },
];

/// One inverted residual block.
pub(crate) struct LiteBlock {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    /// Channels between expansion and projection.
    pub(crate) expanded: usize,
    pub(crate) out: usize,
}

impl LiteScale {
    /// Blocks of each stage; the first and the last stage are not scaled.
    pub(crate) fn repeats(self) -> [usize; STAGES] {
        std::array::from_fn(|stage| match (stage, LITE0[stage].4) {
            (0, blocks) => blocks,
            (stage, blocks) if stage == STAGES - 1 => blocks,
            (_, blocks) => (blocks * self.depth).div_ceil(10),
        })
    }

    /// Output channels of a stage.
    pub(crate) fn channels(self, stage: usize) -> usize {
        let scaled = LITE0[stage].3 * self.width;
        // To a multiple of eight, and not to less than nine tenths.
        let rounded = (scaled + 40) / 80 * 8;
        if rounded * 100 < scaled * 9 { rounded + 8 } else { rounded }
    }

    /// All blocks, from the input on.
    pub(crate) fn blocks(self) -> Vec<LiteBlock> {
        let (mut blocks, mut channels) = (Vec::new(), STEM_CHANNELS);
        for (stage, (kernel, stride, expansion, _, _)) in LITE0.into_iter().enumerate() {
            let out = self.channels(stage);
            for number in 0..self.repeats()[stage] {
                let stride = if number == 0 { stride } else { 1 };
                blocks.push(LiteBlock { kernel, stride, expanded: channels * expansion, out });
                channels = out;
            }
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_and_depths_are_the_papers() {
        let all = SCALES.map(|scale| (scale.repeats(), scale.channels(2), scale.channels(6)));
        let wanted = [
            ([1, 2, 2, 3, 3, 4, 1], 40, 320),
            ([1, 3, 3, 4, 4, 5, 1], 40, 320),
            ([1, 3, 3, 4, 4, 5, 1], 48, 352),
            ([1, 3, 3, 5, 5, 6, 1], 48, 384),
            ([1, 4, 4, 6, 6, 8, 1], 56, 448),
        ];
        assert_eq!(all, wanted);
        assert_eq!(SCALES[2].blocks().len(), 21);
    }
}
