//! Breaker and throttle: a call that is let through and goes well, which is what nearly every call is.
//!
//! The clock is an argument. It begins after an hour, when every window has come round, and moves on by 100 ns a call, so
//! that buckets change under way as they do live.

use divan::{Bencher, black_box, counter::ItemsCount};
use plimsoll_policy::{
    Draw, Instant, Outcome,
    breaker::{Breaker, BreakerSpec, Window},
    throttle::{Throttle, ThrottleSpec},
};
use std::{cell::Cell, num::NonZeroU32, time::Duration};

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
    one_thread(
        bencher,
        &Breaker::new(BreakerSpec { window: Window::Calls(HUNDRED), ..BreakerSpec::default() }),
    );
}

/// Two threads on one instance; the time is that of one thread's call. To be held against `breaker_admit_settle`.
/// A sample is long, so that the two run beside each other for nearly all of it.
#[divan::bench(threads = [2], sample_size = 100_000, sample_count = 40)]
fn breaker_two_threads(bencher: Bencher<'_, '_>) {
    beside(bencher, &Breaker::new(BreakerSpec::default()));
}

#[divan::bench(threads = [2], sample_size = 100_000, sample_count = 40)]
fn breaker_count_window_two_threads(bencher: Bencher<'_, '_>) {
    beside(bencher, &Breaker::new(BreakerSpec { window: Window::Calls(HUNDRED), ..BreakerSpec::default() }));
}

fn beside(bencher: Bencher<'_, '_>, breaker: &Breaker) {
    thread_local! {
        static NOW: Cell<u64> = const { Cell::new(HOUR) };
    }
    bencher.counter(ItemsCount::new(1u32)).bench(|| {
        NOW.set(NOW.get() + STEP);
        call(breaker, NOW.get());
    });
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
