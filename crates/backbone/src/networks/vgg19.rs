//! VGG19 (Simonyan and Zisserman, "Very deep convolutional networks", 2015, configuration E).

use candle_core::{Result, Tensor, bail};

use super::graph::{GraphBuilder, GraphOutputs};
use super::network::Network;
use crate::BackboneError;
use crate::checkpoint::reader::Checkpoint;
use crate::layers::conv::Conv;
use crate::layers::pass::Pass;
use crate::ops::activation::Activation;
use crate::ops::conv::ConvShape;
use crate::ops::padding::PaddingStyle;
use crate::ops::pool::{global_average, max_pool};
use crate::ops::random::dropout;

/// Convolutions in each block, and their channels.
const BLOCKS: [(usize, usize); 5] = [(2, 64), (2, 128), (4, 256), (4, 512), (4, 512)];
/// Side of the feature map that the dense layers take; photos of 224 pixels give it.
const MAP_SIDE: usize = 7;
const CHANNELS: usize = 512;

/// VGG19 with its two dense layers, or without.
///
/// With them, the embedding is the activated output of the second: 4096 values in the published
/// checkpoints. Without them it is the mean of the last feature map over the whole map: 512 values.
pub(crate) struct Vgg19 {
    blocks: Vec<Vec<Conv>>,
    dense: Option<(Conv, Conv)>,
    classifier: Option<Conv>,
    embedding_dim: usize,
}

impl Vgg19 {
    pub(crate) fn load(checkpoint: &Checkpoint) -> std::result::Result<Self, BackboneError> {
        let shape = ConvShape::Full { stride: 1, padding: PaddingStyle::Symmetric };
        let mut channels = 3;
        let mut blocks = Vec::with_capacity(BLOCKS.len());
        // torchvision counts ReLUs and max-pools, too.
        let mut number = 0;
        for (convolutions, out) in BLOCKS {
            let mut block = Vec::with_capacity(convolutions);
            for _ in 0..convolutions {
                let name = format!("features.{number}");
                block.push(checkpoint.conv(
                    &name,
                    [out, channels, 3, 3],
                    shape,
                    Activation::Relu,
                )?);
                channels = out;
                number += 2;
            }
            number += 1;
            blocks.push(block);
        }
        let pointwise = |layer: &str, out: usize, input: usize, activation: Activation| {
            checkpoint.conv(layer, [out, input, 1, 1], ConvShape::Pointwise, activation)
        };
        let mut embedding_dim = CHANNELS;
        let dense = if checkpoint.has_dense_layers() {
            let widths = (checkpoint.outputs("dense_1")?, checkpoint.outputs("dense_2")?);
            embedding_dim = widths.1;
            let input = CHANNELS * MAP_SIDE * MAP_SIDE;
            Some((
                pointwise("dense_1", widths.0, input, Activation::Relu)?,
                pointwise("dense_2", widths.1, widths.0, Activation::Relu)?,
            ))
        } else {
            None
        };
        let classifier = checkpoint.classifier("logits", embedding_dim)?;
        Ok(Self { blocks, dense, classifier, embedding_dim })
    }
}

impl Network for Vgg19 {
    fn feature_map(
        &self,
        batch: &Tensor,
        pass: Pass,
        on_stage: &mut dyn FnMut(&str, &Tensor),
    ) -> Result<Tensor> {
        let mut x = batch.clone();
        for (number, block) in self.blocks.iter().enumerate() {
            for conv in block {
                x = conv.forward(&x, pass.at(number))?;
            }
            x = max_pool(&x, 2, 2, 0)?;
            on_stage(&format!("block_{}", number + 1), &x);
        }
        Ok(x)
    }

    fn embedding(&self, map: &Tensor, pass: Pass) -> Result<Tensor> {
        let Some((first, second)) = &self.dense else { return global_average(map) };
        let pass = pass.at(BLOCKS.len());
        let (n, c, h, w) = map.dims4()?;
        if (h, w) != (MAP_SIDE, MAP_SIDE) {
            bail!("VGG19's dense layers take photos of 224x224 pixels, not {}x{}", h * 32, w * 32);
        }
        let hidden = first.forward(&map.reshape((n, c * h * w, 1, 1))?, pass)?;
        let hidden = match pass {
            Pass::Train(mode, _) => dropout(&hidden, mode.dropout, mode.seed, "dense")?,
            Pass::Infer | Pass::Adopt => hidden,
        };
        second.forward(&hidden, pass)
    }

    fn graph(&self, graph: &mut GraphBuilder) -> Result<GraphOutputs> {
        let mut x = graph.input();
        let mut stages = Vec::with_capacity(self.blocks.len());
        for (number, block) in self.blocks.iter().enumerate() {
            for conv in block {
                x = graph.conv(x, conv)?;
            }
            x = graph.max_pool(x, 2, 2, 0);
            stages.push((format!("block_{}", number + 1), x));
        }
        let Some((first, second)) = &self.dense else {
            return Ok(GraphOutputs {
                stages,
                embedding: graph.global_average_pool(x),
                side: None,
            });
        };
        let hidden = graph.dense(x, first, MAP_SIDE)?;
        let embedding = graph.conv(hidden, second)?;
        Ok(GraphOutputs { stages, embedding, side: Some(MAP_SIDE << BLOCKS.len()) })
    }

    fn first_layer(&self) -> &Conv {
        &self.blocks[0][0]
    }

    fn classifier(&self) -> Option<&Conv> {
        self.classifier.as_ref()
    }

    fn embedding_dim(&self) -> usize {
        self.embedding_dim
    }
}
