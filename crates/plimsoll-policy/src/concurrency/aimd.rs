//! Additive increase, multiplicative decrease.
//!
//! `L ← ⌊0.9·L⌋` after drops or at a latency above 5 s, else `L ← L + 1` while at least half of it is used
//! (concurrency-limits' `AIMDLimit`, as of 2026; the rule is Chiu and Jain's, 1989). No differences but the bounds, which
//! are the spec's (there 20 to 200), and that a window stands for a call.

use super::window::Sample;

/// In nanoseconds.
const TOO_SLOW: f64 = 5e9;

pub(super) fn step(limit: f64, sample: &Sample) -> f64 {
    if sample.drops > 0 || sample.latency.is_some_and(|latency| latency > TOO_SLOW) {
        (limit * 0.9).floor()
    } else if sample.utilises(limit) {
        limit + 1.0
    } else {
        limit
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "every value here is exact")]
mod tests {
    use super::*;

    fn sample(latency: f64, in_flight: f64, drops: u32) -> Sample {
        Sample { latency: Some(latency), in_flight, drops }
    }

    #[test]
    fn follows_its_equation() {
        assert_eq!(step(20.0, &sample(1e6, 10.0, 0)), 21.0);
        assert_eq!(step(20.0, &sample(1e6, 9.0, 0)), 20.0, "not utilised");
        assert_eq!(step(21.0, &sample(1e6, 21.0, 1)), 18.0, "⌊18.9⌋");
        assert_eq!(step(10.0, &sample(5.1e9, 1.0, 0)), 9.0);
        assert_eq!(step(10.0, &Sample { latency: None, in_flight: 1.0, drops: 10 }), 9.0);
    }
}
