use super::TokenBucket;
use crate::{
    Instant,
    units::{Burst, Rate},
};
use loom::{model::Builder, sync::Arc, thread};
use std::time::Duration;

fn rate(count: u32) -> Rate {
    Rate::new(count, Duration::from_hours(1)).unwrap()
}

fn bucket(burst: u32) -> Arc<TokenBucket> {
    Arc::new(TokenBucket::new(rate(1), Burst::try_from(burst).unwrap(), NOW))
}

const NOW: Instant = Instant::from_nanos(5);

/// Every interleaving with up to three preemptions: beyond that the models grow for hours and find nothing new.
fn model(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

fn admitted(bucket: &TokenBucket, asks: u32) -> u32 {
    (0..asks).map(|_| u32::from(bucket.admit(NOW, 1).is_ok())).sum()
}

#[test]
fn loom_two_threads_share_one_burst() {
    model(|| {
        let bucket = bucket(3);
        let other = thread::spawn({
            let bucket = Arc::clone(&bucket);
            move || admitted(&bucket, 2)
        });
        let here = admitted(&bucket, 2);
        assert_eq!(here + other.join().unwrap(), 3);
    });
}

#[test]
fn loom_a_refund_is_worth_one_admission() {
    model(|| {
        let bucket = bucket(2);
        assert_eq!(admitted(&bucket, 2), 2);
        let other = thread::spawn({
            let bucket = Arc::clone(&bucket);
            move || bucket.refund(1)
        });
        let here = admitted(&bucket, 1);
        other.join().unwrap();
        assert_eq!(here + admitted(&bucket, 2), 1);
    });
}

#[test]
fn loom_an_update_neither_loses_nor_makes_permits() {
    model(|| {
        let bucket = bucket(2);
        let other = thread::spawn({
            let bucket = Arc::clone(&bucket);
            move || bucket.update(NOW, rate(7), Burst::try_from(3).unwrap())
        });
        let here = admitted(&bucket, 2);
        other.join().unwrap();
        assert_eq!(here, 2, "either burst had room");
        assert_eq!(admitted(&bucket, 2), 1);
    });
}

#[test]
fn loom_two_updates_pass_over_one_admission() {
    model(|| {
        let bucket = bucket(2);
        let other = thread::spawn({
            let bucket = Arc::clone(&bucket);
            move || {
                bucket.update(NOW, rate(7), Burst::try_from(3).unwrap());
                bucket.update(NOW, rate(1), Burst::try_from(2).unwrap());
            }
        });
        let here = admitted(&bucket, 1);
        other.join().unwrap();
        assert_eq!(here + admitted(&bucket, 2), 2);
    });
}
