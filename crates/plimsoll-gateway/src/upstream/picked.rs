use super::{Endpoint, Upstream, notices::Failed};
use crate::why::Why;
use http::StatusCode;
use plimsoll::{
    http::ProblemId,
    policy::{Draw, Instant, Outcome, Settlement, ejection::EjectionDecision, endpoints::Pick},
};
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// An endpoint that was chosen for an attempt. Dropped, it is in flight no more; an attempt that was not settled
/// by then was cancelled, which tells nothing of the endpoint.
pub(crate) struct Picked {
    upstream: Arc<Upstream>,
    pick: Pick,
    began: Instant,
    /// For the jitter of an ejection.
    draw: Draw,
    stage: Stage,
}

/// How much has been said of the attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unjudged,
    /// A good head: a failure may follow.
    Good,
    /// A good head whose final outcome follows.
    Provisional,
    Final,
}

impl Picked {
    pub(super) fn new(upstream: Arc<Upstream>, pick: Pick, now: Instant, draw: Draw) -> Self {
        Self { upstream, pick, began: now, draw: draw.split(), stage: Stage::Unjudged }
    }

    /// Its index in the upstream.
    pub(crate) fn index(&self) -> u32 {
        self.pick.endpoint()
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.upstream.endpoints[self.pick.endpoint() as usize]
    }

    /// The settlement, at the response's head or at the failure, after `took` of the endpoint's own time. Only the first counts.
    pub(crate) fn settle(&mut self, now: Instant, settlement: &Settlement, took: Duration) {
        if self.stage != Stage::Unjudged {
            return;
        }
        let choice = &self.upstream.choice;
        let (stage, decision) = match settlement.outcome {
            Outcome::Success if settlement.provisional => {
                (Stage::Provisional, choice.settle_provisional(&self.pick, now, self.draw, took))
            }
            outcome => {
                let stage = if outcome == Outcome::Success { Stage::Good } else { Stage::Final };
                (stage, choice.settle(&self.pick, now, self.draw, outcome, took))
            }
        };
        self.stage = stage;
        self.endpoint().metrics.attempted(settlement.outcome);
        self.report(decision, now);
    }

    /// Says in the log why the attempt failed, or could not be made; `id` is what the client's request is known by.
    #[cold]
    pub(crate) fn failed(
        &self,
        why: Why,
        status: Option<StatusCode>,
        error: Option<&(dyn Error + 'static)>,
        id: ProblemId,
        now: Instant,
    ) {
        let failed = Failed { endpoint: Arc::clone(self.endpoint()), why, status, id };
        self.upstream.notices.failed(failed, error, now);
    }

    /// The machine ended the attempt so.
    pub(crate) fn abort(&mut self, now: Instant, outcome: Outcome) {
        self.settle(now, &Settlement { outcome, ..Settlement::SUCCESS }, now.since(self.began));
    }

    /// Settles the outcome after the head. After an ordinary head only the first failure counts; a success does not.
    pub(crate) fn settle_late(&mut self, now: Instant, outcome: Outcome) {
        let news = match self.stage {
            Stage::Unjudged => return self.abort(now, outcome),
            Stage::Good => outcome != Outcome::Success,
            Stage::Provisional => true,
            Stage::Final => false,
        };
        if news {
            self.stage = Stage::Final;
            if matches!(outcome, Outcome::Failure(_)) {
                self.endpoint().metrics.bodies_failed.inc();
            }
            self.report(self.upstream.choice.settle_late(&self.pick, now, self.draw, outcome), now);
        }
    }

    fn report(&self, decision: Option<EjectionDecision>, now: Instant) {
        if let Some(decision) = decision {
            self.upstream.ejection(decision, now);
        }
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.upstream.choice.release(self.pick);
    }
}

impl fmt::Debug for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picked({})", self.endpoint().address)
    }
}
