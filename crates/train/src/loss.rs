use candle_core::{D, Device, Result, Tensor, Var};
use candle_nn::ops::{log_softmax, softmax};

/// Cosines are multiplied by this before they are compared as logits (Wang et al., "NormFace", 2017,
/// which proves that without it the loss cannot become small).
const METRIC_SCALE: f64 = 16.0;

/// Cross-entropy of logits, `(n, classes)`, averaged over the photos. `smoothing`, 0 to 1, is the share
/// of a photo's probability that is spread over all classes (Szegedy et al., 2016).
pub(crate) fn cross_entropy(logits: &Tensor, classes: &[u32], smoothing: f64) -> Result<Tensor> {
    let log_shares = log_softmax(logits, D::Minus1)?;
    let picked = Tensor::from_slice(classes, (classes.len(), 1), logits.device())?;
    let right = log_shares.gather(&picked, 1)?.mean_all()?;
    let all = log_shares.mean_all()?;
    ((right * (1.0 - smoothing))? + (all * smoothing)?)?.neg()
}

/// Logits are divided by this before a network's opinion is compared with its tutor's, so that small
/// shares count, too (Hinton et al., 2015).
const TEMPERATURE: f64 = 2.0;

/// A loss of logits, `(n, classes)`, that draws the shares they stand for towards a tutor's: the
/// cross-entropy of the two, averaged over the photos, in the scale of [`cross_entropy`]'s gradients.
pub(crate) fn imitation(logits: &Tensor, tutor: &Tensor) -> Result<Tensor> {
    let shares = softmax(&(tutor.detach() / TEMPERATURE)?, D::Minus1)?;
    let own = log_softmax(&(logits / TEMPERATURE)?, D::Minus1)?;
    (shares * own)?.sum(D::Minus1)?.mean_all()? * (-TEMPERATURE * TEMPERATURE)
}

/// A loss of embeddings, `(n, d)`, that draws those of a product towards its proxy and away from the
/// others': softmax over the cosines with all proxies, `(classes, d)` (Zhai and Wu, "Classification is
/// a strong baseline for deep metric learning", 2019).
pub(crate) fn by_proxies(embedding: &Tensor, proxies: &Var, classes: &[u32]) -> Result<Tensor> {
    let cosines = unit(embedding)?.matmul(&unit(proxies)?.t()?)?;
    cross_entropy(&(cosines * METRIC_SCALE)?, classes, 0.0)
}

/// A loss of embeddings, `(n, d)`, that keeps them in the direction that a teacher gives them: one minus
/// the cosine, both without the teacher's `mean`, `(1, d)`, as which everything looks alike.
pub(crate) fn away_from(embedding: &Tensor, teacher: &Tensor, mean: &Tensor) -> Result<Tensor> {
    let (own, kept) = (embedding.broadcast_sub(mean)?, teacher.detach().broadcast_sub(mean)?);
    let cosines = (unit(&own)? * unit(&kept)?)?.sum(D::Minus1)?;
    (1.0 - cosines)?.mean_all()
}

fn unit(rows: &Tensor) -> Result<Tensor> {
    let length = (rows.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    rows.broadcast_div(&length)
}

/// Proxies to begin with, `(count, d)` in the CPU's memory: the mean unit embedding of each class. A class without photos has zeros.
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
    fn a_tutors_opinion_is_imitated() -> Result<()> {
        let tutor = Tensor::new(&[[4f32, 2.0, 0.0]], &Device::Cpu)?;
        let cost = |logits: [f32; 3]| imitation(&Tensor::new(&[logits], &Device::Cpu)?, &tutor);
        // Of the same opinion, whatever is added to all logits; the gradient is then nothing.
        let same = Var::from_tensor(&Tensor::new(&[[5f32, 3.0, 1.0]], &Device::Cpu)?)?;
        let gradients = imitation(&same, &tutor)?.backward()?;
        let gradient = gradients.get(&same).expect("it decides the loss").abs()?.max_all()?;
        assert!(gradient.to_scalar::<f32>()? < 1e-6);
        let least = cost([5.0, 3.0, 1.0])?.to_scalar::<f32>()?;
        for other in [[4.0, 2.0, 0.5], [2.0, 4.0, 0.0], [0.0; 3], [9.0, 2.0, 0.0]] {
            assert!(cost(other)?.to_scalar::<f32>()? > least + 1e-3, "{other:?}");
        }
        Ok(())
    }

    #[test]
    fn embeddings_where_the_teacher_has_them_cost_nothing() -> Result<()> {
        let mean = Tensor::new(&[[1f32, 1.0]], &Device::Cpu)?;
        let teacher = Tensor::new(&[[2f32, 1.0], [1.0, 0.0]], &Device::Cpu)?;
        let cost = |rows: [[f32; 2]; 2]| {
            away_from(&Tensor::new(&rows, &Device::Cpu)?, &teacher, &mean)?.to_scalar::<f32>()
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
        let near = by_proxies(&rows, &proxies, &[0, 1])?.to_scalar::<f32>()?;
        let far = by_proxies(&rows, &proxies, &[1, 0])?.to_scalar::<f32>()?;
        assert!(near < 1e-3 && far > 10.0, "{near} {far}");
        Ok(())
    }
}
