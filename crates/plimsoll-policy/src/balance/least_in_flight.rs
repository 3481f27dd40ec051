//! The endpoint with the fewest calls in flight.

use super::{eligible::Eligible, endpoint::Endpoint, weights::Weights};
use crate::Draw;
use std::sync::Arc;

/// The endpoint with the fewest in flight for its weight; of equals one is drawn, each as likely as it weighs.
///
/// With a fixed order among equals the first would take every call of a quiet service, and so would the heaviest if the
/// call to come were counted in (`(in flight + 1) / weight`): a light endpoint would be asked only under load.
pub(super) fn pick(
    endpoints: &[Arc<Endpoint>],
    weights: &Weights,
    eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    mut draw: Draw,
) -> Option<u32> {
    // In flight and weight of the best so far, and what its equals weigh.
    let (mut best, mut least, mut equals) = (None, (0, 1), 0);
    for endpoint in eligible.iter() {
        let (in_flight, weight) =
            (u64::from(endpoints[endpoint as usize].in_flight()), weights.get(endpoint));
        // Both sides of `in_flight / weight < least.0 / least.1`, multiplied out.
        let (here, there) = (in_flight * least.1, least.0 * weight);
        if best.is_none() || here < there {
            (best, least, equals) = (Some(endpoint), (in_flight, weight), weight);
        } else if here == there {
            equals += weight;
            draw = draw.split();
            if draw.below(equals) < weight {
                best = Some(endpoint);
            }
        }
    }
    best
}
