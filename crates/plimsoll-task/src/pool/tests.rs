//! Pools with real threads. A gate holds a thread for as long as a test wants it held.

use super::*;
use crate::deadline::within;
use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering::Relaxed},
    mpsc::{Receiver, SyncSender, sync_channel},
};
use tokio::task::yield_now;

fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

/// Work that says when it has begun, and ends when it may.
struct Gate {
    begun: Receiver<()>,
    open: SyncSender<()>,
}

fn hold(pool: &Pool) -> (Gate, Task<u32>) {
    let (begins, begun) = sync_channel(1);
    let (open, opens) = sync_channel(1);
    let task = pool.submit(move || {
        begins.send(()).unwrap();
        let _ = opens.recv();
        7
    });
    (Gate { begun, open }, task.unwrap())
}

/// A pool of one thread, which is held.
fn held(name: &'static str, queue: usize) -> (Pool, Gate, Task<u32>) {
    let pool = Pool::cpu(name, one(), queue);
    let (gate, task) = hold(&pool);
    gate.begun.recv().unwrap();
    (pool, gate, task)
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn work_is_done_on_a_thread_of_the_pools_name() {
    let pool = Pool::blocking("pool: name", one(), 4);
    let name = pool.run(|| std::thread::current().name().map(str::to_owned)).await.unwrap();
    assert_eq!(name.as_deref(), Some("pool: name"));
    assert_eq!(pool.shutdown(LONG).await, Shutdown::default());
    let stats = pool.stats();
    assert_eq!((stats.wait.count, stats.run.count, stats.threads, stats.queued), (1, 1, 0, 0));
    assert!(all_stats().iter().any(|stats| stats.name == "pool: name"));
    assert_eq!(pool.run(|| ()).await, Err(PoolError::Closed));
}

#[tokio::test]
async fn a_full_pool_refuses_and_says_how_full_it_is() {
    let (pool, gate, first) = held("pool: full", 1);
    let second = pool.submit(|| 8).unwrap();
    let full = pool.submit(|| ()).unwrap_err();
    assert_eq!(full, PoolError::Full { pool: "pool: full", queued: 1 });
    assert!(full.was_not_begun());
    let stats = pool.stats();
    assert_eq!((stats.running, stats.threads, stats.queued, stats.capacity), (1, 1, 1, 1));
    gate.open.send(()).unwrap();
    assert_eq!((first.await, second.await), (Ok(7), Ok(8)));
    assert_eq!(pool.stats().full, 1);
}

#[tokio::test]
async fn a_pool_without_a_queue_takes_what_a_thread_is_free_for() {
    let (pool, gate, first) = held("pool: no queue", 0);
    assert!(pool.submit(|| ()).is_err());
    gate.open.send(()).unwrap();
    assert_eq!(first.await, Ok(7));
    while pool.stats().running > 0 {
        yield_now().await;
    }
    assert_eq!(pool.run(|| 1).await, Ok(1));
}

#[tokio::test]
async fn one_pool_that_is_full_does_not_hold_up_another() {
    let (_disk, _gate, _held) = held("pool: disk", 0);
    assert_eq!(Pool::cpu("pool: hashing", one(), 0).run(|| 1).await, Ok(1));
}

#[tokio::test]
async fn a_panic_is_the_result_and_the_thread_goes_on() {
    let pool = Pool::cpu("pool: panic", one(), 4);
    let line = line!() + 1;
    let PoolError::Panicked(panicked) = pool.run::<(), _>(|| panic!("no {}", "way")).await.unwrap_err()
    else {
        panic!("not the panic")
    };
    assert_eq!(panicked.message(), "no way");
    assert_eq!(panicked.location().unwrap().line(), line);
    assert!(!PoolError::Panicked(panicked).was_not_begun());
    assert_eq!(pool.run(|| 1).await, Ok(1));
    let stats = pool.stats();
    assert_eq!((stats.panicked, stats.threads), (1, 1));
}

#[tokio::test]
async fn work_whose_task_is_dropped_is_never_begun() {
    let (pool, gate, first) = held("pool: given up", 1);
    let begun = Arc::new(AtomicU32::new(0));
    let count = |begun: &Arc<AtomicU32>| {
        let begun = Arc::clone(begun);
        move || begun.fetch_add(1, Relaxed)
    };
    drop(pool.submit(count(&begun)).unwrap());
    pool.submit(count(&begun)).unwrap().detach();
    gate.open.send(()).unwrap();
    first.await.unwrap();
    pool.shutdown(LONG).await;
    assert_eq!((begun.load(Relaxed), pool.stats().given_up), (1, 1));
    assert_eq!(Arc::strong_count(&begun), 1);
}

#[tokio::test]
async fn late_work_is_not_begun_and_makes_room() {
    let (pool, gate, first) = held("pool: late", 1);
    let pool = Arc::new(pool);
    let deadline = Deadline::after(Duration::from_millis(5));
    let late = deadline.scope(async { pool.submit(|| unreachable!("it is too late")) }).await.unwrap();
    let late: Task<()> = late;
    while !deadline.has_passed() {
        yield_now().await;
    }
    assert_eq!(deadline.scope(pool.run(|| ())).await, Err(PoolError::Late), "late already");
    let second = pool.submit(|| 8).unwrap();
    assert_eq!(late.await, Err(PoolError::Late));
    gate.open.send(()).unwrap();
    assert_eq!((first.await, second.await), (Ok(7), Ok(8)));
    assert_eq!((pool.stats().late, pool.stats().full), (2, 0));
}

#[tokio::test]
async fn late_when_its_turn_comes_it_is_not_begun() {
    let (pool, gate, first) = held("pool: turn", 4);
    let deadline = Deadline::after(Duration::from_millis(5));
    let late: Task<()> =
        deadline.scope(async { pool.submit(|| unreachable!("it is too late")) }).await.unwrap();
    while !deadline.has_passed() {
        yield_now().await;
    }
    gate.open.send(()).unwrap();
    assert_eq!((first.await, late.await), (Ok(7), Err(PoolError::Late)));
}

#[tokio::test]
async fn work_sees_the_deadline_of_who_handed_it_in() {
    let pool = Pool::cpu("pool: deadline", one(), 4);
    let seen = within(LONG, async { (Deadline::current(), pool.run(Deadline::current).await.unwrap()) });
    let (given, seen) = seen.await.unwrap();
    assert_eq!(given, seen);
    assert_eq!(pool.run(Deadline::current).await, Ok(Deadline::NEVER));
}

#[tokio::test]
async fn a_shutdown_ends_at_its_limit_and_says_what_is_left() {
    let (pool, gate, first) = held("pool: limit", 4);
    let waits = pool.submit(|| ()).unwrap();
    let shutdown = pool.shutdown(Duration::ZERO).await;
    assert_eq!(shutdown, Shutdown { never_begun: 1, running: 1 });
    assert_eq!(waits.await, Err(PoolError::Closed));
    gate.open.send(()).unwrap();
    assert_eq!(first.await, Ok(7), "what had begun is done");
    assert_eq!(pool.shutdown(LONG).await, Shutdown::default());
    assert_eq!(pool.stats().dropped, 1);
}

#[tokio::test]
async fn a_pool_that_is_dropped_does_not_begin_what_waits() {
    let (pool, gate, first) = held("pool: dropped", 4);
    let waits = pool.submit(|| ()).unwrap();
    drop(pool);
    assert_eq!(waits.await, Err(PoolError::Closed));
    gate.open.send(()).unwrap();
    assert_eq!(first.await, Ok(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_piece_of_work_is_done_or_given_up_and_never_both() {
    let pool = Pool::blocking("pool: many", NonZeroUsize::new(3).unwrap(), 64);
    let (done, mut kept, mut dropped) = (Arc::new(Mutex::new(Vec::new())), Vec::new(), 0_u64);
    for number in 0..2000_u32 {
        let into = Arc::clone(&done);
        match pool.submit(move || into.lock().unwrap().push(number)) {
            Ok(task) if number % 3 == 0 => drop(task),
            Ok(task) => kept.push((number, task)),
            Err(PoolError::Full { queued, .. }) => {
                assert!(queued >= 64);
                dropped += 1;
                yield_now().await;
            }
            Err(other) => panic!("{other}"),
        }
    }
    for (number, task) in kept {
        assert_eq!(task.await, Ok(()), "{number}");
    }
    assert_eq!(pool.shutdown(LONG).await, Shutdown::default());
    let mut done = done.lock().unwrap().clone();
    let stats = pool.stats();
    assert_eq!(done.len() as u64 + stats.given_up + dropped, 2000);
    assert_eq!((stats.run.count, stats.full), (done.len() as u64, dropped));
    done.sort_unstable();
    assert!(done.windows(2).all(|pair| pair[0] < pair[1]), "none twice");
}
