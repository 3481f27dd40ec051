//! Bulkhead, adaptive limit and shedder while all is calm, which is what every call pays.

use crate::shared;
use divan::{Bencher, black_box};
use plimsoll_policy::{
    Admitted, Ask, Draw, Instant, Outcome,
    bulkhead::{Bulkhead, BulkheadSpec, Claim},
    concurrency::{AdaptiveLimit, ConcurrencySpec},
    shed::{ShedSpec, Shedder},
};
use std::{num::NonZeroU32, time::Duration};

const TOOK: Duration = Duration::from_millis(1);
/// Nanoseconds that pass from call to call, so that windows end and intervals turn as they do live.
const STEP: u64 = 100;

fn bulkhead_call(bulkhead: &Bulkhead, nanos: u64) {
    let now = Instant::from_nanos(nanos);
    match bulkhead.admit(black_box(now), black_box(Ask::default())) {
        Admitted::Now(permit) => {
            let _ = black_box(bulkhead.settle(permit, now));
        }
        _ => unreachable!("one call at a time fits any limit"),
    }
}

fn limit_call(limit: &AdaptiveLimit, nanos: u64) {
    let now = Instant::from_nanos(nanos);
    match limit.admit(black_box(now), black_box(Ask::default())) {
        Ok(permit) => limit.settle(permit, now, black_box(Outcome::Success), TOOK),
        Err(_) => unreachable!("one call at a time fits any limit"),
    }
}

fn split_bulkhead(bencher: Bencher<'_, '_>, threads: u64) {
    let bulkhead = Bulkhead::new(BulkheadSpec::default());
    shared::split(bencher, threads, |at| bulkhead_call(&bulkhead, at * STEP));
}

fn split_limit(bencher: Bencher<'_, '_>, threads: u64) {
    let limit = AdaptiveLimit::new(ConcurrencySpec::default());
    shared::split(bencher, threads, |at| limit_call(&limit, at * STEP));
}

#[divan::bench]
fn bulkhead_admit_settle(bencher: Bencher<'_, '_>) {
    let (bulkhead, mut now) = (Bulkhead::new(BulkheadSpec::default()), 0);
    bencher.bench_local(|| {
        now += STEP;
        bulkhead_call(&bulkhead, now);
    });
}

/// A million calls by one thread: what `bulkhead_two_threads` is to be held against.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn bulkhead_one_thread(bencher: Bencher<'_, '_>) {
    split_bulkhead(bencher, 1);
}

/// The same million by two threads on one instance.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn bulkhead_two_threads(bencher: Bencher<'_, '_>) {
    split_bulkhead(bencher, 2);
}

/// The way through the line: join, be woken, claim, settle.
#[divan::bench]
fn bulkhead_through_the_line(bencher: Bencher<'_, '_>) {
    let spec = BulkheadSpec { in_flight: NonZeroU32::MIN, ..BulkheadSpec::default() };
    let (bulkhead, now) = (Bulkhead::new(spec), Instant::from_nanos(STEP));
    let Admitted::Now(mut held) = bulkhead.admit(now, Ask::default()) else { unreachable!("empty") };
    bencher.bench_local(|| {
        let Admitted::Queued(ticket, _) = bulkhead.admit(now, black_box(Ask::default())) else {
            unreachable!("one place, and it is taken")
        };
        let woken = bulkhead.settle(held, now);
        assert_eq!(black_box(woken).0, Some(ticket));
        let Claim::Granted { permit, .. } = bulkhead.claim(ticket, now) else { unreachable!("woken") };
        held = permit;
    });
}

#[divan::bench]
fn bulkhead_refuses_when_full(bencher: Bencher<'_, '_>) {
    let spec = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 1, ..BulkheadSpec::default() };
    let (bulkhead, now) = (Bulkhead::new(spec), Instant::from_nanos(STEP));
    let _held = bulkhead.admit(now, Ask::default());
    let _waits = bulkhead.admit(now, Ask::default());
    bencher.bench_local(|| black_box(bulkhead.admit(now, black_box(Ask::default()))));
}

#[divan::bench]
fn concurrency_gradient2_admit_settle(bencher: Bencher<'_, '_>) {
    let (limit, mut now) = (AdaptiveLimit::new(ConcurrencySpec::default()), 0);
    bencher.bench_local(|| {
        now += STEP;
        limit_call(&limit, now);
    });
}

/// A million calls by one thread: what `concurrency_two_threads` is to be held against.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn concurrency_one_thread(bencher: Bencher<'_, '_>) {
    split_limit(bencher, 1);
}

/// The same million by two threads on one instance.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn concurrency_two_threads(bencher: Bencher<'_, '_>) {
    split_limit(bencher, 2);
}

#[divan::bench]
fn shed_admit(bencher: Bencher<'_, '_>) {
    let (shedder, mut now) = (Shedder::new(ShedSpec::default()), 0);
    bencher.bench_local(|| {
        now += STEP;
        black_box(shedder.admit(Instant::from_nanos(now), black_box(Ask::default()), Draw::new(now)))
    });
}

/// The shedder's additional cost for a call that did not wait.
#[divan::bench]
fn shed_waited(bencher: Bencher<'_, '_>) {
    let (shedder, mut now) = (Shedder::new(ShedSpec::default()), 0);
    bencher.bench_local(|| {
        now += STEP;
        shedder.waited(Instant::from_nanos(now), black_box(Duration::ZERO));
    });
}

#[divan::bench]
fn shed_admit_restricted(bencher: Bencher<'_, '_>) {
    let shedder = Shedder::new(ShedSpec::default());
    let mut now = 0;
    while !shedder.overloaded(Instant::from_nanos(now)) {
        now += 1_000_000;
        shedder.waited(Instant::from_nanos(now), Duration::from_millis(50));
    }
    let now = Instant::from_nanos(now);
    bencher.bench_local(|| black_box(shedder.admit(now, black_box(Ask::default()), Draw::new(1))));
}
