//! Queues and worker pools, by hand and against a model.

mod model;
mod worker_pool;

use super::{
    QueueClosedError, Receiver, SendBeforeError, SendError, Sender, TryRecvError, TrySendError, all_stats,
    bounded,
};
use crate::{deadline::Deadline, measure::WaitMonitor};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::{
    task::yield_now,
    time::{Instant, advance, timeout},
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn first_in_is_first_out_and_counted() {
    let (sender, mut receiver) = bounded("queue: order", 3);
    for item in 0..3 {
        sender.send(item).await.unwrap();
    }
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(sender.try_send(3).unwrap_err().into_inner(), 3);
    assert_eq!((receiver.len(), receiver.is_empty()), (3, false));
    let mut items = vec![9];
    assert_eq!(receiver.recv_many(&mut items, 2).await, 2);
    assert_eq!(items, [9, 0, 1]);
    assert_eq!(receiver.recv_many(&mut items, 0).await, 0);
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Err(TryRecvError::Empty)));
    let stats = receiver.stats();
    assert_eq!((stats.sent, stats.taken, stats.depth, stats.capacity), (3, 3, 0, 3));
    assert_eq!((stats.full, stats.refused, stats.lost, stats.waiting), (2, 2, 0, 0));
    assert!(all_stats().iter().any(|stats| stats.name == "queue: order"));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_is_timed_and_one_that_does_not_is_not() {
    let (sender, mut receiver) = bounded("queue: waits", 1);
    sender.send(1).await.unwrap();
    assert_eq!(sender.stats().send_wait.count, 0);
    let late = sender.send_before(2, Deadline::after(seconds(2))).await.unwrap_err();
    assert_eq!(late, SendBeforeError::Late(2));
    let (more, waits) = (sender.clone(), sender.clone());
    let waits = tokio::spawn(async move { waits.send_before(3, Deadline::NEVER).await });
    let gives_up = timeout(seconds(1), more.send(4));
    assert!(gives_up.await.is_err());
    assert_eq!(sender.stats().waiting, 1);
    assert_eq!(receiver.recv().await, Some(1));
    waits.await.unwrap().unwrap();
    assert_eq!(receiver.recv().await, Some(3));
    let stats = sender.stats();
    assert_eq!((stats.send_wait.count, stats.send_wait.sum), (3, seconds(4)));
    assert_eq!((stats.send_wait.longest, stats.refused, stats.waiting), (seconds(2), 1, 0));
}

#[tokio::test]
async fn a_deadline_that_has_passed_still_takes_a_free_place() {
    let (sender, _receiver) = bounded("queue: passed", 1);
    let passed = Deadline::at(Instant::now());
    sender.send_before(1, passed).await.unwrap();
    assert_eq!(sender.send_before(2, passed).await, Err(SendBeforeError::Late(2)));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_item_ages_by_the_looks_of_the_watch() {
    let (sender, mut receiver) = bounded("queue: age", 8);
    let mut watch = WaitMonitor::new();
    sender.send(1).await.unwrap();
    assert_eq!(sender.stats().oldest, Duration::ZERO);
    for _ in 0..3 {
        advance(seconds(1)).await;
        watch.look(Instant::now());
        sender.send(2).await.unwrap();
    }
    assert_eq!(sender.stats().oldest, seconds(3));
    receiver.recv().await.unwrap();
    // The second came after the first look, and was there at the next.
    assert_eq!(sender.stats().oldest, seconds(1));
    while receiver.try_recv().is_ok() {}
    assert_eq!(sender.stats().oldest, Duration::ZERO);
    assert_eq!(sender.stats().item_wait.count, 1, "the first of sixteen carried a stamp");
    assert_eq!(sender.stats().item_wait.sum, seconds(3));
}

#[tokio::test]
async fn a_reserved_place_is_kept_or_given_back() {
    let (sender, mut receiver) = bounded("queue: places", 1);
    let place = sender.reserve().await.unwrap();
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    assert!(matches!(sender.try_reserve(), Err(TrySendError::Full(()))));
    drop(place);
    let place = sender.try_reserve().unwrap();
    receiver.close();
    place.send(2);
    assert_eq!((receiver.recv().await, receiver.recv().await), (Some(2), None));
    assert!(matches!(sender.reserve().await, Err(QueueClosedError)));
    assert!(matches!(sender.try_reserve(), Err(TrySendError::Closed(()))));
}

#[tokio::test]
async fn a_closed_queue_gives_the_item_back() {
    let (sender, mut receiver) = bounded("queue: closed", 2);
    sender.send(1).await.unwrap();
    receiver.close();
    assert!(sender.is_closed());
    assert_eq!(sender.send(2).await, Err(SendError(2)));
    assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(sender.send_before(4, Deadline::NEVER).await.unwrap_err().into_inner(), 4);
    assert_eq!((receiver.next().await, receiver.next().await), (Some(1), None));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[tokio::test]
async fn what_is_left_when_the_receiver_goes_is_counted_as_lost() {
    let (sender, receiver) = bounded("queue: lost", 4);
    for item in 0..3 {
        sender.send(item).await.unwrap();
    }
    drop(receiver);
    sender.closed().await;
    let stats = sender.stats();
    assert_eq!((stats.sent, stats.taken, stats.lost, stats.depth), (3, 0, 3, 0));
}

#[tokio::test]
async fn a_loop_over_an_open_queue_lets_others_run() {
    let (sender, mut receiver) = bounded("queue: budget", 1);
    let hog = tokio::spawn(async move {
        loop {
            sender.send(()).await.unwrap();
            receiver.recv().await.unwrap();
        }
    });
    yield_now().await;
    hog.abort();
    assert!(hog.await.unwrap_err().is_cancelled());
}

#[test]
fn both_ends_go_where_tokios_go() {
    fn both<T: Send + Sync>() {}
    fn send<T: Send>(_: &T) {}
    both::<Sender<u8>>();
    both::<Receiver<u8>>();
    let (sender, mut receiver) = bounded("", 1);
    send(&sender.send(1));
    send(&sender.reserve());
    send(&sender.send_before(1, Deadline::NEVER));
    send(&receiver.recv());
}
