//! One item to a core.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::Place;

/// Runs `work` on every item on all cores; the results come in the items' order.
///
/// A network would also split each of its matrix products over all cores. With a photo on every core
/// that only makes them wait for each other (measured on two: 153 photos a second instead of 176), so
/// each worker is a thread pool of its own, of one.
pub fn map_on_cores<I: Sync, O: Send>(items: &[I], work: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let workers = rayon::current_num_threads().min(items.len());
    let next = AtomicUsize::new(0);
    let take_items = || {
        // Held to the end of the thread. Without it the work is slower, but the same.
        let _alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, work(item)));
        }
    };
    let mut done: Vec<(usize, O)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(take_items)).collect();
        let joined = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Prepares every item on all cores and computes what comes of it where a network is; the results come
/// in the items' order.
///
/// On the processor, a core that has prepared an item computes it, too. A card is fed from this thread
/// alone, while the cores prepare what comes next: as many items as there are cores, and as many again.
pub fn map_batches<I: Sync, P: Send, O: Send>(
    place: &Place,
    items: &[I],
    prepare: impl Fn(&I) -> P + Sync,
    compute: impl Fn(P) -> O + Sync,
) -> Vec<O> {
    if place.is_cpu() {
        return map_on_cores(items, |item| compute(prepare(item)));
    }
    feed(items, prepare, compute)
}

/// Prepares items on all cores and computes them on this thread.
fn feed<I: Sync, P: Send, O>(
    items: &[I],
    prepare: impl Fn(&I) -> P + Sync,
    compute: impl Fn(P) -> O,
) -> Vec<O> {
    let (send, receive) = sync_channel(rayon::current_num_threads());
    let numbers: Vec<usize> = (0..items.len()).collect();
    let mut done: Vec<(usize, O)> = thread::scope(|scope| {
        let (numbers, prepare) = (&numbers, &prepare);
        scope.spawn(move || {
            // Sending fails only when the other end is gone, because computing panicked.
            map_on_cores(numbers, |&at| send.clone().send((at, prepare(&items[at]))).is_ok())
        });
        receive.into_iter().map(|(at, prepared)| (at, compute(prepared))).collect()
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_each_worker_is_alone() {
        let items: Vec<usize> = (0..1000).collect();
        let results = map_on_cores(&items, |&item| (item * 2, rayon::current_num_threads()));
        assert_eq!(results, items.iter().map(|item| (item * 2, 1)).collect::<Vec<_>>());
        assert!(map_on_cores(&[0; 0], |_| ()).is_empty());
    }

    #[test]
    fn a_card_is_fed_from_one_thread_and_results_come_in_order() {
        let items: Vec<usize> = (0..500).collect();
        let here = thread::current().id();
        let results = feed(
            &items,
            |&item| (item, thread::current().id()),
            |(item, there)| {
                assert!(thread::current().id() == here && there != here);
                item * 2
            },
        );
        assert_eq!(results, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(feed(&[0; 0], |_| (), |()| ()).is_empty());
    }
}
