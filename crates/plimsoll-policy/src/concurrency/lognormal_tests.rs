//! The limits before a peer without any queue, whose latency varies wildly: there is nothing that a limit could
//! shorten, so next to nothing may be refused.

use super::{tests::spec, *};
use crate::Draw;
use std::{cmp::Reverse, collections::BinaryHeap};

const MEDIAN: f64 = 5e6;

struct Peer {
    limit: AdaptiveLimit,
    draw: Draw,
    now: u64,
    sigma: f64,
    /// Nanoseconds between two calls, on average.
    gap: f64,
    /// When each ends, when it came, and how full the limit was.
    out: BinaryHeap<Reverse<(u64, u64, u32)>>,
}

impl Peer {
    fn unit(&mut self) -> f64 {
        self.draw = self.draw.split();
        1.0 - self.draw.unit()
    }

    fn latency(&mut self) -> u64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        (MEDIAN * (self.sigma * normal).exp()) as u64
    }

    /// The share of calls refused in so many seconds.
    fn refused(&mut self, secs: u64) -> f64 {
        let end = self.now + secs * 1_000_000_000;
        let (mut came, mut refused) = (0u32, 0u32);
        while self.now < end {
            self.now += (-self.gap * self.unit().ln()) as u64;
            while let Some(Reverse((done, since, in_flight))) = self.out.peek().copied()
                && done <= self.now
            {
                self.out.pop();
                let took = Duration::from_nanos(done - since);
                self.limit.settle(Permit { in_flight }, Instant::from_nanos(done), Outcome::Success, took);
            }
            came += 1;
            if let Ok(permit) = self.limit.admit(Instant::from_nanos(self.now), Ask::default()) {
                let latency = self.latency();
                self.out.push(Reverse((self.now + latency, self.now, permit.in_flight)));
            } else {
                refused += 1;
            }
        }
        f64::from(refused) / f64::from(came)
    }
}

/// After a minute in which the limit has grown up to the load.
fn refused(algorithm: Algorithm, sigma: f64, rate: u32) -> f64 {
    let gap = 1e9 / f64::from(rate);
    let limit = AdaptiveLimit::new(spec(algorithm, 20, 2, 1000));
    let mut peer = Peer { limit, draw: Draw::new(7), now: 1, sigma, gap, out: BinaryHeap::new() };
    peer.refused(60);
    peer.refused(60)
}

/// Vegas is not among them: it holds every latency against the least.
#[test]
fn a_peer_without_a_queue_is_refused_less_than_one_call_in_a_hundred() {
    for algorithm in [Algorithm::Aimd, Algorithm::Gradient2] {
        for (sigma, rate) in
            [1.5, 2.0].into_iter().flat_map(|sigma| [200, 1000, 4000].map(|rate| (sigma, rate)))
        {
            let refused = refused(algorithm, sigma, rate);
            assert!(refused < 0.01, "{algorithm:?}, σ = {sigma}, {rate}/s: {:.2} %", 100.0 * refused);
        }
    }
}
