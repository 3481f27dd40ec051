//! Tasks that wait for each other, or for themselves.

use super::{LONG, found, lines, settle, spawn};
use crate::{
    lock::{FindingKind, Mutex, RwLock, Semaphore, order},
    measure::WaitMonitor,
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};
use tokio::{sync::Barrier, time::Instant};

#[tokio::test]
async fn a_task_that_waits_for_itself_is_told_with_both_places() {
    let lock = Arc::new(Mutex::new("deadlock: itself", ()));
    let stuck = spawn(async move {
        let _first = lock.lock().await;
        let _second = lock.lock().await;
    });
    let (first, second) = (line!() - 3, line!() - 2);
    settle().await;
    let findings = found(FindingKind::OnItself, "deadlock: itself");
    assert_eq!(findings.len(), 1, "{findings:?}");
    let name = "deadlock: itself";
    assert_eq!(lines(&findings[0]), [(Some((name, first)), Some((name, second)))]);
    assert!(findings[0].tasks[0].holds.unwrap().location.file().ends_with("deadlock.rs"));
    assert!(!findings[0].certain, "a moment is not enough");

    let mut watch = WaitMonitor::new();
    watch.look(Instant::now());
    assert_eq!(found(FindingKind::OnItself, name).len(), 1);
    watch.look(Instant::now() + LONG);
    let findings = found(FindingKind::OnItself, name);
    assert!(findings.len() == 2 && findings[1].certain, "{findings:?}");
    assert!(findings[1].to_string().starts_with("waits for itself: task "), "{}", findings[1]);
    stuck.abort();
}

#[tokio::test]
async fn two_tasks_that_wait_for_each_other_are_told_with_all_four_places() {
    let (left, right) =
        (Arc::new(Mutex::new("deadlock: left", ())), Arc::new(Mutex::new("deadlock: right", ())));
    let both = Arc::new(Barrier::new(2));
    let (l, r, b) = (Arc::clone(&left), Arc::clone(&right), Arc::clone(&both));
    let one = spawn(async move {
        let _left = l.lock().await;
        b.wait().await;
        let _right = r.lock().await;
    });
    let (one_holds, one_wants) = (line!() - 4, line!() - 2);
    let (l, r, b) = (Arc::clone(&left), Arc::clone(&right), Arc::clone(&both));
    let other = spawn(async move {
        let _right = r.lock().await;
        b.wait().await;
        let _left = l.lock().await;
    });
    let (other_holds, other_wants) = (line!() - 4, line!() - 2);
    settle().await;
    let findings = found(FindingKind::Cycle, "deadlock: left");
    assert_eq!(findings.len(), 1, "{findings:?}");
    let mut steps = lines(&findings[0]);
    steps.sort_unstable();
    let step = |held, held_at, wanted, wanted_at| (Some((held, held_at)), Some((wanted, wanted_at)));
    assert_eq!(
        steps,
        [
            step("deadlock: left", one_holds, "deadlock: right", one_wants),
            step("deadlock: right", other_holds, "deadlock: left", other_wants),
        ]
    );
    assert_eq!(left.stats().waiting, 1);

    WaitMonitor::new().look(Instant::now() + LONG);
    let findings = found(FindingKind::Cycle, "deadlock: left");
    assert!(findings.len() == 2 && findings[1].certain, "{findings:?}");
    one.abort();
    other.await.unwrap();
    assert_eq!((left.stats().waiting, right.stats().waiting), (0, 0));
}

#[tokio::test]
async fn three_tasks_in_a_circle_through_three_kinds_of_lock() {
    let mutex = Arc::new(Mutex::new("circle: mutex", ()));
    let rwlock = Arc::new(RwLock::new("circle: rwlock", ()));
    let semaphore = Arc::new(Semaphore::new("circle: semaphore", 1));
    let all = Arc::new(Barrier::new(3));
    let (m, r, a) = (Arc::clone(&mutex), Arc::clone(&rwlock), Arc::clone(&all));
    let first = spawn(async move {
        let _held = m.lock().await;
        a.wait().await;
        drop(r.write().await);
    });
    let (r, s, a) = (Arc::clone(&rwlock), Arc::clone(&semaphore), Arc::clone(&all));
    let second = spawn(async move {
        let _held = r.read().await;
        a.wait().await;
        drop(s.acquire().await);
    });
    let (m, s, a) = (mutex, semaphore, all);
    let third = spawn(async move {
        let _held = s.acquire().await;
        a.wait().await;
        drop(m.lock().await);
    });
    settle().await;
    let findings = found(FindingKind::Cycle, "circle: mutex");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].tasks.len(), 3);
    for task in [first, second, third] {
        task.abort();
    }
}

#[tokio::test]
async fn a_reader_that_reads_again_behind_a_writer_waits_for_itself() {
    let lock = Arc::new(RwLock::new("deadlock: reads twice", ()));
    let (theirs, both) = (Arc::clone(&lock), Arc::new(Barrier::new(2)));
    let go = Arc::clone(&both);
    let reader = spawn(async move {
        let _first = theirs.read().await;
        go.wait().await;
        tokio::task::yield_now().await;
        let _second = theirs.read().await;
    });
    let (first, second) = (line!() - 5, line!() - 2);
    let writer = spawn(async move {
        both.wait().await;
        drop(lock.write().await);
    });
    settle().await;
    let name = "deadlock: reads twice";
    let findings = found(FindingKind::OnItself, name);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(lines(&findings[0]), [(Some((name, first)), Some((name, second)))]);
    reader.abort();
    writer.await.unwrap();
}

#[tokio::test]
async fn two_futures_of_one_task_are_suspected_and_cleared() {
    let lock = Mutex::new("deadlock: joined", ());
    let holds = async {
        let _guard = lock.lock().await;
        settle().await;
    };
    let waits = async { drop(lock.lock().await) };
    tokio::join!(holds, waits);
    WaitMonitor::new().look(Instant::now() + LONG);
    let findings = found(FindingKind::OnItself, "deadlock: joined");
    assert!(findings.len() == 1 && !findings[0].certain, "{findings:?}");
}

#[tokio::test]
async fn a_semaphore_of_several_permits_is_no_deadlock() {
    let semaphore = Arc::new(Semaphore::new("deadlock: several", 2));
    let (theirs, other) = (Arc::clone(&semaphore), semaphore.try_acquire().unwrap());
    let waits = spawn(async move {
        let _one = theirs.acquire().await;
        let _another = theirs.acquire().await;
    });
    settle().await;
    assert_eq!(semaphore.stats().waiting, 1);
    drop(other);
    waits.await.unwrap();
    assert!(found(FindingKind::OnItself, "deadlock: several").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_keep_an_order_are_never_suspected() {
    let locks: Arc<[Mutex<u32>; 3]> = Arc::new(["a", "b", "c"].map(|_| Mutex::new("deadlock: in order", 0)));
    let tasks: Vec<_> = (0..8_usize)
        .map(|task| {
            let locks = Arc::clone(&locks);
            spawn(async move {
                for round in 0..200 {
                    let first = (task + round) % 3;
                    let mut one = locks[first].lock().await;
                    if first < 2 {
                        *locks[first + 1].lock().await += 1;
                        tokio::task::yield_now().await;
                    }
                    *one += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(found(FindingKind::Cycle, "deadlock: in order").is_empty());
    assert!(found(FindingKind::OnItself, "deadlock: in order").is_empty());
}

#[tokio::test]
async fn both_orders_are_told_though_nobody_waited() {
    let calls = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&calls);
    crate::lock::on_finding(move |finding| {
        let here = finding.tasks[0].holds.is_some_and(|site| site.lock == "order: stock");
        if finding.kind == FindingKind::Order && here {
            counts.fetch_add(1, Relaxed);
        }
    });
    order::watch(true);
    let (cash, stock) = (Mutex::new("order: cash", ()), Mutex::new("order: stock", ()));
    for _ in 0..3 {
        let held = cash.lock().await;
        drop(stock.lock().await);
        drop(held);
    }
    let (held_first, taken_first) = (line!() - 4, line!() - 3);
    assert!(found(FindingKind::Order, "order: cash").is_empty());
    for _ in 0..3 {
        let held = stock.lock().await;
        drop(cash.lock().await);
        drop(held);
    }
    let (held_then, taken_then) = (line!() - 4, line!() - 3);
    order::watch(false);
    let findings = found(FindingKind::Order, "order: cash");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(
        lines(&findings[0]),
        [
            (Some(("order: stock", held_then)), Some(("order: cash", taken_then))),
            (Some(("order: cash", held_first)), Some(("order: stock", taken_first))),
        ]
    );
    assert_eq!(calls.load(Relaxed), 1);
    assert_eq!((cash.stats().wait.count, stock.stats().wait.count), (0, 0));
}
