//! The cheaper of two drawn.

use super::{eligible::Eligible, endpoint::Endpoint, weights::Weights};
use crate::{Draw, Instant};
use std::sync::Arc;

/// Draws two of those left, each as likely as it weighs, and takes the one with the lower cost: the latency estimate
/// times (calls in flight, relative to the weight, + 1).
///
/// Sources: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 1996; Finagle's and tower's
/// peak EWMA. A host that fails at once has nothing in flight; what keeps it from winning its pairs is that a failure is
/// an expensive sample (see [`super::FAILURE_LATENCY`]).
#[inline]
pub(super) fn pick(
    endpoints: &[Arc<Endpoint>],
    weights: &Weights,
    eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    now: Instant,
    draw: Draw,
) -> Option<u32> {
    if eligible.total > 1 {
        let one = weights.at(draw.below(weights.total()));
        let other = weights.at_without(draw.split().below(weights.total() - weights.get(one)), one);
        if eligible.has(one) && eligible.has(other) {
            return Some(cheaper(endpoints, weights, one, other, now));
        }
    }
    // Two draws are used up, and that they fell on one who is gone must not steer the next.
    of_those_left(endpoints, weights, eligible, now, draw.split().split())
}

/// The same among those that a count has found: drawing again and again could go on for long.
#[cold]
fn of_those_left(
    endpoints: &[Arc<Endpoint>],
    weights: &Weights,
    eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    now: Instant,
    draw: Draw,
) -> Option<u32> {
    let sum = weights.sum(eligible);
    let one = weights.among(eligible, draw.below(sum), None)?;
    let rest = sum.saturating_sub(weights.get(one));
    if rest == 0 {
        return Some(one);
    }
    let other = weights.among(eligible, draw.split().below(rest), Some(one))?;
    Some(cheaper(endpoints, weights, one, other, now))
}

/// An endpoint without an estimate is taken to be as fast as the other: a newcomer then gets calls at once, and no more
/// than its share of those in flight. Held to a pessimistic default it would wait for its first call, which alone could
/// correct the default.
#[inline]
fn cheaper(endpoints: &[Arc<Endpoint>], weights: &Weights, one: u32, other: u32, now: Instant) -> u32 {
    let (a, b) = (&endpoints[one as usize], &endpoints[other as usize]);
    let (latency_a, latency_b) = match (a.latency(now), b.latency(now)) {
        (Some(a), Some(b)) => (a, b),
        _ => (1.0, 1.0),
    };
    let load = |endpoint: &Endpoint, index| f64::from(endpoint.in_flight()) * weights.burden(index) + 1.0;
    if latency_b * load(b, other) < latency_a * load(a, one) { other } else { one }
}
