//! What the networks have in common: a network defined by its parts is a [`Backbone`], and can be trained.

use candle_core::{DType, Error, Result, Tensor, bail};

use super::graph::{GraphBuilder, GraphOutputs};
use crate::layers::conv::Conv;
use crate::layers::pass::{Pass, TrainMode, TrainOutput};
use crate::layers::statistics::StatisticsRecorder;
use crate::ops::random::dropout;
use crate::{Backbone, Stage};

/// A network in three parts: the feature map, the embedding of that, and the class logits of that.
pub(crate) trait Network: Send + Sync {
    /// `(n, 3, s, s)` to the last feature map, `(n, c, h, w)`. Calls `on_stage` with the name and the
    /// result of every stage, in order.
    fn feature_map(
        &self,
        batch: &Tensor,
        pass: Pass,
        on_stage: &mut dyn FnMut(&str, &Tensor),
    ) -> Result<Tensor>;

    /// The feature map to `(n, embedding_dim, 1, 1)`.
    fn embedding(&self, map: &Tensor, pass: Pass) -> Result<Tensor>;

    /// Adds its layers up to the embedding to a graph, for inference on the CPU.
    fn graph(&self, graph: &mut GraphBuilder) -> Result<GraphOutputs>;

    fn first_layer(&self) -> &Conv;

    /// From the embedding to logits, if the file has that.
    fn classifier(&self) -> Option<&Conv>;

    fn embedding_dim(&self) -> usize;
}

/// A network that can be trained. Compiled networks, which only infer, are no such.
pub(crate) trait TrainableNetwork: Backbone {
    /// Embeddings and logits of a batch, `(n, 3, s, s)`, with gradients.
    ///
    /// # Errors
    /// candle's, when the batch has another shape.
    fn forward_train(&self, batch: &Tensor, mode: &TrainMode) -> Result<TrainOutput>;

    /// Takes the batch's statistics as the running ones of all batch norms; see
    /// [`crate::TrainableBackbone::adopt_statistics`].
    ///
    /// # Errors
    /// candle's, when the batch has another shape.
    fn adopt_statistics(&self, batch: &Tensor) -> Result<()>;
}

/// A batch on the device of a network's parameters, in their data type.
fn to_device_of(network: &impl Network, batch: &Tensor) -> Result<Tensor> {
    let weight = network.first_layer().weight();
    batch.to_device(weight.device())?.to_dtype(weight.dtype())
}

/// The classifier, which is needed.
pub(crate) fn needed(classifier: Option<&Conv>) -> Result<&Conv> {
    classifier.ok_or_else(|| Error::msg("these weights have no classifier"))
}

/// `work` on a batch. If the GPU runs out of memory, on its halves, and so on down to single photos: how
/// much memory a batch needs depends on the network, and how much is free on who else uses the GPU.
fn halving<const N: usize>(
    batch: &Tensor,
    work: &dyn Fn(&Tensor) -> Result<[Tensor; N]>,
) -> Result<[Tensor; N]> {
    let photos = batch.dim(0)?;
    match work(batch) {
        Err(error) if photos > 1 && is_out_of_memory(&error) => {}
        done => return done,
    }
    let mut joined = halving(&batch.narrow(0, 0, photos / 2)?, work)?;
    let second = halving(&batch.narrow(0, photos / 2, photos - photos / 2)?, work)?;
    for (all, rest) in joined.iter_mut().zip(&second) {
        *all = Tensor::cat(&[&*all, rest], 0)?;
    }
    Ok(joined)
}

/// By the messages of the driver and of cuBLAS, which candle passes on.
fn is_out_of_memory(error: &Error) -> bool {
    let message = error.to_string();
    ["CUDA_ERROR_OUT_OF_MEMORY", "STATUS_ALLOC_FAILED"].iter().any(|words| message.contains(words))
}

impl<N: Network> Backbone for N {
    fn embed(&self, batch: &Tensor) -> Result<Tensor> {
        let [embedding] = halving(batch, &|batch| {
            let map = self.feature_map(&to_device_of(self, batch)?, Pass::Infer, &mut |_, _| ())?;
            Ok([self.embedding(&map, Pass::Infer)?.flatten_from(1)?.to_dtype(DType::F32)?])
        })?;
        Ok(embedding)
    }

    fn logits(&self, batch: &Tensor) -> Result<Tensor> {
        self.embed_and_logits(batch).map(|(_, logits)| logits)
    }

    fn embed_and_logits(&self, batch: &Tensor) -> Result<(Tensor, Tensor)> {
        let [embedding, logits] = halving(batch, &|batch| {
            let map = self.feature_map(&to_device_of(self, batch)?, Pass::Infer, &mut |_, _| ())?;
            let embedding = self.embedding(&map, Pass::Infer)?;
            let logits = needed(self.classifier())?.forward(&embedding, Pass::Infer)?;
            let logits = logits.flatten_from(1)?;
            Ok([embedding.flatten_from(1)?.to_dtype(DType::F32)?, logits.to_dtype(DType::F32)?])
        })?;
        Ok((embedding, logits))
    }

    fn embed_with_map(&self, batch: &Tensor, cells: usize) -> Result<(Tensor, Tensor)> {
        let mut wide = None;
        let map =
            self.feature_map(&to_device_of(self, batch)?, Pass::Infer, &mut |_, output| {
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
        self.feature_map(&to_device_of(self, batch)?, Pass::Infer, &mut |name, output| {
            stages.push(Stage { name: name.to_owned(), output: output.clone() });
        })?;
        Ok(stages)
    }

    fn embedding_dim(&self) -> usize {
        Network::embedding_dim(self)
    }

    fn classes(&self) -> usize {
        self.classifier().map_or(0, Conv::outputs)
    }
}

impl<N: Network> TrainableNetwork for N {
    fn forward_train(&self, batch: &Tensor, mode: &TrainMode) -> Result<TrainOutput> {
        let recorder = StatisticsRecorder::default();
        let pass = Pass::Train(mode, &recorder);
        let map = self.feature_map(&to_device_of(self, batch)?, pass, &mut |_, _| ())?;
        let embedding = self.embedding(&map, pass)?;
        let dropped = dropout(&embedding, mode.dropout, mode.seed, "logits")?;
        let logits = needed(self.classifier())?.forward(&dropped, pass)?.flatten_from(1)?;
        let statistics = recorder.finish();
        Ok(TrainOutput { embedding: embedding.flatten_from(1)?, logits, statistics })
    }

    fn adopt_statistics(&self, batch: &Tensor) -> Result<()> {
        let map = self.feature_map(&to_device_of(self, batch)?, Pass::Adopt, &mut |_, _| ())?;
        self.embedding(&map, Pass::Adopt).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use std::cell::RefCell;

    #[test]
    fn a_batch_that_a_gpu_has_no_memory_for_is_halved_and_put_together_again() -> Result<()> {
        let batch = Tensor::arange(0f32, 14.0, &Device::Cpu)?.reshape((7, 2))?;
        let sizes = RefCell::new(Vec::new());
        let at_most = |most: usize, said: &'static str| {
            let sizes = &sizes;
            move |part: &Tensor| {
                sizes.borrow_mut().push(part.dim(0)?);
                if part.dim(0)? > most {
                    return Err(Error::msg(said));
                }
                Ok([(part * 2.0)?, part.narrow(1, 0, 1)?])
            }
        };
        let full = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
        let [doubled, first] = halving(&batch, &at_most(2, full))?;
        assert_eq!(doubled.to_vec2::<f32>()?, (&batch * 2.0)?.to_vec2::<f32>()?);
        assert_eq!(first.to_vec2::<f32>()?, batch.narrow(1, 0, 1)?.to_vec2::<f32>()?);
        assert_eq!(*sizes.borrow(), [7, 3, 1, 2, 4, 2, 2]);
        // Not where it would be of no use, and not for other errors.
        assert!(halving(&batch, &at_most(0, full)).is_err());
        sizes.borrow_mut().clear();
        assert!(halving(&batch, &at_most(2, "another reason")).is_err());
        assert_eq!(*sizes.borrow(), [7]);
        Ok(())
    }
}
