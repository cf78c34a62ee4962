//! The losses.

use candle_core::{D, Device, Result, Tensor, Var};
use candle_nn::ops::{log_softmax, softmax};

/// Scale of cosines as logits (Wang et al., "NormFace", 2017,
/// which proves that without it the loss cannot become small).
const METRIC_SCALE: f64 = 16.0;

/// Cross-entropy of logits, `(n, classes)`, averaged over the photos, with label smoothing of `smoothing`,
/// 0 to 1 (Szegedy et al., 2016).
pub(crate) fn cross_entropy(logits: &Tensor, classes: &[u32], smoothing: f64) -> Result<Tensor> {
    let log_probabilities = log_softmax(logits, D::Minus1)?;
    let picked = Tensor::from_slice(classes, (classes.len(), 1), logits.device())?;
    let right = log_probabilities.gather(&picked, 1)?.mean_all()?;
    let all = log_probabilities.mean_all()?;
    ((right * (1.0 - smoothing))? + (all * smoothing)?)?.neg()
}

/// Temperature of the distillation, which makes small probabilities count (Hinton et al., 2015).
const TEMPERATURE: f64 = 2.0;

/// Knowledge distillation (Hinton et al., 2015): the cross-entropy of the class probabilities of `logits`,
/// `(n, classes)`, against a teacher's, averaged over the photos, with gradients on the scale of
/// [`cross_entropy`]'s.
pub(crate) fn distillation(logits: &Tensor, teacher: &Tensor) -> Result<Tensor> {
    let probabilities = softmax(&(teacher.detach() / TEMPERATURE)?, D::Minus1)?;
    let own = log_softmax(&(logits / TEMPERATURE)?, D::Minus1)?;
    (probabilities * own)?.sum(D::Minus1)?.mean_all()? * (-TEMPERATURE * TEMPERATURE)
}

/// Normalised softmax over the cosines of embeddings, `(n, d)`, with the proxies of all products,
/// `(classes, d)`: pulls embeddings towards their product's proxy and away from the others (Zhai and Wu,
/// "Classification is a strong baseline for deep metric learning", 2019).
pub(crate) fn proxy_softmax(embedding: &Tensor, proxies: &Var, classes: &[u32]) -> Result<Tensor> {
    let cosines = unit(embedding)?.matmul(&unit(proxies)?.t()?)?;
    cross_entropy(&(cosines * METRIC_SCALE)?, classes, 0.0)
}

/// Keeps embeddings, `(n, d)`, near those of the initial network: 1 minus the cosine of the two, both
/// centred by the initial network's `mean`, `(1, d)`, which all photos have in common.
pub(crate) fn embedding_distillation(
    embedding: &Tensor,
    initial: &Tensor,
    mean: &Tensor,
) -> Result<Tensor> {
    let (own, kept) = (embedding.broadcast_sub(mean)?, initial.detach().broadcast_sub(mean)?);
    let cosines = (unit(&own)? * unit(&kept)?)?.sum(D::Minus1)?;
    (1.0 - cosines)?.mean_all()
}

fn unit(rows: &Tensor) -> Result<Tensor> {
    let length = (rows.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    rows.broadcast_div(&length)
}

/// The initial proxies, `(count, d)` on the CPU: the mean unit embedding
/// of each class; zeros for a class without photos.
pub(crate) fn proxies(embeddings: &[Vec<f32>], classes: &[u32], count: usize) -> Result<Tensor> {
    let dim = embeddings.first().map_or(0, Vec::len);
    let mut sums = vec![0f32; count * dim];
    for (embedding, &class) in embeddings.iter().zip(classes) {
        let length = embedding.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        let sum = &mut sums[class as usize * dim..][..dim];
        sum.iter_mut().zip(embedding).for_each(|(sum, x)| *sum += x / length);
    }
    Tensor::from_vec(sums, (count, dim), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_is_that_of_the_definition() -> Result<()> {
        let logits = Tensor::new(&[[0f32, 0.0, 0.0], [2.0, 0.0, 0.0]], &Device::Cpu)?;
        let sum = 2f64.exp() + 2.0;
        let second = -(2f64 - sum.ln());
        let plain = cross_entropy(&logits, &[1, 0], 0.0)?.to_scalar::<f32>()?;
        assert!((f64::from(plain) - (3f64.ln() + second) / 2.0).abs() < 1e-6);
        let spread = (3f64.ln() + (sum.ln() - 2.0 / 3.0)) / 2.0;
        let all = cross_entropy(&logits, &[1, 0], 1.0)?.to_scalar::<f32>()?;
        assert!((f64::from(all) - spread).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn distillation_is_least_where_the_teachers_probabilities_are() -> Result<()> {
        let teacher = Tensor::new(&[[4f32, 2.0, 0.0]], &Device::Cpu)?;
        let cost =
            |logits: [f32; 3]| distillation(&Tensor::new(&[logits], &Device::Cpu)?, &teacher);
        // The same probabilities, whatever is added to all logits: the gradient is 0.
        let same = Var::from_tensor(&Tensor::new(&[[5f32, 3.0, 1.0]], &Device::Cpu)?)?;
        let gradients = distillation(&same, &teacher)?.backward()?;
        let gradient = gradients.get(&same).expect("it decides the loss").abs()?.max_all()?;
        assert!(gradient.to_scalar::<f32>()? < 1e-6);
        let least = cost([5.0, 3.0, 1.0])?.to_scalar::<f32>()?;
        for other in [[4.0, 2.0, 0.5], [2.0, 4.0, 0.0], [0.0; 3], [9.0, 2.0, 0.0]] {
            assert!(cost(other)?.to_scalar::<f32>()? > least + 1e-3, "{other:?}");
        }
        Ok(())
    }

    #[test]
    fn embeddings_in_the_initial_direction_cost_nothing() -> Result<()> {
        let mean = Tensor::new(&[[1f32, 1.0]], &Device::Cpu)?;
        let initial = Tensor::new(&[[2f32, 1.0], [1.0, 0.0]], &Device::Cpu)?;
        let cost = |rows: [[f32; 2]; 2]| {
            embedding_distillation(&Tensor::new(&rows, &Device::Cpu)?, &initial, &mean)?
                .to_scalar::<f32>()
        };
        // The same directions from the mean; one of them turned round.
        assert!(cost([[5.0, 1.0], [1.0, -3.0]])?.abs() < 1e-6);
        assert!((cost([[2.0, 1.0], [1.0, 3.0]])? - 1.0).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn embeddings_at_their_proxies_cost_little() -> Result<()> {
        let embeddings = [vec![3.0, 0.0], vec![0.0, 0.5]];
        let proxies = Var::from_tensor(&proxies(&embeddings, &[0, 1], 2)?)?;
        let rows = Tensor::new(&[[3f32, 0.0], [0.0, 0.5]], &Device::Cpu)?;
        let near = proxy_softmax(&rows, &proxies, &[0, 1])?.to_scalar::<f32>()?;
        let far = proxy_softmax(&rows, &proxies, &[1, 0])?.to_scalar::<f32>()?;
        assert!(near < 1e-3 && far > 10.0, "{near} {far}");
        Ok(())
    }
}
