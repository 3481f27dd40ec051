use super::{Endpoint, Upstream};
use plimsoll::{Draw, Instant, Outcome, Settlement, balance::Pick};
use std::{fmt, sync::Arc, time::Duration};

/// An endpoint that was chosen for an attempt. It hears the verdict when that is known; dropped, the attempt is over.
pub(crate) struct Picked {
    upstream: Arc<Upstream>,
    pick: Pick,
    began: Instant,
    /// For the jitter of an ejection.
    draw: Draw,
    ended: Option<Ended>,
}

#[derive(Clone, Copy)]
struct Ended {
    at: Instant,
    outcome: Outcome,
    took: Duration,
}

impl Picked {
    pub(super) fn new(upstream: Arc<Upstream>, pick: Pick, now: Instant, draw: Draw) -> Self {
        Self { upstream, pick, began: now, draw: draw.split(), ended: None }
    }

    /// Its index in the upstream.
    pub(crate) fn index(&self) -> u32 {
        self.pick.endpoint()
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.upstream.endpoints[self.pick.endpoint() as usize]
    }

    /// The verdict: at the response's head, or at the failure. The first counts.
    pub(crate) fn judge(&mut self, now: Instant, settlement: &Settlement) {
        let outcome = settlement.outcome;
        self.ended.get_or_insert(Ended { at: now, outcome, took: now.since(self.began) });
    }

    /// The end of the body: can only add a failure.
    pub(crate) fn judge_late(&mut self, now: Instant, outcome: Outcome) {
        if outcome.is_failure()
            && let Some(ended) = &mut self.ended
        {
            *ended = Ended { at: now, outcome, ..*ended };
        }
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        let Ended { at, outcome, took } =
            self.ended.unwrap_or(Ended { at: self.began, outcome: Outcome::Cancelled, took: Duration::ZERO });
        self.upstream.balancer.settle(self.pick, at, outcome, took);
        if let Some(ejector) = &self.upstream.ejector
            && let Some(verdict) = ejector.settle(self.pick.endpoint(), at, self.draw, outcome)
        {
            self.upstream.ejection(verdict);
        }
    }
}

impl fmt::Debug for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picked({})", self.endpoint().address)
    }
}
