//! EfficientNet-Lite 0 to 4 (Google, 2020).

use candle_core::{Result, Tensor};

use super::efficientnet_lite_table::{EMBEDDING, STEM_CHANNELS};
use super::graph::{GraphBuilder, GraphOutputs};
use super::inverted_residual::InvertedResidual;
use super::network::Network;
use crate::BackboneError;
use crate::checkpoint::reader::Checkpoint;
use crate::layers::conv::Conv;
use crate::layers::pass::Pass;
use crate::ops::activation::Activation;
use crate::ops::conv::ConvShape;
use crate::ops::padding::PaddingStyle;
use crate::ops::pool::global_average;

/// TensorFlow's, as in timm's `tf_efficientnet_lite`.
const PADDING: PaddingStyle = PaddingStyle::Same;

/// One of the five networks. The embedding is the mean of the last feature map: 1280 values.
pub(crate) struct EfficientNetLite {
    stem: Conv,
    blocks: Vec<InvertedResidual>,
    last_conv: Conv,
    classifier: Option<Conv>,
}

impl EfficientNetLite {
    pub(crate) fn load(checkpoint: &Checkpoint) -> std::result::Result<Self, BackboneError> {
        let scale = checkpoint.kind().lite_scale().expect("called for its kinds only");
        let pointwise = |layer: &str, out: usize, input: usize, activation: Activation| {
            checkpoint.conv(layer, [out, input, 1, 1], ConvShape::Pointwise, activation)
        };
        let stem_shape = ConvShape::Full { stride: 2, padding: PADDING };
        let stem =
            checkpoint.conv("conv", [STEM_CHANNELS, 3, 3, 3], stem_shape, Activation::Relu6)?;
        let (mut channels, mut blocks) = (STEM_CHANNELS, Vec::new());
        for (number, block) in scale.blocks().into_iter().enumerate() {
            let name = |part: &str| format!("blocks.{number}.{part}");
            let expand = (number > 0)
                .then(|| pointwise(&name("expand"), block.expanded, channels, Activation::Relu6))
                .transpose()?;
            let depthwise = checkpoint.conv(
                &name("depthwise"),
                [block.expanded, 1, block.kernel, block.kernel],
                ConvShape::Depthwise { stride: block.stride, padding: PADDING },
                Activation::Relu6,
            )?;
            let project = pointwise(&name("project"), block.out, block.expanded, Activation::None)?;
            let residual = block.stride == 1 && channels == block.out;
            let squeeze_excite = None;
            blocks.push(InvertedResidual { expand, depthwise, squeeze_excite, project, residual });
            channels = block.out;
        }
        Ok(Self {
            stem,
            blocks,
            last_conv: pointwise("conv_1", EMBEDDING, channels, Activation::Relu6)?,
            classifier: checkpoint.classifier("logits", EMBEDDING)?,
        })
    }
}

impl Network for EfficientNetLite {
    fn feature_map(
        &self,
        batch: &Tensor,
        pass: Pass,
        on_stage: &mut dyn FnMut(&str, &Tensor),
    ) -> Result<Tensor> {
        let mut x = self.stem.forward(batch, pass.at(0))?;
        on_stage("stem", &x);
        for (number, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, pass.at(number + 1))?;
            on_stage(&format!("block_{number}"), &x);
        }
        let map = self.last_conv.forward(&x, pass.at(self.blocks.len() + 1))?;
        on_stage("last_conv", &map);
        Ok(map)
    }

    fn embedding(&self, map: &Tensor, _: Pass) -> Result<Tensor> {
        global_average(map)
    }

    fn graph(&self, graph: &mut GraphBuilder) -> Result<GraphOutputs> {
        let mut x = graph.conv(graph.input(), &self.stem)?;
        let mut stages = vec![("stem".to_owned(), x)];
        for (number, block) in self.blocks.iter().enumerate() {
            x = block.add_to(x, graph)?;
            stages.push((format!("block_{number}"), x));
        }
        let map = graph.conv(x, &self.last_conv)?;
        stages.push(("last_conv".to_owned(), map));
        let embedding = graph.global_average_pool(map);
        Ok(GraphOutputs { stages, embedding, side: None })
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
