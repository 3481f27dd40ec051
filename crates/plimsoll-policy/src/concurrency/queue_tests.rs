//! The limits before a peer that can be computed: servers with one call each, exponential service times, and a line
//! without a bound, which is what a limit is there to keep short.

use super::{tests::spec, *};
use crate::Draw;
use std::collections::{BTreeMap, VecDeque};

const SERVICE: Duration = Duration::from_millis(10);
/// In nanoseconds: who waits longer calls it a timeout.
const PATIENCE: u64 = 200_000_000;

struct World {
    limit: AdaptiveLimit,
    draw: Draw,
    now: u64,
    next: u64,
    servers: usize,
    service: f64,
    /// When it ends and which it is, to when it came.
    busy: BTreeMap<(u64, u64), (u64, Permit)>,
    line: VecDeque<(u64, Permit)>,
    serial: u64,
    seen: Seen,
}

#[derive(Clone, Copy, Default, Debug)]
struct Seen {
    served: u64,
    sum: u64,
    /// Calls served in time, divided by those that the peer could have served.
    goodput: f64,
    /// Mean latency, in service times.
    latency: f64,
    /// The highest limit.
    highest: u32,
}

impl World {
    fn new(spec: ConcurrencySpec, servers: usize) -> Self {
        Self {
            limit: AdaptiveLimit::new(spec),
            draw: Draw::new(42),
            now: 0,
            next: 0,
            servers,
            service: SERVICE.as_nanos() as f64,
            busy: BTreeMap::new(),
            line: VecDeque::new(),
            serial: 0,
            seen: Seen::default(),
        }
    }

    fn exponential(&mut self, mean: f64) -> u64 {
        self.draw = self.draw.split();
        (-mean * (1.0 - self.draw.unit()).ln()) as u64 + 1
    }

    /// Lets Poisson arrivals of `load` times the peer's capacity come for so many seconds.
    fn run(&mut self, load: f64, secs: u64) -> Seen {
        let gap = self.service / (self.servers as f64 * load);
        let span = secs * 1_000_000_000;
        let end = self.now + span;
        self.seen = Seen::default();
        while self.now < end {
            let done = self.busy.first_key_value().map_or(u64::MAX, |((done, _), _)| *done);
            if done <= self.next {
                self.now = done;
                self.end_one();
            } else {
                self.now = self.next;
                self.next += self.exponential(gap);
                self.arrive();
            }
        }
        let possible = span as f64 * self.servers as f64 / self.service;
        self.seen.goodput = self.seen.served as f64 / possible;
        self.seen.latency = self.seen.sum as f64 / self.seen.served as f64 / self.service;
        self.seen
    }

    fn arrive(&mut self) {
        let (_, limit) = self.limit.gate.fill();
        self.seen.highest = self.seen.highest.max(limit);
        if let Ok(permit) = self.limit.admit(Instant::from_nanos(self.now), Ask::default()) {
            self.line.push_back((self.now, permit));
            self.begin_next();
        }
    }

    fn begin_next(&mut self) {
        if self.busy.len() < self.servers
            && let Some(call) = self.line.pop_front()
        {
            let done = self.now + self.exponential(self.service);
            self.serial += 1;
            self.busy.insert((done, self.serial), call);
        }
    }

    fn end_one(&mut self) {
        let Some((_, (arrived, permit))) = self.busy.pop_first() else { return };
        let took = self.now - arrived;
        let outcome = if took > PATIENCE {
            Outcome::Failure(Failure::Timeout)
        } else {
            self.seen.served += 1;
            self.seen.sum += took;
            Outcome::Success
        };
        self.limit.settle(permit, Instant::from_nanos(self.now), outcome, Duration::from_nanos(took));
        self.begin_next();
    }
}

/// Twice what the peer can do, after a while of the same.
fn overloaded(algorithm: Algorithm, servers: usize, before: u64) -> Seen {
    let mut world = World::new(spec(algorithm, 20, 2, 1000), servers);
    world.run(2.0, before);
    world.run(2.0, 15)
}

#[test]
fn every_algorithm_finds_what_the_peer_can_do() {
    for algorithm in [Algorithm::Aimd, Algorithm::Vegas, Algorithm::Gradient2] {
        for servers in [4, 20] {
            let seen = overloaded(algorithm, servers, 60);
            assert!(seen.goodput > 0.95, "{algorithm:?}, {servers} servers: {seen:?}");
            // AIMD fills the line up to the time-outs: that is its weakness, and 20 services is where they begin.
            let bound = if algorithm == Algorithm::Aimd { 20.0 } else { 2.6 };
            assert!(seen.latency < bound, "{algorithm:?}, {servers} servers: {seen:?}");
        }
    }
}

#[test]
fn a_service_of_one_thread_gets_a_short_line() {
    let seen = overloaded(Algorithm::Gradient2, 1, 120);
    assert!(seen.goodput > 0.9 && seen.latency < 5.0, "{seen:?}");
}

#[test]
fn a_long_overload_does_not_carry_the_limit_away() {
    for algorithm in [Algorithm::Vegas, Algorithm::Gradient2] {
        let mut world = World::new(spec(algorithm, 20, 2, 1000), 10);
        world.run(2.0, 240);
        let seen = world.run(2.0, 60);
        assert!(seen.goodput > 0.95 && seen.latency < 2.2 && seen.highest < 35, "{algorithm:?}: {seen:?}");
    }
}

#[test]
fn a_baseline_taken_under_load_is_found_out() {
    for algorithm in [Algorithm::Vegas, Algorithm::Gradient2] {
        let mut world = World::new(spec(algorithm, 200, 2, 1000), 10);
        world.run(2.0, 90);
        let seen = world.run(2.0, 15);
        assert!(seen.goodput > 0.95 && seen.latency < 2.2, "{algorithm:?}: {seen:?}");
    }
}

#[test]
fn a_peer_that_has_turned_slower_is_used_to_the_full_again() {
    for algorithm in [Algorithm::Vegas, Algorithm::Gradient2] {
        let mut world = World::new(spec(algorithm, 20, 2, 1000), 10);
        world.run(2.0, 30);
        world.service *= 3.0;
        world.run(2.0, 90);
        let seen = world.run(2.0, 30);
        assert!(seen.goodput > 0.9 && seen.latency < 2.2, "{algorithm:?}: {seen:?}");
    }
}

#[test]
fn what_is_not_used_does_not_grow() {
    for algorithm in [Algorithm::Aimd, Algorithm::Vegas, Algorithm::Gradient2] {
        let mut world = World::new(spec(algorithm, 40, 2, 1000), 10);
        let seen = world.run(0.2, 60);
        assert_eq!(seen.highest, 40, "{algorithm:?}");
        assert!((0.18..0.22).contains(&seen.goodput), "nothing is refused: {seen:?}");
    }
}
