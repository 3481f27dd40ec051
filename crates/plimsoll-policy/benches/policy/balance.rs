//! Choosing among endpoints and judging them. A pick is settled and released at once; the clock moves on by 1 µs a call.

use divan::{Bencher, black_box, counter::ItemsCount};
use plimsoll_policy::{
    Draw, Instant, KeyHash, Outcome,
    balance::{Balance, Weight},
    ejection::{EjectionSpec, Ejector},
    endpoints::{Endpoints, EndpointsSpec, Member},
};
use std::time::Duration;

const STEP: u64 = 1000;

fn pick_and_judge(bencher: Bencher<'_, '_>, balance: Balance, endpoints: u16) {
    among(bencher, balance, &vec![Weight::ONE; endpoints.into()]);
}

fn among(bencher: Bencher<'_, '_>, balance: Balance, weights: &[Weight]) {
    let names: Vec<String> = (0..weights.len()).map(|at| format!("10.0.0.{at}:80")).collect();
    let members: Vec<_> =
        names.iter().zip(weights).map(|(name, weight)| Member::new(name).weighing(*weight)).collect();
    let spec = EndpointsSpec { balance, ..EndpointsSpec::default() };
    let endpoints = Endpoints::new(&spec, &members, Instant::ORIGIN);
    let (mut nanos, mut draw) = (0, Draw::new(1));
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        nanos += STEP;
        draw = draw.split();
        let now = Instant::from_nanos(nanos);
        let key = Some(KeyHash(draw.bits()));
        let pick = endpoints.pick(now, draw, key, black_box(&[]), black_box(&[])).expect("none is ejected");
        endpoints.settle(&pick, now, draw, Outcome::Success, Duration::from_micros(500));
        endpoints.release(pick);
    });
}

/// Weights that have no divisor in common.
fn uneven() -> [Weight; 3] {
    [2, 3, 5].map(|weight| Weight::new(weight).expect("from 1 to 1000"))
}

#[divan::bench]
fn pick_p2c_weighted(bencher: Bencher<'_, '_>) {
    among(bencher, Balance::PeakEwma, &uneven());
}

#[divan::bench]
fn pick_hash_weighted(bencher: Bencher<'_, '_>) {
    among(bencher, Balance::hash_header("x-user"), &uneven());
}

/// A key of 16 bytes.
#[divan::bench]
fn hash_key(bencher: Bencher<'_, '_>) {
    let spec = EndpointsSpec { balance: Balance::hash_header("x-user"), ..EndpointsSpec::default() };
    let endpoints = Endpoints::new(&spec, &[Member::new("a:1")], Instant::ORIGIN);
    bencher.bench_local(|| endpoints.hash(black_box(b"tenant-000000042")));
}

#[divan::bench(args = [3, 50])]
fn pick_p2c(bencher: Bencher<'_, '_>, endpoints: u16) {
    pick_and_judge(bencher, Balance::PeakEwma, endpoints);
}

#[divan::bench(args = [3, 50])]
fn pick_round_robin(bencher: Bencher<'_, '_>, endpoints: u16) {
    pick_and_judge(bencher, Balance::RoundRobin, endpoints);
}

#[divan::bench(args = [3, 50])]
fn pick_least_in_flight(bencher: Bencher<'_, '_>, endpoints: u16) {
    pick_and_judge(bencher, Balance::LeastInFlight, endpoints);
}

#[divan::bench(args = [3, 50])]
fn pick_hash(bencher: Bencher<'_, '_>, endpoints: u16) {
    pick_and_judge(bencher, Balance::hash_header("x-user"), endpoints);
}

#[divan::bench]
fn ejector_judge(bencher: Bencher<'_, '_>) {
    let ejector = Ejector::new(&EjectionSpec::default(), 3);
    let mut nanos = 0;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        nanos += STEP;
        let now = Instant::from_nanos(nanos);
        ejector.settle(black_box(1), now, Draw::new(nanos), black_box(Outcome::Success))
    });
}
