//! Alternative ways of ranking by neighbours, which an evaluation compares with what a search does: other vote
//! parameters, the mean of the nearest photos, and query expansion (Chum et al., "Total recall", 2007).

use std::collections::HashMap;

use lookalike_rank::{Neighbour, VoteParams, vote};
use lookalike_vectors::VectorStore;

use crate::encode::mean_direction;
use crate::error::EngineError;
use crate::metric::scale_to;

/// Nearest photos that are ranked.
const DEPTH: usize = 2_000;

/// Products of a ranking that are kept.
const KEPT: usize = 10;

/// Neighbours that are averaged with a query (average query expansion).
const ADDED: usize = 5;

/// The names of the rankings that [`rankings`] returns, in their order.
pub(crate) const NAMES: [&str; 7] = [
    "vote of 10 photos",
    "vote of 50 photos",
    "vote, temperature 0.05",
    "vote, temperature 0.2",
    "nearest photo of each product",
    "mean of each product's 5 nearest photos",
    "vote, query averaged with its 5 nearest",
];

/// Products with scores, best first.
pub(crate) type Ranks = Vec<(u32, f32)>;

/// Every variant's ranking for a vector; `product` maps a row to its photo's product, `photos_of` a product to its number
/// of photos.
pub(crate) fn rankings(
    vector: &[f32],
    store: &dyn VectorStore,
    product: impl Fn(u32) -> u32,
    photos_of: impl Fn(u32) -> usize,
) -> Result<Vec<Ranks>, EngineError> {
    let nearest = |vector: &[f32]| -> Result<Vec<Neighbour>, EngineError> {
        let hits = store.search_exact(vector, DEPTH)?.into_iter();
        Ok(hits
            .map(|hit| Neighbour {
                photo: hit.row,
                product: product(hit.row),
                similarity: hit.similarity,
            })
            .collect())
    };
    let voted = |all: &[Neighbour], neighbours, temperature| -> Ranks {
        let ranked = vote(all, &photos_of, &VoteParams { neighbours, temperature });
        ranked.into_iter().take(KEPT).map(|one| (one.product, one.score)).collect()
    };
    let near = nearest(vector)?;
    let added: Vec<u32> = near.iter().take(ADDED).map(|neighbour| neighbour.photo).collect();
    let mut expanded: Vec<f32> = mean_direction(store.rows(&added)?.into_iter());
    expanded.iter_mut().zip(vector).for_each(|(x, own)| *x += own);
    scale_to(1.0, &mut expanded);
    let VoteParams { neighbours, temperature } = VoteParams::default();
    Ok(vec![
        voted(&near, 10, temperature),
        voted(&near, 50, temperature),
        voted(&near, neighbours, 0.05),
        voted(&near, neighbours, 0.2),
        by_mean(&near, 1),
        by_mean(&near, 5),
        voted(&nearest(&expanded)?, neighbours, temperature),
    ])
}

/// Products by the mean similarity of their nearest photos, at most so many of each, with scores by a softmax as of a
/// vote.
fn by_mean(near: &[Neighbour], photos: usize) -> Ranks {
    let mut sums: HashMap<u32, (usize, f32)> = HashMap::new();
    for neighbour in near {
        let (count, sum) = sums.entry(neighbour.product).or_default();
        if *count < photos {
            *count += 1;
            *sum += neighbour.similarity;
        }
    }
    let mut means: Ranks =
        sums.into_iter().map(|(product, (count, sum))| (product, sum / count as f32)).collect();
    means.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let most = means.first().map_or(0.0, |(_, similarity)| *similarity);
    let weight = |similarity: f32| ((similarity - most) / VoteParams::default().temperature).exp();
    let total: f32 = means.iter().map(|(_, similarity)| weight(*similarity)).sum();
    means.iter_mut().for_each(|(_, similarity)| *similarity = weight(*similarity) / total);
    means.truncate(KEPT);
    means
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_vectors::{ExactStore, Vectors};
    use std::sync::Arc;

    #[test]
    fn each_variant_has_its_own_idea() {
        // Product 0 has the nearest photo, product 1 the nearest five on average.
        let angles = [0.1f32, 0.9, 1.0, 1.1, 1.2, 0.2, 0.21, 0.22, 0.23, 0.24];
        let rows = angles.iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        let exact = ExactStore::new(Arc::new(Vectors::normalised(2, rows).expect("vectors")));
        let all = rankings(&[1.0, 0.0], &exact, |row| row / 5, |_| 5).expect("rankings");
        assert_eq!(all.len(), NAMES.len());
        let sum = |ranks: &Ranks| ranks.iter().map(|(_, score)| score).sum::<f32>();
        assert!(all.iter().all(|ranks| (sum(ranks) - 1.0).abs() < 1e-4), "{all:?}");
        let first: Vec<u32> = all.iter().map(|ranks| ranks[0].0).collect();
        assert_eq!(first, [1, 1, 1, 1, 0, 1, 1]);
    }
}
