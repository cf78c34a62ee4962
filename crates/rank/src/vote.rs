//! The nearest neighbours' vote, weighted by similarity (distance-weighted k-nearest-neighbour classification; Dudani,
//! 1976), with exponential weights.

use std::collections::HashMap;

use crate::{Evidence, Neighbour, RankedProduct};

/// How neighbours vote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoteParams {
    /// How many of the nearest vote. Default 20.
    pub neighbours: usize,
    /// A vote weighs `exp(similarity / temperature)`. Default 0.1: the vote of a neighbour that is 0.1 less
    /// similar weighs 2.7 times less.
    pub temperature: f32,
}

impl Default for VoteParams {
    fn default() -> Self {
        Self { neighbours: 20, temperature: 0.1 }
    }
}

/// Ranks products by the similarity-weighted vote of the nearest neighbours.
///
/// A product of many photos has more of them among the nearest than one of few, whatever the query shows. So the votes for
/// a product are divided by its number of photos, `photos_of`, or by [`VoteParams::neighbours`] where it has more, since no
/// more can vote for it.
///
/// `neighbours` come best first. Those beyond [`VoteParams::neighbours`] do not vote: products that
/// only they show follow with a score of 0, the most similar first.
pub fn vote(
    neighbours: &[Neighbour],
    photos_of: impl Fn(u32) -> usize,
    params: &VoteParams,
) -> Vec<RankedProduct> {
    let Some(nearest) = neighbours.first() else { return Vec::new() };
    // Relative to the nearest, because the exponential of a large quotient overflows.
    let most = params.neighbours.max(1);
    let weight = |n: &Neighbour| {
        let share = photos_of(n.product).clamp(1, most) as f64;
        f64::from((n.similarity - nearest.similarity) / params.temperature).exp() / share
    };
    let mut position: HashMap<u32, usize> = HashMap::new();
    let mut ranked: Vec<(f64, RankedProduct)> = Vec::new();
    let mut total = 0.0;
    for (rank, neighbour) in neighbours.iter().enumerate() {
        let product = neighbour.product;
        let at = *position.entry(product).or_insert(ranked.len());
        if at == ranked.len() {
            ranked.push((0.0, RankedProduct { product, score: 0.0, evidence: Vec::new() }));
        }
        let (votes, entry) = &mut ranked[at];
        let Neighbour { photo, similarity, .. } = *neighbour;
        entry.evidence.push(Evidence { photo, similarity });
        if rank < most {
            *votes += weight(neighbour);
            total += weight(neighbour);
        }
    }
    // Stable: products with equal votes stay in the order of their best photos.
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let scored = |(votes, entry)| RankedProduct { score: (votes / total) as f32, ..entry };
    ranked.into_iter().map(scored).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbours(list: &[(u32, f32)]) -> Vec<Neighbour> {
        let neighbour = |(photo, &(product, similarity)): (usize, _)| Neighbour {
            photo: photo as u32,
            product,
            similarity,
        };
        list.iter().enumerate().map(neighbour).collect()
    }

    fn products(ranked: &[RankedProduct]) -> Vec<u32> {
        ranked.iter().map(|r| r.product).collect()
    }

    #[test]
    fn each_product_comes_once_and_scores_add_up() {
        let ranked = vote(
            &neighbours(&[(1, 0.9), (2, 0.8), (1, 0.7), (3, 0.6), (2, 0.5)]),
            |_| 2,
            &VoteParams::default(),
        );
        assert_eq!(products(&ranked), [1, 2, 3]);
        let sum: f32 = ranked.iter().map(|r| r.score).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        assert_eq!(ranked[0].evidence.len(), 2);
    }

    #[test]
    fn a_much_nearer_photo_outweighs_many_far_ones() {
        let far: Vec<_> = (0..5).map(|_| (2, 0.4)).collect();
        let list = neighbours(&[&[(1, 0.95)], &far[..]].concat());
        assert_eq!(products(&vote(&list, |_| 1, &VoteParams::default())), [1, 2]);
        let flat = VoteParams { temperature: 10.0, ..VoteParams::default() };
        assert_eq!(products(&vote(&list, |_| 1, &flat)), [2, 1]);
    }

    #[test]
    fn a_product_does_not_win_by_its_number_of_photos() {
        let list = neighbours(&[(1, 0.8), (2, 0.79), (2, 0.78), (2, 0.77)]);
        assert_eq!(products(&vote(&list, |_| 3, &VoteParams::default())), [2, 1]);
        let one_photo = |product| if product == 1 { 1 } else { 3 };
        assert_eq!(products(&vote(&list, one_photo, &VoteParams::default())), [1, 2]);
        // No more than the neighbours that vote can be for it.
        let params = VoteParams { neighbours: 4, ..VoteParams::default() };
        let share = |photos| vote(&list, |p| if p == 1 { 1 } else { photos }, &params)[1].score;
        assert_eq!(share(4), share(4000));
    }

    #[test]
    fn those_beyond_the_vote_follow_by_similarity() {
        let params = VoteParams { neighbours: 2, ..VoteParams::default() };
        let ranked = vote(&neighbours(&[(5, 0.9), (5, 0.8), (4, 0.7), (3, 0.6)]), |_| 1, &params);
        assert_eq!(products(&ranked), [5, 4, 3]);
        assert_eq!((ranked[0].score, ranked[1].score), (1.0, 0.0));
    }

    #[test]
    fn equal_votes_keep_the_order_and_none_give_nothing() {
        let ranked = vote(&neighbours(&[(9, 0.5), (1, 0.5)]), |_| 1, &VoteParams::default());
        assert_eq!(products(&ranked), [9, 1]);
        assert!(vote(&[], |_| 1, &VoteParams::default()).is_empty());
    }
}
