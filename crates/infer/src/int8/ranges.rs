//! Calibration: the minimum and maximum of every channel that an int8 plan quantises.

use crate::feature_map::Shape;
use crate::int8::scales::Range;
use crate::int8::simd::QUAD;
use crate::plan::{InputTooSmall, Plan};
use crate::step::{Op, Step};
use crate::tensor_id::TensorId;

/// Calibration ranges: minimum and maximum of each channel, over calibration photos.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranges {
    /// For each tensor, the input first, if it is stored quantised.
    pub tensors: Vec<Option<Vec<Range>>>,
    /// For each step, its input, if the step itself quantises it.
    pub inputs: Vec<Option<Vec<Range>>>,
}

impl Ranges {
    /// Extends the ranges by those of another photo.
    ///
    /// # Panics
    /// If they belong to another network.
    pub fn merge(&mut self, other: &Self) {
        let lengths = |ranges: &Self| (ranges.tensors.len(), ranges.inputs.len());
        assert_eq!(lengths(self), lengths(other), "ranges of the same network");
        let own = self.tensors.iter_mut().chain(&mut self.inputs).flatten();
        let others = other.tensors.iter().chain(&other.inputs).flatten();
        for (own, other) in own.zip(others) {
            assert_eq!(own.len(), other.len(), "ranges of the same network");
            for (own, other) in own.iter_mut().zip(other) {
                *own = [own[0].min(other[0]), own[1].max(other[1])];
            }
        }
    }
}

impl Plan {
    /// Calibration ranges of one photo, `(1, channels, height, width)`: of what an int8 plan of the same network
    /// quantises.
    ///
    /// # Errors
    /// [`InputTooSmall`] as [`Plan::run`].
    ///
    /// # Panics
    /// As [`Plan::run`], and if it is an int8 plan.
    pub fn ranges(&self, photo: &[f32], shape: Shape) -> Result<Ranges, InputTooSmall> {
        assert!(self.quant.iter().all(Option::is_none), "an f32 plan");
        let every: Vec<TensorId> = (1..=self.steps.len()).map(TensorId).collect();
        let maps = self.run(photo, shape, &every)?;
        let shapes = self.shapes(shape);
        let of = |tensor: TensorId, gate: Option<TensorId>| -> Vec<Range> {
            let Shape { channels, height, width, .. } = shapes[tensor.0];
            let map = if tensor.0 == 0 { photo } else { &maps[tensor.0 - 1] };
            let area = height * width;
            let gate = |channel: usize| gate.map_or(1.0, |gate| maps[gate.0 - 1][channel]);
            (0..channels)
                .map(|channel| {
                    let values = map[channel * area..][..area].iter();
                    values.fold([0.0f32; 2], |range, x| {
                        let x = x * gate(channel);
                        [range[0].min(x), range[1].max(x)]
                    })
                })
                .collect()
        };
        let is_quantised = |tensor: TensorId| tensor.0 > 0 && self.is_quantised(tensor);
        let tensor = |at: usize| is_quantised(TensorId(at)).then(|| of(TensorId(at), None));
        let input = |step: &Step| {
            let is_stem = step.from.0 == 0 && shape.channels <= QUAD;
            let is_int8 = step.is_dense() && (is_stem || step.from.0 > 0);
            (is_int8 && !is_quantised(step.from)).then(|| of(step.from, step.gate))
        };
        let tensors = (0..=self.steps.len()).map(tensor).collect();
        Ok(Ranges { tensors, inputs: self.steps.iter().map(input).collect() })
    }

    /// Whether an int8 plan stores a tensor quantised: some step can read uint8, and none needs f32.
    fn is_quantised(&self, tensor: TensorId) -> bool {
        let producer = &self.steps[tensor.0 - 1];
        let reads_u8 = |step: &Step| {
            let from = step.from == tensor
                && step.gate.is_none()
                && !matches!(step.op, Op::GlobalAveragePool);
            from || step.add == Some(tensor)
        };
        let reads_f32 =
            |step: &Step| step.gate == Some(tensor) || (step.from == tensor && step.gate.is_some());
        !matches!(producer.op, Op::GlobalAveragePool)
            && self.steps.iter().any(reads_u8)
            && !self.steps.iter().any(reads_f32)
    }
}

impl Step {
    /// Whether it is a dense convolution.
    fn is_dense(&self) -> bool {
        matches!(self.op, Op::Stem(_) | Op::Convolve { .. } | Op::Winograd { .. })
    }
}
