//! What the networks have in common.

use candle_core::{DType, Result, Tensor, bail};

use crate::compiled::{Layers, Outline};
use crate::layers::{Conv, Pass};
use crate::norm::Recorder;
use crate::train::{BatchStatistics, TrainMode, TrainOutput, dropout};
use crate::{Backbone, Stage};

/// A network in its parts: a feature map, an embedding of that, class logits of that.
pub(crate) trait Network: Send + Sync {
    /// `(n, 3, s, s)` to the last feature map, `(n, c, h, w)`. `seen` is shown the result of every
    /// stage, in order.
    fn feature_map(
        &self,
        batch: &Tensor,
        pass: Pass,
        seen: &mut dyn FnMut(&str, &Tensor),
    ) -> Result<Tensor>;

    /// The feature map to `(n, embedding_dim, 1, 1)`.
    fn embedding(&self, map: &Tensor, pass: Pass) -> Result<Tensor>;

    /// Its layers up to the embedding, for a plan.
    fn outline(&self, layers: &mut Layers) -> Result<Outline>;

    /// From the embedding to logits.
    fn classifier(&self) -> &Conv;

    fn embedding_dim(&self) -> usize;
}

/// A batch where a network's parameters lie, in their precision.
fn enter(network: &impl Network, batch: &Tensor) -> Result<Tensor> {
    let weight = network.classifier().weight();
    batch.to_device(weight.device())?.to_dtype(weight.dtype())
}

impl<N: Network> Backbone for N {
    fn embed(&self, batch: &Tensor) -> Result<Tensor> {
        let map = self.feature_map(&enter(self, batch)?, Pass::Infer, &mut |_, _| ())?;
        self.embedding(&map, Pass::Infer)?.flatten_from(1)?.to_dtype(DType::F32)
    }

    fn logits(&self, batch: &Tensor) -> Result<Tensor> {
        self.embed_and_logits(batch).map(|(_, logits)| logits)
    }

    fn embed_and_logits(&self, batch: &Tensor) -> Result<(Tensor, Tensor)> {
        let map = self.feature_map(&enter(self, batch)?, Pass::Infer, &mut |_, _| ())?;
        let embedding = self.embedding(&map, Pass::Infer)?;
        let logits = self.classifier().forward(&embedding, Pass::Infer)?.flatten_from(1)?;
        Ok((embedding.flatten_from(1)?.to_dtype(DType::F32)?, logits.to_dtype(DType::F32)?))
    }

    fn embed_with_map(&self, batch: &Tensor, cells: usize) -> Result<(Tensor, Tensor)> {
        let mut wide = None;
        let map = self.feature_map(&enter(self, batch)?, Pass::Infer, &mut |_, output| {
            if output.dims().last().is_some_and(|&width| width >= cells) {
                wide = Some(output.clone());
            }
        })?;
        let Some(wide) = wide else { bail!("no feature map is {cells} cells wide") };
        let embedding = self.embedding(&map, Pass::Infer)?.flatten_from(1)?;
        Ok((embedding.to_dtype(DType::F32)?, wide.to_dtype(DType::F32)?))
    }

    fn stages(&self, batch: &Tensor) -> Result<Vec<Stage>> {
        let mut stages = Vec::new();
        self.feature_map(&enter(self, batch)?, Pass::Infer, &mut |name, output| {
            stages.push(Stage { name: name.to_owned(), output: output.clone() });
        })?;
        Ok(stages)
    }

    fn forward_train(&self, batch: &Tensor, mode: &TrainMode) -> Result<TrainOutput> {
        let recorder = Recorder::default();
        let pass = Pass::Train(mode, &recorder);
        let map = self.feature_map(&enter(self, batch)?, pass, &mut |_, _| ())?;
        let embedding = self.embedding(&map, pass)?;
        let dropped = dropout(&embedding, mode, "logits")?;
        let logits = self.classifier().forward(&dropped, pass)?.flatten_from(1)?;
        let statistics = BatchStatistics(recorder.into_all());
        Ok(TrainOutput { embedding: embedding.flatten_from(1)?, logits, statistics })
    }

    fn adopt_statistics(&self, batch: &Tensor) -> Result<()> {
        let map = self.feature_map(&enter(self, batch)?, Pass::Adopt, &mut |_, _| ())?;
        self.embedding(&map, Pass::Adopt).map(|_| ())
    }

    fn embedding_dim(&self) -> usize {
        Network::embedding_dim(self)
    }

    fn classes(&self) -> usize {
        self.classifier().outputs()
    }
}
