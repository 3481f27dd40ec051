//! Breaker and throttle: a call that is let through and goes well, which is what nearly every call is.
//!
//! The clock is an argument. It begins after an hour, when every window has come round, and moves on by 100 ns a call, so
//! that buckets change under way as they do live.

use crate::shared;
use divan::{Bencher, black_box, counter::ItemsCount};
use plimsoll_policy::{
    Draw, Instant, Outcome,
    breaker::{Breaker, BreakerSpec, Window},
    throttle::{Throttle, ThrottleSpec},
};
use std::{num::NonZeroU32, time::Duration};

const TOOK: Duration = Duration::from_millis(1);
const STEP: u64 = 100;
const HOUR: u64 = 3_600_000_000_000;
const HUNDRED: NonZeroU32 = NonZeroU32::new(100).unwrap();

fn call(breaker: &Breaker, nanos: u64) {
    let now = Instant::from_nanos(nanos);
    let passage = breaker.admit(black_box(now)).expect("closed");
    black_box(breaker.settle(passage.permit, now, Draw::new(1), black_box(Outcome::Success), TOOK));
}

fn one_thread(bencher: Bencher<'_, '_>, breaker: &Breaker) {
    let mut now = HOUR;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        now += STEP;
        call(breaker, now);
    });
}

#[divan::bench(sample_size = 10_000)]
fn breaker_admit_settle(bencher: Bencher<'_, '_>) {
    one_thread(bencher, &Breaker::new(BreakerSpec::default()));
}

#[divan::bench(sample_size = 10_000)]
fn breaker_count_window_admit_settle(bencher: Bencher<'_, '_>) {
    one_thread(bencher, &Breaker::new(count_window()));
}

fn split(bencher: Bencher<'_, '_>, threads: u64, spec: BreakerSpec) {
    let breaker = Breaker::new(spec);
    shared::split(bencher, threads, |at| call(&breaker, HOUR + at * STEP));
}

fn count_window() -> BreakerSpec {
    BreakerSpec { window: Window::Calls(HUNDRED), ..BreakerSpec::default() }
}

/// A million calls by one thread: what `breaker_two_threads` is to be held against.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn breaker_one_thread(bencher: Bencher<'_, '_>) {
    split(bencher, 1, BreakerSpec::default());
}

/// The same million by two threads on one instance.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn breaker_two_threads(bencher: Bencher<'_, '_>) {
    split(bencher, 2, BreakerSpec::default());
}

/// A million calls by one thread: what `breaker_count_window_two_threads` is to be held against.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn breaker_count_window_one_thread(bencher: Bencher<'_, '_>) {
    split(bencher, 1, count_window());
}

/// The same million by two threads on one instance.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn breaker_count_window_two_threads(bencher: Bencher<'_, '_>) {
    split(bencher, 2, count_window());
}

#[divan::bench(sample_size = 10_000)]
fn throttle_admit_settle(bencher: Bencher<'_, '_>) {
    let throttle = Throttle::new(ThrottleSpec::default());
    let mut nanos = HOUR;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        nanos += STEP;
        let now = Instant::from_nanos(nanos);
        black_box(throttle.admit(black_box(now), Draw::new(1))).expect("a peer that accepts all");
        throttle.settle(now, black_box(Outcome::Success));
    });
}
