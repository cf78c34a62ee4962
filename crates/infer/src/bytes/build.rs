//! A network's layers as steps on bytes.

use crate::builder::{Builder, Conv, Extra};
use crate::bytes::depthwise::Expansion;
use crate::bytes::product::{Finish, Weights};
use crate::bytes::scales::{Range, Scales};
use crate::bytes::{photos, step};
use crate::plan::Node;
use crate::step::Work;
use crate::tile::Activation;

impl Builder {
    /// A convolution's work on codes, where its inputs are, or become, codes.
    pub(crate) fn conv_of_codes(
        &self,
        from: Node,
        conv: &Conv,
        extra: &Extra,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Option<Work> {
        let (inputs, outputs) = (self.shapes[from.0].channels, conv.bias.len());
        let become_codes = self.ranges.inputs.get(self.steps.len()).and_then(Option::as_deref);
        let input = become_codes.filter(|ranges| ranges.len() == inputs).map(Scales::of);
        if extra.gate.is_some() && input.is_none() {
            return None;
        }
        let scales = input.as_ref().or(self.scales[from.0].as_ref())?;
        let taps = conv.window.taps();
        let weights = if from.0 == 0 {
            let by = photos::inputs_and_taps(conv.window);
            let weight = photos::weight(inputs, conv.window, weight);
            let scales = scales.of_columns(conv.window.side);
            Weights::pack(outputs, &scales, by, weight)
        } else {
            Weights::pack(outputs, scales, (inputs, taps), weight)
        };
        let added = match extra.add {
            Some(node) => Some(self.scales[node.0].as_ref()?),
            None => None,
        };
        let result = self.next_scales(outputs);
        let finish = Finish::of(&weights, conv.bias, extra.activation, added, result.as_ref());
        Some(Work::Bytes(Box::new(step::Work::Convolve { weights, finish, input })))
    }

    /// What the codes of the next step's result stand for, if it is to be kept as codes.
    pub(crate) fn next_scales(&self, channels: usize) -> Option<Scales> {
        let ranges = self.ranges.nodes.get(self.steps.len() + 1)?.as_deref();
        ranges.filter(|ranges| ranges.len() == channels).map(Scales::of)
    }

    /// A 1x1 convolution that makes what a depthwise one takes in, of codes, if the node is kept as such.
    pub(crate) fn expansion_of_codes(
        &self,
        from: Node,
        expansion: &Conv,
        activation: Activation,
    ) -> Option<Expansion> {
        let (inputs, channels) = (self.shapes[from.0].channels, expansion.bias.len());
        let weight =
            |output: usize, input: usize, _: usize| expansion.weight[output * inputs + input];
        let weights = Weights::pack(channels, self.scales[from.0].as_ref()?, (inputs, 1), weight);
        let finish = Finish::of(&weights, expansion.bias, activation, None, None);
        Some(Expansion { weights, finish })
    }

    /// A depthwise convolution of codes.
    pub(crate) fn depthwise_of_codes(
        &mut self,
        expansion: Option<Expansion>,
        channels: usize,
        from: Node,
        conv: Conv,
        activation: Activation,
    ) -> Node {
        let kernels = self.kernels(channels, &conv);
        let work = Work::Bytes(Box::new(step::Work::Depthwise { expansion, kernels }));
        self.step(work, conv.window, from, Extra::only(activation), channels)
    }

    /// Whether a step does not go with the ranges: they are of other channels, or numbers would meet codes.
    pub(crate) fn is_misfit(
        &self,
        work: &Work,
        from: Node,
        add: Option<Node>,
        channels: usize,
    ) -> bool {
        let other = |ranges: Option<&Option<Vec<Range>>>, channels: usize| {
            ranges.and_then(Option::as_ref).is_some_and(|ranges| ranges.len() != channels)
        };
        let step = self.steps.len();
        let takes_codes = |node: Node| self.scales[node.0].is_some();
        other(self.ranges.nodes.get(step + 1), channels)
            || other(self.ranges.inputs.get(step), self.shapes[from.0].channels)
            || (!matches!(work, Work::Bytes(_))
                && (takes_codes(from) || add.is_some_and(takes_codes)))
    }
}
