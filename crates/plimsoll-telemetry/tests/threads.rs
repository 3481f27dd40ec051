//! Owners, sharers and scrapers together: nothing is lost, nothing goes back.
#![cfg(not(loom))]

use plimsoll_telemetry::{Buckets, Desc, Registry, shard};
use proptest::prelude::*;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

#[test]
fn nothing_is_lost_and_nothing_goes_back() {
    const EACH: u64 = 50_000;
    // Fewer rows than owners, so that some owners must share, and threads that own nothing.
    let registry = Registry::builder().shards(2).build();
    let counter = registry.counter(Desc::new("a_total", "help")).unwrap();
    let sizes = registry.histogram(Desc::new("h", "help"), &Buckets::bytes()).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let (mut count, mut values) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                let (now, seen) = (counter.get(), sizes.snapshot().count());
                assert!(now >= count && seen >= values);
                (count, values) = (now, seen);
            }
        });
        // Several generations: later ones take over the shards of earlier ones.
        for generation in 0..4 {
            thread::scope(|scope| {
                for nth in 0..5 {
                    let (counter, sizes) = (counter.clone(), sizes.clone());
                    scope.spawn(move || {
                        if nth != 0 {
                            shard::own();
                        }
                        for i in 0..EACH {
                            counter.inc();
                            sizes.record(i + generation);
                        }
                    });
                }
            });
        }
        stop.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
    assert_eq!(counter.get(), 20 * EACH);
    assert_eq!(sizes.snapshot().count(), 20 * EACH);
    let sum = 5 * (4 * (EACH * (EACH - 1) / 2) + (1 + 2 + 3) * EACH);
    assert_eq!(sizes.snapshot().sum(), sum);
}

#[test]
fn metrics_touched_while_a_thread_ends_still_count() {
    struct AtTheEnd(plimsoll_telemetry::Counter);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            self.0.inc();
        }
    }
    thread_local! {
        static EARLY: std::cell::RefCell<Option<AtTheEnd>> = const { std::cell::RefCell::new(None) };
    }
    let registry = Registry::builder().shards(64).build();
    let counter = registry.counter(Desc::new("a_total", "help")).unwrap();
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let counter = counter.clone();
            thread::spawn(move || {
                EARLY.with_borrow_mut(|slot| *slot = Some(AtTheEnd(counter.clone())));
                shard::own();
                counter.inc();
            })
        })
        .collect();
    // Unlike the end of a scope, joining also waits for the destructors of thread-locals.
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(counter.get(), 32);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_sum_over_shards_is_what_all_threads_added(
        adds in prop::collection::vec(prop::collection::vec(0_u64..1000, 0..50), 1..6),
        shards in 0_usize..5,
    ) {
        let registry = Registry::builder().shards(shards).build();
        let counter = registry.counter(Desc::new("a_total", "help")).unwrap();
        let level = registry.up_down(Desc::new("b", "help")).unwrap();
        let workers: Vec<_> = adds.iter().cloned().enumerate().map(|(nth, adds)| {
            let (counter, level) = (counter.clone(), level.clone());
            thread::spawn(move || {
                if nth % 3 != 2 {
                    shard::own();
                }
                for n in adds {
                    counter.add(n);
                    level.add(if n % 2 == 0 { n.cast_signed() } else { -n.cast_signed() });
                }
            })
        }).collect();
        for worker in workers {
            worker.join().unwrap();
        }
        prop_assert_eq!(counter.get(), adds.iter().flatten().sum::<u64>());
        let signed = adds.iter().flatten().map(|n| if n % 2 == 0 { n.cast_signed() } else { -n.cast_signed() });
        prop_assert_eq!(level.get(), signed.sum::<i64>());
    }
}
