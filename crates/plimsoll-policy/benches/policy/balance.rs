//! Choosing among endpoints and judging them. A pick is settled at once; the clock moves on by 1 µs a call.

use divan::{Bencher, black_box, counter::ItemsCount};
use plimsoll_policy::{
    Draw, Instant, KeyHash, Outcome,
    balance::{Balance, Balancer},
    ejection::{EjectionSpec, Ejector},
};
use std::time::Duration;

const STEP: u64 = 1000;

fn pick_and_settle(bencher: Bencher<'_, '_>, balance: Balance, endpoints: u32) {
    let balancer = Balancer::new(balance, endpoints);
    let ejector = Ejector::new(&EjectionSpec::default(), endpoints);
    let (mut nanos, mut draw) = (0, Draw::new(1));
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        nanos += STEP;
        draw = draw.split();
        let now = Instant::from_nanos(nanos);
        let hash = Some(KeyHash(draw.bits()));
        let usable = |endpoint| !ejector.is_ejected(endpoint, now);
        let pick = balancer.pick(now, draw, hash, black_box(&[]), usable).expect("none is ejected");
        balancer.settle(pick, now, Outcome::Success, Duration::from_micros(500));
    });
}

#[divan::bench(args = [3, 50])]
fn pick_p2c(bencher: Bencher<'_, '_>, endpoints: u32) {
    pick_and_settle(bencher, Balance::PeakEwma, endpoints);
}

#[divan::bench(args = [3, 50])]
fn pick_round_robin(bencher: Bencher<'_, '_>, endpoints: u32) {
    pick_and_settle(bencher, Balance::RoundRobin, endpoints);
}

#[divan::bench(args = [3, 50])]
fn pick_least_in_flight(bencher: Bencher<'_, '_>, endpoints: u32) {
    pick_and_settle(bencher, Balance::LeastInFlight, endpoints);
}

#[divan::bench(args = [3, 50])]
fn pick_hash(bencher: Bencher<'_, '_>, endpoints: u32) {
    pick_and_settle(bencher, Balance::HashHeader("x-user".into()), endpoints);
}

#[divan::bench]
fn ejector_settle(bencher: Bencher<'_, '_>) {
    let ejector = Ejector::new(&EjectionSpec::default(), 3);
    let mut nanos = 0;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        nanos += STEP;
        let now = Instant::from_nanos(nanos);
        ejector.settle(black_box(1), now, Draw::new(nanos), black_box(Outcome::Success))
    });
}
