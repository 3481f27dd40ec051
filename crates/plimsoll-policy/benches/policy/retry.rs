//! Retries and hedges. The clock moves on by 100 ns a call, so that stretches and turns change under way as they do live.

use divan::{Bencher, black_box, counter::ItemsCount};
use plimsoll_policy::{
    Draw, Instant,
    hedge::{HedgeSpec, Hedger},
    retry::{BudgetSpec, RetryBudget, RetrySpec, backoff},
};
use std::{thread, time::Duration};

const STEP: u64 = 100;
/// Calls in one sample: so many that starting two threads does not show.
const CALLS: u64 = 1_000_000;

fn budget() -> RetryBudget {
    RetryBudget::new(BudgetSpec::from_specs(Some(&RetrySpec::default()), Some(&HedgeSpec::default())))
}

/// The cost for every call.
#[divan::bench]
fn budget_deposit(bencher: Bencher<'_, '_>) {
    let budget = budget();
    let mut nanos = 0;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        nanos += STEP;
        budget.deposit(black_box(Instant::from_nanos(nanos)));
    });
}

/// The cost for a call that is retried.
#[divan::bench]
fn budget_deposit_withdraw(bencher: Bencher<'_, '_>) {
    let budget = budget();
    let mut nanos = 0;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        nanos += STEP;
        let now = black_box(Instant::from_nanos(nanos));
        budget.deposit(now);
        budget.withdraw(now)
    });
}

/// A million calls by one thread: what `budget_deposit_two_threads` is to be held against.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn budget_deposit_one_thread(bencher: Bencher<'_, '_>) {
    split(bencher, 1);
}

/// The same million by two threads on one instance.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn budget_deposit_two_threads(bencher: Bencher<'_, '_>) {
    split(bencher, 2);
}

fn split(bencher: Bencher<'_, '_>, threads: u64) {
    let budget = budget();
    let mut begin = 0;
    bencher.counter(ItemsCount::new(CALLS)).bench_local(|| {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    (0..CALLS / threads)
                        .for_each(|at| budget.deposit(black_box(Instant::from_nanos(begin + at * STEP))));
                });
            }
        });
        begin += CALLS * STEP;
    });
}

#[divan::bench]
fn hedge_record(bencher: Bencher<'_, '_>) {
    let hedger = Hedger::new(HedgeSpec::default());
    let (mut nanos, mut draw) = (0, Draw::new(1));
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        nanos += STEP;
        draw = draw.split();
        hedger.record(Instant::from_nanos(nanos), Duration::from_nanos(draw.below(50_000_000)));
    });
}

#[divan::bench]
fn hedge_delay(bencher: Bencher<'_, '_>) {
    let hedger = Hedger::new(HedgeSpec::default());
    (0..100).for_each(|took| hedger.record(Instant::ORIGIN, Duration::from_millis(took)));
    bencher
        .counter(ItemsCount::new(1u32))
        .bench_local(|| black_box(&hedger).delay(black_box(Instant::ORIGIN)));
}

#[divan::bench]
fn backoff_full(bencher: Bencher<'_, '_>) {
    let spec = RetrySpec::default();
    let mut draw = Draw::new(1);
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        draw = draw.split();
        backoff(black_box(&spec), 2, Duration::ZERO, draw)
    });
}
