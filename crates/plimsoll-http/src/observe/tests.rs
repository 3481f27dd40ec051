//! Real registries, rendered.

use super::{supervisor, tasks, watch};
use crate::observe::watch::LOOKS;
use plimsoll_task::{
    PanicError,
    lock::{Mutex, RwLock, Semaphore},
    measure::WaitMonitor,
    panic::catch,
    pool::{Pool, PoolError},
    queue,
    supervise::{Restart, Supervised, Supervisor},
};
use plimsoll_telemetry::{Format, Registry};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};
use tokio::time::{Instant, advance, sleep};

/// A series's value, to the nanosecond: without the noise of a sum of floats.
fn value(page: &str, series: &str) -> Option<f64> {
    let mut lines = page.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value: f64 = lines.next()?.parse().unwrap();
    Some((value * 1e9).round() / 1e9)
}

fn assert_shows<const N: usize>(registry: &Registry, all: [(&str, f64); N]) {
    let page = registry.render(Format::Prometheus);
    for (series, expected) in all {
        assert_eq!(value(&page, series), Some(expected), "{series} in\n{page}");
    }
}

fn observed() -> Registry {
    let registry = Registry::new();
    tasks(&registry).unwrap().keep();
    registry
}

#[tokio::test(start_paused = true)]
async fn locks_show_who_waits_who_holds_and_for_how_long() {
    let registry = observed();
    let lock = Arc::new(Mutex::new("observe: orders", ()));
    let guard = lock.lock().await;
    WaitMonitor::new().look(Instant::now());
    let theirs = Arc::clone(&lock);
    let waiter = tokio::spawn(async move { drop(theirs.lock().await) });
    sleep(Duration::from_millis(1)).await;
    advance(Duration::from_millis(299)).await;
    let of = |name: &str| format!("plimsoll_lock_{name}{{lock=\"observe: orders\",kind=\"mutex\"}}");
    assert_shows(
        &registry,
        [
            (&of("taken_total"), 1.0),
            (&of("waiting"), 1.0),
            (&of("holders"), 1.0),
            (&of("held_seconds"), 0.3),
            (&of("waits_total"), 0.0),
        ],
    );
    drop(guard);
    waiter.await.unwrap();
    assert_shows(
        &registry,
        [
            (&of("taken_total"), 2.0),
            (&of("waiting"), 0.0),
            (&of("holders"), 0.0),
            (&of("held_seconds"), 0.0),
            (&of("waits_total"), 1.0),
            (&of("wait_seconds_total"), 0.3),
            (&of("timed_holds_total"), 1.0),
            (&of("timed_hold_seconds_total"), 0.0),
        ],
    );
}

#[tokio::test]
async fn those_of_one_name_are_one_and_leave_their_counts() {
    let registry = observed();
    let pair = [RwLock::new("observe: pair", ()), RwLock::new("observe: pair", ())];
    for lock in &pair {
        drop(lock.write().await);
    }
    let series = "plimsoll_lock_taken_total{lock=\"observe: pair\",kind=\"rwlock\"}";
    assert_shows(&registry, [(series, 2.0)]);
    let [one, other] = pair;
    drop(one);
    assert_shows(&registry, [(series, 2.0)]);
    drop(other.write().await);
    assert_shows(&registry, [(series, 3.0)]);
}

#[tokio::test(start_paused = true)]
async fn queues_show_depth_age_and_refusals() {
    let registry = observed();
    let (sender, mut receiver) = queue::bounded("observe: mails", 2);
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    assert!(sender.try_send(3).is_err());
    WaitMonitor::new().look(Instant::now());
    advance(Duration::from_secs(2)).await;
    let of = |name: &str| format!("plimsoll_queue_{name}{{queue=\"observe: mails\"}}");
    assert_shows(
        &registry,
        [
            (&of("depth"), 2.0),
            (&of("capacity"), 2.0),
            (&of("oldest_seconds"), 2.0),
            (&of("waiting"), 0.0),
            (&of("sent_total"), 2.0),
            (&of("full_total"), 1.0),
            (&of("refused_total"), 1.0),
        ],
    );
    receiver.recv().await.unwrap();
    drop(receiver);
    assert_shows(
        &registry,
        [
            (&of("depth"), 0.0),
            (&of("received_total"), 1.0),
            (&of("lost_total"), 1.0),
            (&of("waits_total"), 0.0),
        ],
    );
}

#[tokio::test]
async fn pools_show_work_done_refused_and_panicked() {
    let registry = observed();
    let pool = Pool::blocking("observe: resize", NonZeroUsize::MIN, 1);
    pool.run(|| ()).await.unwrap();
    let fell: Result<(), PoolError> = pool.run(|| panic!("a bad picture")).await;
    assert!(fell.is_err());
    let (go, stop) = std::sync::mpsc::sync_channel::<()>(0);
    let (began, begins) = tokio::sync::oneshot::channel();
    let busy = pool
        .submit(move || {
            let _ = began.send(());
            let _ = stop.recv();
        })
        .unwrap();
    begins.await.unwrap();
    let queued = pool.submit(|| ()).unwrap();
    pool.submit(|| ()).unwrap_err();
    let of = |name: &str| format!("plimsoll_pool_{name}{{pool=\"observe: resize\"}}");
    assert_shows(
        &registry,
        [
            (&of("threads"), 1.0),
            (&of("threads_limit"), 1.0),
            (&of("running"), 1.0),
            (&of("queued"), 1.0),
            (&of("capacity"), 1.0),
            (&of("refused_total"), 1.0),
            (&of("panics_total"), 1.0),
            (&of("waits_total"), 3.0),
        ],
    );
    drop(go);
    busy.await.unwrap();
    queued.await.unwrap();
    assert_shows(&registry, [(&of("refused_total"), 1.0), (&of("waits_total"), 4.0)]);
}

#[tokio::test]
async fn findings_are_shown_by_kind_and_panics_are_counted() {
    let registry = observed();
    let certain = "plimsoll_lock_findings{kind=\"held-long\",certain=\"true\"}";
    let guessed = "plimsoll_lock_findings{kind=\"order\",certain=\"false\"}";
    let page = registry.render(Format::Prometheus);
    let before = value(&page, certain).unwrap();
    assert_eq!(value(&page, guessed), Some(0.0));
    assert!(value(&page, "plimsoll_lock_findings_unseen_total").is_some());
    let panics = value(&page, "plimsoll_process_panics_total").unwrap();
    let fell: Result<(), PanicError> = catch(async { panic!("once") }).await;
    assert!(fell.is_err());

    let lock = Semaphore::new("observe: long", 1).hold_limit(Duration::from_secs(1));
    let guard = lock.acquire().await.unwrap();
    let (mut watch, start) = (WaitMonitor::new(), Instant::now());
    watch.look(start);
    watch.look(start + Duration::from_secs(2));
    drop(guard);
    let page = registry.render(Format::Prometheus);
    // Others of this process may find and panic meanwhile.
    assert!(value(&page, certain).unwrap() > before, "{page}");
    assert!(value(&page, "plimsoll_process_panics_total").unwrap() > panics);
}

#[tokio::test(start_paused = true)]
async fn supervised_tasks_show_their_restarts() {
    let registry = Registry::new();
    let often = std::sync::atomic::AtomicU32::new(0);
    let mail = Supervised::new("mail", move |stop| {
        let time = often.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move {
            match time {
                0 => Err(std::io::Error::other("no route")),
                1 => panic!("a bad letter"),
                _ => {
                    stop.cancelled().await;
                    Ok(())
                }
            }
        }
    });
    let post = Supervisor::new("post").with(mail.restart(Restart::new()));
    let other = Supervisor::new("other").child("idle", |stop| async move { stop.cancelled().await });
    let guards =
        [supervisor(&registry, &post.stats()).unwrap(), supervisor(&registry, &other.stats()).unwrap()];
    assert_shows(&registry, [("plimsoll_task_restarts_total{task=\"mail\"}", 0.0)]);
    let (stats, token) = (post.stats(), post.token().clone());
    let running = tokio::spawn(post.run());
    while stats.snapshot()[0].restarts < 2 {
        sleep(Duration::from_secs(1)).await;
    }
    tokio::task::yield_now().await;
    assert_shows(
        &registry,
        [
            ("plimsoll_task_restarts_total{task=\"mail\"}", 2.0),
            ("plimsoll_task_restarts_total{task=\"idle\"}", 0.0),
            ("plimsoll_task_failures_total{task=\"mail\",by=\"error\"}", 1.0),
            ("plimsoll_task_failures_total{task=\"mail\",by=\"panic\"}", 1.0),
            ("plimsoll_task_running{task=\"mail\"}", 1.0),
            ("plimsoll_task_running{task=\"idle\"}", 0.0),
        ],
    );
    token.cancel();
    running.await.unwrap().unwrap();
    assert_shows(&registry, [("plimsoll_task_running{task=\"mail\"}", 0.0)]);
    drop(guards);
    assert!(!registry.render(Format::Prometheus).contains("task=\"mail\""));
}

#[tokio::test]
async fn registered_twice_they_are_shown_once() {
    let registry = observed();
    let again = tasks(&registry).unwrap();
    let lock = Mutex::new("observe: twice", ());
    drop(lock.lock().await);
    let series = "plimsoll_lock_taken_total{lock=\"observe: twice\",kind=\"mutex\"}";
    assert_shows(
        &registry,
        [(series, 1.0), ("plimsoll_lock_holders{lock=\"observe: twice\",kind=\"mutex\"}", 0.0)],
    );
    drop(again);
    assert_shows(&registry, [(series, 1.0)]);
}

#[tokio::test(start_paused = true)]
async fn of_two_watches_one_looks_and_the_other_takes_over() {
    let lock = Mutex::new("observe: watched", ());
    let _guard = lock.lock().await;
    let (first, second) = (tokio::spawn(watch()), tokio::spawn(watch()));
    sleep(LOOKS * 4).await;
    assert!(lock.stats().held_for >= LOOKS * 3);
    first.abort();
    let _ = first.await;
    let before = lock.stats().held_for;
    sleep(LOOKS * 4).await;
    assert_eq!(lock.stats().held_for, before + LOOKS * 4, "what the first has seen is known");
    let next = Mutex::new("observe: watched later", ());
    let _also = next.lock().await;
    sleep(LOOKS * 4).await;
    assert!(next.stats().held_for >= LOOKS * 3, "the second looks");
    second.abort();
}
