//! The same endpoint for the same key, within bounded load.

use super::{eligible::Eligible, endpoint::Endpoint, weights::Weights};
use crate::Draw;
use std::sync::Arc;

/// No endpoint carries more than this times the mean in flight (of its weight), rounded up.
pub const LOAD_BOUND: f64 = 1.25;

/// Of the endpoints with room, the one with the highest score for this key.
///
/// Rendezvous hashing (Thaler, Ravishankar, 1996) with the load bound of Mirrokni, Thorup, Zadimoghaddam, "Consistent
/// Hashing with Bounded Loads", 2018. A ring or a Maglev table finds its endpoint faster among thousands; an upstream
/// has few, and for few this is the better trade: no table to hold or to rebuild, an endpoint that is gone moves its own
/// keys and no other, and what is above the bound goes to each key's own second choice instead of to one neighbour,
/// which it could push over the bound next.
///
/// Weights by the logarithm method (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005): with `u` uniform
/// in (0, 1) from key and endpoint, the highest `−w/ln u` is the endpoint's with probability `w / Σw`, and a weight that
/// changes moves only what it must. Where all weigh the same, the order of `u` is that of `−1/ln u`.
///
/// The mean is that of the endpoints left. Picks made at the same moment on several threads do not see one another, so
/// the bound can be passed by as many as there are of them.
pub(super) fn pick(
    endpoints: &[Arc<Endpoint>],
    seeds: &[u64],
    weights: &Weights,
    eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    key: u64,
) -> Option<u32> {
    let (mut left, mut in_flight) = (0, 1u64);
    for endpoint in eligible.iter() {
        left += weights.get(endpoint);
        in_flight += u64::from(endpoints[endpoint as usize].in_flight());
    }
    let equal = bound(in_flight, 1, left);
    let (mut best, mut high) = (None, (false, Score::LOWEST));
    for endpoint in eligible.iter() {
        let index = endpoint as usize;
        let bits = uniform(key, seeds[index]);
        let (room, score) = if weights.are_equal() {
            (equal, Score::Even(bits))
        } else {
            let weight = weights.get(endpoint);
            (bound(in_flight, weight, left), Score::Weighted(weighted(bits, weight)))
        };
        // One without room only wins where, by now, none has any.
        let score = (u64::from(endpoints[index].in_flight()) < room, score);
        if best.is_none() || score > high {
            (best, high) = (Some(endpoint), score);
        }
    }
    best
}

/// Of one kind within a pick.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Score {
    Even(u64),
    Weighted(f64),
}

impl Score {
    const LOWEST: Self = Self::Even(0);
}

/// How many an endpoint of this weight may carry when there are `in_flight` in all, the new one included.
fn bound(in_flight: u64, weight: u64, weights: u64) -> u64 {
    (in_flight as f64 * LOAD_BOUND * weight as f64 / weights.max(1) as f64).ceil() as u64
}

fn uniform(key: u64, seed: u64) -> u64 {
    Draw::new(key ^ seed).split().bits()
}

fn weighted(bits: u64, weight: u64) -> f64 {
    // In the middle of its step of 2⁻⁵³, so that neither 0 nor 1 comes up. The logarithm is `libm`'s and not the
    // platform's: two processors must not differ in the last bit.
    let uniform = ((bits >> 11) as f64 + 0.5) * (1.0 / (1u64 << 53) as f64);
    -(weight as f64) / libm::log(uniform)
}
