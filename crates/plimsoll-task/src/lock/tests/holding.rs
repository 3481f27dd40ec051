//! Locks that are held for long.

use super::{LONG, found, lines, settle, spawn};
use crate::{
    lock::{FindingKind, Mutex, RwLock, Semaphore},
    measure::WaitMonitor,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, advance, sleep};

#[tokio::test]
async fn the_watch_tells_who_holds_though_nobody_waits() {
    let lock = RwLock::new("holding: alone", ()).hold_limit(Duration::from_millis(100));
    let mut watch = WaitMonitor::new();
    let (start, name) = (Instant::now(), "holding: alone");
    watch.look(start);
    let guard = lock.read().await;
    let line = line!() - 1;
    watch.look(start + Duration::from_secs(10));
    assert!(found(FindingKind::HeldLong, name).is_empty(), "seen once, it may have been taken just now");
    watch.look(start + Duration::from_millis(10_099));
    assert!(found(FindingKind::HeldLong, name).is_empty());
    for _ in 0..2 {
        watch.look(start + Duration::from_millis(10_100));
    }
    let findings = found(FindingKind::HeldLong, name);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(lines(&findings[0]), [(Some((name, line)), None)]);
    assert_eq!((findings[0].lasted, findings[0].times), (Duration::from_millis(100), 1));
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn statistics_say_for_how_long_it_has_been_held() {
    let lock = Semaphore::new("holding: so far", 2);
    let mut watch = WaitMonitor::new();
    let held_for = || lock.stats().held_for;
    let guard = lock.acquire().await.unwrap();
    advance(Duration::from_secs(1)).await;
    assert_eq!(held_for(), Duration::ZERO, "nobody has seen it");
    watch.look(Instant::now());
    advance(Duration::from_millis(200)).await;
    assert_eq!(held_for(), Duration::from_millis(200));
    watch.look(Instant::now());
    advance(Duration::from_millis(100)).await;
    assert_eq!(held_for(), Duration::from_millis(300));
    drop(guard);
    assert_eq!(held_for(), Duration::ZERO);
    let again = lock.acquire().await.unwrap();
    assert_eq!(held_for(), Duration::ZERO, "another holding");
    drop(again);
}

#[tokio::test]
async fn one_who_takes_it_again_and_again_does_not_hold_it_long() {
    let lock = Mutex::new("holding: again", ());
    let mut watch = WaitMonitor::new();
    for seconds in 0..5 {
        let _guard = lock.lock().await;
        watch.look(Instant::now() + Duration::from_secs(seconds));
    }
    assert!(found(FindingKind::HeldLong, "holding: again").is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_waited_past_the_limit_tells_both_places() {
    let lock = Arc::new(Mutex::new("holding: across an await", ()));
    let theirs = Arc::clone(&lock);
    let holder = spawn(async move {
        let _guard = theirs.lock().await;
        sleep(LONG).await;
    });
    let held = line!() - 3;
    settle().await;
    drop(lock.lock().await);
    let waited = line!() - 1;
    holder.await.unwrap();
    let name = "holding: across an await";
    let findings = found(FindingKind::HeldLong, name);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(lines(&findings[0]), [(Some((name, held)), None), (None, Some((name, waited)))]);
    assert_eq!(findings[0].lasted, LONG);
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_for_many_short_holders_is_not_theirs() {
    let lock = Arc::new(Mutex::new("holding: many", ()));
    let holders: Vec<_> = (0..10)
        .map(|_| {
            let lock = Arc::clone(&lock);
            spawn(async move {
                let _guard = lock.lock().await;
                sleep(Duration::from_millis(400)).await;
            })
        })
        .collect();
    settle().await;
    drop(lock.lock().await);
    for holder in holders {
        holder.await.unwrap();
    }
    assert!(lock.stats().wait.longest >= Duration::from_secs(4));
    assert!(found(FindingKind::HeldLong, "holding: many").is_empty());
}
