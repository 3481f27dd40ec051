//! Windows, an algorithm and its probes: what moves the limit.

use super::{
    Algorithm, ConcurrencySnapshot, ConcurrencySpec, aimd,
    gradient2::Gradient2,
    probe::{Probe, Use},
    vegas::Vegas,
    window::{Call, Sample, Window},
};
use crate::{Draw, Instant, bulkhead::Bulkhead};
use std::time::Duration;

/// The divisor of the limit during a probe. With a tolerance of 1.5, a baseline taken at half of a limit that is too high
/// would find that limit nearly right.
const CUT: f64 = 3.0;

#[derive(Debug)]
enum Law {
    Aimd,
    Vegas(Vegas),
    Gradient2(Gradient2),
}

impl Law {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Aimd => Self::Aimd,
            Algorithm::Vegas => Self::Vegas(Vegas::default()),
            Algorithm::Gradient2 => Self::Gradient2(Gradient2::default()),
        }
    }

    fn step(&mut self, limit: f64, sample: &Sample) -> f64 {
        match self {
            Self::Aimd => aimd::step(limit, sample),
            Self::Vegas(vegas) => vegas.step(limit, sample),
            Self::Gradient2(gradient) => gradient.step(limit, sample),
        }
    }

    fn baseline(&self) -> Option<f64> {
        match self {
            Self::Aimd => None,
            Self::Vegas(vegas) => vegas.baseline(),
            Self::Gradient2(gradient) => gradient.baseline(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Estimator {
    spec: ConcurrencySpec,
    /// The limit that the algorithm has found, which is not in force during a probe.
    found: f64,
    window: Window,
    law: Law,
    probe: Probe,
    /// The last window's mean in nanoseconds.
    latency: Option<f64>,
}

impl Estimator {
    pub(super) fn new(spec: ConcurrencySpec) -> Self {
        let mut new = Self {
            spec,
            found: f64::from(spec.initial.get()),
            window: Window::default(),
            law: Law::new(spec.algorithm),
            probe: Probe::FIRST,
            latency: None,
        };
        new.found = new.bounded(new.found);
        new
    }

    pub(super) fn update(&mut self, spec: ConcurrencySpec) {
        if spec.algorithm != self.spec.algorithm {
            self.law = Law::new(spec.algorithm);
            self.probe = Probe::FIRST;
        }
        self.spec = spec;
        self.found = self.bounded(self.found);
    }

    /// The limit to put in force.
    pub(super) fn limit(&self) -> u32 {
        let limit = if self.probe.is_under_way() { self.found / CUT } else { self.found };
        self.bounded(limit) as u32
    }

    /// Learns of a call; whether the limit may have moved.
    pub(super) fn record(&mut self, now: Instant, call: Call) -> bool {
        let Some(sample) = self.window.add(now, call) else { return false };
        self.latency = sample.latency.or(self.latency);
        let cut = self.probe.is_under_way();
        let purpose = match self.law {
            Law::Aimd => Use::Step,
            Law::Vegas(_) | Law::Gradient2(_) => self.probe.turn(sample.fills(f64::from(self.limit()))),
        };
        match purpose {
            Use::Step => self.step(&sample),
            Use::Discard => {}
            Use::Measure => self.measure(now, &sample, cut),
        }
        true
    }

    /// `cut`: the limit was lowered for it.
    fn measure(&mut self, now: Instant, sample: &Sample, cut: bool) {
        // No clock and no generator here: the latency's last bits are as good as drawn.
        let draw = Draw::new(now.as_nanos() ^ sample.latency.unwrap_or(0.0).to_bits()).split();
        let far_off = match (&mut self.law, sample.latency) {
            (Law::Vegas(vegas), Some(latency)) => vegas.measured(latency),
            (Law::Gradient2(gradient), Some(latency)) if cut => gradient.measured(latency),
            _ => false,
        };
        self.probe.rest(far_off, draw);
        // One window is noisy, and where the limit does not bind, the long average has no need of it.
        let averaged = !cut && matches!(self.law, Law::Gradient2(_));
        if sample.drops > 0 || averaged {
            self.step(sample);
        }
    }

    fn step(&mut self, sample: &Sample) {
        let found = self.law.step(self.found, sample);
        self.found = self.bounded(found);
    }

    fn bounded(&self, limit: f64) -> f64 {
        let min = self.spec.min.get().min(Bulkhead::MAX_IN_FLIGHT);
        let max = self.spec.max.get().clamp(min, Bulkhead::MAX_IN_FLIGHT);
        limit.clamp(f64::from(min), f64::from(max))
    }

    pub(super) fn snapshot(&self, in_flight: u32, limit: u32) -> ConcurrencySnapshot {
        let span = |nanos: f64| Duration::from_nanos(nanos as u64);
        ConcurrencySnapshot {
            in_flight,
            limit,
            baseline: self.law.baseline().map(span),
            latency: self.latency.map(span),
            probing: self.probe.is_under_way(),
            spec: self.spec,
        }
    }
}
