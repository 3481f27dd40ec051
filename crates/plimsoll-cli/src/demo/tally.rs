//! Counts of the requests of one side, by outcome.

use super::plan::REPLICAS;
use parking_lot::{Mutex, MutexGuard};
use std::time::Duration;

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestOutcome {
    /// With 200, from this replica.
    Good(usize),
    /// With anything else.
    Failed,
    /// Not at all: the connection broke, or nothing came for too long.
    Lost,
}

/// So many requests.
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

/// Written by the load, read by whoever shows it.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    counts: Counts,
    /// Of good responses, in the order in which they came. Bounded by the rate and the longest run.
    latencies: Vec<Duration>,
}

impl Tally {
    /// A request is on its way.
    pub(super) fn sent(&self) {
        self.lock().counts.sent += 1;
    }

    /// It ended so, `took` after it was due.
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

    /// The counts, and the latencies of good responses from the `from`th on.
    pub(super) fn latencies(&self, from: usize) -> (Counts, Vec<Duration>) {
        let record = self.lock();
        (record.counts, record.latencies.get(from..).unwrap_or_default().to_vec())
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock()
    }
}

/// The least of the sorted `values` that `part` of them do not exceed (nearest rank); zero where there are none.
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
