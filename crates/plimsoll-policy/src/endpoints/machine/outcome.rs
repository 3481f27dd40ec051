use super::Endpoints;
use crate::{Draw, Instant, Outcome, ejection::EjectionDecision, endpoints::Pick};
use std::time::Duration;

impl Endpoints {
    /// Reports an attempt's outcome as soon as it is known: at the response's head, `took` after the attempt was sent, or
    /// at its failure. Call it once for each pick; `draw` spreads the time of an ejection.
    ///
    /// A success counts with its latency. A failure counts against the endpoint, and as a
    /// [high](crate::balance::FAILURE_LATENCY) latency however fast it came; so does `Throttled` for the latency.
    /// `Cancelled` can raise the latency estimate, since the attempt would have taken longer still; `Caller` and `Local`
    /// say nothing.
    ///
    /// The returned decision has taken effect already; it is for the log and for metrics.
    #[inline]
    pub fn settle(
        &self,
        pick: &Pick,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
        took: Duration,
    ) -> Option<EjectionDecision> {
        self.balancer.settle(pick.endpoint, now, outcome, took);
        self.ejector.as_ref()?.settle(pick.endpoint, now, draw, outcome)
    }

    /// Reports a good head whose outcome follows in trailers, as gRPC's does: the request and its latency count, but the run
    /// of consecutive failures does not end. [`Self::settle_late`] follows, also with a success.
    #[inline]
    pub fn settle_provisional(
        &self,
        pick: &Pick,
        now: Instant,
        draw: Draw,
        took: Duration,
    ) -> Option<EjectionDecision> {
        self.balancer.settle(pick.endpoint, now, Outcome::Success, took);
        self.ejector.as_ref()?.settle_provisional(pick.endpoint, now, draw)
    }

    /// Records the outcome after a good head. A failure replaces the success that was counted; other outcomes add nothing
    /// to the head's.
    ///
    /// Report `Success` only after a [provisional](Self::settle_provisional) head, which does not end the run of failures.
    /// After an ordinary head it would hide failures that came during a long body.
    #[inline]
    pub fn settle_late(
        &self,
        pick: &Pick,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
    ) -> Option<EjectionDecision> {
        if matches!(outcome, Outcome::Failure(_) | Outcome::Throttled) {
            self.balancer.settle(pick.endpoint, now, outcome, Duration::ZERO);
        }
        self.ejector.as_ref()?.settle_late(pick.endpoint, now, draw, outcome)
    }

    /// Ends the attempt's time in flight: at the end of the body, or when the attempt is over. Call it once for each pick, on
    /// the set that made it.
    #[inline]
    pub fn release(&self, pick: Pick) {
        self.balancer.release(pick.endpoint);
    }
}
