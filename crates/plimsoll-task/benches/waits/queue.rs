//! An item through a queue that has room.

use crate::{ROUNDS, in_a_task};
use divan::{Bencher, black_box};
use plimsoll_task::queue::{bounded, latest};
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, watch};

#[divan::bench]
fn queue(bencher: Bencher<'_, '_>) {
    let (sender, receiver) = bounded("q", 64);
    let receiver = Arc::new(Mutex::new(receiver));
    in_a_task(bencher, || {
        let (sender, receiver) = (sender.clone(), Arc::clone(&receiver));
        async move {
            let mut receiver = receiver.lock().await;
            for round in 0..ROUNDS {
                sender.send(black_box(round)).await.expect("open");
                black_box(receiver.recv().await);
            }
        }
    });
}

#[divan::bench]
fn tokio_queue(bencher: Bencher<'_, '_>) {
    let (sender, receiver) = mpsc::channel(64);
    let receiver = Arc::new(Mutex::new(receiver));
    in_a_task(bencher, || {
        let (sender, receiver) = (sender.clone(), Arc::clone(&receiver));
        async move {
            let mut receiver = receiver.lock().await;
            for round in 0..ROUNDS {
                sender.send(black_box(round)).await.expect("open");
                black_box(receiver.recv().await);
            }
        }
    });
}

#[divan::bench]
fn latest_value(bencher: Bencher<'_, '_>) {
    let (publisher, subscriber) = latest("l", 0);
    let publisher = Arc::new(publisher);
    in_a_task(bencher, || {
        let (publisher, mut subscriber) = (Arc::clone(&publisher), subscriber.clone());
        async move {
            for round in 0..ROUNDS {
                publisher.publish(black_box(round));
                subscriber.changed().await.expect("open");
                black_box(*subscriber.see());
            }
        }
    });
}

#[divan::bench]
fn tokio_latest_value(bencher: Bencher<'_, '_>) {
    let (sender, receiver) = watch::channel(0);
    let sender = Arc::new(sender);
    in_a_task(bencher, || {
        let (sender, mut receiver) = (Arc::clone(&sender), receiver.clone());
        async move {
            for round in 0..ROUNDS {
                sender.send_replace(black_box(round));
                receiver.changed().await.expect("open");
                black_box(*receiver.borrow_and_update());
            }
        }
    });
}
