//! A store whose graph was changed answers as one that was built from scratch.

use std::sync::Arc;

use lookalike_base::random::splitmix64_at;
use lookalike_vectors::{ExactStore, GraphBuilder, HnswParams, HnswStore, VectorStore, Vectors};

const DIM: usize = 24;

/// A number from 0 to 1, a function of `seed`.
fn uniform(seed: u64) -> f64 {
    (splitmix64_at(0, seed.wrapping_sub(1)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Vector number `number`, in one of thirty clouds.
fn vector(number: u64) -> Vec<f32> {
    let at = |d: u64| {
        let centre = uniform((number % 30) * 1000 + d) - 0.5;
        (centre + 0.5 * (uniform(1_000_000 + number * 100 + d) - 0.5)) as f32
    };
    (0..DIM as u64).map(at).collect()
}

fn vectors(numbers: &[u64]) -> Vec<f32> {
    numbers.iter().flat_map(|&number| vector(number)).collect()
}

fn build(numbers: &[u64]) -> HnswStore {
    build_by(GraphBuilder::Batched, numbers)
}

fn build_by(builder: GraphBuilder, numbers: &[u64]) -> HnswStore {
    let all = Arc::new(Vectors::normalised(DIM, vectors(numbers)).expect("vectors"));
    // Few candidates, so that a poor graph would show.
    let params = HnswParams { m: 12, ef_construction: 100, ef_search: 32, builder };
    HnswStore::build(all, params, &|_| {})
}

fn recall(store: &HnswStore) -> f64 {
    let exact = ExactStore::new(Arc::clone(store.vectors()));
    let mut right = 0;
    for query in 0..200 {
        let query = vector(5_000_000 + query);
        let wanted = exact.search(&query, 10).expect("a search");
        let found = store.search_graph(&query, 10).expect("a search");
        right += wanted.iter().filter(|w| found.iter().any(|f| f.row == w.row)).count();
    }
    right as f64 / 2000.0
}

/// Changes a store and the numbers of its vectors alike.
fn change(store: &mut HnswStore, numbers: &mut Vec<u64>, keep: &[bool], more: &[u64]) {
    *store = store.updated(keep, vectors(more), &|_| {}).expect("updated");
    let mut kept = keep.iter();
    numbers.retain(|_| *kept.next().expect("a flag for each"));
    numbers.extend(more);
    assert_eq!(store.len(), numbers.len());
}

/// Vectors that are not found by themselves.
fn lost(store: &HnswStore, numbers: &[u64]) -> Vec<u64> {
    let is_lost = |&(row, &number): &(usize, &u64)| {
        let hit = store.search_graph(&vector(number), 1).expect("a search")[0];
        hit.row != row as u32 || hit.similarity < 0.9999
    };
    numbers.iter().enumerate().filter(is_lost).map(|(_, &number)| number).collect()
}

fn finds_each(store: &HnswStore, numbers: &[u64]) {
    assert_eq!(lost(store, numbers), [0; 0]);
}

#[test]
fn half_of_the_vectors_replaced_costs_no_recall() {
    let mut numbers: Vec<u64> = (0..3000).collect();
    let mut store = build(&numbers);
    for round in 0..10u64 {
        let keep: Vec<bool> =
            (0..numbers.len() as u64).map(|row| uniform(round * 100_000 + row) > 0.067).collect();
        let gone = keep.iter().filter(|keep| !**keep).count() as u64;
        let more: Vec<u64> = (0..gone).map(|new| 10_000 * (round + 1) + new).collect();
        change(&mut store, &mut numbers, &keep, &more);
    }
    let replaced = numbers.iter().filter(|&&number| number >= 10_000).count();
    assert!((1300..1700).contains(&replaced), "{replaced} of {} replaced", numbers.len());
    let fresh = build(&numbers);
    let (changed_lost, fresh_lost) = (lost(&store, &numbers).len(), lost(&fresh, &numbers).len());
    let (changed, fresh) = (recall(&store), recall(&fresh));
    println!(
        "recall@10 after the changes {changed:.4}, of a fresh graph {fresh:.4}; \
         lost {changed_lost} and {fresh_lost}"
    );
    assert!(changed > fresh - 0.01, "{changed} after the changes, {fresh} of a fresh graph");
    assert!(changed_lost <= fresh_lost + 3, "{changed_lost}, {fresh_lost} of a fresh graph");
}

#[test]
fn what_is_removed_is_never_found_and_the_rest_always() {
    GraphBuilder::ALL.into_iter().for_each(removed_and_rest);
}

fn removed_and_rest(builder: GraphBuilder) {
    let mut numbers: Vec<u64> = (0..400).collect();
    let mut store = build_by(builder, &numbers);
    // A whole cloud goes: what linked into it must find the others.
    let keep: Vec<bool> = numbers.iter().map(|number| number % 30 != 7).collect();
    change(&mut store, &mut numbers, &keep, &[]);
    finds_each(&store, &numbers);
    let hits = store.search_graph(&vector(7), numbers.len() + 5).expect("a search");
    assert_eq!(hits.len(), numbers.len());
    for one in 0..numbers.len().min(60) {
        let keep: Vec<bool> = (0..numbers.len()).map(|row| row != one % numbers.len()).collect();
        change(&mut store, &mut numbers, &keep, &[20_000 + one as u64]);
    }
    finds_each(&store, &numbers);
}

#[test]
fn from_nothing_to_nothing() {
    GraphBuilder::ALL.into_iter().for_each(nothing_to_nothing);
}

fn nothing_to_nothing(builder: GraphBuilder) {
    let mut numbers = Vec::new();
    let mut store = build_by(builder, &numbers);
    change(&mut store, &mut numbers, &[], &[1, 2, 3]);
    finds_each(&store, &numbers);
    change(&mut store, &mut numbers, &[true, true, true], &[4]);
    finds_each(&store, &numbers);
    change(&mut store, &mut numbers, &[false; 4], &[]);
    assert_eq!(store.search_graph(&vector(1), 3).expect("a search"), []);
    change(&mut store, &mut numbers, &[], &[5]);
    finds_each(&store, &numbers);
}

#[test]
fn duplicates_share_a_node_and_leave_one_by_one() {
    let mut numbers: Vec<u64> = (0..100).collect();
    let mut store = build(&numbers);
    change(&mut store, &mut numbers, &[true; 100], &[3; 20]);
    assert_eq!(store.graph().len(), 100, "no nodes for duplicates");
    let found = |store: &HnswStore| {
        let hits = store.search_graph(&vector(3), 25).expect("a search");
        hits.iter().filter(|hit| hit.similarity > 0.9999).map(|hit| hit.row).collect::<Vec<_>>()
    };
    assert_eq!(found(&store), [vec![3], (100..120).collect()].concat());
    let keep: Vec<bool> = (0..120).map(|row| row != 3 && row < 110).collect();
    change(&mut store, &mut numbers, &keep, &[]);
    assert_eq!(found(&store), (99..109).collect::<Vec<_>>());
}
