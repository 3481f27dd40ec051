//! Workers: who gets what, and what becomes of it when they go.

use super::seconds;
use crate::queue::{WorkerPool, bounded};
use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};
use tokio::{sync::Semaphore, task::yield_now, time::sleep};

fn pool(name: &'static str, workers: usize) -> WorkerPool {
    WorkerPool::new(name, NonZeroUsize::new(workers).unwrap())
}

#[tokio::test(start_paused = true)]
async fn each_item_is_handled_once_by_whoever_is_free() {
    let (sender, receiver) = bounded("pool: once", 4);
    let (pool, seen) = (pool("pool: once", 3), Arc::new(Mutex::new(Vec::new())));
    let into = Arc::clone(&seen);
    let running = tokio::spawn(pool.clone().run(receiver, move |item: u64| {
        let into = Arc::clone(&into);
        async move {
            sleep(seconds(item % 7)).await;
            into.lock().unwrap().push(item);
        }
    }));
    for item in 0..100 {
        sender.send(item).await.unwrap();
    }
    drop(sender);
    running.await.unwrap();
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.sort_unstable();
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
    let stats = pool.stats();
    assert_eq!(stats.iter().map(|worker| worker.run.count).sum::<u64>(), 100);
    assert!(stats.iter().all(|worker| worker.run.count > 10 && !worker.busy), "{stats:?}");
}

#[tokio::test]
async fn while_all_are_busy_the_queue_fills_and_no_item_is_taken() {
    let (sender, receiver) = bounded("pool: busy", 2);
    let (pool, go) = (pool("pool: busy", 2), Arc::new(Semaphore::new(0)));
    let gate = Arc::clone(&go);
    let running = tokio::spawn(pool.clone().run(receiver, move |_: u32| {
        let gate = Arc::clone(&gate);
        async move { gate.acquire().await.unwrap().forget() }
    }));
    for item in 0..4 {
        sender.send(item).await.unwrap();
    }
    for _ in 0..16 {
        yield_now().await;
    }
    assert!(sender.try_send(4).is_err());
    let stats = sender.stats();
    assert_eq!((stats.taken, stats.depth), (2, 2));
    assert!(pool.stats().iter().all(|worker| worker.busy));
    go.add_permits(4);
    pool.stop();
    running.await.unwrap();
    assert_eq!(sender.stats().taken, 4, "stopped, it still works off what is there");
    assert!(sender.is_closed());
}

#[tokio::test]
async fn a_key_keeps_its_order() {
    let (sender, receiver) = bounded("pool: keys", 4);
    let seen = Arc::new(Mutex::new(HashMap::<u32, Vec<u32>>::new()));
    let into = Arc::clone(&seen);
    let handler = move |(key, item): (u32, u32)| {
        let into = Arc::clone(&into);
        async move {
            for _ in 0..(key * item) % 5 {
                yield_now().await;
            }
            into.lock().unwrap().entry(key).or_default().push(item);
        }
    };
    let pool = pool("pool: keys", 3);
    let running = tokio::spawn(pool.clone().run_keyed(receiver, 2, |(key, _)| *key, handler));
    for item in 0..50 {
        for key in 0..5 {
            sender.send((key, item)).await.unwrap();
        }
    }
    pool.stop();
    running.await.unwrap();
    for (key, items) in seen.lock().unwrap().iter() {
        assert_eq!(*items, (0..50).collect::<Vec<_>>(), "key {key}");
    }
}

#[tokio::test]
async fn a_panic_costs_one_item_and_no_worker() {
    let (sender, receiver) = bounded("pool: panic", 8);
    let (pool, done) = (pool("pool: panic", 1), Arc::new(Mutex::new(Vec::new())));
    let into = Arc::clone(&done);
    let running = tokio::spawn(pool.clone().run(receiver, move |item: u32| {
        let into = Arc::clone(&into);
        async move {
            assert_ne!(item, 1, "no such item");
            into.lock().unwrap().push(item);
        }
    }));
    for item in 0..3 {
        sender.send(item).await.unwrap();
    }
    drop(sender);
    running.await.unwrap();
    assert_eq!(*done.lock().unwrap(), [0, 2]);
    assert_eq!((pool.stats()[0].panicked, pool.stats()[0].run.count), (1, 3));
}

#[tokio::test]
async fn a_panic_before_there_is_a_future_costs_one_item_and_no_worker() {
    for keyed in [false, true] {
        let (sender, receiver) = bounded("pool: early", 8);
        let (pool, done) = (pool("pool: early", 1), Arc::new(Mutex::new(Vec::new())));
        let into = Arc::clone(&done);
        // No `async` around it: this runs when the future is made.
        let handler = move |item: u32| {
            assert_ne!(item, 1, "no such item");
            into.lock().unwrap().push(item);
            std::future::ready(())
        };
        for item in 0..4 {
            sender.send(item).await.unwrap();
        }
        drop(sender);
        if keyed {
            pool.clone().run_keyed(receiver, 4, |item| *item, handler).await;
        } else {
            pool.clone().run(receiver, handler).await;
        }
        assert_eq!(*done.lock().unwrap(), [0, 2, 3], "keyed: {keyed}");
        assert_eq!((pool.stats()[0].panicked, pool.stats()[0].run.count), (1, 4));
        assert_eq!(pool.lost(), 0);
    }
}

#[tokio::test]
async fn a_panic_in_the_key_costs_one_item_and_no_other() {
    /// Hashing is the key's own code, too.
    struct Key(u32);
    impl std::hash::Hash for Key {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            assert_ne!(self.0, 2, "no such hash");
            self.0.hash(state);
        }
    }
    let (sender, receiver) = bounded("pool: key", 8);
    let (pool, done) = (pool("pool: key", 2), Arc::new(Mutex::new(Vec::new())));
    let into = Arc::clone(&done);
    let handler = move |item: u32| {
        into.lock().unwrap().push(item);
        std::future::ready(())
    };
    for item in 0..5 {
        sender.send(item).await.unwrap();
    }
    drop(sender);
    let key = |item: &u32| {
        assert_ne!(*item, 1, "no such key");
        Key(*item)
    };
    pool.clone().run_keyed(receiver, 4, key, handler).await;
    let mut done = done.lock().unwrap().clone();
    done.sort_unstable();
    assert_eq!((done, pool.lost()), (vec![0, 3, 4], 2));
}

#[tokio::test]
async fn every_item_is_counted_when_a_worker_pool_is_dropped() {
    let (sender, receiver) = bounded("pool: counted", 8);
    let pool = pool("pool: counted", 1);
    let running =
        tokio::spawn(pool.clone().run_keyed(receiver, 1, |_| 0, |_: u32| std::future::pending::<()>()));
    // One is worked on, one is in the lane, one waits for the lane, and two are still in the queue.
    for item in 0..5 {
        sender.send(item).await.unwrap();
    }
    for _ in 0..32 {
        yield_now().await;
    }
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    sender.closed().await;
    for _ in 0..32 {
        yield_now().await;
    }
    let stats = pool.stats()[0];
    assert_eq!((stats.cancelled, stats.run.count, stats.busy), (1, 1, false));
    assert_eq!((pool.lost(), sender.stats().lost), (1, 2));
}

#[tokio::test]
async fn a_worker_pool_that_is_dropped_ends_with_its_workers() {
    let (sender, receiver) = bounded("pool: dropped", 8);
    let (pool, alive) = (pool("pool: dropped", 2), Arc::new(()));
    let held = Arc::clone(&alive);
    let running = tokio::spawn(pool.run(receiver, move |_: u32| {
        let held = Arc::clone(&held);
        async move {
            std::future::pending::<()>().await;
            drop(held);
        }
    }));
    for item in 0..5 {
        sender.send(item).await.unwrap();
    }
    yield_now().await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    sender.closed().await;
    assert_eq!(Arc::strong_count(&alive), 1);
    let stats = sender.stats();
    assert_eq!(stats.taken + stats.lost, 5);
}
