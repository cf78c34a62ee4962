//! MobileNetV3-Large (Howard et al., "Searching for MobileNetV3", 2019, table 1).

use candle_core::{Result, Tensor};

use super::graph::{GraphBuilder, GraphOutputs};
use super::inverted_residual::InvertedResidual;
use super::mobilenet_v3_table::{HS, RE, TABLE};
use super::network::Network;
use crate::checkpoint::reader::Checkpoint;
use crate::layers::conv::Conv;
use crate::layers::pass::Pass;
use crate::layers::squeeze_excite::SqueezeExcite;
use crate::ops::activation::Activation;
use crate::ops::conv::ConvShape;
use crate::ops::padding::PaddingStyle;
use crate::ops::pool::global_average;
use crate::{BackboneError, BackboneKind};

const STEM_CHANNELS: usize = 16;
const LAST_CONV: usize = 960;
const EMBEDDING: usize = 1280;

/// MobileNetV3-Large, full or minimalistic.
///
/// The embedding is the activated output of the last layer before the classifier (`conv_2` in
/// Google's naming, `conv_head` in timm's): 1280 values.
pub(crate) struct MobileNetV3 {
    stem: Conv,
    blocks: Vec<InvertedResidual>,
    last_conv: Conv,
    embedding: Conv,
    classifier: Option<Conv>,
}

impl MobileNetV3 {
    pub(crate) fn load(checkpoint: &Checkpoint) -> std::result::Result<Self, BackboneError> {
        let minimalistic = checkpoint.kind() == BackboneKind::MobileNetV3Minimalistic;
        // Google's checkpoints are TensorFlow's, timm's are PyTorch's.
        let padding = if minimalistic { PaddingStyle::Same } else { PaddingStyle::Symmetric };
        let outer = if minimalistic { RE } else { HS };
        let pointwise = |layer: &str, out: usize, input: usize, activation: Activation| {
            checkpoint.conv(layer, [out, input, 1, 1], ConvShape::Pointwise, activation)
        };

        let stem_shape = ConvShape::Full { stride: 2, padding };
        let stem = checkpoint.conv("conv", [STEM_CHANNELS, 3, 3, 3], stem_shape, outer)?;
        let mut channels = STEM_CHANNELS;
        let mut blocks = Vec::with_capacity(TABLE.len());
        for (number, row) in TABLE.iter().enumerate() {
            let name = |part: &str| format!("blocks.{number}.{part}");
            let kernel = if minimalistic { 3 } else { row.kernel };
            let activation = if minimalistic { RE } else { row.activation };
            let expand = (number > 0)
                .then(|| pointwise(&name("expand"), row.expanded, channels, activation))
                .transpose()?;
            let depthwise = checkpoint.conv(
                &name("depthwise"),
                [row.expanded, 1, kernel, kernel],
                ConvShape::Depthwise { stride: row.stride, padding },
                activation,
            )?;
            let squeeze_excite = if row.squeeze && !minimalistic {
                let squeezed = checkpoint.outputs(&name("squeeze"))?;
                Some(SqueezeExcite {
                    squeeze: pointwise(&name("squeeze"), squeezed, row.expanded, RE)?,
                    excite: pointwise(&name("excite"), row.expanded, squeezed, Activation::None)?,
                })
            } else {
                None
            };
            let project = pointwise(&name("project"), row.out, row.expanded, Activation::None)?;
            let residual = row.stride == 1 && channels == row.out;
            blocks.push(InvertedResidual { expand, depthwise, squeeze_excite, project, residual });
            channels = row.out;
        }
        Ok(Self {
            stem,
            blocks,
            last_conv: pointwise("conv_1", LAST_CONV, channels, outer)?,
            embedding: pointwise("conv_2", EMBEDDING, LAST_CONV, outer)?,
            classifier: checkpoint.classifier("logits", EMBEDDING)?,
        })
    }
}

impl Network for MobileNetV3 {
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
        let map = self.last_conv.forward(&x, pass.at(TABLE.len() + 1))?;
        on_stage("last_conv", &map);
        Ok(map)
    }

    fn embedding(&self, map: &Tensor, pass: Pass) -> Result<Tensor> {
        self.embedding.forward(&global_average(map)?, pass.at(TABLE.len() + 2))
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
        let pooled = graph.global_average_pool(map);
        let embedding = graph.conv(pooled, &self.embedding)?;
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
