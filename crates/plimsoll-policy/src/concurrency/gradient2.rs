//! The gradient of a short to a long average, as in concurrency-limits' `Gradient2Limit`.
//!
//! With `long` an exponential average over 600 windows (the plain mean for the first ten):
//!
//! * `long/short > 2`: `long ← 0.9·long`, so that the end of a long overload is noticed;
//! * less than half of `L` used: as it was;
//! * else `g = clamp(long/short, ½, 1)` and `L ← 0.8·L + 0.2·(g·L + h)`.
//!
//! Two things differ from the source. The headroom `h` is 4 there; here it is `clamp(L/4, 1, 4)`, because with 4 the
//! limit cannot fall below 8 however long the queue (`L = ½·L + 4`), which is a lot for a service of one thread. And
//! drops, which the source does not look at, lower the limit as in AIMD: `L ← 0.9·L`.
//!
//! At rest `(1 − g)·L = h`: the limit stands about 4 above the peer's capacity.

use super::window::Sample;

const WARM_UP: u32 = 10;
const LONG: f64 = 2.0 / 601.0;
const SMOOTHING: f64 = 0.2;

#[derive(Debug, Default)]
pub(super) struct Gradient2 {
    /// In nanoseconds; meaningless before the first window.
    long: f64,
    seen: u32,
}

impl Gradient2 {
    pub(super) fn step(&mut self, limit: f64, sample: &Sample) -> f64 {
        let gradient = sample.latency.map(|short| self.average(short) / short);
        if sample.drops > 0 {
            return limit * 0.9;
        }
        let Some(gradient) = gradient else { return limit };
        if gradient > 2.0 {
            self.long *= 0.9;
        }
        if !sample.utilises(limit) {
            return limit;
        }
        let headroom = (limit / 4.0).clamp(1.0, 4.0);
        let aim = gradient.clamp(0.5, 1.0) * limit + headroom;
        (1.0 - SMOOTHING) * limit + SMOOTHING * aim
    }

    fn average(&mut self, short: f64) -> f64 {
        if self.seen < WARM_UP {
            self.seen += 1;
            self.long += (short - self.long) / f64::from(self.seen);
        } else {
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
        before.is_some_and(|before| latency < 0.8 * before)
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
        // g = 1: 0.8·20 + 0.2·(20 + 4).
        close(at(100.0).step(20.0, &sample(100.0, 20.0)), 20.8);
        // long = 100 + 2/601·(601 − 100) = 100 + 1002/601; g = long/601 < ½, so ½: 0.8·20 + 0.2·14.
        close(at(100.0).step(20.0, &sample(601.0, 20.0)), 18.8);
        // long = 100 + 2/601·25 = 100.0831946755; g = 0.80066555740: 16 + 0.2·(16.013311148 + 4).
        close(at(100.0).step(20.0, &sample(125.0, 20.0)), 20.002_662_229_6);
        // Quicker than ever is no reason to grow faster.
        close(at(100.0).step(20.0, &sample(90.0, 20.0)), 20.8);
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
            gradient.step(20.0, &sample(f64::from(latency) * 10.0, 20.0));
        }
        close(gradient.long, 55.0);
        gradient.step(20.0, &sample(656.0, 20.0));
        close(gradient.long, 57.0);
    }

    #[test]
    fn the_end_of_a_long_overload_is_noticed() {
        let mut gradient = at(601.0);
        gradient.step(20.0, &sample(100.0, 20.0));
        // (601 + 2/601·(100 − 601))·0.9
        close(gradient.long, (601.0 - 1002.0 / 601.0) * 0.9);
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
