//! A network for inference on the CPU, compiled by `lookalike_infer`: several times as fast as candle.

use candle_core::{Device, Result, Tensor, bail};
use lookalike_infer::{Builder, Plan, Ranges, Shape, SimdLevel, TensorId};

use super::graph::{GraphBuilder, GraphOutputs};
use super::network::Network;
use crate::layers::conv::Conv;
use crate::ops::values::Values;
use crate::{Backbone, Stage};

/// A network compiled into a plan of fused kernels.
pub(crate) struct CompiledNetwork {
    plan: Plan,
    outputs: GraphOutputs,
    /// None without a classifier.
    logits: Option<TensorId>,
    embedding_dim: usize,
    classes: usize,
}

impl CompiledNetwork {
    /// Compiles a network for photos of usually this side: in int8, if there is a calibration.
    pub(crate) fn of(network: &impl Network, side: usize, ranges: Option<Ranges>) -> Result<Self> {
        let mut graph = GraphBuilder(match ranges {
            Some(ranges) => Builder::int8(SimdLevel::best_for_int8(), 3, side, ranges),
            None => Builder::new(SimdLevel::best(), 3, side),
        });
        let outputs = network.graph(&mut graph)?;
        let classifier = network.classifier();
        let logits = classifier.map(|layer| graph.conv(outputs.embedding, layer)).transpose()?;
        if !graph.0.ranges_match() {
            bail!("it is of another network, or of another version of this program");
        }
        let (embedding_dim, classes) =
            (network.embedding_dim(), classifier.map_or(0, Conv::outputs));
        Ok(Self { plan: graph.0.build(), outputs, logits, embedding_dim, classes })
    }

    /// The ranges of the feature maps on one photo, `(1, 3, h, w)`.
    pub(crate) fn ranges(&self, photo: &Tensor) -> Result<Ranges> {
        let shape = self.photos(photo)?;
        self.plan.ranges(&Values::of(photo)?, shape).map_err(candle_core::Error::wrap)
    }

    /// The results of the nodes `wanted`, `(n, c, h, w)` each.
    fn run(&self, batch: &Tensor, wanted: &[TensorId]) -> Result<Vec<Tensor>> {
        let batch = batch.to_device(&Device::Cpu)?;
        let photos = self.photos(&batch)?;
        let results = self
            .plan
            .run(&Values::of(&batch)?, photos, wanted)
            .map_err(|error| candle_core::Error::Msg(error.to_string()))?;
        let shapes = self.plan.shapes(photos);
        let tensor = |(values, node): (Vec<f32>, &TensorId)| {
            let Shape { images, channels, height, width } = shapes[node.index()];
            Tensor::from_vec(values, (images, channels, height, width), &Device::Cpu)
        };
        results.into_iter().zip(wanted).map(tensor).collect()
    }

    fn logits_or_error(&self) -> Result<TensorId> {
        self.logits.ok_or_else(|| candle_core::Error::msg("these weights have no classifier"))
    }

    /// The shape of a batch, if the network accepts it.
    fn photos(&self, batch: &Tensor) -> Result<Shape> {
        let (images, channels, height, width) = batch.dims4()?;
        if channels != 3 {
            bail!("photos have 3 channels, not {channels}");
        }
        if self.outputs.side.is_some_and(|side| (height, width) != (side, side)) {
            bail!("VGG19's dense layers take photos of 224x224 pixels, not {height}x{width}");
        }
        Ok(Shape { images, channels, height, width })
    }
}

impl Backbone for CompiledNetwork {
    fn embed(&self, batch: &Tensor) -> Result<Tensor> {
        self.run(batch, &[self.outputs.embedding])?[0].flatten_from(1)
    }

    fn logits(&self, batch: &Tensor) -> Result<Tensor> {
        self.run(batch, &[self.logits_or_error()?])?[0].flatten_from(1)
    }

    fn embed_and_logits(&self, batch: &Tensor) -> Result<(Tensor, Tensor)> {
        let results = self.run(batch, &[self.outputs.embedding, self.logits_or_error()?])?;
        Ok((results[0].flatten_from(1)?, results[1].flatten_from(1)?))
    }

    fn embed_with_map(&self, batch: &Tensor, cells: usize) -> Result<(Tensor, Tensor)> {
        let shapes = self.plan.shapes(self.photos(batch)?);
        let stages = self.outputs.stages.iter().map(|(_, node)| *node);
        let Some(wide) = stages.rev().find(|node| shapes[node.index()].width >= cells) else {
            bail!("no feature map is {cells} cells wide")
        };
        let results = self.run(batch, &[self.outputs.embedding, wide])?;
        Ok((results[0].flatten_from(1)?, results[1].clone()))
    }

    fn stages(&self, batch: &Tensor) -> Result<Vec<Stage>> {
        let (names, nodes): (Vec<_>, Vec<_>) = self.outputs.stages.iter().cloned().unzip();
        let outputs = self.run(batch, &nodes)?;
        let stage = |(name, output)| Stage { name, output };
        Ok(names.into_iter().zip(outputs).map(stage).collect())
    }

    fn embedding_dim(&self) -> usize {
        self.embedding_dim
    }

    fn classes(&self) -> usize {
        self.classes
    }
}
