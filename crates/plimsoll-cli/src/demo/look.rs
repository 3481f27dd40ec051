//! Samples of both sides while they run.

use super::{
    plan::REPLICAS,
    side::Side,
    tally::{Counts, percentile},
};
use plimsoll_gateway::plimsoll::{policy::BreakerState, telemetry::PolicyCounts};
use std::{collections::VecDeque, time::Duration};

/// The span of time that "now" covers.
const RECENT: Duration = Duration::from_secs(2);

/// The state of a side at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// From the beginning.
    pub(super) counts: Counts,
    pub(super) recent: Recent,
    /// The gateway's own counts.
    pub(super) policy: PolicyCounts,
    /// The breaker's state; `None` without a breaker.
    pub(super) breaker: Option<BreakerState>,
    pub(super) ejections: u64,
    /// The remaining ejection of each replica.
    pub(super) ejected_for: [Option<Duration>; REPLICAS],
    /// Whether the health checks call each replica unhealthy.
    pub(super) unhealthy: [bool; REPLICAS],
}

impl Look {
    /// Attempts for each call.
    pub(super) fn amplification(&self) -> f64 {
        if self.policy.calls == 0 { 1.0 } else { self.policy.attempts() as f64 / self.policy.calls as f64 }
    }
}

/// The figures of the latest span.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recent {
    /// Good responses a second.
    pub(super) goodput: f64,
    /// The part of the ended requests without a good response.
    pub(super) bad: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// Each replica's part of the good responses.
    pub(super) shares: [f64; REPLICAS],
}

/// The samples of one side over time.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    past: VecDeque<(Duration, Counts)>,
}

impl Sampler {
    /// Takes a sample at `elapsed` after the beginning.
    pub(super) fn look(&mut self, side: &Side, elapsed: Duration) -> Look {
        while self.past.len() > 1 && self.past[1].0 + RECENT <= elapsed {
            self.past.pop_front();
        }
        let (since, earlier) = self.past.front().copied().unwrap_or_default();
        let (counts, latencies) = side.tally.latencies(earlier.good() as usize);
        self.past.push_back((elapsed, counts));
        let mut look = Look {
            counts,
            recent: recent(counts.since(&earlier), latencies, elapsed.saturating_sub(since)),
            ..Look::default()
        };
        for policy in side.gateway.policies() {
            // One policy carries all the load; others have counted nothing.
            if policy.counts.calls > 0 || look.breaker.is_none() {
                look.policy = policy.counts;
                look.breaker = policy.machines.breaker.map(|breaker| breaker.state);
            }
        }
        for upstream in side.gateway.upstreams() {
            look.ejections += upstream.ejections;
            for (at, endpoint) in upstream.endpoints.iter().enumerate().take(REPLICAS) {
                look.ejected_for[at] = endpoint.ejected_for;
                look.unhealthy[at] = !endpoint.healthy;
            }
        }
        look
    }
}

fn recent(counts: Counts, mut latencies: Vec<Duration>, length: Duration) -> Recent {
    latencies.sort_unstable();
    let (good, ended) = (counts.good() as f64, (counts.good() + counts.bad()) as f64);
    let part = |of: f64, all: f64| if all > 0.0 { of / all } else { 0.0 };
    Recent {
        goodput: part(good, length.as_secs_f64()),
        bad: part(counts.bad() as f64, ended),
        p50: percentile(&latencies, 0.5),
        p99: percentile(&latencies, 0.99),
        shares: counts.good_of.map(|of| part(of as f64, good)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_figures_are_of_what_came_between() {
        let counts = Counts { sent: 12, failed: 1, lost: 1, good_of: [6, 0, 2] };
        let latencies = (1..=8).rev().map(Duration::from_millis).collect();
        let recent = recent(counts, latencies, Duration::from_secs(2));
        assert!((recent.goodput - 4.0).abs() < 1e-9 && (recent.bad - 0.2).abs() < 1e-9);
        assert_eq!((recent.p50, recent.p99), (Duration::from_millis(4), Duration::from_millis(8)));
        assert_eq!(recent.shares.map(|share| (share * 100.0) as u32), [75, 0, 25]);
    }

    #[test]
    fn nothing_at_all_is_no_fault() {
        let recent = recent(Counts::default(), Vec::new(), Duration::ZERO);
        assert!([recent.goodput, recent.bad].iter().chain(&recent.shares).all(|figure| figure.abs() < 1e-9));
        assert!((Look::default().amplification() - 1.0).abs() < 1e-9);
    }
}
