//! How long what is ready to run on a worker waits for its turn.
//!
//! A timer that fires late has stood in the same line as every request of this worker: its lateness is the run queue's
//! delay, found without a clock read per request.

use crate::{metrics::Metrics, snapshot::Snapshot};
use plimsoll::telemetry::Histogram;
use std::{cell::Cell, time::Duration};

/// How often a worker feels its pulse. Shedding looks at intervals of 100 ms unless told otherwise.
pub(super) const PULSE: Duration = Duration::from_millis(100);

/// So many pulses in a row must be late: one alone may be the system's doing, which had another thread on the processor.
const IN_A_ROW: usize = 3;

#[derive(Debug)]
pub(super) struct Lag {
    histogram: Histogram,
    last: Cell<[Duration; IN_A_ROW]>,
}

impl Lag {
    pub(super) fn new(metrics: &Metrics, worker: usize) -> Self {
        Self { histogram: metrics.lag(worker), last: Cell::default() }
    }

    /// The pulse came late by this much.
    ///
    /// Shedding goes by the least delay of an interval. Where a bulkhead tells it of each call's wait, a prompt pulse
    /// would hide that calls are standing in that line, so only late ones are passed on.
    pub(super) fn felt(&self, late: Duration, snapshot: &Snapshot) {
        self.histogram.record_duration(late);
        let standing = self.standing(late);
        for policy in snapshot.policies.values() {
            let spec = policy.spec();
            if spec.shed.is_some_and(|shed| spec.bulkhead.is_none() || standing > shed.target) {
                // On the policy's own clock, which need not be the worker's.
                policy.queue_delay(policy.driver().time().now(), standing);
            }
        }
    }

    /// By how much every one of the last pulses was late.
    fn standing(&self, late: Duration) -> Duration {
        let mut last = self.last.get();
        last.rotate_left(1);
        last[IN_A_ROW - 1] = late;
        self.last.set(last);
        last.into_iter().min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_pulse_is_no_standing_queue() {
        let metrics = Metrics::new(1).unwrap();
        let lag = Lag::new(&metrics, 0);
        let standing =
            [0, 90, 1, 40, 30, 20, 50, 0].map(|late| lag.standing(Duration::from_millis(late)).as_millis());
        assert_eq!(standing, [0, 0, 0, 1, 1, 20, 20, 0]);
    }
}
