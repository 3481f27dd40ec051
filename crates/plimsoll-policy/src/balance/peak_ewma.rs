//! The cheaper of two drawn.

use super::{eligible::Eligible, endpoint::Endpoint};
use crate::{Draw, Instant};
use std::sync::Arc;

/// Draws two of those left, each pair as likely as any other, and takes the one with the lower latency estimate times
/// (calls in flight + 1).
///
/// Sources: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 1996; Finagle's and tower's
/// peak EWMA. A host that fails at once has nothing in flight and wins its pairs, but is in 2/n of them at most.
#[inline]
pub(super) fn pick(
    endpoints: &[Arc<Endpoint>],
    eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    now: Instant,
    draw: Draw,
) -> Option<u32> {
    if eligible.total > 1 {
        let (one, other) = pair(eligible.total, draw);
        if eligible.has(one) && eligible.has(other) {
            return Some(cheaper(endpoints, one, other, now));
        }
    }
    // Two draws are used up, and that they fell on one who is gone must not steer the next.
    of_those_left(endpoints, eligible, now, draw.split().split())
}

/// The same among those that a count has found: drawing again and again could go on for long.
#[cold]
fn of_those_left(
    endpoints: &[Arc<Endpoint>],
    eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    now: Instant,
    draw: Draw,
) -> Option<u32> {
    match eligible.count() {
        0 => None,
        1 => eligible.nth(0),
        left => {
            let (one, other) = pair(left, draw);
            Some(cheaper(endpoints, eligible.nth(one)?, eligible.nth(other)?, now))
        }
    }
}

/// Two different ones of `0..total`, in either order. `total` is 2 or more.
fn pair(total: u32, draw: Draw) -> (u32, u32) {
    let one = draw.below(u64::from(total)) as u32;
    let other = draw.split().below(u64::from(total) - 1) as u32;
    (one, if other < one { other } else { other + 1 })
}

/// An endpoint without an estimate is taken to be as fast as the other: a newcomer then gets calls at once, and no more
/// than its share of those in flight. Held to a pessimistic default it would wait for its first call, which alone could
/// correct the default.
#[inline]
fn cheaper(endpoints: &[Arc<Endpoint>], one: u32, other: u32, now: Instant) -> u32 {
    let (a, b) = (&endpoints[one as usize], &endpoints[other as usize]);
    let (latency_a, latency_b) = match (a.latency(now), b.latency(now)) {
        (Some(a), Some(b)) => (a, b),
        _ => (1.0, 1.0),
    };
    let cost = |latency: f64, endpoint: &Endpoint| latency * (f64::from(endpoint.in_flight()) + 1.0);
    if cost(latency_b, b) < cost(latency_a, a) { other } else { one }
}
