//! Tests of a lock's statistics.

use super::{settle, spawn};
use crate::lock::{
    AcquireError, LockKind, Mutex, MutexGuard, OwnedPermit, Permit, RwLock, RwLockReadGuard,
    RwLockWriteGuard, Semaphore, TryAcquireError, TryLockError, all_stats,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{advance, timeout};

#[tokio::test(start_paused = true)]
async fn waits_and_holders_are_counted() {
    let lock = Arc::new(Mutex::new("stats: mutex", 0));
    let mut guard = lock.lock().await;
    let line = line!() - 1;
    *guard += 1;
    let (theirs, also) = (Arc::clone(&lock), Arc::clone(&lock));
    let waits =
        [spawn(async move { *theirs.lock().await += 1 }), spawn(async move { *also.lock().await += 1 })];
    settle().await;
    let stats = lock.stats();
    assert_eq!((stats.name, stats.kind, stats.kind.name()), ("stats: mutex", LockKind::Mutex, "mutex"));
    assert_eq!((stats.taken, stats.waiting, stats.wait.count), (1, 2, 0));
    assert_eq!(stats.held_at.iter().map(|location| location.line()).collect::<Vec<_>>(), [line]);
    advance(Duration::from_millis(30)).await;
    drop(guard);
    for wait in waits {
        wait.await.unwrap();
    }
    let stats = lock.stats();
    assert_eq!((stats.taken, stats.waiting, stats.wait.count, stats.hold.count), (3, 0, 2, 2));
    assert_eq!((stats.wait.sum, stats.wait.mean()), (Duration::from_millis(60), Duration::from_millis(30)));
    assert!(stats.held_at.is_empty());
    assert!(all_stats().iter().any(|stats| stats.name == "stats: mutex"));
    assert_eq!(Arc::try_unwrap(lock).unwrap().into_inner(), 3);
}

#[tokio::test(start_paused = true)]
async fn one_holding_in_sixty_four_is_timed() {
    let lock = Mutex::new("stats: sampled", ());
    for _ in 0..128 {
        let _guard = lock.lock().await;
        advance(Duration::from_millis(1)).await;
    }
    let hold = lock.stats().hold;
    assert_eq!((hold.count, hold.mean()), (2, Duration::from_millis(1)));
}

#[tokio::test(start_paused = true)]
async fn a_wait_given_up_leaves_nothing_behind() {
    let lock = RwLock::new("stats: given up", ());
    let guard = lock.write().await;
    timeout(Duration::from_millis(20), lock.read()).await.unwrap_err();
    timeout(Duration::from_millis(20), lock.write()).await.unwrap_err();
    let stats = lock.stats();
    assert_eq!((stats.waiting, stats.wait.count, stats.wait.sum), (0, 2, Duration::from_millis(40)));
    drop(guard);
    assert!(lock.try_write().is_ok());
}

#[tokio::test]
async fn nobody_is_let_in_beside_a_holder() {
    let mutex = Mutex::new("stats: try", ());
    let guard = mutex.try_lock().unwrap();
    assert_eq!(mutex.try_lock().unwrap_err(), TryLockError);
    drop(guard);
    let rwlock = RwLock::new("stats: try", ());
    let reads = (rwlock.try_read().unwrap(), rwlock.read().await);
    assert_eq!(rwlock.stats().held_at.len(), 1, "one slot for two of the same owner");
    assert_eq!(rwlock.try_write().unwrap_err(), TryLockError);
    drop(reads);
    let written = rwlock.write().await;
    assert_eq!(rwlock.try_read().unwrap_err(), TryLockError);
    assert_eq!(rwlock.stats().taken, 1);
    drop(written);
}

#[tokio::test]
async fn permits_come_back_and_a_closed_semaphore_says_so() {
    let semaphore = Semaphore::new("stats: permits", 3);
    let two = semaphore.acquire_many(2).await.unwrap();
    assert_eq!((two.permits(), semaphore.available_permits()), (2, 1));
    assert_eq!(semaphore.try_acquire_many(2).unwrap_err(), TryAcquireError::NoPermits);
    let one = spawn({
        let permit = semaphore.acquire_owned();
        async move { drop(permit.await.unwrap()) }
    });
    one.await.unwrap();
    drop(two);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 4);
    semaphore.close();
    assert!(semaphore.is_closed());
    assert_eq!(semaphore.acquire().await.unwrap_err(), AcquireError);
    assert_eq!(semaphore.acquire_owned().await.unwrap_err(), AcquireError);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert!(semaphore.stats().held_at.is_empty());
}

#[tokio::test]
async fn a_loop_over_a_free_lock_lets_others_run() {
    let lock = Arc::new(Mutex::new("stats: budget", ()));
    let hog = spawn(async move {
        loop {
            drop(lock.lock().await);
        }
    });
    tokio::task::yield_now().await;
    hog.abort();
    assert!(hog.await.unwrap_err().is_cancelled());
}

#[test]
fn locks_and_guards_go_where_tokios_go() {
    fn send_sync<T: Send + Sync>(_: &T) {}
    fn both<T: Send + Sync>() {}
    fn send<T: Send>(_: &T) {}
    both::<Mutex<u8>>();
    both::<RwLock<u8>>();
    both::<Semaphore>();
    both::<MutexGuard<'_, u8>>();
    both::<RwLockReadGuard<'_, u8>>();
    both::<RwLockWriteGuard<'_, u8>>();
    both::<Permit<'_>>();
    both::<OwnedPermit>();
    let (mutex, rwlock, semaphore) = (Mutex::new("", 0), RwLock::new("", 0), Semaphore::new("", 1));
    send(&mutex.lock());
    send(&rwlock.read());
    send(&rwlock.write());
    send(&semaphore.acquire());
    send(&semaphore.acquire_owned());
    send_sync(&mutex);
}
