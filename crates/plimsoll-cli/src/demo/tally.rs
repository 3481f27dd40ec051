//! Counts of the requests of one side, by outcome.

use super::plan::REPLICAS;
use parking_lot::{Mutex, MutexGuard};
use std::time::Duration;

/// The outcome of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestOutcome {
    /// A 200 of this replica.
    Good(usize),
    /// Any other response.
    Failed,
    /// No response: the connection broke, or the timeout passed.
    Lost,
}

/// Counts of requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    /// Good responses, by replica.
    pub(super) good_of: [u64; REPLICAS],
}

impl Counts {
    pub(super) fn good(&self) -> u64 {
        self.good_of.iter().sum()
    }

    /// Requests without a good response: failed or lost.
    pub(super) const fn bad(&self) -> u64 {
        self.failed + self.lost
    }

    /// Returns the difference to an earlier count.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self {
            sent: self.sent - earlier.sent,
            failed: self.failed - earlier.failed,
            lost: self.lost - earlier.lost,
            good_of: std::array::from_fn(|at| self.good_of[at] - earlier.good_of[at]),
        }
    }
}

/// The counts of a side, written by the load and read by the display.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    counts: Counts,
    /// The latencies of good responses, in order of arrival. Bounded by the rate and the longest run.
    latencies: Vec<Duration>,
}

impl Tally {
    /// Counts a sent request.
    pub(super) fn sent(&self) {
        self.lock().counts.sent += 1;
    }

    /// Counts the end of a request, `took` after it was due.
    pub(super) fn ended(&self, outcome: RequestOutcome, took: Duration) {
        let mut record = self.lock();
        match outcome {
            RequestOutcome::Good(replica) => {
                record.counts.good_of[replica] += 1;
                record.latencies.push(took);
            }
            RequestOutcome::Failed => record.counts.failed += 1,
            RequestOutcome::Lost => record.counts.lost += 1,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Returns the counts, and the latencies of good responses from the `from`th on.
    pub(super) fn latencies(&self, from: usize) -> (Counts, Vec<Duration>) {
        let record = self.lock();
        (record.counts, record.latencies.get(from..).unwrap_or_default().to_vec())
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock()
    }
}

/// Returns the quantile `part` of the sorted `values` (nearest rank); zero if there are none.
pub(super) fn percentile(values: &[Duration], part: f64) -> Duration {
    let rank = (part * values.len() as f64).ceil() as usize;
    values.get(rank.clamp(1, values.len().max(1)) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<_> = (1..=200).map(ms).collect();
        assert_eq!(percentile(&values, 0.5), ms(100));
        assert_eq!(percentile(&values, 0.99), ms(198));
        assert_eq!(percentile(&values, 0.999), ms(200));
        assert_eq!((percentile(&values, 0.0), percentile(&values, 1.0)), (ms(1), ms(200)));
        assert_eq!((percentile(&[ms(7)], 0.5), percentile(&[], 0.5)), (ms(7), Duration::ZERO));
    }

    #[test]
    fn every_request_is_in_one_place() {
        let tally = Tally::default();
        let outcomes =
            [RequestOutcome::Good(0), RequestOutcome::Good(2), RequestOutcome::Failed, RequestOutcome::Lost];
        for outcome in outcomes {
            tally.sent();
            tally.ended(outcome, ms(3));
        }
        tally.sent();
        let (counts, latencies) = tally.latencies(0);
        assert_eq!(counts, Counts { sent: 5, failed: 1, lost: 1, good_of: [1, 0, 1] });
        assert_eq!((counts.good(), counts.bad()), (2, 2));
        assert_eq!(latencies, [ms(3), ms(3)]);
        assert_eq!(tally.latencies(1).1.len(), 1);
        assert_eq!(tally.latencies(9).1, []);
        assert_eq!(counts.since(&counts), Counts::default());
    }
}
