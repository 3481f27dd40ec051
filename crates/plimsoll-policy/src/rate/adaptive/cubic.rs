//! The rate after a throttle, as a function of time: CUBIC (Ha, Rhee, Xu, 2008) with the AWS SDKs' constants.

use crate::Instant;

const SCALE: f64 = 0.4;
const BETA: f64 = 0.7;

/// A cubic that falls to 0.7 of `last_max`, comes back to it in `∛(last_max · 0.3 / 0.4)` seconds, slowly towards the end,
/// and then feels its way beyond.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cubic {
    /// The rate that was sent when the peer last asked for less, in calls a second.
    last_max: f64,
    since: Instant,
    /// Seconds until `last_max` is reached again.
    back: f64,
}

impl Cubic {
    /// The peer asks for less at `now`, while `last_max` calls a second are sent.
    pub(super) fn throttled(last_max: f64, now: Instant) -> Self {
        // Not the platform's cube root: its last bit would decide differently elsewhere.
        Self { last_max, since: now, back: libm::cbrt(last_max * (1.0 - BETA) / SCALE) }
    }

    /// Calls a second just after the throttle.
    pub(super) fn lowered(&self) -> f64 {
        BETA * self.last_max
    }

    /// Calls a second at `now`.
    pub(super) fn rate(&self, now: Instant) -> f64 {
        let off = now.since(self.since).as_secs_f64() - self.back;
        SCALE * (off * off * off) + self.last_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn follows_the_vectors_that_were_published() {
        let at = |secs| Instant::ORIGIN + Duration::from_secs(secs);
        let cubic = Cubic::throttled(10.0, at(5));
        assert!((cubic.lowered() - 7.0).abs() < 1e-12);
        let expected = [
            7.0,
            9.648_936_009_66,
            10.000_030_85,
            10.453_284_52,
            13.408_697_02,
            21.266_268_35,
            36.425_998_52,
        ];
        for (secs, expected) in (5..).zip(expected) {
            let rate = cubic.rate(at(secs));
            assert!((rate - expected).abs() < 1e-8, "{rate} at {secs} s, not {expected}");
        }
    }
}
