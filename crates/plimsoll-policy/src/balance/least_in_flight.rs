//! The endpoint with the fewest calls in flight.

use super::{eligible::Eligible, endpoint::Endpoint};
use crate::Draw;
use std::sync::Arc;

/// Of equals each is as likely as the other: with a fixed order the first would take every call of a quiet service.
pub(super) fn pick(
    endpoints: &[Arc<Endpoint>],
    eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    mut draw: Draw,
) -> Option<u32> {
    let (mut best, mut least, mut equals) = (None, u32::MAX, 0);
    for endpoint in eligible.iter() {
        let in_flight = endpoints[endpoint as usize].in_flight();
        if in_flight < least || best.is_none() {
            (best, least, equals) = (Some(endpoint), in_flight, 1);
        } else if in_flight == least {
            equals += 1;
            draw = draw.split();
            if draw.below(equals) == 0 {
                best = Some(endpoint);
            }
        }
    }
    best
}
