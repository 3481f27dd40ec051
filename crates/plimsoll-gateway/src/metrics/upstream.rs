use crate::spec::Address;
use plimsoll::{
    policy::{
        Failure, Outcome,
        ejection::{EjectionReason, WithheldBecause},
    },
    telemetry::{Counter, CounterFamily, UpDown},
};
use std::sync::Arc;

/// The metrics of an upstream.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamMetrics {
    pub(crate) connected: Counter,
    pub(crate) connect_failed: Counter,
    pub(crate) idle: UpDown,
    pub(super) attempts: CounterFamily<3>,
    pub(super) bodies: CounterFamily<2>,
    pub(super) ejections: Arc<[Counter; EjectionReason::ALL.len()]>,
    pub(super) withheld: Arc<[Counter; WithheldBecause::ALL.len()]>,
}

impl UpstreamMetrics {
    /// Returns the metrics of one endpoint.
    pub(crate) fn endpoint(&self, upstream: &str, address: &Address) -> EndpointMetrics {
        let address = address.to_string();
        EndpointMetrics {
            attempts: OUTCOMES.map(|outcome| self.attempts.with(&[upstream, &address, outcome])),
            bodies_failed: self.bodies.with(&[upstream, &address]),
        }
    }

    pub(crate) fn ejected(&self, reason: EjectionReason) {
        self.ejections[reason as usize].inc();
    }

    /// Ejections so far, whatever the reason.
    pub(crate) fn ejected_in_all(&self) -> u64 {
        self.ejections.iter().map(Counter::get).sum()
    }

    pub(crate) fn withheld(&self, because: WithheldBecause) {
        self.withheld[because as usize].inc();
    }

    /// How often an ejection was withheld, by what forbade it.
    pub(crate) fn withheld_so_far(&self) -> impl Iterator<Item = (WithheldBecause, u64)> {
        WithheldBecause::ALL.into_iter().map(|because| (because, self.withheld[because as usize].get()))
    }
}

/// The outcomes of an attempt, in the order of [`EndpointMetrics::attempted`].
const OUTCOMES: [&str; 6] = ["success", "connect-failed", "broken", "timed-out", "failure-answered", "other"];

/// The metrics of an endpoint.
#[derive(Debug)]
pub(crate) struct EndpointMetrics {
    attempts: [Counter; OUTCOMES.len()],
    pub(crate) bodies_failed: Counter,
}

impl EndpointMetrics {
    /// This came of an attempt, as far as the head of the response. What tells nothing of the endpoint is `other`: cancelled,
    /// throttled, the client's fault, or our own lack.
    pub(crate) fn attempted(&self, outcome: Outcome) {
        let at = match outcome {
            Outcome::Success => 0,
            Outcome::Failure(Failure::Connect) => 1,
            Outcome::Failure(Failure::Broken) => 2,
            Outcome::Failure(Failure::Timeout) => 3,
            Outcome::Failure(Failure::Response) => 4,
            _ => 5,
        };
        self.attempts[at].inc();
    }
}
