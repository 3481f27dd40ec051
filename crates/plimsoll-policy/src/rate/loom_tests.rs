use super::{LeakyBucket, Slot, TokenBucket};
use crate::{
    Admitted, Ask, Instant,
    units::{Burst, Rate},
};
use loom::{sync::Arc, thread};
use std::time::Duration;

const NOW: Instant = Instant::from_nanos(5);

/// Two threads on one thing, in all interleavings with up to three preemptions. Twice, with the roles of the two threads changed: loom starts from one
/// thread running to its end, and does not find every load of that one which the other could have overtaken.
pub(super) fn race<T: Send + Sync + 'static>(
    make: fn() -> T,
    one: fn(&T) -> u32,
    other: fn(&T) -> u32,
    check: fn(&T, u32, u32),
) {
    for swapped in [false, true] {
        let mut model = loom::model::Builder::new();
        // Each race here is lost or won by one or two switches at the wrong place; all of them would take hours.
        model.preemption_bound = Some(3);
        model.check(move || {
            let thing = Arc::new(make());
            let (here, there) = if swapped { (other, one) } else { (one, other) };
            let thread = thread::spawn({
                let thing = Arc::clone(&thing);
                move || there(&thing)
            });
            let here = here(&thing);
            let there = thread.join().unwrap();
            let (one, other) = if swapped { (there, here) } else { (here, there) };
            check(&thing, one, other);
        });
    }
}

/// So slow that nothing comes back, in units much finer than those of a rate in milliseconds.
fn rate(count: u32) -> Rate {
    Rate::new(count, Duration::from_hours(1)).unwrap()
}

fn bucket(burst: u32) -> TokenBucket {
    TokenBucket::new(rate(1), Burst::try_from(burst).unwrap(), NOW)
}

fn admitted(bucket: &TokenBucket, asks: u32) -> u32 {
    (0..asks).map(|_| u32::from(bucket.admit(NOW, 1).is_ok())).sum()
}

fn update(bucket: &TokenBucket, rate: Rate, burst: u32) {
    bucket.update(NOW, rate, Burst::try_from(burst).unwrap());
}

#[test]
fn loom_two_threads_share_one_burst() {
    let asks = |bucket: &TokenBucket| admitted(bucket, 2);
    race(|| bucket(3), asks, asks, |_, one, other| assert_eq!(one + other, 3));
}

#[test]
fn loom_a_refund_is_worth_one_admission() {
    race(
        || {
            let bucket = bucket(2);
            assert_eq!(admitted(&bucket, 2), 2);
            bucket
        },
        |bucket| admitted(bucket, 2),
        |bucket| {
            bucket.refund(1);
            0
        },
        |bucket, during, _| assert_eq!(during + admitted(bucket, 2), 1),
    );
}

#[test]
fn loom_an_update_neither_loses_nor_makes_permits() {
    race(
        || bucket(2),
        |bucket| admitted(bucket, 2),
        |bucket| {
            update(bucket, Rate::per_second_of(1000).unwrap(), 3);
            0
        },
        |bucket, during, _| {
            assert_eq!(during, 2, "either burst had room");
            assert_eq!(admitted(bucket, 2), 1);
        },
    );
}

#[test]
fn loom_two_updates_pass_over_one_admission() {
    race(
        || bucket(2),
        |bucket| admitted(bucket, 1),
        |bucket| {
            update(bucket, Rate::per_second_of(1000).unwrap(), 3);
            update(bucket, rate(7), 2);
            0
        },
        |bucket, during, _| assert_eq!(during + admitted(bucket, 2), 2),
    );
}

/// A queue of two places, the first of them taken.
fn queue() -> (LeakyBucket, Slot) {
    let bucket = LeakyBucket::new(rate(1), 2, NOW);
    let _goes = bucket.admit(NOW, Ask::default());
    let Admitted::At(_, last) = bucket.admit(NOW, Ask::default()) else { panic!("waits") };
    (bucket, last)
}

fn turns(bucket: &LeakyBucket, asks: u32) -> u32 {
    (0..asks).filter(|_| matches!(bucket.admit(NOW, Ask::default()), Admitted::At(..))).count() as u32
}

#[test]
fn loom_a_turn_is_given_back_once_or_has_another_behind_it() {
    race(
        queue,
        |(bucket, last)| u32::from(bucket.cancel(*last, NOW)),
        |(bucket, _)| turns(bucket, 2),
        |(bucket, _), given_back, taken| {
            assert_eq!(taken + turns(bucket, 2), 1 + given_back);
            assert_eq!(bucket.snapshot(NOW).waiting, 2);
        },
    );
}
