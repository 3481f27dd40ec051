//! The spec in atomics, so that it can be changed while attempts end.

use super::{EjectionSpec, FailurePercentage, SuccessRate};
use crate::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::nanos,
    units::Ratio,
};
use std::{num::NonZeroU32, time::Duration};

#[derive(Debug)]
pub(super) struct Thresholds {
    /// 0: failures in a row are not looked at.
    consecutive: AtomicU32,
    minimum_endpoints: AtomicU32,
    minimum_requests: AtomicU32,
    duration: AtomicU64,
    max_duration: AtomicU64,
    sweep: AtomicU64,
    /// The bits of an `f64`.
    at_most: AtomicU64,
    /// The bits of an `f64`; not a number: success rates are not looked at.
    deviations: AtomicU64,
    percentage_endpoints: AtomicU32,
    percentage_requests: AtomicU32,
    /// The bits of an `f64`; not a number: failure percentages are not looked at.
    percentage: AtomicU64,
}

impl Thresholds {
    pub(super) fn new(spec: &EjectionSpec) -> Self {
        let thresholds = Self {
            consecutive: AtomicU32::new(0),
            minimum_endpoints: AtomicU32::new(0),
            minimum_requests: AtomicU32::new(0),
            duration: AtomicU64::new(0),
            max_duration: AtomicU64::new(0),
            sweep: AtomicU64::new(0),
            at_most: AtomicU64::new(0),
            deviations: AtomicU64::new(0),
            percentage_endpoints: AtomicU32::new(0),
            percentage_requests: AtomicU32::new(0),
            percentage: AtomicU64::new(0),
        };
        thresholds.update(spec);
        thresholds
    }

    /// Each by itself: a decision that falls between two stores is right by the old or the new of each.
    pub(super) fn update(&self, spec: &EjectionSpec) {
        self.consecutive.store(spec.consecutive_failures.map_or(0, NonZeroU32::get), Relaxed);
        self.duration.store(nanos(spec.duration), Relaxed);
        self.max_duration.store(nanos(spec.max_duration), Relaxed);
        self.sweep.store(nanos(spec.sweep), Relaxed);
        self.at_most.store(spec.at_most.get().to_bits(), Relaxed);
        let rate =
            spec.success_rate.unwrap_or(SuccessRate { deviations: f64::NAN, ..SuccessRate::default() });
        self.minimum_endpoints.store(rate.minimum_endpoints, Relaxed);
        self.minimum_requests.store(rate.minimum_requests, Relaxed);
        self.deviations.store(rate.deviations.to_bits(), Relaxed);
        let percentage = spec.failure_percentage.unwrap_or_default();
        self.percentage_endpoints.store(percentage.minimum_endpoints, Relaxed);
        self.percentage_requests.store(percentage.minimum_requests, Relaxed);
        let threshold = spec.failure_percentage.map_or(f64::NAN, |percentage| percentage.threshold.get());
        self.percentage.store(threshold.to_bits(), Relaxed);
    }

    pub(super) fn spec(&self) -> EjectionSpec {
        EjectionSpec {
            consecutive_failures: NonZeroU32::new(self.consecutive.load(Relaxed)),
            duration: Duration::from_nanos(self.duration.load(Relaxed)),
            max_duration: Duration::from_nanos(self.max_duration.load(Relaxed)),
            at_most: Ratio::try_from(f64::from_bits(self.at_most.load(Relaxed))).unwrap_or(Ratio::ONE),
            sweep: Duration::from_nanos(self.sweep.load(Relaxed)),
            success_rate: self.success_rate(),
            failure_percentage: self.failure_percentage(),
        }
    }

    /// Returns whether so many failures in a row are too many.
    #[inline]
    pub(super) fn too_many(&self, streak: u32) -> bool {
        let limit = self.consecutive.load(Relaxed);
        limit != 0 && streak >= limit
    }

    /// How many of `endpoints` may be out at once: the part allowed, but one in any case, and never all.
    pub(super) fn may_be_out(&self, endpoints: u32) -> u32 {
        // 29 % of 100 is 28.999… in binary.
        let part = f64::from_bits(self.at_most.load(Relaxed)) * f64::from(endpoints) + 1e-9;
        (part as u32).max(1).min(endpoints.saturating_sub(1))
    }

    /// How long the ejection of this number lasts, before jitter.
    pub(super) fn time_out(&self, times: u32) -> u64 {
        self.duration.load(Relaxed).saturating_mul(times.into()).min(self.max_duration.load(Relaxed))
    }

    /// The number of the ejection after this many. It stops one step above the longest time, as Envoy's multiplier
    /// does: good conduct then takes effect one sweep later.
    pub(super) fn further(&self, times: u32) -> u32 {
        let (base, longest) = (self.duration.load(Relaxed), self.max_duration.load(Relaxed));
        if base.saturating_mul(times.into()) < longest.saturating_add(base) { times + 1 } else { times }
    }

    /// Nanoseconds between two sweeps, at least one.
    pub(super) fn sweep(&self) -> u64 {
        self.sweep.load(Relaxed).max(1)
    }

    pub(super) fn success_rate(&self) -> Option<SuccessRate> {
        let deviations = f64::from_bits(self.deviations.load(Relaxed));
        (!deviations.is_nan()).then(|| SuccessRate {
            deviations,
            minimum_endpoints: self.minimum_endpoints.load(Relaxed),
            minimum_requests: self.minimum_requests.load(Relaxed),
        })
    }

    pub(super) fn failure_percentage(&self) -> Option<FailurePercentage> {
        let threshold = Ratio::try_from(f64::from_bits(self.percentage.load(Relaxed))).ok()?;
        Some(FailurePercentage {
            threshold,
            minimum_endpoints: self.percentage_endpoints.load(Relaxed),
            minimum_requests: self.percentage_requests.load(Relaxed),
        })
    }
}
