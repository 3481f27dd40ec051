//! `cargo bench -p plimsoll-telemetry`: what counting costs, against one atomic that all threads share.
//!
//! Every timed run counts ten thousand times, long enough for two threads to meet; the figure per event is
//! the one behind "items". With two threads the rows also show what passing a cache line around costs and
//! what a row of one's own saves, but only on two processors that do not share a core (and its first cache).

use divan::{Bencher, counter::ItemsCount};
use plimsoll_telemetry::{Buckets, Desc, Format, Registry, shard};
use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
};

const TIMES: u64 = 10_000;

fn main() {
    divan::main();
}

#[divan::bench(threads = [1, 2])]
fn baseline_one_shared_atomic(bencher: Bencher<'_, '_>) {
    let shared = AtomicU64::new(0);
    bencher.counter(ItemsCount::new(TIMES)).bench(|| {
        for _ in 0..TIMES {
            black_box(&shared).fetch_add(1, Ordering::Relaxed);
        }
    });
}

#[divan::bench(threads = [1, 2])]
fn counter_inc_owner(bencher: Bencher<'_, '_>) {
    let counter = Registry::builder().shards(64).build().counter(Desc::new("a_total", "help")).unwrap();
    bencher.counter(ItemsCount::new(TIMES)).with_inputs(shard::own).bench_refs(|_| {
        for _ in 0..TIMES {
            black_box(&counter).inc();
        }
    });
}

#[divan::bench(threads = [1, 2])]
fn counter_inc_without_shard(bencher: Bencher<'_, '_>) {
    // A registry without rows of its own: what threads without a shard pay.
    let counter = Registry::builder().shards(0).build().counter(Desc::new("a_total", "help")).unwrap();
    bencher.counter(ItemsCount::new(TIMES)).bench(|| {
        for _ in 0..TIMES {
            black_box(&counter).inc();
        }
    });
}

#[divan::bench(threads = [1, 2])]
fn histogram_record_owner(bencher: Bencher<'_, '_>) {
    let registry = Registry::builder().shards(64).build();
    let histogram = registry.histogram(Desc::new("a", "help"), &Buckets::latency()).unwrap();
    bencher.counter(ItemsCount::new(TIMES)).with_inputs(shard::own).bench_refs(|_| {
        let mut value: u64 = 0x9E37_79B9_7F4A_7C15;
        for _ in 0..TIMES {
            // Spread over the whole range, so that no branch is learnt.
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            black_box(&histogram).record(value >> (27 + (value & 15)));
        }
    });
}

#[divan::bench]
fn scrape_1000_counters(bencher: Bencher<'_, '_>) {
    let registry = Registry::builder().shards(8).build();
    let desc = Desc::new("app_requests_total", "Requests.").max_series(1000);
    let family = registry.counter_family(desc, ["route", "status"]).unwrap();
    let kept: Vec<_> = (0..1000_u64).map(|nth| family.with(&[&format!("/route/{nth}"), "200"])).collect();
    for (nth, counter) in kept.iter().enumerate() {
        counter.add(nth as u64 * 1000);
    }
    let mut page = String::new();
    bencher.counter(ItemsCount::new(1000_u64)).bench_local(|| {
        page.clear();
        registry.write(Format::Prometheus, &mut page).unwrap();
        page.len()
    });
}

#[divan::bench]
fn scrape_100_histograms(bencher: Bencher<'_, '_>) {
    let registry = Registry::builder().shards(8).build();
    let family = registry.histogram_family(Desc::new("a", "help"), &Buckets::latency(), ["route"]).unwrap();
    let kept: Vec<_> = (0..100_u64).map(|nth| family.with(&[&format!("/route/{nth}")])).collect();
    for (nth, histogram) in kept.iter().enumerate() {
        histogram.record(nth as u64 * 1_000_000);
    }
    let mut page = String::new();
    bencher.counter(ItemsCount::new(100_u64)).bench_local(|| {
        page.clear();
        registry.write(Format::Prometheus, &mut page).unwrap();
        page.len()
    });
}
