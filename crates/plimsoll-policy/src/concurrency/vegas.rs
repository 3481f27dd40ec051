//! TCP Vegas (Brakmo and Peterson, 1995), as in concurrency-limits' `VegasLimit` (as of 2026).
//!
//! With `q = ⌈L·(1 − rtt₀/rtt)⌉`, the calls that stand in the peer's queue, and `lg = max(1, ⌊log₁₀ L⌋)`:
//!
//! * drops: `L − lg` for each, but not below half;
//! * `rtt < rtt₀`, and at the first: `rtt₀ ← rtt`, and `L` as it was;
//! * less than half used: as it was;
//! * `q ≤ lg`: `L + 6·lg`; `q < 3·lg`: `L + lg`; `q > 6·lg`: `L − lg`; between: as it was.
//!
//! `rtt` is the mean of a window, `rtt₀` the least of them since the last probe.
//!
//! Differences from the source, each with its reason:
//!
//! * A window with drops lowers the limit by `lg` once there, and not at all where its latency is a new least one. Here
//!   it does by `lg` for each drop: a window may stand for thousands of calls, and how quick the others were is no argument
//!   to those that were lost.
//! * Every `U(½, 1)·30·L` windows the source takes whatever latency comes next for `rtt₀`, under load or not. Here the
//!   limit is lowered for it (see the module's probes), after a number of windows that does not depend on `L`.
//! * `L` does not fall below the spec's least, which is 1 there.
//!
//! Known weakness: latencies that vary look like a queue, since all are held against the least. Before a peer without a
//! queue and lognormal latencies (σ = 1.5) a third of 1,000 calls a second are refused, and more at higher rates: not for such peers.

use super::window::Sample;

#[derive(Debug, Default)]
pub(super) struct Vegas {
    /// In nanoseconds; `None` before the first window.
    least: Option<f64>,
}

impl Vegas {
    pub(super) fn step(&mut self, limit: f64, sample: &Sample) -> f64 {
        let lg = lg(limit);
        if sample.drops > 0 {
            return (limit - lg * f64::from(sample.drops)).max(limit / 2.0);
        }
        let Some(latency) = sample.latency else { return limit };
        let Some(least) = self.least.filter(|least| *least <= latency) else {
            self.least = Some(latency);
            return limit;
        };
        if !sample.utilises(limit) {
            return limit;
        }
        let queue = (limit * (1.0 - least / latency)).ceil();
        if queue <= lg {
            limit + 6.0 * lg
        } else if queue < 3.0 * lg {
            limit + lg
        } else if queue > 6.0 * lg {
            limit - lg
        } else {
            limit
        }
    }

    /// The latency without a queue has been measured; whether it is far below what was believed.
    pub(super) fn measured(&mut self, latency: f64) -> bool {
        let before = self.least.replace(latency);
        before.is_some_and(|before| latency < 0.8 * before)
    }

    pub(super) fn baseline(&self) -> Option<f64> {
        self.least
    }
}

/// `max(1, ⌊log₁₀ L⌋)`, by comparison: a logarithm's last bit is the platform's.
fn lg(limit: f64) -> f64 {
    const POWERS: [f64; 7] = [100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
    1.0 + POWERS.iter().take_while(|power| limit >= **power).count() as f64
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "every value here is exact")]
mod tests {
    use super::*;

    fn sample(latency: f64, in_flight: f64) -> Sample {
        Sample { latency: Some(latency), in_flight, drops: 0 }
    }

    fn step(limit: f64, latency: f64) -> f64 {
        Vegas { least: Some(10.0) }.step(limit, &sample(latency, limit))
    }

    #[test]
    fn follows_its_equation() {
        // L = 20, lg = 1.
        assert_eq!(step(20.0, 10.0), 26.0, "q = 0");
        assert_eq!(step(20.0, 10.5), 26.0, "q = ⌈20·(1 − 10/10.5)⌉ = ⌈0.95⌉ = 1");
        assert_eq!(step(20.0, 11.0), 21.0, "q = ⌈1.82⌉ = 2");
        assert_eq!(step(20.0, 11.5), 20.0, "q = ⌈2.61⌉ = 3");
        assert_eq!(step(20.0, 14.0), 20.0, "q = ⌈5.71⌉ = 6");
        assert_eq!(step(20.0, 14.5), 19.0, "q = ⌈6.21⌉ = 7");
        // L = 200, lg = 2.
        assert_eq!(step(200.0, 10.05), 212.0, "q = ⌈0.995⌉ = 1");
        assert_eq!(step(200.0, 10.2), 202.0, "q = ⌈3.92⌉ = 4");
        assert_eq!(step(200.0, 10.5), 200.0, "q = ⌈9.52⌉ = 10");
        assert_eq!(step(200.0, 11.0), 198.0, "q = ⌈18.2⌉ = 19");
    }

    #[test]
    fn lg_is_the_logarithm_rounded_down() {
        assert_eq!([1.0, 2.0, 9.9, 99.9].map(lg), [1.0; 4]);
        for (digits, power) in (2..).zip([1e2, 1e3, 1e4, 1e5, 1e6, 1e7]) {
            assert_eq!(lg(power), f64::from(digits));
            assert_eq!(lg(power - 0.001), f64::from(digits - 1).max(1.0));
        }
    }

    #[test]
    fn a_new_least_latency_is_recorded_and_not_stepped_on() {
        let mut vegas = Vegas::default();
        assert_eq!(vegas.step(20.0, &sample(10.0, 20.0)), 20.0, "the first");
        assert_eq!(vegas.step(20.0, &sample(9.0, 20.0)), 20.0);
        assert_eq!(vegas.step(20.0, &sample(9.0, 20.0)), 26.0, "as quick is not quicker");
        assert_eq!(vegas.baseline(), Some(9.0));
    }

    #[test]
    fn drops_count_each_but_not_below_half() {
        let mut vegas = Vegas::default();
        let drops = |drops| Sample { latency: None, in_flight: 1.0, drops };
        assert_eq!(vegas.step(200.0, &drops(3)), 194.0);
        assert_eq!(vegas.step(200.0, &drops(80)), 100.0);
    }

    #[test]
    fn does_not_grow_when_not_utilised_and_still_learns_the_least() {
        let mut vegas = Vegas { least: Some(10.0) };
        assert_eq!(vegas.step(20.0, &sample(8.0, 9.0)), 20.0);
        assert_eq!(vegas.baseline(), Some(8.0));
    }

    #[test]
    fn a_probe_replaces_a_baseline_either_way() {
        let mut vegas = Vegas { least: Some(10.0) };
        assert!(!vegas.measured(12.0));
        assert!(vegas.measured(9.0));
        assert_eq!(vegas.baseline(), Some(9.0));
    }
}
