//! What the networks have in common.

use candle_core::{DType, Error, Result, Tensor, bail};

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

/// What `work` makes of a batch. Where a GPU has no memory for the whole, of its halves, and so on down
/// to single photos: how much a batch takes depends on the network, and how much there is on who else
/// uses the GPU.
fn in_parts<const N: usize>(
    batch: &Tensor,
    work: &dyn Fn(&Tensor) -> Result<[Tensor; N]>,
) -> Result<[Tensor; N]> {
    let photos = batch.dim(0)?;
    match work(batch) {
        Err(error) if photos > 1 && is_out_of_memory(&error) => {}
        done => return done,
    }
    let mut joined = in_parts(&batch.narrow(0, 0, photos / 2)?, work)?;
    let second = in_parts(&batch.narrow(0, photos / 2, photos - photos / 2)?, work)?;
    for (all, rest) in joined.iter_mut().zip(&second) {
        *all = Tensor::cat(&[&*all, rest], 0)?;
    }
    Ok(joined)
}

/// As the driver and cuBLAS say it; candle passes their words on.
fn is_out_of_memory(error: &Error) -> bool {
    let said = error.to_string();
    ["CUDA_ERROR_OUT_OF_MEMORY", "STATUS_ALLOC_FAILED"].iter().any(|words| said.contains(words))
}

impl<N: Network> Backbone for N {
    fn embed(&self, batch: &Tensor) -> Result<Tensor> {
        let [embedding] = in_parts(batch, &|batch| {
            let map = self.feature_map(&enter(self, batch)?, Pass::Infer, &mut |_, _| ())?;
            Ok([self.embedding(&map, Pass::Infer)?.flatten_from(1)?.to_dtype(DType::F32)?])
        })?;
        Ok(embedding)
    }

    fn logits(&self, batch: &Tensor) -> Result<Tensor> {
        self.embed_and_logits(batch).map(|(_, logits)| logits)
    }

    fn embed_and_logits(&self, batch: &Tensor) -> Result<(Tensor, Tensor)> {
        let [embedding, logits] = in_parts(batch, &|batch| {
            let map = self.feature_map(&enter(self, batch)?, Pass::Infer, &mut |_, _| ())?;
            let embedding = self.embedding(&map, Pass::Infer)?;
            let logits = self.classifier().forward(&embedding, Pass::Infer)?.flatten_from(1)?;
            Ok([embedding.flatten_from(1)?.to_dtype(DType::F32)?, logits.to_dtype(DType::F32)?])
        })?;
        Ok((embedding, logits))
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
        let [doubled, first] = in_parts(&batch, &at_most(2, full))?;
        assert_eq!(doubled.to_vec2::<f32>()?, (&batch * 2.0)?.to_vec2::<f32>()?);
        assert_eq!(first.to_vec2::<f32>()?, batch.narrow(1, 0, 1)?.to_vec2::<f32>()?);
        assert_eq!(*sizes.borrow(), [7, 3, 1, 2, 4, 2, 2]);
        // Not where it would be of no use, and not for other errors.
        assert!(in_parts(&batch, &at_most(0, full)).is_err());
        sizes.borrow_mut().clear();
        assert!(in_parts(&batch, &at_most(2, "another reason")).is_err());
        assert_eq!(*sizes.borrow(), [7]);
        Ok(())
    }
}
