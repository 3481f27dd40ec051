//! The same endpoint for the same key, within bounded load.

use super::{eligible::Eligible, endpoint::Endpoint};
use crate::Draw;
use std::sync::Arc;

/// No endpoint carries more than this times the mean in flight, rounded up.
pub const LOAD_BOUND: f64 = 1.25;

/// Of the endpoints with room, the one with the highest score for this key.
///
/// Rendezvous hashing (Thaler, Ravishankar, 1996) with the load bound of Mirrokni, Thorup, Zadimoghaddam, "Consistent
/// Hashing with Bounded Loads", 2018. A ring or a Maglev table finds its endpoint faster among thousands; an upstream
/// has few, and for few this is the better trade: no table to hold or to rebuild, an endpoint that is gone moves its own
/// keys and no other, and what is above the bound goes to each key's own second choice instead of to one neighbour,
/// which it could push over the bound next.
///
/// The mean is that of the endpoints left. Picks made at the same moment on several threads do not see one another, so
/// the bound can be passed by as many as there are of them.
pub(super) fn pick(
    endpoints: &[Arc<Endpoint>],
    seeds: &[u64],
    eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    key: u64,
) -> Option<u32> {
    let (mut left, mut in_flight) = (0u64, 1u64);
    for endpoint in eligible.iter() {
        left += 1;
        in_flight += u64::from(endpoints[endpoint as usize].in_flight());
    }
    let room = bound(in_flight, left);
    let (mut best, mut high) = (None, (false, 0));
    for endpoint in eligible.iter() {
        let index = endpoint as usize;
        // One without room only wins where, by now, none has any.
        let score = (u64::from(endpoints[index].in_flight()) < room, score(key, seeds[index]));
        if best.is_none() || score > high {
            (best, high) = (Some(endpoint), score);
        }
    }
    best
}

/// How many an endpoint may carry when there are `in_flight` in all, the new one included.
fn bound(in_flight: u64, endpoints: u64) -> u64 {
    (in_flight as f64 * LOAD_BOUND / endpoints.max(1) as f64).ceil() as u64
}

fn score(key: u64, seed: u64) -> u64 {
    Draw::new(key ^ seed).split().bits()
}

/// What sets the endpoint of this number apart in every score.
pub(super) fn seed(number: u64) -> u64 {
    Draw::new(number).split().bits()
}
