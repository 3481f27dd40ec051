//! The estimators against their sources' equations, step by step. These are written down once more here, in the terms of
//! the source: a window's round trip, what was in flight, whether something was lost. What differs on purpose is left
//! out of the comparison and stands in the files of the estimators.

use super::{aimd, gradient2::Gradient2, vegas::Vegas, window::Sample};
use proptest::prelude::*;

/// A step of the source: nanoseconds, calls in flight, dropped.
type Step = (u64, u32, bool);

fn sample((rtt, in_flight, dropped): Step) -> Sample {
    Sample { latency: Some(rtt as f64), in_flight: f64::from(in_flight), drops: dropped.into() }
}

/// concurrency-limits' `AIMDLimit`: 20 to 200, a ratio of 0.9, a timeout of 5 s.
fn aimd_limit(limit: i32, (rtt, inflight, dropped): Step) -> i32 {
    let inflight = inflight as i32;
    let next = if dropped || rtt > 5_000_000_000 {
        (f64::from(limit) * 0.9) as i32
    } else if inflight * 2 >= limit {
        limit + 1
    } else {
        limit
    };
    next.clamp(20, 200)
}

/// concurrency-limits' `VegasLimit` with its default functions, without its probe.
struct VegasLimit {
    estimated_limit: f64,
    rtt_noload: u64,
}

impl VegasLimit {
    fn update(&mut self, (rtt, inflight, dropped): Step) {
        if self.rtt_noload == 0 || rtt < self.rtt_noload {
            self.rtt_noload = rtt;
            return;
        }
        let log10 = ((self.estimated_limit as u32).ilog10() as i32).max(1);
        let queue_size = (self.estimated_limit * (1.0 - self.rtt_noload as f64 / rtt as f64)).ceil() as i32;
        let (alpha, beta, threshold) = (3 * log10, 6 * log10, log10);
        let new_limit = if dropped {
            self.estimated_limit - f64::from(log10)
        } else if f64::from(inflight * 2) < self.estimated_limit {
            return;
        } else if queue_size <= threshold {
            self.estimated_limit + f64::from(beta)
        } else if queue_size < alpha {
            self.estimated_limit + f64::from(log10)
        } else if queue_size > beta {
            self.estimated_limit - f64::from(log10)
        } else {
            return;
        };
        self.estimated_limit = new_limit.clamp(1.0, 1000.0);
    }
}

/// concurrency-limits' `Gradient2Limit` with its defaults: 20 to 200.
struct Gradient2Limit {
    estimated_limit: f64,
    long_rtt: f64,
    warm_up: Vec<f64>,
}

impl Gradient2Limit {
    fn update(&mut self, (rtt, inflight, _): Step) {
        let short_rtt = rtt as f64;
        if self.warm_up.len() < 10 {
            self.warm_up.push(short_rtt);
            self.long_rtt = self.warm_up.iter().sum::<f64>() / self.warm_up.len() as f64;
        } else {
            let factor = 2.0 / (600.0 + 1.0);
            self.long_rtt = self.long_rtt * (1.0 - factor) + short_rtt * factor;
        }
        let long_rtt = self.long_rtt;
        if long_rtt / short_rtt > 2.0 {
            self.long_rtt *= 0.95;
        }
        if f64::from(inflight) < self.estimated_limit / 2.0 {
            return;
        }
        let gradient = (1.5 * long_rtt / short_rtt).clamp(0.5, 1.0);
        let new_limit = self.estimated_limit * gradient + 4.0;
        let new_limit = self.estimated_limit * (1.0 - 0.2) + new_limit * 0.2;
        self.estimated_limit = new_limit.clamp(20.0, 200.0);
    }
}

/// Round trips within a factor of ten of one another, in flight from none to all of the limit.
fn steps() -> impl Strategy<Value = Vec<(u64, f64, bool)>> {
    let rtt = prop_oneof![8 => 1_000_000u64..10_000_000, 1 => 4_000_000_000u64..6_000_000_000];
    prop::collection::vec((rtt, 0.0f64..1.0, prop::bool::weighted(0.1)), 1..400)
}

proptest! {
    #[test]
    fn aimd_decides_as_its_source_does(steps in steps(), initial in 20i32..200) {
        let (mut ours, mut theirs) = (f64::from(initial), initial);
        for (rtt, part, dropped) in steps {
            let step = (rtt, (part * ours) as u32, dropped);
            ours = aimd::step(ours, &sample(step)).clamp(20.0, 200.0);
            theirs = aimd_limit(theirs, step);
            prop_assert!((ours - f64::from(theirs)).abs() < 1e-9, "{ours} is not {theirs}");
        }
    }

    #[test]
    fn vegas_decides_as_its_source_does(steps in steps(), initial in 1u32..1000) {
        let (mut vegas, mut ours) = (Vegas::default(), f64::from(initial));
        let mut theirs = VegasLimit { estimated_limit: ours, rtt_noload: 0 };
        for (rtt, part, dropped) in steps {
            let known = theirs.rtt_noload != 0 && rtt >= theirs.rtt_noload;
            // One drop a window, above twice the step: beyond that the two differ on purpose.
            let step = (rtt, (part * ours) as u32, dropped && known && ours >= 20.0);
            ours = vegas.step(ours, &sample(step)).clamp(1.0, 1000.0);
            theirs.update(step);
            if step.2 {
                // A drop's latency is not taken for a new least one there either.
                prop_assert!(rtt >= theirs.rtt_noload);
            }
            prop_assert!((ours - theirs.estimated_limit).abs() < 1e-9, "{ours} is not {}", theirs.estimated_limit);
            prop_assert_eq!(vegas.baseline(), Some(theirs.rtt_noload as f64));
        }
    }

    #[test]
    fn gradient2_decides_as_its_source_does(steps in steps(), initial in 20u32..200) {
        let (mut gradient, mut ours) = (Gradient2::default(), f64::from(initial));
        let mut theirs = Gradient2Limit { estimated_limit: ours, long_rtt: 0.0, warm_up: vec![] };
        for (rtt, part, _) in steps {
            // Never quite the whole limit, from which on the baseline does not rise here.
            let step = (rtt, (part * (ours - 1.0)) as u32, false);
            ours = gradient.step(ours, &sample(step)).clamp(20.0, 200.0);
            theirs.update(step);
            prop_assert!((ours - theirs.estimated_limit).abs() < 1e-6, "{ours} is not {}", theirs.estimated_limit);
            if theirs.warm_up.len() < 10 {
                // There it may be decayed for now; the next window's plain mean undoes it.
                continue;
            }
            let long = gradient.baseline().unwrap();
            prop_assert!((long / theirs.long_rtt - 1.0).abs() < 1e-9, "{long} is not {}", theirs.long_rtt);
        }
    }
}
