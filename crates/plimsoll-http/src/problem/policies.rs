//! The problems of policies' rejections and timeouts: the only place of this mapping.

use super::{Kind, Problem};
use plimsoll_policy::{Failure, Limit, Machine, Reason, RejectedError};

impl From<RejectedError> for Problem {
    fn from(rejected: RejectedError) -> Self {
        let kind = match (rejected.by, rejected.reason) {
            (_, Reason::Isolated) => Kind::Isolated,
            (_, Reason::DeadlineExceeded) => Kind::DeadlineExceeded,
            (_, Reason::NoEndpoint) => Kind::NoEndpoint,
            (Machine::RateLimit, _) => Kind::RateLimited,
            (Machine::Breaker, _) => Kind::CircuitOpen,
            (Machine::Bulkhead, _) => Kind::BulkheadFull,
            (Machine::Concurrency, _) => Kind::ConcurrencyLimited,
            (Machine::Throttle, _) => Kind::Throttled,
            _ => Kind::Overloaded,
        };
        let problem = Self::new(kind);
        rejected.retry_after.map_or_else(|| Self::new(kind), |wait| problem.after(wait))
    }
}

impl From<Limit> for Problem {
    fn from(limit: Limit) -> Self {
        Self::new(match limit {
            Limit::Total => Kind::DeadlineExceeded,
            Limit::Connect | Limit::Tls | Limit::FirstByte | Limit::Attempt | Limit::Idle => {
                Kind::AttemptTimeout
            }
        })
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::new(match failure {
            Failure::Connect => Kind::UpstreamUnreachable,
            Failure::Timeout => Kind::AttemptTimeout,
            Failure::Broken | Failure::Response => Kind::UpstreamBroken,
        })
    }
}

/// The problem of a layer's rejection or timeout, or of the inner service's error.
impl<E: Into<Self>> From<plimsoll_tower::Error<E>> for Problem {
    fn from(error: plimsoll_tower::Error<E>) -> Self {
        match error {
            plimsoll_tower::Error::Rejected(rejected) => rejected.into(),
            plimsoll_tower::Error::TimedOut(limit) => limit.into(),
            plimsoll_tower::Error::Inner(inner) => inner.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn rejections_keep_their_hint() {
        let rejected =
            RejectedError::new(Machine::Breaker, Reason::CircuitOpen).after(Duration::from_secs(3));
        let problem = Problem::from(rejected);
        assert_eq!(
            (problem.kind(), problem.retry_after()),
            (Kind::CircuitOpen, Some(Duration::from_secs(3)))
        );
    }

    #[test]
    fn every_rejection_has_a_kind_of_its_machine() {
        for (machine, reason, kind) in [
            (Machine::RateLimit, Reason::RateExceeded, Kind::RateLimited),
            (Machine::RateLimit, Reason::QueueFull, Kind::RateLimited),
            (Machine::Breaker, Reason::ProbesTaken, Kind::CircuitOpen),
            (Machine::Breaker, Reason::Isolated, Kind::Isolated),
            (Machine::Bulkhead, Reason::WaitTimedOut, Kind::BulkheadFull),
            (Machine::Shed, Reason::Overloaded, Kind::Overloaded),
            (Machine::Throttle, Reason::Throttled, Kind::Throttled),
            (Machine::Deadline, Reason::DeadlineExceeded, Kind::DeadlineExceeded),
            (Machine::Balance, Reason::NoEndpoint, Kind::NoEndpoint),
        ] {
            assert_eq!(Problem::from(RejectedError::new(machine, reason)).kind(), kind);
        }
    }
}
