//! ResNet-50 (He et al., "Deep residual learning", 2016, table 1), with the stride of a stage in its
//! first 3x3 convolution as torchvision has it ("v1.5").

use candle_core::{Result, Tensor};
use lookalike_infer::{FusedOps, TensorId};

use super::graph::{GraphBuilder, GraphOutputs, infer_activation};
use super::network::Network;
use crate::BackboneError;
use crate::checkpoint::reader::Checkpoint;
use crate::layers::conv::Conv;
use crate::layers::pass::Pass;
use crate::layers::residual::residual;
use crate::ops::activation::Activation;
use crate::ops::conv::ConvShape;
use crate::ops::padding::PaddingStyle;
use crate::ops::pool::{global_average, max_pool};

/// Bottlenecks in each stage.
const STAGES: [usize; 4] = [3, 4, 6, 3];
/// Channels between the 1x1 convolutions of the first stage; each next stage has twice as many.
const NARROW: usize = 64;
/// A bottleneck's result has this many times its narrow channels.
const EXPANSION: usize = 4;
const EMBEDDING: usize = 2048;

struct Bottleneck {
    reduce: Conv,
    convolve: Conv,
    expand: Conv,
    shortcut: Option<Conv>,
}

impl Bottleneck {
    fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let y = self.reduce.forward(x, pass)?;
        let y = self.expand.forward(&self.convolve.forward(&y, pass)?, pass)?;
        match &self.shortcut {
            Some(shortcut) => residual(y, &shortcut.forward(x, pass)?, Activation::Relu, pass),
            None => residual(y, x, Activation::Relu, pass),
        }
    }

    fn add_to(&self, x: TensorId, graph: &mut GraphBuilder) -> Result<TensorId> {
        let shortcut = match &self.shortcut {
            Some(shortcut) => graph.conv(x, shortcut)?,
            None => x,
        };
        let y = graph.conv(x, &self.reduce)?;
        let y = graph.conv(y, &self.convolve)?;
        let sum = FusedOps {
            add: Some(shortcut),
            ..FusedOps::activation(infer_activation(Activation::Relu))
        };
        graph.conv_with(y, &self.expand, sum)
    }
}

/// The embedding is the mean of the last stage's feature map over the whole map: 2048 values.
pub(crate) struct ResNet50 {
    stem: Conv,
    stages: Vec<Vec<Bottleneck>>,
    classifier: Option<Conv>,
}

impl ResNet50 {
    pub(crate) fn load(checkpoint: &Checkpoint) -> std::result::Result<Self, BackboneError> {
        let full = |stride: usize| ConvShape::Full { stride, padding: PaddingStyle::Symmetric };
        let stem = checkpoint.conv("conv1", [NARROW, 3, 7, 7], full(2), Activation::Relu)?;
        let mut channels = NARROW;
        let mut stages = Vec::with_capacity(STAGES.len());
        for (stage, &blocks) in STAGES.iter().enumerate() {
            let narrow = NARROW << stage;
            let wide = narrow * EXPANSION;
            let mut bottlenecks = Vec::with_capacity(blocks);
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let conv = |part: &str, shape: [usize; 4], kind: ConvShape, act: Activation| {
                    checkpoint.conv(&format!("layer{}.{block}.{part}", stage + 1), shape, kind, act)
                };
                let pointwise = ConvShape::Pointwise;
                let across = if stride == 1 { pointwise } else { full(stride) };
                bottlenecks.push(Bottleneck {
                    reduce: conv("conv1", [narrow, channels, 1, 1], pointwise, Activation::Relu)?,
                    convolve: conv(
                        "conv2",
                        [narrow, narrow, 3, 3],
                        full(stride),
                        Activation::Relu,
                    )?,
                    expand: conv("conv3", [wide, narrow, 1, 1], pointwise, Activation::None)?,
                    shortcut: (block == 0)
                        .then(|| {
                            conv("downsample", [wide, channels, 1, 1], across, Activation::None)
                        })
                        .transpose()?,
                });
                channels = wide;
            }
            stages.push(bottlenecks);
        }
        let classifier = checkpoint.classifier("fc", EMBEDDING)?;
        Ok(Self { stem, stages, classifier })
    }
}

impl Network for ResNet50 {
    fn feature_map(
        &self,
        batch: &Tensor,
        pass: Pass,
        on_stage: &mut dyn FnMut(&str, &Tensor),
    ) -> Result<Tensor> {
        let mut x = max_pool(&self.stem.forward(batch, pass.at(0))?, 3, 2, 1)?;
        on_stage("stem", &x);
        for (number, stage) in self.stages.iter().enumerate() {
            for bottleneck in stage {
                x = bottleneck.forward(&x, pass.at(number + 1))?;
            }
            on_stage(&format!("layer{}", number + 1), &x);
        }
        Ok(x)
    }

    fn embedding(&self, map: &Tensor, _: Pass) -> Result<Tensor> {
        global_average(map)
    }

    fn graph(&self, graph: &mut GraphBuilder) -> Result<GraphOutputs> {
        let stem = graph.conv(graph.input(), &self.stem)?;
        let mut x = graph.max_pool(stem, 3, 2, 1);
        let mut stages = vec![("stem".to_owned(), x)];
        for (number, stage) in self.stages.iter().enumerate() {
            for bottleneck in stage {
                x = bottleneck.add_to(x, graph)?;
            }
            stages.push((format!("layer{}", number + 1), x));
        }
        Ok(GraphOutputs { stages, embedding: graph.global_average_pool(x), side: None })
    }

    fn first_layer(&self) -> &Conv {
        &self.stem
    }

    fn classifier(&self) -> Option<&Conv> {
        self.classifier.as_ref()
    }

    fn embedding_dim(&self) -> usize {
        EMBEDDING
    }
}
