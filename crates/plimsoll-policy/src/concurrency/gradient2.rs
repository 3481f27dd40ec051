//! The gradient of a long to a short average, as in concurrency-limits' `Gradient2Limit` (as of 2026).
//!
//! `short` is the mean of a window and `long` an exponential average over 600 windows (the plain mean for the first ten):
//!
//! * `long/short > 2`: `long ← 0.95·long`, so that the end of a long overload is noticed;
//! * less than half of `L` used: as it was;
//! * else `g = clamp(1.5·long/short, ½, 1)` and `L ← 0.8·L + 0.2·(g·L + h)`.
//!
//! At rest `(1 − g)·L = h`: while calls wait at the limit, latency stands at 1.5 times the baseline and a little more. The
//! tolerance is the price for leaving alone a peer without a queue whose latency varies: without it, half of the windows
//! of such a peer look like a queue, and with lognormal latencies of σ = 2 up to four calls in five are refused.
//!
//! Differences from the source, each with its reason:
//!
//! * The headroom `h` is 4 there; here it is `clamp(L/4, 1, 4)`. With 4 the limit cannot fall below 8 however long the
//!   queue (`L = ½·L + 4`), which is a lot for a service of one thread. The source does not let it fall below 20 at all.
//! * `long` does not rise on a window in which all of the limit was taken. What came back then has met the queue that the
//!   limit lets stand, and with the tolerance a baseline that follows it carries the limit away: by half every 120
//!   windows. How slow the peer itself has become, probes measure.
//! * Drops, which the source does not look at, lower the limit as in AIMD: `L ← 0.9·L`.
//! * A window is at least 100 ms long there and here, but by default 1 s there: small windows are noisier and found
//!   to be long enough, and the limit moves ten times as fast.

use super::window::Sample;

const WARM_UP: u32 = 10;
const LONG: f64 = 2.0 / 601.0;
const SMOOTHING: f64 = 0.2;
const TOLERANCE: f64 = 1.5;
const DECAY: f64 = 0.95;

#[derive(Debug, Default)]
pub(super) struct Gradient2 {
    /// In nanoseconds; meaningless before the first window.
    long: f64,
    seen: u32,
}

impl Gradient2 {
    pub(super) fn step(&mut self, limit: f64, sample: &Sample) -> f64 {
        let gradient = sample.latency.map(|short| self.follow(short, sample.fills(limit)) / short);
        if sample.drops > 0 {
            return limit * 0.9;
        }
        let Some(gradient) = gradient else { return limit };
        // Before, the next window's plain mean would undo it.
        if gradient > 2.0 && self.seen == WARM_UP {
            self.long *= DECAY;
        }
        if !sample.utilises(limit) {
            return limit;
        }
        let headroom = (limit / 4.0).clamp(1.0, 4.0);
        let aim = (TOLERANCE * gradient).clamp(0.5, 1.0) * limit + headroom;
        (1.0 - SMOOTHING) * limit + SMOOTHING * aim
    }

    /// The long average, with one more window. It does not rise on one in which the limit was `full`.
    fn follow(&mut self, short: f64, full: bool) -> f64 {
        if self.seen < WARM_UP {
            self.seen += 1;
            self.long += (short - self.long) / f64::from(self.seen);
        } else if !full || short < self.long {
            self.long += LONG * (short - self.long);
        }
        self.long
    }

    /// The latency without a queue has been measured: meet it half way, since one window is noisy. Whether it is far
    /// below what was believed.
    pub(super) fn measured(&mut self, latency: f64) -> bool {
        let before = self.baseline();
        self.long = before.map_or(latency, |before| f64::midpoint(before, latency));
        self.seen = WARM_UP;
        before.is_some_and(|before| latency < 0.9 * before)
    }

    pub(super) fn baseline(&self) -> Option<f64> {
        (self.seen > 0).then_some(self.long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(latency: f64, in_flight: f64) -> Sample {
        Sample { latency: Some(latency), in_flight, drops: 0 }
    }

    fn at(long: f64) -> Gradient2 {
        Gradient2 { long, seen: WARM_UP }
    }

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn follows_its_equation() {
        // g = 1: 0.8·20 + 0.2·(20 + 4), as long as latency is within half as much again.
        close(at(100.0).step(20.0, &sample(100.0, 15.0)), 20.8);
        close(at(100.0).step(20.0, &sample(150.0, 15.0)), 20.8);
        // long = 100 + 2/601·(601 − 100) = 100 + 1002/601; g = 1.5·long/601 < ½, so ½: 0.8·20 + 0.2·14.
        close(at(100.0).step(20.0, &sample(601.0, 15.0)), 18.8);
        // long = 100 + 2/601·60 = 100.1996672213; g = 1.5·long/160 = 0.9393718802: 16 + 0.2·(18.787437604 + 4).
        close(at(100.0).step(20.0, &sample(160.0, 15.0)), 20.557_487_520_799);
        // Quicker than ever is no reason to grow faster.
        close(at(100.0).step(20.0, &sample(90.0, 15.0)), 20.8);
    }

    #[test]
    fn does_not_grow_when_not_utilised() {
        close(at(100.0).step(20.0, &sample(100.0, 9.0)), 20.0);
    }

    #[test]
    fn small_limits_have_small_headroom() {
        // 0.8·4 + 0.2·(½·4 + 1) = 3.8: it can go on falling where a headroom of 4 would lift it to 8.
        close(at(1.0).step(4.0, &sample(1000.0, 4.0)), 3.8);
    }

    #[test]
    fn warms_up_by_the_plain_mean_and_then_averages_slowly() {
        let mut gradient = Gradient2::default();
        for latency in 1..=10 {
            gradient.step(20.0, &sample(f64::from(latency) * 10.0, 15.0));
        }
        close(gradient.long, 55.0);
        gradient.step(20.0, &sample(656.0, 15.0));
        close(gradient.long, 57.0);
    }

    #[test]
    fn a_queue_that_the_limit_itself_lets_stand_does_not_raise_the_baseline() {
        let mut gradient = at(100.0);
        gradient.step(20.9, &sample(601.0, 20.0));
        close(gradient.long, 100.0);
        gradient.step(20.9, &sample(99.0, 20.0));
        close(gradient.long, 100.0 - 2.0 / 601.0);
    }

    #[test]
    fn the_end_of_a_long_overload_is_noticed() {
        let mut gradient = at(601.0);
        gradient.step(20.0, &sample(100.0, 20.0));
        // (601 + 2/601·(100 − 601))·0.95
        close(gradient.long, (601.0 - 1002.0 / 601.0) * 0.95);
    }

    #[test]
    fn drops_lower_it() {
        close(at(100.0).step(20.0, &Sample { latency: None, in_flight: 20.0, drops: 10 }), 18.0);
    }

    #[test]
    fn a_probe_is_met_half_way() {
        let mut gradient = at(100.0);
        assert!(gradient.measured(50.0));
        close(gradient.long, 75.0);
        assert!(!gradient.measured(75.0));
    }
}
