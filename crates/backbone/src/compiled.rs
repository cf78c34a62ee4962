//! A network on the CPU: compiled into a plan, which is several times as fast as candle.

use candle_core::{Device, Result, Tensor, bail};
use lookalike_infer::{
    Activation as Follows, Builder, Conv as Numbers, Edges, Extra, Level, Node, Plan, Ranges,
    Shape, Window,
};

use crate::layers::{Activation, Conv, ConvShape, Follower, PaddingStyle, SqueezeExcite};
use crate::network::Network;
use crate::train::{TrainMode, TrainOutput};
use crate::values::Values;
use crate::{Backbone, Stage};

/// Where a network's results are in its plan.
pub(crate) struct Outline {
    /// Names and results of the stages, as [`Backbone::stages`] has them.
    pub(crate) stages: Vec<(String, Node)>,
    pub(crate) embedding: Node,
    /// The only side that photos may have.
    pub(crate) side: Option<usize>,
}

/// Takes a network's layers for its plan.
pub(crate) struct Layers(Builder);

impl Layers {
    pub(crate) fn photos(&self) -> Node {
        self.0.photos()
    }

    /// A layer as the network has it.
    pub(crate) fn conv(&mut self, from: Node, conv: &Conv) -> Result<Node> {
        self.conv_with(from, conv, Extra::only(follows(conv.activation())))
    }

    /// A layer, with more than the network's own class of layers can do at once.
    pub(crate) fn conv_with(&mut self, from: Node, conv: &Conv, extra: Extra) -> Result<Node> {
        let Follower::Bias(bias) = conv.follower() else {
            bail!("a network that is trained is not compiled")
        };
        let window = window(conv.shape(), conv.weight().dim(3)?);
        let (weight, bias) = (Values::of(conv.weight())?, Values::of(bias)?);
        let numbers = Numbers { weight: &weight, bias: &bias, window };
        Ok(match conv.shape() {
            ConvShape::Depthwise { .. } => self.0.depthwise(from, numbers, extra.activation),
            ConvShape::Pointwise | ConvShape::Full { .. } => self.0.conv(from, numbers, extra),
        })
    }

    /// A 1x1 layer and a depthwise one that alone takes in its result.
    pub(crate) fn expanded(&mut self, from: Node, expand: &Conv, depthwise: &Conv) -> Result<Node> {
        let (Follower::Bias(bias), Follower::Bias(last_bias)) =
            (expand.follower(), depthwise.follower())
        else {
            bail!("a network that is trained is not compiled")
        };
        let (weight, bias) = (Values::of(expand.weight())?, Values::of(bias)?);
        let first = Numbers { weight: &weight, bias: &bias, window: Window::POINT };
        let window = window(depthwise.shape(), depthwise.weight().dim(3)?);
        let (weight, bias) = (Values::of(depthwise.weight())?, Values::of(last_bias)?);
        let last = Numbers { weight: &weight, bias: &bias, window };
        let between = follows(expand.activation());
        let after = follows(depthwise.activation());
        Ok(self.0.expanded_depthwise(from, (first, between), last, after))
    }

    /// A dense layer on a whole map, as the convolution that it is: its inputs are the map's numbers
    /// by channel, row and column.
    pub(crate) fn dense(&mut self, from: Node, conv: &Conv, side: usize) -> Result<Node> {
        let Follower::Bias(bias) = conv.follower() else {
            bail!("a network that is trained is not compiled")
        };
        let (weight, bias) = (Values::of(conv.weight())?, Values::of(bias)?);
        let window = Window { side, stride: 1, padding: Edges::Even(0) };
        let numbers = Numbers { weight: &weight, bias: &bias, window };
        Ok(self.0.conv(from, numbers, Extra::only(follows(conv.activation()))))
    }

    /// What each channel of a map is to be multiplied by.
    pub(crate) fn gate(&mut self, from: Node, layers: &SqueezeExcite) -> Result<Node> {
        let pooled = self.0.average(from);
        let squeezed = self.conv(pooled, &layers.squeeze)?;
        self.conv_with(squeezed, &layers.excite, Extra::only(Follows::HardSigmoid))
    }

    pub(crate) fn max_pool(
        &mut self,
        from: Node,
        side: usize,
        stride: usize,
        zeros: usize,
    ) -> Node {
        self.0.max_pool(from, Window { side, stride, padding: Edges::Even(zeros) })
    }

    pub(crate) fn average(&mut self, from: Node) -> Node {
        self.0.average(from)
    }
}

/// An activation by the other crate's name.
pub(crate) fn follows(activation: Activation) -> Follows {
    match activation {
        Activation::None => Follows::None,
        Activation::Relu => Follows::Relu,
        Activation::HardSwish => Follows::HardSwish,
    }
}

fn window(shape: ConvShape, side: usize) -> Window {
    match shape {
        ConvShape::Pointwise => Window::POINT,
        ConvShape::Depthwise { stride, padding } | ConvShape::Full { stride, padding } => {
            let padding = match padding {
                PaddingStyle::Symmetric => Edges::Even(side / 2),
                PaddingStyle::Same => Edges::Same,
            };
            Window { side, stride, padding }
        }
    }
}

/// A network's plan.
pub(crate) struct Compiled {
    plan: Plan,
    outline: Outline,
    logits: Node,
    embedding_dim: usize,
    classes: usize,
}

impl Compiled {
    /// Of a network whose photos usually have this side: in bytes, if it is known what its maps hold.
    pub(crate) fn of(network: &impl Network, side: usize, ranges: Option<Ranges>) -> Result<Self> {
        let mut layers = Layers(match ranges {
            Some(ranges) => Builder::in_bytes(Level::best_for_bytes(), 3, side, ranges),
            None => Builder::new(Level::best(), 3, side),
        });
        let outline = network.outline(&mut layers)?;
        let logits = layers.conv(outline.embedding, network.classifier())?;
        if !layers.0.ranges_fit() {
            bail!("it is of another network, or of another version of this program");
        }
        let (embedding_dim, classes) = (network.embedding_dim(), network.classifier().outputs());
        Ok(Self { plan: layers.0.finish(), outline, logits, embedding_dim, classes })
    }

    /// What the maps of one photo hold, `(1, 3, h, w)`.
    pub(crate) fn ranges(&self, photo: &Tensor) -> Result<Ranges> {
        let shape = self.photos(photo)?;
        self.plan.ranges(&Values::of(photo)?, shape).map_err(candle_core::Error::wrap)
    }

    /// The results of some nodes, `(n, c, h, w)` each.
    fn run(&self, batch: &Tensor, wanted: &[Node]) -> Result<Vec<Tensor>> {
        let batch = batch.to_device(&Device::Cpu)?;
        let photos = self.photos(&batch)?;
        let results = self
            .plan
            .run(&Values::of(&batch)?, photos, wanted)
            .map_err(|error| candle_core::Error::Msg(error.to_string()))?;
        let shapes = self.plan.shapes(photos);
        let tensor = |(numbers, node): (Vec<f32>, &Node)| {
            let Shape { images, channels, height, width } = shapes[node.index()];
            Tensor::from_vec(numbers, (images, channels, height, width), &Device::Cpu)
        };
        results.into_iter().zip(wanted).map(tensor).collect()
    }

    /// Sides of a batch, if this network takes such photos.
    fn photos(&self, batch: &Tensor) -> Result<Shape> {
        let (images, channels, height, width) = batch.dims4()?;
        if channels != 3 {
            bail!("photos have 3 channels, not {channels}");
        }
        if self.outline.side.is_some_and(|side| (height, width) != (side, side)) {
            bail!("VGG19's dense layers take photos of 224x224 pixels, not {height}x{width}");
        }
        Ok(Shape { images, channels, height, width })
    }
}

impl Backbone for Compiled {
    fn embed(&self, batch: &Tensor) -> Result<Tensor> {
        self.run(batch, &[self.outline.embedding])?[0].flatten_from(1)
    }

    fn logits(&self, batch: &Tensor) -> Result<Tensor> {
        self.run(batch, &[self.logits])?[0].flatten_from(1)
    }

    fn embed_and_logits(&self, batch: &Tensor) -> Result<(Tensor, Tensor)> {
        let results = self.run(batch, &[self.outline.embedding, self.logits])?;
        Ok((results[0].flatten_from(1)?, results[1].flatten_from(1)?))
    }

    fn embed_with_map(&self, batch: &Tensor, cells: usize) -> Result<(Tensor, Tensor)> {
        let shapes = self.plan.shapes(self.photos(batch)?);
        let stages = self.outline.stages.iter().map(|(_, node)| *node);
        let Some(wide) = stages.rev().find(|node| shapes[node.index()].width >= cells) else {
            bail!("no feature map is {cells} cells wide")
        };
        let results = self.run(batch, &[self.outline.embedding, wide])?;
        Ok((results[0].flatten_from(1)?, results[1].clone()))
    }

    fn stages(&self, batch: &Tensor) -> Result<Vec<Stage>> {
        let (names, nodes): (Vec<_>, Vec<_>) = self.outline.stages.iter().cloned().unzip();
        let outputs = self.run(batch, &nodes)?;
        let stage = |(name, output)| Stage { name, output };
        Ok(names.into_iter().zip(outputs).map(stage).collect())
    }

    fn forward_train(&self, _: &Tensor, _: &TrainMode) -> Result<TrainOutput> {
        bail!("this network was loaded to be used, not to be trained")
    }

    fn adopt_statistics(&self, _: &Tensor) -> Result<()> {
        Ok(())
    }

    fn embedding_dim(&self) -> usize {
        self.embedding_dim
    }

    fn classes(&self) -> usize {
        self.classes
    }
}
