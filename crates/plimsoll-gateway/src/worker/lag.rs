//! How long what is ready to run on a worker waits for its turn.
//!
//! A timer that fires late has stood in the same line as every request of this worker: its lateness is the run queue's
//! delay, found without a clock read per request.

use crate::{metrics::Metrics, snapshot::Snapshot};
use plimsoll::{telemetry::Histogram, tower::driver::now};
use std::time::Duration;

/// How often a worker feels its pulse. Shedding looks at intervals of 100 ms unless told otherwise.
pub(super) const PULSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Lag {
    histogram: Histogram,
}

impl Lag {
    pub(super) fn new(metrics: &Metrics, worker: usize) -> Self {
        Self { histogram: metrics.lag(worker) }
    }

    /// The pulse came late by this much.
    ///
    /// Shedding goes by the least delay of an interval. Where a bulkhead tells it of each call's wait, a prompt pulse
    /// would hide that calls are standing in that line, so only a late one is passed on.
    pub(super) fn felt(&self, late: Duration, snapshot: &Snapshot) {
        self.histogram.record_duration(late);
        let now = now();
        for policy in snapshot.policies.values() {
            let spec = policy.spec();
            if spec.shed.is_some_and(|shed| spec.bulkhead.is_none() || late > shed.target) {
                policy.queue_delay(now, late);
            }
        }
    }
}
