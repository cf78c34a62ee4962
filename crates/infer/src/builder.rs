//! From a network's layers to a plan.

use std::sync::Mutex;

use crate::aligned::Aligned;
use crate::bands::Expansion;
use crate::bytes;
use crate::bytes::ranges::Ranges;
use crate::bytes::scales::Scales;
use crate::kernels::Kernels;
use crate::level::Level;
use crate::map::Shape;
use crate::plan::{Node, Plan};
use crate::product::Weights;
use crate::stem;
use crate::step::{Step, Work};
use crate::tile::Activation;
use crate::window::Window;
use crate::winograd::Transformed;

/// A convolution's numbers.
#[derive(Debug, Clone, Copy)]
pub struct Conv<'a> {
    /// `(outputs, inputs, side, side)`; of a depthwise one `(outputs, 1, side, side)`.
    pub weight: &'a [f32],
    /// `(outputs,)`
    pub bias: &'a [f32],
    /// What it sees.
    pub window: Window,
}

/// What else takes part in a convolution.
#[derive(Debug, Clone, Copy)]
pub struct Extra {
    /// By this, one position a photo, each channel of the input is multiplied.
    pub gate: Option<Node>,
    /// This is added to the result, before the activation.
    pub add: Option<Node>,
    /// What follows.
    pub activation: Activation,
}

impl Extra {
    /// Nothing but what follows.
    pub fn only(activation: Activation) -> Self {
        Self { gate: None, add: None, activation }
    }
}

/// Takes the layers of a network, in the order in which they run.
pub struct Builder {
    pub(crate) level: Level,
    /// What each node is like for one photo of the usual size, by which ways of computing are chosen.
    pub(crate) shapes: Vec<Shape>,
    pub(crate) steps: Vec<Step>,
    /// What the maps hold, where they are to be kept as codes.
    pub(crate) ranges: Ranges,
    /// What each node's codes stand for, where it is kept as codes.
    pub(crate) scales: Vec<Option<Scales>>,
    /// Whether the ranges are of another network.
    pub(crate) misfit: bool,
}

/// Positions of a map below which a tile of Winograd's would be mostly empty, and its weights would
/// take longer to read than to use.
const FEW: usize = 10 * 10;

impl Builder {
    /// For photos of `channels`, usually `side` pixels high and wide. Others may be run, too.
    pub fn new(level: Level, channels: usize, side: usize) -> Self {
        let shape = Shape { images: 1, channels, height: side, width: side };
        let (steps, ranges, scales) = (Vec::new(), Ranges::default(), vec![None]);
        Self { level, shapes: vec![shape], steps, ranges, scales, misfit: false }
    }

    /// For a plan in bytes, of a network whose maps hold what was found by [`Plan::ranges`].
    ///
    /// # Panics
    /// If the level is none for bytes.
    pub fn in_bytes(level: Level, channels: usize, side: usize, ranges: Ranges) -> Self {
        assert!(level.is_for_bytes(), "a level for plans in bytes, not {}", level.name());
        Self { ranges, ..Self::new(level, channels, side) }
    }

    /// Whether the ranges that it was given are of the network whose layers it has taken. If not, there is
    /// no plan.
    pub fn ranges_fit(&self) -> bool {
        let (nodes, inputs) = (self.ranges.nodes.len(), self.ranges.inputs.len());
        let none = nodes == 0 && inputs == 0;
        !self.misfit && (none || (nodes == self.shapes.len() && inputs == self.steps.len()))
    }

    /// The photos.
    pub fn photos(&self) -> Node {
        Node(0)
    }

    /// A convolution of all channels with all.
    ///
    /// # Panics
    /// If the numbers do not fit the node's channels, or it convolves photos with a gate.
    pub fn conv(&mut self, from: Node, conv: Conv, extra: Extra) -> Node {
        let (inputs, outputs) = (self.shapes[from.0].channels, conv.bias.len());
        let (window, taps, lanes) = (conv.window, conv.window.taps(), self.level.lanes());
        assert_eq!(conv.weight.len(), outputs * inputs * taps, "weights of a convolution");
        assert!(from.0 > 0 || extra.gate.is_none(), "photos are not gated");
        let bias = self.whole_blocks(conv.bias);
        let shape = self.shapes[from.0];
        let winograd = from.0 > 0
            && extra.gate.is_none()
            && Transformed::fits(window)
            && shape.height * shape.width >= FEW;
        let weight = |output: usize, input: usize, tap: usize| {
            conv.weight[(output * inputs + input) * taps + tap]
        };
        if let Some(work) = self.conv_of_codes(from, &conv, &extra, weight) {
            return self.step(work, window, from, extra, outputs);
        }
        let work = if winograd {
            let weights = Transformed::of(lanes, outputs, inputs, conv.weight);
            Work::Winograd { weights, bias }
        } else if from.0 == 0 && stem::fits(window.side, window.stride) {
            Work::Stem(Kernels::pack(lanes, outputs, conv.weight, bias))
        } else if from.0 == 0 {
            // The numbers of a window in a row, as the patches of photos have them.
            let weights = Weights::pack(lanes, outputs, inputs * taps, 1, |output, input, _| {
                weight(output, input / taps, input % taps)
            });
            Work::Convolve { weights, bias }
        } else {
            Work::Convolve { weights: Weights::pack(lanes, outputs, inputs, taps, weight), bias }
        };
        self.step(work, window, from, extra, outputs)
    }

    /// A convolution of each channel by itself, with a kernel of 3x3 or 5x5, in steps of 1 or 2.
    ///
    /// # Panics
    /// If the kernel is another, or the numbers do not fit the node's channels.
    pub fn depthwise(&mut self, from: Node, conv: Conv, activation: Activation) -> Node {
        let channels = self.shapes[from.0].channels;
        if self.scales[from.0].is_some() {
            return self.depthwise_of_codes(None, channels, from, conv, activation);
        }
        self.depthwise_of(None, channels, from, conv, activation)
    }

    /// A 1x1 convolution and a depthwise one of its result, which nothing else takes in.
    ///
    /// # Panics
    /// If the first has another kernel, and [`Self::depthwise`]'s.
    pub fn expanded_depthwise(
        &mut self,
        from: Node,
        (expansion, between): (Conv, Activation),
        conv: Conv,
        activation: Activation,
    ) -> Node {
        let (inputs, channels) = (self.shapes[from.0].channels, expansion.bias.len());
        assert!(expansion.window.is_point() && from.0 > 0, "an expansion of a map by 1x1");
        assert_eq!(expansion.weight.len(), channels * inputs, "weights of an expansion");
        if let Some(expansion) = self.expansion_of_codes(from, &expansion, between) {
            return self.depthwise_of_codes(Some(expansion), channels, from, conv, activation);
        }
        let weights = Weights::pack(self.level.lanes(), channels, inputs, 1, |output, input, _| {
            expansion.weight[output * inputs + input]
        });
        let bias = self.whole_blocks(expansion.bias);
        let expansion = Expansion { weights, bias, activation: between };
        self.depthwise_of(Some(expansion), channels, from, conv, activation)
    }

    fn depthwise_of(
        &mut self,
        expansion: Option<Expansion>,
        channels: usize,
        from: Node,
        conv: Conv,
        activation: Activation,
    ) -> Node {
        let work = Work::Depthwise { expansion, kernels: self.kernels(channels, &conv) };
        self.step(work, conv.window, from, Extra::only(activation), channels)
    }

    pub(crate) fn kernels(&self, channels: usize, conv: &Conv) -> Kernels {
        let Window { side, stride, .. } = conv.window;
        let taps = conv.window.taps();
        assert!([3, 5].contains(&side) && [1, 2].contains(&stride), "{:?}", conv.window);
        assert_eq!((conv.weight.len(), conv.bias.len()), (channels * taps, channels));
        let bias = self.whole_blocks(conv.bias);
        Kernels::pack(self.level.lanes(), channels, conv.weight, bias)
    }

    /// The largest number in each window.
    pub fn max_pool(&mut self, from: Node, window: Window) -> Node {
        let channels = self.shapes[from.0].channels;
        // The largest number has the largest code: the result's codes mean what the map's do.
        if let Some(ranges) = self.ranges.nodes.get(from.0).and_then(Clone::clone) {
            if let Some(result) = self.ranges.nodes.get_mut(self.steps.len() + 1) {
                *result = Some(ranges);
            }
            let work = Work::Bytes(Box::new(bytes::step::Work::MaxPool));
            return self.step(work, window, from, Extra::only(Activation::None), channels);
        }
        self.step(Work::MaxPool, window, from, Extra::only(Activation::None), channels)
    }

    /// The mean over all positions.
    pub fn average(&mut self, from: Node) -> Node {
        let channels = self.shapes[from.0].channels;
        let whole = Extra::only(Activation::None);
        let work = match self.scales[from.0] {
            Some(_) => Work::Bytes(Box::new(bytes::step::Work::Average)),
            None => Work::Average,
        };
        let node = self.step(work, Window::POINT, from, whole, channels);
        let shape = &mut self.shapes[node.0];
        (shape.height, shape.width) = (1, 1);
        node
    }

    /// The plan of all steps.
    pub fn finish(self) -> Plan {
        let channels = self.shapes[0].channels;
        let (steps, scales, spare) = (self.steps, self.scales, Mutex::default());
        Plan { level: self.level, channels, steps, scales, spare }
    }

    fn whole_blocks(&self, bias: &[f32]) -> Aligned {
        let mut whole = Aligned::zeros(bias.len().next_multiple_of(self.level.lanes()));
        whole.as_mut_slice()[..bias.len()].copy_from_slice(bias);
        whole
    }

    pub(crate) fn step(
        &mut self,
        work: Work,
        window: Window,
        from: Node,
        extra: Extra,
        channels: usize,
    ) -> Node {
        let Extra { gate, add, activation } = extra;
        self.misfit |= self.is_misfit(&work, from, add, channels);
        self.scales.push(self.next_scales(channels));
        self.steps.push(Step { work, window, from, gate, add, activation, channels });
        self.shapes.push(window.over(self.shapes[from.0], channels).result);
        Node(self.steps.len())
    }
}
