use crate::shared;
use divan::{Bencher, black_box, counter::ItemsCount};
use governor::{Quota, RateLimiter as Governor, clock::FakeRelativeClock};
use plimsoll_policy::{
    Ask, Draw, Instant,
    rate::{KeyedLimiter, LeakyBucket, TokenBucket},
    units::{Burst, Rate},
};
use std::{cell::Cell, num::NonZeroU32, time::Duration};

const HOSTS: usize = 10_000;
/// Decisions in one sample, so that a sample is long against the timer.
const BATCH: u64 = 10_000;

/// Room for what comes back in one batch: governor's clock moves by whole batches, so that moving it costs nothing.
const BURST: NonZeroU32 = NonZeroU32::new(20_000).expect("not zero");

fn rate() -> Rate {
    Rate::per_second_of(1_000_000).expect("a rate")
}

fn burst() -> Burst {
    Burst::try_from(BURST.get()).expect("a burst")
}

/// Time goes on by a microsecond for each decision, which is the rate: most asks are granted.
struct Ticking(Cell<u64>);

impl Ticking {
    fn next(&self) -> Instant {
        self.0.set(self.0.get() + 1000);
        Instant::from_nanos(self.0.get())
    }
}

fn hosts() -> Vec<String> {
    (0..HOSTS).map(|host| format!("tenant-{host}.shop.example.com")).collect()
}

#[divan::bench]
fn token_bucket(bencher: Bencher<'_, '_>) {
    let bucket = TokenBucket::new(rate(), burst(), Instant::ORIGIN);
    let clock = Ticking(Cell::new(0));
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            let _ = black_box(bucket.admit(clock.next(), 1));
        }
    });
}

/// As `token_bucket`, with a queue: each call has its turn when it comes.
#[divan::bench]
fn leaky_bucket(bencher: Bencher<'_, '_>) {
    let bucket = LeakyBucket::new(rate(), BURST.get() - 1, Instant::ORIGIN);
    let clock = Ticking(Cell::new(0));
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            let _ = black_box(bucket.admit(clock.next(), Ask::default()));
        }
    });
}

fn split_bucket(bencher: Bencher<'_, '_>, threads: u64) {
    let bucket = TokenBucket::new(rate(), Burst::try_from(u32::MAX).expect("a burst"), Instant::ORIGIN);
    shared::split(bencher, threads, |at| {
        let _ = black_box(bucket.admit(Instant::from_nanos(at), 1));
    });
}

/// A million calls by one thread, nothing refused: what `token_bucket_two_threads` is to be held against.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn token_bucket_one_thread(bencher: Bencher<'_, '_>) {
    split_bucket(bencher, 1);
}

/// The same million by two threads on one bucket.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn token_bucket_two_threads(bencher: Bencher<'_, '_>) {
    split_bucket(bencher, 2);
}

fn split_keys(bencher: Bencher<'_, '_>, threads: u64) {
    let keys = NonZeroU32::new(65_536).expect("not zero");
    let limiter = KeyedLimiter::new(rate(), burst(), keys, Instant::ORIGIN, Draw::new(1));
    let hosts = hosts();
    shared::split(bencher, threads, |at| {
        let host = &hosts[at as usize % HOSTS];
        let _ = black_box(limiter.admit(Instant::from_nanos(at * 1000), limiter.hash(host.as_bytes()), 1));
    });
}

/// A million calls over 10,000 hosts by one thread: what `keyed_limiter_two_threads` is to be held against.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn keyed_limiter_one_thread(bencher: Bencher<'_, '_>) {
    split_keys(bencher, 1);
}

/// The same million by two threads on one limiter.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn keyed_limiter_two_threads(bencher: Bencher<'_, '_>) {
    split_keys(bencher, 2);
}

#[divan::bench]
fn token_bucket_refused(bencher: Bencher<'_, '_>) {
    let hour = Rate::new(1, Duration::from_hours(1)).expect("a rate");
    let bucket = TokenBucket::new(hour, Burst::ONE, Instant::ORIGIN);
    bucket.admit(Instant::ORIGIN, 1).expect("full");
    let clock = Ticking(Cell::new(0));
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            let _ = black_box(bucket.admit(clock.next(), 1));
        }
    });
}

/// Hashing the host's name is part of it.
#[divan::bench]
fn keyed_limiter_10k(bencher: Bencher<'_, '_>) {
    let keys = NonZeroU32::new(65_536).expect("not zero");
    let limiter = KeyedLimiter::new(rate(), burst(), keys, Instant::ORIGIN, Draw::new(1));
    let hosts = hosts();
    let clock = Ticking(Cell::new(0));
    bencher.counter(ItemsCount::new(HOSTS)).bench_local(|| {
        for host in &hosts {
            let _ = black_box(limiter.admit(clock.next(), limiter.hash(host.as_bytes()), 1));
        }
    });
}

/// A new key each time, the table full: what a spray of keys costs.
#[divan::bench]
fn keyed_limiter_sprayed(bencher: Bencher<'_, '_>) {
    let keys = NonZeroU32::new(65_536).expect("not zero");
    let limiter = KeyedLimiter::new(rate(), burst(), keys, Instant::ORIGIN, Draw::new(1));
    let mut key = 0u64;
    let mut spray = || {
        key += 1;
        let _ = black_box(limiter.admit(Instant::from_nanos(key), limiter.hash(&key.to_le_bytes()), 1));
    };
    (0..200_000).for_each(|_| spray());
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| (0..BATCH).for_each(|_| spray()));
}

fn quota() -> Quota {
    Quota::per_second(NonZeroU32::new(1_000_000).expect("not zero")).allow_burst(BURST)
}

#[divan::bench]
fn governor_direct(bencher: Bencher<'_, '_>) {
    let clock = FakeRelativeClock::default();
    let limiter = Governor::direct_with_clock(quota(), clock.clone());
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        clock.advance(Duration::from_micros(BATCH));
        for _ in 0..BATCH {
            let _ = black_box(limiter.check());
        }
    });
}

#[divan::bench]
fn governor_keyed_10k(bencher: Bencher<'_, '_>) {
    let clock = FakeRelativeClock::default();
    let limiter = Governor::dashmap_with_clock(quota(), clock.clone());
    let hosts = hosts();
    bencher.counter(ItemsCount::new(HOSTS)).bench_local(|| {
        clock.advance(Duration::from_millis(10));
        for host in &hosts {
            let _ = black_box(limiter.check_key(host));
        }
    });
}
