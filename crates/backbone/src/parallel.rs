//! Work spread over cores, an item to each, and the pipeline from files to a network: prepared on all
//! cores, computed on the network's device. It is here because only the device decides how.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::thread;

use crate::Device;

/// Largest number of items that a GPU computes together.
const GROUP: usize = 32;

/// Calls `work` with the numbers below `count`, in order, on `workers` threads, until `work` returns false.
///
/// A network would also split each of its matrix products over all cores. With a photo on every core
/// that only makes them wait for each other (measured on two cores: 153 photos a second instead of 176),
/// so each worker is a thread pool of one thread.
fn for_each_number(workers: usize, count: usize, work: &(dyn Fn(usize) -> bool + Sync)) {
    let next = AtomicUsize::new(0);
    let take = || {
        // Kept to the end of the thread. Without the pool the work is slower, but the same.
        let _alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count || !work(at) {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers.min(count)).map(|_| scope.spawn(take)).collect();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
}

/// Runs `work` on every item, on all cores. Returns the results in the items' order.
pub fn map_on_cores<I: Sync, O: Send>(items: &[I], work: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let mut done = Vec::with_capacity(items.len());
    let Ok(()) = on_cores(items, work, |result| -> Result<(), std::convert::Infallible> {
        done.push(result);
        Ok(())
    });
    done
}

/// Prepares items on all cores, and computes them on a network's device. This thread calls `then` with each
/// result, in the items' order, as soon as it and all earlier ones are there. After an error no more items
/// are started.
///
/// On the CPU, the core that prepared an item also computes it, one at a time. A GPU is fed by this thread
/// alone, with as many items as are ready, up to 32, while the cores prepare further ones: at most twice as
/// many as there are cores.
///
/// # Errors
/// The first error of `compute` or `then`.
pub fn stream<I: Sync, P: Send, O: Send, E: Send>(
    device: &Device,
    items: &[I],
    prepare: impl Fn(&I) -> P + Sync,
    compute: impl Fn(Vec<P>) -> Result<Vec<O>, E> + Sync,
    mut then: impl FnMut(O) -> Result<(), E>,
) -> Result<(), E> {
    if device.is_cpu() {
        let work = |item: &I| compute(vec![prepare(item)]);
        return on_cores(items, work, |done| done?.into_iter().try_for_each(&mut then));
    }
    feed(items, prepare, compute, then)
}

/// Runs `work` on all cores and `then` on this thread.
fn on_cores<I: Sync, O: Send, E: Send>(
    items: &[I],
    work: impl Fn(&I) -> O + Sync,
    mut then: impl FnMut(O) -> Result<(), E>,
) -> Result<(), E> {
    let (workers, (send, receive)) = (rayon::current_num_threads(), channel());
    thread::scope(|scope| {
        let workers = scope.spawn(|| {
            // Sending fails once the receiver is gone: after an error.
            let send = send;
            for_each_number(workers, items.len(), &|at| send.send((at, work(&items[at]))).is_ok());
        });
        let mut queue = ReorderBuffer::default();
        // This line consumes `receive`, so that after an error the workers stop.
        let done = receive.into_iter().try_for_each(|(at, done)| queue.put(at, done, &mut then));
        workers.join().unwrap_or_else(|panic| resume_unwind(panic));
        done
    })
}

/// Prepares items on all cores and computes them on this thread.
fn feed<I: Sync, P: Send, O, E: Send>(
    items: &[I],
    prepare: impl Fn(&I) -> P + Sync,
    compute: impl Fn(Vec<P>) -> Result<Vec<O>, E>,
    mut then: impl FnMut(O) -> Result<(), E>,
) -> Result<(), E> {
    let workers = rayon::current_num_threads();
    let (send, receive) = sync_channel(workers);
    thread::scope(|scope| {
        let workers = scope.spawn(|| {
            let send = send;
            for_each_number(workers, items.len(), &|at| {
                send.send((at, prepare(&items[at]))).is_ok()
            });
        });
        let mut queue = ReorderBuffer::default();
        let done = groups(receive, |numbers, prepared| {
            let results = compute(prepared)?;
            let mut each = numbers.into_iter().zip(results);
            each.try_for_each(|(at, result)| queue.put(at, result, &mut then))
        });
        workers.join().unwrap_or_else(|panic| resume_unwind(panic));
        done
    })
}

/// Calls `then` with whatever has arrived, at most [`GROUP`] items at a time.
fn groups<T, E>(
    receive: Receiver<(usize, T)>,
    mut then: impl FnMut(Vec<usize>, Vec<T>) -> Result<(), E>,
) -> Result<(), E> {
    while let Ok(first) = receive.recv() {
        let more = receive.try_iter().take(GROUP - 1);
        let (numbers, items) = [first].into_iter().chain(more).unzip();
        then(numbers, items)?;
    }
    Ok(())
}

/// Results that wait for earlier ones.
struct ReorderBuffer<O> {
    next: usize,
    waiting: BTreeMap<usize, O>,
}

impl<O> Default for ReorderBuffer<O> {
    fn default() -> Self {
        Self { next: 0, waiting: BTreeMap::new() }
    }
}

impl<O> ReorderBuffer<O> {
    /// Takes a result, and calls `then` with those that are next.
    fn put<E>(
        &mut self,
        at: usize,
        result: O,
        then: &mut impl FnMut(O) -> Result<(), E>,
    ) -> Result<(), E> {
        self.waiting.insert(at, result);
        while let Some(result) = self.waiting.remove(&self.next) {
            self.next += 1;
            then(result)?;
        }
        Ok(())
    }
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

    /// The pipeline of the CPU, and that of a GPU.
    type Stream<'a> = &'a dyn Fn(
        &[usize],
        &(dyn Fn(Vec<usize>) -> Result<Vec<usize>, String> + Sync),
        &mut dyn FnMut(usize) -> Result<(), String>,
    ) -> Result<(), String>;

    fn both(test: impl Fn(Stream, &str)) {
        test(
            &|items, compute, then| {
                stream(&Device::default(), items, |&item| item + 1, compute, then)
            },
            "on the CPU",
        );
        test(&|items, compute, then| feed(items, |&item| item + 1, compute, then), "on a GPU");
    }

    #[test]
    fn results_come_in_order_while_others_are_computed() {
        both(|stream, what| {
            let items: Vec<usize> = (0..500).collect();
            let (mut seen, here) = (Vec::new(), thread::current().id());
            let doubled = |items: Vec<usize>| Ok(items.into_iter().map(|item| item * 2).collect());
            let mut then = |result| {
                assert_eq!(thread::current().id(), here, "{what}");
                seen.push(result);
                Ok(())
            };
            stream(&items, &doubled, &mut then).expect(what);
            assert_eq!(seen, items.iter().map(|item| (item + 1) * 2).collect::<Vec<_>>(), "{what}");
            stream(&[], &doubled, &mut |_| Err("nothing comes of nothing".into())).expect(what);
        });
    }

    #[test]
    fn after_an_error_no_more_items_are_started() {
        both(|stream, what| {
            let items: Vec<usize> = (0..2_000).collect();
            let computed = AtomicUsize::new(0);
            let some = |items: Vec<usize>| {
                // So long that this thread has its turn meanwhile.
                thread::sleep(std::time::Duration::from_millis(1));
                computed.fetch_add(items.len(), Ordering::Relaxed);
                if items.contains(&10) { Err("no tenth".to_owned()) } else { Ok(items) }
            };
            let error = stream(&items, &some, &mut |_| Ok(())).expect_err(what);
            assert_eq!(error, "no tenth", "{what}");
            let error = stream(&items, &|items| Ok(items), &mut |_| Err("full".into()));
            assert_eq!(error.expect_err(what), "full");
            assert!(computed.load(Ordering::Relaxed) < 2_000, "{what}");
        });
    }

    #[test]
    fn a_card_takes_what_is_ready_but_no_more_than_a_group() {
        let (send, receive) = sync_channel(100);
        (0..70).for_each(|number| send.send((number, ())).expect("room"));
        drop(send);
        let mut sizes = Vec::new();
        let noted = groups(receive, |numbers, _| {
            sizes.push(numbers.len());
            Ok::<(), String>(())
        });
        noted.expect("groups");
        assert_eq!(sizes, [32, 32, 6]);
    }

    #[test]
    fn a_panic_of_a_worker_is_passed_on() {
        let panicked = std::panic::catch_unwind(|| {
            map_on_cores(&[1, 2, 3], |&item| assert!(item != 2, "two"));
        });
        let panic = panicked.expect_err("a panic");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"two"));
    }
}
